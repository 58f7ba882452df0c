/*
 * engine/cli/show.h - values, times, ages and sizes as a person reads them.
 *
 * What is printed may come from outside (keys, texts): what would steer a terminal is shown as its
 * bytes. All functions write to @p out, which the calling thread owns.
 */
#ifndef ASSAY_CLI_SHOW_H
#define ASSAY_CLI_SHOW_H

#include "features/value.h"

#include <stdio.h>

/** A text, control characters as \xNN. @return the characters. Thread: owner of @p out. */
int assay_show_text(struct assay_str text, FILE *out);
/** Blanks from @p cells up to @p width. Thread: owner of @p out. */
void assay_show_pad(int cells, int width, FILE *out);
/** All digits that tell it apart; @p narrow: as many as fit a column. @return characters. */
int assay_show_number(double number, bool narrow, FILE *out);
/** 2026-03-01T10:00:00.000Z. Thread: owner of @p out. */
void assay_show_time(int64_t time_ms, FILE *out);
/** A value without its state: null, "text", true, 1.5. @return characters. */
int assay_show_value(const struct assay_value *value, FILE *out);
/** The two largest units of a time span that is not negative: 3d 4h. Thread: owner of @p out. */
void assay_show_age(int64_t age_ms, FILE *out);
/** 1,234,567. @return characters. Thread: owner of @p out. */
int assay_show_count(uint64_t count, FILE *out);
/** 812 B, 4.2 KiB. Thread: owner of @p out. */
void assay_show_bytes(uint64_t bytes, FILE *out);

/**
 * A stream that writes to @p text, cut at @p size; the text ends in NUL once it is closed. Without
 * memory for one the program says so and ends: there is nothing that it could show. Thread: any.
 */
FILE *assay_show_open(char *text, size_t size);

/** Name of a state: ok, warming, expired. Thread: any. */
const char *assay_state_name(enum assay_state state);

#endif
