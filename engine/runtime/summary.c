#include "engine/runtime/summary.h"

#include "engine/base/clock.h"

void assay_summary_count(struct assay_run_summary *summary, const struct assay_policies *policies,
                         const struct assay_decision *decision)
{
    ASSAY_ASSERT(summary != NULL && policies != NULL);
    const struct assay_str policy = assay_policy_name(policies->items[decision->policy]);
    for (uint32_t i = 0; i < summary->outcome_count; i++) {
        struct assay_outcome_count *known = &summary->outcomes[i];
        if (assay_str_equal(known->outcome, decision->verdict.outcome) &&
            assay_str_equal(known->policy, policy)) {
            known->count++;
            return;
        }
    }
    if (summary->outcome_count == ASSAY_SUMMARY_OUTCOMES_MAX) {
        summary->outcomes_beyond++;
        return;
    }
    summary->outcomes[summary->outcome_count++] = (struct assay_outcome_count){
        .policy = policy, .outcome = decision->verdict.outcome, .count = 1};
}

static double rate(uint64_t count, uint64_t ns)
{
    return ns == 0 ? 0 : (double)count * 1e9 / (double)ns;
}

void assay_summary_close(struct assay_run_summary *summary, const struct assay_pipeline *pipeline,
                         uint32_t shards, uint64_t start_ns, bool finished)
{
    assay_pipeline_stats(pipeline, &summary->stats);
    const struct assay_pipeline_stats *stats = &summary->stats;
    const struct assay_histogram *times = assay_pipeline_epoch_times(pipeline);
    summary->epoch_p50_ns = assay_histogram_quantile(times, 0.5);
    summary->epoch_p99_ns = assay_histogram_quantile(times, 0.99);
    summary->epoch_max_ns = times->max;
    summary->shards = shards;
    summary->wall_ns = assay_clock_monotonic_ns() - start_ns;
    summary->cpu_ns = assay_clock_process_cpu_ns();
    summary->events_per_s = rate(stats->events, summary->wall_ns);
    summary->events_per_cpu_s =
        rate(stats->events, stats->take_ns + stats->decode_ns + stats->apply_ns + stats->score_ns +
                                stats->emit_ns);
    summary->state_hash[0] = '\0';
    if (finished) {
        uint64_t hash[2];
        assay_pipeline_state_hash(pipeline, hash);
        assay_hash128_print((struct assay_hash128){.low = hash[0], .high = hash[1]},
                            summary->state_hash);
    }
}
