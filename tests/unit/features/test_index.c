#include "features/index_read_pvt.h"

#include "tests/support/cmocka_all.h"

#include <string.h>

enum { MEMORY = 64 << 20 };

/* What is indexed here: a thing that says which one it is. */
struct thing {
    struct index_item item;
    uint32_t name;
    uint64_t hash;
};

struct world {
    struct assay_slab slab;
    struct index index;
    struct thing **things; /* the model: by name, NULL when it is not there */
    uint32_t names;
    uint64_t seed;
};

static uint64_t roll(struct world *world)
{
    world->seed ^= world->seed << 13;
    world->seed ^= world->seed >> 7;
    world->seed ^= world->seed << 17;
    return world->seed * UINT64_C(2685821657736338717);
}

static void open_world(struct world *world, size_t memory, uint32_t names)
{
    *world = (struct world){.names = names, .seed = 88172645463325252U};
    assert_true(assay_slab_init(&world->slab, memory));
    assert_true(assay_index_init(&world->index, &world->slab));
    world->things = test_calloc(names, sizeof *world->things);
}

static void close_world(struct world *world)
{
    test_free(world->things);
    assay_slab_fini(&world->slab);
}

static struct thing *look_up(const struct world *world, uint64_t hash, uint32_t name)
{
    struct index_cursor cursor = index_seek(&world->index, hash);
    struct thing *thing = index_next(&cursor);
    while (thing != NULL && thing->name != name) {
        thing = index_next(&cursor);
    }
    return thing;
}

static bool add(struct world *world, uint32_t name, uint64_t hash)
{
    struct thing *thing =
        assay_index_reserve(&world->index) ? assay_slab_alloc(&world->slab, sizeof *thing) : NULL;
    if (thing == NULL) {
        return false;
    }
    *thing = (struct thing){.name = name, .hash = hash};
    assay_index_insert(&world->index, hash, &thing->item);
    world->things[name] = thing;
    return true;
}

static void take_out(struct world *world, uint32_t name)
{
    struct thing *thing = world->things[name];
    assay_index_erase(&world->index, thing->hash, &thing->item);
    assay_slab_free(&world->slab, thing, sizeof *thing);
    world->things[name] = NULL;
}

static uint64_t model_count(const struct world *world)
{
    uint64_t count = 0;
    for (uint32_t name = 0; name < world->names; name++) {
        count += world->things[name] != NULL ? 1 : 0;
    }
    return count;
}

/* Everything that the model holds is found, and a walk sees each once and nothing else. */
static void check(const struct world *world)
{
    uint8_t *seen = test_calloc(world->names, 1);
    uint64_t walked = 0;
    size_t at = 0;
    for (const struct thing *thing = assay_index_walk(&world->index, &at); thing != NULL;
         thing = assay_index_walk(&world->index, &at)) {
        assert_ptr_equal(thing, world->things[thing->name]);
        assert_int_equal(seen[thing->name]++, 0);
        walked++;
    }
    assert_int_equal(walked, world->index.count);
    assert_int_equal(walked, model_count(world));
    for (uint32_t name = 0; name < world->names; name++) {
        if (world->things[name] != NULL) {
            assert_ptr_equal(look_up(world, world->things[name]->hash, name), world->things[name]);
        }
    }
    test_free(seen);
}

/* Buckets count nothing once nothing is in them: erasing undid what inserting did. */
static void check_empty(const struct world *world)
{
    const struct index_table *tables[2] = {&world->index.table, &world->index.old};
    assert_int_equal(world->index.count, 0);
    for (int t = 0; t < 2; t++) {
        for (size_t b = 0; tables[t]->buckets != NULL && b < (size_t)1 << tables[t]->bits; b++) {
            assert_int_equal(tables[t]->buckets[b].overflow, 0);
            assert_int_equal(tables[t]->buckets[b].passed, 0);
            assert_int_equal(index_match(&tables[t]->buckets[b], 0), INDEX_SLOTS_MASK);
        }
    }
}

