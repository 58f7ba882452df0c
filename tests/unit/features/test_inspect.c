#include "features/inspect.h"

#include "store_kit.h"

#include <stdlib.h>

/*
 * What inspection says of a key, held against a plain list of its events; values are those that a
 * read gives; and memory is accounted for to the byte.
 */

enum { MEMORY = 1 << 26, EVENTS_MAX = 4000, DAY_MS = 86400000 };

static const struct definition {
    const char *name;
    const char *text;
    int64_t span_ms;
    int64_t delay_ms;
    uint32_t last_n;
    bool ok_only;
    bool amount; /* its column: nulls do not count */
} definitions[] = {
    {"c1", "count(pay) over 1d", DAY_MS, 0, 0, false, false},
    {"c3", "count(pay) over 3d delay 1d", 3 * (int64_t)DAY_MS, DAY_MS, 0, false, false},
    {"ok", "count(pay) where ok over 3d", 3 * (int64_t)DAY_MS, 0, 0, true, false},
    {"sum", "sum(pay.amount) over 3d", 3 * (int64_t)DAY_MS, 0, 0, false, true},
    {"last", "last(pay.channel) over 3d", 3 * (int64_t)DAY_MS, 0, 0, false, false},
    {"newest5", "sum(pay.amount) where ok over last 5", 0, 0, 5, true, true},
    {"newest9", "max(pay.amount) over 3d last 9 delay 1h", 3 * (int64_t)DAY_MS, 3600000, 9, false,
     true},
    {"distinct", "count_distinct(pay.n) over 3d", 3 * (int64_t)DAY_MS, 0, 0, false, false},
    {"since", "time_since_last(pay) where ok over 3d", 3 * (int64_t)DAY_MS, 0, 0, true, false},
};
enum { DEFINITIONS = sizeof definitions / sizeof definitions[0] };

struct plain_event {
    int64_t time_ms;
    bool ok;
    bool has_amount;
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static struct assay_event make_event(const struct plain_event *plain, uint64_t *random)
{
    struct assay_event event = kit_event(KIT_PAY, plain->time_ms, "u", NULL);
    kit_set_integer(&event, KIT_OK, plain->ok ? 1 : 0);
    kit_set_integer(&event, KIT_N, (int64_t)(next_random(random) % 40));
    kit_set_text(&event, KIT_CHANNEL, "app or branch office");
    if (plain->has_amount) {
        kit_set_integer(&event, KIT_AMOUNT, (int64_t)(next_random(random) % 1000));
    }
    return event;
}

static int by_time_down(const void *a, const void *b)
{
    const struct plain_event *x = a;
    const struct plain_event *y = b;
    return (x->time_ms < y->time_ms) - (x->time_ms > y->time_ms);
}

/* The events of the definition's window at a time, newest first: how many, and the newest. */
static uint64_t count_plain(const struct plain_event events[], size_t count,
                            const struct definition *of, int64_t at_ms, int64_t *last_ms)
{
    uint64_t taken = 0;
    uint64_t found = 0;
    const int64_t to_ms = at_ms - of->delay_ms;
    *last_ms = ASSAY_NO_TIME;
    for (size_t i = 0; i < count && (of->last_n == 0 || taken < of->last_n); i++) {
        const bool in = events[i].time_ms <= to_ms &&
                        (of->span_ms == 0 || events[i].time_ms > to_ms - of->span_ms);
        if (!in || (of->ok_only && !events[i].ok)) {
            continue;
        }
        taken++;
        if (!of->amount || events[i].has_amount) {
            *last_ms = found == 0 ? events[i].time_ms : *last_ms;
            found++;
        }
    }
    return found;
}

static void open_kit(struct kit *kit, int64_t expire_ms)
{
    kit_init(kit, DAY_MS, expire_ms);
    for (size_t d = 0; d < DEFINITIONS; d++) {
        kit_feature(kit, KIT_USER, definitions[d].name, definitions[d].text);
    }
    kit_feature(kit, KIT_USER, "share", "ok / c3");
    kit_open(kit, MEMORY);
}

static const struct assay_aggregate_facts *facts_of(const struct kit *kit,
                                                    const struct assay_inspection *inspection,
                                                    const char *text, const char *window)
{
    const struct assay_plan_entity *entity = &kit->plan->entities[KIT_USER];
    for (uint32_t i = 0; i < entity->agg_count; i++) {
        if (assay_str_equal(entity->aggs[i].text, assay_str_of(text)) &&
            assay_str_equal(entity->aggs[i].window_text, assay_str_of(window))) {
            return &inspection->aggregates[i];
        }
    }
    fail_msg("no aggregate %s over %s", text, window);
    return NULL;
}

static void check_at(struct kit *kit, const struct plain_event events[], size_t count,
                     int64_t at_ms)
{
    struct assay_inspection seen;
    const struct assay_plan_entity *entity = &kit->plan->entities[KIT_USER];
    assert_true(
        assay_store_inspect(kit->store, KIT_USER, assay_str_of("u"), at_ms, kit->scratch, &seen));
    assert_int_equal(seen.at_ms, at_ms);
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        const struct assay_value value =
            kit_read(kit, "u", at_ms, kit->plan->features[entity->feature_first + j].full_name.ptr);
        assert_int_equal(value.state, seen.values[j].state);
        assert_int_equal(value.kind, seen.values[j].kind);
        if (value.kind == ASSAY_KIND_TEXT) {
            assert_true(assay_str_equal(value.cell.text, seen.values[j].cell.text));
        } else {
            assert_number(seen.values[j], value.cell.number);
        }
    }
    for (uint32_t d = 0; d < DEFINITIONS; d++) {
        int64_t last_ms = 0;
        const struct assay_aggregate_facts *facts = &seen.aggregates[d]; /* in order of writing */
        assert_int_equal(facts->value.state == ASSAY_STATE_EXPIRED, at_ms < facts->answerable_ms);
        if (facts->value.state == ASSAY_STATE_EXPIRED) {
            assert_int_equal(facts->events, 0);
            assert_int_equal(facts->last_ms, ASSAY_NO_TIME);
            continue;
        }
        assert_int_equal(facts->events,
                         count_plain(events, count, &definitions[d], at_ms, &last_ms));
        assert_int_equal(facts->last_ms, last_ms);
        assert_int_equal(facts->last_before_ms, ASSAY_NO_TIME);
    }
}

