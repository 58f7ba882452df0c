#include "features/lane_kernels.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

/* Every form that this processor has gives the plain form's bits, whatever the number of lanes. */

enum { LANES = 64, PLACES = LANES + 8 /* none may be written beyond */, ROUNDS = 3000 };

struct lanes_at_work {
    uint32_t left[PLACES];
    uint16_t begin[PLACES];
    uint16_t found[PLACES];
    int32_t sums[PLACES];
    double numbers[PLACES];
    double quotients[PLACES];
    double averages[PLACES];
    uint64_t over;
    bool count_full;
    bool sum_full;
};

static uint64_t seed = 1;

static uint64_t draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 31) % below;
}

static void fill(struct lanes_at_work *lanes, uint32_t spans[])
{
    memset(lanes, 0, sizeof *lanes);
    for (uint32_t i = 0; i < PLACES; i++) {
        spans[i] = draw(4) == 0 ? UINT32_MAX : (uint32_t)draw(1U << 31);
        lanes->left[i] = draw(4) == 0 ? UINT32_MAX : (uint32_t)draw(1U << draw(32));
        lanes->begin[i] = draw(3) == 0 ? UINT16_MAX : (uint16_t)draw(UINT16_MAX);
        lanes->found[i] = (uint16_t)(draw(8) == 0 ? LANE_COUNT_MAX : draw(3000));
        lanes->sums[i] = (int32_t)draw(1U << draw(30)) * (draw(2) == 0 ? 1 : -1);
    }
}

static void run(const struct lane_kernels *kernels, struct lanes_at_work *lanes,
                const uint32_t spans[], uint32_t count, uint32_t passed, int32_t value)
{
    lanes->over = kernels->age(lanes->left, count, passed);
    kernels->begin(lanes->left, lanes->begin, spans, count, 77);
    lanes->count_full = kernels->count(lanes->found, count);
    lanes->sum_full = kernels->add(lanes->sums, count, value);
    kernels->numbers(lanes->numbers, lanes->found, count);
    kernels->quotients(lanes->quotients, lanes->averages, lanes->sums, lanes->found, count, 100);
}

static void check(enum assay_vectors vectors)
{
    const struct lane_kernels *plain = assay_lane_kernels(ASSAY_VECTORS_PLAIN);
    const struct lane_kernels *form = assay_lane_kernels(vectors);
    uint32_t spans[PLACES];
    for (int round = 0; round < ROUNDS; round++) {
        struct lanes_at_work want;
        fill(&want, spans);
        struct lanes_at_work got = want;
        const uint32_t count = (uint32_t)draw(LANES + 1);
        const uint32_t passed = draw(5) == 0 ? 0 : (uint32_t)draw(1U << draw(32));
        const int32_t value = (int32_t)draw(1U << draw(30)) * (draw(2) == 0 ? 1 : -1);
        run(plain, &want, spans, count, passed, value);
        run(form, &got, spans, count, passed, value);
        assert_memory_equal(&got, &want, sizeof got);
    }
}

static void avx2_gives_the_plain_bits(void **state)
{
    (void)state;
    check(ASSAY_VECTORS_AVX2);
}

static void avx512_gives_the_plain_bits(void **state)
{
    (void)state;
    check(ASSAY_VECTORS_AVX512);
}

/* The law of the plain form itself, said once more in other words. */
static void time_left_grows_less_and_stops_at_nothing(void **state)
{
    (void)state;
    const struct lane_kernels *plain = assay_lane_kernels(ASSAY_VECTORS_PLAIN);
    uint32_t left[5] = {0, 9, 10, 11, UINT32_MAX};
    assert_int_equal(plain->age(left, 5, 10), 7);
    assert_int_equal(left[0] + left[1] + left[2], 0);
    assert_int_equal(left[3], 1);
    assert_int_equal(left[4], UINT32_MAX);
    int32_t sums[2] = {LANE_SUM_MAX - 1, -5};
    assert_false(plain->add(sums, 2, 1));
    assert_true(plain->add(sums, 2, 1));
    uint16_t found[2] = {LANE_COUNT_MAX - 1, 3};
    assert_false(plain->count(found, 2));
    assert_true(plain->count(found, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avx2_gives_the_plain_bits),
        cmocka_unit_test(avx512_gives_the_plain_bits),
        cmocka_unit_test(time_left_grows_less_and_stops_at_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
