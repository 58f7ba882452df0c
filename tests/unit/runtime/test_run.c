#include "tests/unit/runtime/world.h"

#include "engine/base/frame.h"
#include "engine/base/hash.h"
#include "engine/emit/audit.h"
#include "engine/runtime/epoch_log.h"
#include "engine/runtime/replay.h"
#include "engine/runtime/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTITIONS = 3 };

/* A lender in a folder of its own: inputs, a state folder, a sink and dead letters as files. */
struct lender {
    struct world world;
    struct history history;
    char folder[64];
    struct assay_file_source sources[PARTITIONS];
    char inputs[PARTITIONS][32];
    struct assay_sink sink;
    struct assay_sink dead;
};

static struct assay_str within(struct lender *lender, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", lender->folder, name);
    return assay_arena_copy(lender->world.arena, assay_str_of(path));
}

static void write_inputs(struct lender *lender)
{
    for (size_t p = 0; p < PARTITIONS; p++) {
        FILE *file = fopen(within(lender, lender->inputs[p]).ptr, "w");
        assert_non_null(file);
        for (size_t i = 0; i < lender->history.counts[p]; i++) {
            const struct assay_str line = lender->history.lines[p][i];
            (void)fprintf(file, "%.*s\n", (int)line.len, line.ptr);
        }
        assert_int_equal(fclose(file), 0);
    }
}

static void lender_init(struct lender *lender, uint64_t seed, size_t events)
{
    world_init(&lender->world, true);
    history_init(&lender->history, seed, PARTITIONS, events);
    (void)snprintf(lender->folder, sizeof lender->folder, "/tmp/assay-run-XXXXXX");
    assert_non_null(mkdtemp(lender->folder));
    for (size_t p = 0; p < PARTITIONS; p++) {
        (void)snprintf(lender->inputs[p], sizeof lender->inputs[p], "in%zu.jsonl", p);
        lender->sources[p] = (struct assay_file_source){.path = within(lender, lender->inputs[p])};
    }
    lender->sink =
        (struct assay_sink){.kind = ASSAY_SINK_FILE, .path = within(lender, "out.jsonl")};
    lender->dead =
        (struct assay_sink){.kind = ASSAY_SINK_FILE, .path = within(lender, "dead.jsonl")};
    lender->world.config.folder = lender->folder;
    struct assay_settings *settings = &lender->world.settings;
    settings->state = within(lender, "state");
    settings->file_sources = lender->sources;
    settings->file_source_count = PARTITIONS;
    settings->sinks = &lender->sink;
    settings->sink_count = 1;
    settings->dead_letters = &lender->dead;
    write_inputs(lender);
}

static void lender_fini(struct lender *lender)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", lender->folder);
    assert_int_equal(system(command), 0);
    history_fini(&lender->history);
    world_fini(&lender->world);
}

static void forget(struct lender *lender)
{
    static const char *const names[] = {"out.jsonl", "dead.jsonl", "state/epochs.log",
                                        "state/audit.log"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(within(lender, names[i]).ptr);
    }
}

static void run_ok(struct lender *lender, uint64_t decisions_max, uint32_t shards,
                   struct assay_run_summary *summary)
{
    struct assay_err err;
    const struct assay_run_options options = {
        .config = &lender->world.config, .decisions_max = decisions_max, .shards = shards};
    const enum assay_status status = assay_run(&options, summary, &err);
    if (status != ASSAY_OK) {
        char text[1024];
        assay_err_format(&err, sizeof text, text);
        fail_msg("%s", text);
    }
}

enum { SEEN_MAX = 1 << 16 };

/* The lines of a file, each once, in the order of their first appearance. */
static struct tape unique_lines(const char *path)
{
    struct tape tape = {0};
    char line[4096];
    uint64_t *seen = calloc(SEEN_MAX, sizeof *seen);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(seen);
    while (fgets(line, sizeof line, file) != NULL) {
        const uint64_t hash = assay_hash64(line, strlen(line), 0) | 1;
        size_t at = hash % SEEN_MAX;
        while (seen[at] != 0 && seen[at] != hash) {
            at = (at + 1) % SEEN_MAX;
        }
        if (seen[at] == 0) {
            seen[at] = hash;
            tape_add(&tape, "%s", line);
        }
    }
    free(seen);
    (void)fclose(file);
    return tape;
}

