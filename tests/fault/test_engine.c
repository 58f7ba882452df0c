/* Stores and pipelines of a loaded folder. */
#include "engine/runtime/pipeline.h"
#include "tests/fault/fail_alloc.h"

#include <stdio.h>

static const struct assay_config *config;
static struct assay_arena *definitions;

static int load(void **state)
{
    (void)state;
    definitions = assay_arena_create((size_t)64 << 20);
    assert_non_null(definitions);
    struct assay_diags *diags = assay_diags_create(definitions, 20);
    assert_non_null(diags);
    config = assay_config_load(definitions, "tests/fault/lender", diags);
    return config == NULL ? -1 : 0;
}

static int unload(void **state)
{
    (void)state;
    assay_arena_destroy(definitions);
    return 0;
}

/* --- the store --- */

static enum assay_status create_store(void *context, struct assay_err *err)
{
    (void)context;
    const struct assay_store_options options = {.memory_bytes_max = 1 << 20, .shards = 1};
    struct assay_store *store = NULL;
    const enum assay_status status = assay_store_create(&store, config->plan, &options, err);
    assert_int_equal(status == ASSAY_OK, store != NULL);
    assay_store_destroy(store);
    return status;
}

static void creating_a_store_survives_every_failed_allocation(void **state)
{
    (void)state;
    fault_every(create_store, NULL);
}

enum { PAY_USER, PAY_DEVICE, PAY_AMOUNT, PAY_CHANNEL, PAY_OK };

static void make_payment(uint64_t *random, struct assay_event *event, char user[16])
{
    static const char *const channels[] = {"app", "web", "atm"};
    const uint64_t drawn = test_random(random);
    const int bytes = snprintf(user, 16, "u%u", (unsigned)(drawn >> 40 & 63));
    *event = (struct assay_event){.type = assay_schema_event(config->schema, assay_str_of("pay"))};
    /* Some late, so that chunks are rewritten. */
    event->time_ms = (int64_t)(1000000 + (drawn >> 20 & 0xFFFF) * 100);
    event->present = UINT64_C(1) << PAY_USER | UINT64_C(1) << PAY_AMOUNT |
                     UINT64_C(1) << PAY_CHANNEL | UINT64_C(1) << PAY_OK;
    event->fields[PAY_USER].text = (struct assay_str){.ptr = user, .len = (uint32_t)bytes};
    event->fields[PAY_AMOUNT].integer = (int64_t)(drawn & 0xFFF);
    event->fields[PAY_CHANNEL].text = assay_str_of(channels[drawn >> 12 & 1]);
    event->fields[PAY_OK].integer = (int64_t)(drawn >> 16 & 1);
}

/* @return events refused. Allocating is forbidden here: every allocation would fail. */
static uint64_t fill(struct assay_store *store)
{
    uint64_t random = 3;
    uint64_t refused = 0;
    for (int i = 0; i < 400; i++) {
        struct assay_event event;
        struct assay_touch touch;
        uint64_t before[2] = {0, 0};
        uint64_t after[2] = {0, 0};
        char user[16];
        make_payment(&random, &event, user);
        const struct assay_update update = {
            .event = &event,
            .key = event.fields[PAY_USER].text,
            .entity = assay_schema_entity(config->schema, assay_str_of("user")),
            .roles = UINT64_C(1) << PAY_USER};
        assay_store_hash(store, before);
        fault_arm(1, FAULT_LASTS);
        const enum assay_status status = assay_store_apply(store, &update, &touch);
        assert_false(fault_disarm());
        assay_store_hash(store, after);
        assert_true(status == ASSAY_OK || status == ASSAY_E_FULL);
        /* Applied and changed, or refused and exactly as before. */
        assert_int_equal(status == ASSAY_OK, memcmp(before, after, sizeof before) != 0);
        refused += status == ASSAY_E_FULL ? 1 : 0;
    }
    return refused;
}

static void a_store_that_is_full_refuses_an_event_whole_and_never_allocates(void **state)
{
    (void)state;
    bool created = false;
    bool fitted = false;
    for (size_t bytes = 4096; !fitted; bytes += bytes / 3) {
        const struct assay_store_options options = {.memory_bytes_max = bytes, .shards = 1};
        struct assay_store *store = NULL;
        struct assay_err err = {0};
        const enum assay_status status = assay_store_create(&store, config->plan, &options, &err);
        assert_true(status == ASSAY_OK || err.what[0] != '\0');
        /* More memory never makes it worse. */
        assert_true(status == ASSAY_OK || !created);
        created = status == ASSAY_OK;
        if (created) {
            fitted = fill(store) == 0;
        }
        assay_store_destroy(store);
        assert_true(bytes < (size_t)64 << 20);
    }
}

/* --- the pipeline --- */

static enum assay_status create_pipeline(void *context, struct assay_err *err)
{
    (void)context;
    static const struct assay_feed_ops unused;
    static const struct assay_emitter emitter;
    struct assay_feed feed = {.ops = &unused}; /* creating asks it for nothing */
    struct assay_feed *feeds[] = {&feed};
    const struct assay_partition partitions[] = {
        {.source = assay_str_of("file"), .topic = assay_str_of("a")},
        {.source = assay_str_of("file"), .topic = assay_str_of("b")}};
    const struct assay_pipeline_options options = {
        .plan = config->plan,
        .policies = config->policies,
        .shards = 2,
        .partitions = partitions,
        .partition_count = 2,
        .feeds = feeds,
        .homes = 1,
        .memory_bytes = 4 << 20,
        .ids_max = 1000,
        .emitter = &emitter,
    };
    struct assay_pipeline *pipeline = NULL;
    const enum assay_status status = assay_pipeline_create(&pipeline, &options, err);
    assert_int_equal(status == ASSAY_OK, pipeline != NULL);
    assay_pipeline_destroy(pipeline);
    return status;
}

static void creating_a_pipeline_survives_every_failed_allocation(void **state)
{
    (void)state;
    fault_every(create_pipeline, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creating_a_store_survives_every_failed_allocation),
        cmocka_unit_test(a_store_that_is_full_refuses_an_event_whole_and_never_allocates),
        cmocka_unit_test(creating_a_pipeline_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
