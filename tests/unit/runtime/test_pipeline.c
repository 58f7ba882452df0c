#include "tests/unit/runtime/world.h"

#include "engine/runtime/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A run over a history: what it emitted, and the epochs it took. */
struct log_of_epochs {
    struct assay_epoch *epochs;
    size_t count;
    size_t at;
};

struct run {
    struct world world;
    const struct assay_row_layout *layout;
    struct tape tape;
    struct log_of_epochs *record; /* to be filled, or replayed */
    bool replaying;
    bool goes_on; /* live after the record */
    bool appends; /* and the record takes the live epochs too */
    int64_t clock_ms;
    uint64_t fail_decision; /* number of the item at which the emitter fails; 0: never */
    uint64_t emitted;
    uint64_t hash[2];
    struct assay_pipeline_stats stats;
    uint32_t last_partition;
    uint64_t last_offset;
    uint64_t last_epoch;
    uint64_t flushed;
    struct assay_err err;
};

static enum assay_status fail_when_due(struct run *run, struct assay_err *err)
{
    run->emitted++;
    return run->emitted == run->fail_decision
               ? assay_err_set(err, ASSAY_E_IO, "test", "planted failure")
               : ASSAY_OK;
}

static enum assay_status on_epoch(void *context, const struct assay_epoch *epoch,
                                  struct assay_err *err)
{
    struct run *run = context;
    struct log_of_epochs *record = run->record;
    (void)err;
    assert_int_equal(epoch->number, run->last_epoch + 1);
    run->last_epoch = epoch->number;
    for (size_t r = 1; r < epoch->range_count; r++) {
        assert_true(epoch->ranges[r - 1].partition < epoch->ranges[r].partition);
    }
    if (record == NULL || epoch->number <= record->count || (run->replaying && !run->appends)) {
        return ASSAY_OK;
    }
    record->at++;
    record->epochs = realloc(record->epochs, (record->count + 1) * sizeof *record->epochs);
    assert_non_null(record->epochs);
    struct assay_range *ranges = malloc((epoch->range_count + 1) * sizeof *ranges);
    assert_non_null(ranges);
    memcpy(ranges, epoch->ranges, epoch->range_count * sizeof *ranges);
    record->epochs[record->count] = *epoch;
    record->epochs[record->count++].ranges = ranges;
    return ASSAY_OK;
}

static enum assay_status on_dead_letter(void *context, const struct assay_dead_letter *letter,
                                        struct assay_err *err)
{
    struct run *run = context;
    tape_add(&run->tape, "dead %s %.*s/%u@%" PRIu64 " %.*s\n", assay_dead_name(letter->reason),
             (int)letter->partition->topic.len, letter->partition->topic.ptr,
             letter->partition->number, letter->offset, (int)letter->field.len,
             letter->field.ptr == NULL ? "" : letter->field.ptr);
    return fail_when_due(run, err);
}

static enum assay_status on_row(void *context, const struct assay_row *row, struct assay_err *err)
{
    struct run *run = context;
    tape_add(&run->tape, "row %" PRId64, row->event->time_ms);
    for (uint32_t r = 0; r < run->layout->role_count; r++) {
        if (row->slices[r] == NULL) {
            tape_add(&run->tape, " absent");
        } else {
            tape_add_values(&run->tape, row->slices[r], run->layout->roles[r].feature_count);
        }
    }
    tape_add(&run->tape, "\n");
    return fail_when_due(run, err);
}

static enum assay_status on_decision(void *context, const struct assay_decision *decision,
                                     struct assay_err *err)
{
    struct run *run = context;
    assert_int_equal(decision->epoch, run->last_epoch);
    tape_add_decision(&run->tape, decision, run->world.config.policies);
    return fail_when_due(run, err);
}

/* Once an epoch, however many passes it took. */
static enum assay_status on_flush(void *context, const struct assay_epoch *epoch,
                                  struct assay_err *err)
{
    struct run *run = context;
    (void)err;
    if (epoch != NULL) {
        run->flushed++;
        assert_int_equal(epoch->number, run->flushed);
        assert_int_equal(epoch->number, run->last_epoch);
    }
    return ASSAY_OK;
}

