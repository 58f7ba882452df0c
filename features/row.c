#include "features/log_pvt.h"

#include "features/texts_pvt.h"

/* Rows: what two are to each other, and how one is packed. */

static struct assay_str tie_at(const struct stream_layout *layout, struct row row)
{
    uint32_t name = 0;
    memcpy(&name, row_start(row) + layout->tie_at[row.chunk->is_wide], sizeof name);
    if (name != ASSAY_NONE &&
        spill_holds(layout->spill, row.chunk)) { /* it lies behind the chunk */
        const char *place = (const char *)row.chunk + name;
        const struct text *tie = (const struct text *)(const void *)place;
        return (struct assay_str){.ptr = tie->bytes, .len = tie->len};
    }
    return assay_text_at(layout->slab, name);
}

struct assay_str assay_row_tie(const struct stream_layout *layout, struct row row)
{
    return layout->tie_at[0] == 0 ? (struct assay_str){0} : tie_at(layout, row);
}

int assay_row_order_across(const struct stream_layout *a_layout, struct row a,
                           const struct stream_layout *b_layout, struct row b)
{
    const int64_t a_ms = row_time(a);
    const int64_t b_ms = row_time(b);
    if (a_ms != b_ms) {
        return a_ms < b_ms ? -1 : 1;
    }
    if (a_layout->tie_at[0] == 0 || b_layout->tie_at[0] == 0) {
        return 0;
    }
    const struct assay_str left = tie_at(a_layout, a);
    const struct assay_str right = tie_at(b_layout, b);
    const uint32_t shared = left.len < right.len ? left.len : right.len;
    const int order = shared == 0 ? 0 : memcmp(left.ptr, right.ptr, shared);
    if (order != 0) {
        return order;
    }
    return (left.len > right.len) - (left.len < right.len);
}

int assay_row_order(const struct stream_layout *layout, struct row a, struct row b)
{
    return assay_row_order_across(layout, a, layout, b);
}

struct assay_str assay_row_text(const struct stream_layout *layout, struct row row, uint32_t column)
{
    return assay_text_at(layout->slab, text_of(row_cell(row, column)));
}

bool assay_row_narrows(const struct stream_layout *layout, struct row row)
{
    bool fits = layout->narrows;
    for (uint32_t c = 0; c < layout->stream->column_count; c++) {
        const int64_t value = row_cell(row, c).integer;
        fits = fits && (value == CELL_NULL || (value > INT32_MIN && value <= INT32_MAX));
    }
    return fits;
}

/* Cells of a wide row in 32 bits each, or the other way round. */
static void convert_cells(const struct stream_layout *layout, struct row row, bool to_wide,
                          unsigned char *place)
{
    for (uint32_t c = 0; c < layout->stream->column_count; c++) {
        const union cell cell = row_cell(row, c);
        const int32_t narrow = cell.integer == CELL_NULL ? INT32_MIN : (int32_t)cell.integer;
        if (to_wide) {
            memcpy(place + cell_place(true, c), &cell, sizeof cell);
        } else {
            memcpy(place + cell_place(false, c), &narrow, sizeof narrow);
        }
    }
}

void assay_row_write(const struct stream_layout *layout, struct chunk *chunk, uint32_t at,
                     struct row row)
{
    unsigned char *place = chunk->rows + (size_t)at * chunk->row_bytes;
    const uint8_t to = chunk->is_wide;
    const uint8_t from = row.chunk->is_wide;
    const int64_t time_ms = row_time(row);
    if (to == from) {
        memcpy(place, row_start(row), chunk->row_bytes);
    } else {
        convert_cells(layout, row, to != 0, place);
        if (layout->tie_at[0] != 0) {
            memcpy(place + layout->tie_at[to], row_start(row) + layout->tie_at[from],
                   sizeof(uint32_t));
        }
        memcpy(place + layout->passed_at[to], row_start(row) + layout->passed_at[from],
               layout->passed_bytes);
    }
    if (to != 0) {
        memcpy(place, &time_ms, sizeof time_ms);
    } else {
        const uint32_t beyond_ms = (uint32_t)(time_ms - chunk->base_ms);
        memcpy(place, &beyond_ms, sizeof beyond_ms);
    }
}

/* Call @p visit with each name of a text or tie of the row. A tie that has moved has none and goes
 * with its row. */
static void each_name(const struct log_context *context, struct row row,
                      void (*visit)(struct texts *texts, uint32_t name))
{
    const struct stream_layout *layout = context->layout;
    if (layout->tie_at[0] != 0 && !spill_holds(layout->spill, row.chunk)) {
        uint32_t name = 0;
        memcpy(&name, row_start(row) + layout->tie_at[row.chunk->is_wide], sizeof name);
        if (name != ASSAY_NONE) {
            visit(context->texts, name);
        }
    }
    for (uint32_t i = 0; i < layout->text_count; i++) {
        const union cell cell = row_cell(row, layout->texts[i]);
        if (cell.integer != CELL_NULL) {
            visit(context->texts, text_of(cell));
        }
    }
}

void assay_row_retain(const struct log_context *context, struct row row)
{
    each_name(context, row, assay_text_retain);
}

void assay_row_release(const struct log_context *context, struct row row)
{
    each_name(context, row, assay_text_release);
}
