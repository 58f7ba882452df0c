#include "features/inspect.h"
#include "features/record_pvt.h"
#include "tests/unit/features/store_kit.h"

/*
 * Keys that are silent for too long give memory and place back, and nothing else tells: the same
 * events are applied to stores that forget at different times, and all must answer alike.
 */

enum { MEMORY = 64 << 20, NAME_BYTES = 16, EXPIRE = 100, LATENESS = 40 };

static const char *const features[] = {
    "count(pay)",
    "sum(pay.amount) over 50ms",
    "count_distinct(pay.channel)",
    "max(pay.n) over 1s",
    "count(pay) over last 3",
    "sum(pay.n) where ok over 300ms delay 20ms",
    "time_since_first(pay)",
    "longest_gap(pay) over 500ms",
    "sum(transfer@payer.n)", /* old ones become totals */
    "max(transfer@payer.amount) over 100ms",
};
enum { FEATURES = sizeof features / sizeof features[0] };
static const char *const names[FEATURES] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

static void open_kit(struct kit *kit, uint64_t capacity, bool evicts)
{
    kit_init(kit, LATENESS, EXPIRE);
    for (size_t i = 0; i < FEATURES; i++) {
        kit_feature(kit, KIT_USER, names[i], features[i]);
    }
    kit->entities[KIT_USER].capacity = capacity;
    kit->entities[KIT_USER].evicts = evicts;
    kit_open(kit, MEMORY);
}

static const char *name_of(char out[NAME_BYTES], uint32_t name)
{
    (void)snprintf(out, NAME_BYTES, "k%07u", name);
    return out;
}

static struct assay_event event_of(char key[NAME_BYTES], uint32_t name, int64_t time_ms)
{
    static const char *const channels[] = {"app", "web", "a channel with a longer name"};
    struct assay_event event = kit_event(KIT_PAY, time_ms, name_of(key, name), NULL);
    kit_set_integer(&event, KIT_AMOUNT, name + time_ms);
    kit_set_integer(&event, KIT_N, time_ms % 7);
    kit_set_text(&event, KIT_CHANNEL, channels[(name + (uint64_t)time_ms) % 3]);
    return event;
}

static enum assay_status try(struct kit *kit, uint32_t name, int64_t time_ms)
{
    char key[NAME_BYTES];
    const struct assay_event event = event_of(key, name, time_ms);
    return kit_try(kit, &event, key);
}

static void apply(struct kit *kit, uint32_t name, int64_t time_ms)
{
    assert_int_equal(try(kit, name, time_ms), ASSAY_OK);
}

static bool is_held(const struct assay_store *store, uint32_t name)
{
    char key[NAME_BYTES];
    const struct assay_str text = assay_str_of(name_of(key, name));
    return assay_keys_find(store, store_hash_key(store, KIT_USER, text), KIT_USER, text) != NULL;
}

static struct assay_store_stats stats_of(const struct assay_store *store)
{
    struct assay_store_stats stats;
    assay_store_stats(store, &stats);
    return stats;
}

static void a_key_is_dead_once_no_event_can_join_it_and_not_before(void **state)
{
    (void)state;
    struct kit kit;
    open_kit(&kit, 0, false);
    static const int64_t bases[] = {-5000, -1001, 3000, 7001}; /* lists are two ms wide */
    for (size_t i = 0; i < 4; i++) {
        const int64_t base = bases[i];
        apply(&kit, 1, base);
        apply(&kit, 1, base - 30); /* late: dies no sooner for it */
        assay_store_advance(kit.store, base + EXPIRE);
        assay_store_settle(kit.store);
        assert_true(is_held(kit.store, 1));
        apply(&kit, 1, base + EXPIRE);
        assert_number(kit_slice(&kit, "user.a"), 3); /* it joins */
        assay_store_advance(kit.store, base + 2 * EXPIRE);
        assay_store_settle(kit.store);
        assert_true(is_held(kit.store, 1));
        assay_store_advance(kit.store, base + 2 * EXPIRE + 1);
        assay_store_settle(kit.store);
        assert_false(is_held(kit.store, 1));
        apply(&kit, 1, base + 2 * EXPIRE + 1);
        assert_number(kit_slice(&kit, "user.a"), 1); /* anew */
        assay_store_advance(kit.store, base + 4 * EXPIRE);
        assay_store_settle(kit.store);
    }
    assert_int_equal(stats_of(kit.store).expired, 8);
    assert_int_equal(stats_of(kit.store).entity_expired[KIT_USER], 8);
    kit_close(&kit);
}