/* Every decision of the audit log, and how many marks and plans it has. */
static struct tape audit_decisions(struct lender *lender, size_t *plans)
{
    struct assay_frame_reader *reader = NULL;
    struct assay_frame frame;
    struct assay_err err;
    struct tape tape = {0};
    *plans = 0;
    assert_int_equal(assay_frame_reader_open(&reader, within(lender, "state/audit.log").ptr,
                                             ASSAY_AUDIT_MAGIC, &err),
                     ASSAY_OK);
    while (assay_frame_next(reader, &frame, &err) == ASSAY_OK) {
        *plans += frame.type == ASSAY_AUDIT_PLAN ? 1 : 0;
        for (uint32_t i = 0; frame.type == ASSAY_AUDIT_DECISION && i < frame.bytes; i++) {
            tape_add(&tape, "%02x", frame.payload[i]);
        }
        tape_add(&tape, frame.type == ASSAY_AUDIT_DECISION ? "\n" : "%s", "");
    }
    assay_frame_reader_close(reader);
    return tape;
}

struct outcome {
    struct tape decisions;
    struct tape dead;
    struct tape audit;
    char hash[ASSAY_HASH_TEXT_BYTES];
};

static struct outcome outcome_of(struct lender *lender, const struct assay_run_summary *summary)
{
    size_t plans = 0;
    struct outcome outcome = {
        .decisions = unique_lines(within(lender, "out.jsonl").ptr),
        .dead = unique_lines(within(lender, "dead.jsonl").ptr),
        .audit = audit_decisions(lender, &plans),
    };
    assert_int_equal(plans, 1);
    memcpy(outcome.hash, summary->state_hash, sizeof outcome.hash);
    return outcome;
}

static void outcome_free(struct outcome *outcome)
{
    free(outcome->decisions.text);
    free(outcome->dead.text);
    free(outcome->audit.text);
}

static void assert_same_tape(const struct tape *a, const struct tape *b)
{
    assert_int_equal(a->used, b->used);
    assert_memory_equal(a->text, b->text, a->used);
}

static void assert_same_outcome(const struct outcome *a, const struct outcome *b)
{
    assert_same_tape(&a->decisions, &b->decisions);
    assert_same_tape(&a->dead, &b->dead);
    assert_same_tape(&a->audit, &b->audit);
    assert_string_equal(a->hash, b->hash);
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static void a_restart_of_a_finished_run_compares_everything_and_sends_nothing(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary first;
    struct assay_run_summary second;
    lender_init(&lender, 3, 5000);
    run_ok(&lender, 0, 2, &first);
    assert_true(first.decisions_sent > 500);
    assert_int_equal(first.decisions_sent, first.stats.decisions);
    assert_true(first.dead_letters_sent > 50);
    assert_int_equal(first.epochs_recorded, 0);
    struct outcome before = outcome_of(&lender, &first);
    const off_t sink_bytes = size_of(within(&lender, "out.jsonl").ptr);
    const off_t dead_bytes = size_of(within(&lender, "dead.jsonl").ptr);
    run_ok(&lender, 0, 3, &second);
    assert_int_equal(second.epochs_recorded, first.stats.epochs);
    assert_int_equal(second.decisions_sent, 0);
    assert_int_equal(second.dead_letters_sent, 0);
    assert_int_equal(second.decisions_compared, first.decisions_sent);
    assert_int_equal(second.decisions_differing, 0);
    assert_int_equal(size_of(within(&lender, "out.jsonl").ptr), sink_bytes);
    assert_int_equal(size_of(within(&lender, "dead.jsonl").ptr), dead_bytes);
    struct outcome after = outcome_of(&lender, &second);
    assert_same_outcome(&before, &after);
    outcome_free(&before);
    outcome_free(&after);
    lender_fini(&lender);
}

static void a_run_stopped_after_any_epoch_goes_on_where_it_was(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary summary;
    lender_init(&lender, 7, 5000);
    run_ok(&lender, 0, 2, &summary);
    struct outcome whole = outcome_of(&lender, &summary);
    forget(&lender);
    uint64_t sent = 0;
    for (uint32_t part = 0; part < 4; part++) {
        run_ok(&lender, 150, 1 + part % 3, &summary);
        assert_int_equal(summary.decisions_compared, sent);
        sent += summary.decisions_sent;
    }
    run_ok(&lender, 0, 2, &summary);
    assert_int_equal(sent + summary.decisions_sent, summary.stats.decisions);
    struct outcome parts = outcome_of(&lender, &summary);
    assert_same_outcome(&whole, &parts);
    outcome_free(&whole);
    outcome_free(&parts);
    lender_fini(&lender);
}

/* Copy the first @p bytes of a file over another. */
static void copy_cut(const char *from, const char *to, off_t bytes)
{
    char *text = malloc((size_t)bytes + 1);
    assert_non_null(text);
    const int in = open(from, O_RDONLY);
    assert_int_equal(read(in, text, (size_t)bytes), bytes);
    (void)close(in);
    const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(out, text, (size_t)bytes), bytes);
    (void)close(out);
    free(text);
}

