#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/alloc_guard.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"

/* Fixed for ever: where a key lives must not depend on the process. */
static const uint64_t SHARD_SEED = UINT64_C(0x6173736179303031);

uint32_t assay_shard_of(uint32_t entity, struct assay_str key, uint32_t shards)
{
    ASSAY_ASSERT(shards > 0);
    return (uint32_t)(assay_hash64(key.ptr, key.len, SHARD_SEED + entity) % shards);
}

static bool precedes(const struct assay_message *a, const struct assay_message *b)
{
    return a->partition < b->partition;
}

/* Stable, by partition: a feed gives each partition in offset order. Bottom-up merge sort. */
static void sort_messages(struct shard *shard)
{
    struct assay_message *from = shard->messages;
    struct assay_message *to = shard->sorting;
    const size_t count = shard->count;
    size_t ordered = 1;
    while (ordered < count && !precedes(&from[ordered], &from[ordered - 1])) {
        ordered++;
    }
    if (ordered >= count) {
        return; /* the usual case */
    }
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            const size_t middle = begin + width < count ? begin + width : count;
            const size_t end = begin + 2 * width < count ? begin + 2 * width : count;
            size_t left = begin;
            size_t right = middle;
            for (size_t at = begin; at < end; at++) {
                const bool take_right =
                    left == middle || (right < end && precedes(&from[right], &from[left]));
                to[at] = take_right ? from[right++] : from[left++];
            }
        }
        struct assay_message *swap = from;
        from = to;
        to = swap;
    }
    shard->messages = from;
    shard->sorting = to;
}

/* Take exactly this home's ranges of the pass. */
static void take_recorded(struct shard *shard)
{
    const struct pass *pass = &shard->pipeline->pass;
    const uint32_t homes = shard->pipeline->options.homes;
    size_t count = 0;
    for (size_t r = 0; r < pass->range_count; r++) {
        if (pass->ranges[r].partition % homes == shard->index) {
            shard->ranges[count++] = pass->ranges[r];
        }
    }
    if (count > 0) {
        shard->status =
            shard->feed->ops->take(shard->feed, shard->ranges, count, shard->pipeline->message_max,
                                   shard->messages, &shard->count, &shard->err);
    }
}

static void take(struct shard *shard)
{
    shard->feed->ops->release(shard->feed);
    assay_decoder_reset(shard->decoder);
    shard->count = 0;
    if (!shard->pipeline->pass.live) {
        take_recorded(shard);
    } else {
        shard->count = shard->feed->ops->poll(shard->feed, shard->pipeline->message_max,
                                              shard->messages, &shard->end);
        shard->status = shard->feed->ops->failure(shard->feed, &shard->err);
    }
    if (shard->status != ASSAY_OK) {
        shard->count = 0;
    } else if (!shard->pipeline->options.as_given) {
        sort_messages(shard);
    }
}

/* Note that the epoch took this message. */
static void note_range(struct shard *shard, const struct assay_message *message)
{
    const uint32_t slot = shard->range_slots[message->partition];
    if (slot < shard->range_count && shard->ranges[slot].partition == message->partition) {
        ASSAY_ASSERT(message->offset >= shard->ranges[slot].end);
        shard->ranges[slot].end = message->offset + 1;
        return;
    }
    shard->range_slots[message->partition] = (uint32_t)shard->range_count;
    shard->ranges[shard->range_count++] = (struct assay_range){
        .partition = message->partition, .next = message->offset, .end = message->offset + 1};
}

/* The event's update for this key, made when it is the first role that names the key. */
static struct routed *update_for(struct shard *shard, struct item *item, uint32_t entity,
                                 struct assay_str key)
{
    const uint32_t index = (uint32_t)(item - shard->items);
    for (uint32_t u = 0; u < item->update_count; u++) {
        struct routed *known = &shard->updates[item->update_first + u];
        if (known->update.entity == entity && assay_str_equal(known->update.key, key)) {
            return known;
        }
    }
    const uint32_t at = shard->update_count++;
    struct routed *routed = &shard->updates[at];
    *routed = (struct routed){
        .update = {.event = &shard->events[index], .key = key, .entity = entity},
        .item = index,
        .next = ASSAY_NONE,
    };
    const uint32_t owner = assay_shard_of(entity, key, shard->pipeline->shard_count);
    if (shard->heads[owner] == ASSAY_NONE) {
        shard->heads[owner] = at;
    } else {
        shard->updates[shard->tails[owner]].next = at;
    }
    shard->tails[owner] = at;
    item->update_count++;
    return routed;
}

