#include "engine/base/suggest.h"

#include "engine/base/assert.h"

enum { NAME_BYTES_MAX = 64 };

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t distance_of(struct assay_str a, struct assay_str b)
{
    uint32_t rows[3][NAME_BYTES_MAX + 1]; /* two rows back, one row back, this row */
    for (uint32_t j = 0; j <= b.len; j++) {
        rows[1][j] = j;
    }
    for (uint32_t i = 1; i <= a.len; i++) {
        rows[2][0] = i;
        for (uint32_t j = 1; j <= b.len; j++) {
            const uint32_t change = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;
            uint32_t best = least(rows[1][j] + 1, rows[2][j - 1] + 1);
            best = least(best, rows[1][j - 1] + change);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1]) {
                best = least(best, rows[0][j - 2] + 1);
            }
            rows[2][j] = best;
        }
        memcpy(rows[0], rows[1], sizeof rows[0]);
        memcpy(rows[1], rows[2], sizeof rows[1]);
    }
    return rows[1][b.len];
}

void assay_suggest_offer(struct assay_suggest *suggest, struct assay_str candidate)
{
    ASSAY_ASSERT(suggest->word.ptr != NULL);
    ASSAY_ASSERT(candidate.ptr != NULL);
    if (suggest->word.len > NAME_BYTES_MAX || candidate.len > NAME_BYTES_MAX) {
        return;
    }
    const uint32_t third = suggest->word.len / 3;
    const uint32_t limit = third < 1 ? 1 : least(third, 3);
    const uint32_t distance = distance_of(suggest->word, candidate);
    if (distance <= limit && (suggest->best.ptr == NULL || distance < suggest->distance)) {
        suggest->best = candidate;
        suggest->distance = distance;
    }
}
