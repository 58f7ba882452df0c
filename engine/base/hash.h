/*
 * engine/base/hash.h - XXH3 in 64 and 128 bits, and sums of hashes.
 *
 * Not a MAC: for identity and placement, never against an adversary. A sum of 128-bit hashes hashes
 * a set independently of the order of its members.
 */
#ifndef ASSAY_BASE_HASH_H
#define ASSAY_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct assay_hash128 {
    uint64_t low;
    uint64_t high;
};

/** XXH3-64 of @p bytes bytes. @p data may be NULL when bytes is 0. Thread: any; pure. */
uint64_t assay_hash64(const void *data, size_t bytes, uint64_t seed);
/** XXH3-128 of @p bytes bytes. Thread: any; pure. */
struct assay_hash128 assay_hash128(const void *data, size_t bytes, uint64_t seed);
/** Add modulo 2^128: commutative and associative. Thread: any; pure. */
struct assay_hash128 assay_hash128_add(struct assay_hash128 a, struct assay_hash128 b);

enum { ASSAY_HASH_TEXT_BYTES = 33 };
/** 32 lower-case hex digits, high half first, NUL-terminated. Thread: any. */
void assay_hash128_print(struct assay_hash128 hash, char out[ASSAY_HASH_TEXT_BYTES]);

#endif
