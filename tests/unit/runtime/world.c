#include "tests/unit/runtime/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { USER, DEVICE };
enum { PAYMENT, TRANSFER, APPLICATION };

#define NAME(text)                                                                                 \
    {                                                                                              \
        .ptr = (text), .len = sizeof(text) - 1                                                     \
    }

static const struct assay_entity_def entities[] = {
    {.name = NAME("user"), .expire_ms = 0},
    {.name = NAME("device"), .expire_ms = 0},
};
static const struct assay_field_def payment_fields[] = {
    {.name = NAME("user"), .type = ASSAY_TYPE_KEY, .entity = USER},
    {.name = NAME("device"), .type = ASSAY_TYPE_KEY, .entity = DEVICE, .optional = true},
    {.name = NAME("amount"), .type = ASSAY_TYPE_DECIMAL, .scale = 2, .entity = ASSAY_NONE},
    {.name = NAME("channel"), .type = ASSAY_TYPE_CATEGORY, .entity = ASSAY_NONE},
};
static const struct assay_field_def transfer_fields[] = {
    {.name = NAME("payer"), .type = ASSAY_TYPE_KEY, .entity = USER},
    {.name = NAME("payee"), .type = ASSAY_TYPE_KEY, .entity = USER},
    {.name = NAME("amount"), .type = ASSAY_TYPE_DECIMAL, .scale = 2, .entity = ASSAY_NONE},
};
static const struct assay_field_def application_fields[] = {
    {.name = NAME("user"), .type = ASSAY_TYPE_KEY, .entity = USER},
    {.name = NAME("device"), .type = ASSAY_TYPE_KEY, .entity = DEVICE, .optional = true},
    {.name = NAME("wanted"), .type = ASSAY_TYPE_DECIMAL, .scale = 2, .entity = ASSAY_NONE},
};
static const struct assay_event_def events[] = {
    {.name = NAME("payment"), .field_count = 4, .fields = payment_fields},
    {.name = NAME("transfer"), .field_count = 3, .fields = transfer_fields},
    {.name = NAME("application"), .field_count = 3, .fields = application_fields},
};

static const struct {
    uint32_t entity;
    const char *name;
    const char *text;
} features[] = {
    {USER, "pay_count", "count(payment) over [1m, 1h, 1d]"},
    {USER, "pay_sum", "sum(payment.amount) over [1m, 1h]"},
    {USER, "channel", "last(payment.channel)"},
    {USER, "received", "sum(transfer@payee.amount) over 1h"},
    {USER, "paid", "sum(transfer@payer.amount) over 1h"},
    {USER, "net", "received - paid"},
    {USER, "since_payment", "time_since_last(payment)"},
    {USER, "applications", "count(application) exclude current over 1d"},
    {USER, "ask_ratio", "application.wanted / pay_sum_1h"},
    {DEVICE, "users", "count_distinct(payment.user) over 1d"},
    {DEVICE, "pay_max", "max(payment.amount) over 1h"},
};

static struct assay_span text_span(struct assay_arena *arena, const char *bytes)
{
    struct assay_text *text = assay_arena_alloc(arena, sizeof *text);
    assert_non_null(text);
    *text = (struct assay_text){.path = "features.yaml", .data = bytes, .len = strlen(bytes)};
    return (struct assay_span){.text = text, .begin = 0, .end = text->len};
}

static const struct assay_plan *compile_plan(struct world *world)
{
    enum { COUNT = sizeof features / sizeof features[0] };
    struct assay_feature_source sources[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sources[i] = (struct assay_feature_source){
            .entity = features[i].entity,
            .name = assay_str_of(features[i].name),
            .name_span = text_span(world->arena, features[i].name),
            .expression = text_span(world->arena, features[i].text),
        };
    }
    struct assay_diags *diags = assay_diags_create(world->arena, 16);
    const struct assay_plan *plan =
        assay_plan_compile(world->arena, &world->schema, sources, COUNT, diags);
    assay_diags_print(diags, stderr);
    assert_non_null(plan);
    return plan;
}

