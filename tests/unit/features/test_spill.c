#include "features/inspect.h"
#include "tests/support/spill_disk.h"
#include "tests/unit/features/store_kit.h"

/*
 * Old chunks of hot keys on disk: what is read is what was written, whatever the disk does, and
 * memory is bounded.
 */

enum { MEMORY = 64 << 20, SMALL = 8 << 20, PAGE = 4096, ENTRIES = 30000, STEP_MS = 100 };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { INSTRUMENTED = 1 }; /* there is less address space */
#else
enum { INSTRUMENTED = 0 };
#endif

struct bench {
    struct kit kit;
    struct spill_disk disk;
    uint64_t random;
    int64_t clock_ms;
    uint64_t hash[2]; /* of the same events in memory */
};

static struct bench bench;

static uint64_t roll(uint64_t sides)
{
    bench.random = bench.random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (bench.random >> 33) % sides;
}

static void add_features(void)
{
    kit_feature(&bench.kit, KIT_USER, "n", "count(pay) over 30d");
    kit_feature(&bench.kit, KIT_USER, "n1", "count(pay) over 100s");
    kit_feature(&bench.kit, KIT_USER, "s", "sum(pay.n) over 30d");
    kit_feature(&bench.kit, KIT_USER, "top", "max(pay.n) over 30d");
    kit_feature(&bench.kit, KIT_USER, "kinds", "count_distinct(pay.channel) over 30d");
    kit_feature(&bench.kit, KIT_USER, "oldest", "first(pay.n) over 30d"); /* so rows have ties */
}

static void begin(size_t memory, size_t extent_bytes, bool spills)
{
    memset(&bench, 0, sizeof bench);
    kit_init(&bench.kit, 30000, 0);
    add_features();
    disk_open(&bench.disk, (size_t)1 << 30, 0);
    bench.disk.options.extent_bytes = extent_bytes;
    bench.kit.spill = spills ? &bench.disk.options : NULL;
    kit_open(&bench.kit, memory);
}

static void end(void)
{
    kit_close(&bench.kit);
    disk_close(&bench.disk);
}

static struct assay_event next_event(const char *user)
{
    static char id[32];
    static const char *const channels[] = {"a", "bb", "a long channel, longer than a few bytes"};
    bench.clock_ms += STEP_MS;
    const int64_t late_ms = roll(50) == 0 ? (int64_t)roll(25000) : 0;
    struct assay_event event = kit_event(KIT_PAY, bench.clock_ms - late_ms, user, NULL);
    kit_set_integer(&event, KIT_N, (int64_t)roll(1000000));
    kit_set_text(&event, KIT_CHANNEL, channels[roll(3)]);
    (void)snprintf(id, sizeof id, "%llu", (unsigned long long)roll(UINT32_MAX));
    event.id = assay_str_of(id);
    return event;
}

static void apply_many_of(uint64_t count, const char *feature)
{
    for (uint64_t i = 0; i < count; i++) {
        const struct assay_event event = next_event("hot");
        kit_apply(&bench.kit, &event, "hot");
        if (i % 500 == 0) {
            (void)kit_slice(&bench.kit, "user.s");
            (void)kit_slice(&bench.kit, feature);
        }
    }
}

static void apply_many(uint64_t count)
{
    apply_many_of(count, "user.n1");
}

static struct assay_spill_stats stats(void)
{
    struct assay_store_stats all;
    assay_store_stats(bench.kit.store, &all);
    return all.spill;
}

/* Hash and values of the store, which must not depend on where its chunks are. */
struct answers {
    uint64_t hash[2];
    double values[6];
};

static struct answers ask(void)
{
    static const char *const names[] = {"user.n",   "user.n1",    "user.s",
                                        "user.top", "user.kinds", "user.oldest"};
    struct answers answers;
    memset(&answers, 0, sizeof answers);
    assay_store_hash(bench.kit.store, answers.hash);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        answers.values[i] = kit_read(&bench.kit, "hot", bench.clock_ms, names[i]).cell.number;
    }
    return answers;
}

/* What the same events give in memory. */
static struct answers truth(void)
{
    static struct answers known;
    static bool asked;
    if (!asked) {
        begin(MEMORY, PAGE, false);
        apply_many(ENTRIES);
        known = ask();
        assert_int_equal(stats().state, ASSAY_SPILL_OFF);
        end();
        asked = true;
    }
    return known;
}