/* Where the records of the audit log that speak of epochs <= @p epoch end. */
static off_t audit_end_of(const char *path, uint64_t epoch)
{
    struct assay_frame_reader *reader = NULL;
    struct assay_frame frame;
    struct assay_err err;
    off_t end = 8;
    assert_int_equal(assay_frame_reader_open(&reader, path, ASSAY_AUDIT_MAGIC, &err), ASSAY_OK);
    while (assay_frame_next(reader, &frame, &err) == ASSAY_OK) {
        uint64_t mark = 0;
        if (frame.type == ASSAY_AUDIT_MARK) {
            memcpy(&mark, frame.payload, 8);
        }
        if (mark > epoch) {
            break;
        }
        if (frame.type != ASSAY_AUDIT_DECISION) {
            end = (off_t)(frame.offset + ASSAY_FRAME_HEADER_BYTES + frame.bytes);
        }
    }
    assay_frame_reader_close(reader);
    return end;
}

static uint64_t epochs_in(const char *path, const struct lender *lender)
{
    struct assay_arena *arena = assay_arena_create(1 << 20);
    struct assay_epoch_table table;
    struct assay_err err;
    (void)lender;
    assert_int_equal(assay_epoch_table_read(&table, arena, path, &err), ASSAY_OK);
    assay_arena_destroy(arena);
    return table.epoch_count;
}

/* A kill at any instant leaves some bytes of the epoch log, and an audit log that knows no more
 * than those epochs, possibly torn. Sinks may hold more than the audit log says. */
