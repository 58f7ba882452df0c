/*
 * engine/base/log.h - one JSON object a line on stderr, for operators and their tools.
 *
 * {"time":"2026-01-31T12:00:00.000Z","level":"warn","event":"broker_down","text":"..."}; a call
 * site writes at most a few lines a second, and says in its next line how many it held back.
 */
#ifndef ASSAY_BASE_LOG_H
#define ASSAY_BASE_LOG_H

#include "engine/base/assert.h"

#include <stdatomic.h>
#include <stdint.h>

enum assay_log_level { ASSAY_LOG_DEBUG, ASSAY_LOG_INFO, ASSAY_LOG_WARN, ASSAY_LOG_ERROR };

/** State of one call site. Zero-initialised. Discipline: any thread; counters are hints. */
struct assay_log_site {
    _Atomic uint64_t window; /* second since start in which `written` counts */
    _Atomic uint32_t written;
    _Atomic uint32_t held_back;
};

/** Lines a second of one call site; what is over is counted. */
enum { ASSAY_LOG_LINES_PER_S = 5 };

/** Write less than @p level no more; the default is ASSAY_LOG_INFO. Thread: any. */
void assay_log_set_level(enum assay_log_level level);
/** Write one line. @param event a stable snake_case name. Thread: any. Cost: one write(2). */
void assay_log_write(struct assay_log_site *site, enum assay_log_level level, const char *event,
                     const char *format, ...) ASSAY_PRINTF(4, 5);

/** Log from here, with this place's own rate limit. */
#define ASSAY_LOG(level, event, ...)                                                               \
    do {                                                                                           \
        static struct assay_log_site assay_log_here;                                               \
        assay_log_write(&assay_log_here, ASSAY_LOG_##level, event, __VA_ARGS__);                   \
    } while (0)

#endif
