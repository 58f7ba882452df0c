#include "engine/cli/progress.h"
#include "engine/cli/show.h"

#include "engine/base/writer.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

static _Atomic bool stop_wanted;

static void on_signal(int number)
{
    /* Relaxed: the flag carries no data, and pollers will see it soon enough. */
    atomic_store_explicit(&stop_wanted, true, memory_order_relaxed);
    (void)signal(number, SIG_DFL);
}

const _Atomic bool *assay_cli_stop_flag(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return &stop_wanted;
}

static bool someone_looks(void)
{
    return isatty(STDERR_FILENO) != 0;
}

/* 1234567 as 1.23 M. */
static void print_count(double count, FILE *out)
{
    static const char *const units[] = {"", " k", " M", " G"};
    size_t unit = 0;
    while (count >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        count /= 1000;
        unit++;
    }
    (void)fprintf(out, unit == 0 ? "%.0f%s" : "%.2f%s", count, units[unit]);
}

static uint64_t dead_total(const struct assay_pipeline_stats *stats)
{
    uint64_t total = 0;
    for (int reason = 0; reason < ASSAY_DEAD_END; reason++) {
        total += stats->dead[reason];
    }
    return total;
}

void assay_cli_progress(uint64_t done, uint64_t total, uint64_t events, double seconds)
{
    enum { CELLS = 30 };
    if (!someone_looks()) {
        return;
    }
    const double share = total == 0 ? 0 : (double)done / (double)total;
    (void)fputs("\r\033[K", stderr);
    if (total != 0) {
        const int filled = (int)(share * CELLS);
        (void)fputc('[', stderr);
        for (int i = 0; i < CELLS; i++) {
            (void)fputc(i < filled ? '#' : '.', stderr);
        }
        (void)fprintf(stderr, "] %3.0f%%  ", 100 * share);
    }
    print_count((double)events, stderr);
    (void)fputs(" events", stderr);
    if (seconds > 0) {
        (void)fputs(", ", stderr);
        print_count((double)events / seconds, stderr);
        (void)fputs("/s", stderr);
    }
    if (share > 0.01 && share < 1) {
        (void)fprintf(stderr, ", %.0f s left", seconds / share * (1 - share));
    }
    (void)fflush(stderr);
}

void assay_cli_progress_live(const struct assay_run_summary *summary, bool recovering)
{
    const struct assay_pipeline_stats *stats = &summary->stats;
    if (!someone_looks()) {
        return;
    }
    (void)fputs(recovering ? "\r\033[Krecovering: " : "\r\033[K", stderr);
    print_count((double)stats->events, stderr);
    (void)fputs(" events, ", stderr);
    print_count((double)stats->decisions, stderr);
    (void)fputs(" decisions, ", stderr);
    print_count((double)dead_total(stats), stderr);
    (void)fputs(" dead letters, ", stderr);
    print_count(summary->events_per_s, stderr);
    (void)fputs(" events/s", stderr);
    (void)fflush(stderr);
}

/* Lines of the table that stand above the cursor. */
static uint32_t table_lines;

static void back_over_table(void)
{
    if (table_lines > 0) {
        (void)fprintf(stderr, "\033[%" PRIu32 "A", table_lines);
    }
    (void)fputs("\r\033[J", stderr);
    table_lines = 0;
}

void assay_cli_progress_table(const struct assay_run_summary *summary)
{
    enum { CELLS = 30 };
    if (!someone_looks()) {
        return;
    }
    back_over_table();
    for (uint32_t i = 0; i < summary->outcome_count; i++) {
        const struct assay_outcome_count *outcome = &summary->outcomes[i];
        const double share = (double)outcome->count / (double)(summary->stats.decisions + 1);
        (void)fprintf(stderr, "  %-18.*s %-18.*s %10" PRIu64 "  ", (int)outcome->policy.len,
                      outcome->policy.ptr, (int)outcome->outcome.len, outcome->outcome.ptr,
                      outcome->count);
        for (int cell = 0; cell < (int)(share * CELLS + 0.5); cell++) {
            (void)fputc('#', stderr);
        }
        (void)fputc('\n', stderr);
    }
    table_lines = summary->outcome_count;
    assay_cli_progress_live(summary, false);
}

void assay_cli_progress_clear(void)
{
    if (someone_looks()) {
        back_over_table();
        (void)fflush(stderr);
    }
}

static uint64_t cpu_ns(const struct assay_pipeline_stats *stats)
{
    return stats->take_ns + stats->decode_ns + stats->apply_ns + stats->score_ns + stats->emit_ns;
}

