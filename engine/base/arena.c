#include "engine/base/arena.h"

#include "engine/base/alloc_guard.h"
#include "engine/base/assert.h"

#include <stdlib.h>

/*
 * Blocks in a list; the newest holds the bump pointer. A rewind walks back and keeps the blocks it
 * leaves as spares, so that a scratch arena stops calling malloc once it has seen its largest
 * batch. Under AddressSanitizer a block is made for every piece, so that an overrun is seen at the
 * byte.
 */

#if defined(__SANITIZE_ADDRESS__)
#define BLOCK_BYTES_MIN 0
#else
#define BLOCK_BYTES_MIN ((size_t)64 << 10)
#endif

enum { ALIGNMENT = 16 };

struct block {
    struct block *older;
    uint64_t number; /* 1 for the oldest: the piece of a mark */
    size_t capacity;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

struct assay_arena {
    size_t bytes_max;
    size_t reserved; /* capacity of all blocks, spares too */
    struct block *newest;
    struct block *spare;
};

struct assay_arena *assay_arena_create(size_t bytes_max)
{
    ASSAY_ASSERT(bytes_max > 0);
    struct assay_arena *arena = calloc(1, sizeof *arena);
    if (arena != NULL) {
        arena->bytes_max = bytes_max;
    }
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *older = block->older;
        free(block);
        block = older;
    }
}

void assay_arena_destroy(struct assay_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    free_blocks(arena->newest);
    free_blocks(arena->spare);
    free(arena);
}

/* A spare block that is large enough, taken out of the list; NULL: none. */
static struct block *take_spare(struct assay_arena *arena, size_t bytes)
{
    for (struct block **at = &arena->spare; *at != NULL; at = &(*at)->older) {
        struct block *block = *at;
        if (block->capacity >= bytes) {
            *at = block->older;
            return block;
        }
    }
    return NULL;
}

static struct block *new_block(struct assay_arena *arena, size_t bytes)
{
    /* Doubling keeps the number of blocks small; the limit wins over comfort. */
    size_t capacity = arena->newest == NULL ? BLOCK_BYTES_MIN : 2 * arena->newest->capacity;
    if (BLOCK_BYTES_MIN == 0 || capacity < bytes || capacity > arena->bytes_max - arena->reserved) {
        capacity = bytes;
    }
    if (capacity > arena->bytes_max - arena->reserved) {
        return NULL;
    }
    const bool forbidden = assay_alloc_forbid(false); /* a new high-water mark: the exception */
    struct block *block = malloc(sizeof *block + capacity);
    (void)assay_alloc_forbid(forbidden);
    if (block != NULL) {
        block->capacity = capacity;
        arena->reserved += capacity;
    }
    return block;
}

void *assay_arena_alloc(struct assay_arena *arena, size_t bytes)
{
    ASSAY_ASSERT(arena != NULL);
    if (bytes > arena->bytes_max) {
        return NULL;
    }
    const size_t rounded = (bytes + (size_t)(ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
    struct block *block = arena->newest;
    if (block == NULL || block->capacity - block->used < rounded) {
        block = take_spare(arena, rounded);
        if (block == NULL) {
            block = new_block(arena, rounded);
        }
        if (block == NULL) {
            return NULL;
        }
        block->used = 0;
        block->number = arena->newest == NULL ? 1 : arena->newest->number + 1;
        block->older = arena->newest;
        arena->newest = block;
    }
    void *piece = block->bytes + block->used;
    block->used += rounded;
    memset(piece, 0, rounded);
    return piece;
}

void *assay_arena_array(struct assay_arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return assay_arena_alloc(arena, bytes);
}

struct assay_str assay_arena_copy(struct assay_arena *arena, struct assay_str text)
{
    char *copy = assay_arena_alloc(arena, (size_t)text.len + 1);
    if (copy == NULL) {
        return (struct assay_str){0};
    }
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return (struct assay_str){.ptr = copy, .len = text.len};
}

struct assay_arena_mark assay_arena_mark(const struct assay_arena *arena)
{
    const struct block *newest = arena->newest;
    return newest == NULL
               ? (struct assay_arena_mark){0}
               : (struct assay_arena_mark){.piece = newest->number, .used = newest->used};
}

void assay_arena_rewind(struct assay_arena *arena, struct assay_arena_mark mark)
{
    while (arena->newest != NULL && arena->newest->number > mark.piece) {
        struct block *block = arena->newest;
        arena->newest = block->older;
#if defined(__SANITIZE_ADDRESS__)
        arena->reserved -= block->capacity;
        free(block);
#else
        block->older = arena->spare;
        arena->spare = block;
#endif
    }
    if (arena->newest == NULL) {
        ASSAY_ASSERT(mark.piece == 0);
        return;
    }
    ASSAY_ASSERT(arena->newest->number == mark.piece);
    ASSAY_ASSERT(mark.used <= arena->newest->used);
#ifdef ASSAY_OWNER_CHECKS
    memset(arena->newest->bytes + mark.used, 0xA5, arena->newest->used - mark.used);
#endif
    arena->newest->used = mark.used;
}

size_t assay_arena_used(const struct assay_arena *arena)
{
    size_t used = 0;
    for (const struct block *block = arena->newest; block != NULL; block = block->older) {
        used += block->used;
    }
    return used;
}
