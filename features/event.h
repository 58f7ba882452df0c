/*
 * features/event.h - one decoded event: typed fields over borrowed bytes.
 *
 * A decoder fills it, the store reads it. Nothing in it is owned: text points into the message or
 * into the decoder's scratch, so an event lives as long as the batch it was decoded in.
 */
#ifndef ASSAY_FEATURES_EVENT_H
#define ASSAY_FEATURES_EVENT_H

#include "features/schema.h"

/** One field's value; which member counts follows from the field's definition. */
union assay_field {
    int64_t integer;       /* int, decimal (scaled), bool (0/1), time (ms) */
    double real;           /* real */
    struct assay_str text; /* category, key, text: ptr not NULL */
    const double *vector;  /* vector: dims components */
};

struct assay_event {
    uint32_t type;                              /* index into schema->events */
    uint32_t bytes;                             /* size of the message it came from */
    int64_t time_ms;                            /* event time, ms since the Unix epoch */
    struct assay_str id;                        /* ptr NULL: no id */
    uint64_t present;                           /* bit f: field f is not null */
    union assay_field fields[ASSAY_FIELDS_MAX]; /* [0, field_count) of its type are valid */
};

/** Is field @p field of @p event present (not null)? Thread: any. */
static inline bool assay_event_has(const struct assay_event *event, uint32_t field)
{
    return (event->present >> field & 1U) != 0;
}

/**
 * A numeric field as the f64 that expressions see: int, bool, time as is; decimal(n) the f64
 * nearest to x / 10^n; NaN when null. Not for text and vectors. Thread: any.
 */
double assay_event_number(const struct assay_event *event, const struct assay_event_def *def,
                          uint32_t field);

/**
 * The bytes that order events of equal time: id (missing first, then bytes), then the event type,
 * then the fields' canonical bytes in definition order (docs/design.md, ties).
 *
 * @param size room in @p out; nothing past it is written.
 * @return bytes needed; more than @p size means that @p out holds only a part.
 * Thread: any. Cost: one pass over the event.
 */
size_t assay_event_tie(const struct assay_event *event, const struct assay_event_def *def,
                       size_t size, uint8_t out[]);

#endif
