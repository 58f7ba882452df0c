/*
 * features/log_pvt.h - what the store keeps of one key: logs of chunks, bases, segments.
 *
 * A record holds, for each stream of its entity, a log: the events that name the key by the
 * stream's role, in the order of time and, where an aggregate can see it, of tie bytes. The log is
 * the truth; every feature is computed from it.
 *
 *   log:  base base ...   [chunk sealed] [chunk sealed] ... [chunk open]
 *         older than any    full or split, never edited;      takes what is newest
 *         answerable read   a summary per pair
 *
 * A chunk that is sealed is immutable: a late event writes a replacement. Its summaries say of each
 * pair (filter, column) that an aggregate looks at what a window needs which holds the chunk whole;
 * blocks do the same for some chunks in a row.
 * Where only totals, extremes and edges are asked over a lifetime, chunks behind the horizon are
 * folded into bases, one or more a segment of activity.
 *
 * Segments are what `expire` cuts: a pure function of the set of touches, so a late event may join
 * two of them.
 *
 * Memory: everything of a record lies in the store's slab.
 */
#ifndef ASSAY_FEATURES_LOG_PVT_H
#define ASSAY_FEATURES_LOG_PVT_H

#include "engine/base/assert.h"
#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "features/index_pvt.h"
#include "features/slab.h"
#include "features/spill_pvt.h"
#include "features/store.h"

enum {
    CHUNK_ROWS_MIN = 4,
    CHUNK_ROWS_MAX = 64, /* a position fits one byte */
    LINE_BYTES = 64,
    LANE_COUNTS_MAX = 256, /* of what packed lanes of a log find */
    LANE_GROUPS_MAX = 64,
    LANES_PACKED_MAX = 64,
    LANE_SUMS_MAX = 32, /* pairs of a log that have sums */
    BLOCK_CHUNKS = 16,  /* late events may let a block grow to twice as many */
};

/** A column's value. Of a text it is the 32 bits that name it, see features/texts_pvt.h, as a
 * signed number; reals are never -0.0. */
union cell {
    int64_t integer;
    double real;
};

/** No integer, no real (that of -0.0) and no text has these bits: null. */
#define CELL_NULL INT64_MIN

/** What aggregates look at: the events that pass a filter and, if there is one, their column. */
enum pair_value { PAIR_EVENTS, PAIR_INTEGER, PAIR_REAL, PAIR_TEXT, PAIR_OTHER };

/** What is asked of a pair, as a set. */
enum {
    WANT_COUNT = 1,
    WANT_SUM = 2,
    WANT_EXTREME = 4,
    WANT_FIRST = 8,
    WANT_LAST = 16,
    WANT_DISTINCT = 32,
    WANT_SQUARES = 64,
    WANT_GAPS = 128, /* of events: their number, and the gaps between them */
    WANT_NOVELTY = 256,
    WANT_KTH_FIRST = 512,
    WANT_KTH_LAST = 1024,
    WANT_DAYS = 2048,
    WANT_EDGES = WANT_FIRST | WANT_LAST,
    WANTS_KTH = WANT_KTH_FIRST | WANT_KTH_LAST,
    /* what is the same whatever the order in which parts are added up, so that it can be folded */
    WANTS_FOLDED = WANT_COUNT | WANT_SUM | WANT_EXTREME | WANT_EDGES | WANT_SQUARES,
};

struct pair {
    uint32_t filter; /* index into the stream's filters, or ASSAY_NONE */
    uint32_t column; /* index into the stream's columns, or ASSAY_NONE */
    enum pair_value value;
    uint32_t wants;          /* of any of its aggregates */
    uint32_t lifetime_wants; /* of those without a span */
    uint16_t passed_at[2];   /* where in a row its filter's bit lies, narrow and wide */
    uint8_t passed_mask;     /* 0: no filter */
    uint8_t group;           /* of packed lanes */
};

/** A window that is kept up with. */
struct lane {
    int64_t span_ms; /* 0: lifetime */
    int64_t delay_ms;
};

/** Totals that are kept of one pair: [first, + prompt) are those of lanes without delay. */
struct pair_totals {
    uint32_t first;
    uint32_t prompt;
};

