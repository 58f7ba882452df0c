#include "tests/support/decode_case.h"

#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

/* One decoder for a test; the event borrows from it. */
struct fixture {
    struct assay_arena *arena;
    struct assay_decoder *decoder;
    struct assay_event event;
    struct assay_decode_report report;
};

static int open_decoder(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->arena = assay_arena_create(1 << 20);
    fixture->decoder = assay_decoder_create_json(fixture->arena, &test_schema);
    assert_non_null(fixture->decoder);
    *state = fixture;
    return 0;
}

static int close_decoder(void **state)
{
    struct fixture *fixture = *state;
    assay_decoder_destroy(fixture->decoder);
    assay_arena_destroy(fixture->arena);
    free(fixture);
    return 0;
}

/* A private copy without a terminator, so that a read past the end is seen by the sanitizer. */
static enum assay_dead decode_bytes(struct fixture *fixture, const char *bytes, size_t length)
{
    char *copy = malloc(length == 0 ? 1 : length);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    assay_decode_json(fixture->decoder, (struct assay_str){.ptr = copy, .len = (uint32_t)length},
                      &fixture->event, &fixture->report);
    free(copy);
    return fixture->report.dead;
}

/* Text fields may be looked at afterwards: the message stays. */
static enum assay_dead decode(struct fixture *fixture, const char *message)
{
    assay_decode_json(fixture->decoder, assay_str_of(message), &fixture->event, &fixture->report);
    return fixture->report.dead;
}

static void check_text(struct assay_str text, const char *expected)
{
    assert_non_null(text.ptr);
    assert_true(assay_str_equal(text, assay_str_of(expected)));
}

struct bad_case {
    const char *message;
    enum assay_dead dead;
    const char *field;   /* NULL: none */
    const char *noticed; /* the report's offset is where this first stands; NULL: anywhere */
};

