/*
 * features/spill_pvt.h - extents of old chunks, in memory or in a file, at one address for good.
 *
 *   space beyond the slab:  [extent][extent][extent] ...      one file offset each
 *                            log 7   log 3   log 7            an extent holds chunks of one log
 *
 *   FREE ──▶ FILLING ──▶ WRITING ──▶ ON_DISK ──▶ FREE         FILLING, WRITING, KEPT are memory,
 *                           └──────▶ KEPT                     ON_DISK is the file, mapped
 *
 * A run is some chunks in a row that moved at once. What is needed of it without touching the disk
 * lies in memory: of each chunk its first time, the blocks that it opens and closes, its checksum.
 */
#ifndef ASSAY_FEATURES_SPILL_PVT_H
#define ASSAY_FEATURES_SPILL_PVT_H

#include "features/slab.h"
#include "features/spill.h"

struct block;
struct chunk;

enum spill_extent_state {
    EXTENT_FREE,
    EXTENT_FILLING,
    EXTENT_WRITING,
    EXTENT_ON_DISK,
    EXTENT_KEPT, /* in memory for good: it could not be written */
};

enum {
    SPILL_GRAIN_LOG = 9,   /* runs start multiples of this: so a place tells its run */
    SPILL_MAPPED_MAX = 64, /* extents that are kept mapped in, once read */
    SPILL_AHEAD = 2,       /* extents of a log that are read ahead */
    SPILL_ALIGN = 64,      /* of chunks */
};

#define SPILL_NONE UINT32_MAX

struct spill_extent {
    uint32_t live; /* chunks in it that are needed */
    uint32_t used; /* bytes */
    uint32_t next; /* of its log, newer; or the next free one */
    uint8_t state;
    bool is_last; /* its log fills it */
    bool is_read; /* has been touched since it was mapped */
};

/** A chunk in a run. It ends where the next one begins, the last one where the run does. */
struct spill_piece {
    int64_t first_ms;
    uint32_t opens;  /* slab name of the block that it opens; 0: none; SPILL_NONE: it is gone */
    uint32_t closes; /* likewise */
    uint32_t at;     /* from the run's start */
    uint32_t crc;
};

struct spill_run {
    unsigned char *start;
    uint32_t bytes;
    uint32_t count; /* chunks */
    uint32_t live;
    uint32_t extent;
    struct spill_piece pieces[];
};

/** What a log has that spills. */
struct log_spill {
    uint32_t extent; /* being filled; or SPILL_NONE */
    uint32_t from;   /* chunks before this one have moved */
    uint32_t swept;  /* where those that came back are being looked for ... */
    uint32_t sweep;  /* ... in so many more; 0: none came back since the last time */
};

struct assay_spill {
    struct assay_spill_options options;
    struct assay_slab *slab;
    size_t extent_bytes;
    struct spill_extent *extents;
    uint32_t extent_count; /* that have room in the file */
    uint32_t extent_max;
    uint32_t free_first;
    uint32_t writing;    /* under way */
    uint32_t *run_names; /* slab name of the run that lies in each grain of the space */
    uint32_t mapped[SPILL_MAPPED_MAX]; /* a ring */
    uint32_t mapped_first;
    uint32_t mapped_count;
    struct assay_spill_stats stats;
};

/** Ready the space beyond a slab. @return false: no address space for what is known of it. */
bool assay_spill_init(struct assay_spill *spill, struct assay_slab *slab,
                      const struct assay_spill_options *options);
/** Wait for what is under way and give everything back but the space; all zero is allowed. */
void assay_spill_fini(struct assay_spill *spill);
/** Bytes of address space that the options ask for beyond the slab. */
size_t assay_spill_space(const struct assay_spill_options *options);
/** Collect what has been written. @param wait for all that is under way. */
void assay_spill_collect(struct assay_spill *spill, bool wait);

/** May more move? Whether there is room shows when it is asked for. */
static inline bool spill_moves(const struct assay_spill *spill)
{
    return spill != NULL && spill->stats.state != ASSAY_SPILL_FAILED;
}

/** Has this chunk moved? */
static inline bool spill_holds(const struct assay_spill *spill, const void *chunk)
{
    return spill != NULL && assay_slab_is_beyond(spill->slab, chunk);
}

/** What memory knows of a chunk that has moved. */
struct spill_piece *assay_spill_piece(const struct assay_spill *spill, const struct chunk *chunk);
/** Bytes of a chunk that has moved. */
uint32_t assay_spill_bytes(const struct assay_spill *spill, const struct chunk *chunk);
/** Bytes of the slab that a run takes; its first chunk that is needed stands for it, of the others
 * 0. */
size_t assay_spill_run_bytes(const struct assay_spill *spill, const struct chunk *chunk);

/**
 * Room for a run in a log's extent; a full one is sent to the disk and another one begun.
 *
 * @param count chunks. @param bytes of all of them.
 * @return NULL: there is none, on the disk or in memory; nothing has changed for the log.
 */
struct spill_run *assay_spill_begin(struct assay_spill *spill, struct log_spill *log,
                                    uint32_t count, size_t bytes);
/** The run is filled in, pieces but for their checksums too. From here on it is immutable. */
void assay_spill_seal(struct assay_spill *spill, struct spill_run *run);
/** A chunk that has moved is needed no longer; no block begins or ends with it. Its run goes with
 * the last one. */
void assay_spill_release(struct assay_spill *spill, const struct chunk *chunk);
/** The log is gone; all its chunks have been released. */
void assay_spill_leave(struct assay_spill *spill, struct log_spill *log);

/** See assay_spill_enter(); of a chunk that has moved. */
void assay_spill_check(struct assay_spill *spill, const struct chunk *chunk);
/** To be called before a chunk is read: what comes from the disk is checked, and what comes after
 * it is read ahead. Cost: nothing for a chunk in memory. */
static inline void spill_enter(struct assay_spill *spill, const struct chunk *chunk)
{
    if (spill_holds(spill, chunk)) {
        assay_spill_check(spill, chunk);
    }
}
/** Has it not been read since it was mapped, or given back since? */
bool assay_spill_is_cold(const struct assay_spill *spill, const struct chunk *chunk);
/** The same for a chunk that a cursor is in already: it is checked again when its pages have been
 * given back since. */
static inline void spill_stay(struct assay_spill *spill, const struct chunk *chunk)
{
    if (spill_holds(spill, chunk) && assay_spill_is_cold(spill, chunk)) {
        assay_spill_check(spill, chunk);
    }
}

#endif