static void print_outcomes(const struct assay_run_summary *summary, FILE *out)
{
    for (uint32_t i = 0; i < summary->outcome_count; i++) {
        const struct assay_outcome_count *outcome = &summary->outcomes[i];
        (void)fprintf(out, "  %-18.*s %-18.*s %8" PRIu64 "\n", (int)outcome->policy.len,
                      outcome->policy.ptr, (int)outcome->outcome.len, outcome->outcome.ptr,
                      outcome->count);
    }
}

static void print_dead(const struct assay_pipeline_stats *stats, FILE *out)
{
    for (int reason = 0; reason < ASSAY_DEAD_END; reason++) {
        if (stats->dead[reason] != 0) {
            (void)fprintf(out, "  %-18s %27" PRIu64 "  %s\n",
                          assay_dead_name((enum assay_dead)reason), stats->dead[reason],
                          assay_dead_text((enum assay_dead)reason));
        }
    }
}

static void print_cpu(const struct assay_pipeline_stats *stats, FILE *out)
{
    const struct {
        const char *name;
        uint64_t ns;
    } stages[] = {{"take", stats->take_ns},
                  {"decode", stats->decode_ns},
                  {"apply", stats->apply_ns},
                  {"score", stats->score_ns},
                  {"emit", stats->emit_ns}};
    const uint64_t total = cpu_ns(stats);
    (void)fprintf(out, "CPU %.2f s:", (double)total / 1e9);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        (void)fprintf(out, " %s %.0f%%", stages[i].name,
                      total == 0 ? 0.0 : 100.0 * (double)stages[i].ns / (double)total);
    }
    (void)fputc('\n', out);
}

static void print_spill(const struct assay_spill_stats *spill, FILE *out)
{
    if (spill->state == ASSAY_SPILL_OFF) {
        return;
    }
    (void)fputs("spilled ", out);
    assay_show_bytes(spill->bytes, out);
    (void)fprintf(out, " of old events (%" PRIu64 " chunks)", spill->chunks);
    if (spill->state == ASSAY_SPILL_FULL) {
        (void)fputs("; the disk or its share is full: no more moved", out);
    } else if (spill->state == ASSAY_SPILL_FAILED) {
        (void)fputs("; THE DISK FAILED: no more moved, nothing is lost", out);
    }
    (void)fputc('\n', out);
}

static void print_summary(const struct assay_run_summary *summary, FILE *out)
{
    const struct assay_pipeline_stats *stats = &summary->stats;
    (void)fprintf(out,
                  "%" PRIu64 " messages, %" PRIu64 " events applied, %" PRIu64
                  " duplicates dropped, %" PRIu64 " dead letters; %" PRIu64 " keys",
                  stats->messages, stats->events, stats->duplicates, dead_total(stats),
                  stats->store.keys);
    if (stats->store.evicted != 0) {
        (void)fprintf(out, ", %" PRIu64 " evicted", stats->store.evicted);
    }
    if (stats->store.expired != 0) {
        (void)fprintf(out, ", %" PRIu64 " expired", stats->store.expired);
    }
    (void)fputc('\n', out);
    print_dead(stats, out);
    if (stats->rows != 0) {
        (void)fprintf(out, "%" PRIu64 " rows\n", stats->rows);
    }
    if (stats->decisions != 0) {
        (void)fprintf(out, "%" PRIu64 " decisions\n", stats->decisions);
        print_outcomes(summary, out);
    }
    if (summary->decisions_compared != 0) {
        (void)fprintf(out,
                      "%" PRIu64 " decisions compared with the audit log, %" PRIu64 " differing\n",
                      summary->decisions_compared, summary->decisions_differing);
    }
    print_spill(&stats->store.spill, out);
    print_cpu(stats, out);
    (void)fprintf(out, "%.2f s, ", (double)summary->wall_ns / 1e9);
    print_count(summary->events_per_s, out);
    (void)fputs(" events/s; ", out);
    print_count(summary->events_per_cpu_s, out);
    (void)fprintf(out, " events per CPU second; %" PRIu32 " shard%s, %" PRIu64 " epochs\n",
                  summary->shards, summary->shards == 1 ? "" : "s", stats->epochs);
    (void)fprintf(out, "an epoch takes %.2f ms (median), %.2f ms (99 %%), %.2f ms (longest)\n",
                  (double)summary->epoch_p50_ns / 1e6, (double)summary->epoch_p99_ns / 1e6,
                  (double)summary->epoch_max_ns / 1e6);
    if (summary->state_hash[0] != '\0') {
        (void)fprintf(out, "state %s\n", summary->state_hash);
    }
}

