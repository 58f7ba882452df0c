#include "features/log_pvt.h"

/* What two entries are to each other. */

int assay_entry_order_across(const struct log_entry *a, size_t a_blob_at, const struct log_entry *b,
                             size_t b_blob_at)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    if (a_blob_at == 0 || b_blob_at == 0) {
        return 0;
    }
    const struct log_blob *left = entry_blob(a, a_blob_at);
    const struct log_blob *right = entry_blob(b, b_blob_at);
    const uint32_t shared = left->tie_bytes < right->tie_bytes ? left->tie_bytes : right->tie_bytes;
    const int order = shared == 0 ? 0 : memcmp(left->bytes, right->bytes, shared);
    if (order != 0) {
        return order;
    }
    return (left->tie_bytes > right->tie_bytes) - (left->tie_bytes < right->tie_bytes);
}

int assay_entry_order(const struct log_entry *a, const struct log_entry *b, size_t blob_at)
{
    return assay_entry_order_across(a, blob_at, b, blob_at);
}

struct assay_str assay_entry_text(const struct log_entry *entry, size_t cell_at, size_t blob_at)
{
    const union log_cell *cell = entry_cell(entry, cell_at);
    return (struct assay_str){.ptr = (const char *)entry_blob(entry, blob_at)->bytes +
                                     cell->text.offset,
                              .len = cell->text.bytes};
}

bool assay_text_equal(const struct pair *pair, const struct log_entry *a, const struct log_entry *b)
{
    return assay_str_equal(assay_entry_text(a, pair->cell_at, pair->blob_at),
                           assay_entry_text(b, pair->cell_at, pair->blob_at));
}

void assay_entry_drop(struct assay_slab *slab, const struct log_entry *entry, size_t blob_at)
{
    if (blob_at != 0) {
        const struct log_blob *blob = entry_blob(entry, blob_at);
        assay_slab_free(slab, blob->bytes, blob->size);
    }
}
