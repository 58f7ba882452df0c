#include "features/texts_pvt.h"

/*
 * How chunks move to an extent and back. A chunk that has moved is the same struct, and its rows
 * and its seal lie behind it, with the lists and the ties that they name:
 *
 *   [chunk, rows][seal][values ...][tie][tie] ...    then the next chunk of the run
 *
 * Its texts stay where they are, for other rows name them too. What changes of a sealed chunk, the
 * blocks that it opens and closes, is kept in memory; so nothing is ever written to it.
 */

enum {
    RUN_CHUNKS = 16,     /* that move at once */
    SWEEP_CHUNKS = 1024, /* looked at for one that came back, each time */
};

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static size_t grain_of(const struct log_context *context)
{
    return (size_t)1 << context->slab->grain_log;
}

static size_t piece_align(const struct log_context *context)
{
    const size_t grain = grain_of(context);
    return grain > SPILL_ALIGN ? grain : SPILL_ALIGN;
}

uint32_t assay_spill_kept_chunks(const struct stream_layout *layout, size_t bytes)
{
    const size_t chunk = (size_t)layout->row_bytes[layout->narrows ? 0 : 1] * CHUNK_ROWS_MAX;
    const size_t count = bytes / chunk;
    return count == 0 ? 1 : (uint32_t)(count < UINT32_MAX / 2 ? count : UINT32_MAX / 2);
}

static struct log_spill *state_of(const struct log_context *context, const struct log *log)
{
    return log->spill == 0 ? NULL : assay_slab_at(context->slab, log->spill);
}

/* ---- out ---- */

static unsigned char *tie_place(const struct stream_layout *layout, const struct chunk *chunk,
                                uint32_t at)
{
    return (unsigned char *)(uintptr_t)row_start((struct row){.chunk = chunk, .at = at}) +
           layout->tie_at[chunk->is_wide];
}

static uint32_t tie_name(const struct stream_layout *layout, const struct chunk *chunk, uint32_t at)
{
    uint32_t name = 0;
    memcpy(&name, tie_place(layout, chunk, at), sizeof name);
    return name;
}

static size_t text_bytes(struct assay_str text)
{
    return sizeof(struct text) + text.len;
}

/* Where the seal lies behind a chunk's rows. */
static size_t seal_at(const struct stream_layout *layout, const struct chunk *chunk)
{
    return round_up(chunk_bytes(layout, chunk->count, chunk->is_wide != 0), _Alignof(struct seal));
}

/* Where its ties begin, and how long the whole is. */
static size_t ties_at(const struct stream_layout *layout, const struct chunk *chunk)
{
    size_t at = seal_at(layout, chunk) + seal_bytes(layout);
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        at += chunk->seal->summaries[p].distinct_count * sizeof(int64_t);
    }
    return at;
}

static size_t packed_bytes(const struct log_context *context, const struct chunk *chunk)
{
    const struct stream_layout *layout = context->layout;
    size_t at = ties_at(layout, chunk);
    for (uint32_t i = 0; layout->tie_at[0] != 0 && i < chunk->count; i++) {
        const uint32_t name = tie_name(layout, chunk, i);
        at = name == ASSAY_NONE
                 ? at
                 : round_up(at, grain_of(context)) + text_bytes(assay_text_at(context->slab, name));
    }
    return round_up(at, piece_align(context));
}

static void pack_ties(const struct log_context *context, struct chunk *copy, size_t at)
{
    const struct stream_layout *layout = context->layout;
    for (uint32_t i = 0; i < copy->count; i++) {
        uint32_t name = tie_name(layout, copy, i);
        if (name == ASSAY_NONE) {
            continue;
        }
        const struct text *tie = assay_slab_at(context->slab, name);
        at = round_up(at, grain_of(context));
        unsigned char *place = (unsigned char *)copy + at;
        memcpy(place, tie, sizeof *tie + tie->len);
        at += sizeof *tie + tie->len;
        name = assay_slab_ref(context->slab, place);
        memcpy(tie_place(layout, copy, i), &name, sizeof name);
    }
}

/* Write a chunk as it is read from then on. */
static void pack(const struct log_context *context, const struct chunk *chunk, unsigned char *place)
{
    const struct stream_layout *layout = context->layout;
    struct chunk *copy = (struct chunk *)(void *)place;
    memcpy(copy, chunk, chunk_bytes(layout, chunk->count, chunk->is_wide != 0));
    copy->capacity = chunk->count;
    copy->seal = (struct seal *)(void *)(place + seal_at(layout, chunk));
    memcpy(copy->seal, chunk->seal, seal_bytes(layout));
    copy->seal->opens = NULL;
    copy->seal->closes = NULL;
    unsigned char *values = (unsigned char *)copy->seal + seal_bytes(layout);
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        struct summary *summary = &copy->seal->summaries[p];
        const size_t bytes = summary->distinct_count * sizeof *summary->values;
        if (bytes > 0) {
            memcpy(values, summary->values, bytes);
            summary->values = (int64_t *)(void *)values;
            values += bytes;
        }
    }
    if (layout->tie_at[0] != 0) {
        pack_ties(context, copy, ties_at(layout, chunk));
    }
}

