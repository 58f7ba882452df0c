/*
 * features/slab.h - size-classed memory inside one reserved region.
 *
 * A shard's records and logs live in address space that is reserved once and touched as needed, so
 * that applying an event never calls malloc, and the limit is a number, not the OOM killer. Classes
 * are powers of two and the steps half-way between; freed pieces go to their class's list.
 */
#ifndef ASSAY_FEATURES_SLAB_H
#define ASSAY_FEATURES_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASSAY_SLAB_CLASSES = 96 };

struct assay_slab {
    unsigned char *base;
    size_t bytes_max;
    size_t used; /* carved from the region so far */
    size_t live; /* handed out and not freed */
    void *free_lists[ASSAY_SLAB_CLASSES];
};

/** Reserve @p bytes_max of address space. @return false when refused. Thread: owner. */
bool assay_slab_init(struct assay_slab *slab, size_t bytes_max);
/** Give the region back. */
void assay_slab_fini(struct assay_slab *slab);
/** At least @p bytes, 16-byte aligned, not cleared; NULL at the limit. Thread: owner. */
void *assay_slab_alloc(struct assay_slab *slab, size_t bytes);
/**
 * The same, all zero, and not touched for it where the region has room left: the pages of a large
 * piece then come one by one as they are used.
 */
void *assay_slab_alloc_zero(struct assay_slab *slab, size_t bytes);
/** Give back a piece that was allocated with the same @p bytes; NULL is allowed. */
void assay_slab_free(struct assay_slab *slab, void *piece, size_t bytes);
/** Bytes a request of @p bytes really gets: callers that grow may use them all. */
size_t assay_slab_fit(size_t bytes);

#endif
