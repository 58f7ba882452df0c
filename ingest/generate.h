/*
 * ingest/generate.h - a synthetic consumer-finance lender: the event stream of config/.
 *
 * A pure function of its options: same options, same bytes. Events come in arrival order, which is
 * time order but for the settable shares of late, duplicated, clock-skewed and malformed ones.
 */
#ifndef ASSAY_INGEST_GENERATE_H
#define ASSAY_INGEST_GENERATE_H

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/str.h"

struct assay_generate_options {
    uint64_t users;
    uint32_t days;
    uint64_t seed;
    int64_t start_ms;       /* midnight UTC of the first day */
    double late_share;      /* arrive after younger events, some beyond the lateness limit */
    double duplicate_share; /* sent twice with the same id */
    double skewed_share;    /* device clock far off: hours behind or days ahead */
    double malformed_share; /* bytes that must end as dead letters */
};

struct assay_generator;

/** One event as it would arrive. Borrowed until the next call. */
struct assay_generated {
    struct assay_str line; /* JSON, no line feed */
    struct assay_str key;  /* partition key: the user; ptr NULL for malformed ones */
    int64_t time_ms;       /* true event time */
};

/**
 * Make a generator.
 *
 * @param options copied: 1 to 10,000,000 users, 1 to 3,650 days, shares of 0 to 1, and a start at a
 *                midnight of 1970 to 2100.
 * @retval ASSAY_E_RANGE an option is out of range, named in @p err. @retval ASSAY_E_NO_MEMORY
 * Owner: the arena. Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_generator_create(
    struct assay_generator **out, struct assay_arena *arena,
    const struct assay_generate_options *options, struct assay_err *err);
/** The next event. @return false at the end, or when memory ran out: ask the status. Cost:
 * amortised constant. */
bool assay_generator_next(struct assay_generator *generator, struct assay_generated *out);
/** ASSAY_OK, or ASSAY_E_NO_MEMORY: the stream ended early because the arena is full. */
enum assay_status assay_generator_status(const struct assay_generator *generator);
/** Days simulated so far, of options.days. Thread: the generator's. */
void assay_generator_progress(const struct assay_generator *generator, uint32_t *day);

/** One delayed label. */
struct assay_label {
    struct assay_str user;
    struct assay_str event_id; /* of the event that the label judges */
    const char *name;          /* "dpd30", "dpd60", "dpd90", "repaid", "churned", "responded" */
    int64_t event_ms;          /* time of the judged event */
    int64_t known_ms;          /* when the label is known */
    bool value;
    double truth; /* the true probability it was drawn with: never a feature */
};
/** The next label, after assay_generator_next() has returned false. @return false at the end. */
bool assay_generator_next_label(struct assay_generator *generator, struct assay_label *out);

#endif
