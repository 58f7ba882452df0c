#include "tests/support/decode_case.h"

#include "engine/base/number.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * JSON events of some 250 bytes to typed fields: ours against jansson's parse and the reading of
 * the same fields. Both answers are compared before anything is timed. CPU time of one thread.
 *
 *   bench_decode [--quick]
 */
enum { EVENTS = 4096, ROUNDS = 5, BATCH = 1024 };

static const struct assay_field_def payment_fields[] = {
    {.name = TEST_STR("user"), .type = ASSAY_TYPE_KEY, .entity = 0},
    {.name = TEST_STR("device"), .type = ASSAY_TYPE_KEY, .entity = 1},
    {.name = TEST_STR("merchant"), .type = ASSAY_TYPE_KEY, .entity = 0},
    {.name = TEST_STR("amount"), .type = ASSAY_TYPE_DECIMAL, .scale = 2, .entity = ASSAY_NONE},
    {.name = TEST_STR("count"), .type = ASSAY_TYPE_INT, .entity = ASSAY_NONE},
    {.name = TEST_STR("channel"), .type = ASSAY_TYPE_CATEGORY, .entity = ASSAY_NONE},
    {.name = TEST_STR("ok"), .type = ASSAY_TYPE_BOOL, .entity = ASSAY_NONE},
    {.name = TEST_STR("city"), .type = ASSAY_TYPE_CATEGORY, .entity = ASSAY_NONE},
};
enum { FIELD_COUNT = 8 };

static const struct assay_event_def payment_events[] = {
    {.name = TEST_STR("login"), .field_count = 1, .fields = payment_fields},
    {.name = TEST_STR("payment"), .field_count = FIELD_COUNT, .fields = payment_fields},
};

static const struct assay_schema payment_schema = {
    .event_count = 2, .entity_count = 2, .events = payment_events, .entities = test_entities};

struct messages {
    size_t count;
    size_t bytes;
    struct assay_str *items;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) >> 20;
}

static struct messages make_messages(size_t count)
{
    static const char *const channels[] = {"app", "web", "branch", "\\u95e8\\u5e97"};
    static const char *const cities[] = {"\xe4\xb8\x8a\xe6\xb5\xb7", "Shenzhen", "\xe5\x8c\x97"};
    struct messages messages = {.count = count, .items = calloc(count, sizeof *messages.items)};
    uint64_t random = 7;
    for (size_t i = 0; messages.items != NULL && i < count; i++) {
        char text[512];
        const int length = snprintf(
            text, sizeof text,
            "{\"type\":\"payment\",\"time\":%llu,\"id\":\"01HF%012llu\",\"user\":\"u%llu\","
            "\"device\":\"d-%016llx\",\"merchant\":\"m%llu\",\"amount\":%llu.%02llu,\"count\":%llu,"
            "\"channel\":\"%s\",\"ok\":%s,\"city\":\"%s\",\"trace\":\"%016llx%016llx\"}",
            (unsigned long long)(1700000000000 + i * 37), (unsigned long long)i,
            (unsigned long long)(next_random(&random) % 1000000),
            (unsigned long long)next_random(&random),
            (unsigned long long)(next_random(&random) % 20000),
            (unsigned long long)(next_random(&random) % 100000),
            (unsigned long long)(next_random(&random) % 100),
            (unsigned long long)(next_random(&random) % 40),
            channels[next_random(&random) % 16 / 5],
            next_random(&random) % 10 == 0 ? "false" : "true", cities[next_random(&random) % 3],
            (unsigned long long)next_random(&random), (unsigned long long)next_random(&random));
        messages.items[i] = (struct assay_str){.ptr = strdup(text), .len = (uint32_t)length};
        messages.bytes += (size_t)length;
    }
    return messages;
}

/* What both sides must agree on: a sum over all fields that any slip would change. */
static uint64_t mix(uint64_t sum, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    sum = (sum ^ length) * UINT64_C(0x9E3779B97F4A7C15);
    if (length > 0) {
        sum += at[0] + UINT64_C(256) * at[length / 2] + UINT64_C(65536) * at[length - 1];
    }
    return sum;
}

static uint64_t sum_ours(const struct assay_event *event)
{
    uint64_t sum = mix((uint64_t)event->time_ms, event->id.ptr, event->id.len);
    for (uint32_t f = 0; f < FIELD_COUNT; f++) {
        if (assay_type_is_text(payment_fields[f].type)) {
            sum = mix(sum, event->fields[f].text.ptr, event->fields[f].text.len);
        } else {
            sum = sum * 31 + (uint64_t)event->fields[f].integer;
        }
    }
    return sum;
}

