#include "features/plan_view.h"

#include "store_kit.h"

/* A plan laid open, held against the plan itself and against what the definitions say. */

enum { MEMORY = 1 << 22, DAY_MS = 86400000, HOUR_MS = 3600000 };

struct world {
    struct kit kit;
    const struct assay_plan_views *views;
    const struct assay_plan_entity *entity;
    const struct assay_entity_view *user;
};

static void open_world(struct world *world)
{
    struct kit *kit = &world->kit;
    kit_init(kit, HOUR_MS, 0);
    kit_feature(kit, KIT_USER, "count", "count(pay) over [1h, 7d]");
    kit_feature(kit, KIT_USER, "sum", "sum(pay.amount) where channel = \"app\" over 7d");
    kit_feature(kit, KIT_USER, "avg", "avg(pay.amount) where channel = \"app\" over 7d");
    kit_feature(kit, KIT_USER, "late", "max(pay.amount) over 5d delay 4d");
    kit_feature(kit, KIT_USER, "few", "sum(pay.amount) exclude current over 2d last 3");
    kit_feature(kit, KIT_USER, "share", "sum / count_7d");
    kit_feature(kit, KIT_USER, "deep", "if(share > 1, few, sum(transfer@payee.n) over 1d)");
    kit_feature(kit, KIT_USER, "now", "share * pay.amount");
    kit_feature(kit, KIT_USER, "ever", "count_distinct(transfer@payer.tag)");
    kit_feature(kit, KIT_SHOP, "paid", "sum(pay.amount) where channel in [\"app\", \"web\"]");
    kit_open(kit, MEMORY);
    world->views = assay_plan_views_create(kit->arena, kit->plan);
    assert_non_null(world->views);
    world->entity = &kit->plan->entities[KIT_USER];
    world->user = &world->views->entities[KIT_USER];
}

static const struct assay_feature_view *feature(const struct world *world, const char *name)
{
    return &world->views->features[kit_index(&world->kit, name)];
}

static void every_aggregate_is_in_the_one_view_that_it_reads(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    for (uint32_t e = 0; e < 2; e++) {
        const struct assay_plan_entity *entity = &world.kit.plan->entities[e];
        const struct assay_entity_view *view = &world.views->entities[e];
        for (uint32_t i = 0; i < entity->agg_count; i++) {
            const struct assay_agg *agg = &entity->aggs[i];
            uint32_t found = 0;
            for (uint32_t v = 0; v < view->view_count; v++) {
                const struct assay_plan_view *one = &view->views[v];
                const struct assay_plan_range *range = &view->ranges[one->range];
                for (uint32_t a = 0; a < one->agg_count; a++) {
                    if (one->aggs[a] != i) {
                        continue;
                    }
                    found++;
                    assert_int_equal(entity->streams[one->stream], agg->stream);
                    assert_int_equal(range->stream, one->stream);
                    assert_int_equal(one->filter, agg->filter);
                    assert_int_equal(one->column, agg->column);
                    assert_int_equal(one->last_n, agg->window.last_n);
                    assert_int_equal(one->exclude_current, agg->exclude_current);
                    assert_int_equal(range->window.span_ms, agg->window.span_ms);
                    assert_int_equal(range->window.delay_ms, agg->window.delay_ms);
                }
            }
            assert_int_equal(found, 1);
        }
    }
    kit_close(&world.kit);
}

static void a_feature_rests_on_what_its_features_rest_on(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    assert_int_equal(feature(&world, "user.sum")->agg_count, 1);
    assert_int_equal(feature(&world, "user.sum")->own_count, 1);
    assert_int_equal(feature(&world, "user.share")->agg_count, 2);
    assert_int_equal(feature(&world, "user.share")->own_count, 0);
    assert_int_equal(feature(&world, "user.share")->depend_count, 2);
    assert_int_equal(feature(&world, "user.deep")->agg_count, 4);
    assert_int_equal(feature(&world, "user.deep")->own_count, 1);
    assert_false(feature(&world, "user.deep")->reads_event);
    assert_true(feature(&world, "user.now")->reads_event);
    kit_close(&world.kit);
}

