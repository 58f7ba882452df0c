/*
 * engine/base/arena.h - memory with one owner and one end of life.
 *
 * Why: start-up builds many small immutable things (definitions, programs, models) that live and
 * die together; a worker needs scratch that is emptied once a batch. Both are a bump pointer. A
 * failed allocation is a status that the caller checks, never an abort.
 *
 * Three builds: blocks from malloc (default); poisoned on rewind when ASSAY_OWNER_CHECKS is on; one
 * malloc a piece under AddressSanitizer, so that an overrun is seen at the byte.
 */
#ifndef ASSAY_BASE_ARENA_H
#define ASSAY_BASE_ARENA_H

#include "engine/base/str.h"

#include <stddef.h>
#include <stdint.h>

struct assay_arena;

/** A place in an arena to go back to. Plain data; void once the arena is rewound before it. */
struct assay_arena_mark {
    uint64_t piece;
    size_t used;
};

/**
 * Make an arena that may hold up to @p bytes_max bytes; it grows by blocks as needed.
 *
 * @return NULL when out of memory. Owner: caller, assay_arena_destroy(). Thread: one at a time.
 */
struct assay_arena *assay_arena_create(size_t bytes_max);
/** Free the arena and everything in it; NULL is allowed. */
void assay_arena_destroy(struct assay_arena *arena);

/**
 * @p bytes of zeroed memory, aligned for any type.
 *
 * @return NULL when the limit or the machine's memory is reached. Lives until rewind or destroy.
 * Thread: the arena's user. Cost: a pointer bump; malloc when a block ends.
 */
void *assay_arena_alloc(struct assay_arena *arena, size_t bytes);
/** @p count items of @p size bytes, zeroed; NULL also when the product overflows. */
void *assay_arena_array(struct assay_arena *arena, size_t count, size_t size);
/** A NUL-terminated copy of @p text in the arena; .ptr is NULL when out of memory. */
struct assay_str assay_arena_copy(struct assay_arena *arena, struct assay_str text);

/** Remember this place. */
struct assay_arena_mark assay_arena_mark(const struct assay_arena *arena);
/** Give back everything allocated after @p mark; blocks are kept for the next use. */
void assay_arena_rewind(struct assay_arena *arena, struct assay_arena_mark mark);
/** Bytes handed out since creation, less what was rewound. */
size_t assay_arena_used(const struct assay_arena *arena);

#endif