static void memory_returns_to_where_it_was(void **state)
{
    (void)state;
    struct kit kit;
    open_kit(&kit, 0, false);
    const struct assay_store_stats before = stats_of(kit.store);
    for (uint32_t name = 0; name < 50; name++) {
        const int64_t times = name == 7 ? 5000 : 1 + name % 40; /* blocks, chunks, segments */
        for (int64_t i = 0; i < times; i++) {
            apply(&kit, name, i * (name % 3 == 0 ? EXPIRE + 1 : 1));
            (void)kit_slice(&kit, "user.d"); /* kept windows */
        }
    }
    const struct assay_store_stats full = stats_of(kit.store);
    assay_store_advance(kit.store, INT64_C(1000000));
    assay_store_settle(kit.store);
    const struct assay_store_stats after = stats_of(kit.store);
    assert_int_equal(after.keys, 0);
    assert_int_equal(after.expired, 50);
    assert_int_equal(after.log_bytes, before.log_bytes);
    assert_int_equal(after.record_bytes, before.record_bytes);
    assert_int_equal(after.memory_bytes, before.memory_bytes);
    assert_int_equal(after.expired_bytes, full.memory_bytes - before.memory_bytes);
    kit_close(&kit);
}

static void a_million_short_lived_keys_need_memory_for_those_that_live(void **state)
{
    (void)state;
    enum { KEYS = 1000000, LIVING_MAX = LATENESS + EXPIRE + 1 + 2 * 256 };
    struct kit kit;
    uint64_t keys_max = 0;
    kit_init(&kit, LATENESS, EXPIRE);
    kit_feature(&kit, KIT_USER, "a", "count(pay)");
    kit_feature(&kit, KIT_USER, "b", "count_distinct(pay.channel) over 50ms");
    kit.entities[KIT_USER].capacity = LIVING_MAX;
    kit_open(&kit, 1 << 20);
    for (uint32_t i = 0; i < KEYS; i++) {
        if (i % 256 == 0) {
            keys_max = stats_of(kit.store).keys > keys_max ? stats_of(kit.store).keys : keys_max;
            assay_store_advance(kit.store, (int64_t)i - LATENESS);
        }
        apply(&kit, i, i);
    }
    assert_true(keys_max > EXPIRE && keys_max < LIVING_MAX);
    assert_int_equal(stats_of(kit.store).refused, 0);
    assert_true(stats_of(kit.store).expired > KEYS - LIVING_MAX);
    kit_close(&kit);
}

static void a_call_looks_at_so_many_keys_and_catches_up_with_updates(void **state)
{
    (void)state;
    enum { KEYS = 5000 };
    struct kit kit;
    open_kit(&kit, 0, false);
    for (uint32_t name = 0; name < KEYS; name++) {
        apply(&kit, name, name % 10);
    }
    assay_store_advance(kit.store, -1000); /* spends the looks that the updates have paid for */
    assert_int_equal(stats_of(kit.store).keys, KEYS);
    assay_store_advance(kit.store, 1000);
    assert_int_equal(stats_of(kit.store).expired, 64);
    assay_store_advance(kit.store, 500); /* never back */
    assert_int_equal(stats_of(kit.store).expired, 128);
    for (int64_t i = 0; i < 100; i++) {
        apply(&kit, KEYS, 1000 + i);
    }
    assay_store_advance(kit.store, 1000);
    assert_int_equal(stats_of(kit.store).expired, 128 + 64 + 2 * 100);
    assay_store_settle(kit.store);
    assert_int_equal(stats_of(kit.store).keys, 1);
    assert_true(is_held(kit.store, KEYS));
    kit_close(&kit);
}

/* Before the safe time is known nothing tells early from late, and one key far ahead of all others
 * must not keep them. */
