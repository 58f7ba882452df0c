/*
 * features/view_pvt.h - how a view walks over its log: what of a chunk lies in the range, and where
 * the summary of a chunk or of a block of chunks may stand for its events.
 */
#ifndef ASSAY_FEATURES_VIEW_PVT_H
#define ASSAY_FEATURES_VIEW_PVT_H

#include "features/record_pvt.h"

/* What of one chunk lies in the range. */
struct view_part {
    const struct chunk *chunk;
    uint32_t index;
    uint32_t from;
    uint32_t to;
    bool whole; /* its summary may be used */
};

static inline struct view_part view_part_of(const struct view_query *query, uint32_t index)
{
    const struct range *range = &query->range;
    struct view_part part = {.chunk = log_chunk(query->log, index), .index = index};
    spill_enter(query->layout->spill, part.chunk);
    part.from = index == range->begin.chunk ? range->begin.at : 0;
    part.to = index == range->end.chunk ? range->end.at : part.chunk->count;
    part.whole = part.chunk->seal != NULL && part.from == 0 && part.to == part.chunk->count &&
                 !(query->key->exclude_current && query->current.chunk == index);
    return part;
}

static inline struct row view_row_of(const struct view_part *part, uint32_t at)
{
    return (struct row){.chunk = part->chunk, .at = at};
}

static inline bool view_is_left_out(const struct view_query *query, const struct view_part *part,
                                    uint32_t at)
{
    return query->key->exclude_current && part->index == query->current.chunk &&
           at == query->current.at;
}

static inline const struct pair *view_pair_of(const struct view_query *query)
{
    return &query->layout->pairs[query->key->pair];
}

static inline const struct summary *view_summary_of(const struct view_query *query,
                                                    const struct view_part *part)
{
    return &part->chunk->seal->summaries[query->key->pair];
}

/* Does chunk @p index open (or close) a block that lies in the window as a whole? */
static inline const struct block *view_block_at(const struct view_query *query, uint32_t index,
                                                bool closing)
{
    const struct range *range = &query->range;
    const struct chunk *chunk = log_chunk(query->log, index);
    const struct block *block =
        closing ? chunk_closes(query->layout, chunk) : chunk_opens(query->layout, chunk);
    /* One that was built after this copy of the log was taken may be of other chunks. */
    if (block == NULL || block->born > query->log->blocks ||
        (closing && index + 1 < block->count + range->begin.chunk)) {
        return NULL;
    }
    const uint32_t first = closing ? index + 1 - block->count : index;
    const uint32_t last = first + block->count - 1;
    const bool begins = first > range->begin.chunk || range->begin.at == 0;
    const bool ends =
        last < range->end.chunk ||
        (last == range->end.chunk && range->end.at == log_chunk(query->log, last)->count);
    const bool holds_current = query->key->exclude_current && query->current.chunk >= first &&
                               query->current.chunk <= last;
    return begins && ends && !holds_current ? block : NULL;
}

#endif
