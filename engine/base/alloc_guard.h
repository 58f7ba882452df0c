/*
 * engine/base/alloc_guard.h - the promise that a worker's steps allocate nothing, held in test
 * builds.
 *
 * A thread says that from here on it does not allocate; with ASSAY_OWNER_CHECKS (and without
 * sanitizers, which bring an allocator of their own) malloc, calloc and realloc called by our own
 * objects are wrapped at link time and stop the process when it does. Calls inside libraries are
 * not seen. Growing scratch to a new high-water mark is the stated exception (engine/base/arena.h).
 */
#ifndef ASSAY_BASE_ALLOC_GUARD_H
#define ASSAY_BASE_ALLOC_GUARD_H

#include <stdbool.h>

/** Forbid (or allow again) allocating on this thread. @return what held before. Thread: any. */
bool assay_alloc_forbid(bool forbid);
/** May this thread not allocate? Thread: any. */
bool assay_alloc_is_forbidden(void);

#endif
