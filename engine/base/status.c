#include "engine/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct status_row {
    const char *name;
    enum assay_class class;
};

static const struct status_row status_table[] = {
#define X(name, class) [ASSAY_##name] = {#name, ASSAY_CLASS_##class},
    ASSAY_STATUS_TABLE(X)
#undef X
};
static_assert(sizeof status_table / sizeof status_table[0] == ASSAY_STATUS_END,
              "table and enum differ");

static const struct status_row *row_of(enum assay_status status)
{
    ASSAY_ASSERT(status < ASSAY_STATUS_END);
    return &status_table[status];
}

const char *assay_status_name(enum assay_status status)
{
    return row_of(status)->name;
}

enum assay_class assay_status_class(enum assay_status status)
{
    return row_of(status)->class;
}

ASSAY_PRINTF(4, 0)
static void begin(struct assay_err *err, enum assay_status status, const char *where,
                  const char *what, va_list args)
{
    *err = (struct assay_err){.status = status};
    (void)snprintf(err->where, sizeof err->where, "%s", where == NULL ? "" : where);
    (void)vsnprintf(err->what, sizeof err->what, what, args);
}

enum assay_status assay_err_set(struct assay_err *err, enum assay_status status, const char *where,
                                const char *what, ...)
{
    ASSAY_ASSERT(status != ASSAY_OK);
    if (err == NULL) {
        return status;
    }
    va_list args;
    va_start(args, what);
    begin(err, status, where, what, args);
    va_end(args);
    return status;
}

enum assay_status assay_err_errno(struct assay_err *err, int code, const char *where,
                                  const char *what, ...)
{
    const enum assay_status status = code == ENOENT ? ASSAY_E_NOT_FOUND : ASSAY_E_IO;
    if (err == NULL) {
        return status;
    }
    va_list args;
    va_start(args, what);
    begin(err, status, where, what, args);
    va_end(args);
    char reason[96] = "";
    const size_t used = strlen(err->what);
    (void)snprintf(err->what + used, sizeof err->what - used, ": %s",
                   strerror_r(code, reason, sizeof reason));
    return status;
}

#define FILL_FIELD(field)                                                                          \
    do {                                                                                           \
        if (err == NULL) {                                                                         \
            return;                                                                                \
        }                                                                                          \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        (void)vsnprintf(err->field, sizeof err->field, format, args);                              \
        va_end(args);                                                                              \
    } while (0)

void assay_err_value(struct assay_err *err, const char *format, ...)
{
    FILL_FIELD(value);
}

void assay_err_allowed(struct assay_err *err, const char *format, ...)
{
    FILL_FIELD(allowed);
}

void assay_err_remedy(struct assay_err *err, const char *format, ...)
{
    FILL_FIELD(remedy);
}

void assay_err_format(const struct assay_err *err, size_t size, char out[])
{
    ASSAY_ASSERT(err != NULL);
    ASSAY_ASSERT(size > 0);
    (void)snprintf(out, size, "%s%s%s%s%s%s%s%s%s%s", err->where, err->where[0] != '\0' ? ": " : "",
                   err->what, err->value[0] != '\0' ? ": " : "", err->value,
                   err->allowed[0] != '\0' ? " (allowed: " : "", err->allowed,
                   err->allowed[0] != '\0' ? ")" : "", err->remedy[0] != '\0' ? "; " : "",
                   err->remedy);
}

int assay_class_exit_code(enum assay_class class)
{
    switch (class) {
    case ASSAY_CLASS_OK:
        return 0;
    case ASSAY_CLASS_RETRY:
    case ASSAY_CLASS_CAPACITY:
        return 75;
    case ASSAY_CLASS_INPUT:
        return 65;
    case ASSAY_CLASS_CONFIG:
        return 78;
    case ASSAY_CLASS_IO:
        return 74;
    }
    return 70;
}