static void facts_are_those_of_a_plain_list_of_events(void **state)
{
    (void)state;
    static struct plain_event events[EVENTS_MAX];
    struct kit kit;
    uint64_t random = 5;
    int64_t now_ms = 1000000;
    uint32_t expired = 0;
    open_kit(&kit, 0);
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        /* in order for most of it, some late; many share a time */
        now_ms += (int64_t)(next_random(&random) % 1200000);
        const int64_t late_ms =
            next_random(&random) % 8 == 0 ? (int64_t)(next_random(&random) % (DAY_MS - 1)) : 0;
        events[i] = (struct plain_event){.time_ms = now_ms - late_ms,
                                         .ok = next_random(&random) % 3 != 0,
                                         .has_amount = next_random(&random) % 4 != 0};
        const struct assay_event event = make_event(&events[i], &random);
        kit_apply(&kit, &event, "u");
    }
    qsort(events, EVENTS_MAX, sizeof events[0], by_time_down);
    struct assay_key_facts key;
    assay_store_key_facts(kit.store, KIT_USER, assay_str_of("u"), &key);
    assert_true(key.known);
    assert_int_equal(key.newest_ms, events[0].time_ms);
    assert_int_equal(key.segments, 1);
    for (int64_t back_ms = -2 * (int64_t)DAY_MS; back_ms < 4 * (int64_t)DAY_MS;
         back_ms += 3599999) {
        const struct assay_arena_mark mark = assay_arena_mark(kit.scratch);
        check_at(&kit, events, EVENTS_MAX, events[0].time_ms - back_ms);
        expired +=
            kit_read(&kit, "u", events[0].time_ms - back_ms, "user.c3").state == ASSAY_STATE_EXPIRED
                ? 1
                : 0;
        assay_arena_rewind(kit.scratch, mark);
    }
    assert_true(expired > 10); /* the walk went beyond what is answerable */
    kit_close(&kit);
}

