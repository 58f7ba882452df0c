#include "features/record_pvt.h"
#include "store_kit.h"

enum { MEMORY = 1 << 24 };

static struct assay_event pay(int64_t time_ms, int64_t cents)
{
    struct assay_event event = kit_event(KIT_PAY, time_ms, "u", NULL);
    kit_set_integer(&event, KIT_AMOUNT, cents);
    return event;
}

static void a_window_is_open_at_its_old_end_and_closed_at_the_new(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000, 0);
    kit_feature(&kit, KIT_USER, "c", "count(pay) over 10ms");
    kit_feature(&kit, KIT_USER, "d", "count(pay) over 10ms delay 5ms");
    kit_open(&kit, MEMORY);
    const struct assay_event event = pay(100, 1);
    kit_apply(&kit, &event, "u");
    assert_number(kit_read(&kit, "u", 99, "user.c"), 0);
    assert_number(kit_read(&kit, "u", 100, "user.c"), 1);
    assert_number(kit_read(&kit, "u", 109, "user.c"), 1);
    assert_number(kit_read(&kit, "u", 110, "user.c"), 0);
    assert_number(kit_read(&kit, "u", 104, "user.d"), 0);
    assert_number(kit_read(&kit, "u", 105, "user.d"), 1);
    assert_number(kit_read(&kit, "u", 114, "user.d"), 1);
    assert_number(kit_read(&kit, "u", 115, "user.d"), 0);
    kit_close(&kit);
}

static void an_empty_window_is_zero_or_null(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "count", "count(pay) over 1h");
    kit_feature(&kit, KIT_USER, "sum", "sum(pay.amount) over 1h");
    kit_feature(&kit, KIT_USER, "distinct", "count_distinct(pay.channel) over 1h");
    kit_feature(&kit, KIT_USER, "avg", "avg(pay.amount) over 1h");
    kit_feature(&kit, KIT_USER, "min", "min(pay.amount) over 1h");
    kit_feature(&kit, KIT_USER, "first", "first(pay.channel) over 1h");
    kit_feature(&kit, KIT_USER, "since", "time_since_last(pay)");
    kit_open(&kit, MEMORY);
    assert_number(kit_read(&kit, "nobody", 0, "user.count"), 0);
    assert_number(kit_read(&kit, "nobody", 0, "user.sum"), 0);
    assert_number(kit_read(&kit, "nobody", 0, "user.distinct"), 0);
    assert_number(kit_read(&kit, "nobody", 0, "user.avg"), NAN);
    assert_number(kit_read(&kit, "nobody", 0, "user.min"), NAN);
    assert_null(kit_read(&kit, "nobody", 0, "user.first").cell.text.ptr);
    assert_number(kit_read(&kit, "nobody", 0, "user.since"), NAN);
    /* a window of nulls: its sum is 0, it has no average */
    const struct assay_event event = kit_event(KIT_PAY, 7, "u", NULL);
    kit_apply(&kit, &event, "u");
    assert_number(kit_slice(&kit, "user.count"), 1);
    assert_number(kit_slice(&kit, "user.sum"), 0);
    assert_number(kit_slice(&kit, "user.avg"), NAN);
    kit_close(&kit);
}

static void sums_are_exact_where_f64_is_not(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "sum", "sum(pay.n) over 1h");
    kit_feature(&kit, KIT_USER, "money", "sum(pay.amount) over 1h");
    kit_feature(&kit, KIT_USER, "avg", "avg(pay.n) over 1h");
    kit_open(&kit, MEMORY);
    const int64_t large = (INT64_C(1) << 53) - 1;
    /* an f64 that adds up one by one loses the 1 and the 3 */
    const int64_t values[] = {large, large, 1, 3, -large, -large};
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < 6; i++) {
            struct assay_event event = pay(10 * round + (int64_t)i, 10);
            kit_set_integer(&event, KIT_N, values[i]);
            kit_apply(&kit, &event, "u");
        }
    }
    assert_number(kit_slice(&kit, "user.sum"), 200);
    assert_number(kit_slice(&kit, "user.avg"), 200.0 / 300.0);
    assert_number(kit_slice(&kit, "user.money"), 30);
    kit_close(&kit);
}

