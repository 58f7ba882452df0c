#include "engine/runtime/replay.h"

#include "engine/base/clock.h"
#include "engine/base/same_file.h"
#include "engine/runtime/epoch_log.h"
#include "engine/runtime/rows.h"
#include "engine/runtime/sources.h"
#include "engine/runtime/state_folder.h"

#include <stdatomic.h>
#include <stdio.h>

enum { PROGRESS_MS = 100 };

static const size_t ARENA_BYTES_MAX = (size_t)1 << 30;
static const size_t LINE_BYTES = (size_t)1 << 20; /* the longest decision or dead letter */

struct replay {
    const struct assay_replay_options *options;
    struct assay_run_summary *summary;
    struct assay_arena *arena;
    struct assay_pipeline *pipeline;
    struct assay_sources sources;
    struct assay_epoch_identity identity;
    struct assay_epoch_reader *reader; /* NULL: plain replay */
    uint64_t epoch_count;              /* recorded */
    const struct assay_row_layout *layout;
    struct assay_lines *rows;
    struct assay_lines *decisions;
    struct assay_lines *dead_letters;
    uint64_t start_ns;
    uint64_t told_ns; /* when progress was last told */
    uint64_t dead_count;
    struct assay_err first_dead;
};

static enum assay_status write_row(void *context, const struct assay_row *row,
                                   struct assay_err *err)
{
    struct replay *replay = context;
    assay_rows_write(replay->rows, replay->layout, row);
    return assay_lines_check(replay->rows, err);
}

/* One line whose text is made in place by a size-telling writer. */
static enum assay_status end_line(struct assay_lines *lines, char *room, size_t size,
                                  struct assay_err *err)
{
    if (size + 1 > LINE_BYTES) {
        return assay_err_set(err, ASSAY_E_FULL, "output", "a record of %zu bytes is too long",
                             size);
    }
    room[size] = '\n';
    assay_lines_advance(lines, size + 1);
    return assay_lines_check(lines, err);
}

static enum assay_status write_decision(void *context, const struct assay_decision *decision,
                                        struct assay_err *err)
{
    struct replay *replay = context;
    const struct assay_policies *policies = replay->options->config->policies;
    assay_summary_count(replay->summary, policies, decision);
    if (replay->decisions == NULL) {
        return ASSAY_OK;
    }
    char *room = assay_lines_reserve(replay->decisions, LINE_BYTES);
    return end_line(replay->decisions, room,
                    assay_decision_json(decision, policies, LINE_BYTES, room), err);
}

static enum assay_status write_dead_letter(void *context, const struct assay_dead_letter *letter,
                                           struct assay_err *err)
{
    struct replay *replay = context;
    if (replay->dead_count++ == 0) {
        char where[256];
        (void)snprintf(where, sizeof where, "%.*s:%llu", (int)letter->partition->topic.len,
                       letter->partition->topic.ptr, (unsigned long long)letter->offset + 1);
        (void)assay_err_set(&replay->first_dead, ASSAY_E_FORMAT, where, "dead letter (%s): %s",
                            assay_dead_name(letter->reason), assay_dead_text(letter->reason));
        if (letter->field.ptr != NULL) {
            assay_err_value(&replay->first_dead, "member \"%.*s\"", (int)letter->field.len,
                            letter->field.ptr);
        }
    }
    if (replay->dead_letters == NULL) {
        return ASSAY_OK;
    }
    char *room = assay_lines_reserve(replay->dead_letters, LINE_BYTES);
    return end_line(replay->dead_letters, room, assay_dead_letter_json(letter, LINE_BYTES, room),
                    err);
}

static void tell_progress(struct replay *replay)
{
    const struct assay_replay_options *options = replay->options;
    const uint64_t now_ns = assay_clock_monotonic_ns();
    if (options->progress == NULL || now_ns - replay->told_ns < PROGRESS_MS * UINT64_C(1000000)) {
        return;
    }
    struct assay_pipeline_stats stats;
    assay_pipeline_stats(replay->pipeline, &stats);
    struct assay_replay_progress progress = {
        .epochs_done = stats.epochs,
        .epochs_total = replay->epoch_count,
        .events = stats.events,
        .seconds = (double)(now_ns - replay->start_ns) / 1e9,
    };
    assay_sources_progress(&replay->sources, &progress.bytes_done, &progress.bytes_total);
    replay->told_ns = now_ns;
    options->progress(options->context, &progress);
}

static enum assay_status after_epoch(void *context, const struct assay_epoch *epoch,
                                     struct assay_err *err)
{
    struct replay *replay = context;
    (void)epoch;
    (void)err;
    tell_progress(replay);
    return ASSAY_OK;
}

static enum assay_status next_epoch(void *context, struct assay_epoch *epoch, struct assay_err *err)
{
    struct replay *replay = context;
    const _Atomic bool *stop = replay->options->stop;
    /* Relaxed: a flag that carries no data. */
    if (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed)) {
        return assay_err_set(err, ASSAY_E_UNAVAILABLE, "replay", "stopped before its end");
    }
    epoch->clock_ms = INT64_MAX;
    if (replay->reader == NULL) {
        return ASSAY_OK;
    }
    const enum assay_status status = assay_epoch_reader_next(replay->reader, epoch, err);
    replay->summary->epochs_recorded += status == ASSAY_OK ? 1 : 0;
    return status;
}

