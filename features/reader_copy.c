#include "features/reader_pvt.h"

/*
 * What of a record its owner changes in place, in the order it is copied: the head, the logs and
 * the lanes that lie in it; then, led by that, its newest segments, and of each stream asked for
 * the newest chunk, the lanes that lie apart and the folded totals. The rest (sealed chunks, the
 * array that names them, blocks, texts) is replaced and never changed, and what the owner has
 * unlinked stays until the reader goes offline: so a pointer, once copied, may be followed at any
 * time, and what a copy leads to is of the copy's state.
 *
 * The head is looked at only after the seqlock has said that it is of one state: sizes and places
 * that come from two could lead out of the slab.
 */

enum {
    SEGMENTS_MAX = 64,    /* the newest ones; who asks for earlier times is left to the owner */
    BASES_MAX = 16,       /* of a log, of the segment asked for and later ones */
    BASES_SEEN_MAX = 256, /* that are gone through to find them */
    KEY_MAX = 1 << 10,    /* longer keys are read by the owner */
    FETCHED_FIRST = LINE_BYTES, /* of a chunk: more may be another key's */
};

static size_t round_up(size_t bytes)
{
    return (bytes + 15) / 16 * 16;
}

static size_t base_bytes(const struct stream_layout *layout)
{
    return sizeof(struct base) + layout->pair_count * sizeof(struct tally);
}

