/*
 * features/store.h - the features of every key, one store per shard.
 *
 * Per key a record: for each of its entity's streams a time-ordered log of chunks (the truth), with
 * chunk summaries and a folded base as caches. A value at (key, t) is a function of the set of
 * applied events with time <= t (docs/design.md, "what a feature means"): arrival order, shard
 * count and earlier reads never change it.
 *
 * Discipline: single writer, the shard's owner thread; every function here is called by the owner.
 * Memory is reserved at creation; applying allocates from it and never calls malloc.
 */
#ifndef ASSAY_FEATURES_STORE_H
#define ASSAY_FEATURES_STORE_H

#include "engine/base/status.h"
#include "features/plan.h"
#include "features/slab.h"
#include "features/spill.h"

struct assay_store;
struct assay_record;

/** Which instructions the loops over windows use; answers are the same. */
enum assay_vectors {
    ASSAY_VECTORS_BEST, /* that the processor has */
    ASSAY_VECTORS_PLAIN,
    ASSAY_VECTORS_AVX2,
    ASSAY_VECTORS_AVX512,
};

struct assay_store_options {
    size_t memory_bytes_max; /* address space reserved; touched as needed */
    uint64_t index_seed;     /* random per process: hostile ids cannot aim at the index */
    uint32_t shards; /* stores that share an entity's capacity in equal parts; 0: this one */
    enum assay_vectors vectors;
    uint32_t hot_keys; /* counters an entity of features/hot_keys.h; 0: keys are not counted */
    const struct assay_spill_options *spill; /* NULL: all events stay in memory */
};

/** One event for one key; the unit that is routed to the key's owner shard. */
struct assay_update {
    const struct assay_event *event;
    struct assay_str key;
    uint32_t entity;
    uint64_t roles; /* bit f: key field f of the event names this key */
};

/** Where an update landed: lets the current event be found again for `exclude current`. Valid until
 * the next apply to the store. */
struct assay_touch {
    struct assay_record *record;
    const struct assay_update *update;
};

/**
 * Make a store for one shard.
 *
 * @retval ASSAY_E_NO_MEMORY the address space cannot be reserved.
 * Owner: caller, assay_store_destroy(). Thread: owner.
 */
ASSAY_MUST_CHECK enum assay_status assay_store_create(struct assay_store **out,
                                                      const struct assay_plan *plan,
                                                      const struct assay_store_options *options,
                                                      struct assay_err *err);
/** Free it; NULL is allowed. */
void assay_store_destroy(struct assay_store *store);

/**
 * Apply one accepted event to one key.
 *
 * @retval ASSAY_OK     applied; @p touch names the record until the next apply.
 *                      Where the entity evicts and is at capacity, a new key took the place of
 *                      an idle one.
 * @retval ASSAY_E_FULL memory is full, or this store's share of the capacity of an entity that does
 *                      not evict: nothing changed.
 * Thread: owner. Cost: amortised constant for events in order; a late event rewrites one chunk.
 */
ASSAY_MUST_CHECK enum assay_status assay_store_apply(struct assay_store *store,
                                                     const struct assay_update *update,
                                                     struct assay_touch *touch);

/**
 * Say that no event older than @p safe_ms will be applied any more (a lower one than before is
 * ignored). Keys of entities that expire, silent for so long that none to come can join what they
 * know, are forgotten bit by bit, in the order of their death: a call looks at no more keys than 64
 * and two for each update since the call before, which is enough to keep up. No answer depends on
 * it; but a key's place counts until then, so which new keys are refused or evict is a function of
 * the sequence of updates and calls.
 *
 * Invalidates a touch. Thread: owner, between updates. Cost: as said; a key's logs go at once.
 */
void assay_store_advance(struct assay_store *store, int64_t safe_ms);
/** The same, without a bound: forget all that is dead at the newest safe time. Thread: owner. */
void assay_store_settle(struct assay_store *store);

/**
 * Features of the touched key as the just applied event sees them: as of its event time, the event
 * itself included, `exclude current` and current-event fields meaning that event.
 *
 * @param features @p count feature indices (of plan->features, of the update's entity), ascending.
 * @param scratch  receives the bytes of text values; they live until it is rewound.
 * @param[out] out one value per feature.
 * Thread: owner.
 */
