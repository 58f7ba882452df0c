#include "engine/runtime/run.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/emit/audit.h"
#include "engine/emit/output.h"
#include "engine/runtime/epoch_log.h"
#include "engine/runtime/sources.h"
#include "engine/runtime/state_folder.h"

#include <stdlib.h>

enum {
    AUDIT_MS = 200,        /* at most so much is delivered and not yet marked */
    AUDIT_BYTES = 8 << 20, /* or this much kept */
    IDLE_MS = 100,         /* longest sleep while nothing arrives */
    PROGRESS_MS = 1000,
    DIFFERING_TOLD_MAX = 20,  /* decisions named in the log; all are counted */
    LINE_BYTES_MAX = 1 << 20, /* the longest decision or dead letter */
};

static const size_t ARENA_BYTES_MAX = (size_t)1 << 30;

struct run {
    const struct assay_run_options *options;
    struct assay_run_summary *summary;
    struct assay_arena *arena;
    struct assay_state_folder folder;
    struct assay_sources sources;
    struct assay_epoch_identity identity;
    struct assay_epoch_writer *writer;
    struct assay_epoch_reader *reader; /* NULL: recovery is over */
    struct assay_audit *audit;
    struct assay_output **sinks;
    size_t sink_count;
    struct assay_output *dead_letters; /* NULL: logged */
    struct assay_pipeline *pipeline;
    char *line;
    uint32_t shards;
    uint64_t recorded_count; /* epochs in the log at the start */
    uint64_t epoch;          /* the one at hand, or the last */
    bool recorded;           /* it comes from the log */
    bool uncommitted;        /* something left since the last mark */
    bool whole;              /* all of that epoch has been handed to the outputs */
    uint64_t start_ns;
    uint64_t committed_ns;
    uint64_t told_ns;
};

static bool is_stopping(const struct run *run)
{
    const _Atomic bool *stop = run->options->stop;
    /* Relaxed: a flag that carries no data. */
    return stop != NULL && atomic_load_explicit(stop, memory_order_relaxed);
}

/* ---- emitting ---- */

static enum assay_status on_epoch(void *context, const struct assay_epoch *epoch,
                                  struct assay_err *err)
{
    struct run *run = context;
    run->epoch = epoch->number;
    run->whole = false;
    if (run->recorded) {
        run->summary->epochs_recorded++;
        return ASSAY_OK;
    }
    return assay_epoch_append(run->writer, epoch, err);
}

static enum assay_status send(struct run *run, struct assay_output *output,
                              const struct assay_outgoing *record, struct assay_err *err)
{
    run->uncommitted = true;
    return output->ops->send(output, record, err);
}

static enum assay_status on_dead_letter(void *context, const struct assay_dead_letter *letter,
                                        struct assay_err *err)
{
    struct run *run = context;
    if (run->epoch <= assay_audit_marked(run->audit)) {
        return ASSAY_OK; /* delivered before the restart */
    }
    ASSAY_LOG(WARN, "dead_letter", "%s %.*s partition %u offset %llu",
              assay_dead_name(letter->reason), (int)letter->partition->topic.len,
              letter->partition->topic.ptr, letter->partition->number,
              (unsigned long long)letter->offset);
    if (run->dead_letters == NULL) {
        return ASSAY_OK;
    }
    const size_t size = assay_dead_letter_json(letter, LINE_BYTES_MAX, run->line);
    if (size > LINE_BYTES_MAX) {
        return assay_err_set(err, ASSAY_E_FULL, "dead letters", "a record is too long");
    }
    run->summary->dead_letters_sent++;
    const struct assay_outgoing record = {.value = {.ptr = run->line, .len = (uint32_t)size}};
    return send(run, run->dead_letters, &record, err);
}

