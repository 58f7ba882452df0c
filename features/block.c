#include "features/log_pvt.h"

/*
 * Blocks: the summaries of some chunks in a row, merged, so that a key with a million events in a
 * window is read in a thousand steps. They are caches: when a late event replaces a chunk its block
 * is built anew, and when there is no memory for one the chunks are read.
 */

enum { VALUES_PAY = 4 }; /* a block lists its values when each stands for so many rows */

static size_t block_bytes(const struct log_context *context)
{
    return sizeof(struct block) + context->layout->pair_count * sizeof(struct summary);
}

static void free_block(const struct log_context *context, struct block *block)
{
    for (uint32_t p = 0; p < context->layout->pair_count; p++) {
        const struct summary *summary = &block->summaries[p];
        assay_slab_free(context->slab, summary->values,
                        summary->distinct_count * sizeof *summary->values);
    }
    assay_slab_free(context->slab, block, block_bytes(context));
}

static void merge_totals(const struct log_context *context, const struct log *log, uint32_t from,
                         uint32_t pair_index, struct block *block)
{
    const struct pair *pair = &context->layout->pairs[pair_index];
    struct summary *summary = &block->summaries[pair_index];
    const uint32_t wants =
        pair->value == PAIR_INTEGER || pair->value == PAIR_REAL ? (unsigned)WANT_EXTREME : 0U;
    struct tally tally = {0};
    for (uint32_t i = 0; i < block->count; i++) {
        const struct summary *part = &log_chunk(log, from + i)->seal->summaries[pair_index];
        assay_tally_summary(&tally, pair, wants, part);
        summary->passed += part->passed;
    }
    summary->found = (uint32_t)tally.found;
    if ((pair->wants & WANT_GAPS) != 0) {
        struct gaps gaps = {0};
        for (uint32_t i = 0; i < block->count; i++) {
            assay_gaps_summary(&gaps, &log_chunk(log, from + i)->seal->summaries[pair_index]);
        }
        assay_gaps_keep(&gaps, summary);
        return;
    }
    summary->sum = tally.sum;
    ASSAY_ASSERT(tally.squares_high == 0);
    summary->squares = tally.squares;
    summary->min = tally.min;
    summary->max = tally.max;
}

static void merge_values(const struct log_context *context, const struct log *log, uint32_t from,
                         uint32_t pair_index, struct block *block)
{
    struct summary *summary = &block->summaries[pair_index];
    assay_distinct_clear(context->set);
    for (uint32_t i = 0; i < block->count; i++) {
        const struct summary *part = &log_chunk(log, from + i)->seal->summaries[pair_index];
        for (uint32_t v = 0; v < part->distinct_count; v++) {
            assay_distinct_add(context->set, part->values[v]);
        }
    }
    const size_t count = context->set->used;
    if (count == 0 || VALUES_PAY * count > summary->found) {
        return;
    }
    summary->values = assay_slab_alloc(context->slab, count * sizeof *summary->values);
    if (summary->values != NULL) {
        summary->distinct_count = (uint32_t)count;
        assay_distinct_list(context->set, summary->values);
    }
}

static uint32_t name_of(const struct log_context *context, const struct block *block)
{
    return block == NULL ? 0 : assay_slab_ref(context->slab, block);
}

static void set_opens(const struct log_context *context, struct chunk *chunk, struct block *block)
{
    if (spill_holds(context->layout->spill, chunk)) {
        assay_spill_piece(context->layout->spill, chunk)->opens = name_of(context, block);
    } else {
        /* Release: a reader that comes by the block sees it whole. */
        __atomic_store_n(&chunk->seal->opens, block, __ATOMIC_RELEASE);
    }
}

static void set_closes(const struct log_context *context, struct chunk *chunk, struct block *block)
{
    if (spill_holds(context->layout->spill, chunk)) {
        assay_spill_piece(context->layout->spill, chunk)->closes = name_of(context, block);
    } else {
        __atomic_store_n(&chunk->seal->closes, block, __ATOMIC_RELEASE);
    }
}

void assay_block_build(const struct log_context *context, struct log *log, uint32_t from,
                       uint32_t count)
{
    struct block *block = assay_slab_alloc(context->slab, block_bytes(context));
    if (block == NULL) {
        return;
    }
    memset(block, 0, block_bytes(context));
    block->count = count;
    block->born = ++log->blocks;
    for (uint32_t i = 0; i < count; i++) {
        spill_enter(context->layout->spill, log_chunk(log, from + i));
    }
    for (uint32_t p = 0; p < context->layout->pair_count; p++) {
        merge_totals(context, log, from, p, block);
        if ((context->layout->pairs[p].wants & WANT_DISTINCT) != 0) {
            merge_values(context, log, from, p, block);
        }
    }
    set_opens(context, log_chunk(log, from), block);
    set_closes(context, log_chunk(log, from + count - 1), block);
}

void assay_block_drop(const struct log_context *context, struct log *log, uint32_t from)
{
    const struct stream_layout *layout = context->layout;
    struct block *block = chunk_opens(layout, log_chunk(log, from));
    ASSAY_ASSERT(block != NULL &&
                 chunk_closes(layout, log_chunk(log, from + block->count - 1)) == block);
    set_opens(context, log_chunk(log, from), NULL);
    set_closes(context, log_chunk(log, from + block->count - 1), NULL);
    free_block(context, block);
}

uint32_t assay_block_of(const struct stream_layout *layout, const struct log *log, uint32_t index)
{
    for (uint32_t back = 0; back < 2 * BLOCK_CHUNKS && back <= index; back++) {
        const struct block *block = chunk_opens(layout, log_chunk(log, index - back));
        if (block != NULL) {
            return back < block->count ? index - back : ASSAY_NONE;
        }
    }
    return ASSAY_NONE;
}
