#include "features/log_pvt.h"

/*
 * Chunks and what is summed up when one is sealed. A summary takes a few dozen bytes a pair, so a
 * window over many chunks reads those instead of the events.
 */

enum { TABLE_SLOTS = 2 * CHUNK_ENTRIES_MAX, IDENTITY_BYTES = sizeof(struct identity) + 1 };

static size_t chunk_bytes(const struct log_context *context, uint32_t capacity)
{
    return sizeof(struct chunk) + (size_t)capacity * context->layout->entry_bytes;
}

static size_t summaries_bytes(const struct log_context *context)
{
    return context->layout->pair_count * sizeof(struct summary);
}

struct chunk *assay_chunk_create(const struct log_context *context, uint32_t capacity)
{
    ASSAY_ASSERT(capacity > 0 && capacity <= CHUNK_ENTRIES_MAX);
    const size_t bytes = assay_slab_fit(chunk_bytes(context, capacity));
    struct chunk *chunk = assay_slab_alloc(context->slab, bytes);
    if (chunk == NULL) {
        return NULL;
    }
    const size_t room = (bytes - sizeof *chunk) / context->layout->entry_bytes;
    chunk->count = 0;
    chunk->capacity = room < CHUNK_ENTRIES_MAX ? (uint32_t)room : CHUNK_ENTRIES_MAX;
    chunk->summaries = NULL;
    chunk->opens = NULL;
    chunk->closes = NULL;
    return chunk;
}

void assay_chunk_free(const struct log_context *context, struct chunk *chunk)
{
    if (chunk == NULL) {
        return;
    }
    ASSAY_ASSERT(chunk->opens == NULL && chunk->closes == NULL);
    for (uint32_t p = 0; chunk->summaries != NULL && p < context->layout->pair_count; p++) {
        const struct summary *summary = &chunk->summaries[p];
        assay_slab_free(context->slab, summary->identities,
                        summary->distinct_count * (size_t)IDENTITY_BYTES);
    }
    assay_slab_free(context->slab, chunk->summaries, summaries_bytes(context));
    assay_slab_free(context->slab, chunk, chunk_bytes(context, chunk->capacity));
}

void assay_chunk_drop(const struct log_context *context, struct chunk *chunk)
{
    for (uint32_t at = 0; at < chunk->count; at++) {
        assay_entry_drop(context->slab, chunk_entry(chunk, context->layout->entry_bytes, at),
                         context->layout->blob_at);
    }
    assay_chunk_free(context, chunk);
}

struct identity assay_identity(const struct pair *pair, const struct log_entry *entry,
                               uint64_t seed)
{
    struct identity identity = {0};
    if (pair->value != PAIR_TEXT) {
        identity.low =
            (uint64_t)pair_cell(pair, entry)->integer; /* the bits of a real: it is never -0.0 */
        return identity;
    }
    const struct assay_str text = assay_entry_text(entry, pair->cell_at, pair->blob_at);
    if (text.len < sizeof identity) {
        unsigned char bytes[sizeof identity] = {0};
        memcpy(bytes, text.ptr, text.len);
        memcpy(&identity, bytes, sizeof identity);
        /* the top byte is still free: the length goes there */
        identity.high |= (uint64_t)text.len << 56;
        return identity;
    }
    identity.low = assay_hash64(text.ptr, text.len, seed);
    identity.high = UINT64_C(0xFF) << 56 | text.len;
    return identity;
}

/* The chunk's values without repetition. */
struct dedupe {
    uint32_t count;
    struct identity identities[CHUNK_ENTRIES_MAX];
    uint8_t positions[CHUNK_ENTRIES_MAX];
    uint8_t table[TABLE_SLOTS]; /* index + 1; 0: free */
};

