/*
 * features/admission.h - which decoded events count: ahead, late and duplicate checks.
 *
 * One admission per (source, topic, partition), used by the partition's home shard alone, in offset
 * order. Checks run ahead, late, duplicate; only accepted events move the watermark. An id is
 * remembered exactly until it would be too late anyway; the first copy wins; ids are one space over
 * all event types; an id set aside as late or ahead is not remembered; no id, no duplicate.
 */
#ifndef ASSAY_FEATURES_ADMISSION_H
#define ASSAY_FEATURES_ADMISSION_H

#include "engine/base/arena.h"
#include "features/event.h"

struct assay_admission;

enum assay_verdict {
    ASSAY_ACCEPTED,
    ASSAY_SET_ASIDE_AHEAD,
    ASSAY_SET_ASIDE_LATE,
    ASSAY_DROPPED_DUPLICATE,
    ASSAY_REFUSED_CAPACITY, /* the id table is at its limit: nothing was remembered or moved */
};

/**
 * Make an admission.
 *
 * @param ids_max so many ids are remembered at once for certain, and never more than twice as many
 *                (those that no longer matter leave bit by bit); memory is reserved, not touched.
 * @return NULL when out of memory. Owner: caller, assay_admission_destroy(). Thread: home shard.
 */
struct assay_admission *assay_admission_create(int64_t lateness_ms, int64_t ahead_ms,
                                               size_t ids_max);
/** Free it; NULL is allowed. */
void assay_admission_destroy(struct assay_admission *admission);
/**
 * Judge an event and, if it is accepted, remember it.
 *
 * @param clock_ms the epoch's clock, or INT64_MAX for no ahead check (replay).
 * Cost: one hash probe and a few slots swept; now and then the table grows. Never calls malloc.
 */
enum assay_verdict assay_admission_judge(struct assay_admission *admission,
                                         const struct assay_event *event, int64_t clock_ms);
/** Newest accepted event time, or INT64_MIN before the first. */
int64_t assay_admission_watermark(const struct assay_admission *admission);
/** No older event is accepted any more, ever; INT64_MIN: any may be. */
int64_t assay_admission_oldest(const struct assay_admission *admission);
/**
 * Take what is older than @p oldest_ms for late: for a partition that comes in where others have
 * made state forget. INT64_MIN: nothing is. Before the first event.
 */
void assay_admission_begin(struct assay_admission *admission, int64_t oldest_ms);

#endif
