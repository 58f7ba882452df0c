#include "features/lane_kernels.h"

#include <math.h>

/*
 * The plain form is the definition; compiled for AVX2 it is the second. Windows are few, so where
 * vectors have masks a whole loop is a few instructions: that form is in
 * features/lane_kernels_avx512.c.
 */

#include "features/lane_kernels_pvt.h"

#define LOOP static inline __attribute__((always_inline))

LOOP uint64_t age(uint32_t *restrict left, uint32_t count, uint32_t passed)
{
    uint64_t over = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t less = left[i] > passed ? left[i] - passed : 0;
        left[i] = left[i] == UINT32_MAX ? UINT32_MAX : less;
        over |= (uint64_t)(left[i] == 0) << i;
    }
    return over;
}

LOOP void begin(uint32_t *restrict left, uint16_t *restrict from, const uint32_t *restrict spans,
                uint32_t count, uint16_t place)
{
    for (uint32_t i = 0; i < count; i++) {
        const bool is_empty = from[i] == UINT16_MAX;
        left[i] = is_empty ? spans[i] : left[i];
        from[i] = is_empty ? place : from[i];
    }
}

LOOP bool count_up(uint16_t *restrict found, uint32_t count)
{
    uint16_t full = 0;
    for (uint32_t i = 0; i < count; i++) {
        found[i]++;
        full |= found[i] > LANE_COUNT_MAX ? UINT16_MAX : 0;
    }
    return full != 0;
}

LOOP bool add(int32_t *restrict sums, uint32_t count, int32_t value)
{
    uint32_t full = 0;
    for (uint32_t i = 0; i < count; i++) {
        sums[i] += value;
        full |= sums[i] > LANE_SUM_MAX || sums[i] < -LANE_SUM_MAX ? UINT32_MAX : 0;
    }
    return full != 0;
}

LOOP void numbers(double *restrict out, const uint16_t *restrict found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = found[i];
    }
}

LOOP void quotients(double *restrict sums_out, double *restrict averages_out,
                    const int32_t *restrict sums, const uint16_t *restrict found, uint32_t count,
                    double scale)
{
    for (uint32_t i = 0; i < count; i++) {
        sums_out[i] = sums[i] / scale;
        averages_out[i] = found[i] == 0 ? ASSAY_NULL_NUMBER : sums[i] / (scale * found[i]);
    }
}

/* The loops in one form. */
#define FORM(form, attributes)                                                                     \
    attributes static uint64_t age_##form(uint32_t left[], uint32_t count, uint32_t passed)        \
    {                                                                                              \
        return age(left, count, passed);                                                           \
    }                                                                                              \
    attributes static void begin_##form(uint32_t left[], uint16_t from[], const uint32_t spans[],  \
                                        uint32_t count, uint16_t place)                            \
    {                                                                                              \
        begin(left, from, spans, count, place);                                                    \
    }                                                                                              \
    attributes static bool count_##form(uint16_t found[], uint32_t count)                          \
    {                                                                                              \
        return count_up(found, count);                                                             \
    }                                                                                              \
    attributes static bool add_##form(int32_t sums[], uint32_t count, int32_t value)               \
    {                                                                                              \
        return add(sums, count, value);                                                            \
    }                                                                                              \
    attributes static void numbers_##form(double out[], const uint16_t found[], uint32_t count)    \
    {                                                                                              \
        numbers(out, found, count);                                                                \
    }                                                                                              \
    attributes static void quotients_##form(double sums_out[], double averages_out[],              \
                                            const int32_t sums[], const uint16_t found[],          \
                                            uint32_t count, double scale)                          \
    {                                                                                              \
        quotients(sums_out, averages_out, sums, found, count, scale);                              \
    }                                                                                              \
    static const struct lane_kernels kernels_##form = {.age = age_##form,                          \
                                                       .begin = begin_##form,                      \
                                                       .count = count_##form,                      \
                                                       .add = add_##form,                          \
                                                       .numbers = numbers_##form,                  \
                                                       .quotients = quotients_##form}

FORM(plain, );

#if defined(__x86_64__)
FORM(avx2, __attribute__((target("avx2"))));

const struct lane_kernels *assay_lane_kernels(enum assay_vectors vectors)
{
    const bool wants_avx512 = vectors == ASSAY_VECTORS_BEST || vectors == ASSAY_VECTORS_AVX512;
    if (wants_avx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        return &assay_lane_kernels_avx512;
    }
    return vectors != ASSAY_VECTORS_PLAIN && __builtin_cpu_supports("avx2") ? &kernels_avx2
                                                                            : &kernels_plain;
}
#else
const struct lane_kernels *assay_lane_kernels(enum assay_vectors vectors)
{
    (void)vectors;
    return &kernels_plain;
}
#endif
