#include "features/log_pvt.h"

#include <sys/mman.h>

/*
 * Counting distinct values without malloc: a table grows inside address space that was reserved for
 * the most values a store can hold. A table of n slots lies at [n, 2n), so that the next larger one
 * is apart from it and the small ones, which nearly every count needs, stay warm.
 */

enum { SLOTS_MIN = 64 };

bool assay_distinct_init(struct distinct_set *set, size_t entries_max, uint64_t seed)
{
    size_t slots = SLOTS_MIN;
    while (slots < 2 * entries_max) {
        slots *= 2;
    }
    *set = (struct distinct_set){.region_bytes = 2 * slots * sizeof(int64_t), .seed = seed};
    void *region = mmap(NULL, set->region_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
        return false;
    }
    set->region = region;
    return true;
}

void assay_distinct_fini(struct distinct_set *set)
{
    if (set->region != NULL) {
        (void)munmap(set->region, set->region_bytes);
        set->region = NULL;
    }
}

static int64_t *table(const struct distinct_set *set)
{
    return set->region + set->capacity;
}

static void open_table(struct distinct_set *set, size_t capacity)
{
    ASSAY_ASSERT(2 * capacity * sizeof(int64_t) <= set->region_bytes);
    set->capacity = capacity;
    int64_t *slots = table(set);
    for (size_t i = 0; i < capacity; i++) {
        slots[i] = CELL_NULL;
    }
}

void assay_distinct_clear(struct distinct_set *set)
{
    ASSAY_ASSERT(set->region != NULL);
    set->used = 0;
    open_table(set, SLOTS_MIN);
}

/* The seed keeps hostile values from sharing a slot. */
static size_t slot_of(const struct distinct_set *set, int64_t value)
{
    uint64_t mixed = ((uint64_t)value ^ set->seed) * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= mixed >> 32;
    mixed *= UINT64_C(0xD6E8FEB86659FD93);
    mixed ^= mixed >> 32;
    return mixed & (set->capacity - 1);
}

static void put(struct distinct_set *set, int64_t value)
{
    int64_t *slots = table(set);
    size_t at = slot_of(set, value);
    while (slots[at] != CELL_NULL && slots[at] != value) {
        at = (at + 1) & (set->capacity - 1);
    }
    set->used += slots[at] == CELL_NULL ? 1 : 0;
    slots[at] = value;
}

static void grow(struct distinct_set *set)
{
    const int64_t *old = table(set);
    const size_t count = set->capacity;
    open_table(set, 2 * count);
    set->used = 0;
    for (size_t i = 0; i < count; i++) {
        if (old[i] != CELL_NULL) {
            put(set, old[i]);
        }
    }
}

void assay_distinct_add(struct distinct_set *set, int64_t value)
{
    put(set, value);
    if (2 * set->used > set->capacity) {
        grow(set);
    }
}

void assay_distinct_list(const struct distinct_set *set, int64_t out[])
{
    size_t count = 0;
    for (size_t i = 0; i < set->capacity; i++) {
        if (table(set)[i] != CELL_NULL) {
            out[count++] = table(set)[i];
        }
    }
    ASSAY_ASSERT(count == set->used);
}
