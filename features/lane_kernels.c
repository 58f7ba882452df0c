#include "features/lane_kernels.h"

/*
 * Each loop is written once, as the compiler can lay it out in vectors; the forms differ in the
 * instructions that it may use.
 */

static const int32_t SUM_MAX = (INT32_C(1) << 30) - 1;
static const uint16_t FOUND_MAX = UINT16_MAX - 2;

#define LOOP static inline __attribute__((always_inline))

LOOP bool age(uint32_t *restrict left, uint32_t count, uint32_t passed)
{
    uint32_t over = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t less = left[i] > passed ? left[i] - passed : 0;
        left[i] = left[i] == UINT32_MAX ? UINT32_MAX : less;
        over |= left[i] == 0 ? UINT32_MAX : 0;
    }
    return over != 0;
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
        full |= found[i] > FOUND_MAX ? UINT16_MAX : 0;
    }
    return full != 0;
}

LOOP bool add(int32_t *restrict sums, uint32_t count, int32_t value)
{
    uint32_t full = 0;
    for (uint32_t i = 0; i < count; i++) {
        sums[i] += value;
        full |= sums[i] > SUM_MAX || sums[i] < -SUM_MAX ? UINT32_MAX : 0;
    }
    return full != 0;
}

/* The loops in one form. */
#define FORM(name, attributes)                                                                     \
    attributes static bool age_##name(uint32_t left[], uint32_t count, uint32_t passed)            \
    {                                                                                              \
        return age(left, count, passed);                                                           \
    }                                                                                              \
    attributes static void begin_##name(uint32_t left[], uint16_t from[], const uint32_t spans[],  \
                                        uint32_t count, uint16_t place)                            \
    {                                                                                              \
        begin(left, from, spans, count, place);                                                    \
    }                                                                                              \
    attributes static bool count_##name(uint16_t found[], uint32_t count)                          \
    {                                                                                              \
        return count_up(found, count);                                                             \
    }                                                                                              \
    attributes static bool add_##name(int32_t sums[], uint32_t count, int32_t value)               \
    {                                                                                              \
        return add(sums, count, value);                                                            \
    }                                                                                              \
    static const struct lane_kernels kernels_##name = {                                            \
        .age = age_##name, .begin = begin_##name, .count = count_##name, .add = add_##name}

FORM(plain, );

#if defined(__x86_64__)
FORM(avx2, __attribute__((target("avx2"))));
FORM(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,prefer-vector-width=512"))));

const struct lane_kernels *assay_lane_kernels(enum assay_vectors vectors)
{
    const bool has_avx512 = __builtin_cpu_supports("avx512f") &&
                            __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512vl");
    if ((vectors == ASSAY_VECTORS_BEST || vectors == ASSAY_VECTORS_AVX512) && has_avx512) {
        return &kernels_avx512;
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