/** A stream as the store sees it. Immutable. */
struct stream_layout {
    const struct assay_stream *stream;
    const struct assay_event_def *event;
    const struct pair *pairs;
    uint32_t pair_count;
    const struct assay_slab *slab; /* where texts and ties lie */
    struct assay_spill *spill;     /* where old chunks go; NULL: nowhere */
    uint32_t kept_chunks;          /* the newest sealed ones, which stay */
    /* Rows, narrow and wide. Behind the time a cell a column, the tie, a bit a filter. */
    uint16_t row_bytes[2];
    uint16_t tie_at[2]; /* 0: rows have none */
    uint16_t passed_at[2];
    uint16_t passed_bytes;
    bool narrows; /* rows may be narrow: there is no column of reals */
    uint32_t text_count;
    const uint32_t *texts; /* columns of text */
    bool folds;            /* over a lifetime only totals, extremes and edges are asked */
    /* Kept windows and totals; see features/lanes_pvt.h. Lanes without delay come first; totals lie
     * by pair, pairs with sums first. */
    bool keeps_lanes; /* some view profits */
    uint32_t lane_count;
    uint32_t prompt_count;
    uint32_t total_count;
    uint32_t sum_count; /* the first totals have a sum beside the number found */
    bool inline_lanes;  /* they lie behind the record's key */
    const struct lane *lanes;
    const struct pair_totals *pair_totals; /* one a pair */
    const uint32_t *total_pairs;           /* pair of each total */
    const uint32_t *lane_totals_first;     /* [lane, lane + 1): into lane_totals */
    const uint32_t *lane_totals;
    /* Packed lanes count what is found once a filter (a group), not once a pair. */
    bool packs;
    uint32_t group_count;
    const uint32_t *group_pairs_first; /* [group, group + 1): into group_pairs */
    const uint32_t *group_pairs;
    const uint32_t *total_packed; /* where packed lanes count what a total finds */
    const uint32_t *lane_spans;   /* span of each lane as packed lanes know it */
    bool is_plain;                /* every row counts, and of one column at most there are sums */
    uint32_t sum_pair_count;
    const uint32_t *sum_pairs; /* pairs that have sums */
    const struct lane_kernels *kernels;
    /* What totals of packed lanes say, as numbers: of each group the counts of all lanes, then of
     * each pair with sums its sums and its averages. */
    bool has_values;          /* every pair with sums has them of all lanes, and they are exact */
    uint32_t values_first;    /* among those of the entity */
    const double *sum_scales; /* 10 to the column's scale, one a pair with sums */
};

/** A sealed chunk, or a block of them, seen through one pair. */
struct summary {
    uint32_t passed; /* entries that pass the filter */
    uint32_t found;  /* of those, entries whose column is not null */
    uint8_t first;   /* chunk: position of the first and of the last found; only if found > 0 */
    uint8_t last;
    uint16_t unused;
    uint32_t distinct_count;
    union {
        assay_int128 sum;
        int64_t longest_ms; /* of events with WANT_GAPS: the longest gap between two */
    };
    assay_uint128 squares; /* their sum, if wanted: 2^11 entries of a block need 117 bits */
    union cell min;        /* only if found > 0; of events with WANT_GAPS: time of the first */
    union cell max;        /* likewise: time of the last */
    int64_t *values; /* different ones, if wanted; of a block NULL when listing them does not pay */
};

/** Some sealed chunks in a row, summed up once more: a cache, so it may be missing. */
struct block {
    uint32_t count;             /* chunks */
    uint32_t born;              /* the log's count of blocks then, this one included */
    struct summary summaries[]; /* one a pair */
};

/** What a chunk has when it is sealed. */
struct seal {
    struct block *opens;        /* block whose first chunk this is, or NULL */
    struct block *closes;       /* block whose last chunk this is, or NULL */
    struct summary summaries[]; /* one a pair */
};

/**
 * Rows in order. They are narrow where all that a chunk holds allows it: the time as what it is
 * beyond the chunk's, in 32 bits, cells in 32 bits, INT32_MIN for null. Else they are wide.
 */
struct chunk {
    int64_t base_ms;   /* narrow rows count from here */
    struct seal *seal; /* NULL: the chunk is open */
    uint8_t count;
    uint8_t capacity;
    uint8_t is_wide;
    uint8_t unused;
    uint32_t row_bytes;
    unsigned char rows[];
};

