#include "features/log_pvt.h"

/* What two entries are to each other. */

int assay_entry_order(const struct log_entry *a, const struct log_entry *b)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    const uint32_t shared = a->tie_bytes < b->tie_bytes ? a->tie_bytes : b->tie_bytes;
    const int order = shared == 0 ? 0 : memcmp(a->blob, b->blob, shared);
    if (order != 0) {
        return order;
    }
    return (a->tie_bytes > b->tie_bytes) - (a->tie_bytes < b->tie_bytes);
}

bool assay_text_equal(const struct pair *pair, const struct log_entry *a, const struct log_entry *b)
{
    const union log_cell *left = &a->cells[pair->column];
    const union log_cell *right = &b->cells[pair->column];
    return left->text.bytes == right->text.bytes &&
           memcmp(a->blob + left->text.offset, b->blob + right->text.offset, left->text.bytes) == 0;
}