static void same_answers_with(size_t extent_bytes, uint64_t lag)
{
    const struct answers expected = truth();
    begin(MEMORY, extent_bytes, true);
    bench.disk.lag = lag;
    apply_many(ENTRIES);
    struct answers answers = ask();
    assert_memory_equal(&answers, &expected, sizeof answers);
    assay_store_flush(bench.kit.store);
    answers = ask();
    assert_memory_equal(&answers, &expected, sizeof answers);
    const struct assay_spill_stats now = stats();
    assert_int_equal(now.state, ASSAY_SPILL_ON);
    assert_true(now.moved > ENTRIES / 64 && now.returned > 0);
    assert_true(now.disk_bytes > 0 && now.chunks > ENTRIES / 64 / 2);
    end();
}

static void answers_do_not_depend_on_where_chunks_are(void **state)
{
    (void)state;
    same_answers_with(ASSAY_SPILL_EXTENT_BYTES, 0);
    same_answers_with((size_t)32 << 10, 5);
    same_answers_with((size_t)16 << 10, 15);
}

static void what_does_not_fit_an_extent_stays_in_memory(void **state)
{
    (void)state;
    static char tag[200];
    memset(tag, 'x', sizeof tag - 1);
    begin(MEMORY, PAGE, true);
    for (int i = 0; i < 3000; i++) {
        struct assay_event event = next_event("hot");
        kit_set_text(&event, KIT_TAG, i < 1000 || i >= 2000 ? "" : tag);
        kit_apply(&bench.kit, &event, "hot");
    }
    assert_number(kit_read(&bench.kit, "hot", bench.clock_ms, "user.n"), 3000);
    const struct assay_spill_stats now = stats();
    assert_true(now.moved > 1800 / 64 && now.moved < 2200 / 32); /* those without the tag */
    end();
}

static void a_hot_key_takes_bounded_memory(void **state)
{
    enum { MANY = 1500000, ALLOWED = 4 << 20 };
    (void)state;
    memset(&bench, 0, sizeof bench);
    kit_init(&bench.kit, 0, 0);
    kit_feature(&bench.kit, KIT_USER, "n", "count(pay) over 30d");
    kit_feature(&bench.kit, KIT_USER, "s", "sum(pay.n) over 30d");
    disk_open(&bench.disk, (size_t)1 << 30, (size_t)64 << 10);
    bench.kit.spill = &bench.disk.options;
    kit_open(&bench.kit, ALLOWED);
    int64_t sum = 0;
    for (int64_t i = 0; i < MANY; i++) {
        struct assay_event event = kit_event(KIT_PAY, 1000 * i, "hot", NULL);
        kit_set_integer(&event, KIT_N, i % 1000);
        kit_apply(&bench.kit, &event, "hot");
        sum += i % 1000;
        if (i % 100000 == 0) {
            assert_number(kit_slice(&bench.kit, "user.s"), (double)sum);
        }
    }
    assert_number(kit_slice(&bench.kit, "user.n"), MANY);
    assert_number(kit_slice(&bench.kit, "user.s"), (double)sum);
    uint64_t hash[2] = {0};
    assay_store_hash(bench.kit.store, hash); /* reads all of it */
    struct assay_store_stats all;
    assay_store_stats(bench.kit.store, &all);
    assert_int_equal(all.spill.state, ASSAY_SPILL_ON);
    assert_true(all.spill.bytes > 2 * ALLOWED);
    assert_true(all.memory_bytes < ALLOWED);
    assert_true(all.spill.memory_bytes <=
                (ASSAY_SPILL_WRITING_MAX + 1) * (uint64_t)ASSAY_SPILL_EXTENT_BYTES);
    assert_true(all.spill.read_bytes <= 64 * (uint64_t)ASSAY_SPILL_EXTENT_BYTES);
    end();
}

static void a_hot_key_without_a_disk_is_refused_at_the_limit(void **state)
{
    (void)state;
    begin(SMALL, PAGE, false);
    enum assay_status status = ASSAY_OK;
    for (int i = 0; i < 1000000 && status == ASSAY_OK; i++) {
        const struct assay_event event = next_event("hot");
        status = kit_try(&bench.kit, &event, "hot");
    }
    assert_int_equal(status, ASSAY_E_FULL);
    end();
}