/* `noticed` begins at the byte where reading stopped. */
static const struct bad_case bad_cases[] = {
    {" \t\r\n", ASSAY_DEAD_EMPTY, NULL, NULL},
    {"{", ASSAY_DEAD_SYNTAX, NULL, NULL},
    {"{\"type\":\"ping\",}", ASSAY_DEAD_SYNTAX, NULL, "}"},
    {"{\"type\":\"ping\" \"x\":1}", ASSAY_DEAD_SYNTAX, NULL, "\"x\""},
    {"{\"type\" \"ping\"}", ASSAY_DEAD_SYNTAX, NULL, "\"ping\""},
    {"{'type':1}", ASSAY_DEAD_SYNTAX, NULL, "'type"},
    {"{\"type\":\"ping\"} x", ASSAY_DEAD_SYNTAX, NULL, "x"},
    {"{\"a\":01}", ASSAY_DEAD_SYNTAX, NULL, "01"},
    {"{\"a\":1.}", ASSAY_DEAD_SYNTAX, NULL, "1."},
    {"{\"a\":.5}", ASSAY_DEAD_SYNTAX, NULL, ".5"},
    {"{\"a\":1e}", ASSAY_DEAD_SYNTAX, NULL, "1e"},
    {"{\"a\":+1}", ASSAY_DEAD_SYNTAX, NULL, "+1"},
    {"{\"a\":-}", ASSAY_DEAD_SYNTAX, NULL, "-"},
    {"{\"a\":NaN}", ASSAY_DEAD_SYNTAX, NULL, "NaN"},
    {"{\"a\":Infinity}", ASSAY_DEAD_SYNTAX, NULL, "Inf"},
    {"{\"a\":tru}", ASSAY_DEAD_SYNTAX, NULL, "tru}"},
    {"{\"a\":[1,]}", ASSAY_DEAD_SYNTAX, NULL, "]"},
    {"{\"a\":[1}", ASSAY_DEAD_SYNTAX, NULL, "}"},
    {"{\"a\":{\"b\"}}", ASSAY_DEAD_SYNTAX, NULL, "}}"},
    {"{\"a\":\"\\x\"}", ASSAY_DEAD_SYNTAX, NULL, "\\x"},
    {"{\"a\":\"\\u12g4\"}", ASSAY_DEAD_SYNTAX, NULL, "\\u12"},
    {"{\"a\":\"tab\there\"}", ASSAY_DEAD_SYNTAX, NULL, "\there"},
    {"{\"a\":\"open", ASSAY_DEAD_SYNTAX, NULL, NULL},
    {"[1, 2]", ASSAY_DEAD_NOT_OBJECT, NULL, NULL},
    {"\"ping\"", ASSAY_DEAD_NOT_OBJECT, NULL, NULL},
    {"12", ASSAY_DEAD_NOT_OBJECT, NULL, NULL},
    {"null", ASSAY_DEAD_NOT_OBJECT, NULL, NULL},
    {"nul", ASSAY_DEAD_SYNTAX, NULL, NULL},
    {"{\"a\":\"\\ud800\"}", ASSAY_DEAD_UTF8, NULL, "\\ud800"},
    {"{\"a\":\"\\ud800x\"}", ASSAY_DEAD_UTF8, NULL, "\\ud800"},
    {"{\"a\":\"\\ud800\\u0041\"}", ASSAY_DEAD_UTF8, NULL, "\\ud800"},
    {"{\"a\":\"\\udc00\"}", ASSAY_DEAD_UTF8, NULL, "\\udc00"},
    {"{\"a\":\"\xed\xa0\x80\"}", ASSAY_DEAD_UTF8, NULL, "\xed"},     /* a surrogate in UTF-8 */
    {"{\"a\":\"\xc3\"}", ASSAY_DEAD_UTF8, NULL, "\xc3"},             /* cut short */
    {"{\"a\":\"\xe2\x82\"}", ASSAY_DEAD_UTF8, NULL, "\xe2"},         /* cut short */
    {"{\"a\":\"\xf0\x9f\x98\"}", ASSAY_DEAD_UTF8, NULL, "\xf0"},     /* cut short */
    {"{\"a\":\"\xc0\xaf\"}", ASSAY_DEAD_UTF8, NULL, "\xc0"},         /* overlong */
    {"{\"a\":\"\xe0\x80\xaf\"}", ASSAY_DEAD_UTF8, NULL, "\xe0"},     /* overlong */
    {"{\"a\":\"\xf4\x90\x80\x80\"}", ASSAY_DEAD_UTF8, NULL, "\xf4"}, /* past U+10FFFF */
    {"{\"a\":\"\x80\"}", ASSAY_DEAD_UTF8, NULL, "\x80"},
    {"{\"a\xff\":1}", ASSAY_DEAD_UTF8, NULL, "\xff"},
    {"{}", ASSAY_DEAD_NO_TYPE, "type", NULL},
    {"{\"type\":null,\"time\":1}", ASSAY_DEAD_NO_TYPE, "type", NULL},
    {"{\"type\":7,\"time\":1}", ASSAY_DEAD_WRONG_TYPE, "type", "7"},
    {"{\"type\":\"pong\",\"time\":1}", ASSAY_DEAD_UNKNOWN_EVENT, "type", "pong"},
    {"{\"type\":\"\",\"time\":1}", ASSAY_DEAD_UNKNOWN_EVENT, "type", "\",\"time"},
    {"{\"type\":\"ping\"}", ASSAY_DEAD_NO_TIME, "time", NULL},
    {"{\"type\":\"ping\",\"time\":null}", ASSAY_DEAD_NO_TIME, "time", NULL},
    {"{\"type\":\"ping\",\"time\":true}", ASSAY_DEAD_BAD_TIME, "time", "true"},
    {"{\"type\":\"ping\",\"time\":1.5}", ASSAY_DEAD_BAD_TIME, "time", "1.5"},
    {"{\"type\":\"ping\",\"time\":1e16}", ASSAY_DEAD_BAD_TIME, "time", "1e16"},
    {"{\"type\":\"ping\",\"time\":\"\"}", ASSAY_DEAD_BAD_TIME, "time", "\"}"},
    {"{\"type\":\"ping\",\"time\":\"1\"}", ASSAY_DEAD_BAD_TIME, "time", "1\"}"},
    {"{\"type\":\"ping\",\"time\":1,\"id\":5}", ASSAY_DEAD_WRONG_TYPE, "id", "5"},
    {"{\"type\":\"ping\",\"time\":1,\"id\":\"\\u0000\"}", ASSAY_DEAD_NUL, "id", "\\u0000"},
    {"{\"type\":\"ping\",\"time\":1}", ASSAY_DEAD_MISSING_KEY, "user", NULL},
    {"{\"type\":\"ping\",\"time\":1,\"user\":null}", ASSAY_DEAD_MISSING_KEY, "user", NULL},
    {"{\"type\":\"ping\",\"time\":1,\"user\":\"\"}", ASSAY_DEAD_MISSING_KEY, "user", NULL},
    {"{\"type\":\"ping\",\"time\":1,\"user\":\"a\\u0000b\"}", ASSAY_DEAD_NUL, "user", "a\\u"},
    {"{\"type\":\"ping\",\"time\":1,\"user\":true}", ASSAY_DEAD_WRONG_TYPE, "user", "true"},
    {"{\"type\":\"ping\",\"time\":1,\"user\":1.0}", ASSAY_DEAD_WRONG_TYPE, "user", "1.0"},
    {"{\"type\":\"ping\",\"time\":1,\"user\":[1]}", ASSAY_DEAD_WRONG_TYPE, "user", "[1]"},
    {"{\"user\":\"u\",\"user\":\"v\"}", ASSAY_DEAD_DUPLICATE_KEY, "user", "\"user\":\"v"},
    {"{\"x\":1,\"\\u0078\":2}", ASSAY_DEAD_DUPLICATE_KEY, "x", "\"\\u0078"},
    {"{\"\":1,\"\":2}", ASSAY_DEAD_DUPLICATE_KEY, "", "\"\":2"},
};