/** One logged event: row @p at of a chunk. */
struct row {
    const struct chunk *chunk; /* NULL: there is none */
    uint32_t at;
};

/** Totals of a pair over any set of events. */
struct tally {
    uint64_t found;
    uint64_t squares_high; /* the sum of squares: 2^32 of them need 138 bits */
    assay_uint128 squares;
    assay_int128 sum;
    union cell min; /* only if found > 0 */
    union cell max;
    struct row first; /* there may be none */
    struct row last;
};

/** What became of folded chunks, of one segment. */
struct base {
    struct base *next;
    int64_t member_ms;      /* time of one of its events: tells which segment it belongs to */
    struct tally tallies[]; /* one a pair; first and last lie in chunks of their own */
};

/** Chunks of a log. */
struct chunk_list {
    uint32_t capacity;
    struct chunk *at[];
};

struct log {
    struct chunk_list *list; /* all but the newest; NULL: none yet */
    struct chunk *newest;    /* the open one; NULL: there are none */
    uint32_t first;          /* list->at[first ...] are in use */
    uint32_t count;          /* of chunks, the newest included */
    uint32_t blocks;         /* built so far: a copy of the log knows by it which came later */
    uint32_t spill;          /* slab name of its struct log_spill; 0: nothing has moved */
    struct base *bases;
    struct lanes *lanes; /* NULL: none yet */
};

/** A run of touches, each at most `expire` after the one before. */
struct segment {
    int64_t start_ms;
    int64_t end_ms;
};

/**
 * The head of what is known of a key. What a reader's copy of it leads to is never changed, only
 * replaced, but for what features/reader.c copies with it (docs/design.md, "Readers").
 */
struct assay_record {
    struct index_item item; /* first: the index begins with it */
    /* Slab names of neighbours, or ASSAY_NONE: in the queue of `struct keys`, and in a list of
     * `struct expiry`. */
    uint32_t next;
    uint32_t previous;
    uint32_t later;
    uint32_t earlier;
    struct assay_seqlock lock; /* over all but the queues, the lists and the three below */
    uint16_t key_bytes;
    uint8_t entity;
    bool touched; /* by an event since the queue's hand came by, or since the first */
    int64_t newest_ms;
    uint32_t segment_count;
    uint32_t segment_capacity;
    struct segment *segments; /* the inline one until there are more */
    struct segment inline_segment;
    struct log
        logs[]; /* one a stream of the entity, in plan order; the key's bytes; inline lanes */
};

struct distinct_set;
struct lane_kernels;
struct lanes;
struct texts;

/** A place in a log: entry @p at of chunk @p chunk, counted from the log's first. */
struct position {
    uint32_t chunk;
    uint32_t at;
};

/** Does one place come before the other? */
static inline bool position_before(struct position a, struct position b)
{
    return a.chunk < b.chunk || (a.chunk == b.chunk && a.at < b.at);
}

struct range {
    struct position begin;
    struct position end; /* exclusive */
};

/** Memory and layout that logs are changed with. */
struct log_context {
    struct assay_slab *slab;
    struct texts *texts;
    const struct stream_layout *layout;
    const struct assay_record *record; /* its segments */
    int64_t horizon_ms;       /* no answerable read of a window sees an event at or before */
    struct distinct_set *set; /* to list a block's values with */
    struct lanes *work;       /* room for wide lanes to work with */
};

/** An insertion that is ready: nothing has changed yet, and nothing can fail any more. */
struct log_change {
    struct position position; /* where the entry will be */
    uint32_t fresh_count;     /* 0: in place in the open chunk */
    struct chunk *fresh[2];   /* what replaces chunk position.chunk (or the one before) */
    uint32_t replaced;
    struct chunk_list *list; /* what replaces the log's, where readers may hold that; or NULL */
};

/** Bytes of a list. */
static inline size_t chunk_list_bytes(uint32_t capacity)
{
    return sizeof(struct chunk_list) + capacity * sizeof(struct chunk *);
}

/** Chunk @p at of a log. */
static inline struct chunk *log_chunk(const struct log *log, uint32_t at)
{
    return at + 1 == log->count ? log->newest : log->list->at[log->first + at];
}

/** Row @p at of chunk @p chunk of a log. */
static inline struct row log_row(const struct log *log, struct position position)
{
    return (struct row){.chunk = log_chunk(log, position.chunk), .at = position.at};
}

