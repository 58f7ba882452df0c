/*
 * engine/base/csv.h - RFC 4180 CSV, read record by record in bounded memory, and written.
 *
 * Strict where a guess would change a value: a quote inside an unquoted field, text after a closing
 * quote, a bare carriage return, a NUL byte and an open quote at the end are errors with their
 * place. Lines end in LF or CRLF; the last one may lack its end; a UTF-8 byte order mark at the
 * start is skipped. Every record must have as many fields as the first one.
 */
#ifndef ASSAY_BASE_CSV_H
#define ASSAY_BASE_CSV_H

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/str.h"

#include <stdio.h>

enum { ASSAY_CSV_FIELDS_MAX = 1 << 16 };

/** One field. `text` is unquoted content, never null; "" and an empty cell differ in `quoted`. */
struct assay_csv_field {
    struct assay_str text;
    uint64_t line;   /* 1-based; where the field begins, its opening quote included */
    uint32_t column; /* 1-based, in bytes */
    bool quoted;
};

/** One record. Borrowed until the next call on its reader. */
struct assay_csv_record {
    const struct assay_csv_field *fields;
    uint32_t count;
    uint64_t line; /* 1-based line it begins on */
};

struct assay_csv;

/**
 * Read CSV from memory.
 *
 * @param where            path for messages; must live as long as the reader.
 * @param bytes            the whole text; must live as long as the reader.
 * @param record_bytes_max longest record, in bytes of its fields' contents; at least 1.
 * @return NULL when the arena is full. Owner: the arena. Thread: one at a time.
 */
struct assay_csv *assay_csv_create(struct assay_arena *arena, const char *where,
                                   struct assay_str bytes, size_t record_bytes_max);
/**
 * Read CSV from a stream, a block at a time.
 *
 * @param file open for reading; the caller closes it after the last read.
 * @return, other parameters: as assay_csv_create(). Memory: record_bytes_max and one block.
 */
struct assay_csv *assay_csv_create_file(struct assay_arena *arena, const char *where, FILE *file,
                                        size_t record_bytes_max);

/**
 * Read the next record.
 *
 * @param[out] record written only when ASSAY_OK is returned; borrowed until the next call.
 * @retval ASSAY_OK        a record.
 * @retval ASSAY_E_END     no more records; @p err is untouched.
 * @retval ASSAY_E_FORMAT  not RFC 4180, or another field count than the first record's: @p err
 *                         names where:line:column and the remedy. Reading cannot go on.
 * @retval ASSAY_E_FULL    a record is longer than the limit or has too many fields.
 * @retval ASSAY_E_IO      the stream failed.
 * @retval ASSAY_E_NO_MEMORY the arena is full.
 * Thread: one at a time. Cost: one pass over the record's bytes.
 */
ASSAY_MUST_CHECK enum assay_status assay_csv_next(struct assay_csv *csv,
                                                  struct assay_csv_record *record,
                                                  struct assay_err *err);

/** Must this text be quoted (comma, quote, CR or LF in it)? Thread: any; pure. */
bool assay_csv_needs_quotes(struct assay_str text);
/** Write one field, a comma before it unless it is the first; errors show in ferror(@p out). */
void assay_csv_write(FILE *out, struct assay_str text, bool first);

#endif