static void a_log_names_who_makes_it_reach_back_and_who_keeps_all(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    assert_int_equal(world.user->stream_count, 3);
    const struct assay_stream_view *pay = &world.user->streams[0];
    const struct assay_stream_view *payee = &world.user->streams[1];
    const struct assay_stream_view *payer = &world.user->streams[2];
    const struct assay_stream_view *shop = &world.views->entities[KIT_SHOP].streams[0];
    /* 5d delay 4d reaches back further than 7d */
    assert_true(assay_str_equal(world.entity->aggs[pay->farthest].window_text,
                                assay_str_of("5d delay 4d")));
    assert_int_equal(pay->stream->retained_ms, 9 * (int64_t)DAY_MS + HOUR_MS);
    assert_int_equal(pay->keeps_all, ASSAY_NONE);
    assert_int_equal(pay->folds_for, ASSAY_NONE);
    assert_int_equal(payee->stream->retained_ms, DAY_MS + HOUR_MS);
    assert_int_equal(payer->farthest, ASSAY_NONE);
    assert_true(assay_str_equal(world.entity->aggs[payer->keeps_all].text,
                                assay_str_of("count_distinct(transfer@payer.tag)")));
    assert_int_equal(payer->distinct_count, 1);
    assert_int_equal(shop->keeps_all, ASSAY_NONE);
    assert_int_equal(shop->folds_for, 0);
    kit_close(&world.kit);
}

static void texts_of_filters_are_listed_once_and_windows_without_last(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    const struct assay_stream_view *pay = &world.user->streams[0];
    const struct assay_stream_view *shop = &world.views->entities[KIT_SHOP].streams[0];
    assert_int_equal(pay->literal_count, 1);
    assert_true(assay_str_equal(pay->literals[0], assay_str_of("app")));
    assert_int_equal(shop->literal_count, 2);
    uint32_t limited = 0;
    for (uint32_t v = 0; v < world.user->view_count; v++) {
        const struct assay_plan_view *view = &world.user->views[v];
        if (view->last_n != 0) {
            limited++;
            assert_true(assay_str_equal(view->text, assay_str_of("2d last 3")));
            assert_true(assay_str_equal(world.user->ranges[view->range].text, assay_str_of("2d")));
        }
    }
    assert_int_equal(limited, 1);
    kit_close(&world.kit);
}

static void bytes_of_a_key_are_those_that_a_store_takes(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    struct assay_store_stats before;
    struct assay_store_stats after;
    size_t bytes = world.user->head_bytes + 1; /* and the name "u" */
    for (uint32_t s = 0; s < world.user->stream_count; s++) {
        bytes += world.user->streams[s].key_bytes;
    }
    assay_store_stats(world.kit.store, &before);
    struct assay_event event = kit_event(KIT_TRANSFER, 1, NULL, "u");
    kit_set_integer(&event, KIT_N, 1);
    kit_apply(&world.kit, &event, "u");
    assay_store_stats(world.kit.store, &after);
    const uint64_t taken = after.memory_bytes - before.memory_bytes;
    const size_t first = world.user->streams[1].first_bytes;
    /* the slab rounds a record up by less than half; kept windows begin at a multiple of 16 */
    assert_true(taken >= bytes + first && taken < (bytes + 16) * 3 / 2 + first);
    kit_close(&world.kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_aggregate_is_in_the_one_view_that_it_reads),
        cmocka_unit_test(a_feature_rests_on_what_its_features_rest_on),
        cmocka_unit_test(a_log_names_who_makes_it_reach_back_and_who_keeps_all),
        cmocka_unit_test(texts_of_filters_are_listed_once_and_windows_without_last),
        cmocka_unit_test(bytes_of_a_key_are_those_that_a_store_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
