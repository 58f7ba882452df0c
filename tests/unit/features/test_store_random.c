#include "store_random.h"
#include "tests/support/spill_disk.h"

/*
 * The store against a recomputation from the definitions: all events in one list, every feature
 * from the whole list, in doubles that are small enough to be exact. Streams come nearly in order,
 * with ties, twins, late and very late events, nulls, two roles and silence.
 */

/* ---- side by side ---- */

/* Insert where it belongs; returns its place. */
static size_t note(struct world *world, const struct fact *fact)
{
    size_t at = world->fact_count;
    while (at > 0 && order_facts(&world->facts[at - 1], fact) > 0) {
        world->facts[at] = world->facts[at - 1];
        at--;
    }
    world->facts[at] = *fact;
    world->fact_count++;
    for (int user = 0; user < USERS; user++) {
        if (names(fact, user) && fact->time_ms > world->newest[user]) {
            world->newest[user] = fact->time_ms;
        }
    }
    return at;
}

static void read_past(struct world *world, struct kit *kit, const uint32_t features[])
{
    struct assay_value values[SPECS_MAX];
    const int user = (int)roll(world, USERS);
    const int64_t newest = world->newest[user] == INT64_MIN ? 0 : world->newest[user];
    const struct spec *spec = &world->specs[roll(world, world->spec_count)];
    int64_t t = newest + 60 - (int64_t)roll(world, 400);
    if (roll(world, 2) == 0 && world->newest[user] != INT64_MIN) { /* the oldest that it answers */
        t = horizon_of(world, spec->type, spec->role, user) + spec->span_ms + spec->delay_ms;
    }
    assay_store_read(kit->store, KIT_USER, assay_str_of(user_name(user)), t, features,
                     world->spec_count, kit->scratch, values);
    for (size_t i = 0; i < world->spec_count; i++) {
        compare(world, &world->specs[i], &values[i], user, t, NULL);
    }
}

static void apply_fact(struct world *world, struct kit *kit, const struct fact *fact,
                       const uint32_t features[], bool look)
{
    const struct assay_event event = event_of(fact);
    const size_t place = note(world, fact);
    for (int user = 0; user < USERS; user++) {
        if (!names(fact, user)) {
            continue;
        }
        kit_apply(kit, &event, user_name(user));
        /* the other key of the event must know of it too before its windows are compared */
        struct assay_value values[SPECS_MAX];
        assay_store_slice(kit->store, &kit->touch, features, world->spec_count, kit->scratch,
                          values);
        for (size_t i = 0; look && i < world->spec_count; i++) {
            compare(world, &world->specs[i], &values[i], user, fact->time_ms, &world->facts[place]);
        }
    }
}

/* The same facts in another order, over two shards with other seeds: the same state. */
static void check_hash(struct world *world, const struct kit *kit)
{
    uint64_t expected[2] = {0};
    assay_store_hash(kit->store, expected);
    for (int round = 0; round < 2; round++) {
        struct assay_store *shards[2] = {kit_store(kit, MEMORY, 5), kit_store(kit, MEMORY, 6)};
        for (size_t i = world->fact_count; i > 1; i--) {
            const size_t j = round == 0 ? roll(world, i) : i / 2;
            const struct fact held = world->facts[i - 1];
            world->facts[i - 1] = world->facts[j];
            world->facts[j] = held;
        }
        for (size_t i = 0; i < world->fact_count; i++) {
            const struct assay_event event = event_of(&world->facts[i]);
            for (int user = 0; user < USERS; user++) {
                if (names(&world->facts[i], user)) {
                    const struct assay_update update =
                        kit_update(&event, KIT_USER, user_name(user));
                    struct assay_touch touch;
                    assert_int_equal(assay_store_apply(shards[user % 2], &update, &touch),
                                     ASSAY_OK);
                }
            }
        }
        uint64_t hash[2] = {0};
        assay_store_hash(shards[0], hash);
        assay_store_hash(shards[1], hash);
        assert_memory_equal(hash, expected, sizeof hash);
        assay_store_destroy(shards[0]);
        assay_store_destroy(shards[1]);
    }
}