/* What a chunk had in memory; its texts are named by the copy now. */
static void free_moved(const struct log_context *context, struct chunk *chunk)
{
    const struct stream_layout *layout = context->layout;
    for (uint32_t i = 0; layout->tie_at[0] != 0 && i < chunk->count; i++) {
        const uint32_t name = tie_name(layout, chunk, i);
        if (name != ASSAY_NONE) {
            assay_text_release(context->texts, name);
        }
    }
    chunk->seal->opens = NULL;
    chunk->seal->closes = NULL;
    assay_chunk_free(context, chunk);
}

static uint32_t block_name(const struct log_context *context, const struct block *block)
{
    return block == NULL ? 0 : assay_slab_ref(context->slab, block);
}

/* Chunks [from, from + count), which take so many bytes. This is the one place where sealed chunks
 * get other addresses. @return false: there is no room, nothing has changed. */
static bool move(const struct log_context *context, struct log *log, uint32_t from, uint32_t count,
                 size_t bytes)
{
    const struct stream_layout *layout = context->layout;
    struct spill_run *run = assay_spill_begin(layout->spill, state_of(context, log), count, bytes);
    if (run == NULL) {
        return false;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct chunk *chunk = log_chunk(log, from + i);
        run->pieces[i] = (struct spill_piece){
            .first_ms = row_time((struct row){.chunk = chunk}),
            .opens = block_name(context, chunk->seal->opens),
            .closes = block_name(context, chunk->seal->closes),
            .at = (uint32_t)at,
        };
        pack(context, chunk, run->start + at);
        at += packed_bytes(context, chunk);
    }
    ASSAY_ASSERT(at == bytes);
    assay_spill_seal(layout->spill, run);
    for (uint32_t i = 0; i < count; i++) {
        struct chunk **place = &log->list->at[log->first + from + i];
        struct chunk *old = *place;
        *place = (struct chunk *)(void *)(run->start + run->pieces[i].at);
        free_moved(context, old);
    }
    return true;
}

/* Move what fits of [from, end), all in memory. @return chunks moved, or passed over since one
 * alone is too large for an extent; 0: there is no room. */
static uint32_t move_some(const struct log_context *context, struct log *log, uint32_t from,
                          uint32_t end)
{
    size_t bytes = 0;
    uint32_t count = 0;
    while (from + count < end && count < RUN_CHUNKS &&
           !spill_holds(context->layout->spill, log_chunk(log, from + count))) {
        const size_t more = packed_bytes(context, log_chunk(log, from + count));
        if (bytes + more > context->layout->spill->extent_bytes) {
            break;
        }
        bytes += more;
        count++;
    }
    if (count == 0) {
        return 1;
    }
    return move(context, log, from, count, bytes) ? count : 0;
}

/* Chunks that came back for a late event go again. */
static void sweep(const struct log_context *context, struct log *log, struct log_spill *state)
{
    for (int i = 0; i < SWEEP_CHUNKS && state->sweep > 0; i++) {
        state->swept = state->swept < state->from ? state->swept : 0;
        if (state->from == 0 ||
            (!spill_holds(context->layout->spill, log_chunk(log, state->swept)) &&
             move_some(context, log, state->swept, state->swept + 1) == 0)) {
            return;
        }
        state->swept++;
        state->sweep--;
    }
}

/* From here on readers leave the log to the owner; who has a copy of before holds the array. */
static bool renew_array(const struct log_context *context, struct log *log)
{
    if (!assay_slab_is_shared(context->slab)) {
        return true;
    }
    const size_t bytes = chunk_list_bytes(log->list->capacity);
    struct chunk_list *list = assay_slab_alloc(context->slab, bytes);
    if (list != NULL) {
        memcpy(list, log->list, bytes);
        assay_slab_free(context->slab, log->list, bytes);
        log->list = list;
    }
    return list != NULL;
}

static struct log_spill *make_state(const struct log_context *context, struct log *log)
{
    struct log_spill *state = assay_slab_alloc(context->slab, sizeof *state);
    if (state != NULL && !renew_array(context, log)) {
        assay_slab_free(context->slab, state, sizeof *state);
        return NULL;
    }
    if (state != NULL) {
        *state = (struct log_spill){.extent = SPILL_NONE};
        log->spill = assay_slab_ref(context->slab, state);
        ASSAY_ASSERT(log->spill != 0);
    }
    return state;
}