static enum assay_status send_to_sinks(struct run *run, const struct assay_decision *decision,
                                       struct assay_err *err)
{
    const struct assay_policies *policies = run->options->config->policies;
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    const size_t id_bytes = assay_decision_id(decision, policies, id);
    const size_t size = assay_decision_json(decision, policies, LINE_BYTES_MAX, run->line);
    if (size > LINE_BYTES_MAX) {
        return assay_err_set(err, ASSAY_E_FULL, id, "the decision is too long");
    }
    const struct assay_outgoing record = {
        .key = assay_decision_key(decision, policies),
        .value = {.ptr = run->line, .len = (uint32_t)size},
        .id = {.ptr = id, .len = (uint32_t)id_bytes},
    };
    enum assay_status status = ASSAY_OK;
    for (size_t s = 0; s < run->sink_count && status == ASSAY_OK; s++) {
        status = send(run, run->sinks[s], &record, err);
    }
    return status;
}

static enum assay_status send_decision(struct run *run, const struct assay_decision *decision,
                                       struct assay_err *err)
{
    enum assay_status status = run->sink_count == 0 ? ASSAY_OK : send_to_sinks(run, decision, err);
    if (status == ASSAY_OK) {
        run->uncommitted = true;
        run->summary->decisions_sent++;
        assay_audit_add(run->audit);
    }
    return status;
}

/* Told and counted, and neither sent nor written: the sinks have it otherwise already. */
static void note_difference(struct run *run, const struct assay_decision *decision,
                            const char *what)
{
    if (run->summary->decisions_differing++ < DIFFERING_TOLD_MAX) {
        char id[ASSAY_DECISION_ID_BYTES_MAX];
        (void)assay_decision_id(decision, run->options->config->policies, id);
        ASSAY_LOG(ERROR, "audit_differs", "decision %s %s", id, what);
    }
}

static enum assay_status on_decision(void *context, const struct assay_decision *decision,
                                     struct assay_err *err)
{
    struct run *run = context;
    enum assay_audit_verdict verdict = ASSAY_AUDIT_NEW;
    assay_summary_count(run->summary, run->options->config->policies, decision);
    const enum assay_status status = assay_audit_check(run->audit, decision, &verdict, err);
    if (status != ASSAY_OK) {
        return status;
    }
    if (verdict == ASSAY_AUDIT_NEW && run->epoch > assay_audit_marked(run->audit)) {
        return send_decision(run, decision, err);
    }
    if (verdict == ASSAY_AUDIT_NEW) { /* up to the mark the log knows all that ever left */
        note_difference(run, decision, "comes out where the audit log has none or another");
        return ASSAY_OK;
    }
    run->summary->decisions_compared++;
    if (verdict == ASSAY_AUDIT_DIFFERENT) {
        note_difference(run, decision, "does not come out as the audit log has it");
    }
    return ASSAY_OK;
}

/* Wait for delivery, then write it down. Epochs first: the audit log never runs ahead of them. */
static enum assay_status commit(struct run *run, struct assay_err *err)
{
    enum assay_status status = assay_epoch_sync(run->writer, err);
    for (size_t s = 0; s < run->sink_count && status == ASSAY_OK; s++) {
        status = run->sinks[s]->ops->flush(run->sinks[s], err);
    }
    if (status == ASSAY_OK && run->dead_letters != NULL) {
        status = run->dead_letters->ops->flush(run->dead_letters, err);
    }
    if (status == ASSAY_OK) {
        status = assay_audit_commit(run->audit, run->epoch, err);
    }
    run->uncommitted = false;
    run->committed_ns = assay_clock_monotonic_ns();
    return status;
}

static enum assay_status poke(struct run *run, struct assay_err *err)
{
    enum assay_status status = ASSAY_OK;
    for (size_t s = 0; s < run->sink_count && status == ASSAY_OK; s++) {
        status = run->sinks[s]->ops->poke(run->sinks[s], err);
    }
    if (status == ASSAY_OK && run->dead_letters != NULL) {
        status = run->dead_letters->ops->poke(run->dead_letters, err);
    }
    return status;
}