static enum assay_status on_next(void *context, struct assay_epoch *epoch, struct assay_err *err)
{
    struct run *run = context;
    (void)err;
    epoch->clock_ms = run->clock_ms;
    if (run->replaying) {
        if (run->record->at < run->record->count) {
            *epoch = run->record->epochs[run->record->at++];
        } else if (!run->goes_on) {
            return ASSAY_E_END;
        }
    }
    return ASSAY_OK;
}

struct how {
    uint32_t shards;
    uint32_t homes;
    uint64_t pieces; /* seed of the feeds' pieces */
    bool as_given;
    const char *rows_on;
    uint64_t memory_bytes; /* 0: the world's */
    uint64_t fail_feed;    /* messages after which the last home's feed fails */
    int64_t expire_ms;     /* of users */
    uint64_t capacity;     /* likewise */
    bool evicts;
};

static enum assay_status run_history(struct run *run, const struct history *history,
                                     const struct how *how)
{
    struct memory_feed feeds[ASSAY_SHARDS_MAX];
    struct assay_feed *list[ASSAY_SHARDS_MAX];
    const struct assay_emitter emitter = {
        .context = run,
        .epoch = on_epoch,
        .dead_letter = on_dead_letter,
        .row = on_row,
        .decision = on_decision,
        .flush = on_flush,
    };
    const struct assay_conductor conductor = {.context = run, .next = on_next};
    struct assay_entity_def entities[2];
    world_init(&run->world, true);
    assert_int_equal(run->world.schema.entity_count, 2);
    memcpy(entities, run->world.schema.entities, sizeof entities);
    entities[0].expire_ms = how->expire_ms;
    entities[0].capacity = how->capacity;
    entities[0].evicts = how->evicts;
    run->world.schema.entities = entities;
    if (how->rows_on != NULL) {
        assert_int_equal(assay_rows_lay_out(&run->layout, run->world.arena, run->world.config.plan,
                                            assay_str_of(how->rows_on), &run->err),
                         ASSAY_OK);
    }
    for (uint32_t h = 0; h < how->homes; h++) {
        memory_feed_init(&feeds[h], history, h, how->homes, how->pieces);
        list[h] = &feeds[h].base;
    }
    feeds[how->homes - 1].fail_after = how->fail_feed;
    const struct assay_pipeline_options options = {
        .plan = run->world.config.plan,
        .policies = run->world.config.policies,
        .rows = run->layout,
        .shards = how->shards,
        .partitions = history->partitions,
        .partition_count = history->partition_count,
        .feeds = list,
        .homes = how->homes,
        .as_given = how->as_given,
        .memory_bytes =
            how->memory_bytes != 0 ? how->memory_bytes : run->world.settings.memory_bytes,
        .ids_max = run->world.settings.ids_max,
        .emitter = &emitter,
        .conductor = &conductor,
    };
    struct assay_pipeline *pipeline = NULL;
    assert_int_equal(assay_pipeline_create(&pipeline, &options, &run->err), ASSAY_OK);
    const enum assay_status status = assay_pipeline_run(pipeline, &run->err);
    assay_pipeline_stats(pipeline, &run->stats);
    assay_pipeline_state_hash(pipeline, run->hash);
    assay_pipeline_destroy(pipeline);
    run->world.schema.entities = NULL;
    return status;
}

static void run_free(struct run *run)
{
    free(run->tape.text);
    world_fini(&run->world);
}

static void record_free(struct log_of_epochs *record)
{
    for (size_t i = 0; i < record->count; i++) {
        free((void *)(uintptr_t)record->epochs[i].ranges);
    }
    free(record->epochs);
}

