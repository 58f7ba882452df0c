/*
 * features/inspect.h - looking inside a store: why a value is what it is, and where memory went.
 *
 * For people, not for the stream: a call may take milliseconds. Nothing here changes what a store
 * answers. Discipline as in features/store.h: every function is called by the owner.
 */
#ifndef ASSAY_FEATURES_INSPECT_H
#define ASSAY_FEATURES_INSPECT_H

#include "features/hot_keys.h"
#include "features/store.h"

/** As-of time that stands for the key's newest applied time. */
#define ASSAY_AT_NEWEST INT64_MIN
/** No time is known. */
#define ASSAY_NO_TIME INT64_MIN

/** One aggregate of a key. */
struct assay_aggregate_facts {
    struct assay_value value;
    /** Events it is computed from: those of the window that pass `where`, the newest n of them
     * where `last n` says so, without those whose column is null. 0 when the state is expired. */
    uint64_t events;
    int64_t last_ms; /* time of the newest of them; ASSAY_NO_TIME: none, or only a bound is known */
    /** Only then: they were folded into totals, and all happened at or before this time. */
    int64_t last_before_ms;
    int64_t answerable_ms; /* asked for an earlier time the state is expired */
};

/** Memory by what it holds, in bytes as the store's memory hands them out. */
struct assay_state_bytes {
    uint64_t records;   /* heads: one a key, with its name, a place per log, segments, and kept
                           windows where they are few */
    uint64_t chunks;    /* logged events, and lists of chunks */
    uint64_t summaries; /* of sealed chunks and of blocks of them */
    uint64_t spilled;   /* of logged events that have moved to disk: not memory */
    uint64_t lanes;     /* windows that are kept up with, where they are many */
    uint64_t bases;     /* totals that old events of a lifetime were folded into */
};

/** A key as it stands. */
struct assay_key_facts {
    bool known;        /* false: no event has named it; the rest is zero */
    int64_t newest_ms; /* newest applied time */
    uint64_t logged;   /* events in its logs */
    uint32_t segments; /* runs of activity that `expire` has cut and that are still remembered */
    struct assay_state_bytes bytes;
};
/** Facts about a key. Thread: owner. Cost: one pass over what is kept of it. */
void assay_store_key_facts(const struct assay_store *store, uint32_t entity, struct assay_str key,
                           struct assay_key_facts *out);

/** All features of a key's entity as of a time. */
struct assay_inspection {
    int64_t at_ms;
    int64_t since_ms;                               /* first event of the activity that counts at
                                                      at_ms; ASSAY_NO_TIME: nothing is remembered */
    const struct assay_value *values;               /* one a feature of the entity, in plan order */
    const struct assay_aggregate_facts *aggregates; /* one an aggregate of the entity */
};
/**
 * Compute every feature of a key from the same views as assay_store_read(), and say of each
 * aggregate how many events it rests on and when the newest of them was.
 *
 * @param at_ms as-of time, |at_ms| < 2^60; ASSAY_AT_NEWEST: the key's newest applied time, or, for
 *              a key never seen, 0 or the safe time if that is later: it reads as empty.
 * @return false when the arena is full. Owner: the arena, text values too. Thread: owner.
 */
ASSAY_MUST_CHECK bool assay_store_inspect(struct assay_store *store, uint32_t entity,
                                          struct assay_str key, int64_t at_ms,
                                          struct assay_arena *arena, struct assay_inspection *out);

/** Call @p visit with every key of an entity, in no order; the text is borrowed for the call. */
void assay_store_visit_keys(const struct assay_store *store, uint32_t entity,
                            void (*visit)(void *context, struct assay_str key), void *context);

/** One entity's part of a store. */
struct assay_entity_facts {
    uint64_t keys;
    uint64_t logged; /* events in logs: one that names a key by two roles counts twice */
    struct assay_state_bytes bytes;
};
/** Add this store's part to @p out, one an entity. Thread: owner. Cost: a pass over everything. */
void assay_store_entity_facts(const struct assay_store *store, struct assay_entity_facts out[]);

/** A store's memory as a whole. What keys hold, the index and the texts make up `live` to the
 * byte. */
struct assay_memory_facts {
    uint64_t live;   /* handed out and not given back */
    uint64_t carved; /* taken from the region so far: live, and pieces that wait for their like */
    uint64_t limit;
    uint64_t index; /* tables that find keys; part of live */
    uint64_t texts; /* that logged events name, and bytes that order equal times; part of live */
    uint64_t different_texts; /* how many there are */
};
/** Add this store's part to @p out. Thread: owner. */
void assay_store_memory_facts(const struct assay_store *store, struct assay_memory_facts *out);

/** The hot keys of an entity; NULL when the store was made without. Thread: owner. */
const struct assay_hot_keys *assay_store_hot_keys(const struct assay_store *store, uint32_t entity);

#endif