static void ties_go_by_id_then_by_fields_whatever_the_arrival(void **state)
{
    (void)state;
    static const char *const channels[] = {"no id", "id a", "id ab", "id b, 1", "id b, 2"};
    static const int orders[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}};
    for (size_t order = 0; order < 3; order++) {
        struct kit kit;
        kit_init(&kit, 0, 0);
        kit_feature(&kit, KIT_USER, "first", "first(pay.channel) over 1h");
        kit_feature(&kit, KIT_USER, "last", "last(pay.channel) over 1h");
        kit_feature(&kit, KIT_USER, "last3", "first(pay.channel) over last 3");
        kit_open(&kit, MEMORY);
        for (size_t i = 0; i < 5; i++) {
            const int which = orders[order][i];
            struct assay_event event = pay(5, which == 3 ? -1 : 1);
            kit_set_text(&event, KIT_CHANNEL, channels[which]);
            static const char *const ids[] = {NULL, "a", "ab", "b", "b"};
            if (ids[which] != NULL) {
                event.id = assay_str_of(ids[which]);
            }
            kit_apply(&kit, &event, "u");
        }
        assert_string_equal(kit_slice(&kit, "user.first").cell.text.ptr, "no id");
        assert_string_equal(kit_slice(&kit, "user.last").cell.text.ptr, "id b, 2");
        assert_string_equal(kit_slice(&kit, "user.last3").cell.text.ptr, "id ab");
        kit_close(&kit);
    }
}

static void exclude_current_leaves_out_the_event_and_not_its_twins(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000, 0);
    kit_feature(&kit, KIT_USER, "c", "count(pay) exclude current over 1h");
    kit_feature(&kit, KIT_USER, "m", "max(pay.amount) exclude current over last 2");
    kit_feature(&kit, KIT_USER, "t", "count(transfer@payer) exclude current over 1h");
    kit_open(&kit, MEMORY);
    const struct assay_event twin = pay(5, 300);
    kit_apply(&kit, &twin, "u");
    assert_number(kit_slice(&kit, "user.c"), 0);
    assert_number(kit_slice(&kit, "user.m"), NAN);
    kit_apply(&kit, &twin, "u");
    assert_number(kit_slice(&kit, "user.c"), 1);
    const struct assay_event late = pay(3, 900);
    kit_apply(&kit, &late, "u");
    assert_number(kit_slice(&kit, "user.c"), 0);
    const struct assay_event more = pay(6, 100);
    kit_apply(&kit, &more, "u");
    assert_number(kit_slice(&kit, "user.c"), 3);
    assert_number(kit_slice(&kit, "user.m"), 3); /* the newest two before it */
    assert_number(kit_slice(&kit, "user.t"), 0);
    assert_number(kit_read(&kit, "u", 6, "user.c"), 4); /* no current event */
    kit_close(&kit);
}

static void one_event_may_name_a_key_by_two_roles(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "out", "sum(transfer@payer.amount) over 1h");
    kit_feature(&kit, KIT_USER, "in", "sum(transfer@payee.amount) over 1h");
    kit_feature(&kit, KIT_USER, "before", "count(transfer@payee) exclude current over 1h");
    kit_open(&kit, MEMORY);
    struct assay_event event = kit_event(KIT_TRANSFER, 1, "u", "v");
    kit_set_integer(&event, KIT_AMOUNT, 500);
    kit_apply(&kit, &event, "u");
    assert_number(kit_slice(&kit, "user.out"), 5);
    assert_number(kit_slice(&kit, "user.in"), 0);
    kit_apply(&kit, &event, "v");
    assert_number(kit_slice(&kit, "user.out"), 0);
    assert_number(kit_slice(&kit, "user.in"), 5);
    struct assay_event self = kit_event(KIT_TRANSFER, 2, "u", "u");
    kit_set_integer(&self, KIT_AMOUNT, 100);
    kit_apply(&kit, &self, "u");
    assert_number(kit_slice(&kit, "user.out"), 6);
    assert_number(kit_slice(&kit, "user.in"), 1);
    assert_number(kit_slice(&kit, "user.before"), 0);
    kit_close(&kit);
}