static void a_key_far_ahead_keeps_no_other(void **state)
{
    (void)state;
    struct kit kit;
    open_kit(&kit, 0, false);
    apply(&kit, 0, INT64_C(1) << 50);
    apply(&kit, 1, 1000);
    assay_store_advance(kit.store, 1000);
    apply(&kit, 2, 1000);
    apply(&kit, 3, INT64_C(1) << 51);
    for (int64_t i = 0; i < 50; i++) {
        apply(&kit, 4, 1000 + i * 50);
        assay_store_advance(kit.store, 1000 + i * 50);
    }
    assert_false(is_held(kit.store, 1) || is_held(kit.store, 2));
    assert_true(is_held(kit.store, 0) && is_held(kit.store, 3) && is_held(kit.store, 4));
    assay_store_advance(kit.store, (INT64_C(1) << 51) - 1);
    assay_store_settle(kit.store);
    assert_true(!is_held(kit.store, 0) && is_held(kit.store, 3));
    kit_close(&kit);
}

static void places_come_back_in_the_order_of_death(void **state)
{
    (void)state;
    struct kit kit;
    open_kit(&kit, 3, false);
    apply(&kit, 3, 300);
    apply(&kit, 1, 100);
    apply(&kit, 2, 200);
    assert_int_equal(try(&kit, 4, 300), ASSAY_E_FULL);
    assay_store_advance(kit.store, 210);
    assert_false(is_held(kit.store, 1)); /* dead at 201 */
    apply(&kit, 4, 300);
    assert_int_equal(try(&kit, 5, 300), ASSAY_E_FULL);
    assert_int_equal(stats_of(kit.store).refused_keys, 2);
    apply(&kit, 2, 310); /* lives on, whatever its list says */
    assay_store_advance(kit.store, 350);
    assert_int_equal(try(&kit, 5, 400), ASSAY_E_FULL);
    assay_store_advance(kit.store, 405);
    assert_true(is_held(kit.store, 2));
    assert_false(is_held(kit.store, 3) || is_held(kit.store, 4));
    apply(&kit, 5, 410);
    apply(&kit, 6, 410);
    assert_int_equal(try(&kit, 7, 410), ASSAY_E_FULL);
    kit_close(&kit);
}

/* A call of advance may leave more than it looks at: a new key at capacity looks on. */
static void at_capacity_a_new_key_looks_for_a_dead_one_itself(void **state)
{
    (void)state;
    enum { KEYS = 1000 };
    for (int evicts = 0; evicts < 2; evicts++) {
        struct kit kit;
        open_kit(&kit, KEYS, evicts != 0);
        apply(&kit, 0, 2000);
        for (uint32_t name = 1; name < KEYS; name++) {
            apply(&kit, name, name % 20);
        }
        assay_store_advance(kit.store, -1000);
        assay_store_advance(kit.store, 2000); /* 64 go */
        for (uint32_t name = KEYS; name < 2 * KEYS - 1; name++) {
            apply(&kit, name, 2000);
        }
        assert_int_equal(stats_of(kit.store).expired, KEYS - 1);
        assert_int_equal(stats_of(kit.store).evicted, 0);
        assert_true(is_held(kit.store, 0)); /* first in the queue, and alive */
        assert_int_equal(try(&kit, 2 * KEYS, 2000), evicts != 0 ? ASSAY_OK : ASSAY_E_FULL);
        assert_int_equal(is_held(kit.store, 0), evicts == 0);
        kit_close(&kit);
    }
}

/* ---- stores that forget at different times ---- */

enum { STORES = 4 };

struct crowd {
    struct kit kit;
    struct assay_store *stores[STORES]; /* forget never; now and then; at once; when told to */
    uint64_t luck;
    int64_t now_ms;
    int64_t safe_ms;
};

static uint32_t roll(struct crowd *crowd, uint32_t sides)
{
    crowd->luck = crowd->luck * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(crowd->luck >> 33) % sides;
}

static void open_crowd(struct crowd *crowd, uint64_t seed, uint64_t capacity, bool evicts)
{
    memset(crowd, 0, sizeof *crowd);
    open_kit(&crowd->kit, capacity, evicts);
    for (size_t s = 0; s < STORES; s++) {
        crowd->stores[s] = kit_store(&crowd->kit, MEMORY, seed + s);
    }
    crowd->luck = seed;
    crowd->now_ms = seed % 2 == 0 ? 0 : -100000;
    crowd->safe_ms = INT64_MIN;
}

