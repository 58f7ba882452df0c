/*
 * ingest/file.h - JSON lines from a file, plain or zstd, or from standard input.
 *
 * One file is one partition; the offset of a message is its line number from 0. Lines are handed
 * out as they stand in a read buffer of a fixed size; nothing is copied but the piece of a line
 * that a refill cuts. A line longer than the limit is handed out cut (one byte over the limit), so
 * that it ends as a dead letter and the next line is found.
 */
#ifndef ASSAY_INGEST_FILE_H
#define ASSAY_INGEST_FILE_H

#include "ingest/source.h"

struct assay_line_reader;

/**
 * Open a file of lines.
 *
 * @param path  "-" reads standard input; zstd is recognised by its magic number.
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_IO with the reason in @p err; ASSAY_E_NO_MEMORY.
 * Owner: caller, assay_line_reader_close(). Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_line_reader_open(struct assay_line_reader **out,
                                                          const char *path, struct assay_err *err);
/** Close and free; NULL is allowed. */
void assay_line_reader_close(struct assay_line_reader *reader);

/**
 * The next line, without its line feed (a carriage return before it is dropped too). It stays the
 * next line until assay_line_reader_advance().
 *
 * @param[out] line borrowed until assay_line_reader_release().
 * @retval ASSAY_OK     a line.
 * @retval ASSAY_E_FULL the buffer is full of lines still borrowed: release first.
 * @retval ASSAY_E_END  no more lines.
 * @retval ASSAY_E_IO, ASSAY_E_FORMAT reading or decompressing failed: @p err says where.
 */
enum assay_status assay_line_reader_peek(struct assay_line_reader *reader, struct assay_str *line,
                                         struct assay_err *err);
/** Step over the line that the last peek found. */
void assay_line_reader_advance(struct assay_line_reader *reader);
/** Lines stepped over may be overwritten; a line that was only peeked at must be peeked again. */
void assay_line_reader_release(struct assay_line_reader *reader);
/** Bytes of the file read so far and its size (0: unknown), for progress. */
void assay_line_reader_progress(const struct assay_line_reader *reader, uint64_t *done,
                                uint64_t *total);

#endif