static void silence_longer_than_expire_starts_anew_and_a_late_event_bridges_it(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000, 100);
    kit_feature(&kit, KIT_USER, "all", "count(pay)");
    kit_feature(&kit, KIT_USER, "since", "time_since_first(pay)");
    kit_feature(&kit, KIT_USER, "hour", "count(pay) over 1h");
    kit_open(&kit, MEMORY);
    const struct assay_event events[] = {pay(0, 1), pay(100, 1), pay(201, 1)};
    kit_apply(&kit, &events[0], "u");
    kit_apply(&kit, &events[1], "u");
    assert_number(kit_slice(&kit, "user.all"), 2); /* 100 is not longer than 100 */
    assert_number(kit_read(&kit, "u", 200, "user.all"), 2);
    assert_number(kit_read(&kit, "u", 201, "user.all"), 0);
    assert_number(kit_read(&kit, "u", 201, "user.hour"), 0);
    kit_apply(&kit, &events[2], "u");
    assert_number(kit_slice(&kit, "user.all"), 1);
    assert_number(kit_slice(&kit, "user.since"), 0);
    /* a touch that no aggregate counts keeps the key alive as well */
    const struct assay_event bridge = kit_event(KIT_TRANSFER, 150, "u", NULL);
    kit_apply(&kit, &bridge, "u");
    assert_number(kit_read(&kit, "u", 201, "user.all"), 3);
    assert_number(kit_read(&kit, "u", 201, "user.hour"), 3);
    assert_number(kit_read(&kit, "u", 201, "user.since"), 201);
    assert_number(kit_read(&kit, "u", 302, "user.all"), 0);
    kit_close(&kit);
}

static void beyond_what_is_retained_the_answer_is_null_and_says_so(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 50, 0);
    kit_feature(&kit, KIT_USER, "short", "count(pay) over 10ms");
    kit_feature(&kit, KIT_USER, "long", "count(pay) over 90ms delay 10ms");
    kit_feature(&kit, KIT_USER, "all", "count(pay) delay 20ms");
    kit_open(&kit, MEMORY);
    const struct assay_event event = pay(1000, 1);
    kit_apply(&kit, &event, "u"); /* retained: 90 + 10 + 50 */
    static const struct {
        const char *name;
        int64_t oldest_ms;
    } cases[] = {{"user.short", 860}, {"user.long", 950}, {"user.all", 870}};
    for (size_t i = 0; i < 3; i++) {
        const struct assay_value good = kit_read(&kit, "u", cases[i].oldest_ms, cases[i].name);
        assert_int_equal(good.state, ASSAY_STATE_OK);
        assert_number(good, 0);
        const struct assay_value gone = kit_read(&kit, "u", cases[i].oldest_ms - 1, cases[i].name);
        assert_int_equal(gone.state, ASSAY_STATE_EXPIRED);
        assert_number(gone, NAN);
    }
    kit_close(&kit);
}

static void minus_zero_is_zero(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "last", "last(pay.r) over 1h");
    kit_feature(&kit, KIT_USER, "min", "min(pay.r) over 1h");
    kit_feature(&kit, KIT_USER, "own", "pay.r");
    kit_feature(&kit, KIT_USER, "distinct", "count_distinct(pay.r) over 1h");
    kit_open(&kit, MEMORY);
    for (int i = 0; i < 2; i++) {
        struct assay_event event = pay(i, 1);
        kit_set_real(&event, KIT_REAL, i == 0 ? 0.0 : -0.0);
        kit_apply(&kit, &event, "u");
        assert_number(kit_slice(&kit, "user.last"), 0);
        assert_number(kit_slice(&kit, "user.min"), 0);
        assert_number(kit_slice(&kit, "user.own"), 0);
        assert_number(kit_slice(&kit, "user.distinct"), 1);
    }
    kit_close(&kit);
}

