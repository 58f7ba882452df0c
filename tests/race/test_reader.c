#include "features/reader.h"
#include "tests/unit/features/store_kit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * One owner writes as fast as it can, two readers read, and every answer is checked against laws
 * that hold in each state between two events and break when two states are mixed:
 *   - every event has n = 1 and an amount of 3.00 m, its v is m and its tag is written from m: so a
 *     window's sum of n is its count, its amounts are three times its v, and its last tag is that
 *     of its last v;
 *   - windows lie within one another, and so do their counts, extremes and different values;
 *   - the lifetime count of a key that is never evicted is at least what the owner had applied
 *     before the read, and at most what it had begun to apply after it.
 * Under ThreadSanitizer a missing order also shows as a race.
 */

#if defined(__SANITIZE_THREAD__)
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

enum {
    READERS = 2,
    KEYS_MAX = 4096,
    KEY_BYTES = 16,
    SLOWNESS = INSTRUMENTED ? 4 : 1,
    READS_MIN = 2000 / SLOWNESS, /* of each reader, before the owner stops */
    EVENTS_MIN = 20000 / SLOWNESS,
    EVENTS_MAX = 2000000,
    LIFETIME_MS = 1 << 30,
};

enum feature {
    F_COUNT, /* lifetime */
    F_SUM_N,
    F_SUM_V,
    F_AMOUNT,
    F_WINDOWS,   /* from here on as many a window */
    W_COUNT = 0, /* in a window */
    W_SUM_N,
    W_SUM_V,
    W_AMOUNT,
    W_MIN,
    W_MAX,
    W_DISTINCT,
    W_LAST,
    W_TAG,
    W_END,
    WINDOWS = 3,
    FEATURES = F_WINDOWS + WINDOWS * W_END,
};

static const char *const lifetime_texts[] = {"count(pay)", "sum(pay.n)", "sum(pay.v)",
                                             "sum(pay.amount)"};

/* What is going on. */
struct race {
    struct kit kit;
    uint32_t features[FEATURES];
    uint32_t keys;
    int64_t late_ms; /* events are up to so late */
    bool evicts;     /* so that counts begin anew */
    bool slices;     /* the owner slices each event's row */
    uint64_t expire_ms;
    atomic_bool ends;
    atomic_int_fast64_t clock_ms;
    atomic_uint begun[KEYS_MAX];   /* events of a key that may be in an answer */
    atomic_uint applied[KEYS_MAX]; /* events of a key that must be */
    atomic_uint_fast64_t reads[READERS];
    atomic_uint_fast64_t served[READERS];
    atomic_bool has_failed;
    char failure[256];
};

static struct race race;

struct reading {
    int number;
    struct assay_reader *reader;
};

static const char *name_of(char out[KEY_BYTES], uint32_t key)
{
    (void)snprintf(out, KEY_BYTES, "k%05u", key);
    return out;
}

static bool fails(const char *law, uint32_t key, double a, double b)
{
    if (!atomic_exchange(&race.has_failed, true)) {
        (void)snprintf(race.failure, sizeof race.failure, "%s: key %u: %.17g and %.17g", law, key,
                       a, b);
    }
    return false;
}

static double value(const struct assay_value values[], size_t at)
{
    return values[at].cell.number;
}

/* A sum of nothing is 0, an extreme of nothing null. */
static bool check_window(uint32_t key, const struct assay_value window[])
{
    const double count = value(window, W_COUNT);
    const double last = value(window, W_LAST);
    char tag[32] = "";
    if (count != value(window, W_SUM_N)) {
        return fails("a window's sum of ones is its count", key, count, value(window, W_SUM_N));
    }
    if (value(window, W_AMOUNT) != 3 * value(window, W_SUM_V)) {
        return fails("a window's amount is three times its v", key, value(window, W_AMOUNT),
                     value(window, W_SUM_V));
    }
    if (count == 0) {
        return isnan(last) || fails("nothing has no last", key, count, last);
    }
    if (!(value(window, W_MIN) <= last && last <= value(window, W_MAX))) {
        return fails("the last lies between the extremes", key, last, value(window, W_MIN));
    }
    if (value(window, W_DISTINCT) < 1 || value(window, W_DISTINCT) > count) {
        return fails("there are at most as many different ones", key, count,
                     value(window, W_DISTINCT));
    }
    (void)snprintf(tag, sizeof tag, "the tag of %d", (int)last);
    return assay_str_equal(window[W_TAG].cell.text, assay_str_of(tag)) ||
           fails("the last tag is that of the last v", key, last,
                 atof(window[W_TAG].cell.text.ptr));
}

