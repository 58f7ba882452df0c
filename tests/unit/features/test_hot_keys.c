#include "features/hot_keys.h"

#include "engine/base/hash.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>

enum { KEYS = 4000 };

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Few keys come often, most hardly ever; @p skew 0: all alike. */
static uint32_t draw(uint64_t *state, int skew)
{
    uint32_t key = (uint32_t)(next_random(state) % KEYS);
    for (int i = 0; i < skew; i++) {
        key = (uint32_t)(next_random(state) % (key + 1));
    }
    return key;
}

static void name_of(uint32_t key, char out[32])
{
    (void)snprintf(out, 32, "k%0*u", 1 + (int)(key % 9), key);
}

static void add(struct assay_hot_keys *hot, uint32_t key, uint64_t seed)
{
    char name[32];
    name_of(key, name);
    const struct assay_str text = assay_str_of(name);
    assay_hot_keys_add(hot, assay_hash64(text.ptr, text.len, seed), text);
}

static uint32_t key_of(struct assay_str text)
{
    char name[32];
    for (uint32_t key = 0; key < KEYS; key++) {
        name_of(key, name);
        if (assay_str_equal(assay_str_of(name), text)) {
            return key;
        }
    }
    fail_msg("a key that was never added");
    return 0;
}

/* Every promise of the sketch, held against a plain counter. */
static void check(const struct assay_hot_keys *hot, const uint64_t counts[], uint32_t counters)
{
    static struct assay_hot_key list[KEYS];
    static bool listed[KEYS];
    const size_t count = assay_hot_keys_list(hot, counters, list);
    const uint64_t unlisted = assay_hot_keys_unlisted_max(hot);
    uint64_t sum = 0;
    memset(listed, 0, sizeof listed);
    for (size_t i = 0; i < count; i++) {
        const uint32_t key = key_of(list[i].key);
        assert_false(listed[key]);
        listed[key] = true;
        assert_true(counts[key] <= list[i].count);
        assert_true(counts[key] + list[i].error >= list[i].count);
        assert_true(list[i].error <= unlisted);
        assert_true(i == 0 || list[i - 1].count > list[i].count ||
                    (list[i - 1].count == list[i].count &&
                     assay_str_compare(list[i - 1].key, list[i].key) < 0));
        sum += list[i].count;
    }
    assert_int_equal(sum, assay_hot_keys_total(hot)); /* every event is in exactly one counter */
    assert_true(unlisted * counters <= sum);
    for (uint32_t key = 0; key < KEYS; key++) {
        assert_true(listed[key] || counts[key] <= unlisted);
    }
}

static void a_true_count_lies_between_count_less_error_and_count(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 7, 64, 300};
    static uint64_t counts[KEYS];
    for (int skew = 0; skew < 4; skew++) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct assay_hot_keys *hot = assay_hot_keys_create(sizes[s]);
            uint64_t random = 1 + (uint64_t)skew;
            assert_non_null(hot);
            memset(counts, 0, sizeof counts);
            for (int i = 1; i <= 20000; i++) {
                const uint32_t key = draw(&random, skew);
                counts[key]++;
                add(hot, key, 1);
                if (i % 5000 == 0) {
                    check(hot, counts, sizes[s]);
                }
            }
            assay_hot_keys_destroy(hot);
        }
    }
}

static void while_counters_are_free_counts_are_exact(void **state)
{
    (void)state;
    struct assay_hot_keys *hot = assay_hot_keys_create(100);
    struct assay_hot_key list[100];
    for (uint32_t key = 0; key < 100; key++) {
        for (uint32_t i = 0; i <= key; i++) {
            add(hot, key, 1);
        }
    }
    assert_int_equal(assay_hot_keys_unlisted_max(hot), 1);
    assert_int_equal(assay_hot_keys_list(hot, 100, list), 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(list[i].count, 100 - i);
        assert_int_equal(list[i].error, 0);
    }
    assay_hot_keys_destroy(hot);
    hot = assay_hot_keys_create(3);
    add(hot, 1, 1);
    assert_int_equal(assay_hot_keys_unlisted_max(hot), 0);
    assert_int_equal(assay_hot_keys_list(hot, 1, list), 1);
    assay_hot_keys_destroy(hot);
}

static void a_key_takes_over_the_least_count_as_its_error(void **state)
{
    (void)state;
    struct assay_hot_keys *hot = assay_hot_keys_create(2);
    struct assay_hot_key list[2];
    static const uint32_t keys[] = {1, 1, 1, 2, 2, 3};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        add(hot, keys[i], 1);
    }
    assert_int_equal(assay_hot_keys_list(hot, 2, list), 2);
    assert_int_equal(key_of(list[0].key), 3); /* both have three, and "k0003" < "k01" */
    assert_int_equal(list[0].count, 3);
    assert_int_equal(list[0].error, 2);
    assert_int_equal(list[1].error, 0);
    assay_hot_keys_destroy(hot);
}

static void hashes_decide_nothing(void **state)
{
    (void)state;
    struct assay_hot_keys *sketches[3];
    static struct assay_hot_key lists[3][50];
    for (int s = 0; s < 3; s++) {
        uint64_t random = 9;
        sketches[s] = assay_hot_keys_create(50);
        for (int i = 0; i < 5000; i++) {
            const uint32_t key = draw(&random, 1);
            char name[32];
            name_of(key, name);
            const struct assay_str text = assay_str_of(name);
            /* the last: all keys in one chain */
            assay_hot_keys_add(sketches[s],
                               s == 2 ? 7 : assay_hash64(text.ptr, text.len, (uint64_t)s), text);
        }
        assert_int_equal(assay_hot_keys_list(sketches[s], 50, lists[s]), 50);
    }
    for (int s = 1; s < 3; s++) {
        for (int i = 0; i < 50; i++) {
            assert_true(assay_str_equal(lists[0][i].key, lists[s][i].key));
            assert_int_equal(lists[0][i].count, lists[s][i].count);
            assert_int_equal(lists[0][i].error, lists[s][i].error);
        }
    }
    for (int s = 0; s < 3; s++) {
        assay_hot_keys_destroy(sketches[s]);
    }
}

static void a_list_holds_the_greatest_however_short_it_is(void **state)
{
    (void)state;
    struct assay_hot_keys *hot = assay_hot_keys_create(200);
    static struct assay_hot_key all[200];
    struct assay_hot_key few[7];
    uint64_t random = 3;
    for (int i = 0; i < 3000; i++) {
        add(hot, draw(&random, 2), 1);
    }
    const size_t count = assay_hot_keys_list(hot, 200, all);
    assert_int_equal(count, 200);
    assert_int_equal(assay_hot_keys_list(hot, 7, few), 7);
    for (size_t i = 0; i < 7; i++) {
        assert_true(assay_str_equal(few[i].key, all[i].key));
        assert_int_equal(few[i].count, all[i].count);
    }
    assert_int_equal(assay_hot_keys_list(hot, 0, few), 0);
    assay_hot_keys_destroy(hot);
    assay_hot_keys_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_true_count_lies_between_count_less_error_and_count),
        cmocka_unit_test(while_counters_are_free_counts_are_exact),
        cmocka_unit_test(a_key_takes_over_the_least_count_as_its_error),
        cmocka_unit_test(hashes_decide_nothing),
        cmocka_unit_test(a_list_holds_the_greatest_however_short_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