static void close_crowd(struct crowd *crowd)
{
    for (size_t s = 0; s < STORES; s++) {
        assay_store_destroy(crowd->stores[s]);
    }
    kit_close(&crowd->kit);
}

/* One event to all stores: what it sees must be the same. */
static void meet(struct crowd *crowd, uint32_t name)
{
    struct assay_value values[STORES][FEATURES];
    uint32_t wanted[FEATURES];
    char key[NAME_BYTES];
    int64_t time_ms = crowd->now_ms - roll(crowd, 2) * roll(crowd, 60);
    time_ms = time_ms < crowd->safe_ms ? crowd->safe_ms : time_ms;
    struct assay_event event = event_of(key, name, time_ms);
    if (roll(crowd, 2) == 0) {
        kit_set_integer(&event, KIT_OK, 1);
    }
    event.type = roll(crowd, 3) == 0 ? KIT_TRANSFER : KIT_PAY;
    const struct assay_update update = kit_update(&event, KIT_USER, key);
    for (size_t f = 0; f < FEATURES; f++) {
        wanted[f] = kit_index(&crowd->kit, (const char[]){'u', 's', 'e', 'r', '.', names[f][0], 0});
    }
    for (size_t s = 0; s < STORES; s++) {
        struct assay_touch touch;
        assert_int_equal(assay_store_apply(crowd->stores[s], &update, &touch), ASSAY_OK);
        memset(values[s], 0, sizeof values[s]);
        assay_store_slice(crowd->stores[s], &touch, wanted, FEATURES, crowd->kit.scratch,
                          values[s]);
        assert_memory_equal(values[s], values[0], sizeof values[s]);
    }
}

/* The safe time moves on; every store does with it what it does. */
static void move_on(struct crowd *crowd)
{
    const int64_t safe_ms = crowd->now_ms - LATENESS;
    crowd->safe_ms = safe_ms > crowd->safe_ms ? safe_ms : crowd->safe_ms;
    crowd->stores[0]->safe_ms = crowd->safe_ms; /* knows, and forgets nothing */
    crowd->stores[1]->safe_ms = crowd->safe_ms;
    if (roll(crowd, 5) == 0) {
        assay_store_advance(crowd->stores[1], crowd->safe_ms);
    }
    assay_store_advance(crowd->stores[2], crowd->safe_ms);
    assay_store_settle(crowd->stores[2]);
    crowd->stores[3]->safe_ms = crowd->safe_ms;
}

static void count_key(void *context, struct assay_str key)
{
    (void)key;
    ++*(uint64_t *)context;
}

static void compare(struct crowd *crowd, uint32_t name_count)
{
    uint64_t hashes[STORES][2] = {{0}};
    uint64_t ahead[STORES][2] = {{0}};
    uint64_t known[STORES] = {0};
    for (size_t s = 0; s < STORES; s++) {
        assay_store_hash(crowd->stores[s], hashes[s]);
        assert_memory_equal(hashes[s], hashes[0], sizeof hashes[s]);
        assay_store_hash_living(crowd->stores[s], crowd->now_ms, ahead[s]);
        assert_memory_equal(ahead[s], ahead[0], sizeof ahead[s]);
        assay_store_visit_keys(crowd->stores[s], KIT_USER, count_key, &known[s]);
        assert_int_equal(known[s], known[0]);
    }
    for (int i = 0; i < 20; i++) { /* as-of reads, of dead keys and dead segments too */
        char key[NAME_BYTES];
        const struct assay_str text = assay_str_of(name_of(key, roll(crowd, name_count)));
        const int64_t at_ms = crowd->now_ms + 50 - roll(crowd, 600);
        const uint32_t feature =
            kit_index(&crowd->kit,
                      (const char[]){'u', 's', 'e', 'r', '.', names[roll(crowd, FEATURES)][0], 0});
        struct assay_value values[STORES];
        struct assay_key_facts facts[STORES];
        struct assay_inspection seen[STORES];
        memset(values, 0, sizeof values);
        for (size_t s = 0; s < STORES; s++) {
            assay_store_key_facts(crowd->stores[s], KIT_USER, text, &facts[s]);
            assert_int_equal(facts[s].known, facts[0].known);
            assert_int_equal(facts[s].newest_ms, facts[0].newest_ms);
            assert_int_equal(facts[s].segments, facts[0].segments);
            assert_true(assay_store_inspect(crowd->stores[s], KIT_USER, text, ASSAY_AT_NEWEST,
                                            crowd->kit.scratch, &seen[s]));
            assert_int_equal(seen[s].at_ms, seen[0].at_ms);
            assert_int_equal(seen[s].since_ms, seen[0].since_ms);
            assert_int_equal(seen[s].aggregates[1].answerable_ms,
                             seen[0].aggregates[1].answerable_ms);
            assert_true(facts[s].known || seen[s].aggregates[0].value.state != ASSAY_STATE_EXPIRED);
            assay_store_read(crowd->stores[s], KIT_USER, text, at_ms, &feature, 1,
                             crowd->kit.scratch, &values[s]);
            assert_memory_equal(&values[s], &values[0], sizeof values[s]);
        }
        assert_true(at_ms < crowd->safe_ms || values[0].state != ASSAY_STATE_EXPIRED ||
                    is_held(crowd->stores[2], (uint32_t)atoi(key + 1)));
    }
}

