#include "bench/features/batch.h"

#include <string.h>

/*
 * Events are laid out before the clock starts, a batch at a time, as a decoder would hand them
 * over; under the clock each group is prefetched and then applied, sliced and summed up one by one.
 */

static struct batch batch;

struct rate {
    struct bench bench;
    struct stream stream;
    uint64_t checksum;
    uint64_t done;
    FILE *events_out;
    FILE *values_out;
};

static bool fill(struct rate *rate)
{
    batch_fill(&batch, &rate->stream);
    return rate->events_out == NULL ||
           fwrite(batch.raw, sizeof *batch.raw, batch.count, rate->events_out) == batch.count;
}

/* Every value counts with its feature and its event: runs with one sum gave the same answers. */
static void sum_up(struct rate *rate)
{
    uint64_t sum = 0;
    uint64_t weight = UINT64_C(0x9E3779B97F4A7C15);
    for (uint32_t f = 0; f < rate->bench.plan->feature_count; f++) {
        uint64_t bits = 0;
        memcpy(&bits, &rate->bench.values[f].cell.number, sizeof bits);
        sum += (bits ^ bits >> 32) * weight;
        weight += UINT64_C(0x9E3779B97F4A7C16);
    }
    rate->checksum += sum * (2 * rate->done + 1);
    rate->done++;
}

static bool write_values(struct rate *rate)
{
    for (uint32_t f = 0; f < rate->bench.plan->feature_count; f++) {
        if (fwrite(&rate->bench.values[f].cell.number, sizeof(double), 1, rate->values_out) != 1) {
            return false;
        }
    }
    return true;
}

static bool run_batch(struct rate *rate, size_t group)
{
    struct bench *bench = &rate->bench;
    for (size_t i = 0; i < batch.count; i++) {
        if (group > 0 && i % group == 0) {
            batch_prefetch(&batch, bench->store, i, group);
        }
        struct assay_touch touch;
        if (assay_store_apply(bench->store, &batch.updates[i], &touch) != ASSAY_OK) {
            (void)fprintf(stderr, "bench_features: the store is full: --memory\n");
            return false;
        }
        assay_store_slice(bench->store, &touch, bench->features, bench->plan->feature_count,
                          bench->scratch, bench->values);
        sum_up(rate);
        if (rate->values_out != NULL && !write_values(rate)) {
            return false;
        }
    }
    return true;
}

static bool open_files(struct rate *rate, const struct bench_options *options)
{
    if (options->events_file != NULL) {
        rate->events_out = fopen(options->events_file, "wb");
    }
    if (options->values_file != NULL) {
        rate->values_out = fopen(options->values_file, "wb");
    }
    return (options->events_file == NULL || rate->events_out != NULL) &&
           (options->values_file == NULL || rate->values_out != NULL);
}

static bool close_files(struct rate *rate)
{
    bool good = rate->events_out == NULL || fclose(rate->events_out) == 0;
    good = (rate->values_out == NULL || fclose(rate->values_out) == 0) && good;
    return good;
}

static void report(const struct rate *rate, uint64_t timed, uint64_t spent_ns)
{
    struct assay_store_stats stats;
    assay_store_stats(rate->bench.store, &stats);
    const uint64_t rss = bench_rss_bytes() - rate->bench.rss_before_bytes;
    (void)printf("{\"events\": %llu, \"timed\": %llu, \"ns\": %.2f, \"features\": %u, "
                 "\"checksum\": \"%016llx\", \"keys\": %llu, \"memory_bytes\": %llu, "
                 "\"rss_bytes\": %llu, \"spilled_bytes\": %llu, \"disk_bytes\": %llu}\n",
                 (unsigned long long)rate->done, (unsigned long long)timed,
                 (double)spent_ns / (double)timed, rate->bench.plan->feature_count,
                 (unsigned long long)rate->checksum, (unsigned long long)stats.keys,
                 (unsigned long long)stats.memory_bytes, (unsigned long long)rss,
                 (unsigned long long)stats.spill.bytes, (unsigned long long)stats.spill.disk_bytes);
}

/* The clock counts what comes after the warm part; a stream cut short before it counts whole. */
struct spent {
    uint64_t warm_ns, warm_events;
    uint64_t timed_ns, timed_events;
};

static int run(struct rate *rate, const struct bench_options *options, struct spent *spent)
{
    const uint64_t warm = options->events / 100 * options->warm_percent;
    const uint64_t limit_ns = options->limit_s * UINT64_C(1000000000);
    while (rate->stream.made < rate->stream.events &&
           (limit_ns == 0 || spent->warm_ns + spent->timed_ns < limit_ns)) {
        const bool counts = rate->stream.made >= warm;
        if (!fill(rate)) {
            return 74;
        }
        const uint64_t start = assay_clock_thread_cpu_ns();
        if (!run_batch(rate, (size_t)options->group)) {
            return 71;
        }
        *(counts ? &spent->timed_ns : &spent->warm_ns) += assay_clock_thread_cpu_ns() - start;
        *(counts ? &spent->timed_events : &spent->warm_events) += batch.count;
    }
    return 0;
}

int bench_rate(const struct bench_options *options)
{
    static struct rate rate;
    batch_open(&batch);
    if (!stream_open(&rate.stream, options->mix, options->events, options->keys)) {
        (void)fprintf(stderr, "bench_features: fourteen days have fewer milliseconds\n");
        return 64;
    }
    if (!bench_open(&rate.bench, options) || !open_files(&rate, options)) {
        return 71;
    }
    struct spent spent = {0};
    const int rc = run(&rate, options, &spent);
    if (rc != 0) {
        return rc;
    }
    if (spent.timed_events == 0) {
        spent.timed_ns = spent.warm_ns;
        spent.timed_events = spent.warm_events;
    }
    report(&rate, spent.timed_events, spent.timed_ns);
    bench_close(&rate.bench);
    return close_files(&rate) ? 0 : 74;
}