/* @return the state's counters at its end. */
static struct assay_store_stats run_world_on(uint64_t seed, size_t events, enum flavour flavour,
                                             uint64_t look_every,
                                             const struct assay_spill_options *spill)
{
    static struct world world;
    struct kit kit;
    uint32_t features[SPECS_MAX];
    open_world(&world, &kit, seed, flavour, spill);
    for (size_t i = 0; i < world.spec_count; i++) {
        features[i] = kit_index(&kit, world.specs[i].full_name);
    }
    const struct assay_arena_mark mark = assay_arena_mark(kit.scratch);
    int64_t clock = 0;
    for (size_t i = 0; i < events; i++) {
        struct fact fact = make_fact(&world, next_time(&world, &clock));
        if (i > 0 && roll(&world, 10) == 0) {
            fact = world.facts[roll(&world, world.fact_count)]; /* a twin */
        }
        apply_fact(&world, &kit, &fact, features, roll(&world, look_every) == 0);
        if (roll(&world, 4 * look_every) == 0) {
            read_past(&world, &kit, features);
        }
        assay_arena_rewind(kit.scratch, mark);
    }
    check_hash(&world, &kit);
    struct assay_store_stats stats;
    assay_store_stats(kit.store, &stats);
    kit_close(&kit);
    free(world.facts);
    return stats;
}

static void run_world(uint64_t seed, size_t events, enum flavour flavour, uint64_t look_every)
{
    (void)run_world_on(seed, events, flavour, look_every, NULL);
}

static void it_is_when_old_chunks_are_on_disk(void **state)
{
    (void)state;
    uint64_t moved = 0;
    uint64_t returned = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct spill_disk disk;
        const enum flavour flavour = seed % 4 == 0 ? FOLDING : seed % 4 == 1 ? WINDOWS : ANYTHING;
        print_message("  seed %llu\n", (unsigned long long)seed);
        disk_open(&disk, (size_t)64 << 20, seed % 3 * 6000);
        disk.lag = seed % 5;
        disk.options.extent_bytes = (size_t)1 << (12 + seed % 5);
        const struct assay_store_stats stats =
            run_world_on(seed * 32452867, seed % 2 == 0 ? 7000 : 3000, flavour, 30, &disk.options);
        assert_int_equal(stats.spill.state, ASSAY_SPILL_ON);
        moved += stats.spill.moved;
        returned += stats.spill.returned;
        disk_close(&disk);
    }
    assert_true(moved > 1000);
    assert_true(returned > 100);
}

static void every_value_is_what_the_definition_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        print_message("  seed %llu\n", (unsigned long long)seed);
        run_world(seed * 7919, 250, ANYTHING, 1);
    }
}

static void it_is_in_long_logs_of_many_chunks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        print_message("  seed %llu\n", (unsigned long long)seed);
        run_world(seed * 104729, 2500, ANYTHING, 25);
    }
}

static void it_is_when_lifetimes_are_folded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        print_message("  seed %llu\n", (unsigned long long)seed);
        run_world(seed * 1299709, 2500, FOLDING, 25);
    }
}

static void it_is_when_windows_are_forgotten(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 16; seed++) {
        print_message("  seed %llu\n", (unsigned long long)seed);
        run_world(seed * 15485863, 2000, WINDOWS, 15);
    }
}

static void it_is_in_very_long_logs_of_many_blocks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("  seed %llu\n", (unsigned long long)seed);
        run_world(seed * 32452843, 7500, seed == 6 ? FOLDING : ANYTHING, 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_what_the_definition_says),
        cmocka_unit_test(it_is_in_long_logs_of_many_chunks),
        cmocka_unit_test(it_is_when_old_chunks_are_on_disk),
        cmocka_unit_test(it_is_when_lifetimes_are_folded),
        cmocka_unit_test(it_is_when_windows_are_forgotten),
        cmocka_unit_test(it_is_in_very_long_logs_of_many_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
