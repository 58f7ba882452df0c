/*
 * features/index_pvt.h - the index of a store: from a key's hash to its record.
 *
 * A bucket is one cache line of twelve slots. A slot is a tag, eight bits of the hash, and a
 * reference, the 32-bit name of a record in the slab. A look-up compares the twelve tags at once
 * and goes to a record only where one agrees; the caller then compares keys. So a key that is there
 * costs two lines, and one that is not costs one line, nearly always.
 *
 *   bucket  | tag x 12 | overflow | passed | reference x 12 |  = 64 bytes: 8 a key when 2/3 full
 *
 * The other half of the hash, the place, lies in the record itself. Its upper bits choose the home
 * bucket. A key whose home is full tries the buckets 1, 3, 6, 10 ... after it (so all are reached,
 * and full ones do not heap up). `overflow` of every bucket on its way counts it and `passed` notes
 * four bits of its tag: a look-up goes on only past a bucket that notes its own. Erasing counts
 * down; the notes go when nothing is left to count. There are no tombstones.
 *
 * Growth: a table of twice as many buckets beside the old one. Home b of the old table becomes
 * homes 2b and 2b + 1. With every new key one home moves, in ascending order, so that no event
 * waits for millions of keys and the new table is touched from its beginning on. `moved` says which
 * homes have gone; a key is in exactly one of the tables, and its place tells which.
 *
 * Readers look keys up beside the writer (features/index_read_pvt.h):
 *   - the writer stores the reference, then the tag (release); it counts and notes who passes by
 *     before either, and counts down after. A reader loads the tags as two words and compares the
 *     key of whatever record it is led to, so a slot that is used again cannot deceive it;
 *   - the tables change, and homes move, inside `moves`, a seqlock: a reader that finds nothing
 *     looks again when it is not what it was. A key that moves is put before it is dropped;
 *   - an outgrown table and an erased record are freed into a shared slab.
 *
 * Discipline: single writer, the shard's owner thread. Memory: the slab's.
 */
#ifndef ASSAY_FEATURES_INDEX_PVT_H
#define ASSAY_FEATURES_INDEX_PVT_H

#include "engine/base/assert.h"
#include "engine/sync/seqlock.h"
#include "features/slab.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
    INDEX_SLOTS = 12,
    INDEX_SLOTS_MASK = (1 << INDEX_SLOTS) - 1,
    INDEX_BITS_MIN = 6, /* of the smallest table: a page */
    INDEX_BITS_MAX = 30,
    INDEX_OVERFLOW_MAX = UINT16_MAX, /* many or more: counts neither up nor down from there */
};

struct index_bucket {
    uint8_t tags[INDEX_SLOTS]; /* 0: free */
    uint16_t overflow;         /* keys that passed by because it was full */
    uint16_t passed;           /* bit t: of those, some whose tag ends in t */
    uint32_t refs[INDEX_SLOTS];
};

/** What an indexed thing begins with. It lies in the index's slab. */
struct index_item {
    uint32_t place; /* index_place() of its hash */
};

struct index_table {
    struct index_bucket *buckets; /* NULL: no table */
    uint32_t bits;                /* log2 of how many */
};

struct index {
    struct assay_slab *slab;
    struct index_table table;
    struct index_table old;     /* while growing */
    uint32_t moved;             /* homes of the old table below this are in the new one */
    struct assay_seqlock moves; /* over the three */
    /* What is above changes seldom and readers look at it; what is below changes with every key. */
    unsigned char apart[ASSAY_SLAB_LINE_BYTES];
    uint64_t count;
    uint64_t growths;
};

/** Candidates of one hash, one after the other. */
struct index_cursor {
    const struct assay_slab *slab;
    const struct index_bucket *buckets;
    uint32_t mask;  /* of bucket numbers */
    uint32_t at;    /* the bucket being looked at */
    uint32_t hits;  /* its slots that are still to be seen */
    uint32_t slot;  /* of the candidate last seen */
    uint32_t steps; /* buckets gone past */
    uint8_t tag;
    bool goes_on; /* a reader's: the bucket notes its tag */
};

/** How far keys lie from home. */
struct index_probes {
    uint64_t keys;
    uint64_t looked_sum; /* buckets that finding each key once looks at */
    uint64_t looked_max;
};

static inline uint8_t index_tag(uint64_t hash)
{
    const uint8_t tag = (uint8_t)(hash >> 32);
    return tag == 0 ? 1 : tag;
}

static inline uint32_t index_place(uint64_t hash)
{
    return (uint32_t)hash;
}

/** Set of slots with that tag; @p tag 0 finds the free ones. The portable form of index_match(). */
static inline uint32_t index_match_scalar(const struct index_bucket *bucket, uint8_t tag)
{
    uint32_t hits = 0;
    for (uint32_t slot = 0; slot < INDEX_SLOTS; slot++) {
        hits |= (bucket->tags[slot] == tag ? UINT32_C(1) : 0) << slot;
    }
    return hits;
}

/** The same, as fast as this machine can. */
static inline uint32_t index_match(const struct index_bucket *bucket, uint8_t tag)
{
#if defined(__SSE2__)
    const __m128i tags = _mm_load_si128((const __m128i *)(const void *)bucket);
    const __m128i equal = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (uint32_t)_mm_movemask_epi8(equal) & INDEX_SLOTS_MASK;
#else
    return index_match_scalar(bucket, tag);
#endif
}