static void a_full_disk_costs_memory_and_nothing_else(void **state)
{
    (void)state;
    const struct answers expected = truth();
    begin(MEMORY, (size_t)16 << 10, true);
    bench.disk.full_from = 4;
    apply_many(ENTRIES);
    const struct answers answers = ask();
    assert_memory_equal(&answers, &expected, sizeof answers);
    assert_int_equal(stats().state, ASSAY_SPILL_FULL);
    assert_int_equal(stats().code, ENOSPC);
    assert_int_equal(bench.disk.reserved, 4); /* it is not asked again and again */
    assert_int_equal(bench.disk.told_count, 1);
    assert_int_equal(bench.disk.told, ASSAY_SPILL_FULL);
    assert_true(stats().chunks > 0);
    end();
}

static void a_share_that_is_used_up_costs_memory_and_nothing_else(void **state)
{
    (void)state;
    const struct answers expected = truth();
    begin(MEMORY, (size_t)16 << 10, true);
    kit_close(&bench.kit);
    kit_init(&bench.kit, 30000, 0);
    add_features();
    bench.disk.options.bytes_max = (size_t)48 << 10;
    bench.kit.spill = &bench.disk.options;
    kit_open(&bench.kit, MEMORY);
    apply_many(ENTRIES);
    const struct answers answers = ask();
    assert_memory_equal(&answers, &expected, sizeof answers);
    assert_int_equal(stats().state, ASSAY_SPILL_FULL);
    assert_int_equal(stats().code, 0);
    assert_int_equal(bench.disk.told_count, 1);
    assert_int_equal(bench.disk.reserved, 3);
    end();
}

static void what_could_not_be_written_is_still_memory(void **state)
{
    (void)state;
    const struct answers expected = truth();
    for (uint64_t first = 1; first <= 5; first += 2) {
        begin(MEMORY, (size_t)16 << 10, true);
        bench.disk.lag = first;
        bench.disk.fails_from = first;
        apply_many(ENTRIES);
        assay_store_flush(bench.kit.store);
        const struct answers answers = ask();
        assert_memory_equal(&answers, &expected, sizeof answers);
        assert_int_equal(stats().state, ASSAY_SPILL_FAILED);
        assert_int_equal(stats().code, EIO);
        assert_int_equal(bench.disk.told_count, 1);
        assert_int_equal(bench.disk.told_code, EIO);
        assert_int_equal(stats().disk_bytes, (first - 1) * ((uint64_t)16 << 10));
        assert_true(bench.disk.given <= first + ASSAY_SPILL_WRITING_MAX); /* no more moves */
        end();
    }
}

static void what_could_not_be_mapped_is_still_memory(void **state)
{
    (void)state;
    const struct answers expected = truth();
    begin(MEMORY, (size_t)16 << 10, true);
    bench.disk.map_code = ENOMEM;
    apply_many(ENTRIES);
    const struct answers answers = ask();
    assert_memory_equal(&answers, &expected, sizeof answers);
    assert_int_equal(stats().state, ASSAY_SPILL_FAILED);
    assert_int_equal(stats().disk_bytes, 0);
    end();
}

/* Bytes of a run that are checked: a few of its first chunk. */
static void a_changed_byte_is_found_before_it_is_a_number(void **state)
{
    static jmp_buf found;
    static volatile size_t at;
    static volatile int caught;
    (void)state;
    begin(MEMORY, (size_t)16 << 10, true);
    apply_many(ENTRIES);
    assay_store_flush(bench.kit.store);
    const struct answers expected = ask();
    bench.disk.on_damage = &found;
    for (at = 0; at < 1200; at += 37) {
        const size_t extent = at % 3 * ((size_t)16 << 10);
        unsigned char byte = 0;
        assert_int_equal(pread(bench.disk.fd, &byte, 1, (off_t)(extent + at)), 1);
        byte ^= 0x10;
        assert_int_equal(assay_temp_file_write(bench.disk.fd, extent + at, &byte, 1), 0);
        if (setjmp(found) == 0) {
            (void)ask();
        } else {
            caught++;
        }
        byte ^= 0x10;
        assert_int_equal(assay_temp_file_write(bench.disk.fd, extent + at, &byte, 1), 0);
    }
    assert_int_equal(caught, (1200 + 36) / 37);
    const struct answers answers = ask();
    assert_memory_equal(&answers, &expected, sizeof answers);
    end();
}

