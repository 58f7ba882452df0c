#include "bench/features/bench.h"

#include <stdlib.h>
#include <sys/mman.h>

/*
 * The distance to the machine: whatever an engine computes, an event of a random key has to bring
 * that key's lines into the core. Here nothing else is done: consecutive lines of a random record,
 * prefetched a group at a time just as the store does, over as many bytes as the store's records.
 */

enum { LINE_BYTES = 64, GROUP_MAX = 64 };

static uint64_t *map_records(uint64_t bytes)
{
    void *region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(region, bytes, MADV_HUGEPAGE); /* as the store's memory is */
    uint64_t *words = region;
    for (uint64_t i = 0; i < bytes / sizeof *words; i += LINE_BYTES / sizeof *words) {
        words[i] = i;
    }
    return words;
}

static uint64_t read_group(const uint64_t *words, const uint64_t places[], size_t count,
                           uint64_t lines)
{
    const size_t line_words = LINE_BYTES / sizeof *words;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint64_t line = 0; line < lines; line++) {
            __builtin_prefetch(&words[places[i] + line * line_words]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (uint64_t line = 0; line < lines; line++) {
            sum += words[places[i] + line * line_words];
        }
    }
    return sum;
}

int bench_lines(const struct bench_options *options)
{
    struct stream stream;
    const uint64_t record_lines = options->state_bytes / options->keys / LINE_BYTES;
    const uint64_t stride = record_lines > options->lines ? record_lines : options->lines;
    uint64_t *words = map_records(options->keys * stride * LINE_BYTES);
    const size_t group = options->group == 0 ? 1 : (size_t)options->group;
    if (words == NULL || group > GROUP_MAX ||
        !stream_open(&stream, options->mix, options->events, options->keys)) {
        (void)fprintf(stderr, "bench_features: no memory, or a stream that cannot be\n");
        return 71;
    }
    static uint64_t places[BENCH_BATCH];
    volatile uint64_t sink = 0;
    uint64_t spent_ns = 0;
    while (stream.made + BENCH_BATCH <= stream.events) {
        for (size_t i = 0; i < BENCH_BATCH; i++) {
            /* Neighbours in number are no neighbours in memory. */
            const uint64_t spread = stream_next(&stream).key * UINT64_C(0x9E3779B1) % options->keys;
            places[i] = spread * stride * (LINE_BYTES / sizeof *words);
        }
        const uint64_t start = assay_clock_thread_cpu_ns();
        for (size_t i = 0; i < BENCH_BATCH; i += group) {
            const size_t count = BENCH_BATCH - i < group ? BENCH_BATCH - i : group;
            sink = sink + read_group(words, &places[i], count, options->lines);
        }
        spent_ns += assay_clock_thread_cpu_ns() - start;
    }
    (void)printf("{\"events\": %llu, \"ns\": %.2f, \"lines\": %llu, \"bytes\": %llu}\n",
                 (unsigned long long)stream.made, (double)spent_ns / (double)stream.made,
                 (unsigned long long)options->lines,
                 (unsigned long long)(options->keys * stride * LINE_BYTES));
    return 0;
}
