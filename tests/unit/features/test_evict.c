#include "features/record_pvt.h"
#include "tests/unit/features/store_kit.h"

/*
 * Eviction against a model written from its words: keys queue in the order of creation; for a new
 * key at capacity the front one goes, but one that an event has touched since its last turn goes to
 * the back instead, at most 64 times for one new key.
 */

enum { MEMORY = 64 << 20, NAMES_MAX = 20000, CHANCES = 64, NAME_BYTES = 16 };

struct model {
    uint32_t queue[1 << 20]; /* names; [front, back) are in it */
    uint32_t front, back;
    uint32_t capacity;
    bool known[NAMES_MAX];
    bool touched[NAMES_MAX];
    uint64_t evicted;
};

static struct model model;

static void model_apply(uint32_t name)
{
    if (model.known[name]) {
        model.touched[name] = true;
        return;
    }
    if (model.back - model.front == model.capacity) {
        uint32_t chances = 0;
        while (model.touched[model.queue[model.front]] && chances++ < CHANCES) {
            model.touched[model.queue[model.front]] = false;
            model.queue[model.back++] = model.queue[model.front++];
        }
        model.known[model.queue[model.front++]] = false;
        model.evicted++;
    }
    model.known[name] = true;
    model.touched[name] = false;
    model.queue[model.back++] = name;
    assert_true(model.back < sizeof model.queue / sizeof *model.queue);
}

static void open_evicting(struct kit *kit, uint64_t capacity)
{
    kit_init(kit, 0, 0);
    kit_feature(kit, KIT_USER, "c", "count(pay)");
    kit_feature(kit, KIT_USER, "d", "count_distinct(pay.channel) over 10s");
    kit->entities[KIT_USER].capacity = capacity;
    kit->entities[KIT_USER].evicts = true;
    kit_open(kit, MEMORY);
}

static const char *name_of(char out[NAME_BYTES], uint32_t name)
{
    (void)snprintf(out, NAME_BYTES, "k%05u", name);
    return out;
}

static void apply(struct kit *kit, struct assay_store *other, uint32_t name, int64_t time_ms)
{
    char key[NAME_BYTES];
    struct assay_event event = kit_event(KIT_PAY, time_ms, name_of(key, name), NULL);
    kit_set_text(&event, KIT_CHANNEL, name % 2 == 0 ? "app" : "a channel with a longer name");
    kit_apply(kit, &event, key);
    if (other != NULL) {
        assert_int_equal(assay_store_apply(other, &kit->update, &kit->touch), ASSAY_OK);
    }
}

static void check(const struct kit *kit, const struct assay_store *other, uint32_t names)
{
    uint64_t known = 0;
    uint64_t hashes[2][2] = {{0}};
    char key[NAME_BYTES];
    struct assay_store_stats stats;
    for (uint32_t name = 0; name < names; name++) {
        const struct assay_str text = assay_str_of(name_of(key, name));
        assert_int_equal(assay_store_find(kit->store, KIT_USER, text) != NULL, model.known[name]);
        assert_int_equal(assay_store_find(other, KIT_USER, text) != NULL, model.known[name]);
        known += model.known[name] ? 1 : 0;
    }
    assay_store_hash(kit->store, hashes[0]);
    assay_store_hash(other, hashes[1]);
    assert_memory_equal(hashes[0], hashes[1], sizeof hashes[0]);
    assay_store_stats(kit->store, &stats);
    assert_int_equal(stats.keys, known);
    assert_int_equal(stats.entity_keys[KIT_USER], known);
    assert_int_equal(stats.evicted, model.evicted);
    assert_int_equal(stats.entity_evicted[KIT_USER], model.evicted);
    assert_int_equal(stats.refused, 0);
}

