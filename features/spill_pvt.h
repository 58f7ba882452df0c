/*
 * features/spill_pvt.h - extents of old chunks, in memory or in a file, at one address all the time.
 *
 *   space beyond the slab:  [extent][extent][extent] ...      one file offset each
 *                            log 7   log 3   log 7            an extent holds chunks of one log
 *
 *   FREE ──▶ FILLING ──▶ WRITING ──▶ ON_DISK ──▶ FREE         FILLING, WRITING, KEPT are memory,
 *                           └──────▶ KEPT                     ON_DISK is the file, mapped
 *
 * A run is what moves at once: the chunks of a block, or a single chunk. What is needed of it
 * without touching the disk lies in memory: its blocks, and of each chunk its first time and its
 * checksum.
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
    SPILL_EXTENT_BYTES = 256 << 10, /* or more, where a block of chunks may need more */
    SPILL_GRAIN_LOG = 9,            /* runs start multiples of this: so a place tells its run */
    SPILL_MAPPED_MAX = 64,          /* extents that are kept mapped in, once read */
    SPILL_AHEAD = 2,                /* extents of a log that are read ahead */
    SPILL_ALIGN = 64,
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
    uint32_t at; /* from the run's start */
    uint32_t crc;
};

struct spill_run {
    unsigned char *start;
    uint32_t bytes;
    uint32_t count; /* chunks */
    uint32_t live;
    uint32_t extent;
    struct block *opens;  /* block whose first chunk is the run's first, or NULL */
    struct block *closes; /* block whose last chunk is the run's last, or NULL */
    struct spill_piece pieces[];
};

/** What a log has that spills. */
struct log_spill {
    uint32_t extent; /* being filled; or SPILL_NONE */
    uint32_t from;   /* chunks before this one have moved, or are being looked for */
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

/**
 * Ready the space beyond a slab.
 *
 * @param run_bytes_max the most that a run of chunks may need. @return false: no address space.
 */
bool assay_spill_init(struct assay_spill *spill, struct assay_slab *slab,
                      const struct assay_spill_options *options, size_t run_bytes_max);
/** Wait for what is under way and give everything back but the space; all zero is allowed. */
void assay_spill_fini(struct assay_spill *spill);
/** Bytes of address space that the options ask for beyond the slab. */
size_t assay_spill_space(const struct assay_spill_options *options, size_t run_bytes_max);
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

/** The run that a moved chunk lies in. */
struct spill_run *assay_spill_run(const struct assay_spill *spill, const struct chunk *chunk);
/** Which of its run's chunks it is. */
uint32_t assay_spill_index(const struct spill_run *run, const struct chunk *chunk);
/** Bytes of a chunk in a run. */
static inline uint32_t spill_piece_bytes(const struct spill_run *run, uint32_t index)
{
    const uint32_t end = index + 1 < run->count ? run->pieces[index + 1].at : run->bytes;
    return end - run->pieces[index].at;
}

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
/** A chunk that has moved is needed no longer. Its run goes with the last one. */
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

#endif