static void assert_same_runs(const struct run *a, const struct run *b)
{
    assert_int_equal(a->tape.used, b->tape.used);
    assert_memory_equal(a->tape.text, b->tape.text, a->tape.used);
    assert_int_equal(a->hash[0], b->hash[0]);
    assert_int_equal(a->hash[1], b->hash[1]);
    assert_int_equal(a->stats.events, b->stats.events);
    assert_int_equal(a->stats.updates, b->stats.updates);
    assert_int_equal(a->stats.duplicates, b->stats.duplicates);
    assert_int_equal(a->stats.decisions, b->stats.decisions);
    assert_memory_equal(a->stats.dead, b->stats.dead, sizeof a->stats.dead);
}

static void any_shard_count_replays_recorded_epochs_to_the_same_bits(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 11, 5, 6000);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct log_of_epochs record = {0};
        struct run live = {.record = &record, .clock_ms = INT64_MAX};
        const struct how how = {.shards = 4, .homes = 3, .pieces = seed, .rows_on = "application"};
        assert_int_equal(run_history(&live, &history, &how), ASSAY_OK);
        assert_true(live.stats.decisions > 500);
        assert_true(live.stats.duplicates > 10);
        assert_true(live.stats.dead[ASSAY_DEAD_LATE] > 10);
        assert_true(record.count > 50);
        for (uint32_t shards = 1; shards <= 4; shards++) {
            struct run again = {.record = &record, .replaying = true};
            const struct how other = {
                .shards = shards, .homes = 1 + shards / 2, .rows_on = "application"};
            record.at = 0;
            assert_int_equal(run_history(&again, &history, &other), ASSAY_OK);
            assert_same_runs(&live, &again);
            run_free(&again);
        }
        run_free(&live);
        record_free(&record);
    }
    history_fini(&history);
}

/* Three homes fill an epoch with more than one home can take: it is repeated in passes. */
static void an_epoch_larger_than_a_home_is_repeated_in_passes_and_a_live_one_follows(void **state)
{
    (void)state;
    struct history history;
    struct log_of_epochs record = {0};
    history_init(&history, 13, 5, 9000);
    struct run live = {.record = &record, .clock_ms = INT64_MAX};
    const struct how how = {.shards = 3, .homes = 3};
    assert_int_equal(run_history(&live, &history, &how), ASSAY_OK);
    assert_true(live.stats.messages > 2 * ASSAY_EPOCH_MESSAGES_MAX * live.stats.epochs);
    for (size_t kept = 1; kept <= record.count; kept++) {
        struct log_of_epochs part = {.epochs = record.epochs, .count = kept};
        struct run again = {
            .record = &part, .replaying = true, .clock_ms = INT64_MAX, .goes_on = true};
        const struct how other = {.shards = 1, .homes = 1};
        assert_int_equal(run_history(&again, &history, &other), ASSAY_OK);
        assert_int_equal(again.hash[0], live.hash[0]);
        assert_int_equal(again.stats.decisions, live.stats.decisions);
        if (kept == record.count) {
            assert_same_runs(&live, &again);
        } else {
            assert_true(again.stats.epochs > live.stats.epochs); /* smaller ones went on */
        }
        run_free(&again);
    }
    run_free(&live);
    record_free(&record);
    history_fini(&history);
}

static void a_plain_run_is_the_same_for_any_shard_count(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 5, 3, 4000);
    struct run first = {.clock_ms = INT64_MAX};
    const struct how how = {.shards = 1, .homes = 1, .as_given = true, .rows_on = "transfer"};
    assert_int_equal(run_history(&first, &history, &how), ASSAY_OK);
    assert_true(first.stats.rows > 100);
    for (uint32_t shards = 2; shards <= 4; shards++) {
        struct run other = {.clock_ms = INT64_MAX};
        const struct how more = {
            .shards = shards, .homes = 1, .as_given = true, .rows_on = "transfer"};
        assert_int_equal(run_history(&other, &history, &more), ASSAY_OK);
        assert_same_runs(&first, &other);
        run_free(&other);
    }
    run_free(&first);
    history_fini(&history);
}

