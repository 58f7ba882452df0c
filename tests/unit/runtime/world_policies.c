#include "tests/unit/runtime/world.h"

static struct assay_span span_of(struct assay_arena *arena, const char *bytes)
{
    struct assay_text *text = assay_arena_alloc(arena, sizeof *text);
    assert_non_null(text);
    *text = (struct assay_text){.path = "decisions.yaml", .data = bytes, .len = strlen(bytes)};
    return (struct assay_span){.text = text, .begin = 0, .end = text->len};
}

/* Two policies of one trigger, one that reads both entities, one of them an absent key at times. */
const struct assay_policies *world_policies(struct world *world)
{
    struct assay_arena *arena = world->arena;
    const struct assay_rule_source credit[] = {
        {.when = span_of(arena, "user.pay_sum_1h > 500"),
         .then = assay_str_of("decline"),
         .reason = assay_str_of("R01")},
        {.when = span_of(arena, "device.users > 3 and user.applications > 0"),
         .then = assay_str_of("review")},
    };
    const struct assay_rule_source offer[] = {
        {.when = span_of(arena, "user.net >= 0 and application.wanted > 100"),
         .then = assay_str_of("show")},
    };
    const struct assay_policy_source sources[] = {
        {.name = assay_str_of("credit"),
         .trigger = assay_str_of("application"),
         .rules = credit,
         .rule_count = 2,
         .otherwise = assay_str_of("approve")},
        {.name = assay_str_of("offer"),
         .trigger = assay_str_of("application"),
         .rules = offer,
         .rule_count = 1,
         .otherwise = assay_str_of("none")},
    };
    struct assay_diags *diags = assay_diags_create(arena, 16);
    const struct assay_policies *policies =
        assay_policies_compile(arena, world->config.plan, NULL, 0, sources, 2, diags);
    assay_diags_print(diags, stderr);
    assert_non_null(policies);
    return policies;
}