/* The same keys go as in the model, for any seed of the index. */
static void follow_model(uint32_t capacity, uint32_t names, uint32_t events, uint64_t seed)
{
    struct kit kit;
    open_evicting(&kit, capacity);
    struct assay_store *other = kit_store(&kit, MEMORY, seed);
    uint64_t luck = seed;
    memset(&model, 0, sizeof model);
    model.capacity = capacity;
    for (uint32_t i = 0; i < events; i++) {
        luck = luck * UINT64_C(6364136223846793005) + 1442695040888963407U;
        uint32_t name = (uint32_t)(luck >> 33) % names;
        name = luck >> 62 == 0 ? name : name % (names / 8 + 1); /* some are met far more often */
        model_apply(name);
        apply(&kit, other, name, i);
        if (i % (events / 8) == 0) {
            check(&kit, other, names);
        }
    }
    check(&kit, other, names);
    assert_true(model.evicted > 0);
    assay_store_destroy(other);
    kit_close(&kit);
}

static void the_keys_that_go_are_the_models_whatever_the_seed(void **state)
{
    (void)state;
    follow_model(1, 5, 500, 7);
    follow_model(2, 9, 2000, 8);
    follow_model(40, 100, 5000, 9);
    follow_model(300, 1000, 20000, 10);
    follow_model(4000, 12000, 60000, 11); /* through growths of the index */
}

/* However many were touched, a new key waits for few of them. */
static void when_all_were_touched_the_sixty_fifth_goes(void **state)
{
    (void)state;
    enum { CAPACITY = 200 };
    struct kit kit;
    char key[NAME_BYTES];
    open_evicting(&kit, CAPACITY);
    for (int round = 0; round < 2; round++) {
        for (uint32_t name = 0; name < CAPACITY; name++) {
            apply(&kit, NULL, name, round);
        }
    }
    apply(&kit, NULL, CAPACITY, 2);
    for (uint32_t name = 0; name <= CAPACITY; name++) {
        const bool known =
            assay_store_find(kit.store, KIT_USER, assay_str_of(name_of(key, name))) != NULL;
        assert_int_equal(known, name != CHANCES);
    }
    kit_close(&kit);
}

static void what_is_evicted_is_forgotten_and_freed_whole(void **state)
{
    (void)state;
    struct kit kit;
    struct assay_store_stats stats;
    open_evicting(&kit, 1);
    apply(&kit, NULL, 1, 1);
    assay_store_stats(kit.store, &stats);
    const struct assay_store_stats lone = stats;
    for (int i = 0; i < 300; i++) { /* several chunks, sealed and blocked */
        apply(&kit, NULL, 1, 2 + i);
    }
    assay_store_stats(kit.store, &stats);
    assert_true(stats.log_bytes > lone.log_bytes);
    for (uint32_t name = 2; name < 50; name++) {
        apply(&kit, NULL, name % 2 == 0 ? 2 : 1, 1000);
        assert_number(kit_slice(&kit, "user.c"), 1); /* it starts anew */
    }
    apply(&kit, NULL, 2, 1000);
    apply(&kit, NULL, 1, 1000);
    assay_store_stats(kit.store, &stats);
    assert_int_equal(stats.memory_bytes, lone.memory_bytes);
    assert_int_equal(stats.log_bytes, lone.log_bytes);
    assert_int_equal(stats.record_bytes, lone.record_bytes);
    assert_number(kit_read(&kit, "k00002", 2000, "user.c"), 0);
    kit_close(&kit);
}