static void state_does_not_depend_on_how_a_run_is_cut_into_epochs(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 17, 4, 4000);
    struct run whole = {.clock_ms = INT64_MAX};
    struct run pieces = {.clock_ms = INT64_MAX};
    const struct how at_once = {.shards = 2, .homes = 2};
    const struct how bit_by_bit = {.shards = 3, .homes = 2, .pieces = 99};
    assert_int_equal(run_history(&whole, &history, &at_once), ASSAY_OK);
    assert_int_equal(run_history(&pieces, &history, &bit_by_bit), ASSAY_OK);
    assert_true(pieces.stats.epochs > 2 * whole.stats.epochs);
    assert_int_equal(whole.hash[0], pieces.hash[0]);
    assert_int_equal(whole.hash[1], pieces.hash[1]);
    assert_int_equal(whole.stats.decisions, pieces.stats.decisions);
    run_free(&whole);
    run_free(&pieces);
    history_fini(&history);
}

/* Every item of an epoch: partitions ascending, offsets ascending within one. */
static void an_epoch_is_emitted_in_partition_and_offset_order(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 23, 6, 3000);
    struct run run = {.clock_ms = INT64_MAX};
    const struct how how = {.shards = 3, .homes = 3, .pieces = 4};
    assert_int_equal(run_history(&run, &history, &how), ASSAY_OK);
    char last_topic = 'a';
    unsigned last_partition = 0;
    uint64_t last_offset = 0;
    uint64_t last_epoch = 0;
    size_t decisions = 0;
    for (const char *at = strstr(run.tape.text, "decision "); at != NULL;
         at = strstr(at + 1, "decision ")) {
        char topic = 0;
        unsigned partition = 0;
        uint64_t offset = 0;
        uint64_t epoch = 0;
        assert_int_equal(sscanf(at, "decision %c/%u@%" SCNu64, &topic, &partition, &offset), 3);
        const char *text = strstr(at, " epoch ");
        assert_non_null(text);
        epoch = strtoull(text + strlen(" epoch "), NULL, 10);
        if (epoch == last_epoch) {
            assert_true(
                topic > last_topic ||
                (topic == last_topic && (partition > last_partition ||
                                         (partition == last_partition && offset >= last_offset))));
        }
        assert_true(epoch >= last_epoch);
        last_topic = topic;
        last_partition = partition;
        last_offset = offset;
        last_epoch = epoch;
        decisions++;
    }
    assert_int_equal(decisions, run.stats.decisions);
    run_free(&run);
    history_fini(&history);
}

static void an_emitter_that_fails_stops_all_threads_with_its_error(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 31, 4, 2000);
    for (uint64_t at = 1; at < 400; at += 57) {
        struct run run = {.clock_ms = INT64_MAX, .fail_decision = at};
        const struct how how = {.shards = 4, .homes = 4, .pieces = 8};
        assert_int_equal(run_history(&run, &history, &how), ASSAY_E_IO);
        assert_string_equal(run.err.what, "planted failure");
        assert_int_equal(run.emitted, at);
        run_free(&run);
    }
    history_fini(&history);
}

static void a_feed_that_fails_stops_all_threads_with_its_error(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 37, 4, 2000);
    struct run run = {.clock_ms = INT64_MAX};
    const struct how how = {.shards = 4, .homes = 3, .pieces = 8, .fail_feed = 200};
    assert_int_equal(run_history(&run, &history, &how), ASSAY_E_IO);
    assert_string_equal(run.err.what, "planted failure of home 2");
    run_free(&run);
    history_fini(&history);
}

static void what_is_ahead_of_the_epochs_clock_goes_aside(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 41, 2, 1000);
    struct run run = {.clock_ms = INT64_C(1750000000000)};
    const struct how how = {.shards = 2, .homes = 2, .pieces = 3};
    assert_int_equal(run_history(&run, &history, &how), ASSAY_OK);
    assert_true(run.stats.dead[ASSAY_DEAD_AHEAD] > 100);
    assert_non_null(strstr(run.tape.text, "dead ahead a/0@"));
    run_free(&run);
    history_fini(&history);
}