static void dedupe_add(struct dedupe *set, const struct log_context *context,
                       const struct pair *pair, const struct chunk *chunk, uint32_t at)
{
    const uint32_t entry_bytes = context->layout->entry_bytes;
    const struct log_entry *entry = chunk_entry(chunk, entry_bytes, at);
    const struct identity identity = assay_identity(pair, entry, context->seed);
    size_t slot = ((identity.low ^ identity.high) * UINT64_C(0x9E3779B97F4A7C15)) >> 57;
    static_assert(TABLE_SLOTS == 128, "the shift above takes 7 bits");
    while (set->table[slot] != 0) {
        const uint32_t known = set->table[slot] - 1U;
        if (set->identities[known].low == identity.low &&
            set->identities[known].high == identity.high &&
            (identity_is_exact(&identity) ||
             assay_text_equal(pair, entry,
                              chunk_entry(chunk, entry_bytes, set->positions[known])))) {
            return;
        }
        slot = (slot + 1) % TABLE_SLOTS;
    }
    set->identities[set->count] = identity;
    set->positions[set->count] = (uint8_t)at;
    set->table[slot] = (uint8_t)++set->count;
}

static bool seal_distinct(const struct log_context *context, const struct pair *pair,
                          const struct chunk *chunk, struct summary *summary)
{
    struct dedupe set = {0};
    for (uint32_t at = 0; at < chunk->count; at++) {
        if (pair_finds(pair, chunk_entry(chunk, context->layout->entry_bytes, at))) {
            dedupe_add(&set, context, pair, chunk, at);
        }
    }
    if (set.count == 0) {
        return true;
    }
    unsigned char *list = assay_slab_alloc(context->slab, set.count * (size_t)IDENTITY_BYTES);
    if (list == NULL) {
        return false;
    }
    memcpy(list, set.identities, set.count * sizeof(struct identity));
    memcpy(list + set.count * sizeof(struct identity), set.positions, set.count);
    summary->identities = (struct identity *)(void *)list;
    summary->distinct_count = set.count;
    return true;
}

static void summarise_gaps(const struct log_context *context, const struct pair *pair,
                           const struct chunk *chunk, struct summary *summary)
{
    struct gaps gaps = {0};
    for (uint32_t at = 0; at < chunk->count; at++) {
        const struct log_entry *entry = chunk_entry(chunk, context->layout->entry_bytes, at);
        if (pair_finds(pair, entry)) {
            assay_gaps_event(&gaps, entry->time_ms);
        }
    }
    assay_gaps_keep(&gaps, summary);
}

static void summarise(const struct log_context *context, const struct pair *pair,
                      const struct chunk *chunk, struct summary *summary)
{
    struct tally tally = {0};
    uint32_t wants = WANT_COUNT;
    wants |= pair->value == PAIR_INTEGER ? WANT_SUM | WANT_EXTREME : 0U;
    wants |= pair->wants & WANT_SQUARES;
    wants |= pair->value == PAIR_REAL ? (unsigned)WANT_EXTREME : 0U;
    for (uint32_t at = 0; at < chunk->count; at++) {
        const struct log_entry *entry = chunk_entry(chunk, context->layout->entry_bytes, at);
        summary->passed += pair_passes(pair, entry) ? 1 : 0;
        if (pair_finds(pair, entry)) {
            summary->first = tally.found == 0 ? (uint8_t)at : summary->first;
            summary->last = (uint8_t)at;
            assay_tally_entry(&tally, pair, wants, entry);
        }
    }
    summary->found = (uint32_t)tally.found;
    if ((pair->wants & WANT_GAPS) != 0) {
        summarise_gaps(context, pair, chunk, summary);
        return;
    }
    summary->sum = tally.sum;
    summary->squares = tally.squares;
    summary->min = tally.min;
    summary->max = tally.max;
}

bool assay_chunk_seal(const struct log_context *context, struct chunk *chunk)
{
    ASSAY_ASSERT(chunk->summaries == NULL && chunk->count > 0);
    const struct stream_layout *layout = context->layout;
    struct summary *summaries = assay_slab_alloc(context->slab, summaries_bytes(context));
    if (summaries == NULL) {
        return false;
    }
    memset(summaries, 0, summaries_bytes(context));
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        const struct pair *pair = &layout->pairs[p];
        summarise(context, pair, chunk, &summaries[p]);
        if ((pair->wants & WANT_DISTINCT) != 0 &&
            !seal_distinct(context, pair, chunk, &summaries[p])) {
            for (uint32_t q = 0; q < p; q++) {
                assay_slab_free(context->slab, summaries[q].identities,
                                summaries[q].distinct_count * (size_t)IDENTITY_BYTES);
            }
            assay_slab_free(context->slab, summaries, summaries_bytes(context));
            return false;
        }
    }
    chunk->summaries = summaries;
    return true;
}