/** The bytes of a row. */
static inline const unsigned char *row_start(struct row row)
{
    return row.chunk->rows + (size_t)row.at * row.chunk->row_bytes;
}

static inline int64_t row_time(struct row row)
{
    if (row.chunk->is_wide != 0) {
        int64_t time_ms = 0;
        memcpy(&time_ms, row_start(row), sizeof time_ms);
        return time_ms;
    }
    uint32_t beyond_ms = 0;
    memcpy(&beyond_ms, row_start(row), sizeof beyond_ms);
    return row.chunk->base_ms + beyond_ms;
}

/** Time of a chunk's first row; of a chunk that has moved it is known in memory. */
static inline int64_t chunk_first_ms(const struct stream_layout *layout, const struct chunk *chunk)
{
    return spill_holds(layout->spill, chunk) ? assay_spill_piece(layout->spill, chunk)->first_ms
                                             : row_time((struct row){.chunk = chunk});
}

/** Where a column's cell lies in a row. */
static inline size_t cell_place(bool is_wide, uint32_t column)
{
    return (column + 1U) * (is_wide ? sizeof(int64_t) : sizeof(int32_t));
}

/** A column's value, CELL_NULL for null. */
static inline union cell row_cell(struct row row, uint32_t column)
{
    const bool is_wide = row.chunk->is_wide != 0;
    const unsigned char *place = row_start(row) + cell_place(is_wide, column);
    union cell cell = {0};
    if (is_wide) {
        memcpy(&cell, place, sizeof cell);
        return cell;
    }
    int32_t narrow = 0;
    memcpy(&narrow, place, sizeof narrow);
    cell.integer = narrow == INT32_MIN ? CELL_NULL : narrow;
    return cell;
}

/** The pair's column; it has one. */
static inline union cell pair_cell(const struct pair *pair, struct row row)
{
    ASSAY_DASSERT(pair->column != ASSAY_NONE);
    return row_cell(row, pair->column);
}

/** Does the row pass the pair's filter? */
static inline bool pair_passes(const struct pair *pair, struct row row)
{
    return pair->passed_mask == 0 ||
           (row_start(row)[pair->passed_at[row.chunk->is_wide]] & pair->passed_mask) != 0;
}

/** Does it, and is its column not null? */
static inline bool pair_finds(const struct pair *pair, struct row row)
{
    return pair_passes(pair, row) &&
           (pair->column == ASSAY_NONE || pair_cell(pair, row).integer != CELL_NULL);
}

/* Blocks of a chunk that has moved are known in memory: a walk over blocks reads no disk. */

static inline struct block *block_named(const struct stream_layout *layout, uint32_t name)
{
    return name == 0 ? NULL : assay_slab_at(layout->slab, name);
}

/** The block that a chunk opens, or NULL. A reader may ask while blocks are built and dropped. */
static inline struct block *chunk_opens(const struct stream_layout *layout,
                                        const struct chunk *chunk)
{
    if (spill_holds(layout->spill, chunk)) {
        return block_named(layout, assay_spill_piece(layout->spill, chunk)->opens);
    }
    return chunk->seal == NULL ? NULL : __atomic_load_n(&chunk->seal->opens, __ATOMIC_ACQUIRE);
}

/** The block that it closes, or NULL. */
static inline struct block *chunk_closes(const struct stream_layout *layout,
                                         const struct chunk *chunk)
{
    if (spill_holds(layout->spill, chunk)) {
        return block_named(layout, assay_spill_piece(layout->spill, chunk)->closes);
    }
    return chunk->seal == NULL ? NULL : __atomic_load_n(&chunk->seal->closes, __ATOMIC_ACQUIRE);
}

/* row.c */

/** Order of two rows of one stream: time, then tie bytes, a prefix first (unordered streams have
 * none). */
int assay_row_order(const struct stream_layout *layout, struct row a, struct row b);
/** The same for rows of two streams of one store. */
int assay_row_order_across(const struct stream_layout *a_layout, struct row a,
                           const struct stream_layout *b_layout, struct row b);
/** The bytes of a text column; it is not null. They live as long as the row. */
struct assay_str assay_row_text(const struct stream_layout *layout, struct row row,
                                uint32_t column);