static void both_ways_to_match_tags_agree(void **state)
{
    (void)state;
    _Alignas(64) struct index_bucket bucket;
    struct world world = {.seed = 1};
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof bucket; i++) {
            /* few values, so that many agree; the bytes after the tags agree as well */
            ((unsigned char *)&bucket)[i] = (unsigned char)(roll(&world) >> 60) * 17;
        }
        for (int tag = 0; tag < 256; tag++) {
            const uint32_t hits = index_match_scalar(&bucket, (uint8_t)tag);
            assert_int_equal(index_match(&bucket, (uint8_t)tag), hits);
            for (uint32_t slot = 0; round < 20 && slot < INDEX_SLOTS; slot++) {
                assert_int_equal(hits >> slot & 1, bucket.tags[slot] == tag);
            }
            assert_int_equal(hits >> INDEX_SLOTS, 0);
        }
    }
}

static void no_hash_has_the_tag_of_a_free_slot(void **state)
{
    (void)state;
    for (uint64_t byte = 0; byte < 256; byte++) {
        assert_int_not_equal(index_tag(byte << 32), 0);
        assert_int_equal(index_tag(byte << 32 | UINT64_C(0xFFFFFF00FFFFFFFF)),
                         index_tag(byte << 32));
    }
}

/* Add, look up and take out at random, through growths up and down again. */
static void a_random_life_agrees_with_a_plain_model(void **state)
{
    (void)state;
    enum { NAMES = 30000, ROUNDS = 300000 };
    struct world world;
    open_world(&world, MEMORY, NAMES);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t name = (uint32_t)(roll(&world) % NAMES);
        const uint64_t hash = (name + 1) * UINT64_C(0x9E3779B97F4A7C15);
        /* mostly adding in the first half, mostly taking out in the second */
        const bool adds = roll(&world) % 10 < (round < ROUNDS / 2 ? 8U : 2U);
        assert_ptr_equal(look_up(&world, hash, name), world.things[name]);
        if (world.things[name] == NULL && adds) {
            assert_true(add(&world, name, hash));
        } else if (world.things[name] != NULL && !adds) {
            take_out(&world, name);
        }
        if (round % 20000 == 0) {
            check(&world);
        }
    }
    check(&world);
    assert_true(world.index.growths >= 5);
    for (uint32_t name = 0; name < NAMES; name++) {
        if (world.things[name] != NULL) {
            take_out(&world, name);
        }
    }
    check_empty(&world);
    close_world(&world);
}

/* Equal hashes, equal tags, homes at the end of the table whose keys pass on to its beginning. */
static uint64_t hostile_hash(struct world *world, uint32_t name)
{
    const uint64_t kind = roll(world) % 4;
    const uint64_t tag = UINT64_C(7) << 32;
    if (kind == 0) {
        return tag; /* all the same */
    }
    if (kind == 1) {
        return tag | UINT64_C(0xFFFFFFFF); /* the last home */
    }
    if (kind == 2) {
        return tag | (UINT64_C(0xFFFFFFFF) - name % 5); /* one place apart */
    }
    return (uint64_t)(name % 3) << 32 | (roll(world) & UINT64_C(0xFFFFFFFF));
}

static void hostile_hashes_cost_time_and_nothing_else(void **state)
{
    (void)state;
    enum { NAMES = 3000, ROUNDS = 12000 };
    struct world world;
    open_world(&world, MEMORY, NAMES);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t name = (uint32_t)(roll(&world) % NAMES);
        if (world.things[name] == NULL) {
            assert_true(add(&world, name, hostile_hash(&world, name)));
        } else if (roll(&world) % 4 == 0) {
            take_out(&world, name);
        }
        if (round % 500 == 0) {
            check(&world);
        }
    }
    check(&world);
    assert_true(world.index.growths >= 2);
    for (uint32_t name = 0; name < NAMES; name++) {
        if (world.things[name] != NULL) {
            take_out(&world, name);
        }
    }
    check_empty(&world);
    close_world(&world);
}

static void a_count_of_passers_by_that_is_at_its_end_stays_there(void **state)
{
    (void)state;
    enum { NAMES = 40 };
    struct world world;
    open_world(&world, MEMORY, NAMES);
    for (uint32_t name = 0; name < NAMES; name++) {
        world.index.table.buckets[0].overflow = INDEX_OVERFLOW_MAX;
        assert_true(add(&world, name, UINT64_C(1) << 32));
        assert_int_equal(world.index.table.buckets[0].overflow, INDEX_OVERFLOW_MAX);
    }
    for (uint32_t name = 0; name < NAMES - 1; name++) {
        take_out(&world, name);
        assert_int_equal(world.index.table.buckets[0].overflow, INDEX_OVERFLOW_MAX);
        check(&world); /* those that had passed by are still found */
    }
    close_world(&world);
}