static void follow_crowd(uint64_t seed, uint32_t name_count, uint32_t events)
{
    struct crowd crowd;
    open_crowd(&crowd, seed, 0, false);
    for (uint32_t i = 0; i < events; i++) {
        crowd.now_ms += roll(&crowd, 100) == 0 ? roll(&crowd, 400) : roll(&crowd, 3);
        meet(&crowd, roll(&crowd, name_count));
        if (roll(&crowd, 16) == 0) {
            move_on(&crowd);
        }
        if (i % (events / 16) == 0) {
            compare(&crowd, name_count);
        }
    }
    move_on(&crowd);
    compare(&crowd, name_count);
    assay_store_settle(crowd.stores[3]);
    compare(&crowd, name_count);
    const struct assay_store_stats never = stats_of(crowd.stores[0]);
    const struct assay_store_stats at_once = stats_of(crowd.stores[2]);
    assert_int_equal(never.expired, 0);
    assert_true(at_once.expired > 0 && at_once.memory_bytes < never.memory_bytes);
    assert_int_equal(stats_of(crowd.stores[3]).keys, at_once.keys);
    close_crowd(&crowd);
}

static void no_answer_and_no_hash_tells_what_was_forgotten_when(void **state)
{
    (void)state;
    follow_crowd(1, 3, 3000);
    follow_crowd(2, 40, 6000);
    follow_crowd(3, 500, 10000);
    follow_crowd(4, 4000, 20000);
}

/* Which keys are evicted, refused and forgotten follows from updates and calls alone. */
static void keys_that_go_are_the_same_whatever_the_seed_of_the_index(void **state)
{
    (void)state;
    enum { NAMES = 300 };
    for (int evicts = 0; evicts < 2; evicts++) {
        struct crowd crowd;
        uint64_t results[2] = {0};
        open_crowd(&crowd, 5, 60, evicts != 0);
        for (uint32_t i = 0; i < 20000; i++) {
            char key[NAME_BYTES];
            const uint32_t base = i / 400 * 20 % NAMES; /* the crowd wanders */
            const uint32_t name = (base + roll(&crowd, roll(&crowd, 4) == 0 ? NAMES : 50)) % NAMES;
            crowd.now_ms += roll(&crowd, 2000) == 0 ? 300 : roll(&crowd, 10);
            const struct assay_event event = event_of(key, name, crowd.now_ms);
            const struct assay_update update = kit_update(&event, KIT_USER, key);
            for (size_t s = 0; s < 2; s++) {
                struct assay_touch touch;
                results[s] =
                    results[s] * 31 + (uint64_t)assay_store_apply(crowd.stores[s], &update, &touch);
                if (i % 100 == 0) {
                    assay_store_advance(crowd.stores[s], crowd.now_ms - LATENESS);
                }
            }
        }
        assert_int_equal(results[0], results[1]);
        uint64_t hashes[2][2] = {{0}};
        for (size_t s = 0; s < 2; s++) {
            assay_store_hash_living(crowd.stores[s], crowd.now_ms, hashes[s]);
        }
        assert_memory_equal(hashes[0], hashes[1], sizeof hashes[0]);
        const struct assay_store_stats stats = stats_of(crowd.stores[0]);
        const struct assay_store_stats other = stats_of(crowd.stores[1]);
        assert_memory_equal(&stats, &other, sizeof stats);
        assert_true(stats.expired > 100);
        assert_true(evicts != 0 ? stats.evicted > 100 : stats.refused_keys > 100);
        for (size_t s = 0; s < 2; s++) { /* queue and lists are sound: all can go */
            assay_store_advance(crowd.stores[s], crowd.now_ms + 10 * EXPIRE);
            assay_store_settle(crowd.stores[s]);
            assert_int_equal(stats_of(crowd.stores[s]).keys, 0);
            assert_null(crowd.stores[s]->keys[KIT_USER].oldest);
        }
        close_crowd(&crowd);
    }
}

