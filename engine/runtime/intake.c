#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/clock.h"

/* Take what this epoch gets: recorded ranges, or whatever waits. */
static void take_messages(struct shard *shard)
{
    struct assay_pipeline *pipeline = shard->pipeline;
    shard->message_count = 0;
    if (shard->feed == NULL) {
        shard->feed_ended = true;
        return;
    }
    if (pipeline->epoch.ranges == NULL) {
        shard->message_count = shard->feed->ops->poll(shard->feed, ASSAY_EPOCH_MESSAGES_MAX,
                                                      shard->messages, &shard->feed_ended);
        shard->failed = shard->feed->ops->failure(shard->feed, &shard->err);
        return;
    }
    size_t count = 0;
    for (size_t r = 0; r < pipeline->epoch.range_count; r++) {
        if (home_of(pipeline, pipeline->epoch.ranges[r].partition) == shard->index) {
            shard->ranges[count++] = pipeline->epoch.ranges[r];
        }
    }
    shard->feed_ended = false;
    shard->failed =
        shard->feed->ops->take(shard->feed, shard->ranges, count, ASSAY_EPOCH_MESSAGES_MAX,
                               shard->messages, &shard->message_count, &shard->err);
}

/* The offset ranges this home took, for the epoch record. Messages of a partition are adjacent
 * except where files are merged, so look for the partition's range before opening one. */
static void note_range(struct shard *shard, const struct assay_message *message)
{
    for (size_t r = shard->range_count; r > 0; r--) {
        struct assay_range *range = &shard->ranges[r - 1];
        if (range->partition == message->partition) {
            ASSAY_ASSERT(message->offset >= range->end);
            range->end = message->offset + 1;
            return;
        }
    }
    shard->ranges[shard->range_count++] = (struct assay_range){
        .partition = message->partition, .next = message->offset, .end = message->offset + 1};
}

static void set_aside(struct shard *shard, const struct assay_message *message,
                      enum assay_dead reason, const struct assay_decode_report *report)
{
    ASSAY_ASSERT(shard->dead_count < ASSAY_EPOCH_MESSAGES_MAX);
    shard->stats.dead[reason]++;
    shard->dead[shard->dead_count++] = (struct dead_entry){
        .reason = reason,
        .partition = message->partition,
        .offset = message->offset,
        .field = report->field,
        .byte = report->offset,
        .message_bytes = message->bytes.len,
    };
}

static void send(struct shard *shard, struct home_event *from, const struct assay_update *update)
{
    const uint32_t owner =
        assay_shard_of(update->entity, update->key, shard->pipeline->options.shards);
    struct mailbox *box = &shard->outgoing[owner];
    ASSAY_ASSERT(box->count < box->capacity);
    box->items[box->count++] = (struct mail){.update = *update, .from = from};
    shard->stats.updates++;
}

/* One update per distinct (entity, key): roles that name the same key travel together. */
static void route(struct shard *shard, struct home_event *from)
{
    const struct assay_event *event = &from->event;
    const struct assay_event_def *def = &shard->pipeline->schema->events[event->type];
    uint64_t routed = 0;
    for (uint32_t f = 0; f < def->field_count; f++) {
        if (def->fields[f].type != ASSAY_TYPE_KEY || !assay_event_has(event, f) ||
            (routed >> f & 1U) != 0) {
            continue;
        }
        struct assay_update update = {
            .event = event,
            .key = event->fields[f].text,
            .entity = def->fields[f].entity,
        };
        for (uint32_t g = f; g < def->field_count; g++) {
            if (def->fields[g].type == ASSAY_TYPE_KEY && def->fields[g].entity == update.entity &&
                assay_event_has(event, g) &&
                assay_str_equal(event->fields[g].text, update.key)) {
                update.roles |= UINT64_C(1) << g;
            }
        }
        routed |= update.roles;
        send(shard, from, &update);
    }
}

/* Ahead, late and duplicate checks, in that order. True: the event counts. */
static bool admit(struct shard *shard, const struct assay_message *message,
                  const struct assay_event *event, const struct assay_decode_report *report)
{
    struct assay_pipeline *pipeline = shard->pipeline;
    switch (assay_admission_judge(pipeline->admissions[message->partition], event,
                                  pipeline->epoch.clock_ms)) {
    case ASSAY_ACCEPTED:
        return true;
    case ASSAY_SET_ASIDE_AHEAD:
        set_aside(shard, message, ASSAY_DEAD_AHEAD, report);
        return false;
    case ASSAY_SET_ASIDE_LATE:
        set_aside(shard, message, ASSAY_DEAD_LATE, report);
        return false;
    case ASSAY_DROPPED_DUPLICATE:
        shard->stats.duplicates++;
        return false;
    case ASSAY_REFUSED_CAPACITY:
        set_aside(shard, message, ASSAY_DEAD_CAPACITY, report);
        return false;
    }
    ASSAY_ASSERT(false);
    return false;
}

static void take_in(struct shard *shard, const struct assay_message *message)
{
    struct home_event *home = &shard->events[shard->event_count];
    struct assay_decode_report report;
    assay_decode_json(shard->decoder, message->bytes, &home->event, &report);
    shard->stats.unknown_members += report.unknown_count;
    if (report.dead != ASSAY_DEAD_NONE) {
        set_aside(shard, message, report.dead, &report);
        return;
    }
    if (!admit(shard, message, &home->event, &report)) {
        return;
    }
    home->partition = message->partition;
    home->offset = message->offset;
    home->refused = false;
    memset(home->slices, 0, sizeof home->slices);
    shard->event_count++;
    route(shard, home);
}

void assay_pipeline_intake(struct shard *shard)
{
    const uint64_t started_ns = assay_clock_thread_cpu_ns();
    shard->event_count = 0;
    shard->dead_count = 0;
    shard->decision_count = 0;
    for (uint32_t owner = 0; owner < shard->pipeline->options.shards; owner++) {
        shard->outgoing[owner].count = 0;
    }
    assay_decoder_reset(shard->decoder);
    take_messages(shard);
    const uint64_t taken_ns = assay_clock_thread_cpu_ns();
    shard->stats.take_ns += taken_ns - started_ns;

    shard->range_count = 0;
    for (size_t m = 0; m < shard->message_count; m++) {
        note_range(shard, &shard->messages[m]);
        take_in(shard, &shard->messages[m]);
    }
    shard->stats.messages += shard->message_count;
    shard->stats.events += shard->event_count;
    shard->stats.decode_ns += assay_clock_thread_cpu_ns() - taken_ns;
}
