/*
 * features/record_pvt.h - the store around its records, and how aggregates are read.
 */
#ifndef ASSAY_FEATURES_RECORD_PVT_H
#define ASSAY_FEATURES_RECORD_PVT_H

#include "features/hot_keys.h"
#include "features/index_pvt.h"
#include "features/lanes_pvt.h"
#include "features/texts_pvt.h"

/* layout.c */

/** A window on a stream: several aggregates share one. */
struct range_key {
    uint32_t stream; /* position in the entity's list */
    int64_t span_ms;
    int64_t delay_ms;
    uint32_t lane; /* of the stream */
};

/** A pair through a window: several aggregates read different things of one. */
struct view_key {
    uint32_t range;
    uint32_t pair;
    uint32_t last_n;
    bool exclude_current;
    uint32_t nth;                   /* WANT_KTH_*: which value, from 1 */
    const struct assay_zone *zone;  /* WANT_DAYS: whose days */
    const struct assay_window *cut; /* what cuts the range by events or calendar; NULL: nothing */
    uint32_t since_view;            /* cut by a landmark: the view of the last one */
    uint32_t wants;
    uint32_t total; /* of the stream: number found and sum are kept; or ASSAY_NONE */
};

struct feature_reads {
    uint32_t first; /* into the entity's reads */
    uint32_t count;
};

struct entity_layout {
    uint32_t stream_count;
    uint32_t range_count;
    uint32_t view_count;
    const struct stream_layout *streams; /* in plan order */
    const struct range_key *ranges;
    const struct view_key *views;
    const uint32_t *agg_views; /* view of each aggregate */
    const struct feature_reads *features;
    const uint32_t *reads;         /* slots that the features' programs read */
    const uint32_t *touched_first; /* [event, event + 1): into touched */
    const uint32_t *touched;       /* positions of the streams an event may go to */
    bool lifetime;                 /* one of its streams has an aggregate without a span */
    uint32_t value_count;          /* of its streams' packed lanes */
    size_t inline_bytes;           /* of lanes in the record; 0: they lie apart */
};

/** Work out what the plan's aggregates share. @param spill NULL: nothing moves. @return NULL when
 * the arena is full. */
const struct entity_layout *assay_layout_create(struct assay_arena *arena,
                                                const struct assay_slab *slab,
                                                struct assay_spill *spill,
                                                enum assay_vectors vectors,
                                                const struct assay_plan *plan);

/** Can what the aggregate asks of a lifetime be folded into totals? */
bool assay_layout_folds(const struct assay_agg *agg);

/* layout_lanes.c */

/** An entity's windows and views, as far as they are known. */
struct lane_builder {
    struct assay_arena *arena;
    struct range_key *ranges;
    uint32_t range_count;
    struct view_key *views;
    uint32_t view_count;
    struct pair *pairs; /* of the stream at hand */
};

/** Choose lanes and totals of one stream, and tell ranges and views of them. @return false: the
 * arena is full. */
bool assay_layout_lanes(const struct lane_builder *builder, struct stream_layout *layout,
                        uint32_t stream);

/** Whether lanes of an entity are few enough to lie in the record: then their bytes, or 0. */
size_t assay_layout_inline(struct stream_layout streams[], uint32_t count);

/* aggregate.c */

/** One view to compute. */
struct view_query {
    const struct stream_layout *layout;
    const struct log *log;
    const struct view_key *key;
    struct range range;
    int64_t bases_since_ms;  /* bases of this segment and later count too; INT64_MAX: none */
    struct position current; /* the current event; chunk ASSAY_NONE: not in this log */
    struct distinct_set *set;
};

struct view_result {
    struct tally tally;
    uint64_t distinct_count;
    struct gaps gaps;
    uint64_t days;
    struct row kth; /* none: there are fewer */
    enum { NOVELTY_NULL, NOVELTY_NEW, NOVELTY_KNOWN } novelty;
};

/** Positions of the events with after < time <= to. */
struct range assay_range(const struct stream_layout *layout, const struct log *log,
                         int64_t after_ms, int64_t to_ms);
/** Compute everything that is wanted of a view. Pure; text borrows from the log. */
void assay_view_read(const struct view_query *query, struct view_result *out);
/** Add totals of the query's range to @p tally, and the values to its set if @p distinct; block by
 * block where that can be. */
