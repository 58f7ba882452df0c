/*
 * features/zone_pvt.h - the table of a zone, and the rule in the footer of its file.
 */
#ifndef ASSAY_FEATURES_ZONE_PVT_H
#define ASSAY_FEATURES_ZONE_PVT_H

#include "engine/base/assert.h"
#include "features/zone.h"

#include <string.h>

enum {
    ZONE_SPANS_MAX = 4096,
    ZONE_CYCLE_YEARS = 400, /* after so many years weekdays and leap years come again */
    ZONE_OFFSET_S_MAX = 26 * 3600,
};

/** (400 * 365 + 97) days. */
#define ZONE_CYCLE_MS (INT64_C(146097) * 86400000)

/** From here to the next span civil time is UTC + offset. */
struct zone_span {
    int64_t from_ms;  /* INT64_MIN: the first */
    int64_t reach_ms; /* greatest civil time that any span up to this one comes to, exclusive */
    int64_t offset_ms;
};

struct assay_zone {
    uint32_t count;
    bool cycles;       /* the rule of the footer has turns of the clock */
    int64_t rule_ms;   /* from here on the rule alone speaks; the table goes a cycle further */
    int64_t spread_ms; /* greatest offset less the least */
    const struct zone_span *spans;
};

/** A table that is being written. */
struct zone_builder {
    struct zone_span *spans; /* room for ZONE_SPANS_MAX */
    uint32_t count;
    int64_t rule_ms;
    bool cycles;
};

/** Go on with another offset. @return false: the table is full or the time does not grow. */
bool assay_zone_turn(struct zone_builder *builder, int64_t from_ms, int64_t offset_ms);
/** Days since the epoch of a date; any year. */
int64_t assay_zone_days(int64_t year, uint32_t month, uint32_t day);
/** The year in which a day since the epoch lies, and its month from 1. */
void assay_zone_month_of(int64_t days, int64_t *year, uint32_t *month);

/* zone_rule.c */

/** Go on by a rule as in the environment variable TZ. @return false: it is malformed. */
bool assay_zone_add_rule(struct zone_builder *builder, struct assay_str rule);

#endif