static uint64_t run_ours(struct assay_decoder *decoder, const struct messages *messages)
{
    uint64_t total = 0;
    struct assay_event event;
    struct assay_decode_report report;
    for (size_t i = 0; i < messages->count; i++) {
        assay_decode_json(decoder, messages->items[i], &event, &report);
        if (report.dead == ASSAY_DEAD_NONE) {
            total = total * 31 + sum_ours(&event);
        }
        if (i % BATCH == BATCH - 1) {
            assay_decoder_reset(decoder);
        }
    }
    assay_decoder_reset(decoder);
    return total;
}

static uint64_t sum_jansson(const json_t *json)
{
    static const char *const names[] = {"user",  "device",  "merchant", "amount",
                                        "count", "channel", "ok",       "city"};
    const json_t *id = json_object_get(json, "id");
    uint64_t sum = mix((uint64_t)json_integer_value(json_object_get(json, "time")),
                       json_string_value(id), json_string_length(id));
    for (uint32_t f = 0; f < FIELD_COUNT; f++) {
        const json_t *member = json_object_get(json, names[f]);
        if (json_is_string(member)) {
            sum = mix(sum, json_string_value(member), json_string_length(member));
        } else if (json_is_boolean(member)) {
            sum = sum * 31 + (json_is_true(member) ? 1U : 0U);
        } else {
            /* The usual way, in binary floating point; exact for the sums of this bench. */
            const double scale = payment_fields[f].scale == 2 ? 100 : 1;
            sum = sum * 31 + (uint64_t)(int64_t)round(json_number_value(member) * scale);
        }
    }
    return sum;
}

static uint64_t run_jansson(const struct messages *messages)
{
    uint64_t total = 0;
    for (size_t i = 0; i < messages->count; i++) {
        json_t *json = json_loadb(messages->items[i].ptr, messages->items[i].len,
                                  JSON_REJECT_DUPLICATES, NULL);
        if (json != NULL &&
            strcmp(json_string_value(json_object_get(json, "type")), "payment") == 0) {
            total = total * 31 + sum_jansson(json);
        }
        json_decref(json);
    }
    return total;
}

static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Best of a few rounds: events per second of CPU time. decoder NULL: jansson. */
static double measure(struct assay_decoder *decoder, const struct messages *messages,
                      uint64_t spent_ns_min)
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t events = 0;
        uint64_t spent = 0;
        const uint64_t start = cpu_ns();
        while (spent < spent_ns_min) {
            (void)(decoder != NULL ? run_ours(decoder, messages) : run_jansson(messages));
            events += messages->count;
            spent = cpu_ns() - start;
        }
        const double rate = (double)events * 1e9 / (double)spent;
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char *argv[])
{
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: bench_decode [--quick]\n");
        return 64;
    }
    const uint64_t spent_ns_min = quick ? 20000000 : 300000000;
    struct assay_arena *arena = assay_arena_create((size_t)1 << 20);
    struct assay_decoder *decoder = assay_decoder_create_json(arena, &payment_schema);
    const struct messages messages = make_messages(EVENTS);
    if (arena == NULL || decoder == NULL || messages.items == NULL) {
        return 71;
    }
    if (run_ours(decoder, &messages) != run_jansson(&messages)) {
        (void)fprintf(stderr, "bench_decode: the two decoders disagree\n");
        return 70;
    }
    const double ours = measure(decoder, &messages, spent_ns_min);
    const double theirs = measure(NULL, &messages, spent_ns_min);
    printf(
        "{\"name\":\"decode_json\",\"unit\":\"events/s\",\"assay\":%.0f,\"peer_name\":\"jansson\","
        "\"peer\":%.0f,\"bytes_per_event\":%.1f}\n",
        ours, theirs, (double)messages.bytes / (double)messages.count);
    (void)fprintf(stderr, "%.2f times jansson, %.0f MB/s on one core\n", ours / theirs,
                  ours * (double)messages.bytes / (double)messages.count / 1e6);
    for (size_t i = 0; i < messages.count; i++) {
        free((void *)(uintptr_t)messages.items[i].ptr);
    }
    free(messages.items);
    assay_decoder_destroy(decoder);
    assay_arena_destroy(arena);
    return 0;
}
