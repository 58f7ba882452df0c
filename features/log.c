#include "features/lanes_pvt.h"

/*
 * A log changes in two steps: prepare makes room, which nobody can see, and writes what may be
 * needed; commit swaps it in and cannot fail. So an event that goes to several logs goes to all or
 * to none.
 *
 * The last chunk is open and takes an event wherever it belongs; all others are sealed.
 */

enum { CHUNKS_MIN = 3 }; /* a list of 2^n - 1 chunks fills its piece of memory */

static struct row last_row(const struct chunk *chunk)
{
    return (struct row){.chunk = chunk, .at = chunk->count - 1U};
}

/* Chunks that hold rows: all but an open one that is still empty. */
static uint32_t filled_count(const struct log *log)
{
    const bool empty = log->count > 0 && log_chunk(log, log->count - 1)->count == 0;
    return log->count - (empty ? 1 : 0);
}

struct position assay_log_end(const struct log *log)
{
    const uint32_t filled = filled_count(log);
    if (filled == 0) {
        return (struct position){0};
    }
    return (struct position){.chunk = filled - 1, .at = log_chunk(log, filled - 1)->count};
}

struct position assay_log_after(const struct stream_layout *layout, const struct log *log,
                                int64_t time_ms)
{
    uint32_t low = 0;
    uint32_t high = filled_count(log);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (chunk_first_ms(layout, log_chunk(log, middle)) <= time_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct position position = {.chunk = low == 0 ? 0 : low - 1};
    if (low == 0) {
        return position;
    }
    const struct chunk *chunk = log_chunk(log, position.chunk);
    spill_enter(layout->spill, chunk);
    low = 1;
    high = chunk->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (row_time((struct row){.chunk = chunk, .at = middle}) <= time_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    position.at = low;
    return position;
}

/* Is the first row of a chunk not greater than this one? */
static bool begins_by(const struct stream_layout *layout, const struct chunk *chunk, struct row row)
{
    const int64_t ms = chunk_first_ms(layout, chunk);
    const int64_t row_ms = row_time(row);
    if (ms != row_ms) {
        return ms < row_ms;
    }
    spill_enter(layout->spill, chunk);
    return assay_row_order(layout, (struct row){.chunk = chunk}, row) <= 0;
}

/* Where a row goes: after all that are not greater. */
static struct position place_of(const struct log *log, const struct stream_layout *layout,
                                struct row row)
{
    const struct chunk *newest = log_chunk(log, log->count - 1);
    if (newest->count > 0 && assay_row_order(layout, last_row(newest), row) <= 0) {
        return (struct position){.chunk = log->count - 1, .at = newest->count};
    }
    uint32_t low = 0;
    uint32_t high = filled_count(log);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct chunk *chunk = log_chunk(log, middle);
        if (begins_by(layout, chunk, row)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct position position = {.chunk = low == 0 ? 0 : low - 1};
    const struct chunk *chunk = log_chunk(log, position.chunk);
    spill_enter(layout->spill, chunk);
    low = 0;
    high = chunk->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (assay_row_order(layout, (struct row){.chunk = chunk, .at = middle}, row) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    position.at = low;
    /* Between two chunks the open one is the cheaper place. */
    if (position.at == chunk->count && position.chunk + 2 == log->count) {
        const struct chunk *open = log_chunk(log, log->count - 1);
        if (open->count < open->capacity) {
            return (struct position){.chunk = log->count - 1};
        }
    }
    return position;
}

static void free_list(const struct log_context *context, struct chunk_list *list)
{
    if (list != NULL) {
        assay_slab_free(context->slab, list, chunk_list_bytes(list->capacity));
    }
}

static struct chunk_list *create_list(const struct log_context *context, uint32_t capacity)
{
    struct chunk_list *list = assay_slab_alloc(context->slab, chunk_list_bytes(capacity));
    if (list != NULL) {
        list->capacity = capacity;
    }
    return list;
}

/* Make room for one more chunk. Most keys never have more than the newest, which takes none. */
static bool reserve_chunk(const struct log_context *context, struct log *log)
{
    const uint32_t sealed = log->count == 0 ? 0 : log->count - 1;
    const uint32_t capacity = log->list == NULL ? 0 : log->list->capacity;
    if (log->count == 0 || capacity - log->first - sealed >= 1) {
        return true;
    }
    const bool moves = log->first > 0 && log->first >= capacity / 2;
    if (moves && !assay_slab_is_shared(context->slab)) {
        memmove(log->list->at, log->list->at + log->first, sealed * sizeof(struct chunk *));
        log->first = 0;
        return true;
    }
    const uint32_t wanted = moves ? capacity : 2 * capacity + 1;
    struct chunk_list *list = create_list(context, wanted < CHUNKS_MIN ? CHUNKS_MIN : wanted);
    if (list == NULL) {
        return false;
    }
    if (sealed > 0) {
        memcpy(list->at, log->list->at + log->first, sealed * sizeof(struct chunk *));
    }
    free_list(context, log->list);
    log->list = list;
    log->first = 0;
    return true;
}

/* Time of the first chunk's last row; of a chunk that has moved maybe another one on the same side
 * of the horizon: so what a silence has outlived is not read from the disk to be dropped. */
static int64_t last_ms_of(const struct stream_layout *layout, const struct log *log,
                          int64_t horizon_ms)
{
    const struct chunk *chunk = log_chunk(log, 0);
    if (spill_holds(layout->spill, chunk)) {
        const int64_t first_ms = chunk_first_ms(layout, chunk);
        const bool is_followed = log->count > 2 && !layout->stream->lifetime; /* by a sealed one */
        const int64_t next_ms = is_followed ? chunk_first_ms(layout, log_chunk(log, 1)) : INT64_MAX;
        if (first_ms > horizon_ms || next_ms <= horizon_ms) {
            return first_ms > horizon_ms ? first_ms : next_ms;
        }
    }
    spill_enter(layout->spill, chunk);
    return row_time(last_row(chunk));
}

/* Drop or fold chunks at the front that no answerable window can see. */
static void retire(const struct log_context *context, struct log *log)
{
    const struct stream_layout *layout = context->layout;
    while (log->count > 1) {
        const int64_t last_ms = last_ms_of(layout, log, context->horizon_ms);
        if (layout->stream->lifetime) {
            /* strictly: what lies at the horizon may still be the current event of a read */
            if (!layout->folds || last_ms >= context->horizon_ms ||
                !assay_log_return(context, log, 0) ||
                !assay_fold_chunk(context, log, log_chunk(log, 0))) {
                return;
            }
        } else if (last_ms > context->horizon_ms) {
            return;
        }
        struct chunk *gone = log_chunk(log, 0);
        if (chunk_opens(layout, gone) != NULL) {
            assay_block_drop(context, log, 0);
        }
        assay_lanes_retire(context, log);
        assay_chunk_drop(context, gone);
        assay_log_moved(context, log, 0, 0);
        log->first++;
        log->count--;
    }
}

/* Events of the open chunk that no answerable window can see. */
static uint32_t expired_count(const struct log_context *context, const struct log *log)
{
    const struct chunk *open = log_chunk(log, log->count - 1);
    uint32_t count = 0;
    while (!context->layout->stream->lifetime && log->count == 1 && count < open->count &&
           row_time((struct row){.chunk = open, .at = count}) <= context->horizon_ms) {
        count++;
    }
    return count;
}

static void drop_expired(const struct log_context *context, struct log *log, uint32_t count)
{
    struct chunk *open = log_chunk(log, log->count - 1);
    assay_lanes_drop(context, log, count);
    for (uint32_t at = 0; at < count; at++) {
        assay_row_release(context, (struct row){.chunk = open, .at = at});
    }
    assay_chunk_shift(open, count);
}

static bool grow_open(const struct log_context *context, struct log *log)
{
    struct chunk *open = log_chunk(log, log->count - 1);
    /* What is left free costs every key, what they have outgrown at one time all of them. */
    const uint32_t wanted = open->capacity + open->capacity / 2U + 1;
    const struct chunk_source source = {.chunk = open, .to = open->count};
    struct chunk *larger =
        assay_chunk_copy(context, &source, wanted < CHUNK_ROWS_MAX ? wanted : CHUNK_ROWS_MAX);
    if (larger == NULL) {
        return false;
    }
    log->newest = larger;
    assay_chunk_free(context, open);
    return true;
}

/* Sum up the newest sealed chunks when enough of them are in no block yet. */
static void complete_block(const struct log_context *context, struct log *log)
{
    uint32_t loose = 0;
    while (loose + 1 < log->count && loose < BLOCK_CHUNKS &&
           chunk_closes(context->layout, log_chunk(log, log->count - 2 - loose)) == NULL) {
        loose++;
    }
    if (loose == BLOCK_CHUNKS) {
        assay_block_build(context, log, log->count - 1 - BLOCK_CHUNKS, BLOCK_CHUNKS);
    }
}

static bool push_open(const struct log_context *context, struct log *log, uint32_t capacity)
{
    if (!reserve_chunk(context, log)) {
        return false;
    }
    struct chunk *open = assay_chunk_create(context, capacity, !context->layout->narrows);
    if (open == NULL) {
        return false;
    }
    if (log->count > 0 && !assay_chunk_seal(context, log->newest)) {
        assay_chunk_free(context, open);
        return false;
    }
    if (log->count > 0) {
        log->list->at[log->first + log->count - 1] = log->newest;
    }
    log->newest = open;
    log->count++;
    complete_block(context, log);
    assay_log_spill(context, log);
    return true;
}

/* The open chunk has no room left: make some, unless it must be split for this row. */
static bool make_room(const struct log_context *context, struct log *log, struct row row)
{
    retire(context, log);
    struct chunk *open = log_chunk(log, log->count - 1);
    const uint32_t expired = expired_count(context, log);
    if (expired > open->count / 4U) {
        drop_expired(context, log, expired);
        return true;
    }
    if (open->capacity < CHUNK_ROWS_MAX) {
        return grow_open(context, log);
    }
    return assay_row_order(context->layout, last_row(open), row) > 0 ||
           push_open(context, log, CHUNK_ROWS_MAX / 4);
}

/* Room for an open chunk that is written anew: a little more than it had, or all there can be once
 * it was cut in two. */
static uint32_t room_of(const struct chunk *old, uint32_t parts)
{
    const uint32_t grown = old->capacity + old->capacity / 2U + 1;
    return parts == 2 || grown > CHUNK_ROWS_MAX ? (uint32_t)CHUNK_ROWS_MAX : grown;
}

/* Write what replaces a sealed chunk, or an open one that cannot take the row: one chunk or two
 * halves. */
static bool replace(const struct log_context *context, struct log *log, struct row row,
                    struct log_change *change)
{
    if (!reserve_chunk(context, log)) {
        return false;
    }
    const struct position place = change->position;
    const struct chunk *old = log_chunk(log, place.chunk);
    const bool open = old->seal == NULL;
    const uint32_t total = old->count + 1U;
    const uint32_t parts = total > CHUNK_ROWS_MAX ? 2 : 1;
    const uint32_t left = parts == 2 ? total - total / 2 : total;
    change->replaced = place.chunk;
    if (assay_slab_is_shared(context->slab) && place.chunk + 1 < log->count) {
        change->list = create_list(context, log->list->capacity);
        if (change->list == NULL) {
            return false;
        }
    }
    for (uint32_t i = 0; i < parts; i++) {
        const struct chunk_source source = {.chunk = old,
                                            .from = i == 0 ? 0 : left,
                                            .to = i == 0 ? left : total,
                                            .row = row,
                                            .place = place.at};
        const bool stays_open = open && i + 1 == parts;
        struct chunk *fresh = assay_chunk_copy(
            context, &source, stays_open ? room_of(old, parts) : source.to - source.from);
        change->fresh[i] = fresh;
        change->fresh_count += fresh != NULL ? 1 : 0;
        if (fresh == NULL || (!stays_open && !assay_chunk_seal(context, fresh))) {
            return false;
        }
    }
    if (place.at >= left) {
        change->position = (struct position){.chunk = place.chunk + 1, .at = place.at - left};
    }
    return true;
}

bool assay_log_prepare(const struct log_context *context, struct log *log, struct row row,
                       struct log_change *change)
{
    *change = (struct log_change){0};
    if (log->count == 0 && !push_open(context, log, CHUNK_ROWS_MIN)) {
        return false;
    }
    const struct chunk *open = log_chunk(log, log->count - 1);
    if (open->count == open->capacity && !make_room(context, log, row)) {
        return false;
    }
    change->position = place_of(log, context->layout, row);
    open = log_chunk(log, log->count - 1);
    if (change->position.chunk + 1 == log->count && open->count < open->capacity &&
        assay_chunk_takes(context, open, row)) {
        return true;
    }
    if (!assay_log_return(context, log, change->position.chunk) ||
        !replace(context, log, row, change)) {
        assay_log_abandon(context, change);
        return false;
    }
    return true;
}

/* Name the fresh chunks where the old one was named. */
static void put_fresh(const struct log_context *context, struct log *log,
                      const struct log_change *change)
{
    const uint32_t sealed = log->count - 1;
    const bool was_newest = change->replaced == sealed;
    struct chunk *last = change->fresh[change->fresh_count - 1];
    if (change->list != NULL) {
        memcpy(change->list->at, log->list->at + log->first, sealed * sizeof(struct chunk *));
        free_list(context, log->list);
        log->list = change->list;
        log->first = 0;
    }
    if (change->fresh_count == 2) {
        ASSAY_ASSERT(log->first + sealed < log->list->capacity);
        struct chunk **at = &log->list->at[log->first + change->replaced];
        memmove(at + 1, at, (sealed - change->replaced) * sizeof *at);
        at[0] = change->fresh[0];
        log->count++;
    }
    if (was_newest) {
        log->newest = last;
    } else {
        log->list->at[log->first + change->replaced + change->fresh_count - 1] = last;
    }
}

/* Put the fresh chunks in the place of the old one; what its rows name lives on in them. */
static void swap_in(const struct log_context *context, struct log *log,
                    const struct log_change *change)
{
    const uint32_t leader = assay_block_of(context->layout, log, change->replaced);
    uint32_t covered = 0;
    if (leader != ASSAY_NONE) {
        const struct block *block = chunk_opens(context->layout, log_chunk(log, leader));
        ASSAY_ASSERT(block != NULL);
        covered = block->count + change->fresh_count - 1;
        assay_block_drop(context, log, leader);
    }
    struct chunk *old = log_chunk(log, change->replaced);
    put_fresh(context, log, change);
    if (change->fresh_count == 2) {
        assay_log_moved(context, log, change->replaced, 2);
    }
    assay_chunk_free(context, old);
    if (covered > 2 * BLOCK_CHUNKS) {
        assay_block_build(context, log, leader, covered / 2);
        assay_block_build(context, log, leader + covered / 2, covered - covered / 2);
    } else if (covered > 0) {
        assay_block_build(context, log, leader, covered);
    }
}

void assay_log_commit(const struct log_context *context, struct log *log, struct row row,
                      struct log_change *change)
{
    if (change->fresh_count == 0) {
        assay_chunk_insert(context, log_chunk(log, change->position.chunk), change->position.at,
                           row);
        return;
    }
    assay_lanes_forget(log);
    swap_in(context, log, change);
}

void assay_log_abandon(const struct log_context *context, struct log_change *change)
{
    for (uint32_t i = 0; i < change->fresh_count; i++) {
        assay_chunk_free(context, change->fresh[i]);
    }
    free_list(context, change->list);
    *change = (struct log_change){0};
}

void assay_log_free(const struct log_context *context, struct log *log)
{
    for (uint32_t c = 0; c < log->count; c++) {
        if (chunk_opens(context->layout, log_chunk(log, c)) != NULL) {
            assay_block_drop(context, log, c);
        }
    }
    for (uint32_t c = 0; c < log->count; c++) {
        assay_chunk_drop(context, log_chunk(log, c));
    }
    assay_log_leave(context, log);
    assay_fold_free(context, log);
    assay_lanes_free(context, log);
    free_list(context, log->list);
    *log = (struct log){0};
}