void world_init(struct world *world, bool policies)
{
    *world = (struct world){.arena = assay_arena_create((size_t)64 << 20)};
    world->schema = (struct assay_schema){
        .lateness_ms = 60 * 1000,
        .ahead_ms = 5 * 60 * 1000,
        .event_count = sizeof events / sizeof events[0],
        .entity_count = sizeof entities / sizeof entities[0],
        .events = events,
        .entities = entities,
    };
    world->settings = (struct assay_settings){
        .shards = 2, .memory_bytes = UINT64_C(256) << 20, .ids_max = 100000, .sync_ms = 50};
    world->config = (struct assay_config){.folder = "memory",
                                          .schema = &world->schema,
                                          .plan = compile_plan(world),
                                          .settings = &world->settings};
    if (policies) {
        world->config.policies = world_policies(world);
    }
}

void world_fini(struct world *world)
{
    assay_arena_destroy(world->arena);
}

static int event_text(uint64_t *random, int64_t time_ms, size_t number, size_t size, char out[])
{
    const unsigned user = (unsigned)(test_random(random) % 40);
    const unsigned other = (unsigned)(test_random(random) % 40);
    const unsigned device = (unsigned)(test_random(random) % 25);
    const unsigned cents = (unsigned)(test_random(random) % 100000);
    const uint64_t kind = test_random(random) % 100;
    const unsigned id = (unsigned)(kind % 10 == 0 && number > 5 ? number - 5 : number);
    if (kind < 3) {
        return snprintf(out, size, "{\"type\":\"payment\",\"time\":%" PRId64 ",\"user\":7}x",
                        time_ms);
    }
    if (kind < 50) {
        return snprintf(out, size,
                        "{\"type\":\"payment\",\"id\":\"e%u\",\"time\":%" PRId64
                        ",\"user\":\"u%u\",\"device\":\"d%u\",\"amount\":%u.%02u,"
                        "\"channel\":\"c\\\"%u\"}",
                        id, time_ms, user, device, cents / 100, cents % 100, device % 3);
    }
    if (kind < 70) {
        return snprintf(out, size,
                        "{\"type\":\"transfer\",\"id\":\"e%u\",\"time\":%" PRId64
                        ",\"payer\":\"u%u\",\"payee\":\"u%u\",\"amount\":%u}",
                        id, time_ms, user, kind < 55 ? user : other, cents / 100);
    }
    if (kind < 85) {
        return snprintf(out, size,
                        "{\"type\":\"application\",\"id\":\"e%u\",\"time\":%" PRId64
                        ",\"user\":\"u%u\",\"device\":\"d%u\",\"wanted\":%u}",
                        id, time_ms, user, device, cents);
    }
    return snprintf(out, size,
                    "{\"type\":\"application\",\"time\":%" PRId64 ",\"user\":\"u%u\",\"more\":[1]}",
                    time_ms, user);
}

void history_init(struct history *history, uint64_t seed, size_t partitions, size_t count)
{
    static const char *const topics[] = {"a", "b"};
    uint64_t random = seed | 1;
    int64_t now_ms = INT64_C(1750000000000);
    *history = (struct history){.partition_count = partitions,
                                .arena = assay_arena_create((size_t)64 << 20)};
    for (size_t p = 0; p < partitions; p++) {
        const size_t topic = 2 * p / partitions;
        history->partitions[p] =
            (struct assay_partition){.source = assay_str_of("memory"),
                                     .topic = assay_str_of(topics[topic]),
                                     .number = (uint32_t)(p - topic * ((partitions + 1) / 2))};
        history->lines[p] = assay_arena_array(history->arena, count, sizeof *history->lines[p]);
        assert_non_null(history->lines[p]);
    }
    for (size_t i = 0; i < count; i++) {
        char text[512];
        now_ms += (int64_t)(test_random(&random) % 900);
        int64_t back_ms = (int64_t)(test_random(&random) % 5000);
        back_ms = test_random(&random) % 20 == 0 ? 20 * back_ms : back_ms;
        const int len = event_text(&random, now_ms - back_ms, i, sizeof text, text);
        const size_t p = test_random(&random) % partitions;
        history->lines[p][history->counts[p]++] =
            assay_arena_copy(history->arena, (struct assay_str){.ptr = text, .len = (uint32_t)len});
    }
}

void history_fini(struct history *history)
{
    assay_arena_destroy(history->arena);
}