void assay_store_slice(struct assay_store *store, const struct assay_touch *touch,
                       const uint32_t features[], size_t count, struct assay_arena *scratch,
                       struct assay_value out[]);

/**
 * Features of any key as of any time (|at_ms| < 2^60), with no current event. A key never seen
 * reads as empty; but where keys expire, as of a time before the safe time of
 * assay_store_advance() and before anything that is remembered of the key, aggregates are null with
 * state `expired`, whether there was something to forget or not.
 * Parameters as assay_store_slice(). Thread: owner.
 */
void assay_store_read(struct assay_store *store, uint32_t entity, struct assay_str key,
                      int64_t at_ms, const uint32_t features[], size_t count,
                      struct assay_arena *scratch, struct assay_value out[]);

/**
 * Add this shard's part of the state hash to @p hash: a commutative sum over keys of a 128-bit
 * hash of each key's logical, sorted state. Equal for every shard count, arrival order, chunk
 * layout and index seed. Thread: owner. Cost: one pass over everything.
 */
void assay_store_hash(const struct assay_store *store, uint64_t hash[2]);
/**
 * The same without what is dead at @p safe_ms, so that it does not matter whether its memory was
 * given back yet.
 *
 * @param safe_ms at least that of every assay_store_advance(); the same for all shards.
 */
void assay_store_hash_living(const struct assay_store *store, int64_t safe_ms, uint64_t hash[2]);

enum { ASSAY_PREFETCH_MAX = 32 };
/**
 * Prefetch what applying these updates will touch, stage by stage for all of them together: index,
 * record, newest chunk, newest entry. Worth it for a group that is applied right after.
 *
 * @param count at most ASSAY_PREFETCH_MAX. Thread: owner. Changes nothing.
 */
void assay_store_prefetch_group(const struct assay_store *store,
                                const struct assay_update *const updates[], size_t count);

/** Counts since creation, and what is held now. Counts of one kind add up over shards. */
struct assay_store_stats {
    uint64_t keys;          /* known now */
    uint64_t events;        /* updates applied */
    uint64_t late_inserts;  /* of those, not at the end of their log */
    uint64_t expired_reads; /* feature values asked for further back than is retained */
    uint64_t refused;       /* updates for which there was no room */
    uint64_t refused_keys;  /* of those, new keys beyond their entity's capacity */
    uint64_t evicted;       /* keys that made room for new ones */
    uint64_t expired;       /* keys forgotten after their entity's `expire` */
    uint64_t expired_bytes; /* of memory that these gave back */
    uint64_t index_growths; /* times the index began to double */
    /* bytes; memory_bytes = index_bytes + record_bytes + log_bytes, all in use now */
    uint64_t memory_bytes;
    uint64_t memory_bytes_max; /* the limit, on carved_bytes */
    uint64_t index_bytes;
    uint64_t record_bytes; /* heads and keys of records */
    uint64_t log_bytes;    /* events with their texts, summaries, folded totals, segments */
    uint64_t carved_bytes; /* taken from the region so far: memory_bytes + free_bytes */
    uint64_t free_bytes;   /* of those, to be used again */
    uint64_t entity_keys[ASSAY_ENTITIES_MAX]; /* known now, by the schema's order */
    uint64_t entity_evicted[ASSAY_ENTITIES_MAX];
    uint64_t entity_expired[ASSAY_ENTITIES_MAX];
    struct assay_spill_stats spill; /* what of the logs is not memory */
};
/** Counters and memory of one store. Thread: owner. Cost: constant. */
void assay_store_stats(const struct assay_store *store, struct assay_store_stats *out);
/** Wait until all that is under way to the disk is there. Thread: owner. */
void assay_store_flush(struct assay_store *store);
/** Add one store's to a sum over stores. Thread: any. */
void assay_store_stats_add(struct assay_store_stats *sum, const struct assay_store_stats *part);

/** Buckets of the index, of twelve keys each, that finding a known key looks at. */
struct assay_store_probes {
    double mean; /* 0: no keys */
    uint64_t max;
};
/** Thread: owner. Cost: a pass over all records' heads. */
void assay_store_probes(const struct assay_store *store, struct assay_store_probes *out);

/**
 * How much of the store's memory lies in huge pages.
 *
 * @return false when the kernel does not say. Thread: any; reads /proc, so for reports only.
 */
bool assay_store_pages(const struct assay_store *store, struct assay_slab_pages *out);

#endif