void assay_view_scan(const struct view_query *query, uint32_t totals, bool distinct,
                     struct tally *tally);
/** One aggregate's value from its view. */
void assay_aggregate_value(const struct assay_agg *agg, const struct stream_layout *layout,
                           const struct view_result *result, int64_t at_ms,
                           struct assay_value *out);
/** Field by field: a value that is put together on the way and copied whole is waited for. */
static inline void value_put_number(struct assay_value *out, double number)
{
    out->cell.number = number;
    out->kind = ASSAY_KIND_NUMBER;
    out->state = ASSAY_STATE_OK;
}
/** Null, of the aggregate's kind. */
struct assay_value assay_aggregate_null(const struct assay_agg *agg);

/* rhythm.c: more that is wanted of a view */

/** The gaps between the events of the window. */
void assay_view_gaps(const struct view_query *query, struct gaps *out);
/** The nth value of the column from either end of the window, or none. */
struct row assay_view_kth(const struct view_query *query, bool from_last);
/** Has another event of the window the current event's value? */
void assay_view_novelty(const struct view_query *query, struct view_result *out);
/** Mean or deviation of the gaps, or the longest; NaN: null. */
double assay_rhythm_value(enum assay_agg_kind kind, const struct view_result *result);

/* calendar.c */

/** On how many days of the view's zone events of the window lie. */
uint64_t assay_view_days(const struct view_query *query);

struct slicer;

/* selection.c */

enum { SELECTIONS = 32 };

/** One feature to work out. */
struct selection_step {
    uint32_t slot;
    uint32_t copied; /* the slot it is a copy of, or ASSAY_NONE: run the program */
    const struct assay_program *program;
};

/** An aggregate that is one expression of a kept total. */
struct kept_value {
    uint32_t agg;
    uint32_t total;
    uint32_t value; /* of packed lanes, among the entity's; ASSAY_NONE: it must be worked out */
    enum assay_agg_kind kind;
    double scale; /* what the sum is divided by: 10 to the column's scale */
};

/** What a list reads of one stream. */
struct selection_stream {
    uint32_t stream;
    uint32_t kept_first; /* into kept */
    uint32_t kept_count;
    uint32_t agg_first; /* into aggs: those that take more than a total */
    uint32_t agg_count;
    uint32_t sweep_first; /* into sweeps */
    uint32_t sweep_count;
};

/** An aggregate that is read together with others of its pair; see features/sweep.c. */
struct swept {
    uint32_t agg;
    enum assay_agg_kind kind;
    uint32_t lane;
    int64_t span_ms;
};

/** Aggregates of one pair over windows that end now, the shortest first. */
struct sweep {
    uint32_t pair;
    uint32_t first; /* into swept */
    uint32_t count;
    uint32_t wants; /* of all of them */
    double scale;   /* what a value is divided by: 10 to the column's scale */
};

/** A list of features and what it rests on. */
struct selection {
    uint32_t entity; /* ASSAY_NONE: not in use */
    size_t count;
    size_t room; /* features of the greatest entity */
    uint32_t *features;
    uint32_t *outs;   /* the slot of each */
    bool is_direct;   /* every feature is a value of packed lanes ... */
    uint32_t *values; /* ... this one */
    uint32_t stream_count;
    uint32_t step_count;
    struct selection_stream *streams;
    struct kept_value *kept;
    uint32_t *aggs;               /* of the entity */
    struct selection_step *steps; /* features to work out, in order */
    struct sweep *sweeps;
    struct swept *swept;
    bool *reads; /* one a stream of the entity: it, or landmarks of it, are looked at */
};

/** Find what of a stream is swept: it leaves the aggregates of @p part for the lists behind it. */
void assay_sweep_list(const struct slicer *slicer, struct selection *selection,
                      struct selection_stream *part, uint32_t *sweeps_used, uint32_t *swept_used);
/** Read the aggregates of a sweep into their slots; the stream's lanes are at the slice's time. */
void assay_sweep_read(struct slicer *slicer, const struct selection *selection,
                      const struct sweep *sweep, uint32_t stream, const struct log *log);