static void every_bad_message_has_its_reason_field_and_place(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *bad = &bad_cases[i];
        const size_t length = strlen(bad->message);
        const enum assay_dead dead = decode_bytes(fixture, bad->message, length);
        if (dead != bad->dead) {
            fail_msg("%s: %s instead of %s", bad->message, assay_dead_name(dead),
                     assay_dead_name(bad->dead));
        }
        assert_true(fixture->report.offset <= length);
        if (bad->noticed != NULL) {
            const char *place = strstr(bad->message, bad->noticed);
            assert_non_null(place);
            const size_t offset = (size_t)(place - bad->message);
            if (fixture->report.offset != offset) {
                fail_msg("%s: offset %u instead of %zu", bad->message, fixture->report.offset,
                         offset);
            }
        }
        assert_int_equal(decode(fixture, bad->message), bad->dead);
        if (bad->field == NULL) {
            assert_null(fixture->report.field.ptr);
        } else {
            check_text(fixture->report.field, bad->field);
        }
    }
}

/* One member of a login that is otherwise good. */
static enum assay_dead decode_member(struct fixture *fixture, const char *member)
{
    static char message[1024];
    (void)snprintf(message, sizeof message, "{\"type\":\"login\",\"time\":1,\"user\":\"u\",%s}",
                   member);
    return decode(fixture, message);
}

