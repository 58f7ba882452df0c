/*
 * features/slab.h - size-classed memory inside one reserved region.
 *
 * A shard's records and logs live in address space that is reserved once and touched as needed, so
 * that applying an event never calls malloc, and the limit is a number, not the OOM killer.
 *
 *   [ handed out | freed | handed out ...      | never touched ]
 *   base                                       used            bytes_max
 *
 * Classes are 16 bytes apart up to 256 bytes and an eighth of a power of two apart above, so a
 * piece is at most an eighth larger than what was asked for. A freed piece goes to its class's
 * list. Large freed pieces, such as the tables that an index has outgrown, are cut into small ones
 * before the region is touched any further. Pieces of whole cache lines start one: that is every
 * class above 512 bytes.
 *
 * Every piece starts a multiple of the grain from the base: 16 bytes in a region of up to 64 GiB,
 * more in a larger one. So 32 bits name any piece, which halves what points at it.
 *
 * Where readers hold pointers beside the writer, the region is shared: what is freed waits, as it
 * is, until every reader has let go of it (engine/sync/qsbr.h), and only then is it used again.
 */
#ifndef ASSAY_FEATURES_SLAB_H
#define ASSAY_FEATURES_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ASSAY_SLAB_CLASSES = 336,
    ASSAY_SLAB_LINE_BYTES = 64, /* a piece that is whole cache lines starts one */
};

struct assay_qsbr;
struct slab_limbo;

struct assay_slab {
    unsigned char *base;
    size_t bytes_max;
    size_t used; /* carved from the region so far */
    size_t live; /* handed out and not freed */
    uint32_t grain_log;
    uint32_t large_free; /* freed pieces that may be cut */
    unsigned char *cut;  /* what is left of the one being cut */
    size_t cut_bytes;
    unsigned char *beyond; /* more address space, that pieces can be named in; see below */
    size_t beyond_bytes;
    void *map; /* the regions and the guards around them */
    size_t map_bytes;
    struct slab_limbo *limbo; /* NULL: nobody reads beside the writer */
    void *free_lists[ASSAY_SLAB_CLASSES];
};

/** How the kernel backs a region, in bytes. */
struct assay_slab_pages {
    uint64_t resident_bytes; /* in memory at all */
    uint64_t huge_bytes;     /* of those, in huge pages */
};

/**
 * Reserve @p bytes_max of address space and ask for huge pages in it.
 *
 * @return false when refused. Thread: owner.
 */
bool assay_slab_init(struct assay_slab *slab, size_t bytes_max);
/**
 * The same, with @p beyond_bytes more of address space behind it, which the slab hands nothing out
 * of: it cannot be touched until its user makes it so. Places in it that are multiples of the grain
 * away from the base have names like pieces have. It starts a multiple of 2 MiB.
 */
bool assay_slab_init_beyond(struct assay_slab *slab, size_t bytes_max, size_t beyond_bytes);
/** Give the region back. */
void assay_slab_fini(struct assay_slab *slab);
/** At least @p bytes, aligned to the grain, not cleared; NULL at the limit. Thread: owner. */
void *assay_slab_alloc(struct assay_slab *slab, size_t bytes);
/**
 * The same, all zero, and not touched for it where the region has room left: the pages of a large
 * piece then come one by one as they are used.
 */
void *assay_slab_alloc_zero(struct assay_slab *slab, size_t bytes);
/** Give back a piece that was allocated with the same @p bytes; NULL is allowed. */
void assay_slab_free(struct assay_slab *slab, void *piece, size_t bytes);
/**
 * From here on readers, which @p qsbr knows, may hold pointers into the region.
 *
 * @return false: no address space for the pieces that will wait. Thread: owner.
 */
bool assay_slab_share(struct assay_slab *slab, struct assay_qsbr *qsbr);
/** No reader is left: what waits is free. Thread: owner. */
void assay_slab_unshare(struct assay_slab *slab);
/** Take back some of what readers have let go of. Thread: owner. Cost: bounded; a look, mostly. */
void assay_slab_turn(struct assay_slab *slab);
/** Freed pieces that wait for readers, in bytes. Thread: owner. */
size_t assay_slab_waiting(const struct assay_slab *slab);
/** Bytes a request of @p bytes really gets: callers that grow may use them all. */
size_t assay_slab_fit(size_t bytes);
/**
 * Ask the kernel what it gave. @return false when it does not say. Thread: any; blocks on a read of
 * /proc, so it is for reports only.
 */
bool assay_slab_pages(const struct assay_slab *slab, struct assay_slab_pages *out);

/** Must what readers can see be replaced instead of changed? */
static inline bool assay_slab_is_shared(const struct assay_slab *slab)
{
    return slab->limbo != NULL;
}

/** Is it in the space beyond? */
static inline bool assay_slab_is_beyond(const struct assay_slab *slab, const void *piece)
{
    return (uintptr_t)piece - (uintptr_t)slab->beyond < slab->beyond_bytes;
}

/** The 32 bits that name a piece of the region. */
static inline uint32_t assay_slab_ref(const struct assay_slab *slab, const void *piece)
{
    return (uint32_t)((size_t)((const unsigned char *)piece - slab->base) >> slab->grain_log);
}

/** The piece of that name. */
static inline void *assay_slab_at(const struct assay_slab *slab, uint32_t ref)
{
    return slab->base + ((size_t)ref << slab->grain_log);
}

#endif
