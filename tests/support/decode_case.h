/*
 * tests/support/decode_case.h - one schema that shows every type, for tests and benches of
 * decoding.
 */
#ifndef ASSAY_TESTS_DECODE_CASE_H
#define ASSAY_TESTS_DECODE_CASE_H

#include "engine/base/arena.h"
#include "features/decode.h"

#define TEST_STR(literal)                                                                          \
    {                                                                                              \
        .ptr = (literal), .len = sizeof(literal) - 1                                               \
    }

/* Fields of `login`, in definition order. */
enum {
    LOGIN_USER,
    LOGIN_DEVICE,
    LOGIN_AMOUNT,
    LOGIN_COUNT,
    LOGIN_RATIO,
    LOGIN_OK,
    LOGIN_CHANNEL,
    LOGIN_NOTE,
    LOGIN_SEEN,
    LOGIN_PRINT,
    LOGIN_FIELDS
};

static const struct assay_field_def test_login_fields[] = {
    {.name = TEST_STR("user"), .type = ASSAY_TYPE_KEY, .entity = 0},
    {.name = TEST_STR("device"), .type = ASSAY_TYPE_KEY, .entity = 1, .optional = true},
    {.name = TEST_STR("amount"), .type = ASSAY_TYPE_DECIMAL, .scale = 2, .entity = ASSAY_NONE},
    {.name = TEST_STR("count"), .type = ASSAY_TYPE_INT, .entity = ASSAY_NONE},
    {.name = TEST_STR("ratio"), .type = ASSAY_TYPE_REAL, .entity = ASSAY_NONE},
    {.name = TEST_STR("ok"), .type = ASSAY_TYPE_BOOL, .entity = ASSAY_NONE},
    {.name = TEST_STR("channel"), .type = ASSAY_TYPE_CATEGORY, .entity = ASSAY_NONE},
    {.name = TEST_STR("note"), .type = ASSAY_TYPE_TEXT, .entity = ASSAY_NONE, .pii = true},
    {.name = TEST_STR("seen"), .type = ASSAY_TYPE_TIME, .entity = ASSAY_NONE},
    {.name = TEST_STR("print"), .type = ASSAY_TYPE_VECTOR, .dims = 3, .entity = ASSAY_NONE},
};

static const struct assay_field_def test_ping_fields[] = {
    {.name = TEST_STR("user"), .type = ASSAY_TYPE_KEY, .entity = 0},
};

static const struct assay_event_def test_events[] = {
    {.name = TEST_STR("ping"), .field_count = 1, .fields = test_ping_fields},
    {.name = TEST_STR("login"), .field_count = LOGIN_FIELDS, .fields = test_login_fields},
};

static const struct assay_entity_def test_entities[] = {
    {.name = TEST_STR("user")},
    {.name = TEST_STR("device")},
};

static const struct assay_schema test_schema = {
    .lateness_ms = 3600000,
    .ahead_ms = 300000,
    .event_count = 2,
    .entity_count = 2,
    .events = test_events,
    .entities = test_entities,
};

#endif
