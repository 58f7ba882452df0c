/*
 * engine/base/same_file.h - do two names lead to one file? So that no output overwrites an input.
 */
#ifndef ASSAY_BASE_SAME_FILE_H
#define ASSAY_BASE_SAME_FILE_H

#include <stdbool.h>

/**
 * Do both names mean the same stream or regular file, be it by a link or another spelling?
 *
 * A device (/dev/null) or a pipe by name may be given as often as one likes; "-" may not. Names of
 * files that do not exist are compared as they stand. Thread: any. Cost: two calls of stat(2).
 */
bool assay_same_file(const char *a, const char *b);

#endif
