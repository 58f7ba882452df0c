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
    *set = (struct distinct_set){.region_bytes = 2 * slots * sizeof(struct distinct_slot),
                                 .seed = seed};
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

static struct distinct_slot *table(const struct distinct_set *set)
{
    return set->region + set->capacity;
}

static void open_table(struct distinct_set *set, size_t capacity)
{
    ASSAY_ASSERT(2 * capacity * sizeof(struct distinct_slot) <= set->region_bytes);
    set->capacity = capacity;
    memset(table(set), 0, capacity * sizeof(struct distinct_slot));
}

void assay_distinct_clear(struct distinct_set *set)
{
    ASSAY_ASSERT(set->region != NULL);
    set->used = 0;
    open_table(set, SLOTS_MIN);
}

/* The seed keeps hostile values from sharing a slot. */
static size_t slot_of(const struct distinct_set *set, const struct identity *identity)
{
    uint64_t mixed = (identity->low ^ set->seed) * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= (mixed >> 32) ^ identity->high;
    mixed *= UINT64_C(0xD6E8FEB86659FD93);
    mixed ^= mixed >> 32;
    return mixed & (set->capacity - 1);
}

static void grow(struct distinct_set *set)
{
    const struct distinct_slot *old = table(set);
    const size_t count = set->capacity;
    open_table(set, 2 * count);
    for (size_t i = 0; i < count; i++) {
        if (old[i].entry == NULL) {
            continue;
        }
        size_t at = slot_of(set, &old[i].identity);
        while (table(set)[at].entry != NULL) {
            at = (at + 1) & (set->capacity - 1);
        }
        table(set)[at] = old[i];
    }
}

void assay_distinct_add(struct distinct_set *set, const struct pair *pair,
                        const struct identity *identity, const struct log_entry *entry)
{
    struct distinct_slot *slots = table(set);
    size_t at = slot_of(set, identity);
    while (slots[at].entry != NULL) {
        if (slots[at].identity.low == identity->low && slots[at].identity.high == identity->high &&
            (identity_is_exact(identity) || assay_text_equal(pair, slots[at].entry, entry))) {
            return;
        }
        at = (at + 1) & (set->capacity - 1);
    }
    slots[at] = (struct distinct_slot){.identity = *identity, .entry = entry};
    set->used++;
    if (2 * set->used > set->capacity) {
        grow(set);
    }
}

void assay_distinct_list(const struct distinct_set *set, struct distinct_slot out[])
{
    size_t count = 0;
    for (size_t i = 0; i < set->capacity; i++) {
        if (table(set)[i].entry != NULL) {
            out[count++] = table(set)[i];
        }
    }
    ASSAY_ASSERT(count == set->used);
}