static void a_full_store_sends_events_aside_and_goes_on(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 43, 2, 6000);
    struct run run = {.clock_ms = INT64_MAX};
    const struct how how = {
        .shards = 2, .homes = 2, .memory_bytes = 256 << 10, .rows_on = "application"};
    assert_int_equal(run_history(&run, &history, &how), ASSAY_OK);
    const uint64_t full = run.stats.dead[ASSAY_DEAD_CAPACITY];
    assert_true(full > 0);
    uint64_t aside = run.stats.duplicates;
    for (size_t d = 0; d < ASSAY_DEAD_END; d++) {
        aside += run.stats.dead[d];
    }
    assert_int_equal(run.stats.messages, run.stats.events + aside);
    size_t letters = 0;
    for (const char *at = strstr(run.tape.text, "dead capacity"); at != NULL;
         at = strstr(at + 1, "dead capacity")) {
        letters++;
    }
    assert_int_equal(letters, full);
    assert_int_equal(run.stats.decisions, 2 * run.stats.rows); /* of two policies */
    run_free(&run);
    history_fini(&history);
}

/* Users that come and go. The last @p old partitions hold what happened at the very beginning. */
static void churn_init(struct history *history, uint64_t seed, size_t partitions, size_t old,
                       size_t count)
{
    history_init(history, seed, partitions, count);
    uint64_t random = seed;
    int64_t now_ms = INT64_C(1750000000000);
    memset(history->counts, 0, sizeof history->counts);
    for (size_t i = 0; i < count; i++) {
        char text[200];
        size_t p = test_random(&random) % partitions;
        now_ms += (int64_t)(test_random(&random) % 900);
        const bool is_old = p + old >= partitions;
        const int64_t time_ms =
            is_old ? INT64_C(1750000000000) + (int64_t)(test_random(&random) % 200000)
                   : now_ms - (int64_t)(test_random(&random) % 5000);
        const unsigned user = (unsigned)((is_old ? 0 : i / 8) + test_random(&random) % 40);
        const int len = snprintf(text, sizeof text,
                                 "{\"type\":\"%s\",\"time\":%" PRId64 ",\"user\":\"u%u\",\"%s\":1}",
                                 i % 4 == 0 ? "application" : "payment", time_ms, user,
                                 i % 4 == 0 ? "wanted" : "amount");
        history->lines[p][history->counts[p]++] =
            assay_arena_copy(history->arena, (struct assay_str){.ptr = text, .len = (uint32_t)len});
    }
}

static void a_record_repeats_which_keys_found_room_where_others_had_died(void **state)
{
    (void)state;
    struct history history;
    churn_init(&history, 47, 5, 0, 9000);
    for (int evicts = 0; evicts < 2; evicts++) {
        for (uint64_t pieces = 0; pieces < 3; pieces++) { /* 0: epochs larger than one home */
            struct log_of_epochs record = {0};
            struct run live = {.record = &record, .clock_ms = INT64_MAX};
            struct how how = {.shards = 3,
                              .homes = 3,
                              .pieces = pieces,
                              .expire_ms = 30000,
                              .capacity = 90,
                              .evicts = evicts != 0,
                              .rows_on = "application"};
            assert_int_equal(run_history(&live, &history, &how), ASSAY_OK);
            assert_true(live.stats.store.expired > 100);
            assert_true((evicts != 0 ? live.stats.store.evicted
                                     : live.stats.dead[ASSAY_DEAD_CAPACITY]) > 100);
            for (how.homes = 1; how.homes <= 3; how.homes++) {
                struct run again = {.record = &record, .replaying = true};
                record.at = 0;
                assert_int_equal(run_history(&again, &history, &how), ASSAY_OK);
                assert_same_runs(&live, &again);
                assert_int_equal(live.stats.store.expired, again.stats.store.expired);
                assert_int_equal(live.stats.store.evicted, again.stats.store.evicted);
                run_free(&again);
            }
            run_free(&live);
            record_free(&record);
        }
    }
    history_fini(&history);
}