static void time_since_counts_from_t_whatever_the_delay(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "a", "time_since_last(pay) delay 30ms");
    kit_open(&kit, MEMORY);
    const struct assay_event events[] = {pay(10, 1), pay(50, 1)};
    kit_apply(&kit, &events[0], "u");
    kit_apply(&kit, &events[1], "u");
    assert_number(kit_read(&kit, "u", 79, "user.a"), 69);
    assert_number(kit_read(&kit, "u", 80, "user.a"), 30);
    kit_close(&kit);
}

static void distinct_compares_bytes_not_hashes_and_not_prefixes(void **state)
{
    (void)state;
    static const char *const tags[] = {"",
                                       "a",
                                       "aa",
                                       "fifteen bytes..",
                                       "sixteen bytes...",
                                       "seventeen bytes..",
                                       "a text that is a good deal longer than sixteen bytes, 1",
                                       "a text that is a good deal longer than sixteen bytes, 2"};
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "d", "count_distinct(pay.tag) over 1h");
    kit_open(&kit, MEMORY);
    for (int i = 0; i < 400; i++) {
        struct assay_event event = pay(i, 1);
        if (i % 9 != 8) {
            kit_set_text(&event, KIT_TAG, tags[i % 9]);
        }
        kit_apply(&kit, &event, "u");
        assert_number(kit_slice(&kit, "user.d"), i < 8 ? i + 1 : 8);
    }
    kit_close(&kit);
}

static void a_full_store_refuses_an_event_whole_and_goes_on(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000000, 0);
    kit_feature(&kit, KIT_USER, "out", "count(transfer@payer) over 1h");
    kit_feature(&kit, KIT_USER, "in", "count_distinct(transfer@payee.channel) over 1h");
    kit_feature(&kit, KIT_USER, "all", "first(transfer@payee.tag)");
    kit_open(&kit, 1 << 17);
    uint64_t seed = 99;
    unsigned good = 0;
    unsigned refused = 0;
    for (int i = 0; i < 3000; i++) {
        char user[16];
        (void)snprintf(user, sizeof user, "u%d", (int)(test_random(&seed) % 40));
        struct assay_event event =
            kit_event(KIT_TRANSFER, (int64_t)(test_random(&seed) % 100000), user, user);
        kit_set_text(&event, KIT_TAG, "some text that takes some room");
        kit_set_text(&event, KIT_CHANNEL, i % 2 == 0 ? "even" : "odd");
        uint64_t before[2] = {0};
        uint64_t after[2] = {0};
        assay_store_hash(kit.store, before);
        const enum assay_status status = kit_try(&kit, &event, user);
        assay_store_hash(kit.store, after);
        if (status == ASSAY_OK) {
            good++;
            assert_true(before[0] != after[0] && before[1] != after[1]);
        } else {
            refused++;
            assert_int_equal(status, ASSAY_E_FULL);
            assert_memory_equal(before, after, sizeof before);
        }
    }
    assert_true(good > 100);
    assert_true(refused > 100);
    struct assay_store_stats stats;
    assay_store_stats(kit.store, &stats);
    assert_int_equal(stats.events, good);
    assert_int_equal(stats.refused, refused);
    assert_true(stats.memory_bytes <= stats.memory_bytes_max);
    kit_close(&kit);
}

static void an_entitys_capacity_bounds_its_keys_not_their_events(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "c", "count(pay)");
    kit.entities[KIT_USER].capacity = 2;
    kit_open(&kit, MEMORY);
    const struct assay_event event = pay(1, 1);
    const struct assay_event other = kit_event(KIT_PAY, 1, "v", NULL);
    const struct assay_event third = kit_event(KIT_PAY, 1, "w", NULL);
    kit_apply(&kit, &event, "u");
    kit_apply(&kit, &other, "v");
    assert_int_equal(kit_try(&kit, &third, "w"), ASSAY_E_FULL);
    kit_apply(&kit, &event, "u");
    assert_number(kit_slice(&kit, "user.c"), 2);
    kit_close(&kit);
}

