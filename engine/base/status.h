/*
 * engine/base/status.h - how a function says that it could not do what was asked.
 *
 * Every status has a class, so a caller branches on what to do (retry, set the event aside, refuse
 * to start) and not on the cause. The control plane also fills a struct assay_err, which carries
 * what a person needs: what, where, value, what is allowed, and the remedy.
 */
#ifndef ASSAY_BASE_STATUS_H
#define ASSAY_BASE_STATUS_H

#include "engine/base/assert.h"

#include <stddef.h>

enum assay_class {
    ASSAY_CLASS_OK,
    ASSAY_CLASS_RETRY,    /* the same call may succeed later */
    ASSAY_CLASS_INPUT,    /* bad event or file content: count it, set it aside, go on */
    ASSAY_CLASS_CAPACITY, /* a stated limit is reached: shed, with a count */
    ASSAY_CLASS_CONFIG,   /* refuse to start */
    ASSAY_CLASS_IO,       /* the outside world failed */
};

/* name, class. */
#define ASSAY_STATUS_TABLE(X)                                                                      \
    X(OK, OK)                /* ok */                                                              \
    X(E_BUSY, RETRY)         /* busy */                                                            \
    X(E_NOT_FOUND, INPUT)    /* not found */                                                       \
    X(E_FORMAT, INPUT)       /* malformed */                                                       \
    X(E_RANGE, INPUT)        /* out of range */                                                    \
    X(E_MISSING, INPUT)      /* missing */                                                         \
    X(E_UNKNOWN, INPUT)      /* unknown name */                                                    \
    X(E_DUPLICATE, INPUT)    /* duplicate */                                                       \
    X(E_CHECKSUM, INPUT)     /* checksum does not match */                                         \
    X(E_VERSION, INPUT)      /* version not known */                                               \
    X(E_NO_MEMORY, CAPACITY) /* out of memory */                                                   \
    X(E_FULL, CAPACITY)      /* full */                                                            \
    X(E_CONFIG, CONFIG)      /* configuration refused */                                           \
    X(E_MODEL, CONFIG)       /* model refused */                                                   \
    X(E_UNSUPPORTED, CONFIG) /* not built yet */                                                   \
    X(E_USAGE, CONFIG)       /* wrong usage */                                                     \
    X(E_IO, IO)              /* input/output failed */                                             \
    X(E_UNAVAILABLE, IO)     /* service not available */                                           \
    X(E_END, OK)             /* end of input */

enum assay_status {
#define X(name, class) ASSAY_##name,
    ASSAY_STATUS_TABLE(X)
#undef X
        ASSAY_STATUS_END
};

/** What a person needs to mend a failure. Plain data; the caller owns it; empty fields are "". */
struct assay_err {
    enum assay_status status;
    char where[256];   /* file:line:col, path, topic/partition/offset, option name */
    char what[256];    /* one clause: what is wrong */
    char value[128];   /* the offending value */
    char allowed[192]; /* what would be accepted */
    char remedy[256];  /* what to do next */
};

/** Name as in the table, e.g. "E_LATE". Thread: any. Never NULL. */
const char *assay_status_name(enum assay_status status);
/** Class of a status. Thread: any. */
enum assay_class assay_status_class(enum assay_status status);

/**
 * Fill an error: status, place and what is wrong; clears value, allowed and remedy.
 *
 * @param err     may be NULL: then only the status is passed through.
 * @param where   place, may be NULL or "".
 * @return @p status, so that `return assay_err_set(...)` reads well.
 *
 * Thread: any. Texts are cut at their field's size.
 */
enum assay_status assay_err_set(struct assay_err *err, enum assay_status status, const char *where,
                                const char *what, ...) ASSAY_PRINTF(4, 5);
/** Like assay_err_set() with status E_IO (or E_NOT_FOUND for ENOENT) and strerror(@p code) in
 * it. */
enum assay_status assay_err_errno(struct assay_err *err, int code, const char *where,
                                  const char *what, ...) ASSAY_PRINTF(4, 5);
/** Add the offending value. No-op when @p err is NULL. Thread: any. */
void assay_err_value(struct assay_err *err, const char *format, ...) ASSAY_PRINTF(2, 3);
/** Add what would be accepted. No-op when @p err is NULL. Thread: any. */
void assay_err_allowed(struct assay_err *err, const char *format, ...) ASSAY_PRINTF(2, 3);
/** Add what to do next. No-op when @p err is NULL. Thread: any. */
void assay_err_remedy(struct assay_err *err, const char *format, ...) ASSAY_PRINTF(2, 3);

/**
 * One line for people: `where: what: value (allowed); remedy`, empty parts left out.
 *
 * @param size bytes in @p out, at least 1; the text is cut and NUL-terminated.
 * Thread: any.
 */
void assay_err_format(const struct assay_err *err, size_t size, char out[]);

/** sysexits code of a class for the command line: 0, 75, 65, 75, 78, 74. Thread: any. */
int assay_class_exit_code(enum assay_class class);

#endif