/** Make room for the lists that are remembered. @return false: the arena is full. */
bool assay_selection_reserve(struct slicer *slicer, struct assay_arena *arena);
/** What a list of features rests on; valid until the next call. */
const struct selection *assay_select(struct slicer *slicer, uint32_t entity,
                                     const uint32_t features[], size_t count);

/* span.c */

/** What a range is cut with. */
struct span_cut {
    int64_t at_ms;    /* the time asked for */
    int64_t since_ms; /* start of what the key remembers */
    struct row mark;  /* the last landmark, or none; of another log maybe */
    const struct stream_layout *mark_layout;
};

/** Narrow the query's range to the session, to what comes after the landmark, or to the bucket. */
void assay_span_cut(struct view_query *query, const struct span_cut *cut);

/* moments.c */

/** Greatest less least of an integer column; NaN: no value. */
double assay_moment_range(const struct assay_field_def *def, const struct tally *tally);
/** var, stddev or cv from the totals of a column of this scale; NaN: null. */
double assay_moment_value(enum assay_agg_kind kind, uint32_t scale, const struct tally *tally);

/* slice.c */

/** Who asks for features, and when. */
struct view {
    struct assay_record *record;     /* NULL: the key was never seen */
    const struct position *touched;  /* per stream of the entity; NULL: no current event */
    const struct assay_event *event; /* NULL: none */
    uint32_t entity;
    int64_t at_ms;
    int64_t since_ms;  /* start of what the key remembers; INT64_MAX: nothing */
    bool is_forgotten; /* by that time the key may have been; with an event it never has */
    bool needs_slots;  /* whatever the selection, the caller reads them */
};

/** Fill since_ms, and the scratch's slots of the selection or, if it is direct, the values. */
void assay_slice_compute(struct slicer *slicer, struct view *view,
                         const struct selection *selection);
/** Values of a computed selection; texts are copied to @p texts. */
void assay_slice_take(const struct slicer *slicer, const struct selection *selection,
                      struct assay_arena *texts, struct assay_value out[]);
/** What is read for a view of the layout; the record is there and remembers something. */
struct view_query assay_slice_query(struct slicer *slicer, const struct view *view,
                                    const struct view_key *key);

/* expiry.c */

enum { EXPIRY_SLOTS = 256 };

/**
 * When keys of an entity will have been silent for too long: lists of records by the time at which
 * each dies unless it is touched again, so many ms a list. `slots` hold the lists of [hand, hand +
 * EXPIRY_SLOTS), counted in lists since time 0; what dies before or after lies in the first or the
 * last. A touch moves nothing: a record whose list's time has come is looked at again.
 */
struct expiry {
    int64_t expire_ms;
    int64_t width_ms; /* of a list */
    int64_t hand;     /* INT64_MIN: the safe time is not known yet; all lie in the first slot */
    uint32_t slots[EXPIRY_SLOTS];
    uint32_t due[EXPIRY_SLOTS]; /* [due_at, due_count): lists whose time has come, in order */
    uint32_t due_at;
    uint32_t due_count;
};

/* store.c */

/** Keys of one entity. */
struct keys {
    uint64_t count;
    uint64_t capacity; /* this store's share; 0: no limit but memory */
    uint64_t evicted;
    uint64_t expired;
    struct expiry *expiry; /* NULL: they live for ever */
    bool evicts;           /* at capacity a new key takes the place of an idle one */
    /* Where `evicts`: a queue by record->next, the next to be looked at first. */
    struct assay_record *oldest;
    struct assay_record *newest;
};

/** Room to compute in, of the greatest entity. A stamp says which slice computed an item. */
struct scratch {
    uint64_t stamp;
    struct assay_value *slots;
    double *values; /* of packed lanes */
    uint8_t *needed;
    struct range *ranges;
    uint64_t *range_stamps;
    struct view_result *results;
    struct view_result swept; /* what a sweep has so far */
    uint64_t *view_stamps;
    uint64_t *lane_stamps;  /* one a stream */
    bool is_direct;         /* the values are all that was asked for */
    bool *has_values;       /* one a stream of the selection: it is among the values */
    bool *kept;             /* one a stream: its lanes are at the time of the slice */
    bool *is_copy;          /* one a stream: these lanes are those of the copy */
    struct position *ends;  /* one a stream: of the copy, if it was moved back */
    bool *is_back;          /* one a stream */
    struct log *copies;     /* one a stream */
    unsigned char *lanes;   /* of the copies */
    size_t lanes_bytes_max; /* of each */
    struct lanes *work;     /* to change packed lanes with */
};