static void a_shard_holds_its_share_of_an_entitys_capacity_rounded_up(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "c", "count(pay)");
    kit.entities[KIT_USER].capacity = 10;
    kit.shards = 4;
    kit_open(&kit, MEMORY);
    uint64_t held = 0;
    for (int i = 0; i < 10; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "u%d", i);
        const struct assay_event event = kit_event(KIT_PAY, 1, key, NULL);
        held += kit_try(&kit, &event, key) == ASSAY_OK ? 1 : 0;
    }
    assert_int_equal(held, 3);
    kit_close(&kit);
}

/* No event waits for all keys to be hashed anew; while that goes on every key is known, once. */
static void the_index_grows_a_few_slots_at_a_time_and_knows_every_key_meanwhile(void **state)
{
    (void)state;
    enum { KEYS = 5000, LOOK_BACK = 7 };
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "c", "count(pay)");
    kit_open(&kit, MEMORY);
    struct assay_store *other = kit_store(&kit, MEMORY, 99);
    char keys[2][24];
    int growing = 0;
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(keys[0], sizeof keys[0], "k%d", i);
        (void)snprintf(keys[1], sizeof keys[1], "k%d", i * LOOK_BACK % (i + 1));
        const struct assay_event event = kit_event(KIT_PAY, 1, keys[0], NULL);
        kit_apply(&kit, &event, keys[0]);
        assert_int_equal(assay_store_apply(other, &kit.update, &kit.touch), ASSAY_OK);
        assert_non_null(assay_store_find(kit.store, KIT_USER, assay_str_of(keys[1])));
        if (kit.store->index.old.buckets == NULL) {
            continue;
        }
        growing++;
        if (growing % 16 == 0) {
            uint64_t hashes[2][2] = {{0}};
            assay_store_hash(kit.store, hashes[0]);
            assay_store_hash(other, hashes[1]);
            assert_memory_equal(hashes[0], hashes[1], sizeof hashes[0]);
        }
    }
    assert_true(growing > 256);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(keys[0], sizeof keys[0], "k%d", i);
        const struct assay_event event = kit_event(KIT_PAY, 2, keys[0], NULL);
        kit_apply(&kit, &event, keys[0]);
        assert_number(kit_slice(&kit, "user.c"), 2);
    }
    assay_store_destroy(other);
    kit_close(&kit);
}

static void memory_stays_bounded_where_totals_and_windows_are_asked(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 100, 0);
    kit_feature(&kit, KIT_USER, "n", "count(pay)");
    kit_feature(&kit, KIT_USER, "sum", "sum(pay.amount) where ok");
    kit_feature(&kit, KIT_USER, "max", "max(pay.r)");
    kit_feature(&kit, KIT_USER, "first", "first(pay.tag)");
    kit_feature(&kit, KIT_USER, "age", "time_since_first(pay)");
    kit_feature(&kit, KIT_USER, "d", "count_distinct(pay.channel) over 1s");
    kit_feature(&kit, KIT_USER, "ten", "sum(pay.amount) over 1s last 10");
    kit_open(&kit, MEMORY);
    struct assay_store_stats early = {0};
    struct assay_store_stats late = {0};
    for (int i = 0; i < 40000; i++) {
        struct assay_event event = pay(i, i);
        kit_set_integer(&event, KIT_OK, i % 2);
        kit_set_real(&event, KIT_REAL, (i * 7919) % 40000);
        kit_set_text(&event, KIT_TAG, i == 0 ? "the first of all" : "another");
        kit_set_text(&event, KIT_CHANNEL, i % 3 == 0 ? "x" : "y");
        kit_apply(&kit, &event, "u");
        if (i == 5000) {
            assay_store_stats(kit.store, &early);
        }
    }
    assay_store_stats(kit.store, &late);
    assert_true(late.memory_bytes < early.memory_bytes + early.memory_bytes / 2);
    assert_number(kit_slice(&kit, "user.n"), 40000);
    assert_number(kit_slice(&kit, "user.sum"), 4000000); /* of odd cents below 40000: 20000^2 */
    assert_number(kit_slice(&kit, "user.max"), 39999);
    assert_string_equal(kit_slice(&kit, "user.first").cell.text.ptr, "the first of all");
    assert_number(kit_slice(&kit, "user.age"), 39999);
    assert_number(kit_slice(&kit, "user.d"), 2);
    assert_number(kit_slice(&kit, "user.ten"), 3999.45);
    kit_close(&kit);
}