static void newest_stands_for_the_newest_applied_time_not_the_last_event(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t random = 1;
    open_kit(&kit, 0);
    const struct plain_event plains[] = {
        {5000, true, true}, {9000, true, true}, {7000, true, true}};
    for (size_t i = 0; i < 3; i++) {
        const struct assay_event event = make_event(&plains[i], &random);
        kit_apply(&kit, &event, "u");
    }
    struct assay_inspection seen;
    assert_true(assay_store_inspect(kit.store, KIT_USER, assay_str_of("u"), ASSAY_AT_NEWEST,
                                    kit.scratch, &seen));
    assert_int_equal(seen.at_ms, 9000);
    assert_int_equal(seen.since_ms, 5000);
    assert_int_equal(facts_of(&kit, &seen, "count(pay)", "1d")->last_ms, 9000);
    assert_int_equal(facts_of(&kit, &seen, "count(pay)", "1d")->events, 3);
    kit_close(&kit);
}

static void a_key_never_seen_is_unknown_and_reads_as_empty(void **state)
{
    (void)state;
    struct kit kit;
    struct assay_inspection seen;
    struct assay_key_facts key;
    open_kit(&kit, 0);
    assay_store_key_facts(kit.store, KIT_USER, assay_str_of("nobody"), &key);
    assert_false(key.known);
    assert_int_equal(key.bytes.records + key.bytes.chunks + key.logged, 0);
    assert_true(assay_store_inspect(kit.store, KIT_USER, assay_str_of("nobody"), ASSAY_AT_NEWEST,
                                    kit.scratch, &seen));
    assert_int_equal(seen.since_ms, ASSAY_NO_TIME);
    assert_number(seen.values[0], 0);
    assert_int_equal(seen.aggregates[0].events, 0);
    assert_int_equal(seen.aggregates[0].last_ms, ASSAY_NO_TIME);
    kit_close(&kit);
}

static void what_expire_forgot_contributes_nothing(void **state)
{
    (void)state;
    struct kit kit;
    struct assay_inspection seen;
    uint64_t random = 1;
    open_kit(&kit, 3600000);
    const struct plain_event plains[] = {
        {0, true, true}, {1000, true, true}, {2 * 3600000, true, true}};
    for (size_t i = 0; i < 3; i++) {
        const struct assay_event event = make_event(&plains[i], &random);
        kit_apply(&kit, &event, "u");
    }
    assert_true(assay_store_inspect(kit.store, KIT_USER, assay_str_of("u"), ASSAY_AT_NEWEST,
                                    kit.scratch, &seen));
    assert_int_equal(seen.since_ms, 2 * 3600000);
    assert_int_equal(facts_of(&kit, &seen, "count(pay)", "1d")->events, 1);
    assert_int_equal(facts_of(&kit, &seen, "sum(pay.amount) where ok", "last 5")->events, 1);
    assert_true(assay_store_inspect(kit.store, KIT_USER, assay_str_of("u"), 4 * 3600000,
                                    kit.scratch, &seen));
    assert_int_equal(seen.since_ms, ASSAY_NO_TIME);
    assert_int_equal(facts_of(&kit, &seen, "count(pay)", "1d")->events, 0);
    struct assay_key_facts key;
    assay_store_key_facts(kit.store, KIT_USER, assay_str_of("u"), &key);
    assert_int_equal(key.segments, 2);
    kit_close(&kit);
}

