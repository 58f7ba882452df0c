#include "bench/features/batch.h"

void batch_open(struct batch *batch)
{
    for (uint32_t i = 0; i < STREAM_DEVICES; i++) {
        (void)bench_key(batch->devices[i], 'd', i);
    }
}

/* The fields of `pay` in features.yaml, in order: user, amount, device. */
static void lay_event(struct batch *batch, size_t at)
{
    const struct stream_event *raw = &batch->raw[at];
    struct assay_event *event = &batch->events[at];
    *event = (struct assay_event){.time_ms = raw->time_ms, .present = 7};
    event->fields[0].text = bench_key(batch->keys[at], 'u', raw->key);
    event->fields[1].integer = raw->cents;
    event->fields[2].text = assay_str_of(batch->devices[raw->device]);
    batch->updates[at] =
        (struct assay_update){.event = event, .key = event->fields[0].text, .roles = 1};
}

void batch_fill(struct batch *batch, struct stream *stream)
{
    const uint64_t left = stream->events - stream->made;
    batch->count = left < BENCH_BATCH ? (size_t)left : BENCH_BATCH;
    for (size_t i = 0; i < batch->count; i++) {
        batch->raw[i] = stream_next(stream);
        lay_event(batch, i);
    }
}

void batch_prefetch(const struct batch *batch, const struct assay_store *store, size_t at,
                    size_t group)
{
    const struct assay_update *updates[ASSAY_PREFETCH_MAX];
    const size_t count = batch->count - at < group ? batch->count - at : group;
    for (size_t i = 0; i < count; i++) {
        updates[i] = &batch->updates[at + i];
    }
    assay_store_prefetch_group(store, updates, count);
}