static bool check_nested(uint32_t key, const struct assay_value in[],
                         const struct assay_value out[])
{
    if (value(in, W_COUNT) > value(out, W_COUNT)) {
        return fails("a longer window has no less", key, value(in, W_COUNT), value(out, W_COUNT));
    }
    if (value(in, W_COUNT) == 0) {
        return true;
    }
    return (value(in, W_MIN) >= value(out, W_MIN) && value(in, W_MAX) <= value(out, W_MAX) &&
            value(in, W_DISTINCT) <= value(out, W_DISTINCT) &&
            value(in, W_LAST) == value(out, W_LAST)) ||
           fails("windows lie within one another", key, value(in, W_MIN), value(out, W_MIN));
}

static bool check_row(uint32_t key, const struct assay_value values[])
{
    if (values[F_COUNT].state == ASSAY_STATE_EXPIRED) { /* the owner is far ahead by now */
        return true;
    }
    if (value(values, F_COUNT) != value(values, F_SUM_N)) {
        return fails("a lifetime's sum of ones is its count", key, value(values, F_COUNT),
                     value(values, F_SUM_N));
    }
    for (size_t w = 0; w < WINDOWS; w++) {
        const struct assay_value *window = &values[F_WINDOWS + w * W_END];
        if (window[W_COUNT].state == ASSAY_STATE_EXPIRED) {
            return true;
        }
        if (!check_window(key, window) ||
            (w > 0 && !check_nested(key, window - (size_t)W_END, window))) {
            return false;
        }
    }
    return true;
}

/* Ask the owner, where the key is too busy to be copied. */
static bool wait_for_owner(struct reading *reading, struct assay_read *read,
                           struct assay_arena *texts)
{
    assay_reader_hand_over(reading->reader, read, texts);
    while (!assay_reader_is_served(reading->reader)) {
        (void)sched_yield();
    }
    atomic_fetch_add(&race.served[reading->number], 1);
    return read->status == ASSAY_OK;
}

enum { ROW = 4 };

static bool read_some(struct reading *reading, uint64_t *random, struct assay_arena *texts)
{
    static _Thread_local struct assay_value values[ROW][FEATURES];
    struct assay_read reads[ROW];
    char names[ROW][KEY_BYTES];
    uint32_t keys[ROW];
    unsigned floors[ROW];
    const bool is_lifetime = test_random(random) % 2 == 0;
    for (size_t i = 0; i < ROW; i++) {
        keys[i] = (uint32_t)(test_random(random) % (test_random(random) % 2 == 0 ? 4 : race.keys));
        floors[i] = atomic_load(&race.applied[keys[i]]);
        reads[i] = (struct assay_read){
            .entity = KIT_USER,
            .key = assay_str_of(name_of(names[i], keys[i])),
            .at_ms = is_lifetime ? LIFETIME_MS
                                 : (int64_t)atomic_load(&race.clock_ms) +
                                       (int64_t)(test_random(random) % 40),
            .features = race.features,
            .count = is_lifetime ? (size_t)F_WINDOWS : (size_t)FEATURES,
            .out = values[i],
        };
    }
    (void)assay_reader_rows(reading->reader, reads, ROW, texts);
    for (size_t i = 0; i < ROW; i++) {
        if (reads[i].status != ASSAY_OK && !wait_for_owner(reading, &reads[i], texts)) {
            return fails("the owner answers", keys[i], 0, 0);
        }
        if (is_lifetime) {
            const double count = value(values[i], F_COUNT);
            if (count != value(values[i], F_SUM_N)) {
                return fails("a lifetime's sum of ones is its count", keys[i], count,
                             value(values[i], F_SUM_N));
            }
            if (!race.evicts && race.expire_ms == 0 &&
                (count < floors[i] || count > atomic_load(&race.begun[keys[i]]))) {
                return fails("an answer is of its time", keys[i], count, floors[i]);
            }
        } else if (!check_row(keys[i], values[i])) {
            return false;
        }
    }
    return true;
}