static void folded_events_still_count_and_their_newest_is_known_or_bounded(void **state)
{
    (void)state;
    struct kit kit;
    struct assay_inspection seen;
    kit_init(&kit, 1000, 0);
    kit_feature(&kit, KIT_USER, "all", "count(pay) where n = 1");
    kit_feature(&kit, KIT_USER, "edge", "last(pay.n) where n = 2");
    kit_feature(&kit, KIT_USER, "now", "count(pay) where n = 3");
    kit_open(&kit, MEMORY);
    for (int64_t i = 1; i <= 2000; i++) {
        struct assay_event event = kit_event(KIT_PAY, i * 100, "u", NULL);
        kit_set_integer(&event, KIT_N, i <= 500 ? 1 : i <= 1000 ? 2 : i == 2000 ? 3 : 4);
        kit_apply(&kit, &event, "u");
    }
    struct assay_key_facts key;
    assay_store_key_facts(kit.store, KIT_USER, assay_str_of("u"), &key);
    assert_true(key.bytes.bases > 0 && key.logged < 1000); /* it did fold */
    assert_true(assay_store_inspect(kit.store, KIT_USER, assay_str_of("u"), ASSAY_AT_NEWEST,
                                    kit.scratch, &seen));
    const struct assay_aggregate_facts *all =
        facts_of(&kit, &seen, "count(pay) where (n = 1)", "lifetime");
    const struct assay_aggregate_facts *edge =
        facts_of(&kit, &seen, "last(pay.n) where (n = 2)", "lifetime");
    const struct assay_aggregate_facts *now =
        facts_of(&kit, &seen, "count(pay) where (n = 3)", "lifetime");
    assert_int_equal(all->events, 500);
    assert_int_equal(all->last_ms, ASSAY_NO_TIME);
    assert_true(all->last_before_ms >= 50000 && all->last_before_ms < 200000);
    assert_int_equal(edge->events, 500);
    assert_int_equal(edge->last_ms, 100000);
    assert_int_equal(edge->last_before_ms, ASSAY_NO_TIME);
    assert_int_equal(now->events, 1);
    assert_int_equal(now->last_ms, 200000);
    kit_close(&kit);
}

static void every_byte_of_a_store_is_accounted_for(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t random = 11;
    char user[32];
    kit_init(&kit, DAY_MS, 20 * (int64_t)DAY_MS);
    for (size_t d = 0; d < DEFINITIONS; d++) {
        kit_feature(&kit, KIT_USER, definitions[d].name, definitions[d].text);
    }
    kit_feature(&kit, KIT_USER, "first", "first(transfer@payer.channel)");
    kit_feature(&kit, KIT_USER, "out", "count_distinct(transfer@payer.tag) over 2d");
    kit_feature(&kit, KIT_USER, "many",
                "sum(pay.amount) over [1h, 2h, 3h, 4h, 5h, 6h, 7h, 8h, 9h, 10h, 11h, 12h]");
    kit_feature(&kit, KIT_USER, "more", /* too many windows to lie in the record */
                "sum(pay.n) where ok over [1h, 2h, 3h, 4h, 5h, 6h, 7h, 8h, 9h, 10h, 11h, 12h]");
    kit_feature(&kit, KIT_SHOP, "volume", "sum(pay.amount) over [1h, 1d]");
    kit_feature(&kit, KIT_SHOP, "shop", "count_distinct(pay.user) over 2d");
    kit_open(&kit, MEMORY);
    for (int i = 0; i < 30000; i++) {
        const uint64_t who = next_random(&random) % 3 == 0 ? next_random(&random) % 2000 : 0;
        (void)snprintf(user, sizeof user, "user-%llu", (unsigned long long)who);
        const int64_t late_ms =
            next_random(&random) % 9 == 0 ? (int64_t)(next_random(&random) % DAY_MS) : 0;
        const bool transfer = next_random(&random) % 4 == 0;
        struct assay_event event = kit_event(transfer ? KIT_TRANSFER : KIT_PAY,
                                             (int64_t)i * 60000 - late_ms, user, "other");
        kit_set_integer(&event, KIT_OK, i % 2);
        kit_set_integer(&event, KIT_AMOUNT, i % 100);
        kit_set_text(&event, KIT_CHANNEL, i % 5 == 0 ? "a channel of many words" : "c");
        kit_set_text(&event, KIT_TAG, user);
        if (!transfer) { /* of an entity with few windows: they lie in its records */
            struct assay_touch touch;
            const struct assay_update update = kit_update(&event, KIT_SHOP, "other");
            assert_int_equal(assay_store_apply(kit.store, &update, &touch), ASSAY_OK);
        }
        kit_apply(&kit, &event, user);
        if (i % 4 == 0) { /* what is read keeps up with its windows */
            (void)kit_slice(&kit, "user.c1");
            (void)kit_slice(&kit, "user.out");
        }
        if (i % 3000 != 0 && i != 29999) {
            continue;
        }
        struct assay_entity_facts entities[2] = {0};
        struct assay_memory_facts memory = {0};
        assay_store_entity_facts(kit.store, entities);
        assay_store_memory_facts(kit.store, &memory);
        uint64_t sum = memory.index + memory.texts;
        for (int e = 0; e < 2; e++) {
            const struct assay_state_bytes *bytes = &entities[e].bytes;
            sum += bytes->records + bytes->chunks + bytes->summaries + bytes->lanes + bytes->bases;
        }
        assert_int_equal(sum, memory.live);
        assert_true(memory.live <= memory.carved && memory.carved <= memory.limit);
    }
    struct assay_entity_facts entities[2] = {0};
    struct assay_store_stats stats;
    assay_store_entity_facts(kit.store, entities);
    assay_store_stats(kit.store, &stats);
    assert_int_equal(entities[KIT_USER].keys + entities[KIT_SHOP].keys, stats.keys);
    assert_true(entities[KIT_USER].bytes.bases > 0 && entities[KIT_USER].bytes.summaries > 0);
    assert_true(entities[KIT_USER].bytes.lanes > 0);
    kit_close(&kit);
}