static enum assay_status open_inputs(struct replay *replay, struct assay_err *err)
{
    const struct assay_replay_options *options = replay->options;
    if (options->input_count == 0) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "replay", "of what?");
        assay_err_remedy(err, "give --input FILE..., or --recorded STATE");
        return ASSAY_E_USAGE;
    }
    const enum assay_status status =
        assay_sources_of_files(&replay->sources, replay->arena, options->config, options->inputs,
                               options->input_count, err);
    return status == ASSAY_OK ? assay_sources_start(&replay->sources, NULL, 1, err) : status;
}

/* The sources of a record: its files by their names, or Kafka as assay.yaml has it. */
static enum assay_status open_recorded_sources(struct replay *replay,
                                               const struct assay_epoch_table *table,
                                               struct assay_err *err)
{
    const struct assay_replay_options *options = replay->options;
    const char **paths =
        assay_arena_array(replay->arena, table->partition_count + 1, sizeof *paths);
    if (paths == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, options->recorded, "out of memory");
    }
    for (size_t p = 0; p < table->partition_count; p++) {
        if (!assay_str_equal(table->partitions[p].source, assay_str_of("file"))) {
            return assay_sources_open(&replay->sources, replay->arena, options->config, false,
                                      options->stop, err);
        }
        paths[p] = table->partitions[p].topic.ptr; /* copies in the arena end in NUL */
    }
    return assay_sources_of_files(&replay->sources, replay->arena, options->config, paths,
                                  table->partition_count, err);
}

static enum assay_status open_recorded(struct replay *replay, uint32_t shards,
                                       struct assay_err *err)
{
    const struct assay_replay_options *options = replay->options;
    const struct assay_config *config = options->config;
    struct assay_state_folder folder;
    struct assay_epoch_table table;
    if (options->input_count > 0) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "--input", "does not go with --recorded");
        assay_err_remedy(err, "a record names its own sources: leave out --input");
        return ASSAY_E_USAGE;
    }
    enum assay_status status =
        assay_state_folder_name(&folder, replay->arena, options->recorded, err);
    if (status == ASSAY_OK) {
        status = assay_epoch_table_read(&table, replay->arena, folder.epochs, err);
    }
    if (status == ASSAY_OK) {
        status = open_recorded_sources(replay, &table, err);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    replay->identity = (struct assay_epoch_identity){
        .plan = {config->plan->hash[0], config->plan->hash[1]},
        .partitions = replay->sources.partitions,
        .partition_count = replay->sources.partition_count,
    };
    if (config->policies != NULL) {
        memcpy(replay->identity.policies, config->policies->hash, sizeof replay->identity.policies);
    }
    uint64_t *first =
        assay_arena_array(replay->arena, replay->sources.partition_count + 1, sizeof *first);
    if (first == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, options->recorded, "out of memory");
    }
    status =
        assay_epoch_log_scan(folder.epochs, &replay->identity, first, &replay->epoch_count, err);
    if (status == ASSAY_OK) {
        status = assay_epoch_reader_open(&replay->reader, folder.epochs, &replay->identity, err);
    }
    return status == ASSAY_OK ? assay_sources_start(&replay->sources, first, shards, err) : status;
}

/* Opening an output empties it, so it must be no input, nor another output: told before any is. */
static enum assay_status check_outputs(const struct replay *replay, struct assay_err *err)
{
    static const char *const names[] = {"--rows", "--decisions", "--dead-letters"};
    const struct assay_replay_options *options = replay->options;
    const char *const paths[] = {options->rows, options->decisions, options->dead_letters};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (paths[i] != NULL && assay_sources_read(&replay->sources, paths[i])) {
            (void)assay_err_set(err, ASSAY_E_USAGE, names[i], "would overwrite an input");
            assay_err_value(err, "%s", paths[i]);
            assay_err_remedy(err, "name another file to write");
            return ASSAY_E_USAGE;
        }
        for (size_t j = 0; paths[i] != NULL && j < i; j++) {
            if (paths[j] != NULL && assay_same_file(paths[i], paths[j])) {
                (void)assay_err_set(err, ASSAY_E_USAGE, names[i], "another output goes there too");
                assay_err_value(err, "%s", paths[i]);
                assay_err_remedy(err, "give each output a file of its own");
                return ASSAY_E_USAGE;
            }
        }
    }
    return ASSAY_OK;
}