static size_t memory_poll(struct assay_feed *base, size_t max, struct assay_message out[],
                          bool *end)
{
    struct memory_feed *feed = (struct memory_feed *)(void *)base;
    size_t count = 0;
    *end = true;
    for (size_t p = feed->home; p < feed->history->partition_count; p += feed->homes) {
        const size_t left = feed->history->counts[p] - feed->next[p];
        size_t want = left < max - count ? left : max - count;
        if (feed->random != 0 && want > 0) {
            want = test_random(&feed->random) % (want + 1) % 40;
        }
        for (size_t i = 0; i < want; i++) {
            out[count++] = (struct assay_message){.bytes = feed->history->lines[p][feed->next[p]],
                                                  .offset = feed->next[p],
                                                  .partition = (uint32_t)p};
            feed->next[p]++;
        }
        *end = *end && feed->next[p] == feed->history->counts[p];
    }
    feed->given += count;
    return count;
}

static enum assay_status memory_take(struct assay_feed *base, const struct assay_range ranges[],
                                     size_t range_count, size_t max, struct assay_message out[],
                                     size_t *count, struct assay_err *err)
{
    struct memory_feed *feed = (struct memory_feed *)(void *)base;
    (void)err;
    *count = 0;
    for (size_t r = 0; r < range_count; r++) {
        const uint32_t p = ranges[r].partition;
        assert_int_equal(p % feed->homes, feed->home);
        assert_true(ranges[r].next >= feed->next[p]);
        assert_true(ranges[r].end <= feed->history->counts[p]);
        for (uint64_t offset = ranges[r].next; offset < ranges[r].end; offset++) {
            assert_true(*count < max);
            out[(*count)++] = (struct assay_message){
                .bytes = feed->history->lines[p][offset], .offset = offset, .partition = p};
        }
        feed->next[p] = ranges[r].end;
    }
    return ASSAY_OK;
}

static void memory_release(struct assay_feed *base)
{
    (void)base;
}

static enum assay_status memory_failure(struct assay_feed *base, struct assay_err *err)
{
    const struct memory_feed *feed = (struct memory_feed *)(void *)base;
    if (feed->fail_after != 0 && feed->given >= feed->fail_after) {
        return assay_err_set(err, ASSAY_E_IO, "memory", "planted failure of home %u", feed->home);
    }
    return ASSAY_OK;
}

static const struct assay_feed_ops memory_ops = {
    .poll = memory_poll,
    .take = memory_take,
    .release = memory_release,
    .failure = memory_failure,
    .close = memory_release,
};

void memory_feed_init(struct memory_feed *feed, const struct history *history, uint32_t home,
                      uint32_t homes, uint64_t seed)
{
    *feed = (struct memory_feed){.base = {.ops = &memory_ops},
                                 .history = history,
                                 .home = home,
                                 .homes = homes,
                                 .random = seed == 0 ? 0 : (seed * 31 + home) | 1};
}

void tape_add(struct tape *tape, const char *format, ...)
{
    va_list args;
    if (tape->size - tape->used < 4096) {
        tape->size = 2 * tape->size + 8192;
        tape->text = realloc(tape->text, tape->size);
        assert_non_null(tape->text);
    }
    va_start(args, format);
    const int wrote = vsnprintf(tape->text + tape->used, 4096, format, args);
    va_end(args);
    assert_in_range(wrote, 0, 4095);
    tape->used += (size_t)wrote;
}

void tape_add_values(struct tape *tape, const struct assay_value values[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (assay_value_is_null(&values[i])) {
            tape_add(tape, " null/%u", values[i].state);
        } else if (values[i].kind == ASSAY_KIND_TEXT) {
            tape_add(tape, " '%.*s'", (int)values[i].cell.text.len, values[i].cell.text.ptr);
        } else {
            tape_add(tape, " %a/%u", values[i].cell.number, values[i].state);
        }
    }
}

void tape_add_decision(struct tape *tape, const struct assay_decision *decision,
                       const struct assay_policies *policies)
{
    size_t needs = 0;
    (void)assay_policy_needs(policies->items[decision->policy], &needs);
    tape_add(tape, "decision %.*s/%u@%" PRIu64 " policy %u time %" PRId64 " -> %.*s epoch %" PRIu64,
             (int)decision->origin.topic.len, decision->origin.topic.ptr,
             decision->origin.partition, decision->origin.offset, decision->policy,
             decision->time_ms, (int)decision->verdict.outcome.len, decision->verdict.outcome.ptr,
             decision->epoch);
    tape_add_values(tape, decision->values, needs);
    tape_add(tape, "\n");
}
