/*
 * bench/features/stream.h - the stream that the feature benchmarks and their peers read.
 *
 * Fourteen simulated days of payments from a fixed seed, in time order, no two at one time: a
 * window then means the same to a stream engine and to SQL, which knows rows of equal time as
 * peers. Events are made a batch at a time, so that their number is not bound by memory.
 */
#ifndef ASSAY_BENCH_FEATURES_STREAM_H
#define ASSAY_BENCH_FEATURES_STREAM_H

#include <stdbool.h>
#include <stdint.h>

enum stream_mix {
    STREAM_UNIFORM,
    STREAM_ZIPF, /* the k-th key in proportion to k^-0.8 */
    STREAM_HOT,  /* every other event is key 0's, the rest is even */
    STREAM_TURNS /* one key after the other: all get equally many */
};

/** One payment, as it is handed to the peers too: fixed size, little endian. */
struct stream_event {
    int64_t time_ms;
    uint32_t key;
    uint32_t cents;
    uint32_t device;
    uint32_t unused;
};

struct stream {
    enum stream_mix mix;
    uint64_t events; /* of the whole stream */
    uint64_t keys;
    uint64_t made; /* so far */
    uint64_t seed;
    uint64_t step_ms; /* each event has a slice of the fourteen days to itself */
    double zipf_low, zipf_high, zipf_cut;
};

enum { STREAM_DAYS = 14, STREAM_DEVICES = 8 };
static const uint64_t STREAM_START_MS = UINT64_C(1700000000000);

/** Begin a stream. @return false when it has more events than milliseconds, or no key. */
bool stream_open(struct stream *stream, enum stream_mix mix, uint64_t events, uint64_t keys);
/** The next event; at most `events` times. */
struct stream_event stream_next(struct stream *stream);
/** A random number that does not disturb the stream. */
uint64_t stream_roll(uint64_t *seed);

#endif