static void fields_of_another_type_are_refused_by_name(void **state)
{
    static const struct {
        const char *member;
        enum assay_dead dead;
        const char *field;
    } cases[] = {
        {"\"amount\":\"1\"", ASSAY_DEAD_WRONG_TYPE, "amount"},
        {"\"amount\":true", ASSAY_DEAD_WRONG_TYPE, "amount"},
        {"\"amount\":[1]", ASSAY_DEAD_WRONG_TYPE, "amount"},
        {"\"count\":false", ASSAY_DEAD_WRONG_TYPE, "count"},
        {"\"count\":\"5\"", ASSAY_DEAD_WRONG_TYPE, "count"},
        {"\"count\":5.5", ASSAY_DEAD_WRONG_TYPE, "count"},
        {"\"ratio\":\"0.5\"", ASSAY_DEAD_WRONG_TYPE, "ratio"},
        {"\"ratio\":true", ASSAY_DEAD_WRONG_TYPE, "ratio"},
        {"\"ratio\":{}", ASSAY_DEAD_WRONG_TYPE, "ratio"},
        {"\"ok\":1", ASSAY_DEAD_WRONG_TYPE, "ok"},
        {"\"ok\":0", ASSAY_DEAD_WRONG_TYPE, "ok"},
        {"\"ok\":\"true\"", ASSAY_DEAD_WRONG_TYPE, "ok"},
        {"\"channel\":5", ASSAY_DEAD_WRONG_TYPE, "channel"},
        {"\"channel\":false", ASSAY_DEAD_WRONG_TYPE, "channel"},
        {"\"note\":{\"a\":1}", ASSAY_DEAD_WRONG_TYPE, "note"},
        {"\"seen\":true", ASSAY_DEAD_BAD_TIME, "seen"},
        {"\"seen\":\"soon\"", ASSAY_DEAD_BAD_TIME, "seen"},
        {"\"print\":1", ASSAY_DEAD_WRONG_TYPE, "print"},
        {"\"print\":[1,\"2\",3]", ASSAY_DEAD_WRONG_TYPE, "print"},
        {"\"print\":[1,null,3]", ASSAY_DEAD_WRONG_TYPE, "print"},
        {"\"print\":[1,2]", ASSAY_DEAD_DIMS, "print"},
        {"\"print\":[]", ASSAY_DEAD_DIMS, "print"},
        {"\"print\":[1,2,3,4]", ASSAY_DEAD_DIMS, "print"},
        {"\"print\":[1,2,1e999]", ASSAY_DEAD_RANGE, "print"},
        {"\"ratio\":1e400", ASSAY_DEAD_RANGE, "ratio"},
        {"\"ratio\":-1e400", ASSAY_DEAD_RANGE, "ratio"},
        {"\"note\":\"a\\u0000\"", ASSAY_DEAD_NUL, "note"},
        {"\"channel\":\"\\u0000\"", ASSAY_DEAD_NUL, "channel"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const enum assay_dead dead = decode_member(fixture, cases[i].member);
        if (dead != cases[i].dead) {
            fail_msg("%s: %s", cases[i].member, assay_dead_name(dead));
        }
        check_text(fixture->report.field, cases[i].field);
    }
}

static void decimals_are_exact_or_refused(void **state)
{
    static const struct {
        const char *number;
        enum assay_dead dead;
        int64_t scaled; /* x 100 */
    } cases[] = {
        {"0", ASSAY_DEAD_NONE, 0},
        {"-0", ASSAY_DEAD_NONE, 0},
        {"-0.00e5", ASSAY_DEAD_NONE, 0},
        {"0e99999999999999999999", ASSAY_DEAD_NONE, 0},
        {"1", ASSAY_DEAD_NONE, 100},
        {"1.1", ASSAY_DEAD_NONE, 110},
        {"1.10e1", ASSAY_DEAD_NONE, 1100},
        {"1.10E+1", ASSAY_DEAD_NONE, 1100},
        {"110e-2", ASSAY_DEAD_NONE, 110},
        {"11000e-4", ASSAY_DEAD_NONE, 110},
        {"0.0011e3", ASSAY_DEAD_NONE, 110},
        {"-1.01", ASSAY_DEAD_NONE, -101},
        {"1.0100000000000000000000000000000000", ASSAY_DEAD_NONE, 101},
        {"100000000000000000000e-18", ASSAY_DEAD_NONE, 10000},
        {"0.29", ASSAY_DEAD_NONE, 29}, /* 0.29 * 100 is 28.999999999999996 in f64 */
        {"4.35", ASSAY_DEAD_NONE, 435},
        {"1001.01", ASSAY_DEAD_NONE, 100101},
        {"90071992547409.91", ASSAY_DEAD_NONE, INT64_C(9007199254740991)},
        {"-90071992547409.91", ASSAY_DEAD_NONE, -INT64_C(9007199254740991)},
        {"90071992547409.92", ASSAY_DEAD_RANGE, 0},
        {"-90071992547409.92", ASSAY_DEAD_RANGE, 0},
        {"99999999999999.99", ASSAY_DEAD_RANGE, 0},
        {"1e14", ASSAY_DEAD_RANGE, 0},
        {"1e400", ASSAY_DEAD_RANGE, 0},
        {"1e99999999999999999999", ASSAY_DEAD_RANGE, 0},
        {"1.001", ASSAY_DEAD_PRECISION, 0},
        {"0.001", ASSAY_DEAD_PRECISION, 0},
        {"1e-3", ASSAY_DEAD_PRECISION, 0},
        {"1e-99999999999999999999", ASSAY_DEAD_PRECISION, 0},
        {"1.0100000000000000000000000000000001", ASSAY_DEAD_PRECISION, 0},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char member[128];
        (void)snprintf(member, sizeof member, "\"amount\":%s", cases[i].number);
        const enum assay_dead dead = decode_member(fixture, member);
        if (dead != cases[i].dead) {
            fail_msg("%s: %s", cases[i].number, assay_dead_name(dead));
        }
        if (dead == ASSAY_DEAD_NONE) {
            assert_true(fixture->event.fields[LOGIN_AMOUNT].integer == cases[i].scaled);
        }
    }
}

static void every_cent_reads_back_exactly(void **state)
{
    struct fixture *fixture = *state;
    uint64_t random = 11;
    for (int i = 0; i < 20000; i++) {
        const int64_t cents = (int64_t)(test_random(&random) >> 11) >> (i % 53);
        char member[64];
        (void)snprintf(member, sizeof member, "\"amount\":%s%lld.%02lld", i % 2 == 0 ? "" : "-",
                       (long long)(cents / 100), (long long)(cents % 100));
        assert_int_equal(decode_member(fixture, member), ASSAY_DEAD_NONE);
        assert_true(fixture->event.fields[LOGIN_AMOUNT].integer == (i % 2 == 0 ? cents : -cents));
    }
}

static void integers_hold_up_to_2_to_the_53_less_one(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_member(fixture, "\"count\":9007199254740991"), ASSAY_DEAD_NONE);
    assert_true(fixture->event.fields[LOGIN_COUNT].integer == INT64_C(9007199254740991));
    assert_int_equal(decode_member(fixture, "\"count\":-9007199254740991"), ASSAY_DEAD_NONE);
    assert_int_equal(decode_member(fixture, "\"count\":9007199254740992"), ASSAY_DEAD_RANGE);
    assert_int_equal(decode_member(fixture, "\"count\":-9007199254740992"), ASSAY_DEAD_RANGE);
    assert_int_equal(decode_member(fixture, "\"count\":12345678901234567890"), ASSAY_DEAD_RANGE);
    assert_int_equal(decode_member(fixture, "\"count\":1.2e1"), ASSAY_DEAD_NONE);
    assert_true(fixture->event.fields[LOGIN_COUNT].integer == 12);
    assert_int_equal(decode_member(fixture, "\"count\":5.0"), ASSAY_DEAD_NONE);
    assert_true(fixture->event.fields[LOGIN_COUNT].integer == 5);
}

