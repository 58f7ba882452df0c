/*
 * engine/cli/plan_show.h - what `assay config plan` prints.
 */
#ifndef ASSAY_CLI_PLAN_SHOW_H
#define ASSAY_CLI_PLAN_SHOW_H

#include "engine/runtime/plan_costs.h"

#include <stdio.h>

/** What a plan comes to. Borrowed. */
struct assay_plan_report {
    const struct assay_plan *plan;
    const struct assay_plan_views *views;
    const struct assay_plan_costs *costs; /* NULL: not measured */
};

/** As a tree: entities, their logs, what is read of them and by whom. Thread: owner of @p out. */
void assay_plan_show(const struct assay_plan_report *report, FILE *out);
/** As one JSON object. Thread: owner of @p out. */
void assay_plan_show_json(const struct assay_plan_report *report, FILE *out);

#endif
