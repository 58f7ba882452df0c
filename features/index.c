#include "features/index_pvt.h"

/* Grow at 27/32 full. Where there is no memory for a larger table, go on to 15/16. */
enum { LOAD_GROW = 27, LOAD_MAX = 30, LOAD_UNITS = 32 };

static_assert(sizeof(struct index_bucket) == ASSAY_SLAB_LINE_BYTES, "a bucket is a cache line");

static size_t table_bytes(uint32_t bits)
{
    return sizeof(struct index_bucket) << bits;
}

static uint32_t table_mask(const struct index_table *table)
{
    return (uint32_t)((UINT64_C(1) << table->bits) - 1);
}

/* Keys that a table takes at most, for a load in 32nds. */
static uint64_t room_of(const struct index_table *table, uint32_t load)
{
    return ((uint64_t)INDEX_SLOTS << table->bits) * load / LOAD_UNITS;
}

bool assay_index_init(struct index *index, struct assay_slab *slab)
{
    *index = (struct index){.slab = slab, .table = {.bits = INDEX_BITS_MIN}};
    index->table.buckets = assay_slab_alloc_zero(slab, table_bytes(INDEX_BITS_MIN));
    return index->table.buckets != NULL;
}

/* A count that has come to its end stays there: too many keys to tell. */
static uint16_t counted(uint16_t overflow, int change)
{
    return overflow == INDEX_OVERFLOW_MAX ? overflow : (uint16_t)(overflow + change);
}

/* Add to the first bucket with room from home on; each that it passes by counts it. */
static void put(const struct index_table *table, uint32_t place, uint8_t tag, uint32_t ref)
{
    const uint32_t mask = table_mask(table);
    uint32_t at = index_home(table, place);
    uint32_t steps = 0;
    uint32_t free_slots = index_match(&table->buckets[at], 0);
    while (free_slots == 0) {
        struct index_bucket *full = &table->buckets[at];
        full->overflow = counted(full->overflow, 1);
        full->passed = (uint16_t)(full->passed | 1U << (tag & 15));
        ASSAY_ASSERT(steps < mask);
        at = (at + ++steps) & mask;
        free_slots = index_match(&table->buckets[at], 0);
    }
    const uint32_t slot = (uint32_t)__builtin_ctz(free_slots);
    /* Release: readers that come by the tag see the reference, and by that the record. */
    __atomic_store_n(&table->buckets[at].refs[slot], ref, __ATOMIC_RELEASE);
    __atomic_store_n(&table->buckets[at].tags[slot], tag, __ATOMIC_RELEASE);
}

/* Free a slot; the buckets from the key's home up to it count one less. */
static void drop(const struct index_table *table, uint32_t home, uint32_t at, uint32_t slot)
{
    const uint32_t mask = table_mask(table);
    __atomic_store_n(&table->buckets[at].tags[slot], 0, __ATOMIC_RELEASE);
    uint32_t steps = 0;
    for (uint32_t b = home; b != at; b = (b + ++steps) & mask) {
        ASSAY_DASSERT(table->buckets[b].overflow > 0);
        table->buckets[b].overflow = counted(table->buckets[b].overflow, -1);
        table->buckets[b].passed = table->buckets[b].overflow == 0 ? 0 : table->buckets[b].passed;
    }
}

static const struct index_item *item_of(const struct index *index,
                                        const struct index_bucket *bucket, uint32_t slot)
{
    return assay_slab_at(index->slab, bucket->refs[slot]);
}

static uint32_t taken(const struct index_bucket *bucket)
{
    return ~index_match(bucket, 0) & INDEX_SLOTS_MASK;
}

/* Move everything of one home of the old table. Its bucket may hold keys of other homes, and
 * others some of its own. */
static void move_home(struct index *index, uint32_t home)
{
    const struct index_table *old = &index->old;
    const uint32_t mask = table_mask(old);
    uint32_t at = home;
    uint32_t steps = 0;
    bool more = true;
    while (more) {
        const struct index_bucket *bucket = &old->buckets[at];
        more = bucket->overflow != 0 && steps < mask; /* before what follows is counted down */
        for (uint32_t left = taken(bucket); left != 0; left &= left - 1) {
            const uint32_t slot = (uint32_t)__builtin_ctz(left);
            const uint32_t place = item_of(index, bucket, slot)->place;
            if (index_home(old, place) == home) {
                put(&index->table, place, bucket->tags[slot], bucket->refs[slot]);
                drop(old, home, at, slot);
            }
        }
        at = (at + ++steps) & mask;
    }
}