static void every_type_arrives_as_declared(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        decode(fixture,
               " {\"print\" : [ 1 , -2.5e0,\t3 ],\"seen\":\"1970-01-01T00:00:01Z\",\"note\":\"\","
               "\"channel\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\xe4\xb8\xad\","
               "\"ok\":true,\"ratio\":-0.1,\"count\":-7,\"amount\":12.5,\"device\":42,"
               "\"user\":\"u\\u0031\",\"id\":\"e1\",\"time\":1700000000000,\"type\":\"login\"} "),
        ASSAY_DEAD_NONE);
    const struct assay_event *event = &fixture->event;
    assert_int_equal(event->type, 1);
    assert_true(event->time_ms == INT64_C(1700000000000));
    check_text(event->id, "e1");
    assert_true(event->present == (UINT64_C(1) << LOGIN_FIELDS) - 1);
    check_text(event->fields[LOGIN_USER].text, "u1");
    check_text(event->fields[LOGIN_DEVICE].text, "42");
    assert_true(event->fields[LOGIN_AMOUNT].integer == 1250);
    assert_true(event->fields[LOGIN_COUNT].integer == -7);
    assert_true(event->fields[LOGIN_RATIO].real == -0.1);
    assert_true(event->fields[LOGIN_OK].integer == 1);
    check_text(event->fields[LOGIN_CHANNEL].text,
               "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xe4\xb8\xad");
    check_text(event->fields[LOGIN_NOTE].text, "");
    assert_true(event->fields[LOGIN_SEEN].integer == 1000);
    assert_true(event->fields[LOGIN_PRINT].vector[0] == 1);
    assert_true(event->fields[LOGIN_PRINT].vector[1] == -2.5);
    assert_true(event->fields[LOGIN_PRINT].vector[2] == 3);
    assert_int_equal(fixture->report.unknown_count, 0);
}

static void integer_keys_are_their_decimal_digits(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *json;
        const char *key;
    } cases[] = {
        {"0", "0"}, {"-0", "0"}, {"-12", "-12"}, {"18446744073709551615", "18446744073709551615"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char member[64];
        (void)snprintf(member, sizeof member, "\"device\":%s", cases[i].json);
        assert_int_equal(decode_member(fixture, member), ASSAY_DEAD_NONE);
        check_text(fixture->event.fields[LOGIN_DEVICE].text, cases[i].key);
    }
    assert_int_equal(decode_member(fixture, "\"device\":1e3"), ASSAY_DEAD_WRONG_TYPE);
    assert_int_equal(decode_member(fixture, "\"device\":123456789012345678901"),
                     ASSAY_DEAD_WRONG_TYPE);
}

static void missing_null_and_empty_leave_an_optional_key_untouched(void **state)
{
    struct fixture *fixture = *state;
    static const char *const members[] = {"\"x\":1", "\"device\":null", "\"device\":\"\""};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(decode_member(fixture, members[i]), ASSAY_DEAD_NONE);
        assert_false(assay_event_has(&fixture->event, LOGIN_DEVICE));
        assert_true(assay_event_has(&fixture->event, LOGIN_USER));
    }
}

static void null_fields_are_absent_and_a_null_id_is_no_id(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_member(fixture, "\"id\":null,\"amount\":null,\"ok\":null,\"note\":null,"
                                            "\"print\":null,\"seen\":null"),
                     ASSAY_DEAD_NONE);
    assert_null(fixture->event.id.ptr);
    assert_true(fixture->event.present == UINT64_C(1) << LOGIN_USER);
    assert_int_equal(fixture->report.unknown_count, 0);
    assert_int_equal(decode_member(fixture, "\"id\":\"\""), ASSAY_DEAD_NONE);
    assert_non_null(fixture->event.id.ptr);
    assert_int_equal(fixture->event.id.len, 0);
}