static void what_is_forgotten_shows_neither_in_rows_nor_in_the_state(void **state)
{
    (void)state;
    struct history history;
    churn_init(&history, 53, 5, 0, 9000);
    struct run first = {.clock_ms = INT64_MAX};
    const struct how how = {.shards = 1, .homes = 1, .expire_ms = 30000, .as_given = true};
    assert_int_equal(run_history(&first, &history, &how), ASSAY_OK);
    assert_true(first.stats.store.expired > 500);
    for (uint32_t shards = 2; shards <= 8; shards *= 2) {
        struct run other = {.clock_ms = INT64_MAX};
        const struct how more = {
            .shards = shards, .homes = 1, .expire_ms = 30000, .as_given = true};
        assert_int_equal(run_history(&other, &history, &more), ASSAY_OK);
        assert_same_runs(&first, &other);
        assert_int_equal(other.stats.store.keys, first.stats.store.keys);
        run_free(&other);
    }
    for (uint64_t pieces = 1; pieces < 4; pieces++) { /* by other epochs, in another order */
        struct run other = {.clock_ms = INT64_MAX};
        const struct how more = {.shards = 4, .homes = 2, .expire_ms = 30000, .pieces = pieces};
        assert_int_equal(run_history(&other, &history, &more), ASSAY_OK);
        assert_int_equal(other.hash[0], first.hash[0]);
        assert_int_equal(other.hash[1], first.hash[1]);
        assert_true(other.stats.store.expired > 500);
        run_free(&other);
    }
    run_free(&first);
    history_fini(&history);
}

/* Line @p at of partition @p p: keys of their own for three full epochs, which die with the fourth;
 * the fifth, of two partitions, meets some of them again. The last partition has one line, which
 * comes in the fourth. */
static int burst_line(size_t p, size_t at, size_t size, char text[])
{
    enum { FULL = ASSAY_EPOCH_MESSAGES_MAX };
    const size_t old = at * 9973 % (3 * FULL);
    const bool returns = p == 2 && at >= 4 * FULL;
    const int64_t time_ms = INT64_C(1750000000000) + (p == 3 || at >= 3 * FULL ? 300000 : 0);
    return snprintf(text, size, "{\"type\":\"payment\",\"time\":%" PRId64 ",\"user\":\"u%zu.%zu\"}",
                    time_ms, returns ? old % 3 : p, returns ? old : at);
}

/* More keys die at once than an epoch looks at: how far it comes does not depend on its passes. */
static void passes_look_at_no_more_keys_than_their_epoch_did(void **state)
{
    (void)state;
    enum { FULL = ASSAY_EPOCH_MESSAGES_MAX };
    static const size_t counts[] = {3 * FULL + 900, 5 * FULL, 5 * FULL, 1};
    struct history history;
    struct log_of_epochs record = {0};
    history_init(&history, 67, 4, 5 * FULL);
    for (size_t p = 0; p < 4; p++) {
        history.counts[p] = counts[p];
        for (size_t at = 0; at < counts[p]; at++) {
            char text[100];
            const int len = burst_line(p, at, sizeof text, text);
            history.lines[p][at] = assay_arena_copy(
                history.arena, (struct assay_str){.ptr = text, .len = (uint32_t)len});
        }
    }
    struct run live = {.record = &record, .clock_ms = INT64_MAX};
    struct how how = {.shards = 3, .homes = 3, .expire_ms = 30000};
    assert_int_equal(run_history(&live, &history, &how), ASSAY_OK);
    assert_int_equal(live.stats.epochs, 5);
    assert_int_equal(live.stats.events, live.stats.messages);
    how.homes = 1;
    struct run again = {.record = &record, .replaying = true};
    record.at = 0;
    assert_int_equal(run_history(&again, &history, &how), ASSAY_OK);
    assert_same_runs(&live, &again);
    assert_int_equal(again.stats.store.expired, live.stats.store.expired);
    assert_true(live.stats.store.expired < 9 * FULL); /* some were met before they were looked at */
    run_free(&live);
    run_free(&again);
    record_free(&record);
    history_fini(&history);
}

