#include "features/record_pvt.h"

#include "engine/base/assert.h"

enum { ENTRIES_MIN = 4 };

uint32_t assay_log_after(const struct log *log, const struct assay_stream *stream, int64_t time_ms)
{
    uint32_t low = log->first;
    uint32_t high = log->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (entry_at(log, stream, middle)->time_ms <= time_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Order of two entries of equal time by their tie bytes, a prefix first. */
static bool tie_is_after(const struct log_entry *a, const struct log_entry *b)
{
    const uint32_t shared = a->tie_bytes < b->tie_bytes ? a->tie_bytes : b->tie_bytes;
    const int order = shared == 0 ? 0 : memcmp(a->blob, b->blob, shared);
    return order != 0 ? order > 0 : a->tie_bytes > b->tie_bytes;
}

uint32_t assay_log_insert(struct log *log, const struct assay_stream *stream,
                          const struct log_entry *entry)
{
    ASSAY_ASSERT(log->count < log->capacity);
    const size_t stride = entry_bytes(stream);
    uint32_t at = assay_log_after(log, stream, entry->time_ms);
    while (stream->ordered && at > log->first &&
           entry_at(log, stream, at - 1)->time_ms == entry->time_ms &&
           tie_is_after(entry_at(log, stream, at - 1), entry)) {
        at--;
    }
    unsigned char *place = log->entries + at * stride;
    memmove(place + stride, place, (log->count - at) * stride);
    memcpy(place, entry, stride);
    log->count++;
    return at;
}

/* Drop entries that no answerable read can see. */
static void trim(struct assay_slab *slab, struct log *log, const struct assay_stream *stream,
                 int64_t horizon_ms)
{
    while (log->first < log->count && entry_at(log, stream, log->first)->time_ms <= horizon_ms) {
        struct log_entry *entry = entry_at(log, stream, log->first);
        assay_slab_free(slab, entry->blob, entry->blob_bytes);
        log->first++;
    }
    const size_t stride = entry_bytes(stream);
    memmove(log->entries, log->entries + log->first * stride,
            (size_t)(log->count - log->first) * stride);
    log->count -= log->first;
    log->first = 0;
}

bool assay_log_reserve(struct assay_slab *slab, struct log *log, const struct assay_stream *stream,
                       int64_t horizon_ms)
{
    if (log->count < log->capacity) {
        return true;
    }
    if (log->entries != NULL && !stream->lifetime) {
        trim(slab, log, stream, horizon_ms);
        if (log->count <= log->capacity / 2) {
            return true;
        }
    }
    const size_t stride = entry_bytes(stream);
    const size_t wanted = log->capacity == 0 ? ENTRIES_MIN : 2 * (size_t)log->capacity;
    const size_t bytes = assay_slab_fit(wanted * stride);
    unsigned char *entries = assay_slab_alloc(slab, bytes);
    if (entries == NULL || bytes / stride > UINT32_MAX / 2) {
        assay_slab_free(slab, entries, bytes);
        return log->count < log->capacity;
    }
    if (log->entries != NULL) {
        memcpy(entries, log->entries, log->count * stride);
        assay_slab_free(slab, log->entries, assay_slab_fit((size_t)log->capacity * stride));
    }
    log->entries = entries;
    log->capacity = (uint32_t)(bytes / stride);
    return true;
}
