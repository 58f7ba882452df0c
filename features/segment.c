#include "features/log_pvt.h"

/* Do two touches belong together? expire 0: always. */
static bool bridges(int64_t earlier_ms, int64_t later_ms, int64_t expire_ms)
{
    return expire_ms == 0 || later_ms - earlier_ms <= expire_ms;
}

uint32_t assay_segment_at(const struct assay_record *record, int64_t time_ms)
{
    uint32_t low = 0;
    uint32_t high = record->segment_count;
    if (high > 0 && record->segments[high - 1].start_ms <= time_ms) {
        return high - 1; /* nearly always */
    }
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (record->segments[middle].start_ms <= time_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? ASSAY_NONE : low - 1;
}

/* Does a touch extend a segment that is there, or join two? */
static bool finds_room(const struct assay_record *record, int64_t time_ms, int64_t expire_ms)
{
    const uint32_t before = assay_segment_at(record, time_ms);
    const uint32_t after = before == ASSAY_NONE ? 0 : before + 1;
    return record->segment_count < record->segment_capacity ||
           (before != ASSAY_NONE && bridges(record->segments[before].end_ms, time_ms, expire_ms)) ||
           (after < record->segment_count &&
            bridges(time_ms, record->segments[after].start_ms, expire_ms));
}

bool assay_segment_reserve(struct assay_slab *slab, struct assay_record *record, int64_t time_ms,
                           int64_t expire_ms, int64_t forget_ms)
{
    if (finds_room(record, time_ms, expire_ms)) {
        return true;
    }
    struct segment *segments = record->segments;
    uint32_t dead = 0;
    while (dead < record->segment_count && segments[dead].end_ms <= forget_ms) {
        dead++;
    }
    if (dead > 0 && dead >= record->segment_count / 4) {
        record->segment_count -= dead;
        memmove(segments, segments + dead, record->segment_count * sizeof *segments);
        return true;
    }
    const uint32_t capacity = 2 * record->segment_capacity;
    segments = assay_slab_alloc(slab, capacity * sizeof *segments);
    if (segments == NULL) {
        return false;
    }
    memcpy(segments, record->segments, record->segment_count * sizeof *segments);
    assay_segment_free(slab, record);
    record->segments = segments;
    record->segment_capacity = capacity;
    return true;
}

void assay_segment_touch(struct assay_record *record, int64_t time_ms, int64_t expire_ms)
{
    struct segment *segments = record->segments;
    const uint32_t before = assay_segment_at(record, time_ms);
    const uint32_t at = before == ASSAY_NONE ? 0 : before + 1;
    const bool joins_before = at > 0 && bridges(segments[at - 1].end_ms, time_ms, expire_ms);
    const bool joins_after =
        at < record->segment_count && bridges(time_ms, segments[at].start_ms, expire_ms);
    if (joins_before) {
        segments[at - 1].end_ms =
            time_ms > segments[at - 1].end_ms ? time_ms : segments[at - 1].end_ms;
    }
    if (joins_before && joins_after) {
        segments[at - 1].end_ms = segments[at].end_ms;
        record->segment_count--;
        memmove(&segments[at], &segments[at + 1], (record->segment_count - at) * sizeof *segments);
    } else if (joins_after) {
        segments[at].start_ms = time_ms;
    } else if (!joins_before) {
        ASSAY_ASSERT(record->segment_count < record->segment_capacity);
        memmove(&segments[at + 1], &segments[at], (record->segment_count - at) * sizeof *segments);
        segments[at] = (struct segment){.start_ms = time_ms, .end_ms = time_ms};
        record->segment_count++;
    }
}

int64_t assay_segment_since(const struct assay_record *record, int64_t at_ms, int64_t expire_ms)
{
    const uint32_t at = assay_segment_at(record, at_ms);
    if (at == ASSAY_NONE) {
        return INT64_MAX;
    }
    /* Inside a segment the last touch before at_ms bridges to the next: nothing is forgotten. */
    const struct segment *segment = &record->segments[at];
    const bool silent = at_ms > segment->end_ms && !bridges(segment->end_ms, at_ms, expire_ms);
    return silent ? INT64_MAX : segment->start_ms;
}

void assay_segment_free(struct assay_slab *slab, struct assay_record *record)
{
    if (record->segments != &record->inline_segment) {
        assay_slab_free(slab, record->segments,
                        record->segment_capacity * sizeof *record->segments);
    }
}
