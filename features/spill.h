/*
 * features/spill.h - what a store needs from outside to keep old chunks of hot keys on disk.
 *
 * The store decides what moves and where to; how bytes get to a file and back is the ops'. A file
 * is cut into extents. An extent is memory until the ops say that all of its bytes are safely in
 * the file; only then is the file mapped in its place. So a disk that fails or is full costs room
 * in memory, and never an event.
 */
#ifndef ASSAY_FEATURES_SPILL_H
#define ASSAY_FEATURES_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ASSAY_SPILL_EXTENT_BYTES = 256 << 10,
    /* Extents under way of one store; then it waits for the disk, so that memory is bounded. */
    ASSAY_SPILL_WRITING_MAX = 16,
};

enum assay_spill_state {
    ASSAY_SPILL_OFF,    /* not asked for */
    ASSAY_SPILL_ON,     /* chunks move as they should */
    ASSAY_SPILL_FULL,   /* the disk or its share is full: what has moved stays, no more moves */
    ASSAY_SPILL_FAILED, /* the disk failed: likewise, and what was not safely written is memory */
};

/** "off", "on", "full" or "failed". Thread: any. */
const char *assay_spill_state_name(enum assay_spill_state state);

/** An extent whose writing has ended. */
struct assay_spill_done {
    uint64_t at;
    int code; /* 0: it is on the disk; else the errno */
};

/** How extents get to a file. Owner's thread, all of them. */
struct assay_spill_ops {
    /** Make room for [at, at + bytes) of the file. @return 0 or an errno. */
    int (*reserve)(void *context, uint64_t at, size_t bytes);
    /** Start to write an extent, and to make sure that it is on the disk. Its bytes stay as they
     * are and where they are until it is collected. */
    void (*write)(void *context, uint64_t at, const void *bytes, size_t size);
    /** An extent whose writing has ended; each once. @param wait until there is one: then one must
     * be under way. @return false: none. */
    bool (*collect)(void *context, bool wait, struct assay_spill_done *done);
    /** Have the file's bytes at the place of an extent. @return 0, or an errno: the place is as it
     * was. */
    int (*map)(void *context, uint64_t at, void *place, size_t bytes);
    /** The state is another now. @param code the errno behind it; 0: the share is used up. */
    void (*tell)(void *context, enum assay_spill_state state, int code);
    /** What the file holds is not what was written. Does not return. */
    void (*damaged)(void *context, uint64_t at);
};

struct assay_spill_options {
    const struct assay_spill_ops *ops;
    void *context;
    size_t bytes_max;    /* of the file; at least an extent is used of it */
    size_t extent_bytes; /* whole pages; ASSAY_SPILL_EXTENT_BYTES but in tests */
    size_t after_bytes;  /* the newest rows of a log that stay in memory */
};

/** What a store has on disk. Counts of one kind add up over shards. */
struct assay_spill_stats {
    enum assay_spill_state state; /* of several: the worst */
    int code;                     /* the errno behind FULL or FAILED; 0: the share is used up */
    uint64_t chunks;              /* moved and still needed */
    uint64_t bytes;               /* of those */
    uint64_t moved;               /* chunks that ever moved */
    uint64_t returned;            /* of those, taken back for a late event */
    uint64_t disk_bytes;          /* extents in the file */
    uint64_t memory_bytes;        /* extents that are memory still: being filled or written */
    uint64_t read_bytes;          /* extents of the file that have been read and stay mapped in */
};

#endif
