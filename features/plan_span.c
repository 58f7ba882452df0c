#include "features/plan_pvt.h"

/* What a plan needs beside fields and features: time zones, read once from the system's data. */

static const struct assay_zone *refuse_zone(struct planner *planner, struct assay_str name,
                                            struct assay_span span, enum assay_status status)
{
    if (status == ASSAY_E_UNAVAILABLE) {
        assay_diag_add(planner->diags, ASSAY_DIAG_ZONE, span,
                       "the system has no time zone data to read \"%.*s\" from", (int)name.len,
                       name.ptr);
        assay_diag_hint(planner->diags, "install the package tzdata");
        return NULL;
    }
    if (status != ASSAY_E_UNKNOWN) {
        assay_diag_add(planner->diags, ASSAY_DIAG_ZONE, span, "cannot read time zone \"%.*s\": %s",
                       (int)name.len, name.ptr, assay_status_name(status));
        return NULL;
    }
    assay_diag_add(planner->diags, ASSAY_DIAG_ZONE, span, "unknown time zone \"%.*s\"",
                   (int)name.len, name.ptr);
    const struct assay_str best = assay_zone_suggest(planner->arena, name);
    if (best.ptr != NULL) {
        assay_diag_hint(planner->diags, "did you mean \"%.*s\"?", (int)best.len, best.ptr);
    } else {
        assay_diag_hint(planner->diags, "write a name of the IANA database, e.g. Europe/Berlin");
    }
    return NULL;
}

const struct assay_zone *assay_plan_zone(struct planner *planner, struct assay_str name,
                                         struct assay_span span)
{
    for (uint32_t i = 0; i < planner->zone_count; i++) {
        if (assay_str_equal(planner->zones[i].name, name)) {
            return planner->zones[i].zone;
        }
    }
    if (planner->zone_count == PLAN_ZONES_MAX) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, span, "more than %d time zones",
                       PLAN_ZONES_MAX);
        return NULL;
    }
    struct plan_zone *zone = &planner->zones[planner->zone_count];
    const enum assay_status status = assay_zone_load(planner->arena, name, &zone->zone);
    if (status != ASSAY_OK) {
        return refuse_zone(planner, name, span, status);
    }
    zone->name = name;
    planner->zone_count++;
    return zone->zone;
}