static void hundreds_of_ties_stand_in_order_across_chunks(void **state)
{
    (void)state;
    enum { TIES = 500 };
    static char ids[TIES][8];
    static char lines[TIES / 5][48];
    static char names[TIES / 5][8];
    struct kit kit;
    kit_init(&kit, 0, 0);
    for (int i = 0; i < TIES / 5; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%d", i);
        (void)snprintf(lines[i], sizeof lines[i], "first(pay.n) over last %d", 5 * i + 3);
        kit_feature(&kit, KIT_USER, names[i], lines[i]);
    }
    kit_open(&kit, MEMORY);
    for (int i = 0; i < TIES; i++) {
        const int rank = i * 211 % TIES; /* 211 and 500 share no factor: each rank once */
        (void)snprintf(ids[i], sizeof ids[i], "%04d", rank);
        struct assay_event event = pay(5, 1);
        event.id = assay_str_of(ids[i]);
        kit_set_integer(&event, KIT_N, rank);
        kit_apply(&kit, &event, "u");
    }
    for (int i = 0; i < TIES / 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "user.f%d", i);
        assert_number(kit_read(&kit, "u", 5, name), TIES - 5 * i - 3);
    }
    kit_close(&kit);
}

/* State hash of a user's payments at 0 and 100 ms, and of a key. */
static void hash_of(const char *definition, int64_t lateness_ms, int64_t n, const char *user,
                    uint64_t hash[2])
{
    struct kit kit;
    kit_init(&kit, lateness_ms, 0);
    kit_feature(&kit, KIT_USER, "f", definition);
    kit_open(&kit, MEMORY);
    for (int i = 0; i < 2; i++) {
        struct assay_event event = kit_event(KIT_PAY, 100 * i, user, NULL);
        kit_set_integer(&event, KIT_N, i == 0 ? n : 1);
        kit_set_text(&event, KIT_CHANNEL, n == 1 ? "a" : "b");
        kit_apply(&kit, &event, user);
    }
    memset(hash, 0, 2 * sizeof hash[0]);
    assay_store_hash(kit.store, hash);
    kit_close(&kit);
}

static void the_state_hash_sees_what_an_answer_can_see_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *definition;
        int64_t lateness_ms;
        bool sees; /* the payment at 0 */
    } cases[] = {
        {"sum(pay.n)", 99, true},
        {"sum(pay.n)", 100, true},
        {"sum(pay.n)", 101, true},
        {"first(pay.n)", 5, true},
        {"last(pay.n)", 5, true},
        {"max(pay.n)", 5, true},
        {"min(pay.n)", 5, true},
        {"count(pay)", 5, false},
        {"sum(pay.n) over 50ms", 49, false},
        {"sum(pay.n) over 50ms", 50, false},
        {"sum(pay.n) over 50ms", 51, true},
        {"first(pay.channel)", 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t one[2];
        uint64_t again[2];
        uint64_t two[2];
        uint64_t other[2];
        hash_of(cases[i].definition, cases[i].lateness_ms, 1, "u", one);
        hash_of(cases[i].definition, cases[i].lateness_ms, 1, "u", again);
        hash_of(cases[i].definition, cases[i].lateness_ms, 2, "u", two);
        hash_of(cases[i].definition, cases[i].lateness_ms, 1, "v", other);
        print_message("  %s, lateness %lld\n", cases[i].definition,
                      (long long)cases[i].lateness_ms);
        assert_memory_equal(one, again, sizeof one);
        assert_memory_not_equal(one, other, sizeof one);
        assert_int_equal(memcmp(one, two, sizeof one) != 0, cases[i].sees);
    }
}