static void as_of_a_time_before_what_is_remembered_the_state_is_expired(void **state)
{
    (void)state;
    struct kit kit;
    open_kit(&kit, 0, false);
    apply(&kit, 1, 1000);
    assert_number(kit_read(&kit, "k0000001", 1000, "user.a"), 1);
    assert_number(kit_read(&kit, "k0000002", 1000, "user.a"), 0);
    assay_store_advance(kit.store, 1101);
    for (int settled = 0; settled < 2; settled++) {
        for (int name = 1; name <= 2; name++) { /* known once or never: nobody can tell */
            const char *key = name == 1 ? "k0000001" : "k0000002";
            assert_int_equal(kit_read(&kit, key, 1100, "user.a").state, ASSAY_STATE_EXPIRED);
            assert_number(kit_read(&kit, key, 1100, "user.a"), NAN);
            assert_int_equal(kit_read(&kit, key, 1101, "user.a").state, ASSAY_STATE_OK);
            assert_number(kit_read(&kit, key, 1101, "user.a"), 0);
        }
        assay_store_settle(kit.store);
    }
    apply(&kit, 1, 1105);
    assert_int_equal(kit_read(&kit, "k0000001", 1090, "user.a").state, ASSAY_STATE_EXPIRED);
    assert_number(kit_read(&kit, "k0000001", 1102, "user.a"), 0);
    assert_number(kit_read(&kit, "k0000001", 1105, "user.a"), 1);
    assay_store_advance(kit.store, 1200);
    assert_number(kit_read(&kit, "k0000001", 1105, "user.a"), 1); /* what lives is remembered */
    assert_int_equal(kit_read(&kit, "k0000001", 1104, "user.a").state, ASSAY_STATE_EXPIRED);
    kit_close(&kit);
}

static void without_expire_nothing_is_forgotten(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "a", "count(pay)");
    kit_open(&kit, MEMORY);
    apply(&kit, 1, 1000);
    assay_store_advance(kit.store, INT64_C(1) << 50);
    assay_store_settle(kit.store);
    assert_number(kit_read(&kit, "k0000001", 1000, "user.a"), 1);
    assert_int_equal(stats_of(kit.store).keys, 1);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_dead_once_no_event_can_join_it_and_not_before),
        cmocka_unit_test(memory_returns_to_where_it_was),
        cmocka_unit_test(a_million_short_lived_keys_need_memory_for_those_that_live),
        cmocka_unit_test(a_call_looks_at_so_many_keys_and_catches_up_with_updates),
        cmocka_unit_test(a_key_far_ahead_keeps_no_other),
        cmocka_unit_test(places_come_back_in_the_order_of_death),
        cmocka_unit_test(at_capacity_a_new_key_looks_for_a_dead_one_itself),
        cmocka_unit_test(no_answer_and_no_hash_tells_what_was_forgotten_when),
        cmocka_unit_test(keys_that_go_are_the_same_whatever_the_seed_of_the_index),
        cmocka_unit_test(as_of_a_time_before_what_is_remembered_the_state_is_expired),
        cmocka_unit_test(without_expire_nothing_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
