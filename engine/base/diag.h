/*
 * engine/base/diag.h - errors in definitions, collected, placed and printed for people.
 *
 * Why a list: a person who writes forty features wants all mistakes of all files in one run. A
 * diagnostic keeps a byte range of its source file; line, column and caret are derived when it is
 * printed. Codes are stable names that the docs index (docs/errors.md is printed from the table).
 */
#ifndef ASSAY_BASE_DIAG_H
#define ASSAY_BASE_DIAG_H

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/str.h"

#include <stdio.h>

/** One definition file, whole in memory. Immutable; outlives every diagnostic that names it. */
struct assay_text {
    const char *path; /* as the person gave it */
    const char *data; /* NUL-terminated, but may hold NULs before its end */
    size_t len;
};

/** A byte range [begin, end) of a file; text NULL means "no place". */
struct assay_span {
    const struct assay_text *text;
    size_t begin;
    size_t end;
};

/** The stable code of a diagnostic: AS0211 is 211. The table is engine/base/diag_codes.def. */
enum assay_diag_code {
#define X(number, name, summary, help) ASSAY_DIAG_##name = number,
#include "engine/base/diag_codes.def"
#undef X
};

struct assay_diag {
    enum assay_diag_code code;
    struct assay_span span;
    struct assay_str message; /* one clause, e.g. unknown field "amout" of event "payment" */
    struct assay_str hint;    /* e.g. did you mean "amount"?; null when there is none */
};

struct assay_diags;

/**
 * Make an empty list in @p arena that keeps the first @p count_max diagnostics and counts the rest.
 *
 * @return NULL when the arena is full. Owner: the arena. Thread: one at a time.
 */
struct assay_diags *assay_diags_create(struct assay_arena *arena, size_t count_max);
/** Add one; the message is formatted into the list's arena. One that is kept already, to the
 * letter and the place, is not told again. Never fails: beyond count_max one only counts, and where
 * memory has run out the message is "out of memory". */
void assay_diag_add(struct assay_diags *diags, enum assay_diag_code code, struct assay_span span,
                    const char *message, ...) ASSAY_PRINTF(4, 5);
/** Give the newest diagnostic a hint. No-op when that one was not kept. */
void assay_diag_hint(struct assay_diags *diags, const char *hint, ...) ASSAY_PRINTF(2, 3);
/** Diagnostics added, kept or not; 0 means the definitions are good. */
size_t assay_diags_count(const struct assay_diags *diags);
/** The kept ones, sorted by file (order of first mention) and place. @p index < kept count. */
const struct assay_diag *assay_diags_at(const struct assay_diags *diags, size_t index);
/** Diagnostics kept. */
size_t assay_diags_kept(const struct assay_diags *diags);

/** 1-based line and column (in UTF-8 code points) of a byte offset. Thread: any. */
void assay_text_place(const struct assay_text *text, size_t offset, size_t *line, size_t *column);
/**
 * Print all: `path:line:col: error[AS0211]: message (hint)`, the source line and a caret line.
 *
 * Thread: one at a time. Control characters of the source are printed as '?'.
 */
void assay_diags_print(const struct assay_diags *diags, FILE *out);

#endif
