/*
 * features/hot_keys.h - which keys events name most, in bounded memory.
 *
 * Space-saving (Metwally, Agrawal, El Abbadi 2005): a fixed number m of counters, each for one key.
 * A key without a counter takes over the one with the smallest count and carries that count on as
 * its error. So of every key with a counter: count - error <= true count <= count; a key without
 * one has at most assay_hot_keys_unlisted_max() events, and that is at most 1/m of all.
 *
 * The outcome is a function of the sequence of keys: of equal counts the one that has had its count
 * longest goes first, and neither hashes nor seeds decide anything.
 */
#ifndef ASSAY_FEATURES_HOT_KEYS_H
#define ASSAY_FEATURES_HOT_KEYS_H

#include "engine/base/str.h"

#include <stddef.h>

enum { ASSAY_HOT_KEYS_MAX = 65536 /* counters of one sketch */ };

struct assay_hot_keys;

/** One listed key; the text is borrowed until the next add. */
struct assay_hot_key {
    struct assay_str key;
    uint64_t count; /* never less than the true count */
    uint64_t error; /* count - error is never more than the true count; 0: count is exact */
};

/**
 * Make a sketch of @p counters counters, 1 to ASSAY_HOT_KEYS_MAX.
 *
 * @return NULL when out of memory. Owner: caller, assay_hot_keys_destroy(). Memory: about 1.1 KiB a
 * counter, for the longest keys; touched as far as keys need it.
 */
struct assay_hot_keys *assay_hot_keys_create(uint32_t counters);
/** Free it; NULL is allowed. */
void assay_hot_keys_destroy(struct assay_hot_keys *hot);

/**
 * Count one event of a key.
 *
 * @param hash any hash of the key, the same every time: only finds the counter.
 * @param key  1 to ASSAY_KEY_BYTES_MAX bytes; copied. Thread: owner. Cost: constant, no allocation.
 */
void assay_hot_keys_add(struct assay_hot_keys *hot, uint64_t hash, struct assay_str key);

/** Events counted so far. Thread: owner. */
uint64_t assay_hot_keys_total(const struct assay_hot_keys *hot);
/** The most events that a key without a counter can have: 0 while counters are free. */
uint64_t assay_hot_keys_unlisted_max(const struct assay_hot_keys *hot);
/**
 * The @p max keys with the greatest counts, greatest first, then by the keys' bytes.
 *
 * @return how many there are: at most @p max. Thread: owner. Cost: one pass over the counters for
 * each.
 */
size_t assay_hot_keys_list(const struct assay_hot_keys *hot, size_t max,
                           struct assay_hot_key out[]);

#endif
