/*
 * tests/support/definitions_case.h - a small schema, and texts to lex from, for tests of
 * expressions and plans.
 */
#ifndef ASSAY_TESTS_DEFINITIONS_CASE_H
#define ASSAY_TESTS_DEFINITIONS_CASE_H

#include "features/schema.h"

enum { CASE_USER, CASE_SHOP };
enum { CASE_PAY, CASE_MOVE };
enum { PAY_USER, PAY_SHOP, PAY_AMOUNT, PAY_OK, PAY_CHANNEL, PAY_RATE, PAY_COUNT };

#define CASE_FIELD(label, kind, ...)                                                               \
    {                                                                                              \
        .name = {label, sizeof label - 1}, .type = ASSAY_TYPE_##kind, __VA_ARGS__                  \
    }

static const struct assay_field_def case_pay_fields[] = {
    CASE_FIELD("user", KEY, .entity = CASE_USER),
    CASE_FIELD("shop", KEY, .entity = CASE_SHOP, .optional = true),
    CASE_FIELD("amount", DECIMAL, .entity = ASSAY_NONE, .scale = 2),
    CASE_FIELD("ok", BOOL, .entity = ASSAY_NONE),
    CASE_FIELD("channel", CATEGORY, .entity = ASSAY_NONE),
    CASE_FIELD("rate", REAL, .entity = ASSAY_NONE),
    CASE_FIELD("items", INT, .entity = ASSAY_NONE),
};
static const struct assay_field_def case_move_fields[] = {
    CASE_FIELD("payer", KEY, .entity = CASE_USER),
    CASE_FIELD("payee", KEY, .entity = CASE_USER),
    CASE_FIELD("amount", DECIMAL, .entity = ASSAY_NONE, .scale = 2),
};
static const struct assay_event_def case_events[] = {
    {.name = {"pay", 3}, .field_count = 7, .fields = case_pay_fields},
    {.name = {"move", 4}, .field_count = 3, .fields = case_move_fields},
};
static const struct assay_entity_def case_entities[] = {{.name = {"user", 4}, .expire_ms = 0},
                                                        {.name = {"shop", 4}, .expire_ms = 1000}};

static const struct assay_schema case_schema = {
    .lateness_ms = 1000,
    .event_count = 2,
    .entity_count = 2,
    .events = case_events,
    .entities = case_entities,
};

/** The whole of a NUL-terminated text as a span; the text lives in the arena. */
static inline struct assay_span case_span(struct assay_arena *arena, const char *text)
{
    struct assay_text *file = assay_arena_alloc(arena, sizeof *file);
    ASSAY_ASSERT(file != NULL);
    *file = (struct assay_text){.path = "case", .data = text, .len = strlen(text)};
    return (struct assay_span){.text = file, .begin = 0, .end = file->len};
}

#endif
