#include "features/zone_pvt.h"

/*
 * Searches in a zone's table. Civil time is no monotone function of time, but the latest that any
 * instant so far has come to is: that is what `reach_ms` of each span keeps, and where a search for
 * a civil time looks.
 */

enum { HOUR_MS = 3600000, DAY_MS = 86400000, DAYS_OF_CYCLE = 146097 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* Howard Hinnant's civil calendar: eras of 400 years that begin in March. */
int64_t assay_zone_days(int64_t year, uint32_t month, uint32_t day)
{
    const int64_t shifted = month <= 2 ? year - 1 : year;
    const int64_t era = floor_div(shifted, 400);
    const int64_t of_era = shifted - era * 400;
    const int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * DAYS_OF_CYCLE + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void assay_zone_month_of(int64_t days, int64_t *year, uint32_t *month)
{
    const int64_t shifted = days + 719468;
    const int64_t era = floor_div(shifted, DAYS_OF_CYCLE);
    const int64_t of_era = shifted - era * DAYS_OF_CYCLE;
    const int64_t years =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_OF_CYCLE - 1)) / 365;
    const int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    const int64_t march = (5 * of_year + 2) / 153;
    *month = (uint32_t)(march < 10 ? march + 3 : march - 9);
    *year = years + era * 400 + (*month <= 2 ? 1 : 0);
}

/* Whole cycles to take off, so that the time falls into the table; @p margin_ms of the second one
 * still counts as the first. */
static int64_t cycles_beyond(const struct assay_zone *zone, int64_t time_ms, int64_t margin_ms)
{
    const int64_t begin_ms = zone->rule_ms + margin_ms;
    return zone->cycles && time_ms >= begin_ms + ZONE_CYCLE_MS
               ? floor_div(time_ms - begin_ms, ZONE_CYCLE_MS)
               : 0;
}

int64_t assay_zone_local(const struct assay_zone *zone, int64_t utc_ms)
{
    const int64_t at_ms = utc_ms - cycles_beyond(zone, utc_ms, 0) * ZONE_CYCLE_MS;
    uint32_t low = 1;
    uint32_t high = zone->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (zone->spans[middle].from_ms <= at_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return utc_ms + zone->spans[low - 1].offset_ms;
}

int64_t assay_zone_first(const struct assay_zone *zone, int64_t local_ms)
{
    const int64_t beyond_ms = cycles_beyond(zone, local_ms, 2 * (int64_t)DAY_MS) * ZONE_CYCLE_MS;
    const int64_t at_ms = local_ms - beyond_ms;
    uint32_t low = 0;
    uint32_t high = zone->count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (zone->spans[middle].reach_ms <= at_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct zone_span *span = &zone->spans[low];
    const int64_t reached_ms = at_ms - span->offset_ms;
    return beyond_ms + (reached_ms > span->from_ms ? reached_ms : span->from_ms);
}

/* Units of civil time are numbered; weeks from the Monday before the epoch. */
static int64_t unit_of(enum assay_unit unit, int64_t local_ms)
{
    int64_t year = 0;
    uint32_t month = 0;
    const int64_t day = floor_div(local_ms, DAY_MS);
    switch (unit) {
    case ASSAY_UNIT_HOUR:
        return floor_div(local_ms, HOUR_MS);
    case ASSAY_UNIT_DAY:
        return day;
    case ASSAY_UNIT_WEEK:
        return floor_div(day + 3, 7);
    case ASSAY_UNIT_MONTH:
        assay_zone_month_of(day, &year, &month);
        return year * 12 + month - 1;
    }
    ASSAY_ASSERT(false);
    return 0;
}

static int64_t begin_of(const struct assay_zone *zone, enum assay_unit unit, int64_t number)
{
    int64_t day = number;
    if (unit == ASSAY_UNIT_HOUR) {
        return assay_zone_first(zone, number * HOUR_MS);
    }
    if (unit == ASSAY_UNIT_WEEK) {
        day = number * 7 - 3;
    } else if (unit == ASSAY_UNIT_MONTH) {
        const int64_t year = floor_div(number, 12);
        day = assay_zone_days(year, (uint32_t)(number - year * 12) + 1, 1);
    }
    return assay_zone_first(zone, day * DAY_MS);
}

struct assay_bucket assay_zone_bucket(const struct assay_zone *zone, enum assay_unit unit,
                                      uint32_t back, int64_t utc_ms)
{
    int64_t number = unit_of(unit, assay_zone_local(zone, utc_ms));
    struct assay_bucket bucket = {.begin_ms = begin_of(zone, unit, number),
                                  .end_ms = begin_of(zone, unit, number + 1)};
    /* What repeats itself after its end belongs to what came after. */
    while (bucket.end_ms <= utc_ms) {
        number++;
        bucket.begin_ms = bucket.end_ms;
        bucket.end_ms = begin_of(zone, unit, number + 1);
    }
    for (uint32_t left = back; left > 0; number--) {
        const int64_t begin_ms = begin_of(zone, unit, number - 1);
        if (begin_ms < bucket.begin_ms) { /* else nothing lies in it */
            bucket = (struct assay_bucket){.begin_ms = begin_ms, .end_ms = bucket.begin_ms};
            left--;
        }
    }
    ASSAY_DASSERT(bucket.begin_ms < bucket.end_ms);
    return bucket;
}

int64_t assay_zone_reach_ms(const struct assay_zone *zone, enum assay_unit unit, uint32_t back)
{
    static const int64_t longest_ms[] = {[ASSAY_UNIT_HOUR] = HOUR_MS,
                                         [ASSAY_UNIT_DAY] = DAY_MS,
                                         [ASSAY_UNIT_WEEK] = 7 * (int64_t)DAY_MS,
                                         [ASSAY_UNIT_MONTH] = 31 * (int64_t)DAY_MS};
    return longest_ms[unit] * ((int64_t)back + 1) + 2 * zone->spread_ms;
}
