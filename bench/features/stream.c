#include "bench/features/stream.h"

#include <math.h>

static const double ZIPF_EXPONENT = 0.8;

uint64_t stream_roll(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

/* Zipf by rejection-inversion (Hormann and Derflinger): exact, and without a table of keys. */
static double zipf_mass(double x)
{
    return pow(x, 1 - ZIPF_EXPONENT) / (1 - ZIPF_EXPONENT);
}

static double zipf_place(double mass)
{
    return pow(mass * (1 - ZIPF_EXPONENT), 1 / (1 - ZIPF_EXPONENT));
}

static uint64_t zipf(struct stream *stream)
{
    for (;;) {
        const double luck = (double)(stream_roll(&stream->seed) >> 11) * 0x1p-53;
        const double mass = stream->zipf_high + luck * (stream->zipf_low - stream->zipf_high);
        const double place = zipf_place(mass);
        double rank = floor(place + 0.5);
        rank = rank < 1 ? 1 : rank > (double)stream->keys ? (double)stream->keys : rank;
        if (rank - place <= stream->zipf_cut ||
            mass >= zipf_mass(rank + 0.5) - pow(rank, -ZIPF_EXPONENT)) {
            return (uint64_t)rank - 1;
        }
    }
}

bool stream_open(struct stream *stream, enum stream_mix mix, uint64_t events, uint64_t keys)
{
    const uint64_t length_ms = UINT64_C(86400000) * STREAM_DAYS;
    *stream = (struct stream){
        .mix = mix,
        .events = events,
        .keys = keys,
        .seed = UINT64_C(88172645463325252),
        .step_ms = events == 0 ? 0 : length_ms / events,
        .zipf_low = zipf_mass(1.5) - 1,
        .zipf_high = zipf_mass((double)keys + 0.5),
        .zipf_cut = 2 - zipf_place(zipf_mass(2.5) - pow(2, -ZIPF_EXPONENT)),
    };
    return stream->step_ms > 0 && keys > 0 && keys <= UINT32_MAX;
}

static uint64_t next_key(struct stream *stream)
{
    if (stream->mix == STREAM_ZIPF) {
        return zipf(stream);
    }
    if (stream->mix == STREAM_TURNS) {
        return stream->made % stream->keys;
    }
    const uint64_t luck = stream_roll(&stream->seed);
    if (stream->mix == STREAM_HOT && (luck >> 63 != 0 || stream->keys == 1)) {
        return 0;
    }
    const uint64_t first = stream->mix == STREAM_HOT ? 1 : 0;
    return first + (luck & INT64_MAX) % (stream->keys - first);
}

struct stream_event stream_next(struct stream *stream)
{
    const uint64_t key = next_key(stream);
    const uint64_t luck = stream_roll(&stream->seed);
    const uint64_t offset_ms =
        stream->made * stream->step_ms + (luck & UINT32_MAX) % stream->step_ms;
    stream->made++;
    return (struct stream_event){
        .time_ms = (int64_t)(STREAM_START_MS + offset_ms),
        .key = (uint32_t)key,
        .cents = (uint32_t)(luck >> 44), /* up to 10,485.75 */
        .device = (uint32_t)(luck >> 32 & 0xFFF) % STREAM_DEVICES,
    };
}
