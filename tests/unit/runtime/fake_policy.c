#include "tests/unit/runtime/world.h"
#include "engine/runtime/summary.h"
#include <stdio.h>

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