static void unknown_fields_are_counted_not_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_member(fixture, "\"x\":{\"y\":[{},[],{\"z\":\"\\u0000\"}]},\"amoun\":1,"
                                            "\"amountt\":1,\"Type\":2"),
                     ASSAY_DEAD_NONE);
    assert_int_equal(fixture->report.unknown_count, 4);
}

static void times_are_ms_or_rfc_3339(void **state)
{
    static const struct {
        const char *time;
        int64_t ms; /* INT64_MIN: refused */
    } cases[] = {
        {"0", 0},
        {"-1", -1},
        {"1.7e12", INT64_C(1700000000000)},
        {"9007199254740991", INT64_C(9007199254740991)},
        {"9007199254740992", INT64_MIN},
        {"\"1970-01-01T00:00:00Z\"", 0},
        {"\"1970-01-01t00:00:00z\"", 0},
        {"\"1970-01-01 00:00:00Z\"", 0},
        {"\"1970-01-01T00:00:00.5Z\"", 500},
        {"\"1970-01-01T00:00:00.123000000Z\"", 123},
        {"\"1970-01-01T08:00:00+08:00\"", 0},
        {"\"1969-12-31T19:30:00-04:30\"", 0},
        {"\"2000-02-29T12:34:56.789Z\"", INT64_C(951827696789)},
        {"\"2024-02-29T23:59:59Z\"", INT64_C(1709251199000)},
        {"\"2024-03-01T00:00:00+00:01\"", INT64_C(1709251140000)},
        {"\"1969-12-31T23:59:59.999Z\"", -1},
        {"\"1900-03-01T00:00:00Z\"", INT64_C(-2203891200000)},
        {"\"9999-12-31T23:59:59.999Z\"", INT64_C(253402300799999)},
        {"\"\\u0031970-01-01T00:00:00Z\"", 0},
        {"\"1900-02-29T00:00:00Z\"", INT64_MIN},
        {"\"2023-02-29T00:00:00Z\"", INT64_MIN},
        {"\"2100-02-29T00:00:00Z\"", INT64_MIN},
        {"\"2024-04-31T00:00:00Z\"", INT64_MIN},
        {"\"2024-00-01T00:00:00Z\"", INT64_MIN},
        {"\"2024-13-01T00:00:00Z\"", INT64_MIN},
        {"\"2024-01-00T00:00:00Z\"", INT64_MIN},
        {"\"2024-01-01T24:00:00Z\"", INT64_MIN},
        {"\"2024-01-01T00:60:00Z\"", INT64_MIN},
        {"\"2024-01-01T00:00:60Z\"", INT64_MIN},
        {"\"2024-01-01T00:00:00\"", INT64_MIN},
        {"\"2024-01-01\"", INT64_MIN},
        {"\"2024-1-01T00:00:00Z\"", INT64_MIN},
        {"\"2024-01-01T00:00:00.Z\"", INT64_MIN},
        {"\"2024-01-01T00:00:00.0001Z\"", INT64_MIN},
        {"\"2024-01-01T00:00:00+24:00\"", INT64_MIN},
        {"\"2024-01-01T00:00:00+08:60\"", INT64_MIN},
        {"\"2024-01-01T00:00:00+0800\"", INT64_MIN},
        {"\"2024-01-01T00:00:00Z \"", INT64_MIN},
        {"\"2024/01/01T00:00:00Z\"", INT64_MIN},
        {"\"+2024-01-01T00:00:00Z\"", INT64_MIN},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[160];
        (void)snprintf(message, sizeof message, "{\"type\":\"ping\",\"user\":\"u\",\"time\":%s}",
                       cases[i].time);
        const enum assay_dead dead = decode(fixture, message);
        if (dead != (cases[i].ms == INT64_MIN ? ASSAY_DEAD_BAD_TIME : ASSAY_DEAD_NONE) ||
            (dead == ASSAY_DEAD_NONE && fixture->event.time_ms != cases[i].ms)) {
            fail_msg("%s: %s, %lld", cases[i].time, assay_dead_name(dead),
                     (long long)fixture->event.time_ms);
        }
    }
}

/* Every day of 800 years against a count of days that knows nothing of formulas. */
static void every_day_follows_the_day_before(void **state)
{
    struct fixture *fixture = *state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = INT64_C(-11676096000000); /* 1600-01-01 */
    for (int year = 1600; year < 2400; year++) {
        const int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 1 : 0;
        for (int month = 1; month <= 12; month++) {
            const int days = lengths[month - 1] + (month == 2 ? leap : 0);
            for (int day = 1; day <= days; day++) {
                char message[96];
                (void)snprintf(message, sizeof message,
                               "{\"type\":\"ping\",\"user\":\"u\","
                               "\"time\":\"%04d-%02d-%02dT00:00:00Z\"}",
                               year, month, day);
                assert_int_equal(decode(fixture, message), ASSAY_DEAD_NONE);
                assert_true(fixture->event.time_ms == expected);
                expected += 86400000;
            }
        }
    }
}

