#include "features/lane_kernels_pvt.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

/*
 * The loops of features/lane_kernels.c in vectors of 16 lanes (8 where they are doubles), the last
 * one under a mask: with up to so many windows nothing loops.
 */

#define FORM __attribute__((target("avx512f,avx512bw,avx512vl"))) static

/* A mask of what is left of @p count lanes, @p width at most. */
static inline uint32_t rest(uint32_t count, uint32_t width)
{
    return count >= width ? (1U << width) - 1 : (1U << count) - 1;
}

FORM uint64_t age(uint32_t left[], uint32_t count, uint32_t passed)
{
    uint64_t over = 0;
    for (uint32_t i = 0; i < count; i += 16) {
        const __mmask16 mask = (__mmask16)rest(count - i, 16);
        const __m512i before = _mm512_maskz_loadu_epi32(mask, left + i);
        const __m512i gone = _mm512_set1_epi32((int)passed);
        const __mmask16 ages = _mm512_mask_cmpneq_epu32_mask(mask, before, _mm512_set1_epi32(-1));
        const __m512i less = _mm512_sub_epi32(_mm512_max_epu32(before, gone), gone);
        _mm512_mask_storeu_epi32(left + i, ages, less);
        over |= (uint64_t)_mm512_mask_cmple_epu32_mask(ages, before, gone) << i;
    }
    return over;
}

FORM void begin(uint32_t left[], uint16_t from[], const uint32_t spans[], uint32_t count,
                uint16_t place)
{
    for (uint32_t i = 0; i < count; i += 16) {
        const __mmask16 mask = (__mmask16)rest(count - i, 16);
        const __m256i before = _mm256_maskz_loadu_epi16(mask, from + i);
        const __mmask16 empty = _mm256_mask_cmpeq_epi16_mask(mask, before, _mm256_set1_epi16(-1));
        _mm256_mask_storeu_epi16(from + i, empty, _mm256_set1_epi16((short)place));
        _mm512_mask_storeu_epi32(left + i, empty, _mm512_maskz_loadu_epi32(empty, spans + i));
    }
}

FORM bool count_up(uint16_t found[], uint32_t count)
{
    uint32_t full = 0;
    for (uint32_t i = 0; i < count; i += 16) {
        const __mmask16 mask = (__mmask16)rest(count - i, 16);
        const __m256i before = _mm256_maskz_loadu_epi16(mask, found + i);
        const __m256i after = _mm256_add_epi16(before, _mm256_set1_epi16(1));
        _mm256_mask_storeu_epi16(found + i, mask, after);
        full |= _mm256_mask_cmpgt_epu16_mask(mask, after, _mm256_set1_epi16((short)LANE_COUNT_MAX));
    }
    return full != 0;
}

FORM bool add(int32_t sums[], uint32_t count, int32_t value)
{
    uint32_t full = 0;
    for (uint32_t i = 0; i < count; i += 16) {
        const __mmask16 mask = (__mmask16)rest(count - i, 16);
        const __m512i before = _mm512_maskz_loadu_epi32(mask, sums + i);
        const __m512i after = _mm512_add_epi32(before, _mm512_set1_epi32(value));
        _mm512_mask_storeu_epi32(sums + i, mask, after);
        full |= _mm512_mask_cmpgt_epi32_mask(mask, _mm512_abs_epi32(after),
                                             _mm512_set1_epi32(LANE_SUM_MAX));
    }
    return full != 0;
}

/* 8 numbers found as doubles. */
FORM __m512d found_at(const uint16_t found[], __mmask8 mask)
{
    return _mm512_cvtepi32_pd(_mm256_cvtepu16_epi32(_mm_maskz_loadu_epi16(mask, found)));
}

FORM void numbers(double out[], const uint16_t found[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 8) {
        const __mmask8 mask = (__mmask8)rest(count - i, 8);
        _mm512_mask_storeu_pd(out + i, mask, found_at(found + i, mask));
    }
}

FORM void quotients(double sums_out[], double averages_out[], const int32_t sums[],
                    const uint16_t found[], uint32_t count, double scale)
{
    const __m512d scales = _mm512_set1_pd(scale);
    for (uint32_t i = 0; i < count; i += 8) {
        const __mmask8 mask = (__mmask8)rest(count - i, 8);
        const __m512d sum = _mm512_cvtepi32_pd(_mm256_maskz_loadu_epi32(mask, sums + i));
        const __m512d counts = found_at(found + i, mask);
        const __mmask8 some =
            _mm512_mask_cmp_pd_mask(mask, counts, _mm512_setzero_pd(), _CMP_GT_OQ);
        const __m512d average = _mm512_mask_div_pd(_mm512_set1_pd(ASSAY_NULL_NUMBER), some, sum,
                                                   _mm512_mul_pd(scales, counts));
        _mm512_mask_storeu_pd(sums_out + i, mask, _mm512_div_pd(sum, scales));
        _mm512_mask_storeu_pd(averages_out + i, mask, average);
    }
}

const struct lane_kernels assay_lane_kernels_avx512 = {
    .age = age,
    .begin = begin,
    .count = count_up,
    .add = add,
    .numbers = numbers,
    .quotients = quotients,
};

#endif
