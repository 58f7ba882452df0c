/*
 * features/texts_pvt.h - the texts of a store's logs, each kept once.
 *
 * A category, a device or any other text comes again and again; a row names it by 32 bits, and two
 * texts of a column are equal when their names are. A text lives while a row names it: rows are
 * counted. Ties (the bytes that order events of one time) are nearly all different; they are
 * counted the same way, but not looked for.
 *
 * Discipline: single writer, the shard's owner thread. Memory: the store's slab.
 */
#ifndef ASSAY_FEATURES_TEXTS_PVT_H
#define ASSAY_FEATURES_TEXTS_PVT_H

#include "features/log_pvt.h"

struct text {
    struct index_item item; /* first: the index begins with it */
    uint32_t rows;          /* that name it; the highest bit: it is not in the index; at the most
                               that can be counted it stays for good */
    uint32_t len;
    char bytes[];
};

struct texts {
    struct assay_slab *slab;
    struct index index;
    uint64_t seed;
    uint64_t count; /* different ones, ties left out */
    uint64_t bytes; /* of the slab, without the index */
};

/** Ready a new store's texts. @return false when memory is full. */
bool assay_texts_init(struct texts *texts, struct assay_slab *slab, uint64_t seed);
/** The name of a text, which one more row needs; ASSAY_NONE: memory is full. Cost: two lines. */
uint32_t assay_text_intern(struct texts *texts, struct assay_str text);
/** The same for a tie, which is not looked for. */
uint32_t assay_text_keep(struct texts *texts, struct assay_str tie);
/** One more row names it. */
void assay_text_retain(struct texts *texts, uint32_t name);
/** One row less does; the last one takes it along. */
void assay_text_release(struct texts *texts, uint32_t name);
/** Bytes that all of them take, the index included. */
uint64_t assay_texts_bytes(const struct texts *texts);

/** The bytes of a name; of ASSAY_NONE none. */
static inline struct assay_str assay_text_at(const struct assay_slab *slab, uint32_t name)
{
    if (name == ASSAY_NONE) {
        return (struct assay_str){0};
    }
    const struct text *text = assay_slab_at(slab, name);
    return (struct assay_str){.ptr = text->bytes, .len = text->len};
}

/** The name that a text column's cell holds; it is not null. */
static inline uint32_t text_of(union cell cell)
{
    return (uint32_t)cell.integer;
}

/** The cell of a name: equal bits in narrow and in wide rows. */
static inline union cell text_cell(uint32_t name)
{
    return (union cell){.integer = (int32_t)name};
}

#endif
