#include "engine/base/log.h"

#include "engine/base/clock.h"
#include "engine/base/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 2048, TEXT_BYTES_MAX = 1024 };

static _Atomic int level_min = ASSAY_LOG_INFO;

void assay_log_set_level(enum assay_log_level level)
{
    /* Relaxed: a line more or less around the change does not matter. */
    atomic_store_explicit(&level_min, (int)level, memory_order_relaxed);
}

/*
 * May this site write now? Relaxed throughout: two threads that meet in a new second may both reset
 * the count, and then a few lines too many are written, which is harmless.
 */
static bool may_write(struct assay_log_site *site)
{
    const uint64_t now_s = assay_clock_monotonic_ns() / 1000000000U + 1; /* 0 is "never" */
    if (atomic_exchange_explicit(&site->window, now_s, memory_order_relaxed) != now_s) {
        atomic_store_explicit(&site->written, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&site->written, 1, memory_order_relaxed) <
        ASSAY_LOG_LINES_PER_S) {
        return true;
    }
    (void)atomic_fetch_add_explicit(&site->held_back, 1, memory_order_relaxed);
    return false;
}

static size_t put_head(char line[], size_t size, enum assay_log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const int64_t now_ms = assay_clock_wall_ms();
    const time_t now_s = (time_t)(now_ms / 1000);
    struct tm utc;
    char stamp[32];
    (void)gmtime_r(&now_s, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    return (size_t)snprintf(line, size,
                            "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"event\":\"%s\",\"text\":\"",
                            stamp, (int)(now_ms % 1000), names[level], event);
}

void assay_log_write(struct assay_log_site *site, enum assay_log_level level, const char *event,
                     const char *format, ...)
{
    ASSAY_ASSERT(site != NULL && event != NULL && format != NULL);
    if ((int)level < atomic_load_explicit(&level_min, memory_order_relaxed) || !may_write(site)) {
        return;
    }
    char text[TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    char line[LINE_BYTES_MAX];
    const size_t room = sizeof line - 64; /* for what closes the object */
    size_t used = put_head(line, room, level, event);
    used += assay_escape_json_text(assay_str_of(text), room - used, line + used);
    const uint32_t held_back = atomic_exchange_explicit(&site->held_back, 0, memory_order_relaxed);
    if (held_back == 0) {
        used += (size_t)snprintf(line + used, sizeof line - used, "\"}\n");
    } else {
        used +=
            (size_t)snprintf(line + used, sizeof line - used, "\",\"held_back\":%u}\n", held_back);
    }
    /* One write, so that lines of several threads do not mix. A log that cannot be written is no
     * reason to stop scoring. */
    const ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}