/* A restart finds one more partition, which holds what is older than all that is remembered. */
static void a_partition_that_joins_later_brings_nothing_that_is_forgotten(void **state)
{
    (void)state;
    static const uint32_t first_two[] = {0, 1};
    struct history history;
    struct log_of_epochs record = {0};
    churn_init(&history, 59, 3, 1, 6000);
    history.partition_count = 2;
    struct run before = {.record = &record, .clock_ms = INT64_MAX};
    const struct how how = {.shards = 2, .homes = 2, .pieces = 5, .expire_ms = 30000};
    assert_int_equal(run_history(&before, &history, &how), ASSAY_OK);
    history.partition_count = 3;
    for (size_t i = 0; i < record.count; i++) {
        record.epochs[i].partitions = first_two;
        record.epochs[i].partition_count = 2;
    }
    const size_t joined = record.count;
    struct run after = {.record = &record,
                        .replaying = true,
                        .clock_ms = INT64_MAX,
                        .goes_on = true,
                        .appends = true};
    record.at = 0;
    assert_int_equal(run_history(&after, &history, &how), ASSAY_OK);
    assert_true(record.count > joined);
    assert_int_equal(after.stats.messages - before.stats.messages, history.counts[2]);
    assert_int_equal(after.stats.dead[ASSAY_DEAD_LATE] - before.stats.dead[ASSAY_DEAD_LATE],
                     history.counts[2]);
    assert_int_equal(after.stats.store.expired, before.stats.store.expired);
    for (size_t i = joined; i < record.count; i++) {
        record.epochs[i].partitions = NULL;
    }
    struct run again = {.record = &record, .replaying = true};
    record.at = 0;
    assert_int_equal(run_history(&again, &history, &how), ASSAY_OK);
    assert_same_runs(&after, &again);
    run_free(&before);
    run_free(&after);
    run_free(&again);
    record_free(&record);
    history_fini(&history);
}

/* One that is there from the start may bring anything, so until then nothing is forgotten. */
static void a_partition_without_an_event_holds_the_safe_time_back(void **state)
{
    (void)state;
    struct history history;
    churn_init(&history, 61, 3, 1, 6000);
    history.counts[2] = 0;
    struct run run = {.clock_ms = INT64_MAX};
    const struct how how = {.shards = 2, .homes = 2, .pieces = 5, .expire_ms = 30000};
    assert_int_equal(run_history(&run, &history, &how), ASSAY_OK);
    assert_int_equal(run.stats.store.expired, 0);
    run_free(&run);
    history_fini(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_shard_count_replays_recorded_epochs_to_the_same_bits),
        cmocka_unit_test(an_epoch_larger_than_a_home_is_repeated_in_passes_and_a_live_one_follows),
        cmocka_unit_test(a_plain_run_is_the_same_for_any_shard_count),
        cmocka_unit_test(state_does_not_depend_on_how_a_run_is_cut_into_epochs),
        cmocka_unit_test(an_epoch_is_emitted_in_partition_and_offset_order),
        cmocka_unit_test(an_emitter_that_fails_stops_all_threads_with_its_error),
        cmocka_unit_test(a_feed_that_fails_stops_all_threads_with_its_error),
        cmocka_unit_test(what_is_ahead_of_the_epochs_clock_goes_aside),
        cmocka_unit_test(a_full_store_sends_events_aside_and_goes_on),
        cmocka_unit_test(a_record_repeats_which_keys_found_room_where_others_had_died),
        cmocka_unit_test(what_is_forgotten_shows_neither_in_rows_nor_in_the_state),
        cmocka_unit_test(passes_look_at_no_more_keys_than_their_epoch_did),
        cmocka_unit_test(a_partition_that_joins_later_brings_nothing_that_is_forgotten),
        cmocka_unit_test(a_partition_without_an_event_holds_the_safe_time_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
