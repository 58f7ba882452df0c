#include "features/slab.h"

#include "engine/base/assert.h"

#include <string.h>
#include <sys/mman.h>

enum { PIECE_BYTES_MIN = 32, LINE_BYTES = 64 };

/* Class 2k is 32 * 2^k bytes, class 2k + 1 is half as much again. */
static size_t class_bytes(uint32_t class)
{
    const size_t power = (size_t)PIECE_BYTES_MIN << (class / 2);
    return class % 2 == 0 ? power : power + power / 2;
}

static uint32_t class_of(size_t bytes)
{
    uint32_t class = 0;
    if (bytes > PIECE_BYTES_MIN) {
        const uint32_t log = 63U - (uint32_t)__builtin_clzll((bytes - 1) / PIECE_BYTES_MIN);
        class = 2 * log;
    }
    while (class_bytes(class) < bytes) {
        class ++;
    }
    ASSAY_ASSERT(class < ASSAY_SLAB_CLASSES);
    return class;
}

bool assay_slab_init(struct assay_slab *slab, size_t bytes_max)
{
    ASSAY_ASSERT(slab != NULL && bytes_max > 0);
    *slab = (struct assay_slab){.bytes_max = bytes_max};
    void *base = mmap(NULL, bytes_max, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return false;
    }
    /* Keys are met in random order: fewer, larger pages. A kernel without them says no; fine. */
    (void)madvise(base, bytes_max, MADV_HUGEPAGE);
    slab->base = base;
    return true;
}

void assay_slab_fini(struct assay_slab *slab)
{
    if (slab->base != NULL) {
        (void)munmap(slab->base, slab->bytes_max);
        slab->base = NULL;
    }
}

void *assay_slab_alloc(struct assay_slab *slab, size_t bytes)
{
    if (bytes > slab->bytes_max) {
        return NULL;
    }
    const uint32_t class = class_of(bytes);
    const size_t size = class_bytes(class);
    void *piece = slab->free_lists[class];
    if (piece != NULL) {
        memcpy(&slab->free_lists[class], piece, sizeof piece);
    } else {
        if (size % LINE_BYTES == 0) {
            slab->used = (slab->used + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
        }
        if (slab->used > slab->bytes_max || size > slab->bytes_max - slab->used) {
            return NULL;
        }
        piece = slab->base + slab->used;
        slab->used += size;
    }
    slab->live += size;
    return piece;
}

void *assay_slab_alloc_zero(struct assay_slab *slab, size_t bytes)
{
    const size_t size = bytes > slab->bytes_max ? 0 : class_bytes(class_of(bytes));
    if (size != 0 && slab->used <= slab->bytes_max && size <= slab->bytes_max - slab->used) {
        void *fresh = slab->base + slab->used; /* never handed out: as the kernel made it */
        slab->used += size;
        slab->live += size;
        return fresh;
    }
    void *piece = assay_slab_alloc(slab, bytes);
    if (piece != NULL) {
        memset(piece, 0, bytes);
    }
    return piece;
}

void assay_slab_free(struct assay_slab *slab, void *piece, size_t bytes)
{
    if (piece == NULL) {
        return;
    }
    const uint32_t class = class_of(bytes);
    ASSAY_DASSERT(slab->live >= class_bytes(class));
    memcpy(piece, &slab->free_lists[class], sizeof piece);
    slab->free_lists[class] = piece;
    slab->live -= class_bytes(class);
}

size_t assay_slab_fit(size_t bytes)
{
    return class_bytes(class_of(bytes));
}
