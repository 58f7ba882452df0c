#include "engine/base/clock.h"

#include "engine/base/assert.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec now;
    const int failed = clock_gettime(id, &now);
    ASSAY_ASSERT(failed == 0);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

int64_t assay_clock_wall_ms(void)
{
    return (int64_t)(read_ns(CLOCK_REALTIME) / 1000000U);
}

uint64_t assay_clock_monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t assay_clock_thread_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t assay_clock_process_cpu_ns(void)
{
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}
