#include "tests/unit/scorers/audit_kit.h"

/*
 * Seeded mutation of good audit records, plan and decision: whatever the decoders make of them,
 * they end, stay inside memory (run under AddressSanitizer), say what is wrong, and what they
 * accept can be shown. The frames' checksums catch accidents; here nothing is believed even when
 * they agree.
 */

enum { ROUNDS = 200000, DECISIONS = 24, EDITS_MAX = 4 };

static size_t mutate(uint8_t bytes[], size_t size, uint64_t *random)
{
    static const uint32_t words[] = {0,          1,          2,          0x7F, 0xFF,
                                     0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 65536};
    const size_t at = size == 0 ? 0 : (size_t)(test_random(random) >> 20) % size;
    const uint64_t draw = test_random(random) >> 16;
    switch (draw % 8) {
    case 0:
        return at; /* cut */
    case 1:
        if (size + 1 < AUDIT_RECORD_MAX) {
            bytes[size] = (uint8_t)(draw >> 8);
            return size + 1;
        }
        return size;
    case 2: /* lengths and counts are what a decoder believes in */
    case 3:
        for (size_t i = 0; i < 4 && at + i < size; i++) {
            bytes[at + i] =
                (uint8_t)(words[(draw >> 8) % (sizeof words / sizeof words[0])] >> (8 * i));
        }
        return size;
    case 4:
        memmove(bytes + at, bytes + at + (size - at) / 4, size - at - (size - at) / 4);
        return size - (size - at) / 4;
    case 5:
        if (size > 0) {
            bytes[at] ^= (uint8_t)(1U << (draw >> 8 & 7));
        }
        return size;
    default:
        if (size > 0) {
            bytes[at] = (uint8_t)(draw >> 8);
        }
        return size;
    }
}

struct seeds {
    struct kit kit;
    uint8_t *plan;
    size_t plan_bytes;
    uint8_t *decisions[DECISIONS];
    size_t decision_bytes[DECISIONS];
    int plans_read;
    int decisions_read;
};

static void make_seeds(struct seeds *seeds)
{
    uint64_t random = 71;
    audit_open(&seeds->kit);
    seeds->plan = audit_plan_record(&seeds->kit, &seeds->plan_bytes);
    for (int i = 0; i < DECISIONS; i++) {
        struct audit_case made;
        audit_random(&made, &seeds->kit, &random);
        seeds->decision_bytes[i] =
            assay_audit_decision_encode(&made.decision, seeds->kit.policies, 0, NULL);
        seeds->decisions[i] = assay_arena_alloc(seeds->kit.arena, seeds->decision_bytes[i]);
        assert_non_null(seeds->decisions[i]);
        (void)assay_audit_decision_encode(&made.decision, seeds->kit.policies,
                                          seeds->decision_bytes[i], seeds->decisions[i]);
    }
}

/* A copy that ends where the allocation ends, so that reading past it is seen. */
static uint8_t *tight(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    if (size > 0) {
        memcpy(copy + 1, bytes, size);
    }
    return copy;
}

static void check_refusal(enum assay_status status, const struct assay_err *err)
{
    assert_true(status == ASSAY_E_FORMAT || status == ASSAY_E_VERSION ||
                status == ASSAY_E_UNKNOWN || status == ASSAY_E_NO_MEMORY);
    assert_int_equal(err->status, status);
    assert_true(err->what[0] != '\0');
}

static void show(const struct assay_audit_view *view)
{
    static char text[1 << 20];
    assert_true(assay_audit_view_json(view, sizeof text, text) > 2);
    for (uint32_t i = 0; i < view->contribution_count; i++) {
        assert_true(view->contribution_values[i] < view->value_count);
    }
    assert_true(view->reason_count <= ASSAY_POLICY_REASONS_MAX);
}

static void round_of(struct seeds *seeds, int round)
{
    static uint8_t bytes[AUDIT_RECORD_MAX];
    uint64_t random = UINT64_C(72) + (uint64_t)round * UINT64_C(0x9E3779B97F4A7C15);
    const size_t which = (size_t)(test_random(&random) >> 20) % DECISIONS;
    const bool edit_plan = round % 2 == 0;
    size_t size = edit_plan ? seeds->plan_bytes : seeds->decision_bytes[which];
    memcpy(bytes, edit_plan ? seeds->plan : seeds->decisions[which], size);
    for (uint64_t edits = 1 + (test_random(&random) >> 20) % EDITS_MAX; edits > 0; edits--) {
        size = mutate(bytes, size, &random);
    }
    uint8_t *edited = tight(bytes, size);
    struct assay_arena *arena = assay_arena_create(4 << 20);
    const struct assay_audit_plan *plan = NULL;
    struct assay_audit_view view;
    struct assay_err err = {0};
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    enum assay_status status =
        assay_audit_plan_decode(&plan, arena, edit_plan ? edited + 1 : seeds->plan,
                                edit_plan ? size : seeds->plan_bytes, &err);
    if (status == ASSAY_OK) {
        const uint8_t *decision = edit_plan ? seeds->decisions[which] : edited + 1;
        const size_t decision_bytes = edit_plan ? seeds->decision_bytes[which] : size;
        seeds->plans_read += edit_plan ? 1 : 0;
        status = assay_audit_decision_id(plan, decision, decision_bytes, id, &err);
        const enum assay_status whole =
            assay_audit_decision_decode(&view, arena, plan, decision, decision_bytes, &err);
        assert_true(whole != ASSAY_OK || status == ASSAY_OK);
        status = whole;
    }
    if (status == ASSAY_OK) {
        seeds->decisions_read += edit_plan ? 0 : 1;
        show(&view);
    } else {
        check_refusal(status, &err);
    }
    assay_arena_destroy(arena);
    free(edited);
}

static void mutated_records_are_read_or_refused(void **state)
{
    (void)state;
    static struct seeds seeds;
    make_seeds(&seeds);
    for (int round = 0; round < ROUNDS; round++) {
        round_of(&seeds, round);
    }
    print_message("  %d plans and %d decisions of %d accepted\n", seeds.plans_read,
                  seeds.decisions_read, ROUNDS);
    assert_true(seeds.plans_read > 0 && seeds.plans_read < ROUNDS / 2);
    assert_true(seeds.decisions_read > 0 && seeds.decisions_read < ROUNDS / 2);
    kit_close(&seeds.kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mutated_records_are_read_or_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
