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

static struct log_entry *copy_entry(const struct log_context *context,
                                    const struct log_entry *entry)
{
    struct log_entry *copy = assay_slab_alloc(context->slab, context->layout->entry_bytes);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, entry, context->layout->entry_bytes);
    if (context->layout->blob_at == 0 ||
        entry_blob(entry, context->layout->blob_at)->bytes == NULL) {
        return copy;
    }
    struct log_blob *blob = entry_blob(copy, context->layout->blob_at);
    const uint8_t *source = blob->bytes;
    blob->bytes = assay_slab_alloc(context->slab, blob->size);
    if (blob->bytes == NULL) {
        assay_slab_free(context->slab, copy, context->layout->entry_bytes);
        return NULL;
    }
    memcpy(blob->bytes, source, blob->size);
    return copy;
}

static void free_entry(const struct log_context *context, const struct log_entry *entry)
{
    if (entry != NULL) {
        assay_entry_drop(context->slab, entry, context->layout->blob_at);
        assay_slab_free(context->slab, (void *)(uintptr_t)entry, context->layout->entry_bytes);
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

/* Entries [from, to) of a chunk, all of one segment. */
struct run {
    const struct chunk *chunk;
    uint32_t from;
    uint32_t to;
};

static struct run run_at(const struct log_context *context, const struct chunk *chunk,
                         uint32_t from, const struct segment **segment)
{
    const uint32_t entry_bytes = context->layout->entry_bytes;
    const uint32_t at =
        assay_segment_at(context->record, chunk_entry(chunk, entry_bytes, from)->time_ms);
    ASSAY_ASSERT(at != ASSAY_NONE);
    *segment = &context->record->segments[at];
    struct run run = {.chunk = chunk, .from = from, .to = from};
    while (run.to < chunk->count &&
           chunk_entry(chunk, entry_bytes, run.to)->time_ms <= (*segment)->end_ms) {
        run.to++;
    }
    ASSAY_ASSERT(run.to > from);
    return run;
}

/* Replace one edge by a copy of @p entry. */
static bool set_edge(const struct log_context *context, const struct log_entry **edge,
                     const struct log_entry *entry)
{
    struct log_entry *copy = copy_entry(context, entry);
    if (copy != NULL) {
        free_entry(context, *edge);
        *edge = copy;
    }
    return copy != NULL;
}

static bool stretch(const struct log_context *context, const struct pair *pair, struct tally *tally,
                    const struct run *run)
{
    struct tally reach = {0};
    for (uint32_t at = run->from; at < run->to; at++) {
        assay_tally_entry(&reach, pair, pair->lifetime_wants & WANT_EDGES,
                          chunk_entry(run->chunk, context->layout->entry_bytes, at));
    }
    if (reach.first != NULL &&
        (tally->first == NULL || assay_entry_order(reach.first, tally->first, pair->blob_at) < 0) &&
        !set_edge(context, &tally->first, reach.first)) {
        return false;
    }
    return reach.last == NULL ||
           (tally->last != NULL && assay_entry_order(reach.last, tally->last, pair->blob_at) < 0) ||
           set_edge(context, &tally->last, reach.last);
}

static void add_totals(const struct log_context *context, const struct pair *pair,
                       struct tally *tally, const struct run *run)
{
    for (uint32_t at = run->from; at < run->to; at++) {
        assay_tally_entry(tally, pair, pair->lifetime_wants & ~(uint32_t)WANT_EDGES,
                          chunk_entry(run->chunk, context->layout->entry_bytes, at));
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
            free_entry(context, base->tallies[p].first);
            free_entry(context, base->tallies[p].last);
        }
        log->bases = base->next;
        assay_slab_free(context->slab, base, base_bytes(context));
    }
}
