#include "engine/base/hash.h"

#include "engine/base/assert.h"

#include <inttypes.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wundef"
#include <xxhash.h>
#pragma GCC diagnostic pop

uint64_t assay_hash64(const void *data, size_t bytes, uint64_t seed)
{
    ASSAY_DASSERT(data != NULL || bytes == 0);
    return XXH3_64bits_withSeed(data, bytes, seed);
}

struct assay_hash128 assay_hash128(const void *data, size_t bytes, uint64_t seed)
{
    ASSAY_DASSERT(data != NULL || bytes == 0);
    const XXH128_hash_t hash = XXH3_128bits_withSeed(data, bytes, seed);
    return (struct assay_hash128){.low = hash.low64, .high = hash.high64};
}

struct assay_hash128 assay_hash128_add(struct assay_hash128 a, struct assay_hash128 b)
{
    const uint64_t low = a.low + b.low;
    return (struct assay_hash128){.low = low, .high = a.high + b.high + (low < a.low ? 1U : 0U)};
}

void assay_hash128_print(struct assay_hash128 hash, char out[ASSAY_HASH_TEXT_BYTES])
{
    (void)snprintf(out, ASSAY_HASH_TEXT_BYTES, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}