void assay_log_spill(const struct log_context *context, struct log *log)
{
    const struct stream_layout *layout = context->layout;
    const uint32_t kept = layout->kept_chunks;
    if (!spill_moves(layout->spill) || log->count <= kept + 1) {
        return;
    }
    struct log_spill *state = state_of(context, log);
    const uint32_t end = log->count - 1 - kept;
    const uint32_t batch = kept < RUN_CHUNKS ? kept : (uint32_t)RUN_CHUNKS;
    if (end - (state == NULL ? 0 : state->from) < batch) {
        return;
    }
    state = state == NULL ? make_state(context, log) : state;
    if (state == NULL) {
        return;
    }
    for (int i = 0; i < 2 && state->from < end; i++) { /* two: what waited for room catches up */
        const uint32_t count = move_some(context, log, state->from, end);
        state->from += count;
        if (count == 0) {
            return;
        }
    }
    sweep(context, log, state);
}

/* ---- back ---- */

/* Ties of its own for a copy's rows from @p at on down to the first are given back. */
static void drop_ties(const struct log_context *context, const struct chunk *copy, uint32_t count)
{
    for (uint32_t i = 0; context->layout->tie_at[0] != 0 && i < count; i++) {
        const uint32_t name = tie_name(context->layout, copy, i);
        if (name != ASSAY_NONE) {
            assay_text_release(context->texts, name);
        }
    }
}

static bool take_ties(const struct log_context *context, struct chunk *copy)
{
    const struct stream_layout *layout = context->layout;
    for (uint32_t i = 0; layout->tie_at[0] != 0 && i < copy->count; i++) {
        const uint32_t moved = tie_name(layout, copy, i);
        if (moved == ASSAY_NONE) {
            continue;
        }
        const uint32_t name = assay_text_keep(context->texts, assay_text_at(context->slab, moved));
        if (name == ASSAY_NONE) {
            drop_ties(context, copy, i);
            return false;
        }
        memcpy(tie_place(layout, copy, i), &name, sizeof name);
    }
    return true;
}

/* A seal of its own, with lists of its own. */
static bool take_seal(const struct log_context *context, struct chunk *copy,
                      const struct seal *moved)
{
    const struct stream_layout *layout = context->layout;
    struct seal *seal = assay_slab_alloc(context->slab, seal_bytes(layout));
    if (seal == NULL) {
        return false;
    }
    memcpy(seal, moved, seal_bytes(layout));
    bool good = true;
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        struct summary *summary = &seal->summaries[p];
        const int64_t *values = summary->values;
        const size_t bytes = summary->distinct_count * sizeof *values;
        summary->values = good && bytes > 0 ? assay_slab_alloc(context->slab, bytes) : NULL;
        if (summary->values != NULL) {
            memcpy(summary->values, values, bytes);
        }
        good = good && (bytes == 0 || summary->values != NULL);
    }
    copy->seal = seal; /* freed with the chunk, whatever of it there is */
    return good;
}

bool assay_log_return(const struct log_context *context, struct log *log, uint32_t index)
{
    struct assay_spill *spill = context->layout->spill;
    struct chunk *moved = log_chunk(log, index);
    if (!spill_holds(spill, moved)) {
        return true;
    }
    assay_spill_check(spill, moved);
    struct chunk *copy = assay_chunk_create(context, moved->count, moved->is_wide != 0);
    if (copy == NULL) {
        return false;
    }
    copy->base_ms = moved->base_ms;
    copy->count = moved->count;
    memcpy(copy->rows, moved->rows, (size_t)moved->count * moved->row_bytes);
    if (!take_seal(context, copy, moved->seal) || !take_ties(context, copy)) {
        assay_chunk_free(context, copy);
        return false;
    }
    struct spill_piece *piece = assay_spill_piece(spill, moved);
    copy->seal->opens = block_named(context->layout, piece->opens);
    copy->seal->closes = block_named(context->layout, piece->closes);
    piece->opens = 0;
    piece->closes = 0;
    log->list->at[log->first + index] = copy;
    assay_spill_release(spill, moved);
    spill->stats.returned++;
    struct log_spill *state = state_of(context, log);
    ASSAY_ASSERT(state != NULL);
    state->sweep = state->from;
    return true;
}

/* ---- what else happens to a log ---- */

void assay_log_moved(const struct log_context *context, const struct log *log, uint32_t index,
                     uint32_t count)
{
    struct log_spill *state = state_of(context, log);
    if (state == NULL || index >= state->from) {
        return;
    }
    state->from = state->from + count - 1;
    if (index < state->swept) {
        state->swept = state->swept + count - 1;
    }
}

void assay_log_leave(const struct log_context *context, struct log *log)
{
    struct log_spill *state = state_of(context, log);
    if (state != NULL) {
        assay_spill_leave(context->layout->spill, state);
        assay_slab_free(context->slab, state, sizeof *state);
        log->spill = 0;
    }
}