static void *read_on(void *argument)
{
    struct reading *reading = argument;
    struct assay_arena *texts = assay_arena_create(1 << 20);
    const struct assay_arena_mark mark = assay_arena_mark(texts);
    uint64_t random = 17 + (uint64_t)reading->number;
    while (!atomic_load(&race.ends) && read_some(reading, &random, texts)) {
        atomic_fetch_add(&race.reads[reading->number], 1);
        assay_arena_rewind(texts, mark);
    }
    assay_arena_destroy(texts);
    return NULL;
}

/* ---- the owner ---- */

static void open_race(void)
{
    static char names[FEATURES][8];
    static char texts[FEATURES][64];
    static const char *const spans[WINDOWS] = {"30ms", "100ms", "400ms"};
    static const char *const kinds[W_END] = {"count(pay)",
                                             "sum(pay.n)",
                                             "sum(pay.v)",
                                             "sum(pay.amount)",
                                             "min(pay.v)",
                                             "max(pay.v)",
                                             "count_distinct(pay.tag)",
                                             "last(pay.v)",
                                             "last(pay.tag)"};
    struct kit *kit = &race.kit;
    kit_init(kit, race.late_ms, (int64_t)race.expire_ms);
    /* v is the real field's place taken by an integer */
    kit->fields[KIT_PAY][KIT_REAL] = kit_field("v", ASSAY_TYPE_INT, 0, ASSAY_NONE);
    for (size_t f = 0; f < FEATURES; f++) {
        (void)snprintf(names[f], sizeof names[f], "f%zu", f % 1000);
        if (f < F_WINDOWS) {
            (void)snprintf(texts[f], sizeof texts[f], "%s", lifetime_texts[f]);
        } else {
            (void)snprintf(texts[f], sizeof texts[f], "%s over %s", kinds[(f - F_WINDOWS) % W_END],
                           spans[(f - F_WINDOWS) / W_END]);
        }
        kit_feature(kit, KIT_USER, names[f], texts[f]);
    }
    kit->entities[KIT_USER].capacity = race.evicts ? race.keys / 4 : 0;
    kit->entities[KIT_USER].evicts = race.evicts;
    kit_open(kit, (size_t)256 << 20);
    for (size_t f = 0; f < FEATURES; f++) {
        char full[16];
        (void)snprintf(full, sizeof full, "user.f%zu", f % 1000);
        race.features[f] = kit_index(kit, full);
    }
}

static void write_one(uint64_t *random, uint64_t number)
{
    struct kit *kit = &race.kit;
    char name[KEY_BYTES];
    char tag[32];
    const uint64_t clock_ms = number / 8;
    const uint64_t reach = 1 + number * race.keys / EVENTS_MIN; /* new keys come all the time */
    const uint64_t known = reach < race.keys ? reach : race.keys;
    const uint32_t key =
        (uint32_t)(test_random(random) % (test_random(random) % 2 == 0 && known > 4 ? 4 : known));
    const int m = (int)(test_random(random) % 40);
    int64_t time_ms = (int64_t)clock_ms;
    if (race.late_ms > 0 && test_random(random) % 4 == 0) {
        time_ms -= (int64_t)(test_random(random) % (uint64_t)race.late_ms);
    }
    struct assay_event event = kit_event(KIT_PAY, time_ms, name_of(name, key), NULL);
    (void)snprintf(tag, sizeof tag, "the tag of %d", m);
    kit_set_integer(&event, KIT_N, 1);
    kit_set_integer(&event, KIT_REAL, m);
    kit_set_integer(&event, KIT_AMOUNT, 300 * m);
    kit_set_text(&event, KIT_TAG, tag);
    atomic_fetch_add(&race.begun[key], 1);
    kit_apply(kit, &event, name);
    atomic_fetch_add(&race.applied[key], 1);
    atomic_store(&race.clock_ms, (int_fast64_t)clock_ms);
    if (race.slices) {
        struct assay_value values[FEATURES];
        assay_store_slice(kit->store, &kit->touch, race.features, FEATURES, kit->scratch, values);
    }
    (void)assay_store_serve(kit->store);
}