static void a_run_killed_at_any_byte_ends_with_the_same_audit_and_state(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary summary;
    uint64_t random = 99;
    uint64_t compared = 0;
    lender_init(&lender, 13, 6000);
    for (int part = 0; part < 4; part++) {
        run_ok(&lender, 100, 2, &summary); /* each end is a mark in the audit log */
    }
    run_ok(&lender, 0, 2, &summary);
    struct outcome whole = outcome_of(&lender, &summary);
    const char *epochs = within(&lender, "state/epochs.log").ptr;
    const char *audit = within(&lender, "state/audit.log").ptr;
    const char *epochs_copy = within(&lender, "epochs.copy").ptr;
    const char *audit_copy = within(&lender, "audit.copy").ptr;
    const char *sink = within(&lender, "out.jsonl").ptr;
    const char *sink_copy = within(&lender, "out.copy").ptr;
    copy_cut(epochs, epochs_copy, size_of(epochs));
    copy_cut(audit, audit_copy, size_of(audit));
    copy_cut(sink, sink_copy, size_of(sink));
    for (int kill = 0; kill < 14; kill++) {
        const off_t epoch_bytes =
            (off_t)(test_random(&random) % (uint64_t)size_of(epochs_copy)) + 1;
        copy_cut(epochs_copy, epochs, epoch_bytes);
        const uint64_t left = epochs_in(epochs, &lender);
        off_t audit_bytes = audit_end_of(audit_copy, left);
        if (kill % 3 != 0) {
            audit_bytes -= (off_t)(test_random(&random) % (uint64_t)audit_bytes);
        }
        copy_cut(audit_copy, audit, audit_bytes);
        copy_cut(sink_copy, sink, size_of(sink_copy));
        run_ok(&lender, 0, 1 + (uint32_t)kill % 4, &summary);
        assert_int_equal(summary.epochs_recorded, left);
        assert_int_equal(summary.decisions_differing, 0);
        compared += summary.decisions_compared;
        struct outcome again = outcome_of(&lender, &summary);
        assert_same_outcome(&whole, &again);
        outcome_free(&again);
    }
    assert_true(compared > 1000);
    outcome_free(&whole);
    lender_fini(&lender);
}

/* Whatever the clock and the pieces of the live run were. */
static void a_recorded_replay_gives_the_decisions_of_the_run_byte_for_byte(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary live;
    struct assay_err err;
    lender_init(&lender, 37, 5000);
    for (int part = 0; part < 3; part++) {
        run_ok(&lender, 100, 2, &live);
    }
    run_ok(&lender, 0, 3, &live);
    const struct assay_str sink = within(&lender, "out.jsonl");
    char *expected = malloc((size_t)size_of(sink.ptr));
    assert_non_null(expected);
    FILE *file = fopen(sink.ptr, "r");
    assert_int_equal(fread(expected, 1, (size_t)size_of(sink.ptr), file), size_of(sink.ptr));
    (void)fclose(file);
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct assay_run_summary summary;
        const struct assay_replay_options options = {
            .config = &lender.world.config,
            .recorded = within(&lender, "state").ptr,
            .decisions = within(&lender, "again.jsonl").ptr,
            .shards = shards,
        };
        assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_OK);
        assert_int_equal(summary.epochs_recorded, live.stats.epochs);
        assert_string_equal(summary.state_hash, live.state_hash);
        assert_int_equal(size_of(options.decisions), size_of(sink.ptr));
        char *again = malloc((size_t)size_of(sink.ptr));
        file = fopen(options.decisions, "r");
        assert_int_equal(fread(again, 1, (size_t)size_of(sink.ptr), file), size_of(sink.ptr));
        (void)fclose(file);
        assert_memory_equal(again, expected, (size_t)size_of(sink.ptr));
        free(again);
    }
    free(expected);
    lender_fini(&lender);
}