size_t assay_copy_bytes_max(const struct assay_store *store)
{
    size_t most = 0;
    for (uint32_t e = 0; e < store->plan->schema->entity_count; e++) {
        const struct entity_layout *layout = &store->layouts[e];
        size_t bytes = record_head_bytes(layout, KEY_MAX) + SEGMENTS_MAX * sizeof(struct segment);
        for (uint32_t s = 0; s < layout->stream_count; s++) {
            const struct stream_layout *stream = &layout->streams[s];
            bytes += round_up(chunk_bytes(stream, CHUNK_ROWS_MAX, true)) +
                     round_up(lanes_bytes(stream)) + BASES_MAX * round_up(base_bytes(stream));
        }
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void *take(struct copy_room *room, size_t bytes)
{
    void *piece = room->bytes + room->used;
    room->used += round_up(bytes);
    ASSAY_ASSERT(room->used <= room->max);
    return piece;
}

static bool is_same(const struct record_copy *copy)
{
    return assay_seqlock_same(&copy->record->lock, copy->lock_count);
}

/* Lanes in the record move with it. */
static void place_lanes(const struct record_copy *copy, size_t record_bytes)
{
    for (uint32_t s = 0; s < copy->layout->stream_count; s++) {
        struct log *log = &copy->copy->logs[s];
        const uintptr_t at = (uintptr_t)log->lanes - (uintptr_t)copy->record;
        if (log->lanes != NULL && at < record_bytes) {
            log->lanes = (struct lanes *)(void *)((char *)copy->copy + at);
        }
    }
}

/* Do the lanes of a copied log lie in the copied record? */
static bool lies_in_record(const struct record_copy *copy, const struct log *log)
{
    return log->lanes != NULL && (uintptr_t)log->lanes - (uintptr_t)copy->copy < copy->head_bytes;
}

enum copied assay_copy_head(struct record_copy *copy, struct copy_room *room, uint32_t key_bytes)
{
    const size_t bytes = record_head_bytes(copy->layout, key_bytes);
    if (key_bytes > KEY_MAX) {
        return BEYOND;
    }
    if (!assay_seqlock_begin(&copy->record->lock, &copy->lock_count)) {
        return CHANGED;
    }
    copy->copy = take(room, bytes);
    assay_seqlock_copy(copy->copy, copy->record, bytes);
    if (!is_same(copy)) {
        return CHANGED;
    }
    place_lanes(copy, bytes);
    copy->head_bytes = bytes;
    return COPIED;
}

static void fetch_lines(const void *from, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += LINE_BYTES) {
        index_fetch((const char *)from + at);
    }
}

void assay_copy_fetch(const struct record_copy *copy)
{
    for (uint32_t s = 0; s < copy->layout->stream_count; s++) {
        const struct stream_layout *layout = &copy->layout->streams[s];
        const struct log *log = &copy->copy->logs[s];
        if (copy->selection->reads[s] && log->count > 0) {
            fetch_lines(log->newest, FETCHED_FIRST);
            if (!lies_in_record(copy, log) && log->lanes != NULL) {
                fetch_lines(log->lanes, lanes_room(layout));
            }
            if (log->bases != NULL) {
                fetch_lines(log->bases, base_bytes(layout));
            }
        }
    }
}

/* The head of a chunk that may be growing; what a chunk is created with never changes. */
static struct chunk chunk_head(const struct chunk *chunk)
{
    struct chunk head;
    assay_seqlock_copy(&head, chunk, sizeof head);
    return head;
}

static size_t bytes_of(const struct chunk *head)
{
    return round_up(sizeof *head + (size_t)head->count * head->row_bytes);
}

void assay_copy_fetch_rows(const struct record_copy *copy)
{
    for (uint32_t s = 0; s < copy->layout->stream_count; s++) {
        const struct log *log = &copy->copy->logs[s];
        if (copy->selection->reads[s] && log->count > 0) {
            const struct chunk head = chunk_head(log->newest);
            for (size_t at = FETCHED_FIRST; at < bytes_of(&head); at += LINE_BYTES) {
                index_fetch((const char *)log->newest + at);
            }
        }
    }
}

/* The newest segments; all there are, mostly. @return false: the time asked for is before them. */
static bool copy_segments(const struct record_copy *copy, struct copy_room *room)
{
    struct assay_record *head = copy->copy;
    const uint32_t count = head->segment_count < SEGMENTS_MAX ? head->segment_count : SEGMENTS_MAX;
    const bool is_whole = count == head->segment_count;
    const bool is_inline = head->segments == &copy->record->inline_segment;
    struct segment *segments = &head->inline_segment;
    if (!is_inline) {
        segments = take(room, count * sizeof *segments);
        assay_seqlock_copy(segments, head->segments + (head->segment_count - count),
                           count * sizeof *segments);
    }
    head->segments = segments;
    head->segment_count = count;
    return is_whole || copy->at_ms >= segments[0].start_ms;
}

static void copy_newest(struct log *log, struct copy_room *room)
{
    const struct chunk head = chunk_head(log->newest);
    struct chunk *chunk = take(room, bytes_of(&head));
    assay_seqlock_copy(chunk, log->newest, bytes_of(&head));
    chunk->count = head.count; /* it may have grown since */
    log->newest = chunk;
}

static void copy_lanes(struct log *log, const struct stream_layout *layout, struct copy_room *room)
{
    struct lanes *lanes = take(room, lanes_bytes(layout));
    if (log->lanes != NULL) {
        struct lanes head; /* lanes of one place are always packed, or never */
        assay_seqlock_copy(&head, log->lanes, sizeof head);
        const size_t bytes = head.is_packed ? lanes_packed_bytes(layout) : lanes_bytes(layout);
        assay_seqlock_copy(lanes, log->lanes, (bytes + 7) / 8 * 8);
    } else {
        *lanes = (struct lanes){.state = LANES_STALE};
    }
    log->lanes = lanes;
}

/* Folded totals that count since a time. @return false: there are too many. */
static bool copy_bases(struct log *log, const struct stream_layout *layout, int64_t since_ms,
                       struct copy_room *room)
{
    const size_t bytes = base_bytes(layout);
    struct base **end = &log->bases;
    const struct base *next = log->bases;
    uint32_t copied = 0;
    uint32_t seen = 0;
    *end = NULL;
    while (next != NULL) {
        struct base head;
        assay_seqlock_copy(&head, next, sizeof head);
        if (++seen > BASES_SEEN_MAX || copied == BASES_MAX) {
            return false;
        }
        if (head.member_ms >= since_ms) {
            struct base *base = take(room, bytes);
            assay_seqlock_copy(base, next, bytes);
            base->next = NULL;
            *end = base;
            end = &base->next;
            copied++;
        }
        next = head.next;
    }
    return true;
}

enum copied assay_copy_rest(struct record_copy *copy, struct copy_room *room)
{
    bool fits = copy_segments(copy, room);
    const int64_t since_ms =
        fits ? assay_segment_since(copy->copy, copy->at_ms, copy->expire_ms) : INT64_MAX;
    copy->remembers = since_ms != INT64_MAX;
    for (uint32_t s = 0; copy->remembers && s < copy->layout->stream_count; s++) {
        const struct stream_layout *layout = &copy->layout->streams[s];
        struct log *log = &copy->copy->logs[s];
        if (!copy->selection->reads[s]) {
            continue;
        }
        fits = log->spill == 0 && fits; /* the owner alone goes to what is on disk */
        if (log->count > 0) {
            copy_newest(log, room);
        }
        if (!lies_in_record(copy, log)) {
            copy_lanes(log, layout, room);
        }
        fits = copy_bases(log, layout, since_ms, room) && fits;
    }
    if (!is_same(copy)) {
        return CHANGED;
    }
    return fits ? COPIED : BEYOND;
}