static enum assay_status open_outputs(struct replay *replay, struct assay_err *err)
{
    const struct assay_replay_options *options = replay->options;
    enum assay_status status = check_outputs(replay, err);
    if (status != ASSAY_OK) {
        return status;
    }
    if (options->decisions != NULL && options->config->policies == NULL) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "--decisions", "no policies are defined");
        assay_err_remedy(err, "add a decisions.yaml, or ask for --rows");
        return ASSAY_E_USAGE;
    }
    if (options->rows == NULL && options->rows_on != NULL) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "--on", "the rows of this event go nowhere");
        assay_err_remedy(err, "add --rows FILE");
        return ASSAY_E_USAGE;
    }
    if (options->rows != NULL) {
        if (options->rows_on == NULL) {
            (void)assay_err_set(err, ASSAY_E_USAGE, "--rows", "of which event?");
            assay_err_remedy(err, "add --on EVENT");
            return ASSAY_E_USAGE;
        }
        status = assay_rows_lay_out(&replay->layout, replay->arena, options->config->plan,
                                    assay_str_of(options->rows_on), err);
        if (status == ASSAY_OK) {
            status = assay_lines_open(&replay->rows, options->rows, err);
        }
        if (status == ASSAY_OK) {
            assay_rows_write_header(replay->rows, options->config->plan, replay->layout);
        }
    }
    if (status == ASSAY_OK && options->decisions != NULL) {
        status = assay_lines_open(&replay->decisions, options->decisions, err);
    }
    if (status == ASSAY_OK && options->dead_letters != NULL) {
        status = assay_lines_open(&replay->dead_letters, options->dead_letters, err);
    }
    return status;
}

static enum assay_status run(struct replay *replay, uint32_t shards, struct assay_err *err)
{
    const struct assay_replay_options *options = replay->options;
    const struct assay_settings *settings = options->config->settings;
    const struct assay_emitter emitter = {
        .context = replay,
        .dead_letter = write_dead_letter,
        .row = replay->rows != NULL ? write_row : NULL,
        .decision = options->config->policies != NULL ? write_decision : NULL,
        .flush = after_epoch,
    };
    const struct assay_conductor conductor = {.context = replay, .next = next_epoch};
    const struct assay_pipeline_options pipeline = {
        .plan = options->config->plan,
        .policies = options->config->policies,
        .rows = replay->layout,
        .shards = shards,
        .partitions = replay->sources.partitions,
        .partition_count = replay->sources.partition_count,
        .feeds = replay->sources.feeds,
        .homes = replay->sources.homes,
        .as_given = replay->reader == NULL,
        .memory_bytes = settings->memory_bytes,
        .ids_max = settings->ids_max,
        .hot_keys = options->hot_keys,
        .spill = &settings->spill,
        .emitter = &emitter,
        .conductor = &conductor,
    };
    enum assay_status status = assay_pipeline_create(&replay->pipeline, &pipeline, err);
    if (status != ASSAY_OK) {
        return status;
    }
    replay->start_ns = assay_clock_monotonic_ns();
    status = assay_pipeline_run(replay->pipeline, err);
    assay_summary_close(replay->summary, replay->pipeline, pipeline.shards, replay->start_ns, true);
    if (status == ASSAY_OK && options->look != NULL) {
        status = options->look(options->context, replay->pipeline, shards, err);
    }
    return status;
}

static enum assay_status finish(struct replay *replay, struct assay_err *err)
{
    struct assay_lines *const outputs[] = {replay->rows, replay->decisions, replay->dead_letters};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        const enum assay_status status =
            outputs[i] == NULL ? ASSAY_OK : assay_lines_flush(outputs[i], err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    if (replay->options->strict && replay->dead_count > 0) {
        *err = replay->first_dead;
        assay_err_remedy(err, "%llu dead letters in all; leave out --strict to go on without them",
                         (unsigned long long)replay->dead_count);
        return ASSAY_E_FORMAT;
    }
    return ASSAY_OK;
}

static void release(struct replay *replay)
{
    assay_pipeline_destroy(replay->pipeline);
    assay_sources_close(&replay->sources);
    assay_epoch_reader_close(replay->reader);
    assay_lines_close(replay->rows);
    assay_lines_close(replay->decisions);
    assay_lines_close(replay->dead_letters);
    assay_arena_destroy(replay->arena);
}

enum assay_status assay_replay(const struct assay_replay_options *options,
                               struct assay_run_summary *summary, struct assay_err *err)
{
    ASSAY_ASSERT(options != NULL && options->config != NULL && summary != NULL && err != NULL);
    memset(summary, 0, sizeof *summary);
    struct replay replay = {
        .options = options,
        .summary = summary,
        .arena = assay_arena_create(ARENA_BYTES_MAX),
    };
    if (replay.arena == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "replay", "out of memory");
    }
    const uint32_t shards =
        options->shards != 0 ? options->shards : options->config->settings->shards;
    enum assay_status status =
        options->recorded == NULL ? open_inputs(&replay, err) : open_recorded(&replay, shards, err);
    if (status == ASSAY_OK) {
        status = open_outputs(&replay, err);
    }
    if (status == ASSAY_OK) {
        status = run(&replay, shards, err);
    }
    if (status == ASSAY_OK) {
        status = finish(&replay, err);
    }
    release(&replay);
    return status;
}
