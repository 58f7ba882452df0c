#include "features/plan.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/definitions_case.h"

#include <stdio.h>
#include <stdlib.h>

struct bench {
    struct assay_arena *arena;
    struct assay_diags *diags;
};

/** One line: entity, name, definition. */
struct line {
    uint32_t entity;
    const char *name;
    const char *definition;
};

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    assay_arena_destroy(bench->arena);
    free(bench);
    return 0;
}

static const struct assay_plan *compile_with(struct bench *bench, const struct assay_schema *schema,
                                             const struct line lines[], size_t count)
{
    struct assay_arena *arena = assay_arena_create((size_t)64 << 20);
    assert_non_null(arena);
    assay_arena_destroy(bench->arena);
    bench->arena = arena;
    bench->diags = assay_diags_create(arena, 20);
    struct assay_feature_source *sources = assay_arena_array(arena, count, sizeof *sources);
    assert_true(bench->diags != NULL && sources != NULL);
    for (size_t i = 0; i < count; i++) {
        const bool broken = lines[i].definition == NULL;
        sources[i] = (struct assay_feature_source){
            .entity = lines[i].entity,
            .name = assay_str_of(lines[i].name),
            .name_span = case_span(arena, lines[i].name),
            .expression = case_span(arena, broken ? "" : lines[i].definition),
            .broken = broken,
        };
    }
    return assay_plan_compile(arena, schema, sources, count, bench->diags);
}