/**
 * Who computes features: the store has one of its own, and so has every reader, so that the same
 * code answers both. Slicing writes to it and, beyond that, to nothing but the lanes of the record
 * at hand.
 */
struct slicer {
    const struct assay_plan *plan;
    const struct entity_layout *layouts;
    struct assay_slab *slab; /* lanes that lie apart are made from it */
    struct scratch scratch;
    struct selection *selections;
    struct distinct_set set;
    uint64_t expired_reads; /* values asked for further back than is retained */
    bool reads_copies;      /* records are the slicer's own: their lanes may be at any time */
};

/** What a slicer is made from. Lives as long as the slicer does. */
struct slicer_source {
    const struct assay_plan *plan;
    const struct entity_layout *layouts;
    struct assay_slab *slab; /* NULL: a reader's, which has lanes wherever it needs some */
    size_t entries_max;      /* that a log can hold */
    uint64_t seed;
};

/* slicer.c */

/** Ready a slicer; what it needs comes from @p arena. @return false: memory is full. */
bool assay_slicer_init(struct slicer *slicer, struct assay_arena *arena,
                       const struct slicer_source *source);
/** Give back what does not lie in the arena. */
void assay_slicer_fini(struct slicer *slicer);

struct assay_store {
    const struct assay_plan *plan;
    struct assay_store_options options;
    struct assay_arena *arena; /* what is made once, at creation */
    const struct entity_layout *layouts;
    atomic_int_fast64_t safe_ms; /* no event older than this will come; INT64_MIN: any may */
    struct index index;
    /* Readers load what is above, the owner changes what is below with every event: a line that is
     * both would travel all the time. */
    unsigned char apart[ASSAY_SLAB_LINE_BYTES];
    struct assay_slab slab;
    struct assay_spill spill; /* all zero: nothing moves */
    struct texts texts;
    struct keys *keys;     /* one an entity */
    uint64_t swept;        /* updates that had come when keys were last looked at */
    uint64_t record_bytes; /* of the slab, all records without their logs */
    struct assay_store_stats stats;
    uint8_t *tie_buffer; /* of the event at hand */
    size_t tie_capacity;
    struct pending *pending;
    struct slicer slicer;
    struct position *touched;         /* one a stream: where the last update's event lies */
    uint32_t touched_entity;          /* whose streams `touched` speaks of */
    struct tally *tallies;            /* one a pair, for the state hash */
    struct store_readers *readers;    /* NULL: there never was one */
    uint64_t mark;                    /* see assay_store_mark() */
    size_t entries_max;               /* that the memory can hold */
    struct assay_hot_keys **hot_keys; /* one an entity; NULL: not asked for */
};

/** No event older than this will be applied. Readers look as well: of its own it orders nothing. */
static inline int64_t store_safe_ms(const struct assay_store *store)
{
    return atomic_load_explicit(&store->safe_ms, memory_order_relaxed);
}

/** Logs of an entity are changed with this. */
static inline struct log_context slicer_context_of(struct slicer *slicer,
                                                   const struct assay_record *record,
                                                   uint32_t position)
{
    const struct stream_layout *layout = &slicer->layouts[record->entity].streams[position];
    return (struct log_context){
        .slab = slicer->slab,
        .layout = layout,
        .record = record,
        .horizon_ms = record->newest_ms == INT64_MIN
                          ? INT64_MIN
                          : record->newest_ms - layout->stream->retained_ms,
        .set = &slicer->set,
        .work = slicer->scratch.work,
    };
}

static inline struct log_context log_context_of(struct assay_store *store,
                                                const struct assay_record *record,
                                                uint32_t position)
{
    struct log_context context = slicer_context_of(&store->slicer, record, position);
    context.texts = &store->texts;
    return context;
}