static void a_decision_that_comes_out_otherwise_is_counted_and_not_sent(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary first;
    struct assay_run_summary second;
    lender_init(&lender, 17, 3000);
    run_ok(&lender, 0, 2, &first);
    /* An operator edits history: one amount of the first file. */
    const char *input = within(&lender, "in0.jsonl").ptr;
    char *text = malloc((size_t)size_of(input) + 1);
    FILE *file = fopen(input, "r+");
    assert_non_null(text);
    assert_non_null(file);
    const size_t size = fread(text, 1, (size_t)size_of(input), file);
    text[size] = '\0';
    for (char *at = strstr(text, "\"amount\":"); at != NULL; at = strstr(at + 9, "\"amount\":")) {
        at[9] = at[9] == '9' ? '1' : '9';
    }
    rewind(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(text);
    run_ok(&lender, 0, 2, &second);
    assert_int_equal(second.decisions_sent, 0);
    assert_int_equal(second.decisions_compared, first.decisions_sent);
    assert_true(second.decisions_differing > 0);
    lender_fini(&lender);
}

/* Other events lie where the recorded ones lay: a topic was made anew under its old name. Ids name
 * places, so sending what comes out would give sinks a second value under an id they know. */
static void of_other_events_in_the_same_places_nothing_is_sent(void **state)
{
    (void)state;
    struct lender lender;
    struct lender other;
    struct assay_run_summary first;
    struct assay_run_summary second;
    lender_init(&lender, 41, 3000);
    lender_init(&other, 43, 6000);
    run_ok(&lender, 0, 2, &first);
    const off_t sent = size_of(within(&lender, "out.jsonl").ptr);
    const off_t audited = size_of(within(&lender, "state/audit.log").ptr);
    for (size_t p = 0; p < PARTITIONS; p++) {
        assert_true(other.history.counts[p] >= lender.history.counts[p]);
        other.history.counts[p] = lender.history.counts[p];
    }
    write_inputs(&other);
    for (size_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(
            rename(within(&other, other.inputs[p]).ptr, within(&lender, lender.inputs[p]).ptr), 0);
    }
    run_ok(&lender, 0, 2, &second);
    assert_int_equal(second.decisions_sent, 0);
    assert_true(second.decisions_differing > 100);
    assert_int_equal(size_of(within(&lender, "out.jsonl").ptr), sent);
    assert_int_equal(size_of(within(&lender, "state/audit.log").ptr), audited);
    lender_fini(&other);
    lender_fini(&lender);
}

static void refuse(struct lender *lender, enum assay_status expected, const char *what)
{
    struct assay_run_summary summary;
    struct assay_err err;
    const struct assay_run_options options = {.config = &lender->world.config};
    assert_int_equal(assay_run(&options, &summary, &err), expected);
    char text[1024];
    assay_err_format(&err, sizeof text, text);
    if (strstr(text, what) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, what);
    }
}

static void what_cannot_be_repeated_is_refused_with_a_remedy(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary summary;
    lender_init(&lender, 19, 3000);
    run_ok(&lender, 0, 2, &summary);
    struct assay_plan other = *lender.world.config.plan;
    const struct assay_plan *plan = lender.world.config.plan;
    other.hash[0]++;
    lender.world.config.plan = &other;
    refuse(&lender, ASSAY_E_CONFIG, "restore those definitions");
    lender.world.config.plan = plan;
    lender.world.settings.file_source_count = 2;
    refuse(&lender, ASSAY_E_CONFIG, "in2.jsonl:0");
    lender.world.settings.file_source_count = 0;
    refuse(&lender, ASSAY_E_CONFIG, "sources: there is none");
    lender.world.settings.file_source_count = 3;
    assert_int_equal(truncate(within(&lender, "in1.jsonl").ptr, 1000), 0);
    refuse(&lender, ASSAY_E_UNAVAILABLE, "ends before what was recorded");
    (void)unlink(within(&lender, "state/epochs.log").ptr);
    refuse(&lender, ASSAY_E_CONFIG, "shorter than the audit log says");
    lender_fini(&lender);
}

