/*
 * features/record_pvt.h - the state of one key.
 *
 * Per stream of its entity a log: the accepted events that name the key in the stream's role,
 * sorted by time and, where an aggregate can see the order, by tie bytes. The log is the truth;
 * every feature is computed from it. Beside the logs, the maximal segments of activity that
 * `expire` cuts: a pure function of the set of touches, so late events may join two of them.
 */
#ifndef ASSAY_FEATURES_RECORD_PVT_H
#define ASSAY_FEATURES_RECORD_PVT_H

#include "engine/base/hash.h"
#include "features/slab.h"
#include "features/store.h"

/** A column's value; text lies in the entry's blob. */
union log_cell {
    int64_t integer;
    double real;
    struct {
        uint32_t offset;
        uint32_t bytes;
    } text;
};

/** One logged event: a fixed head, then one cell a column of the stream. */
struct log_entry {
    int64_t time_ms;
    uint64_t passed;     /* bit f: filter f holds */
    uint32_t present;    /* bit c: column c is not null */
    uint32_t tie_bytes;  /* first bytes of the blob */
    uint32_t blob_bytes;
    uint32_t unused;
    uint8_t *blob; /* tie bytes, then text columns; NULL when both are empty */
    union log_cell cells[];
};

struct log {
    unsigned char *entries;
    uint32_t count;
    uint32_t first; /* entries before it are trimmed */
    uint32_t capacity;
};

/** A run of touches, each at most `expire` after the one before. */
struct segment {
    int64_t start_ms;
    int64_t end_ms;
};

struct assay_record {
    uint64_t hash;
    uint32_t entity;
    uint32_t key_bytes;
    char *key;
    int64_t newest_ms;
    uint32_t segment_count;
    uint32_t segment_capacity;
    struct segment *segments;
    struct log logs[]; /* one a stream of the entity, in plan order */
};

enum { TOUCH_STREAMS_MAX = 64 };

struct assay_store {
    const struct assay_plan *plan;
    struct assay_store_options options;
    struct assay_slab slab;
    struct assay_record **index; /* open addressing; NULL: free */
    size_t index_capacity;
    size_t record_count;
    uint64_t *entity_counts;
    struct assay_store_stats stats;
    uint8_t *tie_buffer; /* of the event at hand */
    size_t tie_capacity;
    /* where the last update's event lies: per stream of its entity, ASSAY_NONE if not in it */
    uint32_t *touched;
    struct assay_value *slots; /* of the greatest entity */
};

/** Bytes of one entry of a stream. */
static inline size_t entry_bytes(const struct assay_stream *stream)
{
    return sizeof(struct log_entry) + stream->column_count * sizeof(union log_cell);
}

/** Entry @p at of a log. */
static inline struct log_entry *entry_at(const struct log *log, const struct assay_stream *stream,
                                         uint32_t at)
{
    return (struct log_entry *)(void *)(log->entries + (size_t)at * entry_bytes(stream));
}

/**
 * Insert an event where it belongs. Room must have been made by assay_log_reserve().
 *
 * @return the entry's position. Takes @p blob over.
 */
uint32_t assay_log_insert(struct log *log, const struct assay_stream *stream,
                          const struct log_entry *entry);
/** Make room for one more entry, trimming what is older than @p horizon_ms first. */
bool assay_log_reserve(struct assay_slab *slab, struct log *log, const struct assay_stream *stream,
                       int64_t horizon_ms);
/** First position in [first, count) whose time is greater than @p time_ms. */
uint32_t assay_log_after(const struct log *log, const struct assay_stream *stream,
                         int64_t time_ms);

/** What one aggregate is asked about. */
struct agg_query {
    const struct assay_plan *plan;
    const struct assay_stream *stream;
    const struct assay_agg *agg;
    const struct log *log;     /* NULL: the key was never seen */
    int64_t at_ms;
    int64_t since_ms;          /* start of the segment: older events are forgotten */
    uint32_t current;          /* position of the current event, or ASSAY_NONE */
    struct assay_arena *scratch;
};

/** Compute one aggregate by its definition over the log. Text borrows from the log. Pure. */
struct assay_value assay_aggregate_read(const struct agg_query *query);

#endif