static void a_walk_during_growth_sees_each_once(void **state)
{
    (void)state;
    enum { NAMES = 6000 };
    struct world world;
    open_world(&world, MEMORY, NAMES);
    uint32_t growing = 0;
    for (uint32_t name = 0; name < NAMES; name++) {
        assert_true(add(&world, name, (name + 1) * UINT64_C(0x9E3779B97F4A7C15)));
        if (world.index.old.buckets != NULL && growing++ % 8 == 0) {
            check(&world);
        }
    }
    assert_true(growing > 400);
    close_world(&world);
}

/* With one new key at most one home moves. */
static void growth_goes_one_home_a_key(void **state)
{
    (void)state;
    enum { NAMES = 20000 };
    struct world world;
    open_world(&world, MEMORY, NAMES);
    for (uint32_t name = 0; name < NAMES; name++) {
        const struct index before = world.index;
        assert_true(add(&world, name, (name + 1) * UINT64_C(0x9E3779B97F4A7C15)));
        if (before.old.buckets != NULL && world.index.old.buckets != NULL) {
            assert_int_equal(world.index.moved, before.moved + 1);
        }
        assert_true(world.index.growths - before.growths <= 1);
    }
    assert_true(assay_index_bytes(&world.index) <= NAMES * UINT64_C(16));
    close_world(&world);
}

/* Memory for things but none for a larger table: go on until all but full, then refuse, and know
 * everything as before; with memory again, grow. */
static void without_memory_to_grow_everything_stays_as_it_was(void **state)
{
    (void)state;
    enum { NAMES = 4000, LIMIT = 32 << 10 };
    struct world world;
    open_world(&world, LIMIT, NAMES);
    /* 64 buckets are a page; the next table has two, and so much is not left after this */
    void *rest = assay_slab_alloc(&world.slab, LIMIT - 4096 - 18 * 1024);
    assert_non_null(rest);
    uint32_t held = 0;
    while (add(&world, held, (held + 1) * UINT64_C(0x9E3779B97F4A7C15))) {
        held++;
    }
    const uint64_t full = 64 * INDEX_SLOTS * 30 / 32;
    assert_int_equal(held, full);
    assert_int_equal(world.index.growths, 0);
    check(&world);
    for (uint32_t again = 0; again < 100; again++) {
        assert_false(add(&world, held, (held + 1) * UINT64_C(0x9E3779B97F4A7C15)));
    }
    check(&world);
    take_out(&world, 3);
    assert_true(add(&world, held, (held + 1) * UINT64_C(0x9E3779B97F4A7C15)));
    check(&world);
    close_world(&world);
}

/* Memory ends in mid-growth: what is refused changes nothing, and the growth goes on. */
static void memory_that_ends_during_growth_loses_nothing(void **state)
{
    (void)state;
    enum { FIRST = 64 * INDEX_SLOTS * 27 / 32, MORE = 10, NAMES = FIRST + MORE + 1 };
    struct world world;
    open_world(&world, 3 * 4096 + (FIRST + MORE) * sizeof(struct thing), NAMES);
    for (uint32_t name = 0; name < FIRST + MORE; name++) {
        assert_true(add(&world, name, (name + 1) * UINT64_C(0x9E3779B97F4A7C15)));
    }
    assert_non_null(world.index.old.buckets);
    for (uint32_t refused = 0; refused < 100; refused++) {
        assert_false(add(&world, NAMES - 1, UINT64_C(0x9E3779B97F4A7C15)));
        check(&world);
    }
    assert_null(world.index.old.buckets);
    take_out(&world, 5);
    assert_true(add(&world, NAMES - 1, UINT64_C(0x9E3779B97F4A7C15)));
    check(&world);
    close_world(&world);
}