static void the_oldest_answerable_window_is_whole_until_it_expires(void **state)
{
    (void)state;
    for (int span = 1; span <= 70; span++) {
        char definition[40];
        struct kit kit;
        kit_init(&kit, 9, 0);
        (void)snprintf(definition, sizeof definition, "count(pay) over %dms", span);
        kit_feature(&kit, KIT_USER, "c", definition);
        kit_open(&kit, MEMORY);
        for (int i = 0; i < 900; i++) {
            const struct assay_event event = pay(1000 + i / 3, 1); /* three a millisecond */
            kit_apply(&kit, &event, "u");
            const int64_t t = 1000 + i / 3 - 9;
            const int64_t expected = t < 1000 ? 0 : t - 999 < span ? t - 999 : span;
            assert_number(kit_read(&kit, "u", t, "user.c"), 3.0 * (double)expected);
        }
        kit_close(&kit);
    }
}

static void events_at_the_horizon_are_not_folded_yet(void **state)
{
    (void)state;
    uint64_t hashes[2][2] = {{0}, {0}};
    for (int round = 0; round < 2; round++) {
        struct kit kit;
        kit_init(&kit, 0, 0);
        kit_feature(&kit, KIT_USER, "sum", "sum(pay.n)");
        kit_open(&kit, MEMORY);
        for (int i = 0; i < 300; i++) {
            struct assay_event event = pay(5, 1);
            kit_set_integer(&event, KIT_N, round == 0 ? i : 299 - i);
            kit_apply(&kit, &event, "u");
        }
        assay_store_hash(kit.store, hashes[round]);
        kit_close(&kit);
    }
    assert_memory_equal(hashes[0], hashes[1], sizeof hashes[0]);
}

/* Payments at 0, 1, ... 5999 ms with n = time; ok only at 10 and at 5990. The even ones come in
 * order and the odd ones late, so chunks split and blocks grow and are halved. */
static void open_long_log(struct kit *kit)
{
    kit_init(kit, 100000, 0);
    kit_feature(kit, KIT_USER, "count", "count(pay) over 3s");
    kit_feature(kit, KIT_USER, "sum", "sum(pay.n) over 4001ms");
    kit_feature(kit, KIT_USER, "min", "min(pay.n) over 2500ms");
    kit_feature(kit, KIT_USER, "max", "max(pay.n) exclude current over 5s");
    kit_feature(kit, KIT_USER, "other", "count(pay) exclude current over 5s");
    kit_feature(kit, KIT_USER, "distinct", "count_distinct(pay.n) over 3500ms");
    kit_feature(kit, KIT_USER, "channels", "count_distinct(pay.channel) over 2200ms");
    kit_feature(kit, KIT_USER, "newest", "first(pay.n) over last 2777");
    kit_feature(kit, KIT_USER, "newest2", "sum(pay.n) over last 1024");
    kit_feature(kit, KIT_USER, "since", "time_since_last(pay) where ok");
    kit_feature(kit, KIT_USER, "until", "time_since_first(pay) where ok over 5800ms");
    kit_open(kit, (size_t)1 << 26);
    for (int i = 0; i < 6000; i++) {
        const int t = i < 3000 ? 2 * i : 2 * (i - 3000) + 1;
        struct assay_event event = pay(t, 1);
        kit_set_integer(&event, KIT_N, t);
        kit_set_integer(&event, KIT_OK, t == 10 || t == 5990);
        kit_set_text(&event, KIT_CHANNEL, t % 1000 == 0 ? "rare" : t % 2 == 0 ? "a" : "b");
        kit_apply(kit, &event, "u");
        if (t % 2 == 1) {
            assert_number(kit_slice(kit, "user.other"), t < 5000 ? t : 4999);
            assert_number(kit_slice(kit, "user.max"), t - 1);
        }
    }
}

static void the_one_event_that_passes_is_found_wherever_it_lies(void **state)
{
    (void)state;
    enum { FILTERS = 60, STEP = 99 };
    static char lines[2 * FILTERS][64];
    static char names[2 * FILTERS][8];
    struct kit kit;
    kit_init(&kit, 100000, 0);
    for (int i = 0; i < 2 * FILTERS; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%d", i);
        (void)snprintf(lines[i], sizeof lines[i], "time_since_%s(pay) where n = %d",
                       i % 2 == 0 ? "first" : "last", i / 2 * STEP);
        kit_feature(&kit, KIT_USER, names[i], lines[i]);
    }
    kit_open(&kit, (size_t)1 << 26);
    for (int i = 0; i < FILTERS * STEP; i++) {
        struct assay_event event = pay(i, 1);
        kit_set_integer(&event, KIT_N, i);
        kit_apply(&kit, &event, "u");
    }
    for (int i = 0; i < 2 * FILTERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "user.f%d", i);
        assert_number(kit_read(&kit, "u", 6000, name), 6000 - i / 2 * STEP);
    }
    kit_close(&kit);
}

