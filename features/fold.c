#include "features/log_pvt.h"

/*
 * Folding: chunks that no answerable read can split become totals. A base belongs to one segment of
 * activity, because `expire` forgets by segment; when a late event joins two segments, both bases
 * count. What fails half-way (memory) leaves only edges that are still in the chunk as well, and an
 * edge may be named twice.
 */

static size_t base_bytes(const struct log_context *context)
{
    return sizeof(struct base) + context->layout->pair_count * sizeof(struct tally);
}

/* A copy of the row, alone in a chunk. */
static struct row copy_row(const struct log_context *context, struct row row)
{
    const struct chunk_source source = {.chunk = row.chunk, .from = row.at, .to = row.at + 1};
    const struct row copy = {.chunk = assay_chunk_copy(context, &source, 1)};
    if (copy.chunk != NULL) {
        assay_row_retain(context, copy);
    }
    return copy;
}

static void free_row(const struct log_context *context, struct row row)
{
    if (row.chunk != NULL) {
        assay_chunk_drop(context, (struct chunk *)(uintptr_t)row.chunk);
    }
}

static struct base *base_of(const struct log_context *context, struct log *log,
                            const struct segment *segment)
{
    for (struct base *base = log->bases; base != NULL; base = base->next) {
        if (base->member_ms >= segment->start_ms && base->member_ms <= segment->end_ms) {
            return base;
        }
    }
    struct base *base = assay_slab_alloc(context->slab, base_bytes(context));
    if (base != NULL) {
        memset(base, 0, base_bytes(context));
        base->member_ms = segment->start_ms;
        base->next = log->bases;
        log->bases = base;
    }
    return base;
}

/* Rows [from, to) of a chunk, all of one segment. */
struct run {
    const struct chunk *chunk;
    uint32_t from;
    uint32_t to;
};

static struct run run_at(const struct log_context *context, const struct chunk *chunk,
                         uint32_t from, const struct segment **segment)
{
    const uint32_t at =
        assay_segment_at(context->record, row_time((struct row){.chunk = chunk, .at = from}));
    ASSAY_ASSERT(at != ASSAY_NONE);
    *segment = &context->record->segments[at];
    struct run run = {.chunk = chunk, .from = from, .to = from};
    while (run.to < chunk->count &&
           row_time((struct row){.chunk = chunk, .at = run.to}) <= (*segment)->end_ms) {
        run.to++;
    }
    ASSAY_ASSERT(run.to > from);
    return run;
}

/* Replace one edge by a copy of @p row. */
static bool set_edge(const struct log_context *context, struct row *edge, struct row row)
{
    const struct row copy = copy_row(context, row);
    if (copy.chunk != NULL) {
        free_row(context, *edge);
        *edge = copy;
    }
    return copy.chunk != NULL;
}

static bool stretch(const struct log_context *context, const struct pair *pair, struct tally *tally,
                    const struct run *run)
{
    struct tally reach = {0};
    for (uint32_t at = run->from; at < run->to; at++) {
        assay_tally_row(context->layout, &reach, pair, pair->lifetime_wants & WANT_EDGES,
                        (struct row){.chunk = run->chunk, .at = at});
    }
    const struct stream_layout *layout = context->layout;
    if (reach.first.chunk != NULL &&
        (tally->first.chunk == NULL || assay_row_order(layout, reach.first, tally->first) < 0) &&
        !set_edge(context, &tally->first, reach.first)) {
        return false;
    }
    return reach.last.chunk == NULL ||
           (tally->last.chunk != NULL && assay_row_order(layout, reach.last, tally->last) < 0) ||
           set_edge(context, &tally->last, reach.last);
}

static void add_totals(const struct log_context *context, const struct pair *pair,
                       struct tally *tally, const struct run *run)
{
    for (uint32_t at = run->from; at < run->to; at++) {
        assay_tally_row(context->layout, tally, pair, pair->lifetime_wants & ~(uint32_t)WANT_EDGES,
                        (struct row){.chunk = run->chunk, .at = at});
    }
}

bool assay_fold_chunk(const struct log_context *context, struct log *log, const struct chunk *chunk)
{
    const struct stream_layout *layout = context->layout;
    const struct segment *segment = NULL;
    struct run run = {0};
    for (uint32_t from = 0; from < chunk->count; from = run.to) {
        run = run_at(context, chunk, from, &segment);
        struct base *base = base_of(context, log, segment);
        for (uint32_t p = 0; p < layout->pair_count; p++) {
            if (base == NULL || !stretch(context, &layout->pairs[p], &base->tallies[p], &run)) {
                return false;
            }
        }
    }
    for (uint32_t from = 0; from < chunk->count; from = run.to) {
        run = run_at(context, chunk, from, &segment);
        struct base *base = base_of(context, log, segment);
        for (uint32_t p = 0; p < layout->pair_count; p++) {
            add_totals(context, &layout->pairs[p], &base->tallies[p], &run);
        }
    }
    return true;
}

void assay_fold_free(const struct log_context *context, struct log *log)
{
    while (log->bases != NULL) {
        struct base *base = log->bases;
        for (uint32_t p = 0; p < context->layout->pair_count; p++) {
            free_row(context, base->tallies[p].first);
            free_row(context, base->tallies[p].last);
        }
        log->bases = base->next;
        assay_slab_free(context->slab, base, base_bytes(context));
    }
}
