#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/alloc_guard.h"
#include "engine/base/clock.h"

#include <sched.h>

/*
 * Shard 0 leads: between two meetings at the barrier it alone runs, asks the conductor for the next
 * epoch, and hands the finished one to the emitter. The others follow.
 */

static size_t message_count(const struct assay_pipeline *pipeline)
{
    size_t count = 0;
    for (uint32_t h = 0; h < pipeline->options.homes; h++) {
        count += pipeline->shards[h].count;
    }
    return count;
}

static const struct shard *first_failed(const struct assay_pipeline *pipeline)
{
    for (uint32_t s = 0; s < pipeline->shard_count; s++) {
        if (pipeline->shards[s].status != ASSAY_OK) {
            return &pipeline->shards[s];
        }
    }
    return NULL;
}

/* One pass. All threads see the same counts after the first meeting, so all leave at one place. */
static void turn(struct shard *shard)
{
    struct assay_pipeline *pipeline = shard->pipeline;
    assay_shard_intake(shard);
    assay_barrier_wait(&pipeline->barrier);
    if (message_count(pipeline) == 0 || first_failed(pipeline) != NULL) {
        return;
    }
    const bool forbidden = assay_alloc_forbid(true);
    assay_shard_apply(shard);
    assay_barrier_wait(&pipeline->barrier);
    assay_shard_score(shard);
    (void)assay_alloc_forbid(forbidden);
    assay_barrier_wait(&pipeline->barrier);
}

/* The next piece of a recorded epoch: at most message_max offsets, in (partition, offset) order. */
static void cut_pass(struct assay_pipeline *pipeline)
{
    struct pass *pass = &pipeline->pass;
    uint64_t room = pipeline->message_max;
    pass->range_count = 0;
    while (room > 0 && pipeline->recorded_at < pass->epoch.range_count) {
        const struct assay_range *range = &pass->epoch.ranges[pipeline->recorded_at];
        ASSAY_ASSERT(range->next < range->end);
        ASSAY_ASSERT(range->partition < pipeline->options.partition_count);
        const uint64_t next =
            pipeline->recorded_next > range->next ? pipeline->recorded_next : range->next;
        const uint64_t end = range->end - next > room ? next + room : range->end;
        pass->ranges[pass->range_count++] =
            (struct assay_range){.partition = range->partition, .next = next, .end = end};
        room -= end - next;
        pipeline->recorded_next = end == range->end ? 0 : end;
        pipeline->recorded_at += end == range->end ? 1 : 0;
    }
    pass->last = pipeline->recorded_at == pass->epoch.range_count;
}

/* Partitions that take part from this epoch on. All are there from the start, but for those that a
 * restart found. */
static void join_partitions(struct assay_pipeline *pipeline)
{
    const struct assay_epoch *epoch = &pipeline->pass.epoch;
    const size_t count =
        epoch->partitions == NULL ? pipeline->options.partition_count : epoch->partition_count;
    if (!pipeline->expires || count <= pipeline->joined_count) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t p = epoch->partitions == NULL ? i : epoch->partitions[i];
        ASSAY_ASSERT(p < pipeline->options.partition_count);
        if (!pipeline->joined[p]) {
            pipeline->joined[p] = true;
            assay_admission_begin(pipeline->admissions[p], pipeline->safe_ms);
        }
    }
    pipeline->joined_count = count;
}

/* After an epoch: what no event to come is older than. */
static void find_safe_time(struct assay_pipeline *pipeline)
{
    int64_t safe_ms = INT64_MAX;
    for (size_t p = 0; pipeline->expires && p < pipeline->options.partition_count; p++) {
        if (pipeline->joined[p]) {
            const int64_t oldest_ms = assay_admission_oldest(pipeline->admissions[p]);
            safe_ms = oldest_ms < safe_ms ? oldest_ms : safe_ms;
        }
    }
    pipeline->safe_ms = safe_ms == INT64_MAX ? INT64_MIN : safe_ms;
}