static void a_second_process_is_told_who_has_the_folder(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary summary;
    char owner[32];
    lender_init(&lender, 23, 100);
    run_ok(&lender, 0, 1, &summary);
    /* The lock belongs to the open file, so a second opening stands for a second process. */
    const int fd = open(within(&lender, "state/lock").ptr, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    (void)snprintf(owner, sizeof owner, "process %ld", (long)getpid());
    refuse(&lender, ASSAY_E_BUSY, owner);
    (void)close(fd);
    run_ok(&lender, 0, 1, &summary);
    lender_fini(&lender);
}

static void a_stop_asked_for_before_the_start_ends_cleanly(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary summary;
    struct assay_err err;
    const _Atomic bool stop = true;
    lender_init(&lender, 29, 2000);
    const struct assay_run_options options = {.config = &lender.world.config, .stop = &stop};
    assert_int_equal(assay_run(&options, &summary, &err), ASSAY_OK);
    assert_int_equal(summary.stats.messages, 0);
    run_ok(&lender, 0, 2, &summary);
    assert_true(summary.decisions_sent > 100);
    lender_fini(&lender);
}

static void a_sink_that_fails_ends_the_run_and_nothing_is_lost(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary summary;
    lender_init(&lender, 31, 4000);
    run_ok(&lender, 0, 2, &summary);
    struct outcome whole = outcome_of(&lender, &summary);
    forget(&lender);
    lender.sink.path = assay_str_of("/dev/full");
    refuse(&lender, ASSAY_E_IO, "/dev/full");
    lender.sink.path = within(&lender, "out.jsonl");
    run_ok(&lender, 0, 2, &summary);
    assert_true(summary.epochs_recorded > 0);
    struct outcome again = outcome_of(&lender, &summary);
    assert_same_outcome(&whole, &again);
    outcome_free(&whole);
    outcome_free(&again);
    lender_fini(&lender);
}

/* An input as zstd whose end is missing: blocks stored as they are, none of them the last. */
static void write_cut_zstd(struct lender *lender, size_t input)
{
    enum { BLOCK_BYTES_MAX = 1 << 16 };
    static const uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58};
    FILE *file = fopen(within(lender, lender->inputs[input]).ptr, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
    for (size_t i = 0; i < lender->history.counts[input]; i++) {
        const struct assay_str line = lender->history.lines[input][i];
        const uint32_t block = (line.len + 1) << 3;
        assert_true(line.len < BLOCK_BYTES_MAX);
        const uint8_t size[] = {(uint8_t)block, (uint8_t)(block >> 8), (uint8_t)(block >> 16)};
        assert_int_equal(fwrite(size, 1, sizeof size, file), sizeof size);
        (void)fprintf(file, "%.*s\n", (int)line.len, line.ptr);
    }
    assert_int_equal(fclose(file), 0);
}

/* If the source cannot be mended, what it led to must not be lost; if it can, not repeated. */
static void what_was_decided_before_a_source_failed_is_delivered_once(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary whole;
    struct assay_run_summary rest;
    lender_init(&lender, 47, 4000);
    run_ok(&lender, 0, 2, &whole);
    const off_t sink_bytes = size_of(within(&lender, "out.jsonl").ptr);
    const off_t dead_bytes = size_of(within(&lender, "dead.jsonl").ptr);
    forget(&lender);
    write_cut_zstd(&lender, 0);
    refuse(&lender, ASSAY_E_FORMAT, "in the middle of a frame");
    write_inputs(&lender);
    run_ok(&lender, 0, 2, &rest);
    assert_true(rest.decisions_compared > 100);
    assert_int_equal(rest.decisions_compared + rest.decisions_sent, whole.decisions_sent);
    assert_int_equal(size_of(within(&lender, "out.jsonl").ptr), sink_bytes);
    assert_int_equal(size_of(within(&lender, "dead.jsonl").ptr), dead_bytes);
    assert_string_equal(rest.state_hash, whole.state_hash);
    lender_fini(&lender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_of_a_finished_run_compares_everything_and_sends_nothing),
        cmocka_unit_test(a_run_stopped_after_any_epoch_goes_on_where_it_was),
        cmocka_unit_test(a_run_killed_at_any_byte_ends_with_the_same_audit_and_state),
        cmocka_unit_test(a_recorded_replay_gives_the_decisions_of_the_run_byte_for_byte),
        cmocka_unit_test(a_decision_that_comes_out_otherwise_is_counted_and_not_sent),
        cmocka_unit_test(of_other_events_in_the_same_places_nothing_is_sent),
        cmocka_unit_test(what_cannot_be_repeated_is_refused_with_a_remedy),
        cmocka_unit_test(a_second_process_is_told_who_has_the_folder),
        cmocka_unit_test(a_stop_asked_for_before_the_start_ends_cleanly),
        cmocka_unit_test(a_sink_that_fails_ends_the_run_and_nothing_is_lost),
        cmocka_unit_test(what_was_decided_before_a_source_failed_is_delivered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