/** The bytes that order the row among those of its time; none if the stream is not ordered. */
struct assay_str assay_row_tie(const struct stream_layout *layout, struct row row);
/** Do the row's cells fit a narrow row? */
bool assay_row_narrows(const struct stream_layout *layout, struct row row);
/** Write a row that fits at place @p at of a chunk of either form. What it names is not counted. */
void assay_row_write(const struct stream_layout *layout, struct chunk *chunk, uint32_t at,
                     struct row row);
/** One more row needs the row's texts and tie. */
void assay_row_retain(const struct log_context *context, struct row row);
/** One row less does. */
void assay_row_release(const struct log_context *context, struct row row);

/* log.c */

/** The place behind the newest entry. */
struct position assay_log_end(const struct log *log);
/** The first place whose time is greater than @p time_ms. */
struct position assay_log_after(const struct stream_layout *layout, const struct log *log,
                                int64_t time_ms);
/**
 * Make an insertion ready: make room, retire what lies behind the horizon, write replacements.
 *
 * @return false when memory is full: the log holds what it held.
 */
bool assay_log_prepare(const struct log_context *context, struct log *log, struct row row,
                       struct log_change *change);
/** Do it; takes the row's texts and tie over. */
void assay_log_commit(const struct log_context *context, struct log *log, struct row row,
                      struct log_change *change);
/** Let it be. */
void assay_log_abandon(const struct log_context *context, struct log_change *change);
/** Free everything of a log. */
void assay_log_free(const struct log_context *context, struct log *log);

/* spill_move.c */

/** Chunks beyond the newest move where the log has too many. Nothing that can be read changes, but
 * for addresses of sealed chunks. Cost: a few chunks are copied. */
void assay_log_spill(const struct log_context *context, struct log *log);
/** Have chunk @p index in memory again, if it has moved. @return false: memory is full. */
bool assay_log_return(const struct log_context *context, struct log *log, uint32_t index);
/** Chunk @p index is now @p count chunks: 0 when it went. */
void assay_log_moved(const struct log_context *context, const struct log *log, uint32_t index,
                     uint32_t count);
/** The log is about to go; all its chunks have. */
void assay_log_leave(const struct log_context *context, struct log *log);
/** Chunks that the newest @p bytes of a stream's rows fill. */
uint32_t assay_spill_kept_chunks(const struct stream_layout *layout, size_t bytes);

/* chunk.c */

/** An empty open chunk with room for at least @p capacity rows; NULL: memory is full. */
struct chunk *assay_chunk_create(const struct log_context *context, uint32_t capacity,
                                 bool is_wide);
/** Can the form of an open chunk hold the row, beside those it has? */
bool assay_chunk_takes(const struct log_context *context, const struct chunk *chunk,
                       struct row row);
/** Make room at @p at and write a row there that the chunk takes; it is open and not full. */
void assay_chunk_insert(const struct log_context *context, struct chunk *chunk, uint32_t at,
                        struct row row);
/** Take the first @p count rows out, which nobody needs any more; the chunk is open. */
void assay_chunk_shift(struct chunk *chunk, uint32_t count);
/** Some rows, and one more among them or not. */
struct chunk_source {
    const struct chunk *chunk; /* [from, to) of it, as they are with... */
    uint32_t from;
    uint32_t to;
    struct row row; /* ... this one at @p place; or none */
    uint32_t place;
};
/** Rows in a new open chunk, narrow if they can be; NULL: memory is full. */
struct chunk *assay_chunk_copy(const struct log_context *context, const struct chunk_source *source,
                               uint32_t capacity);
/** Bytes of a chunk with so many rows. */
static inline size_t chunk_bytes(const struct stream_layout *layout, uint32_t capacity,
                                 bool is_wide)
{
    return sizeof(struct chunk) + (size_t)capacity * layout->row_bytes[is_wide ? 1 : 0];
}
/** Bytes of a chunk's seal. */
static inline size_t seal_bytes(const struct stream_layout *layout)
{
    return sizeof(struct seal) + layout->pair_count * sizeof(struct summary);
}
/** Give a chunk back, its seal too, but not what its rows name. */
void assay_chunk_free(const struct log_context *context, struct chunk *chunk);
/** Give it back with what all its rows name. */
void assay_chunk_drop(const struct log_context *context, struct chunk *chunk);
/** Summarise a chunk; from here it is immutable. @return false when memory is full. */
bool assay_chunk_seal(const struct log_context *context, struct chunk *chunk);

