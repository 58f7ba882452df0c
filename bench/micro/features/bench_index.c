/*
 * bench_index - what it costs to find a key, and to find that it is new and add it: ns of CPU time
 * and bytes a key, for the store's index and for the plain table of 16-byte slots that it replaced.
 * Keys are met in random order; "grouped" fetches sixteen at a time, as the store does. One JSON
 * object a result on stdout.
 */
#include "engine/base/hash.h"
#include "features/index_pvt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GROUP = 16, RECORD_BYTES = 176, MOVE_SLOTS = 16, PLAIN_FIRST = 1024 };

struct record {
    struct index_item item;
    uint32_t touched;
    uint64_t key;
    unsigned char rest[RECORD_BYTES - 16];
};

/* --- the plain table: open addressing, half full at most, grown a few slots at a time --------- */

struct plain_slot {
    uint64_t hash;
    struct record *record;
};

struct plain {
    struct plain_slot *slots, *old;
    size_t capacity, old_capacity, moved, count;
};

static struct plain_slot *plain_probe(struct plain_slot *slots, size_t capacity, uint64_t hash,
                                      uint64_t key)
{
    size_t at = hash & (capacity - 1);
    while (slots[at].record != NULL && !(slots[at].hash == hash && slots[at].record->key == key)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static struct plain_slot *plain_find(const struct plain *plain, uint64_t hash, uint64_t key)
{
    struct plain_slot *slot = plain_probe(plain->slots, plain->capacity, hash, key);
    if (slot->record == NULL && plain->old != NULL) {
        struct plain_slot *old = plain_probe(plain->old, plain->old_capacity, hash, key);
        slot = old->record != NULL ? old : slot;
    }
    return slot;
}

static void plain_move(struct plain *plain, struct assay_slab *slab)
{
    for (int i = 0; i < MOVE_SLOTS && plain->moved < plain->old_capacity; i++) {
        const struct plain_slot *slot = &plain->old[plain->moved++];
        size_t at = slot->hash & (plain->capacity - 1);
        while (slot->record != NULL && plain->slots[at].record != NULL) {
            at = (at + 1) & (plain->capacity - 1);
        }
        if (slot->record != NULL) {
            plain->slots[at] = *slot;
        }
    }
    if (plain->moved == plain->old_capacity) {
        assay_slab_free(slab, plain->old, plain->old_capacity * sizeof *plain->old);
        plain->old = NULL;
    }
}

static bool plain_reserve(struct plain *plain, struct assay_slab *slab)
{
    if (plain->old != NULL) {
        plain_move(plain, slab);
    }
    if (plain->capacity != 0 && 2 * (plain->count + 1) <= plain->capacity) {
        return true;
    }
    const size_t capacity = plain->capacity == 0 ? PLAIN_FIRST : 2 * plain->capacity;
    struct plain_slot *slots = assay_slab_alloc_zero(slab, capacity * sizeof *slots);
    plain->old = plain->slots;
    plain->old_capacity = plain->capacity;
    plain->moved = 0;
    plain->slots = slots;
    plain->capacity = capacity;
    return slots != NULL;
}

/* --- the two, side by side -------------------------------------------------------------------- */

struct bench {
    struct assay_slab slab;
    struct index index;
    struct plain plain;
    bool is_plain;
    uint64_t count;
};

static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Key number n: all are different, and their order is of no use to a cache. */
static uint64_t key_of(uint64_t n)
{
    return (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t hash_of(uint64_t key)
{
    return assay_hash64(&key, sizeof key, 42);
}

static struct record *find(const struct bench *bench, uint64_t hash, uint64_t key)
{
    if (bench->is_plain) {
        return plain_find(&bench->plain, hash, key)->record;
    }
    struct index_cursor cursor = index_seek(&bench->index, hash);
    struct record *record = index_next(&cursor);
    while (record != NULL && record->key != key) {
        record = index_next(&cursor);
    }
    return record;
}

static bool add(struct bench *bench, uint64_t hash, uint64_t key)
{
    if (bench->is_plain ? !plain_reserve(&bench->plain, &bench->slab)
                        : !assay_index_reserve(&bench->index)) {
        return false;
    }
    struct record *record = assay_slab_alloc(&bench->slab, sizeof *record);
    if (record == NULL) {
        return false;
    }
    memset(record, 0, sizeof *record);
    record->key = key;
    if (bench->is_plain) {
        *plain_find(&bench->plain, hash, key) = (struct plain_slot){hash, record};
        bench->plain.count++;
    } else {
        assay_index_insert(&bench->index, hash, &record->item);
    }
    return true;
}

static void fetch_bucket(const struct bench *bench, uint64_t hash)
{
    if (bench->is_plain) {
        index_fetch(&bench->plain.slots[hash & (bench->plain.capacity - 1)]);
    } else {
        index_prefetch(&bench->index, hash);
    }
}

static bool fetch_record(const struct bench *bench, uint64_t hash)
{
    if (bench->is_plain) {
        size_t at = hash & (bench->plain.capacity - 1);
        while (bench->plain.slots[at].record != NULL && bench->plain.slots[at].hash != hash) {
            at = (at + 1) & (bench->plain.capacity - 1);
        }
        index_fetch(bench->plain.slots[at].record);
        return false;
    }
    return index_prefetch_items(&bench->index, hash, 1);
}

static size_t table_bytes(const struct bench *bench)
{
    return bench->is_plain ? (bench->plain.capacity +
                              (bench->plain.old == NULL ? 0 : bench->plain.old_capacity)) *
                                 sizeof(struct plain_slot)
                           : assay_index_bytes(&bench->index);
}

static void print(const struct bench *bench, const char *what, const char *unit, double value)
{
    (void)printf("{\"name\": \"%s, %s, 10^%d keys\", \"unit\": \"%s\", \"assay\": %.1f, "
                 "\"lower_is_better\": true}\n",
                 bench->is_plain ? "plain table" : "index", what, bench->count >= 10000000 ? 7 : 6,
                 unit, value);
    (void)fflush(stdout);
}

static bool fill(struct bench *bench)
{
    double mean = 0;
    double most = 0;
    uint64_t worst = 0;
    const uint64_t start = cpu_ns();
    uint64_t lap = start;
    for (uint64_t n = 0; n < bench->count; n++) {
        const uint64_t key = key_of(n);
        const uint64_t hash = hash_of(key);
        if (find(bench, hash, key) != NULL || !add(bench, hash, key)) {
            return false;
        }
        if (n % 1024 == 1023) {
            const uint64_t now = cpu_ns();
            worst = now - lap > worst ? now - lap : worst;
            lap = now;
        }
        if (n >= bench->count / 2 && n % 4096 == 0) { /* one doubling: all states of a table */
            const double bytes = (double)table_bytes(bench) / (double)(n + 1);
            most = bytes > most ? bytes : most;
            mean += bytes / ((double)bench->count / 2 / 4096);
        }
    }
    print(bench, "find and insert", "ns", (double)(cpu_ns() - start) / (double)bench->count);
    print(bench, "slowest 1024 inserts", "us", (double)worst / 1000);
    print(bench, "table over a doubling", "bytes a key", mean);
    print(bench, "table at most", "bytes a key", most);
    print(bench, "carved, less records", "bytes a key",
          (double)bench->slab.used / (double)bench->count - RECORD_BYTES);
    return true;
}

/* @p hits: of known keys; else of keys that are not there. */
static bool look(const struct bench *bench, bool hits, bool grouped)
{
    uint64_t state = 88172645463325252U;
    uint64_t hashes[GROUP];
    uint64_t keys[GROUP];
    bool passed[GROUP] = {false};
    uint64_t found = 0;
    const uint64_t rounds = 4000000 / GROUP;
    const uint64_t start = cpu_ns();
    for (uint64_t round = 0; round < rounds; round++) {
        for (int g = 0; g < GROUP; g++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
            keys[g] = key_of((state >> 20) % bench->count + (hits ? 0 : bench->count));
            hashes[g] = hash_of(keys[g]);
            if (grouped) {
                fetch_bucket(bench, hashes[g]);
            }
        }
        for (int g = 0; grouped && g < GROUP; g++) {
            passed[g] = fetch_record(bench, hashes[g]);
        }
        for (int g = 0; grouped && g < GROUP; g++) {
            if (passed[g]) {
                index_prefetch_passed(&bench->index, hashes[g], 1);
            }
        }
        for (int g = 0; g < GROUP; g++) {
            const struct record *record = find(bench, hashes[g], keys[g]);
            found += record != NULL ? 1 : 0;
            /* the next look-up waits for this one, as work on the record would make it */
            state += !grouped && record != NULL ? record->touched : 0;
        }
    }
    char what[48];
    (void)snprintf(what, sizeof what, "find %s%s", hits ? "known" : "unknown",
                   grouped ? ", grouped" : "");
    print(bench, what, "ns", (double)(cpu_ns() - start) / (double)(rounds * GROUP));
    return found == (hits ? rounds * GROUP : 0);
}

static bool run(bool is_plain, uint64_t count)
{
    struct bench bench = {.is_plain = is_plain, .count = count};
    if (!assay_slab_init(&bench.slab, (size_t)8 << 30)) {
        return false;
    }
    const bool good = assay_index_init(&bench.index, &bench.slab) &&
                      (!is_plain || plain_reserve(&bench.plain, &bench.slab)) && fill(&bench) &&
                      look(&bench, true, false) && look(&bench, true, true) &&
                      look(&bench, false, false) && look(&bench, false, true);
    struct assay_slab_pages pages;
    if (assay_slab_pages(&bench.slab, &pages)) {
        (void)fprintf(stderr, "%.0f MB resident, %.0f MB of it in huge pages\n",
                      (double)pages.resident_bytes / 1e6, (double)pages.huge_bytes / 1e6);
    }
    assay_slab_fini(&bench.slab);
    return good;
}

int main(int argc, char *argv[])
{
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: bench_index [--quick]\n");
        return 64;
    }
    bool good = run(true, 1000000) && run(false, 1000000);
    good = good && (quick || (run(true, 10000000) && run(false, 10000000)));
    return good ? 0 : 71;
}
