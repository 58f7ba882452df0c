/*
 * features/window.h - which events of a log an aggregate is about.
 */
#ifndef ASSAY_FEATURES_WINDOW_H
#define ASSAY_FEATURES_WINDOW_H

#include "features/zone.h"

enum assay_span_kind {
    ASSAY_SPAN_SLIDING,  /* (t - span, t], then the newest last_n of it */
    ASSAY_SPAN_SESSION,  /* the last run of events without a longer gap, if it is still on at t */
    ASSAY_SPAN_SINCE,    /* what comes after the last landmark */
    ASSAY_SPAN_CALENDAR, /* a bucket of the calendar, up to t */
};

/** Seen from t, which is the time asked for less the delay. */
struct assay_window {
    enum assay_span_kind kind;
    int64_t span_ms;      /* 0: lifetime, session and since; CALENDAR: how far back it may begin */
    int64_t delay_ms;     /* 0: none */
    uint32_t last_n;      /* 0: all */
    int64_t gap_ms;       /* SESSION: the longest gap within */
    enum assay_unit unit; /* CALENDAR */
    uint32_t back;        /* CALENDAR: complete buckets back; 0: the one at hand */
    const struct assay_zone *zone;
    uint32_t since_stream; /* SINCE: the landmark's stream and filter */
    uint32_t since_filter;
};

/** Do two windows always hold the same? Thread: any; pure. */
static inline bool assay_window_equal(const struct assay_window *a, const struct assay_window *b)
{
    return a->kind == b->kind && a->span_ms == b->span_ms && a->delay_ms == b->delay_ms &&
           a->last_n == b->last_n && a->gap_ms == b->gap_ms && a->unit == b->unit &&
           a->back == b->back && a->zone == b->zone && a->since_stream == b->since_stream &&
           a->since_filter == b->since_filter;
}

#endif