static void extents_that_are_needed_no_more_are_used_again(void **state)
{
    (void)state;
    memset(&bench, 0, sizeof bench);
    kit_init(&bench.kit, 30000, 0);
    kit_feature(&bench.kit, KIT_USER, "s", "sum(pay.n) over 200s");
    kit_feature(&bench.kit, KIT_USER, "l", "first(pay.channel) over 200s");
    disk_open(&bench.disk, (size_t)1 << 30, 0);
    bench.disk.options.extent_bytes = (size_t)16 << 10;
    bench.kit.spill = &bench.disk.options;
    kit_open(&bench.kit, MEMORY);
    apply_many_of(5000, "user.l");
    const uint64_t early = bench.disk.reserved;
    apply_many_of(ENTRIES, "user.l");
    assert_true(early > 2);
    assert_true(bench.disk.reserved < 2 * early);
    assert_true(stats().moved > 3 * stats().chunks);
    struct assay_store *memory = kit_store(&bench.kit, MEMORY, 9);
    bench.random = 0;
    bench.clock_ms = 0;
    for (int i = 0; i < 5000 + ENTRIES; i++) {
        const struct assay_event event = next_event("hot");
        const struct assay_update update = kit_update(&event, KIT_USER, "hot");
        struct assay_touch touch;
        assert_int_equal(assay_store_apply(memory, &update, &touch), ASSAY_OK);
    }
    uint64_t expected[2] = {0};
    uint64_t hash[2] = {0};
    assay_store_hash(memory, expected);
    assay_store_hash(bench.kit.store, hash);
    assert_memory_equal(hash, expected, sizeof hash);
    assay_store_destroy(memory);
    end();
}

static void an_evicted_key_leaves_nothing_on_disk(void **state)
{
    (void)state;
    begin(MEMORY, (size_t)16 << 10, true);
    kit_close(&bench.kit);
    kit_init(&bench.kit, 30000, 0);
    add_features();
    bench.kit.entities[KIT_USER].capacity = 1;
    bench.kit.entities[KIT_USER].evicts = true;
    bench.kit.spill = &bench.disk.options;
    kit_open(&bench.kit, MEMORY);
    for (int round = 0; round < 6; round++) {
        char user[8];
        (void)snprintf(user, sizeof user, "u%d", round);
        for (int i = 0; i < 4000; i++) {
            const struct assay_event event = next_event(user);
            kit_apply(&bench.kit, &event, user);
        }
        assert_true(stats().moved > (uint64_t)round * 4000 / 64);
        assert_true(stats().chunks <= 2 * 4000 / 32);
    }
    const struct assay_event last = next_event("last");
    kit_apply(&bench.kit, &last, "last");
    const struct assay_event again = next_event("last, once more");
    kit_apply(&bench.kit, &again, "last, once more");
    assay_store_flush(bench.kit.store);
    assert_int_equal(stats().chunks, 0);
    assert_int_equal(stats().bytes, 0);
    assert_int_equal(stats().disk_bytes, 0);
    assert_int_equal(stats().memory_bytes, 0);
    end();
}

static void every_byte_of_memory_is_accounted_for(void **state)
{
    (void)state;
    begin(MEMORY, (size_t)16 << 10, true);
    apply_many(ENTRIES);
    struct assay_entity_facts facts[2] = {{0}};
    struct assay_memory_facts memory = {0};
    struct assay_state_bytes *bytes = &facts[KIT_USER].bytes;
    assay_store_entity_facts(bench.kit.store, facts);
    assay_store_memory_facts(bench.kit.store, &memory);
    assert_int_equal(facts[KIT_USER].logged, ENTRIES);
    assert_int_equal(bytes->spilled, stats().bytes);
    assert_int_equal(bytes->records + bytes->chunks + bytes->summaries + bytes->lanes +
                         bytes->bases + memory.index + memory.texts,
                     memory.live);
    end();
}