static void print_json_outcomes(const struct assay_run_summary *summary, FILE *out)
{
    (void)fputs(",\"outcomes\":[", out);
    for (uint32_t i = 0; i < summary->outcome_count; i++) {
        (void)fputs(i == 0 ? "{\"policy\":" : ",{\"policy\":", out);
        assay_print_json_text(summary->outcomes[i].policy, out);
        (void)fputs(",\"outcome\":", out);
        assay_print_json_text(summary->outcomes[i].outcome, out);
        (void)fprintf(out, ",\"count\":%" PRIu64 "}", summary->outcomes[i].count);
    }
    (void)fputc(']', out);
}

static void print_json_dead(const struct assay_pipeline_stats *stats, FILE *out)
{
    const char *comma = "";
    (void)fputs(",\"dead_letters\":{", out);
    for (int reason = 0; reason < ASSAY_DEAD_END; reason++) {
        if (stats->dead[reason] != 0) {
            (void)fprintf(out, "%s\"%s\":%" PRIu64, comma, assay_dead_name((enum assay_dead)reason),
                          stats->dead[reason]);
            comma = ",";
        }
    }
    (void)fputc('}', out);
}

static void print_summary_json(const struct assay_run_summary *summary, FILE *out)
{
    const struct assay_pipeline_stats *stats = &summary->stats;
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"messages", stats->messages},
                  {"events", stats->events},
                  {"updates", stats->updates},
                  {"duplicates", stats->duplicates},
                  {"unknown_members", stats->unknown_members},
                  {"rows", stats->rows},
                  {"feature_values", stats->feature_values},
                  {"decisions", stats->decisions},
                  {"decisions_sent", summary->decisions_sent},
                  {"decisions_compared", summary->decisions_compared},
                  {"decisions_differing", summary->decisions_differing},
                  {"dead_letters_sent", summary->dead_letters_sent},
                  {"epochs", stats->epochs},
                  {"epochs_recorded", summary->epochs_recorded},
                  {"shards", summary->shards},
                  {"keys", stats->store.keys},
                  {"keys_evicted", stats->store.evicted},
                  {"keys_expired", stats->store.expired},
                  {"expired_bytes", stats->store.expired_bytes},
                  {"memory_bytes", stats->store.memory_bytes},
                  {"index_bytes", stats->store.index_bytes},
                  {"record_bytes", stats->store.record_bytes},
                  {"log_bytes", stats->store.log_bytes},
                  {"spill_chunks", stats->store.spill.chunks},
                  {"spill_bytes", stats->store.spill.bytes},
                  {"spill_moved", stats->store.spill.moved},
                  {"spill_returned", stats->store.spill.returned},
                  {"spill_disk_bytes", stats->store.spill.disk_bytes},
                  {"spill_memory_bytes", stats->store.spill.memory_bytes},
                  {"wall_ns", summary->wall_ns},
                  {"take_ns", stats->take_ns},
                  {"decode_ns", stats->decode_ns},
                  {"apply_ns", stats->apply_ns},
                  {"score_ns", stats->score_ns},
                  {"emit_ns", stats->emit_ns},
                  {"epoch_p50_ns", summary->epoch_p50_ns},
                  {"epoch_p99_ns", summary->epoch_p99_ns},
                  {"epoch_max_ns", summary->epoch_max_ns},
                  {"cpu_ns", summary->cpu_ns}};
    (void)fputc('{', out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        (void)fprintf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", counts[i].name, counts[i].value);
    }
    (void)fprintf(out, ",\"spill\":\"%s\"", assay_spill_state_name(stats->store.spill.state));
    print_json_dead(stats, out);
    print_json_outcomes(summary, out);
    (void)fprintf(out, ",\"state_hash\":\"%s\"}\n", summary->state_hash);
}

int assay_cli_finish(enum assay_status status, bool ran, bool json,
                     const struct assay_run_summary *summary, const struct assay_err *err)
{
    assay_cli_progress_clear();
    if (ran && json) {
        print_summary_json(summary, stdout);
    } else if (ran) {
        print_summary(summary, stderr);
    }
    return status == ASSAY_OK ? ASSAY_EXIT_OK : assay_cli_fail(err);
}

int assay_cli_with_arena(int (*run)(struct assay_arena *arena, const void *options),
                         const void *options)
{
    struct assay_arena *arena = assay_arena_create(ASSAY_CLI_ARENA_BYTES_MAX);
    if (arena == NULL) {
        struct assay_err err;
        (void)assay_err_set(&err, ASSAY_E_NO_MEMORY, "assay", "out of memory");
        return assay_cli_fail(&err);
    }
    const int code = run(arena, options);
    assay_arena_destroy(arena);
    return code;
}
