/*
 * engine/runtime/lines.h - a buffered writer of lines to a file or standard output.
 *
 * For what a replay writes: rows and decisions. An error is kept and told by the next check, so
 * that callers write cell by cell without checking each.
 */
#ifndef ASSAY_RUNTIME_LINES_H
#define ASSAY_RUNTIME_LINES_H

#include "engine/base/status.h"
#include "engine/base/str.h"

struct assay_lines;

/**
 * Create or empty a file ("-": standard output).
 *
 * @param path borrowed until close. @retval ASSAY_E_IO, ASSAY_E_NOT_FOUND (a folder is missing),
 * ASSAY_E_NO_MEMORY. Owner: caller, assay_lines_close(). Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_lines_open(struct assay_lines **out, const char *path,
                                                    struct assay_err *err);
/** Add bytes. Errors are kept for assay_lines_check(). */
void assay_lines_add(struct assay_lines *lines, struct assay_str bytes);
/** Room for at most @p bytes (up to 1 MiB), to be confirmed by assay_lines_advance(). */
char *assay_lines_reserve(struct assay_lines *lines, size_t bytes);
/** Confirm bytes written into the reserved room. */
void assay_lines_advance(struct assay_lines *lines, size_t bytes);
/** Has everything so far gone well? @retval ASSAY_E_IO the first failure. */
ASSAY_MUST_CHECK enum assay_status assay_lines_check(const struct assay_lines *lines,
                                                     struct assay_err *err);
/** Hand the buffer to the kernel. @retval ASSAY_E_IO */
ASSAY_MUST_CHECK enum assay_status assay_lines_flush(struct assay_lines *lines,
                                                     struct assay_err *err);
/** Close and free without flushing; NULL is allowed. */
void assay_lines_close(struct assay_lines *lines);

#endif