/* What the next turn does. @retval ASSAY_E_END nothing: stop. */
static enum assay_status plan_pass(struct assay_pipeline *pipeline, struct assay_err *err)
{
    const struct assay_conductor *conductor = pipeline->options.conductor;
    struct pass *pass = &pipeline->pass;
    if (!pass->live && !pass->last) {
        pass->first = false;
        cut_pass(pipeline);
        return ASSAY_OK;
    }
    pass->epoch = (struct assay_epoch){.clock_ms = INT64_MAX};
    if (conductor != NULL) {
        const enum assay_status status = conductor->next(conductor->context, &pass->epoch, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    pass->first = true;
    pass->last = true;
    pass->live = pass->epoch.ranges == NULL;
    if (pass->live) {
        pass->epoch.number = pipeline->number + 1;
    } else {
        pipeline->recorded_at = 0;
        pipeline->recorded_next = 0;
        cut_pass(pipeline);
    }
    join_partitions(pipeline);
    return ASSAY_OK;
}

static bool has_ended(const struct assay_pipeline *pipeline)
{
    for (uint32_t h = 0; h < pipeline->options.homes; h++) {
        if (!pipeline->shards[h].end) {
            return false;
        }
    }
    return true;
}

/* Nothing arrived: let the emitter catch up, then wait. @retval ASSAY_E_END no more will come. */
static enum assay_status rest(struct assay_pipeline *pipeline, struct assay_err *err)
{
    const struct assay_emitter *emitter = pipeline->options.emitter;
    const struct assay_conductor *conductor = pipeline->options.conductor;
    if (emitter->flush != NULL) {
        const enum assay_status status = emitter->flush(emitter->context, NULL, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    if (has_ended(pipeline)) {
        return ASSAY_E_END;
    }
    if (conductor != NULL && conductor->idle != NULL) {
        conductor->idle(conductor->context);
    } else {
        (void)sched_yield();
    }
    return ASSAY_OK;
}

static enum assay_status conclude(struct assay_pipeline *pipeline, struct assay_err *err)
{
    const struct shard *failed = first_failed(pipeline);
    if (failed != NULL) {
        *err = failed->err;
        return failed->status;
    }
    if (pipeline->pass.live && message_count(pipeline) == 0) {
        return rest(pipeline, err);
    }
    pipeline->number = pipeline->pass.epoch.number;
    if (pipeline->pass.last) {
        find_safe_time(pipeline);
    }
    return assay_pipeline_emit(pipeline, err);
}

static void *follow(void *argument)
{
    struct shard *shard = argument;
    struct assay_pipeline *pipeline = shard->pipeline;
    /* The gate: held until every thread has been started, or one could not be. */
    (void)pthread_mutex_lock(&pipeline->gate);
    const bool called_off = pipeline->called_off; /* not `stop`: the lead may be that fast */
    (void)pthread_mutex_unlock(&pipeline->gate);
    while (!called_off) {
        assay_barrier_wait(&pipeline->barrier);
        if (pipeline->stop) {
            break;
        }
        turn(shard);
    }
    return NULL;
}

/* @return threads started; fewer than wanted: called off, and @p err says why. */
static uint32_t start_threads(struct assay_pipeline *pipeline, struct assay_err *err)
{
    uint32_t started = 0;
    (void)pthread_mutex_lock(&pipeline->gate);
    pipeline->stop = false;
    pipeline->called_off = false;
    while (started + 1 < pipeline->shard_count && !pipeline->called_off) {
        struct shard *shard = &pipeline->shards[started + 1];
        const int code = pthread_create(&shard->thread, NULL, follow, shard);
        if (code == 0) {
            started++;
        } else {
            (void)assay_err_errno(err, code, "pipeline", "cannot start the thread of shard %u",
                                  shard->index);
            pipeline->called_off = true;
        }
    }
    (void)pthread_mutex_unlock(&pipeline->gate);
    return started;
}

static enum assay_status lead(struct assay_pipeline *pipeline, struct assay_err *err)
{
    enum assay_status status = plan_pass(pipeline, err);
    while (status == ASSAY_OK) {
        const uint64_t start_ns = assay_clock_monotonic_ns();
        assay_barrier_wait(&pipeline->barrier);
        turn(&pipeline->shards[0]);
        const bool took_any = message_count(pipeline) != 0;
        status = conclude(pipeline, err);
        if (took_any) {
            assay_histogram_record(&pipeline->epoch_times, assay_clock_monotonic_ns() - start_ns);
        }
        if (status == ASSAY_OK) {
            status = plan_pass(pipeline, err);
        }
    }
    pipeline->stop = true;
    assay_barrier_wait(&pipeline->barrier); /* the others see it and leave */
    return status == ASSAY_E_END ? ASSAY_OK : status;
}

enum assay_status assay_pipeline_run(struct assay_pipeline *pipeline, struct assay_err *err)
{
    ASSAY_ASSERT(pipeline != NULL && err != NULL);
    assay_barrier_init(&pipeline->barrier, pipeline->shard_count);
    const uint32_t started = start_threads(pipeline, err);
    const enum assay_status status = pipeline->called_off ? ASSAY_E_NO_MEMORY : lead(pipeline, err);
    for (uint32_t s = 1; s <= started; s++) {
        (void)pthread_join(pipeline->shards[s].thread, NULL);
    }
    for (uint32_t s = 0; pipeline->expires && s < pipeline->shard_count; s++) {
        assay_store_advance(pipeline->shards[s].store, pipeline->safe_ms);
        assay_store_settle(pipeline->shards[s].store);
    }
    return status;
}