/** The hash that an index of that seed knows a key by. */
static inline uint64_t index_hash_key(uint64_t seed, uint32_t entity, struct assay_str key)
{
    return assay_hash64(key.ptr, key.len, seed + entity);
}

/** The hash that the store's does. */
static inline uint64_t store_hash_key(const struct assay_store *store, uint32_t entity,
                                      struct assay_str key)
{
    return index_hash_key(store->options.index_seed, entity, key);
}

/* keys.c */

/** Ready a new store's index. @return false when memory is full. */
bool assay_keys_init(struct assay_store *store);
/** The record of a key that hashes to @p hash, or NULL. */
struct assay_record *assay_keys_find(const struct assay_store *store, uint64_t hash,
                                     uint32_t entity, struct assay_str key);
/** The record of a key that is remembered, or NULL: what readers ask. */
struct assay_record *assay_store_find(const struct assay_store *store, uint32_t entity,
                                      struct assay_str key);
/**
 * A record for a key that has none, not known to the index yet, with room for it there.
 *
 * @return NULL when memory is full, or the entity's capacity is reached and it does not evict.
 */
struct assay_record *assay_keys_create(struct assay_store *store, uint32_t entity,
                                       struct assay_str key);
/** Let go of a record that was not admitted. */
void assay_keys_discard(struct assay_store *store, struct assay_record *record);
/** Make it known. At capacity an idle key of its entity goes for it. */
void assay_keys_admit(struct assay_store *store, uint64_t hash, struct assay_record *record);
/** Forget a known key, with all that is known of it. */
void assay_keys_forget(struct assay_store *store, struct assay_record *record);
/**
 * The next record of a walk over all of them, each once, in no order; NULL: no more.
 *
 * @param[in,out] at 0 to begin with; the store must not change meanwhile.
 */
const struct assay_record *assay_store_next(const struct assay_store *store, size_t *at);

/* expiry.c */

/** Ready the lists of an entity whose keys expire. @return false: the arena is full. */
bool assay_expiry_init(struct assay_store *store, uint32_t entity);
/** List a new record, by its newest time. */
void assay_expiry_add(struct assay_store *store, struct assay_record *record);
/** Take a record out of its list; its entity expires. */
void assay_expiry_remove(struct assay_store *store, struct assay_record *record);
/** Look for a dead key of an entity at capacity, at a few keys only. @return true: one went. */
bool assay_expiry_make_room(struct assay_store *store, uint32_t entity);
/** Where the first segment starts that is not dead at a safe time: what comes before may be
 * forgotten. INT64_MAX: none; INT64_MIN: the entity's keys never die. */
int64_t assay_expiry_living(const struct assay_store *store, const struct assay_record *record,
                            int64_t safe_ms);
/** As of earlier times a key of the entity may have known what is forgotten by now; @p record NULL:
 * the key has none. INT64_MIN: nothing is forgotten. */
int64_t assay_expiry_reach(const struct assay_store *store, uint32_t entity,
                           const struct assay_record *record);

/** Where inline lanes begin in a record. */
static inline size_t record_lanes_at(uint32_t stream_count, uint32_t key_bytes)
{
    const size_t used = sizeof(struct assay_record) + stream_count * sizeof(struct log) + key_bytes;
    return (used + 7) / 8 * 8;
}

/** Bytes of a record: its head, logs, key and inline lanes lie in one piece. */
static inline size_t record_head_bytes(const struct entity_layout *layout, uint32_t key_bytes)
{
    return record_lanes_at(layout->stream_count, key_bytes) + layout->inline_bytes;
}

/** Lines of it that are worth fetching ahead: it is read as a whole. */
static inline uint32_t record_head_lines(const struct entity_layout *layout, uint32_t key_bytes)
{
    enum { HEAD_BYTES_MAX = 640 };
    const size_t bytes = record_head_bytes(layout, key_bytes);
    const size_t most = bytes < HEAD_BYTES_MAX ? bytes : HEAD_BYTES_MAX;
    return (uint32_t)((most + LINE_BYTES - 1) / LINE_BYTES);
}

/** Bytes of the key, behind the logs. */
static inline char *record_key(const struct assay_record *record, uint32_t stream_count)
{
    return (char *)(uintptr_t)(record->logs + stream_count);
}

#endif
