/*
 * features/slab_pvt.h - what a slab and the pieces that wait for its readers know of each other.
 */
#ifndef ASSAY_FEATURES_SLAB_PVT_H
#define ASSAY_FEATURES_SLAB_PVT_H

#include "features/slab.h"

/* slab.c */

/** Bytes of a class. */
size_t assay_slab_class_bytes(uint32_t class);
/** Put a piece on its class's list. */
void assay_slab_list(struct assay_slab *slab, uint32_t class, void *piece);

/* slab_limbo.c */

/** Let a piece wait. */
void assay_limbo_add(struct assay_slab *slab, uint32_t class, const void *piece);
/** Memory is full: take back all that can be. @return false: nothing can. */
bool assay_limbo_drain(struct assay_slab *slab);

#endif