static void tell_progress(struct run *run, uint64_t now_ns)
{
    if (run->options->progress == NULL || now_ns - run->told_ns < PROGRESS_MS * UINT64_C(1000000)) {
        return;
    }
    run->told_ns = now_ns;
    assay_summary_close(run->summary, run->pipeline, run->shards, run->start_ns, false);
    run->options->progress(run->options->context, run->summary, run->reader != NULL);
}

static enum assay_status on_flush(void *context, const struct assay_epoch *epoch,
                                  struct assay_err *err)
{
    struct run *run = context;
    (void)epoch;
    const uint64_t now_ns = assay_clock_monotonic_ns();
    tell_progress(run, now_ns);
    enum assay_status status = poke(run, err);
    const bool due = now_ns - run->committed_ns >= AUDIT_MS * UINT64_C(1000000) ||
                     assay_audit_kept(run->audit) >= AUDIT_BYTES;
    if (status == ASSAY_OK && run->uncommitted && due) {
        status = commit(run, err);
    }
    run->whole = status == ASSAY_OK;
    return status;
}

/* ---- conducting ---- */

/* The recorded epochs are done: did the audit log hold more than came out? */
static enum assay_status end_recovery(struct run *run, struct assay_err *err)
{
    uint64_t leftover = 0;
    assay_epoch_reader_close(run->reader);
    run->reader = NULL;
    const enum assay_status status = assay_audit_leftover(run->audit, &leftover, err);
    if (leftover > 0) {
        run->summary->decisions_differing += leftover;
        ASSAY_LOG(ERROR, "audit_differs",
                  "%llu decisions of the audit log did not come out of the recorded epochs",
                  (unsigned long long)leftover);
    }
    if (run->recorded_count > 0) {
        ASSAY_LOG(INFO, "recovered", "%llu epochs repeated, %llu decisions compared, %llu differ",
                  (unsigned long long)run->summary->epochs_recorded,
                  (unsigned long long)run->summary->decisions_compared,
                  (unsigned long long)run->summary->decisions_differing);
    }
    return status;
}

static enum assay_status on_next(void *context, struct assay_epoch *epoch, struct assay_err *err)
{
    struct run *run = context;
    const uint64_t enough = run->options->decisions_max;
    if (is_stopping(run) || (enough != 0 && run->summary->decisions_sent >= enough)) {
        return ASSAY_E_END;
    }
    if (run->reader != NULL) {
        enum assay_status status = assay_epoch_reader_next(run->reader, epoch, err);
        if (status != ASSAY_E_END) {
            run->recorded = true;
            return status;
        }
        status = end_recovery(run, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    if (run->options->is_enough != NULL) {
        struct assay_pipeline_stats stats;
        assay_pipeline_stats(run->pipeline, &stats);
        if (run->options->is_enough(run->options->context, stats.messages)) {
            return ASSAY_E_END;
        }
    }
    run->recorded = false;
    *epoch = (struct assay_epoch){.clock_ms = assay_clock_wall_ms()};
    return ASSAY_OK;
}

static void on_idle(void *context)
{
    struct run *run = context;
    assay_sources_wait(&run->sources, IDLE_MS);
}

/* ---- start and end ---- */

static enum assay_status open_output(struct run *run, const struct assay_sink *sink,
                                     struct assay_output **out, struct assay_err *err)
{
    if (sink->kind == ASSAY_SINK_FILE) {
        const char *path = assay_arena_copy(run->arena, sink->path).ptr;
        if (path != NULL && assay_sources_read(&run->sources, path)) {
            (void)assay_err_set(err, ASSAY_E_CONFIG, path, "is a source and a sink at once");
            assay_err_remedy(err, "write to another file");
            return ASSAY_E_CONFIG;
        }
        return path == NULL ? assay_err_set(err, ASSAY_E_NO_MEMORY, "sink", "out of memory")
                            : assay_output_file_open(out, path, false, err);
    }
    struct assay_output_property *properties =
        assay_arena_array(run->arena, sink->property_count + 1, sizeof *properties);
    if (properties == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "sink", "out of memory");
    }
    for (size_t p = 0; p < sink->property_count; p++) {
        properties[p] = (struct assay_output_property){.key = sink->properties[p].key,
                                                       .value = sink->properties[p].value};
    }
    return assay_output_kafka_open(out, sink->brokers, sink->topic, properties,
                                   sink->property_count, run->options->stop, err);
}

static enum assay_status open_outputs(struct run *run, struct assay_err *err)
{
    const struct assay_settings *settings = run->options->config->settings;
    run->sinks = assay_arena_array(run->arena, settings->sink_count + 1, sizeof *run->sinks);
    run->line = assay_arena_alloc(run->arena, LINE_BYTES_MAX);
    if (run->sinks == NULL || run->line == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "sinks", "out of memory");
    }
    enum assay_status status = ASSAY_OK;
    while (run->sink_count < settings->sink_count && status == ASSAY_OK) {
        status =
            open_output(run, &settings->sinks[run->sink_count], &run->sinks[run->sink_count], err);
        run->sink_count += status == ASSAY_OK ? 1 : 0;
    }
    if (status == ASSAY_OK && settings->dead_letters != NULL) {
        status = open_output(run, settings->dead_letters, &run->dead_letters, err);
    }
    return status;
}