static bool readers_have_read(void)
{
    bool enough = true;
    for (int r = 0; r < READERS; r++) {
        enough = enough && atomic_load(&race.reads[r]) >= READS_MIN;
    }
    return enough;
}

static void run_race(void)
{
    struct reading readings[READERS];
    pthread_t threads[READERS];
    uint64_t random = 1;
    atomic_store(&race.ends, false);
    atomic_store(&race.has_failed, false);
    for (uint32_t key = 0; key < KEYS_MAX; key++) {
        atomic_store(&race.begun[key], 0);
        atomic_store(&race.applied[key], 0);
    }
    open_race();
    struct assay_store *const stores[1] = {race.kit.store};
    for (int r = 0; r < READERS; r++) {
        readings[r] = (struct reading){.number = r};
        atomic_store(&race.reads[r], 0);
        assert_int_equal(assay_reader_create(&readings[r].reader, stores, 1, NULL), ASSAY_OK);
        assert_int_equal(pthread_create(&threads[r], NULL, read_on, &readings[r]), 0);
    }
    const struct assay_arena_mark mark = assay_arena_mark(race.kit.scratch);
    for (uint64_t i = 0; i < EVENTS_MAX && !atomic_load(&race.has_failed) &&
                         (i < EVENTS_MIN || !readers_have_read());
         i++) {
        write_one(&random, i);
        assay_arena_rewind(race.kit.scratch, mark);
    }
    atomic_store(&race.ends, true);
    for (int r = 0; r < READERS; r++) { /* one may be waiting for its owner */
        while (pthread_tryjoin_np(threads[r], NULL) != 0) {
            (void)assay_store_serve(race.kit.store);
            (void)sched_yield();
        }
        assay_reader_destroy(readings[r].reader);
    }
    if (atomic_load(&race.has_failed)) {
        fail_msg("%s", race.failure);
    }
    kit_close(&race.kit);
}

static void nothing_is_torn_in_order(void **state)
{
    (void)state;
    race.keys = 64;
    race.late_ms = 0;
    race.evicts = false;
    race.slices = false;
    race.expire_ms = 0;
    run_race();
}

static void nothing_is_torn_where_windows_are_kept_up_with(void **state)
{
    (void)state;
    race.keys = 64;
    race.late_ms = 3;
    race.evicts = false;
    race.slices = true;
    race.expire_ms = 0;
    run_race();
}

static void nothing_is_torn_by_late_events_in_long_logs(void **state)
{
    (void)state;
    race.keys = 6;
    race.late_ms = 400;
    race.evicts = false;
    race.slices = false;
    race.expire_ms = 0;
    run_race();
}

static void nothing_is_torn_or_missed_while_the_index_grows(void **state)
{
    (void)state;
    race.keys = KEYS_MAX;
    race.late_ms = 5;
    race.evicts = false;
    race.slices = false;
    race.expire_ms = 0;
    run_race();
}

static void nothing_is_torn_by_eviction(void **state)
{
    (void)state;
    race.keys = 256;
    race.late_ms = 5;
    race.evicts = true;
    race.slices = true;
    race.expire_ms = 0;
    run_race();
}

static void nothing_is_torn_by_silence_that_forgets(void **state)
{
    (void)state;
    race.keys = 256;
    race.late_ms = 40;
    race.evicts = false;
    race.slices = false;
    race.expire_ms = 20;
    run_race();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_torn_in_order),
        cmocka_unit_test(nothing_is_torn_where_windows_are_kept_up_with),
        cmocka_unit_test(nothing_is_torn_by_late_events_in_long_logs),
        cmocka_unit_test(nothing_is_torn_or_missed_while_the_index_grows),
        cmocka_unit_test(nothing_is_torn_by_eviction),
        cmocka_unit_test(nothing_is_torn_by_silence_that_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