/* block.c */

/** Sum up chunks [from, from + count), all sealed; without memory there is no block. */
void assay_block_build(const struct log_context *context, struct log *log, uint32_t from,
                       uint32_t count);
/** Drop the block that chunk @p from opens. */
void assay_block_drop(const struct log_context *context, struct log *log, uint32_t from);
/** The chunk that opens the block which holds chunk @p index, or ASSAY_NONE. */
uint32_t assay_block_of(const struct stream_layout *layout, const struct log *log, uint32_t index);

/* tally.c */

/** Add a row; in any order. */
void assay_tally_row(const struct stream_layout *layout, struct tally *tally,
                     const struct pair *pair, uint32_t wants, struct row row);
/** Take a row out of number found and sum again. */
void assay_tally_remove(struct tally *tally, const struct pair *pair, struct row row);
/** Add a sealed chunk as a whole, but not its edges. */
void assay_tally_summary(struct tally *tally, const struct pair *pair, uint32_t wants,
                         const struct summary *summary);
/** Let the edges reach to these rows as well; in any order. */
void assay_tally_stretch(const struct stream_layout *layout, struct tally *tally, uint32_t wants,
                         struct row first, struct row last);
/** Add other totals of the same pair; in any order. */
void assay_tally_merge(const struct stream_layout *layout, struct tally *tally,
                       const struct pair *pair, uint32_t wants, const struct tally *other);

/* rhythm.c */

/** Events that follow each other and the gaps between them; an empty one is all zero. */
struct gaps {
    uint64_t found;
    int64_t first_ms; /* only if found > 0 */
    int64_t last_ms;
    int64_t longest_ms;
    assay_uint128 squares; /* of the gaps: at most the square of the whole span, below 2^110 */
};

/** Add an event that is not older than those before. */
void assay_gaps_event(struct gaps *gaps, int64_t time_ms);
/** Add a sealed chunk or a block that is not older than what came before. */
void assay_gaps_summary(struct gaps *gaps, const struct summary *summary);
/** Keep them in the summary of a pair that has WANT_GAPS. */
void assay_gaps_keep(const struct gaps *gaps, struct summary *summary);

/* fold.c */

/** Move a sealed chunk's totals into bases. @return false: memory is full, nothing is lost. */
bool assay_fold_chunk(const struct log_context *context, struct log *log,
                      const struct chunk *chunk);
/** Free all bases of a log. */
void assay_fold_free(const struct log_context *context, struct log *log);

/* segment.c */

/** The last segment that starts at or before @p time_ms, or ASSAY_NONE. */
uint32_t assay_segment_at(const struct assay_record *record, int64_t time_ms);
/** Make room for a touch, forgetting segments that end at or before @p forget_ms if it takes one
 * more. */
bool assay_segment_reserve(struct assay_slab *slab, struct assay_record *record, int64_t time_ms,
                           int64_t expire_ms, int64_t forget_ms);
/** Add a touch: it extends a segment, joins two, or stands alone. @p expire_ms 0: never cut. */
void assay_segment_touch(struct assay_record *record, int64_t time_ms, int64_t expire_ms);
/** Start of what the key remembers as of a time; INT64_MAX: nothing. */
int64_t assay_segment_since(const struct assay_record *record, int64_t at_ms, int64_t expire_ms);
/** Give the segments back. */
void assay_segment_free(struct assay_slab *slab, struct assay_record *record);

/* distinct.c */

/** An exact set of values, which are cells, in its own reserved region; empty again for every
 * count. */
struct distinct_set {
    int64_t *region; /* a table of n slots occupies [n, 2n); CELL_NULL: free */
    size_t region_bytes;
    size_t capacity;
    size_t used;
    uint64_t seed;
};

/** Reserve room for as many values as fit @p entries_max. */
bool assay_distinct_init(struct distinct_set *set, size_t entries_max, uint64_t seed);
void assay_distinct_fini(struct distinct_set *set);
void assay_distinct_clear(struct distinct_set *set);
/** All values, @p out with room for set->used of them. */
void assay_distinct_list(const struct distinct_set *set, int64_t out[]);
void assay_distinct_add(struct distinct_set *set, int64_t value);

#endif