/* Epochs reach the disk before the audit log knows of them, so this is no crash's work. */
static enum assay_status refuse_short_log(const struct run *run, struct assay_err *err)
{
    (void)assay_err_set(err, ASSAY_E_CONFIG, run->folder.epochs,
                        "the epoch log is shorter than the audit log says");
    assay_err_value(err, "%llu epochs, %llu in the audit log",
                    (unsigned long long)run->recorded_count,
                    (unsigned long long)assay_audit_marked(run->audit));
    assay_err_remedy(err, "restore it from a copy, or start anew with an empty state folder");
    return ASSAY_E_CONFIG;
}

/* Learn what was recorded, and go there. */
static enum assay_status open_logs(struct run *run, struct assay_err *err)
{
    const struct assay_config *config = run->options->config;
    run->identity = (struct assay_epoch_identity){
        .plan = {config->plan->hash[0], config->plan->hash[1]},
        .partitions = run->sources.partitions,
        .partition_count = run->sources.partition_count,
    };
    if (config->policies != NULL) {
        memcpy(run->identity.policies, config->policies->hash, sizeof run->identity.policies);
    }
    uint64_t *first =
        assay_arena_array(run->arena, run->sources.partition_count + 1, sizeof *first);
    if (first == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "sources", "out of memory");
    }
    enum assay_status status =
        assay_epoch_log_scan(run->folder.epochs, &run->identity, first, &run->recorded_count, err);
    if (status == ASSAY_OK) {
        status = assay_epoch_writer_open(&run->writer, run->folder.epochs, &run->identity,
                                         config->settings->sync_ms, err);
    }
    if (status == ASSAY_OK) {
        status = assay_epoch_reader_open(&run->reader, run->folder.epochs, &run->identity, err);
    }
    if (status == ASSAY_OK) {
        status = assay_audit_open(&run->audit, run->folder.audit, config->policies, err);
    }
    if (status == ASSAY_OK && assay_audit_marked(run->audit) > run->recorded_count) {
        status = refuse_short_log(run, err);
    }
    return status == ASSAY_OK ? assay_sources_start(&run->sources, first, run->shards, err)
                              : status;
}

static enum assay_status start(struct run *run, struct assay_err *err)
{
    const struct assay_run_options *options = run->options;
    const struct assay_config *config = options->config;
    const char *state = options->state != NULL
                            ? options->state
                            : assay_arena_copy(run->arena, config->settings->state).ptr;
    if (state == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "state", "out of memory");
    }
    enum assay_status status = assay_state_folder_name(&run->folder, run->arena, state, err);
    if (status == ASSAY_OK) {
        status = assay_state_folder_lock(&run->folder, err);
    }
    if (status == ASSAY_OK) {
        status = assay_sources_open(&run->sources, run->arena, config, options->until_end,
                                    options->stop, err);
    }
    if (status == ASSAY_OK) {
        status = open_logs(run, err);
    }
    return status == ASSAY_OK ? open_outputs(run, err) : status;
}

