/*
 * zone_tool - zones as the engine sees them, for tests in other languages.
 *
 * Lines of "ZONE UNIT BACK UTC_MS" in; "LOCAL_MS BEGIN_MS END_MS REACH_MS" out, or "no STATUS".
 */
#include "features/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ZONES_MAX = 1024 };

int main(void)
{
    static const char *const units[] = {"hour", "day", "week", "month"};
    struct assay_arena *arena = assay_arena_create((size_t)1 << 28);
    char names[ZONES_MAX][65];
    const struct assay_zone *zones[ZONES_MAX];
    size_t count = 0;
    char name[65], unit[8];
    unsigned back = 0;
    int64_t utc_ms = 0;
    while (arena != NULL && scanf("%64s %7s %u %" SCNd64, name, unit, &back, &utc_ms) == 4) {
        size_t at = 0;
        while (at < count && strcmp(names[at], name) != 0) {
            at++;
        }
        if (at == count) {
            if (count == ZONES_MAX) {
                return EXIT_FAILURE;
            }
            const enum assay_status status =
                assay_zone_load(arena, assay_str_of(name), &zones[count]);
            if (status != ASSAY_OK) {
                (void)printf("no %d\n", (int)status);
                continue;
            }
            (void)snprintf(names[count++], sizeof names[0], "%s", name);
        }
        int u = 0;
        while (u < 3 && strcmp(units[u], unit) != 0) {
            u++;
        }
        const struct assay_bucket bucket =
            assay_zone_bucket(zones[at], (enum assay_unit)u, back, utc_ms);
        (void)printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                     assay_zone_local(zones[at], utc_ms), bucket.begin_ms, bucket.end_ms,
                     assay_zone_reach_ms(zones[at], (enum assay_unit)u, back));
    }
    assay_arena_destroy(arena);
    return EXIT_SUCCESS;
}
