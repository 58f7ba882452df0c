#include "features/view_pvt.h"

/* Days with events: from the first event of a day the search leaps to the end of that day. */

uint64_t assay_view_days(const struct view_query *query)
{
    struct view_key first = *query->key;
    first.nth = 1;
    struct view_query rest = *query;
    rest.key = &first;
    uint64_t days = 0;
    while (position_before(rest.range.begin, rest.range.end)) {
        const struct row row = assay_view_kth(&rest, false);
        if (row.chunk == NULL) {
            break;
        }
        const struct assay_bucket day =
            assay_zone_bucket(query->key->zone, ASSAY_UNIT_DAY, 0, row_time(row));
        rest.range.begin = assay_log_after(query->layout, query->log, day.end_ms - 1);
        days++;
    }
    return days;
}
