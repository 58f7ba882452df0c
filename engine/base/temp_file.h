/*
 * engine/base/temp_file.h - a file without a name: it is gone with the process, however that ends.
 *
 * Room is reserved before it is written, so that a full disk is an answer at that moment and never
 * a signal later.
 */
#ifndef ASSAY_BASE_TEMP_FILE_H
#define ASSAY_BASE_TEMP_FILE_H

#include "engine/base/status.h"

#include <stdint.h>

/**
 * Make an empty file in a folder. Nothing is to be seen of it there.
 *
 * @param[out] fd open for reading and writing; the caller's, close().
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_IO the folder is none, or cannot be written: @p err says so.
 * Thread: any.
 */
ASSAY_MUST_CHECK enum assay_status assay_temp_file_open(int *fd, const char *folder,
                                                        struct assay_err *err);
/** Give [at, at + bytes) blocks on the disk. @return 0, or the errno: ENOSPC for a full disk.
 * Thread: any. Cost: a system call. */
int assay_temp_file_reserve(int fd, uint64_t at, size_t bytes);
/** Write all of it. @return 0 or the errno. Thread: any. Cost: a system call or more. */
int assay_temp_file_write(int fd, uint64_t at, const void *data, size_t bytes);
/** Have the bytes of the file at a place that the caller owns, in whole pages, for reading. What
 * was there goes. @return 0 or the errno: then what was there stays. Thread: any. */
int assay_temp_file_map(int fd, uint64_t at, void *place, size_t bytes);

#endif
