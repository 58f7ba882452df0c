#include "features/log_pvt.h"

/*
 * Totals of events. Sums are integers in 128 bits, sums of squares in 192, so the grouping of
 * additions never shows; extremes and edges are the same whatever the grouping anyway.
 */

static bool is_less(const struct pair *pair, union cell a, union cell b)
{
    return pair->value == PAIR_REAL ? a.real < b.real : a.integer < b.integer;
}

static inline void widen(struct tally *tally, const struct pair *pair, union cell min,
                         union cell max)
{
    if (tally->found == 0 || is_less(pair, min, tally->min)) {
        tally->min = min;
    }
    if (tally->found == 0 || is_less(pair, tally->max, max)) {
        tally->max = max;
    }
}

void assay_tally_stretch(const struct stream_layout *layout, struct tally *tally, uint32_t wants,
                         struct row first, struct row last)
{
    if ((wants & WANT_FIRST) != 0 &&
        (tally->first.chunk == NULL || assay_row_order(layout, first, tally->first) < 0)) {
        tally->first = first;
    }
    if ((wants & WANT_LAST) != 0 &&
        (tally->last.chunk == NULL || assay_row_order(layout, last, tally->last) >= 0)) {
        tally->last = last;
    }
}

static void add_squares(struct tally *tally, assay_uint128 squares)
{
    tally->squares += squares;
    tally->squares_high += tally->squares < squares ? 1 : 0;
}

static inline void add_cell(struct tally *tally, const struct pair *pair, uint32_t wants,
                            union cell cell)
{
    if ((wants & WANT_EXTREME) != 0) {
        widen(tally, pair, cell, cell);
    }
    if ((wants & WANT_SUM) != 0) {
        tally->sum += cell.integer;
    }
    if ((wants & WANT_SQUARES) != 0) {
        add_squares(tally, (assay_uint128)((assay_int128)cell.integer * cell.integer));
    }
}

void assay_tally_row(const struct stream_layout *layout, struct tally *tally,
                     const struct pair *pair, uint32_t wants, struct row row)
{
    if (!pair_finds(pair, row)) {
        return;
    }
    if ((wants & (WANT_EXTREME | WANT_SUM | WANT_SQUARES)) != 0) {
        add_cell(tally, pair, wants, pair_cell(pair, row));
    }
    if ((wants & WANT_EDGES) != 0) {
        assay_tally_stretch(layout, tally, wants, row, row);
    }
    tally->found++;
}

void assay_tally_remove(struct tally *tally, const struct pair *pair, struct row row)
{
    if (pair_finds(pair, row)) {
        tally->found--;
        tally->sum -= pair->value == PAIR_INTEGER ? pair_cell(pair, row).integer : 0;
    }
}

void assay_tally_summary(struct tally *tally, const struct pair *pair, uint32_t wants,
                         const struct summary *summary)
{
    if (summary->found == 0) {
        return;
    }
    if ((wants & WANT_EXTREME) != 0) {
        widen(tally, pair, summary->min, summary->max);
    }
    tally->sum += summary->sum;
    add_squares(tally, summary->squares);
    tally->found += summary->found;
}

void assay_tally_merge(const struct stream_layout *layout, struct tally *tally,
                       const struct pair *pair, uint32_t wants, const struct tally *other)
{
    if (other->found == 0) {
        return;
    }
    if ((wants & WANT_EXTREME) != 0) {
        widen(tally, pair, other->min, other->max);
    }
    if ((wants & WANT_EDGES) != 0) {
        assay_tally_stretch(layout, tally, wants, other->first, other->last);
    }
    tally->sum += other->sum;
    add_squares(tally, other->squares);
    tally->squares_high += other->squares_high;
    tally->found += other->found;
}
