/*
 * features/reader.h - rows of features, read by other threads than the stores' owners.
 *
 * A reader takes a copy of the small part of a record that its owner changes in place, and computes
 * on it with the code that answers assay_store_read(), whose bits it has. It never waits for an
 * owner and no owner ever waits for it; it changes nothing that an answer depends on. All features
 * of one read are of one state of its key, between two events; two reads may be of different ones.
 *
 * Now and then a copy cannot be had: the key is being written to each time, or it has more segments
 * of activity than a copy takes. Such a read is E_BUSY. Its caller asks again later, or hands it
 * over: the owner answers between two events of its own.
 *
 * Discipline: a reader is used by one thread at a time. Memory: all at creation; nothing is
 * allocated later but texts, from the caller's arena.
 */
#ifndef ASSAY_FEATURES_READER_H
#define ASSAY_FEATURES_READER_H

#include "features/store.h"

struct assay_reader;

/** One key asked for, and the answer. */
struct assay_read {
    uint32_t store; /* position among the reader's stores: the one that owns the key */
    uint32_t entity;
    struct assay_str key;
    int64_t at_ms;            /* as-of time, |at_ms| < 2^60 */
    const uint32_t *features; /* indices of plan->features, of the entity, ascending */
    size_t count;
    struct assay_value
        *out; /* room for `count` values; they mean nothing unless the status is OK */
    enum assay_status status; /* OK or E_BUSY */
    uint64_t mark; /* the store's mark (assay_store_mark()): the answer is of then or later */
};

/** Counts of a reader since its creation. */
struct assay_reader_stats {
    uint64_t reads;   /* answered, but for those handed over */
    uint64_t retries; /* copies that were thrown away since the key changed meanwhile */
    uint64_t busy;    /* reads left to the owner */
    uint64_t expired; /* feature values asked for further back than is retained */
};

/**
 * Make a reader of one or several stores of one plan.
 *
 * @param stores @p count of them, at least one; they must outlive the reader.
 * @retval ASSAY_E_FULL      a store has ASSAY_QSBR_READERS_MAX readers.
 * @retval ASSAY_E_NO_MEMORY no memory.
 * Owner: caller, assay_reader_destroy(). Thread: one that may use all the stores just now: their
 * owner, or any while no owner runs.
 */
ASSAY_MUST_CHECK enum assay_status assay_reader_create(struct assay_reader **out,
                                                       struct assay_store *const stores[],
                                                       size_t count, struct assay_err *err);
/** Free it; NULL is allowed. Nothing may be handed over. Thread: as assay_reader_create(). */
void assay_reader_destroy(struct assay_reader *reader);

/**
 * Answer reads. Those of other keys are fetched from memory together, so ask for a whole row at
 * once.
 *
 * @param texts receives the bytes of text values; they live until it is rewound.
 * @return how many are answered: of the others the status is E_BUSY.
 * Thread: the reader's; beside the owners. Never blocks: at most a few hundred attempts a read, no
 * lock, no system call. Cost: that of assay_store_read() and of copying the record's head and the
 * newest chunk of each stream asked for.
 */
size_t assay_reader_rows(struct assay_reader *reader, struct assay_read reads[], size_t count,
                         struct assay_arena *texts);

/**
 * Leave a read to its owner, who answers it in assay_store_serve(). One at a time: until
 * assay_reader_is_served(), @p read and @p texts are the owner's. Thread: the reader's.
 */
void assay_reader_hand_over(struct assay_reader *reader, struct assay_read *read,
                            struct assay_arena *texts);
/** Has the owner answered? Then the next may be handed over. Thread: the reader's. Never blocks. */
bool assay_reader_is_served(struct assay_reader *reader);

/** Counts of a reader. Thread: the reader's. */
void assay_reader_stats(const struct assay_reader *reader, struct assay_reader_stats *out);

/**
 * Answer what readers have handed over; call it now and then, between two updates.
 *
 * @return how many. Thread: owner. Cost: a load when there are none.
 */
size_t assay_store_serve(struct assay_store *store);

/**
 * Say how far the store has come, in the caller's own count (an epoch's number): all that was
 * applied before is in every answer that names this mark or a later one. Thread: owner.
 */
void assay_store_mark(struct assay_store *store, uint64_t mark);

#endif