static void a_sliding_window_over_blocks_is_right_at_every_place(void **state)
{
    (void)state;
    struct kit kit;
    open_long_log(&kit);
    for (int t = 0; t < 6000; t++) {
        const double old = t < 3000 ? 0 : t - 2999; /* first n inside 3 s */
        assert_number(kit_read(&kit, "u", t, "user.count"), t - old + 1);
        const double from = t <= 4000 ? 0 : t - 4000;
        assert_number(kit_read(&kit, "u", t, "user.sum"), (from + t) * (t - from + 1) / 2);
        assert_number(kit_read(&kit, "u", t, "user.min"), t < 2500 ? 0 : t - 2499);
        assert_number(kit_read(&kit, "u", t, "user.newest"), t < 2777 ? 0 : t - 2776);
        const double low = t < 1024 ? 0 : t - 1023;
        assert_number(kit_read(&kit, "u", t, "user.newest2"), (low + t) * (t - low + 1) / 2);
        assert_number(kit_read(&kit, "u", t, "user.since"), t < 10     ? (double)NAN
                                                            : t < 5990 ? t - 10
                                                                       : t - 5990);
        assert_number(kit_read(&kit, "u", t, "user.until"), t < 10     ? (double)NAN
                                                            : t < 5810 ? t - 10
                                                            : t < 5990 ? (double)NAN
                                                                       : t - 5990);
        if (t % 37 == 0) {
            assert_number(kit_read(&kit, "u", t, "user.distinct"), t < 3500 ? t + 1 : 3500);
            assert_number(kit_read(&kit, "u", t, "user.channels"), t < 1 ? 1 : t < 2 ? 2 : 3);
        }
    }
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_open_at_its_old_end_and_closed_at_the_new),
        cmocka_unit_test(an_empty_window_is_zero_or_null),
        cmocka_unit_test(sums_are_exact_where_f64_is_not),
        cmocka_unit_test(ties_go_by_id_then_by_fields_whatever_the_arrival),
        cmocka_unit_test(hundreds_of_ties_stand_in_order_across_chunks),
        cmocka_unit_test(the_state_hash_sees_what_an_answer_can_see_and_no_more),
        cmocka_unit_test(the_oldest_answerable_window_is_whole_until_it_expires),
        cmocka_unit_test(events_at_the_horizon_are_not_folded_yet),
        cmocka_unit_test(a_sliding_window_over_blocks_is_right_at_every_place),
        cmocka_unit_test(the_one_event_that_passes_is_found_wherever_it_lies),
        cmocka_unit_test(exclude_current_leaves_out_the_event_and_not_its_twins),
        cmocka_unit_test(one_event_may_name_a_key_by_two_roles),
        cmocka_unit_test(silence_longer_than_expire_starts_anew_and_a_late_event_bridges_it),
        cmocka_unit_test(beyond_what_is_retained_the_answer_is_null_and_says_so),
        cmocka_unit_test(minus_zero_is_zero),
        cmocka_unit_test(time_since_counts_from_t_whatever_the_delay),
        cmocka_unit_test(distinct_compares_bytes_not_hashes_and_not_prefixes),
        cmocka_unit_test(a_full_store_refuses_an_event_whole_and_goes_on),
        cmocka_unit_test(an_entitys_capacity_bounds_its_keys_not_their_events),
        cmocka_unit_test(a_shard_holds_its_share_of_an_entitys_capacity_rounded_up),
        cmocka_unit_test(the_index_grows_a_few_slots_at_a_time_and_knows_every_key_meanwhile),
        cmocka_unit_test(memory_stays_bounded_where_totals_and_windows_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