/* The next home moves with the next new key; its records' places arrive in the meantime. */
static void prefetch_places(const struct index *index)
{
    const struct index_bucket *bucket = &index->old.buckets[index->moved];
    for (uint32_t left = taken(bucket); left != 0; left &= left - 1) {
        index_fetch(item_of(index, bucket, (uint32_t)__builtin_ctz(left)));
    }
    index_fetch(&bucket[index->moved == table_mask(&index->old) ? 0 : 1]);
    index_fetch(&index->table.buckets[2 * (uint64_t)index->moved]);
    index_fetch(&index->table.buckets[2 * (uint64_t)index->moved + 1]);
}

static void move_some(struct index *index)
{
    assay_seqlock_open(&index->moves);
    move_home(index, index->moved);
    const bool ends = index->moved++ == table_mask(&index->old);
    if (ends) {
        assay_slab_free(index->slab, index->old.buckets, table_bytes(index->old.bits));
        index->old = (struct index_table){0};
    }
    assay_seqlock_close(&index->moves);
    if (!ends) {
        prefetch_places(index);
    }
}

bool assay_index_reserve(struct index *index)
{
    if (index->old.buckets != NULL) {
        move_some(index);
    }
    const uint32_t bits = index->table.bits;
    if (index->count < room_of(&index->table, LOAD_GROW)) {
        return true;
    }
    /* There were fewer homes to move than keys have come since: all have moved. */
    ASSAY_ASSERT(index->old.buckets == NULL);
    struct index_bucket *buckets =
        bits == INDEX_BITS_MAX ? NULL : assay_slab_alloc_zero(index->slab, table_bytes(bits + 1));
    if (buckets == NULL) {
        return index->count < room_of(&index->table, LOAD_MAX);
    }
    assay_seqlock_open(&index->moves);
    index->old = index->table;
    index->table = (struct index_table){.buckets = buckets, .bits = bits + 1};
    index->moved = 0;
    assay_seqlock_close(&index->moves);
    index->growths++;
    prefetch_places(index);
    return true;
}

void assay_index_insert(struct index *index, uint64_t hash, struct index_item *item)
{
    item->place = index_place(hash);
    put(index_table_of(index, item->place), item->place, index_tag(hash),
        assay_slab_ref(index->slab, item));
    index->count++;
}

void assay_index_erase(struct index *index, uint64_t hash, const struct index_item *item)
{
    const struct index_table *table = index_table_of(index, index_place(hash));
    struct index_cursor cursor = index_seek(index, hash);
    const void *found = index_next(&cursor);
    while (found != NULL && found != item) {
        found = index_next(&cursor);
    }
    ASSAY_ASSERT(found != NULL);
    drop(table, index_home(table, index_place(hash)), cursor.at, cursor.slot);
    index->count--;
}

static size_t slots_of(const struct index_table *table)
{
    return table->buckets == NULL ? 0 : (size_t)INDEX_SLOTS << table->bits;
}

void *assay_index_walk(const struct index *index, size_t *at)
{
    const size_t older = slots_of(&index->old);
    const size_t all = older + slots_of(&index->table);
    while (*at < all) {
        const struct index_table *table = *at < older ? &index->old : &index->table;
        const size_t i = *at < older ? *at : *at - older;
        const struct index_bucket *bucket = &table->buckets[i / INDEX_SLOTS];
        (*at)++;
        if (bucket->tags[i % INDEX_SLOTS] != 0) {
            return assay_slab_at(index->slab, bucket->refs[i % INDEX_SLOTS]);
        }
    }
    return NULL;
}

size_t assay_index_bytes(const struct index *index)
{
    return table_bytes(index->table.bits) +
           (index->old.buckets == NULL ? 0 : table_bytes(index->old.bits));
}

static void probes_of(const struct index *index, const struct index_table *table,
                      struct index_probes *out)
{
    for (uint32_t at = 0; table->buckets != NULL; at++) {
        const struct index_bucket *bucket = &table->buckets[at];
        for (uint32_t left = taken(bucket); left != 0; left &= left - 1) {
            const uint32_t place = item_of(index, bucket, (uint32_t)__builtin_ctz(left))->place;
            uint64_t looked = 1;
            for (uint32_t b = index_home(table, place); b != at; looked++) {
                b = (b + (uint32_t)looked) & table_mask(table);
            }
            out->keys++;
            out->looked_sum += looked;
            out->looked_max = looked > out->looked_max ? looked : out->looked_max;
        }
        if (at == table_mask(table)) {
            return;
        }
    }
}

void assay_index_probes(const struct index *index, struct index_probes *out)
{
    *out = (struct index_probes){0};
    probes_of(index, &index->old, out);
    probes_of(index, &index->table, out);
}