static void memory_that_comes_back_lets_a_late_growth_catch_up(void **state)
{
    (void)state;
    enum { NAMES = 4000, LIMIT = 256 << 10, REST = LIMIT - 4096 - 18 * 1024 };
    struct world world;
    open_world(&world, LIMIT, NAMES);
    void *rest = assay_slab_alloc(&world.slab, assay_slab_fit(REST) > REST ? REST - 16384 : REST);
    assert_non_null(rest);
    uint32_t held = 0;
    while (world.index.count < 64 * INDEX_SLOTS * 30 / 32 &&
           add(&world, held, (held + 1) * UINT64_C(0x9E3779B97F4A7C15))) {
        held++;
    }
    assay_slab_free(&world.slab, rest, assay_slab_fit(REST) > REST ? REST - 16384 : REST);
    while (held < 2000) {
        assert_true(add(&world, held, (held + 1) * UINT64_C(0x9E3779B97F4A7C15)));
        if (world.index.old.buckets != NULL) {
            check(&world);
        }
        held++;
    }
    assert_true(world.index.growths >= 1);
    check(&world);
    close_world(&world);
}

static void keys_lie_at_home_nearly_always(void **state)
{
    (void)state;
    enum { NAMES = 100000 };
    struct world world;
    open_world(&world, MEMORY, NAMES);
    double worst = 0;
    for (uint32_t name = 0; name < NAMES; name++) {
        assert_true(add(&world, name, roll(&world)));
        if (name % 5000 == 4999) {
            struct index_probes probes;
            assay_index_probes(&world.index, &probes);
            assert_int_equal(probes.keys, name + 1);
            const double mean = (double)probes.looked_sum / (double)probes.keys;
            worst = mean > worst ? mean : worst;
            assert_true(probes.looked_max <= 24);
        }
    }
    assert_true(worst > 1 && worst < 1.15);
    close_world(&world);
}

static bool look_beside(const struct world *world, const struct index_glance *glance, uint64_t hash,
                        uint32_t name)
{
    struct index_cursor cursor = index_read_seek(glance, hash);
    const struct thing *thing = index_read_next(&cursor);
    while (thing != NULL && thing->name != name) {
        thing = index_read_next(&cursor);
    }
    assert_true(thing == NULL || thing == world->things[name]);
    return thing != NULL;
}

static void a_reader_finds_what_the_writer_does_and_an_old_glance_misleads_nobody(void **state)
{
    (void)state;
    enum { NAMES = 20000 };
    struct world world;
    struct index_glance glances[8];
    open_world(&world, MEMORY, NAMES);
    for (uint32_t name = 0; name < NAMES; name++) {
        assert_true(add(&world, name, roll(&world)));
        assert_true(index_glance(&world.index, &glances[name % 8]));
        for (uint32_t g = 0; g < 8 && name >= 8; g++) {
            const uint32_t asked = (uint32_t)(roll(&world) % (name - 7));
            const uint64_t hash = world.things[asked]->hash;
            assert_true(look_beside(&world, &glances[g], hash, asked) ||
                        !index_glance_holds(&world.index, &glances[g]));
        }
        const uint64_t hash = world.things[name]->hash;
        assert_true(look_beside(&world, &glances[name % 8], hash, name));
        assert_false(look_beside(&world, &glances[name % 8], roll(&world), NAMES));
    }
    assert_true(world.index.growths >= 4);
    assay_seqlock_open(&world.index.moves);
    assert_false(index_glance(&world.index, &glances[0]));
    assay_seqlock_close(&world.index.moves);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_to_match_tags_agree),
        cmocka_unit_test(no_hash_has_the_tag_of_a_free_slot),
        cmocka_unit_test(a_random_life_agrees_with_a_plain_model),
        cmocka_unit_test(hostile_hashes_cost_time_and_nothing_else),
        cmocka_unit_test(a_count_of_passers_by_that_is_at_its_end_stays_there),
        cmocka_unit_test(a_walk_during_growth_sees_each_once),
        cmocka_unit_test(growth_goes_one_home_a_key),
        cmocka_unit_test(without_memory_to_grow_everything_stays_as_it_was),
        cmocka_unit_test(memory_that_ends_during_growth_loses_nothing),
        cmocka_unit_test(memory_that_comes_back_lets_a_late_growth_catch_up),
        cmocka_unit_test(keys_lie_at_home_nearly_always),
        cmocka_unit_test(a_reader_finds_what_the_writer_does_and_an_old_glance_misleads_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
