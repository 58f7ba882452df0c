/*
 * tests/support/cmocka_all.h - cmocka with the headers it wants before it.
 */
#ifndef ASSAY_TESTS_CMOCKA_ALL_H
#define ASSAY_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** xorshift64*: small, seeded, the same everywhere (Vigna 2016). */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

#endif
