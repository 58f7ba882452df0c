/*
 * engine/base/suggest.h - "did you mean": the nearest of a list of names.
 */
#ifndef ASSAY_BASE_SUGGEST_H
#define ASSAY_BASE_SUGGEST_H

#include "engine/base/str.h"

/** Collects the nearest candidate to a word. Start with {.word = ...}. */
struct assay_suggest {
    struct assay_str word;
    struct assay_str best; /* ptr NULL: nothing near enough */
    uint32_t distance;
};

/**
 * Offer one candidate; the nearest so far within a third of the word's length (at least 1, at most
 * 3) is kept, the first among equals. Distance: optimal string alignment (Damerau-Levenshtein with
 * adjacent transpositions). Thread: any. Cost: product of the lengths, names are cut at 64 bytes.
 */
void assay_suggest_offer(struct assay_suggest *suggest, struct assay_str candidate);

#endif
