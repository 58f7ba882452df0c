/*
 * features/zone.h - civil time of a named zone, and the calendar buckets that follow from it.
 *
 * A zone is a table of spans, each with one offset from UTC, read once from the system's time zone
 * data. Beyond the table its last rule goes on for ever, in cycles of 400 years. Civil time may
 * jump ahead or repeat itself; a bucket begins at the first instant whose civil time has reached
 * its beginning, so buckets follow one another without gap and may be 23 or 25 hours long.
 *
 * Memory: a zone lies in the caller's arena, immutable, shared by all threads.
 */
#ifndef ASSAY_FEATURES_ZONE_H
#define ASSAY_FEATURES_ZONE_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

enum assay_unit { ASSAY_UNIT_HOUR, ASSAY_UNIT_DAY, ASSAY_UNIT_WEEK, ASSAY_UNIT_MONTH };

struct assay_zone;

/** [begin, end), ms since the epoch. */
struct assay_bucket {
    int64_t begin_ms;
    int64_t end_ms;
};

/**
 * Load a zone by its name in the IANA database, e.g. "Europe/Berlin"; "UTC" needs no file.
 *
 * @retval ASSAY_OK
 * @retval ASSAY_E_UNKNOWN    no such zone, or no name that a zone can have.
 * @retval ASSAY_E_UNAVAILABLE the system has no time zone data.
 * @retval ASSAY_E_FORMAT     the zone's file is malformed, or counts leap seconds.
 * @retval ASSAY_E_NO_MEMORY  the arena is full.
 *
 * Owner: the arena. Thread: one at a time. Cost: reads one small file.
 */
ASSAY_MUST_CHECK enum assay_status assay_zone_load(struct assay_arena *arena, struct assay_str name,
                                                   const struct assay_zone **out);

/**
 * Read a zone from the bytes of a TZif file (RFC 8536, versions 1 to 3).
 *
 * @retval ASSAY_OK, ASSAY_E_FORMAT, ASSAY_E_NO_MEMORY as above. Owner: the arena; the bytes are not
 * kept. Thread: any. Cost: linear in the file, some thousand steps more for the rule of its footer.
 */
ASSAY_MUST_CHECK enum assay_status assay_zone_parse(struct assay_arena *arena,
                                                    const unsigned char *bytes, size_t size,
                                                    const struct assay_zone **out);

/** The known zone whose name is nearest, or an empty text. Owner: the arena. Thread: any. */
struct assay_str assay_zone_suggest(struct assay_arena *arena, struct assay_str name);

/** Civil time at an instant, as ms since 1970-01-01T00:00 on the zone's clock. Thread: any. */
int64_t assay_zone_local(const struct assay_zone *zone, int64_t utc_ms);

/** The first instant whose civil time is @p local_ms or later. Thread: any. */
int64_t assay_zone_first(const struct assay_zone *zone, int64_t local_ms);

/**
 * The bucket that holds an instant, or the @p back-th that is complete before it. A bucket without
 * an instant (an hour that is skipped) is none. Weeks begin on Monday.
 *
 * Thread: any; pure. Cost: a few searches of the table for each step back.
 */
struct assay_bucket assay_zone_bucket(const struct assay_zone *zone, enum assay_unit unit,
                                      uint32_t back, int64_t utc_ms);

/** A bound on how long before an instant the @p back-th bucket may begin. Thread: any. */
int64_t assay_zone_reach_ms(const struct assay_zone *zone, enum assay_unit unit, uint32_t back);

#endif