/* Memory is no capacity: where it is full, nobody goes for a new key. */
static void full_memory_refuses_and_evicts_nobody(void **state)
{
    (void)state;
    struct kit kit;
    struct assay_store_stats before;
    struct assay_store_stats after;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "c", "first(pay.tag) over last 100");
    kit.entities[KIT_USER].capacity = 3;
    kit.entities[KIT_USER].evicts = true;
    kit_open(&kit, 64 << 10);
    static char large[8 << 10];
    memset(large, 'x', sizeof large - 1);
    uint32_t refused_new = 0;
    for (uint32_t i = 0; i < 200; i++) {
        char key[NAME_BYTES];
        struct assay_event event = kit_event(KIT_PAY, i, name_of(key, i % 5), NULL);
        memcpy(large, &i, sizeof i); /* all different: equal ones are kept once */
        event.present |= 1U << KIT_TAG;
        event.fields[KIT_TAG].text = (struct assay_str){.ptr = large, .len = sizeof large};
        assay_store_stats(kit.store, &before);
        if (kit_try(&kit, &event, key) == ASSAY_OK) {
            continue;
        }
        assay_store_stats(kit.store, &after);
        assert_int_equal(after.evicted, before.evicted);
        assert_int_equal(after.keys, before.keys);
        if (assay_store_find(kit.store, KIT_USER, assay_str_of(key)) == NULL) {
            assert_int_equal(after.memory_bytes, before.memory_bytes);
            refused_new++;
        }
        assert_int_equal(after.refused, before.refused + 1);
        assert_int_equal(after.refused_keys, 0);
    }
    assert_true(refused_new > 0);
    kit_close(&kit);
}

static void an_entity_without_the_policy_refuses_new_keys_and_counts_them(void **state)
{
    (void)state;
    struct kit kit;
    struct assay_store_stats stats;
    open_evicting(&kit, 2);
    kit.entities[KIT_USER].evicts = false;
    assay_store_destroy(kit.store);
    kit.store = kit_store(&kit, MEMORY, 1);
    apply(&kit, NULL, 1, 1);
    apply(&kit, NULL, 2, 1);
    const struct assay_event event = kit_event(KIT_PAY, 1, "k00003", NULL);
    assert_int_equal(kit_try(&kit, &event, "k00003"), ASSAY_E_FULL);
    assay_store_stats(kit.store, &stats);
    assert_int_equal(stats.keys, 2);
    assert_int_equal(stats.evicted, 0);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.refused_keys, 1);
    kit_close(&kit);
}

static void the_parts_of_memory_add_up(void **state)
{
    (void)state;
    struct kit kit;
    struct assay_store_stats stats;
    struct assay_store_stats sum = {0};
    struct assay_store_probes probes;
    struct assay_slab_pages pages;
    open_evicting(&kit, 1000);
    assay_store_probes(kit.store, &probes);
    assert_true(probes.mean == 0 && probes.max == 0);
    for (uint32_t i = 0; i < 5000; i++) {
        apply(&kit, NULL, i % 1500, i);
    }
    assay_store_stats(kit.store, &stats);
    assert_int_equal(stats.memory_bytes, stats.index_bytes + stats.record_bytes + stats.log_bytes);
    assert_int_equal(stats.carved_bytes, stats.memory_bytes + stats.free_bytes);
    assert_int_equal(stats.index_bytes, assay_index_bytes(&kit.store->index));
    assert_true(stats.record_bytes >= 1000 * sizeof(struct assay_record));
    assert_int_equal(stats.index_growths, 1);
    assay_store_probes(kit.store, &probes);
    assert_true(probes.mean >= 1 && probes.mean < 1.2 && probes.max < 24);
    assert_true(assay_store_pages(kit.store, &pages));
    assert_true(pages.resident_bytes >= stats.memory_bytes / 2);
    assert_true(pages.resident_bytes <= MEMORY && pages.huge_bytes <= pages.resident_bytes);
    assay_store_stats_add(&sum, &stats);
    assert_memory_equal(&sum, &stats, sizeof sum);
    assay_store_stats_add(&sum, &stats);
    for (size_t i = 0; i < sizeof sum / sizeof(uint64_t); i++) {
        assert_int_equal(((uint64_t *)&sum)[i], 2 * ((uint64_t *)&stats)[i]);
    }
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_that_go_are_the_models_whatever_the_seed),
        cmocka_unit_test(when_all_were_touched_the_sixty_fifth_goes),
        cmocka_unit_test(what_is_evicted_is_forgotten_and_freed_whole),
        cmocka_unit_test(full_memory_refuses_and_evicts_nobody),
        cmocka_unit_test(an_entity_without_the_policy_refuses_new_keys_and_counts_them),
        cmocka_unit_test(the_parts_of_memory_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