/*
 * A source failed, between two epochs. What was decided leaves all the same: events that are no
 * longer held could not be decided again. The failure is told first, for outputs may be waited for.
 */
static void deliver_the_rest(struct run *run, const struct assay_err *failure)
{
    char text[1200];
    struct assay_err err;
    assay_err_format(failure, sizeof text, text);
    ASSAY_LOG(ERROR, "stopping", "%s", text);
    if (commit(run, &err) != ASSAY_OK) {
        assay_err_format(&err, sizeof text, text);
        ASSAY_LOG(ERROR, "undelivered", "%s", text);
    }
}

static enum assay_status work(struct run *run, struct assay_err *err)
{
    const struct assay_config *config = run->options->config;
    const struct assay_emitter emitter = {
        .context = run,
        .epoch = on_epoch,
        .dead_letter = on_dead_letter,
        .decision = config->policies != NULL ? on_decision : NULL,
        .flush = on_flush,
    };
    const struct assay_conductor conductor = {.context = run, .next = on_next, .idle = on_idle};
    const struct assay_pipeline_options options = {
        .plan = config->plan,
        .policies = config->policies,
        .shards = run->shards,
        .partitions = run->sources.partitions,
        .partition_count = run->sources.partition_count,
        .feeds = run->sources.feeds,
        .homes = run->sources.homes,
        .memory_bytes = config->settings->memory_bytes,
        .spill = &config->settings->spill,
        .ids_max = config->settings->ids_max,
        .emitter = &emitter,
        .conductor = &conductor,
    };
    enum assay_status status = assay_pipeline_create(&run->pipeline, &options, err);
    if (status != ASSAY_OK) {
        return status;
    }
    run->start_ns = assay_clock_monotonic_ns();
    run->committed_ns = run->start_ns;
    status = assay_pipeline_run(run->pipeline, err);
    if (status == ASSAY_OK && run->uncommitted) {
        status = commit(run, err);
    } else if (status != ASSAY_OK && run->uncommitted && run->whole) {
        deliver_the_rest(run, err);
    }
    if (status == ASSAY_OK) {
        status = assay_epoch_sync(run->writer, err);
    }
    assay_summary_close(run->summary, run->pipeline, run->shards, run->start_ns, true);
    return status;
}

static void release(struct run *run)
{
    assay_pipeline_destroy(run->pipeline);
    for (size_t s = 0; s < run->sink_count; s++) {
        run->sinks[s]->ops->close(run->sinks[s]);
    }
    if (run->dead_letters != NULL) {
        run->dead_letters->ops->close(run->dead_letters);
    }
    assay_sources_close(&run->sources);
    assay_audit_close(run->audit);
    assay_epoch_reader_close(run->reader);
    assay_epoch_writer_close(run->writer);
    assay_state_folder_unlock(&run->folder);
    assay_arena_destroy(run->arena);
}

enum assay_status assay_run(const struct assay_run_options *options,
                            struct assay_run_summary *summary, struct assay_err *err)
{
    ASSAY_ASSERT(options != NULL && options->config != NULL && summary != NULL && err != NULL);
    memset(summary, 0, sizeof *summary);
    struct run run = {
        .options = options,
        .summary = summary,
        .arena = assay_arena_create(ARENA_BYTES_MAX),
        .folder = {.lock_fd = -1},
        .shards = options->shards != 0 ? options->shards : options->config->settings->shards,
    };
    if (run.arena == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "run", "out of memory");
    }
    enum assay_status status = start(&run, err);
    if (status == ASSAY_OK) {
        status = work(&run, err);
    }
    release(&run);
    return status;
}
