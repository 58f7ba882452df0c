#include "tests/unit/runtime/world.h"
#include "engine/runtime/summary.h"
#include <stdio.h>

/* Stand-in until the scorers are merged. */
struct assay_policy {
    struct assay_need needs[3];
};
const struct assay_policies *world_policies(struct world *world);
const struct assay_policies *world_policies(struct world *world)
{
    struct assay_policies *p = assay_arena_alloc(world->arena, sizeof *p);
    struct assay_policy *one = assay_arena_alloc(world->arena, sizeof *one);
    const struct assay_policy **items = assay_arena_alloc(world->arena, sizeof *items);
    one->needs[0] = (struct assay_need){0, assay_plan_feature(world->config.plan, assay_str_of("user.pay_sum_1h"))};
    one->needs[1] = (struct assay_need){0, assay_plan_feature(world->config.plan, assay_str_of("user.applications"))};
    one->needs[2] = (struct assay_need){1, assay_plan_feature(world->config.plan, assay_str_of("device.users"))};
    items[0] = one;
    *p = (struct assay_policies){.plan = world->config.plan, .count = 1, .items = items};
    return p;
}
struct assay_str assay_policy_name(const struct assay_policy *policy) { (void)policy; return assay_str_of("credit"); }
uint32_t assay_policy_trigger(const struct assay_policy *policy) { (void)policy; return 2; }
const struct assay_need *assay_policy_needs(const struct assay_policy *policy, size_t *count) { *count = 3; return policy->needs; }
void assay_policy_evaluate(const struct assay_policy *policy, const struct assay_event *event,
                           const struct assay_value values[], struct assay_arena *scratch,
                           struct assay_verdict_of_policy *out)
{
    (void)policy; (void)event; (void)scratch;
    *out = (struct assay_verdict_of_policy){.outcome = assay_str_of("approve"), .raw = values[0].cell.number};
    if (values[0].cell.number > 500) out->outcome = assay_str_of("decline");
    else if (values[2].cell.number > 3) out->outcome = assay_str_of("review");
}
size_t assay_decision_json(const struct assay_decision *d, const struct assay_policies *p, size_t size, char out[])
{
    char id[512];
    assay_decision_id(d, p, id);
    return (size_t)snprintf(out, size, "{\"decision_id\":\"%s\",\"outcome\":\"%.*s\",\"v\":\"%a\",\"epoch\":%llu}", id, (int)d->verdict.outcome.len, d->verdict.outcome.ptr, d->values[0].cell.number, (unsigned long long)d->epoch);
}
size_t assay_decision_id(const struct assay_decision *d, const struct assay_policies *p, char out[512])
{
    (void)p;
    return (size_t)snprintf(out, 512, "%.*s:%u:%llu", (int)d->origin.topic.len, d->origin.topic.ptr, d->origin.partition, (unsigned long long)d->origin.offset);
}
struct assay_str assay_decision_key(const struct assay_decision *d, const struct assay_policies *p)
{
    (void)p;
    return d->event->fields[0].text;
}
size_t assay_audit_plan_encode(const struct assay_policies *p, size_t size, uint8_t out[])
{
    (void)p;
    if (size >= 4) memcpy(out, "plan", 4);
    return 4;
}
size_t assay_audit_decision_encode(const struct assay_decision *d, const struct assay_policies *p, size_t size, uint8_t out[])
{
    return assay_decision_json(d, p, size, (char *)out);
}
enum assay_status assay_audit_plan_decode(const struct assay_audit_plan **out, struct assay_arena *arena, const uint8_t payload[], size_t size, struct assay_err *err)
{
    (void)arena; (void)size; (void)err;
    *out = (const struct assay_audit_plan *)(const void *)payload;
    return ASSAY_OK;
}
enum assay_status assay_audit_decision_id(const struct assay_audit_plan *plan, const uint8_t payload[], size_t size, char out[512], struct assay_err *err)
{
    (void)plan; (void)err; (void)size;
    sscanf((const char *)payload, "{\"decision_id\":\"%511[^\"]", out);
    return ASSAY_OK;
}
