/*
 * engine/base/writer.h - bytes and JSON into a bounded buffer; what does not fit is counted.
 *
 * The one place that knows how text becomes a JSON string: everything the program prints as JSON
 * goes through here, so that a name with a quote, a path with broken UTF-8 or a control character
 * reads back the same way whoever printed it. Bytes that are not UTF-8 (RFC 3629: no surrogates, no
 * overlong forms) become U+FFFD; other characters beyond ASCII stay as they are.
 */
#ifndef ASSAY_BASE_WRITER_H
#define ASSAY_BASE_WRITER_H

#include "engine/base/str.h"

#include <stddef.h>
#include <stdio.h>

/** used may grow past size: then nothing usable was written, and used is the room needed. */
struct assay_writer {
    char *out;
    size_t size;
    size_t used;
};

/** Bytes as they are. Thread: owner of @p writer. */
void assay_write_bytes(struct assay_writer *writer, const void *data, size_t bytes);
/** NUL-terminated text as it is, without its NUL. Thread: owner of @p writer. */
void assay_write_plain(struct assay_writer *writer, const char *text);

/** A quoted JSON string; null for a null text. Thread: owner of @p writer. */
void assay_write_json_text(struct assay_writer *writer, struct assay_str text);
/** Shortest text that reads back the same; null when not finite. Thread: owner of @p writer. */
void assay_write_json_number(struct assay_writer *writer, double value);
/** Decimal digits. Thread: owner of @p writer. */
void assay_write_json_integer(struct assay_writer *writer, int64_t value);
/** Decimal digits. Thread: owner of @p writer. */
void assay_write_json_unsigned(struct assay_writer *writer, uint64_t value);

/** Print a quoted JSON string; null for a null text. Thread: owner of @p out. */
void assay_print_json_text(struct assay_str text, FILE *out);

/**
 * The inside of a JSON string, as many whole characters of it as fit; for lines of bounded length.
 *
 * @param text not null. @return bytes written to @p out, at most @p size; no NUL. Thread: any.
 */
size_t assay_escape_json_text(struct assay_str text, size_t size, char out[]);

#endif