static void empty_and_overlong_messages_are_refused_whole(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_bytes(fixture, "", 0), ASSAY_DEAD_EMPTY);
    const size_t limit = ASSAY_DECODE_BYTES_MAX;
    char *message = malloc(limit + 1);
    assert_non_null(message);
    memset(message, ' ', limit + 1);
    static const char head[] = "{\"type\":\"ping\",\"user\":\"u\",\"time\":1}";
    memcpy(message, head, sizeof head - 1);
    assert_int_equal(decode_bytes(fixture, message, limit), ASSAY_DEAD_NONE);
    assert_int_equal(decode_bytes(fixture, message, limit + 1), ASSAY_DEAD_TOO_LONG);
    free(message);
}

/* {"type":"login","time":1,"user":"u"MEMBER of @p count x} with the first one perhaps escaped. */
static enum assay_dead decode_long(struct fixture *fixture, const char *member, size_t count,
                                   bool escaped)
{
    static char message[ASSAY_DECODE_BYTES_MAX + 1];
    const int head = snprintf(message, sizeof message, "{\"type\":\"login\",\"time\":1,%s", member);
    char *at = message + head;
    if (escaped) {
        memcpy(at, "\\u0078", 6);
        at += 6;
        count--;
    }
    memset(at, 'x', count);
    memcpy(at + count, "\"}", 3);
    return decode(fixture, message);
}

static void long_text_arrives_whole_up_to_the_limit_of_its_kind(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *member;
        size_t limit;
        const char *field;
    } cases[] = {
        {"\"user\":\"u\",\"note\":\"", ASSAY_TEXT_BYTES_MAX, "note"},
        {"\"user\":\"", ASSAY_KEY_BYTES_MAX, "user"},
        {"\"user\":\"u\",\"id\":\"", ASSAY_KEY_BYTES_MAX, "id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int escaped = 0; escaped < 2; escaped++) {
            const size_t limit = cases[i].limit;
            assert_int_equal(decode_long(fixture, cases[i].member, limit, escaped != 0),
                             ASSAY_DEAD_NONE);
            if (i == 0) {
                assert_int_equal(fixture->event.fields[LOGIN_NOTE].text.len, limit);
                assert_int_equal(fixture->event.fields[LOGIN_NOTE].text.ptr[limit - 1], 'x');
            }
            assert_int_equal(decode_long(fixture, cases[i].member, limit + 1, escaped != 0),
                             ASSAY_DEAD_LONG_TEXT);
            check_text(fixture->report.field, cases[i].field);
        }
    }
    /* What nobody declared is not kept, so only the message's own limit holds for it. */
    assert_int_equal(decode_long(fixture, "\"user\":\"u\",\"other\":\"", 1000000, true),
                     ASSAY_DEAD_NONE);
}

/* Writes `{"a":` and @p depth brackets that open (and close). */
static size_t nest(char *out, size_t depth, bool close)
{
    memcpy(out, "{\"a\":", 5);
    memset(out + 5, '[', depth);
    if (!close) {
        return 5 + depth;
    }
    memset(out + 5 + depth, ']', depth);
    static const char tail[] = ",\"type\":\"ping\",\"user\":\"u\",\"time\":1}";
    memcpy(out + 5 + 2 * depth, tail, sizeof tail - 1);
    return 5 + 2 * depth + sizeof tail - 1;
}

static void nesting_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    char *message = malloc(400000);
    assert_non_null(message);
    const size_t fits = ASSAY_DECODE_DEPTH_MAX - 1; /* the message itself is one level */
    assert_int_equal(decode_bytes(fixture, message, nest(message, fits, true)), ASSAY_DEAD_NONE);
    assert_int_equal(decode_bytes(fixture, message, nest(message, fits + 1, true)),
                     ASSAY_DEAD_DEPTH);
    assert_int_equal(fixture->report.offset, 5 + fits);
    assert_int_equal(decode_bytes(fixture, message, nest(message, 100000, true)), ASSAY_DEAD_DEPTH);
    assert_int_equal(decode_bytes(fixture, message, nest(message, 100000, false)),
                     ASSAY_DEAD_DEPTH);
    free(message);
}