static const struct assay_plan *compile(struct bench *bench, const struct line lines[],
                                        size_t count)
{
    const struct assay_plan *plan = compile_with(bench, &case_schema, lines, count);
    if (plan == NULL) {
        assay_diags_print(bench->diags, stderr);
        fail_msg("the plan does not compile");
    }
    return plan;
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct assay_feature *feature_of(const struct assay_plan *plan, const char *name)
{
    const uint32_t index = assay_plan_feature(plan, assay_str_of(name));
    if (index == ASSAY_NONE) {
        fail_msg("no feature %s", name);
    }
    return &plan->features[index];
}

static void a_list_of_spans_is_one_feature_each(void **state)
{
    struct bench *bench = *state;
    static const struct line lines[] = {
        {CASE_USER, "n", "count(pay) over [1h, 7d last 10, last 3, lifetime]"},
        {CASE_USER, "m", "count(pay) over 1h"},
    };
    static const char *const names[] = {"user.n_1h", "user.n_7d_last10", "user.n_last3",
                                        "user.n_lifetime", "user.m"};
    const struct assay_plan *plan = compile(bench, lines, COUNT(lines));
    assert_int_equal(plan->feature_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(plan->features[plan->file_order[i]].full_name.ptr, names[i]);
    }
    const struct assay_plan_entity *user = &plan->entities[CASE_USER];
    assert_int_equal(user->agg_count, 4); /* m and n_1h are one */
    assert_int_equal(user->aggs[0].window.span_ms, 3600000);
    assert_int_equal(user->aggs[1].window.span_ms, 604800000);
    assert_int_equal(user->aggs[1].window.last_n, 10);
    assert_int_equal(user->aggs[2].window.span_ms, 0);
    assert_int_equal(user->aggs[2].window.last_n, 3);
    assert_int_equal(user->aggs[3].window.span_ms, 0);
    assert_int_equal(user->aggs[3].window.last_n, 0);
}

static void what_is_equal_is_kept_once(void **state)
{
    struct bench *bench = *state;
    static const struct line lines[] = {
        {CASE_USER, "a", "sum(pay.amount) where amount > 3 over 1h"},
        {CASE_USER, "b", "sum(pay.amount) where (amount)>3 over 60m + 1"},
        {CASE_USER, "c", "max(pay.amount) where ok over 1d"},
        {CASE_USER, "d", "sum(pay@user.amount) where amount > 3 over 1h delay 1h"},
        {CASE_SHOP, "e", "sum(pay.amount) where amount > 3 over 1h"},
        {CASE_USER, "f", "sum(move@payer.amount) - sum(move@payee.amount)"},
    };
    const struct assay_plan *plan = compile(bench, lines, COUNT(lines));
    assert_int_equal(plan->stream_count, 4); /* pay by user, pay by shop, move by either role */
    const struct assay_plan_entity *user = &plan->entities[CASE_USER];
    assert_int_equal(user->stream_count, 3);
    assert_int_equal(user->agg_count, 5);
    const struct assay_stream *pay = &plan->streams[user->streams[0]];
    assert_int_equal(pay->event, CASE_PAY);
    assert_int_equal(pay->key_field, PAY_USER);
    assert_int_equal(pay->filter_count, 2);
    assert_int_equal(pay->column_count, 1);
    assert_int_equal(pay->columns[0], PAY_AMOUNT);
    assert_false(pay->ordered);
    assert_false(pay->lifetime);
    assert_int_equal(pay->retained_ms, 86400000 + 1000);
    assert_int_equal(user->aggs[2].window.delay_ms, 3600000);
    assert_true(plan->streams[user->streams[1]].lifetime);
    assert_int_equal(plan->entities[CASE_SHOP].agg_count, 1);
    assert_int_equal(plan->entities[CASE_SHOP].feature_count, 1);
    assert_int_equal(plan->streams[plan->entities[CASE_SHOP].streams[0]].key_field, PAY_SHOP);
}

static void order_is_kept_where_a_value_depends_on_it(void **state)
{
    struct bench *bench = *state;
    static const char *const ordered[] = {"last(pay.amount) over 1h", "first(pay.amount) over 1h",
                                          "count(pay) over last 3", "count(pay) over 1h last 3"};
    static const char *const loose[] = {"count(pay) over 1h", "time_since_last(pay) over 1h",
                                        "count_distinct(pay.channel) over 1h"};
    for (size_t i = 0; i < COUNT(ordered); i++) {
        const struct line line = {CASE_USER, "n", ordered[i]};
        assert_true(compile(bench, &line, 1)->streams[0].ordered);
    }
    for (size_t i = 0; i < COUNT(loose); i++) {
        const struct line line = {CASE_USER, "n", loose[i]};
        assert_false(compile(bench, &line, 1)->streams[0].ordered);
    }
}

static void a_stream_keeps_what_its_widest_window_reaches(void **state)
{
    struct bench *bench = *state;
    static const struct line lines[] = {
        {CASE_USER, "a", "count(pay) over 3h"},
        {CASE_USER, "b", "count(pay) over 1h delay 5h"},
        {CASE_SHOP, "c", "count(pay) over 1m"},
    };
    const struct assay_plan *plan = compile(bench, lines, COUNT(lines));
    assert_int_equal(plan->entities[CASE_USER].retained_ms, 6 * 3600000 + 1000);
    assert_int_equal(plan->entities[CASE_SHOP].retained_ms, 60000 + 1000);
}

static void every_part_of_an_aggregate_tells_it_from_others(void **state)
{
    struct bench *bench = *state;
    static const char *const texts[] = {
        "count(pay) over 1h",
        "count(pay) exclude current over 1h",
        "count(pay) over 2h",
        "count(pay) over 1h last 3",
        "count(pay) over 1h delay 1h",
        "count(pay) where ok over 1h",
        "count(pay.channel) over 1h",
        "count(pay.ok) over 1h",
        "count_distinct(pay.ok) over 1h",
    };
    struct line lines[COUNT(texts)];
    char names[COUNT(texts)][8];
    for (size_t i = 0; i < COUNT(texts); i++) {
        (void)snprintf(names[i], sizeof names[i], "f%zu", i);
        lines[i] = (struct line){CASE_USER, names[i], texts[i]};
    }
    const struct assay_plan *plan = compile(bench, lines, COUNT(lines));
    assert_int_equal(plan->entities[CASE_USER].agg_count, COUNT(texts));
    for (uint32_t i = 0; i < COUNT(texts); i++) {
        for (uint32_t j = 0; j < i; j++) {
            assert_false(plan->features[i].hash[0] == plan->features[j].hash[0]);
        }
    }
}

static void features_come_after_what_they_read(void **state)
{
    struct bench *bench = *state;
    static const struct line lines[] = {
        {CASE_USER, "ratio", "user.bad / all"},
        {CASE_USER, "bad", "count(pay) where not ok over 1h"},
        {CASE_SHOP, "x", "count(pay)"},
        {CASE_USER, "all", "count(pay) over 1h"},
    };
    const struct assay_plan *plan = compile(bench, lines, COUNT(lines));
    const uint32_t ratio = assay_plan_feature(plan, assay_str_of("user.ratio"));
    assert_true(assay_plan_feature(plan, assay_str_of("user.bad")) < ratio);
    assert_true(assay_plan_feature(plan, assay_str_of("user.all")) < ratio);
    assert_int_equal(plan->file_order[0], ratio);
    assert_int_equal(plan->entities[CASE_USER].feature_first, 0);
    assert_int_equal(plan->entities[CASE_USER].feature_count, 3);
    assert_int_equal(plan->entities[CASE_SHOP].feature_first, 3);
}

static void kinds_follow_the_fields(void **state)
{
    struct bench *bench = *state;
    static const struct line lines[] = {
        {CASE_USER, "n", "last(pay.amount)"},   {CASE_USER, "b", "last(pay.ok)"},
        {CASE_USER, "t", "first(pay.channel)"}, {CASE_USER, "c", "count_distinct(pay.channel)"},
        {CASE_USER, "r", "min(pay.rate)"},      {CASE_USER, "now", "pay.channel"},
        {CASE_USER, "is", "pay.amount > 3"},
    };
    const struct assay_plan *plan = compile(bench, lines, COUNT(lines));
    assert_int_equal(feature_of(plan, "user.n")->kind, ASSAY_KIND_NUMBER);
    assert_int_equal(feature_of(plan, "user.b")->kind, ASSAY_KIND_BOOL);
    assert_int_equal(feature_of(plan, "user.t")->kind, ASSAY_KIND_TEXT);
    assert_int_equal(feature_of(plan, "user.c")->kind, ASSAY_KIND_NUMBER);
    assert_int_equal(feature_of(plan, "user.r")->kind, ASSAY_KIND_NUMBER);
    assert_int_equal(feature_of(plan, "user.now")->kind, ASSAY_KIND_TEXT);
    assert_int_equal(feature_of(plan, "user.is")->kind, ASSAY_KIND_BOOL);
}

struct identity {
    uint64_t hash[2];
};

static struct identity identity(const struct assay_plan *plan, const char *name)
{
    const struct assay_feature *feature = feature_of(plan, name);
    return (struct identity){.hash = {feature->hash[0], feature->hash[1]}};
}

static bool equal(struct identity a, struct identity b)
{
    return a.hash[0] == b.hash[0] && a.hash[1] == b.hash[1];
}

static void a_feature_keeps_its_hash_when_others_change(void **state)
{
    struct bench *bench = *state;
    static const struct line before[] = {
        {CASE_USER, "n", "count(pay) where amount > 3 over [1h, 1d]"},
        {CASE_USER, "m", "n_1h + 1"},
    };
    static const struct line after[] = {
        {CASE_USER, "new", "sum(pay.amount) over 1h"},
        {CASE_USER, "n", "count(pay)  where (amount > 3) over [5m, 1h, 1d]"},
        {CASE_USER, "m", "n_1h+1"},
        {CASE_SHOP, "new", "count(pay)"},
    };
    const struct assay_plan *plan = compile(bench, before, COUNT(before));
    const struct identity hour = identity(plan, "user.n_1h");
    const struct identity day = identity(plan, "user.n_1d");
    const struct identity derived = identity(plan, "user.m");
    const uint64_t whole = plan->hash[0];
    assert_false(equal(hour, day));
    plan = compile(bench, before, COUNT(before));
    assert_true(plan->hash[0] == whole); /* the same twice */
    plan = compile(bench, after, COUNT(after));
    assert_true(plan->hash[0] != whole);
    assert_true(equal(identity(plan, "user.n_1h"), hour));
    assert_true(equal(identity(plan, "user.n_1d"), day));
    assert_true(equal(identity(plan, "user.m"), derived));
}

static void a_feature_changes_its_hash_with_what_it_rests_on(void **state)
{
    struct bench *bench = *state;
    static const struct line lines[] = {
        {CASE_USER, "n", "count(pay) where amount > 3 over 1h"},
        {CASE_USER, "m", "n + 1"},
        {CASE_USER, "other", "count(pay) over 1h"},
        {CASE_USER, "last", "last(pay.items)"},
    };
    static const struct line changed[] = {
        {CASE_USER, "n", "count(pay) where amount > 4 over 1h"},
        {CASE_USER, "m", "n + 1"},
        {CASE_USER, "other", "count(pay) over 1h"},
        {CASE_USER, "last", "last(pay.items)"},
    };
    const struct assay_plan *plan = compile(bench, lines, COUNT(lines));
    const struct identity n = identity(plan, "user.n");
    const struct identity m = identity(plan, "user.m");
    const struct identity other = identity(plan, "user.other");
    const struct identity last = identity(plan, "user.last");
    plan = compile(bench, changed, COUNT(changed));
    assert_false(equal(identity(plan, "user.n"), n));
    assert_false(equal(identity(plan, "user.m"), m)); /* through what it reads */
    assert_true(equal(identity(plan, "user.other"), other));

    struct assay_field_def fields[7]; /* the filter's field gets another scale */
    memcpy(fields, case_pay_fields, sizeof fields);
    fields[PAY_AMOUNT].scale = 3;
    struct assay_event_def events[2] = {case_events[0], case_events[1]};
    events[CASE_PAY].fields = fields;
    struct assay_schema schema = case_schema;
    schema.events = events;
    plan = compile_with(bench, &schema, lines, COUNT(lines));
    assert_non_null(plan);
    assert_false(equal(identity(plan, "user.n"), n));
    assert_true(equal(identity(plan, "user.last"), last));

    struct assay_entity_def entities[2] = {case_entities[0], case_entities[1]};
    entities[CASE_USER].expire_ms = 5;
    schema = case_schema;
    schema.entities = entities;
    plan = compile_with(bench, &schema, lines, COUNT(lines));
    assert_non_null(plan);
    assert_false(equal(identity(plan, "user.other"), other));
}

static void refused(struct bench *bench, const struct line lines[], size_t count, int code)
{
    if (compile_with(bench, &case_schema, lines, count) != NULL ||
        assay_diags_count(bench->diags) != 1 ||
        (int)assay_diags_at(bench->diags, 0)->code != code) {
        assay_diags_print(bench->diags, stderr);
        fail_msg("%s: not AS%04d alone", lines[0].definition, code);
    }
}

static void each_mistake_is_reported_once(void **state)
{
    struct bench *bench = *state;
    static const struct {
        struct line lines[4];
        size_t count;
        int code;
    } rows[] = {
        {{{CASE_USER, "a", "count(pya)"}}, 1, ASSAY_DIAG_UNKNOWN_EVENT},
        {{{CASE_USER, "a", "sum(pay.amuont)"}}, 1, ASSAY_DIAG_UNKNOWN_FIELD},
        {{{CASE_USER, "a", "sum(pay.rate)"}}, 1, ASSAY_DIAG_COLUMN},
        {{{CASE_USER, "a", "sum(pay)"}}, 1, ASSAY_DIAG_COLUMN},
        {{{CASE_USER, "a", "time_since_last(pay.ok)"}}, 1, ASSAY_DIAG_COLUMN},
        {{{CASE_USER, "a", "count(move)"}}, 1, ASSAY_DIAG_ROLE},
        {{{CASE_SHOP, "a", "count(move)"}}, 1, ASSAY_DIAG_ROLE},
        {{{CASE_USER, "a", "count(pay@shop)"}}, 1, ASSAY_DIAG_ROLE},
        {{{CASE_USER, "a", "b"}, {CASE_USER, "b", "a"}}, 2, ASSAY_DIAG_CYCLE},
        {{{CASE_USER, "a", "shop.b"}, {CASE_SHOP, "b", "1"}}, 2, ASSAY_DIAG_OTHER_ENTITY},
        {{{CASE_USER, "a", "1 + count(pay) over [1h]"}}, 1, ASSAY_DIAG_LIST},
        {{{CASE_USER, "a", "count(pay) over [1h, 60m, 1h]"}}, 1, ASSAY_DIAG_DUPLICATE},
        {{{CASE_USER, "a", "1"}, {CASE_USER, "a", "2"}}, 2, ASSAY_DIAG_DUPLICATE},
        {{{CASE_USER, "a", "count(pay) where sum(pay.amount) > 1"}}, 1, ASSAY_DIAG_NO_AGGREGATE},
        {{{CASE_USER, "a", "count(pay) where at > 1"}}, 1, ASSAY_DIAG_UNKNOWN_NAME},
        {{{CASE_USER, "a", "count(pay) where b > 1"}, {CASE_USER, "b", "1"}},
         2,
         ASSAY_DIAG_UNKNOWN_FIELD},
        /* what rests on a mistake stays silent */
        {{{CASE_USER, "a", "count(pya)"}, {CASE_USER, "b", "a + 1"}, {CASE_USER, "c", "b"}},
         3,
         ASSAY_DIAG_UNKNOWN_EVENT},
        {{{CASE_USER, "a", "count(pay) ovr [1h, 1d]"}, {CASE_USER, "b", "a_1h + a_1d"}},
         2,
         ASSAY_DIAG_SYNTAX},
        {{{CASE_USER, "b", "a + aa"}, {CASE_USER, "a", "1 +"}, {CASE_USER, "aa", "2"}},
         3,
         ASSAY_DIAG_SYNTAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        refused(bench, rows[i].lines, rows[i].count, rows[i].code);
    }
}

static void what_was_reported_elsewhere_stays_silent_here(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {CASE_USER, "a", NULL},
        {CASE_USER, "b", "a + a_1h"},
        {CASE_USER, "c", "sum(pay.amount)"},
        {CASE_USER, "d", "count(pay) where amount > 3"},
        {CASE_USER, "e", "pay.amount"},
    };
    struct assay_field_def fields[7];
    memcpy(fields, case_pay_fields, sizeof fields);
    fields[PAY_AMOUNT].broken = true;
    struct assay_event_def events[2] = {case_events[0], case_events[1]};
    events[CASE_PAY].fields = fields;
    struct assay_schema schema = case_schema;
    schema.events = events;
    const struct assay_span nowhere = {0};
    struct assay_arena *arena = assay_arena_create(1 << 20);
    assert_non_null(arena);
    struct assay_feature_source sources[COUNT(lines)];
    for (size_t i = 0; i < COUNT(lines); i++) {
        sources[i] = (struct assay_feature_source){
            .entity = CASE_USER,
            .name = assay_str_of(lines[i].name),
            .name_span = case_span(arena, lines[i].name),
            .expression = case_span(arena, lines[i].definition == NULL ? "" : lines[i].definition),
            .broken = lines[i].definition == NULL,
        };
    }
    struct assay_diags *diags = assay_diags_create(arena, 20);
    assert_non_null(diags);
    assay_diag_add(diags, ASSAY_DIAG_VALUE, nowhere, "reported elsewhere");
    assert_null(assay_plan_compile(arena, &schema, sources, COUNT(lines), diags));
    assert_int_equal(assay_diags_count(diags), 1);
    assay_arena_destroy(arena);
}

static void chains_are_bounded_in_the_wrong_order_only(void **state)
{
    struct bench *bench = *state;
    enum { LENGTH = 300 };
    static struct line lines[LENGTH];
    static char names[LENGTH][8];
    static char texts[LENGTH][16];
    for (size_t i = 0; i < LENGTH; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%zu", i);
        (void)snprintf(texts[i], sizeof texts[i], i == 0 ? "1" : "f%zu + 1", i - 1);
        lines[i] = (struct line){CASE_USER, names[i], texts[i]};
    }
    assert_int_equal(compile(bench, lines, LENGTH)->feature_count, LENGTH);
    for (size_t i = 0; i < LENGTH / 2; i++) {
        const struct line other = lines[i];
        lines[i] = lines[LENGTH - 1 - i];
        lines[LENGTH - 1 - i] = other;
    }
    assert_null(compile_with(bench, &case_schema, lines, LENGTH));
    assert_int_equal(assay_diags_at(bench->diags, 0)->code, ASSAY_DIAG_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_list_of_spans_is_one_feature_each),
        TEST(what_is_equal_is_kept_once),
        TEST(order_is_kept_where_a_value_depends_on_it),
        TEST(a_stream_keeps_what_its_widest_window_reaches),
        TEST(every_part_of_an_aggregate_tells_it_from_others),
        TEST(features_come_after_what_they_read),
        TEST(kinds_follow_the_fields),
        TEST(a_feature_keeps_its_hash_when_others_change),
        TEST(a_feature_changes_its_hash_with_what_it_rests_on),
        TEST(each_mistake_is_reported_once),
        TEST(what_was_reported_elsewhere_stays_silent_here),
        TEST(chains_are_bounded_in_the_wrong_order_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
