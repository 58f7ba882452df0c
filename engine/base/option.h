/*
 * engine/base/option.h - options of a command line, read, checked and explained from one table.
 *
 * Help, shell completion and man pages are printed from the same rows, so they cannot drift.
 */
#ifndef ASSAY_BASE_OPTION_H
#define ASSAY_BASE_OPTION_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Room for what an option means. */
enum { ASSAY_OPTION_MEANING_BYTES = 256 };

/** Values in the order given; the strings are argv's own. */
struct assay_words {
    const char **items;
    size_t count;
};

enum assay_option_kind {
    ASSAY_OPTION_FLAG,  /* bool */
    ASSAY_OPTION_TEXT,  /* const char * */
    ASSAY_OPTION_COUNT, /* uint64_t within [min, max] */
    ASSAY_OPTION_REAL,  /* double within [min, max] */
    ASSAY_OPTION_WORDS, /* struct assay_words: takes every following word up to the next option */
};

/** One row. The value is stored at @p offset of the command's options. */
struct assay_option {
    const char *name; /* without dashes, e.g. "input" for --input */
    char letter;      /* e.g. 'c' for -c; 0: none */
    enum assay_option_kind kind;
    size_t offset;
    const char *value; /* what the value is called, e.g. "FILE"; NULL for flags */
    const char *text;  /* one clause */
    double min, max;   /* COUNT, REAL; both 0: no limit */
    bool required;
};

/**
 * Read arguments into @p out, which holds the defaults.
 *
 * `--name value`, `--name=value`, `-n value`; `--` ends the options; `-` is a word.
 *
 * @param[in,out] operands items has room for @p argc words; receives those that belong to no
 * option.
 * @retval ASSAY_E_USAGE with the option, the value and the nearest known name in @p err.
 * Owner: nothing is copied; WORDS items are argv's. Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_options_read(const struct assay_option table[],
                                                      size_t count, int argc, const char *argv[],
                                                      void *out, struct assay_words *operands,
                                                      struct assay_err *err);
/** How the option is typed, e.g. `-c, --config DIR`; cut at @p size. @return bytes wanted.
 * Thread: any. */
size_t assay_option_format_name(const struct assay_option *option, size_t size, char out[]);
/**
 * What the option means: text, range, what holds without it or that it is required.
 *
 * @param defaults the command's options as they stand before any is read; NULL: zeroes.
 * @return bytes wanted, without NUL; the text is cut at @p size. Thread: any.
 */
size_t assay_option_format_meaning(const struct assay_option *option, const void *defaults,
                                   size_t size, char out[]);
/** Print the table for people, a line an option. @p defaults as above. Thread: owner of @p out. */
void assay_options_print(const struct assay_option table[], size_t count, const void *defaults,
                         FILE *out);

#endif