static inline uint32_t index_home(const struct index_table *table, uint32_t place)
{
    return place >> (32 - table->bits);
}

/** May a key of that tag have passed by the bucket? */
static inline bool index_goes_on(const struct index_bucket *bucket, uint8_t tag)
{
    return (bucket->passed >> (tag & 15) & 1) != 0;
}

/** The table that holds whatever has this place. */
static inline const struct index_table *index_table_of(const struct index *index, uint32_t place)
{
    return index->old.buckets != NULL && index_home(&index->old, place) >= index->moved
               ? &index->old
               : &index->table;
}

/** Begin to look for a hash; reads one bucket. */
static inline struct index_cursor index_seek(const struct index *index, uint64_t hash)
{
    const struct index_table *table = index_table_of(index, index_place(hash));
    struct index_cursor cursor = {
        .slab = index->slab,
        .buckets = table->buckets,
        .mask = (uint32_t)((UINT64_C(1) << table->bits) - 1),
        .at = index_home(table, index_place(hash)),
        .tag = index_tag(hash),
    };
    cursor.hits = index_match(&cursor.buckets[cursor.at], cursor.tag);
    return cursor;
}

/** The next item whose tag agrees, or NULL; the caller sees whether it is the right one. */
static inline void *index_next(struct index_cursor *cursor)
{
    while (cursor->hits == 0) {
        if (!index_goes_on(&cursor->buckets[cursor->at], cursor->tag) ||
            cursor->steps == cursor->mask) {
            return NULL;
        }
        cursor->at = (cursor->at + ++cursor->steps) & cursor->mask;
        cursor->hits = index_match(&cursor->buckets[cursor->at], cursor->tag);
    }
    cursor->slot = (uint32_t)__builtin_ctz(cursor->hits);
    cursor->hits &= cursor->hits - 1;
    return assay_slab_at(cursor->slab, cursor->buckets[cursor->at].refs[cursor->slot]);
}

/**
 * Fetch a cache line. gcc takes a function that only prefetches for one that does nothing and drops
 * the calls to it; the empty statement says that it does something.
 */
static inline void index_fetch(const void *line)
{
    __builtin_prefetch(line);
    __asm__ volatile("");
}

/** The same for a line that will be written. */
static inline void index_fetch_to_write(const void *line)
{
    __builtin_prefetch(line, 1);
    __asm__ volatile("");
}

/** Fetch the bucket that index_seek() will read. */
static inline void index_prefetch(const struct index *index, uint64_t hash)
{
    const struct index_table *table = index_table_of(index, index_place(hash));
    index_fetch(&table->buckets[index_home(table, index_place(hash))]);
}

/**
 * Once the bucket is there: fetch the heads of the records that its tags name, of @p lines cache
 * lines each.
 *
 * @return true when there are none, but a key of that hash may have passed by: the next bucket is
 *         on its way, and index_prefetch_passed() goes on from it.
 */
static inline bool index_prefetch_items(const struct index *index, uint64_t hash, uint32_t lines)
{
    const struct index_cursor cursor = index_seek(index, hash);
    const struct index_bucket *home = &cursor.buckets[cursor.at];
    for (uint32_t hits = cursor.hits; hits != 0; hits &= hits - 1) {
        const char *item = assay_slab_at(cursor.slab, home->refs[__builtin_ctz(hits)]);
        for (uint32_t line = 0; line < lines; line++) {
            index_fetch_to_write(item + line * (size_t)ASSAY_SLAB_LINE_BYTES);
        }
    }
    if (cursor.hits != 0 || !index_goes_on(home, cursor.tag)) {
        return false;
    }
    index_fetch(&cursor.buckets[(cursor.at + 1) & cursor.mask]);
    return true;
}

/** The same for the first record that lies further from home. */
static inline void index_prefetch_passed(const struct index *index, uint64_t hash, uint32_t lines)
{
    struct index_cursor cursor = index_seek(index, hash);
    const char *item = index_next(&cursor);
    for (uint32_t line = 0; item != NULL && line < lines; line++) {
        index_fetch_to_write(item + line * (size_t)ASSAY_SLAB_LINE_BYTES);
    }
}

/** An empty index. @return false when the slab is full. */
bool assay_index_init(struct index *index, struct assay_slab *slab);
/**
 * Make room for one more item, and move one home if a growth is under way.
 *
 * @return false when the table is all but full and memory is too: everything is found as before.
 * Cost: at most one home, about ten items, beside a new table that is not touched for it.
 */
bool assay_index_reserve(struct index *index);
/** Add an item that is not there, after assay_index_reserve(). Sets its place. */
void assay_index_insert(struct index *index, uint64_t hash, struct index_item *item);
/** Take an item out that is there; @p hash is the one that it was added with. */
void assay_index_erase(struct index *index, uint64_t hash, const struct index_item *item);
/**
 * The next item of a walk over all of them, each once, in no order; NULL: no more.
 *
 * @param[in,out] at 0 to begin with; the index must not change meanwhile.
 */
void *assay_index_walk(const struct index *index, size_t *at);
/** Bytes of its tables. */
size_t assay_index_bytes(const struct index *index);
/** Count what finding every key looks at. Cost: a pass over all items. */
void assay_index_probes(const struct index *index, struct index_probes *out);

#endif