/* A key that is absent has no owner: its features are null. */
static void fill_nulls(const struct assay_plan *plan, const struct shape_role *role,
                       struct assay_value values[])
{
    ASSAY_ASSERT(values != NULL || role->feature_count == 0);
    for (uint32_t f = 0; f < role->feature_count; f++) {
        const enum assay_kind kind = plan->features[role->features[f]].kind;
        values[role->value_first + f] = (struct assay_value){.kind = (uint8_t)kind};
        if (kind != ASSAY_KIND_TEXT) {
            values[role->value_first + f].cell.number = ASSAY_NULL_NUMBER;
        }
    }
}

static void route(struct shard *shard, struct item *item, const struct assay_event *event)
{
    const struct shape *shape = &shard->pipeline->shapes[event->type];
    item->update_first = shard->update_count;
    if (shape->value_count > 0) {
        item->values = &shard->values[shard->value_count];
        shard->value_count += shape->value_count;
    }
    for (uint32_t r = 0; r < shape->role_count; r++) {
        const struct shape_role *role = &shape->roles[r];
        if (!assay_event_has(event, role->field)) {
            fill_nulls(shard->pipeline->options.plan, role, item->values);
            continue;
        }
        struct routed *routed =
            update_for(shard, item, role->entity, event->fields[role->field].text);
        routed->update.roles |= UINT64_C(1) << role->field;
    }
    shard->stats.updates += item->update_count;
}

static enum assay_dead dead_of(enum assay_verdict verdict)
{
    switch (verdict) {
    case ASSAY_SET_ASIDE_AHEAD:
        return ASSAY_DEAD_AHEAD;
    case ASSAY_SET_ASIDE_LATE:
        return ASSAY_DEAD_LATE;
    case ASSAY_REFUSED_CAPACITY:
        return ASSAY_DEAD_CAPACITY;
    case ASSAY_ACCEPTED:
    case ASSAY_DROPPED_DUPLICATE:
        break;
    }
    return ASSAY_DEAD_NONE;
}

static void admit(struct shard *shard, size_t index)
{
    const struct assay_message *message = &shard->messages[index];
    struct assay_event *event = &shard->events[index];
    struct item *item = &shard->items[index];
    struct assay_decode_report report;
    *item = (struct item){
        .offset = message->offset, .partition = message->partition, .bytes = message->bytes.len};
    assay_decode_json(shard->decoder, message->bytes, event, &report);
    shard->stats.unknown_members += report.unknown_count;
    if (report.dead != ASSAY_DEAD_NONE) {
        item->dead = report.dead;
        item->field = report.field;
        item->byte = report.offset;
        return;
    }
    const enum assay_verdict verdict =
        assay_admission_judge(shard->pipeline->admissions[message->partition], event,
                              shard->pipeline->pass.epoch.clock_ms);
    item->accepted = verdict == ASSAY_ACCEPTED;
    item->dead = dead_of(verdict);
    shard->stats.duplicates += verdict == ASSAY_DROPPED_DUPLICATE ? 1 : 0;
    if (item->accepted) {
        shard->stats.events++;
        route(shard, item, event);
    }
}

void assay_shard_intake(struct shard *shard)
{
    if (shard->feed == NULL) {
        return;
    }
    const uint64_t start_ns = assay_clock_thread_cpu_ns();
    shard->update_count = 0;
    shard->value_count = 0;
    shard->decision_count = 0;
    shard->decision_value_count = 0;
    shard->range_count = 0;
    for (uint32_t owner = 0; owner < shard->pipeline->shard_count; owner++) {
        shard->heads[owner] = ASSAY_NONE;
    }
    take(shard);
    const uint64_t taken_ns = assay_clock_thread_cpu_ns();
    shard->range_count = 0;
    const bool forbidden = assay_alloc_forbid(true);
    for (size_t i = 0; i < shard->count; i++) {
        note_range(shard, &shard->messages[i]);
        admit(shard, i);
    }
    (void)assay_alloc_forbid(forbidden);
    shard->stats.messages += shard->count;
    shard->stats.take_ns += taken_ns - start_ns;
    if (shard->count > 0) {
        shard->stats.decode_ns += assay_clock_thread_cpu_ns() - taken_ns;
    }
}
