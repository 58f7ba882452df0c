/*
 * engine/runtime/plan_costs.h - what features cost on this machine, measured on made-up events.
 *
 * Each entity gets a store of its own with a few keys. First every log is filled: so many events of
 * each kind over the longest window of the entity's logs, with values drawn for their types and the
 * texts that `where` clauses compare with. Then events go on in time order, and the clock is read
 * around each apply and around one slice after it. So a cost holds what an event of such a history
 * takes with its record in cache; a key's first touch from memory comes on top, once for all.
 */
#ifndef ASSAY_RUNTIME_PLAN_COSTS_H
#define ASSAY_RUNTIME_PLAN_COSTS_H

#include "features/plan_view.h"

struct assay_plan_costs {
    const double *feature_ns; /* a feature of the plan: read alone after an event that it is about;
                                 median; NaN: not measured */
    const double *stream_ns;  /* a stream of the plan: to apply one of its events to a key; mean */
    const double *entity_ns;  /* an entity: all of its features in one slice; median */
    const uint32_t *depths;   /* an entity: events of each kind that a key had to begin with */
    uint32_t keys;            /* an entity at most */
    uint64_t events;          /* applied in all */
    double seconds;           /* that it took in all */
};

/**
 * Measure.
 *
 * @param budget_ms time for measuring, at least 1; filling the logs comes before it.
 * @retval ASSAY_E_NO_MEMORY
 * Owner: the arena. Thread: one. Cost: about the budget, and some 0.1 s an entity of many features.
 */
ASSAY_MUST_CHECK enum assay_status assay_plan_costs_measure(
    struct assay_plan_costs *out, struct assay_arena *arena, const struct assay_plan *plan,
    const struct assay_plan_views *views, uint32_t budget_ms, struct assay_err *err);

#endif