static void count_key(void *context, struct assay_str key)
{
    uint32_t *seen = context;
    unsigned int index = 0;
    assert_int_equal(sscanf(key.ptr, "u%u", &index), 1);
    seen[index]++;
}

static void a_walk_meets_every_key_once_also_while_the_index_grows(void **state)
{
    (void)state;
    struct kit kit;
    static uint32_t seen[3000];
    open_kit(&kit, 0);
    for (uint32_t u = 0; u < 3000; u++) {
        char user[32];
        (void)snprintf(user, sizeof user, "u%u ", u);
        const struct assay_event event = kit_event(KIT_PAY, 1000, user, NULL);
        kit_apply(&kit, &event, user);
        if (u % 97 == 0 || u == 2999) {
            memset(seen, 0, sizeof seen);
            assay_store_visit_keys(kit.store, KIT_USER, count_key, seen);
            for (uint32_t i = 0; i < 3000; i++) {
                assert_int_equal(seen[i], i <= u ? 1 : 0);
            }
        }
    }
    kit_close(&kit);
}

static void hot_keys_count_what_was_applied_and_only_when_asked_for(void **state)
{
    (void)state;
    struct kit kit;
    open_kit(&kit, 0);
    assert_null(assay_store_hot_keys(kit.store, KIT_USER));
    assay_store_destroy(kit.store);
    const struct assay_store_options options = {
        .memory_bytes_max = MEMORY, .index_seed = 3, .hot_keys = 8};
    assert_int_equal(assay_store_create(&kit.store, kit.plan, &options, NULL), ASSAY_OK);
    for (int i = 0; i < 30; i++) {
        const struct assay_event event = kit_event(KIT_PAY, 1000 + i, i % 3 == 0 ? "b" : "a", NULL);
        kit_apply(&kit, &event, i % 3 == 0 ? "b" : "a");
    }
    struct assay_hot_key list[8];
    const struct assay_hot_keys *hot = assay_store_hot_keys(kit.store, KIT_USER);
    assert_non_null(hot);
    assert_int_equal(assay_hot_keys_list(hot, 8, list), 2);
    assert_int_equal(list[0].count, 20);
    assert_int_equal(list[0].error, 0);
    assert_true(assay_str_equal(list[0].key, assay_str_of("a")));
    assert_int_equal(assay_hot_keys_total(assay_store_hot_keys(kit.store, KIT_SHOP)), 0);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_those_of_a_plain_list_of_events),
        cmocka_unit_test(newest_stands_for_the_newest_applied_time_not_the_last_event),
        cmocka_unit_test(a_key_never_seen_is_unknown_and_reads_as_empty),
        cmocka_unit_test(what_expire_forgot_contributes_nothing),
        cmocka_unit_test(folded_events_still_count_and_their_newest_is_known_or_bounded),
        cmocka_unit_test(every_byte_of_a_store_is_accounted_for),
        cmocka_unit_test(a_walk_meets_every_key_once_also_while_the_index_grows),
        cmocka_unit_test(hot_keys_count_what_was_applied_and_only_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