static void members_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    char message[8192];
    for (int extra = ASSAY_DECODE_MEMBERS_MAX - 3; extra <= ASSAY_DECODE_MEMBERS_MAX - 2; extra++) {
        int used =
            snprintf(message, sizeof message, "{\"type\":\"ping\",\"user\":\"u\",\"time\":1");
        for (int i = 0; i < extra; i++) {
            used += snprintf(message + used, sizeof message - (size_t)used, ",\"m%d\":%d", i, i);
        }
        (void)snprintf(message + used, sizeof message - (size_t)used, "}");
        if (extra == ASSAY_DECODE_MEMBERS_MAX - 3) {
            assert_int_equal(decode(fixture, message), ASSAY_DEAD_NONE);
            assert_int_equal(fixture->report.unknown_count, extra);
        } else {
            assert_int_equal(decode(fixture, message), ASSAY_DEAD_MEMBERS);
        }
    }
}

static void a_raw_nul_is_refused_in_text_and_between(void **state)
{
    struct fixture *fixture = *state;
    static const char in_text[] = "{\"type\":\"ping\",\"user\":\"a\0b\",\"time\":1}";
    assert_int_equal(decode_bytes(fixture, in_text, sizeof in_text - 1), ASSAY_DEAD_NUL);
    assert_int_equal(fixture->report.offset, 24);
    static const char between[] = "{\"type\":\"ping\",\0\"user\":\"a\",\"time\":1}";
    assert_int_equal(decode_bytes(fixture, between, sizeof between - 1), ASSAY_DEAD_SYNTAX);
    static const char after[] = "{\"type\":\"ping\",\"user\":\"a\",\"time\":1}\0";
    assert_int_equal(decode_bytes(fixture, after, sizeof after - 1), ASSAY_DEAD_SYNTAX);
}

/* Cut a good message anywhere: never good, never a read past the end (the sanitizer sees to it). */
static void every_prefix_of_a_message_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char whole[] =
        "{\"type\":\"login\",\"time\":\"2024-02-29T00:00:00+08:00\",\"id\":\"\\u00e9\","
        "\"user\":\"\xf0\x9f\x98\x80\\ud83d\\ude00\",\"amount\":-1.10e1,\"ok\":false,"
        "\"x\":[null,{\"a\":true}],\"print\":[1,2.5,-3e0]}";
    assert_int_equal(decode_bytes(fixture, whole, sizeof whole - 1), ASSAY_DEAD_NONE);
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        assert_int_not_equal(decode_bytes(fixture, whole, length), ASSAY_DEAD_NONE);
        assert_true(fixture->report.offset <= length);
    }
}

static void events_of_a_batch_live_until_reset(void **state)
{
    struct fixture *fixture = *state;
    static const char *const messages[] = {
        "{\"type\":\"ping\",\"time\":1,\"user\":\"\\u0061\"}",
        "{\"type\":\"ping\",\"time\":1,\"user\":\"\\u0062\"}",
    };
    struct assay_event events[2];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            assay_decode_json(fixture->decoder, assay_str_of(messages[i]), &events[i],
                              &fixture->report);
            assert_int_equal(fixture->report.dead, ASSAY_DEAD_NONE);
        }
        check_text(events[0].fields[0].text, "a");
        check_text(events[1].fields[0].text, "b");
        assay_decoder_reset(fixture->decoder);
    }
}

static void every_reason_has_a_name_of_its_own_and_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < ASSAY_DEAD_END; i++) {
        assert_true(strlen(assay_dead_text((enum assay_dead)i)) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(assay_dead_name((enum assay_dead)i),
                                    assay_dead_name((enum assay_dead)j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_message_has_its_reason_field_and_place),
        cmocka_unit_test(fields_of_another_type_are_refused_by_name),
        cmocka_unit_test(decimals_are_exact_or_refused),
        cmocka_unit_test(every_cent_reads_back_exactly),
        cmocka_unit_test(integers_hold_up_to_2_to_the_53_less_one),
        cmocka_unit_test(every_type_arrives_as_declared),
        cmocka_unit_test(integer_keys_are_their_decimal_digits),
        cmocka_unit_test(missing_null_and_empty_leave_an_optional_key_untouched),
        cmocka_unit_test(null_fields_are_absent_and_a_null_id_is_no_id),
        cmocka_unit_test(unknown_fields_are_counted_not_refused),
        cmocka_unit_test(times_are_ms_or_rfc_3339),
        cmocka_unit_test(every_day_follows_the_day_before),
        cmocka_unit_test(empty_and_overlong_messages_are_refused_whole),
        cmocka_unit_test(long_text_arrives_whole_up_to_the_limit_of_its_kind),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(members_are_bounded),
        cmocka_unit_test(a_raw_nul_is_refused_in_text_and_between),
        cmocka_unit_test(every_prefix_of_a_message_is_refused),
        cmocka_unit_test(events_of_a_batch_live_until_reset),
        cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_text),
    };
    return cmocka_run_group_tests(tests, open_decoder, close_decoder);
}