static void nothing_is_read_of_what_a_silence_has_outlived(void **state)
{
    (void)state;
    memset(&bench, 0, sizeof bench);
    kit_init(&bench.kit, 0, 0);
    kit_feature(&bench.kit, KIT_USER, "s", "sum(pay.n) over 30d");
    kit_feature(&bench.kit, KIT_USER, "oldest", "first(pay.n) over 30d");
    disk_open(&bench.disk, (size_t)1 << 30, 0);
    bench.disk.options.extent_bytes = (size_t)16 << 10;
    bench.kit.spill = &bench.disk.options;
    kit_open(&bench.kit, MEMORY);
    apply_many_of(ENTRIES, "user.oldest");
    assay_store_flush(bench.kit.store);
    const uint64_t disk_bytes = stats().disk_bytes;
    assert_true(stats().chunks > ENTRIES / 64 / 2);
    unsigned char page[PAGE];
    memset(page, 0x55, sizeof page); /* what is read of this is damage */
    for (uint64_t at = 0; at < disk_bytes; at += PAGE) {
        assert_int_equal(assay_temp_file_write(bench.disk.fd, at, page, PAGE), 0);
    }
    const int64_t year_ms = INT64_C(31536000000);
    for (int i = 0; i < 200; i++) { /* until the newest chunks are full */
        struct assay_event event = kit_event(KIT_PAY, year_ms + i, "hot", NULL);
        kit_set_integer(&event, KIT_N, 1);
        kit_apply(&bench.kit, &event, "hot");
    }
    assert_number(kit_slice(&bench.kit, "user.s"), 200);
    assert_true(stats().chunks < 5);
    end();
}

static void a_large_disk_does_not_make_memory_coarse(void **state)
{
    (void)state;
    uint64_t live[2] = {0};
    const struct answers expected = truth();
    for (int i = 0; i < 2; i++) {
        begin(MEMORY, (size_t)16 << 10, true);
        kit_close(&bench.kit);
        kit_init(&bench.kit, 30000, 0);
        add_features();
        bench.disk.options.bytes_max = (size_t)1 << (i == 0 ? 30 : INSTRUMENTED ? 37 : 44);
        bench.kit.spill = &bench.disk.options;
        kit_open(&bench.kit, MEMORY);
        apply_many(ENTRIES);
        const struct answers answers = ask();
        assert_memory_equal(&answers, &expected, sizeof answers);
        struct assay_memory_facts memory = {0};
        assay_store_memory_facts(bench.kit.store, &memory);
        live[i] = memory.live;
        end();
    }
    assert_true(live[1] < live[0] * 5 / 4);
}

static void addresses_that_cannot_be_had_are_refused_by_name(void **state)
{
    (void)state;
    begin(MEMORY, ASSAY_SPILL_EXTENT_BYTES, true);
    struct assay_spill_options more = bench.disk.options;
    more.bytes_max = (size_t)1 << 46; /* the most that may be asked for; two do not fit */
    const struct assay_store_options options = {.memory_bytes_max = (size_t)1 << 46,
                                                .spill = &more};
    struct assay_store *stores[3] = {NULL};
    struct assay_err err = {0};
    enum assay_status status = ASSAY_OK;
    for (int i = 0; i < 3 && status == ASSAY_OK; i++) {
        status = assay_store_create(&stores[i], bench.kit.plan, &options, &err);
    }
    assert_int_equal(status, ASSAY_E_NO_MEMORY);
    assert_non_null(strstr(err.remedy, "bytes_max"));
    for (int i = 0; i < 3; i++) {
        assay_store_destroy(stores[i]);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_do_not_depend_on_where_chunks_are),
        cmocka_unit_test(what_does_not_fit_an_extent_stays_in_memory),
        cmocka_unit_test(a_hot_key_takes_bounded_memory),
        cmocka_unit_test(a_hot_key_without_a_disk_is_refused_at_the_limit),
        cmocka_unit_test(a_full_disk_costs_memory_and_nothing_else),
        cmocka_unit_test(a_share_that_is_used_up_costs_memory_and_nothing_else),
        cmocka_unit_test(what_could_not_be_written_is_still_memory),
        cmocka_unit_test(what_could_not_be_mapped_is_still_memory),
        cmocka_unit_test(a_changed_byte_is_found_before_it_is_a_number),
        cmocka_unit_test(extents_that_are_needed_no_more_are_used_again),
        cmocka_unit_test(an_evicted_key_leaves_nothing_on_disk),
        cmocka_unit_test(every_byte_of_memory_is_accounted_for),
        cmocka_unit_test(nothing_is_read_of_what_a_silence_has_outlived),
        cmocka_unit_test(a_large_disk_does_not_make_memory_coarse),
        cmocka_unit_test(addresses_that_cannot_be_had_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
