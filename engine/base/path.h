/*
 * engine/base/path.h - do two names mean one file? For commands that must not write over what they
 * read, nor write two things into one place.
 */
#ifndef ASSAY_BASE_PATH_H
#define ASSAY_BASE_PATH_H

#include <stdbool.h>

/**
 * Do two paths name one regular file, by whatever way or link? Equal names of files that do not
 * exist yet do as well, and "-" (a standard stream) is the same as "-". Devices and pipes are not:
 * /dev/null may be named as often as one likes. Thread: any. Cost: two system calls.
 */
bool assay_path_same(const char *a, const char *b);

#endif
