#include "tests/support/decode_case.h"

#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The decoder against jansson on seeded random and mutated JSON. Where ours finds the text not
 * well-formed, jansson must too; where ours finds it well-formed, jansson must too, and an accepted
 * event must hold what jansson reads. Ours refuses more only for the reasons that decode.h states:
 * depth, members, duplicate members, NUL, and what the schema says of a field.
 */
enum { TEXT_BYTES_MAX = 2048, GENERATED = 40000, MUTATED = 120000 };

struct text {
    char bytes[TEXT_BYTES_MAX];
    size_t length;
};

struct machine {
    struct assay_arena *arena;
    struct assay_decoder *decoder;
    struct assay_event event;
    struct assay_decode_report report;
    uint64_t random;
    uint64_t accepted, refused;
};

static int open_machine(void **state)
{
    struct machine *machine = calloc(1, sizeof *machine);
    assert_non_null(machine);
    machine->arena = assay_arena_create(1 << 20);
    machine->decoder = assay_decoder_create_json(machine->arena, &test_schema);
    assert_non_null(machine->decoder);
    machine->random = 20240229;
    *state = machine;
    return 0;
}

static int close_machine(void **state)
{
    struct machine *machine = *state;
    assay_decoder_destroy(machine->decoder);
    assay_arena_destroy(machine->arena);
    free(machine);
    return 0;
}

static size_t pick(struct machine *machine, size_t count)
{
    return (size_t)(test_random(&machine->random) >> 33) % count;
}

static void put(struct text *text, const char *piece)
{
    const size_t length = strlen(piece);
    if (text->length + length <= TEXT_BYTES_MAX) {
        memcpy(text->bytes + text->length, piece, length);
        text->length += length;
    }
}

static void put_one_of(struct machine *machine, struct text *text, const char *const pieces[],
                       size_t count)
{
    put(text, pieces[pick(machine, count)]);
}

#define PUT_ONE_OF(machine, text, pieces)                                                          \
    put_one_of(machine, text, pieces, sizeof(pieces) / sizeof((pieces)[0]))

static void put_blank(struct machine *machine, struct text *text)
{
    static const char *const blanks[] = {"", "", "", "", "", " ", "\t", "\n", "\r", "  "};
    PUT_ONE_OF(machine, text, blanks);
}

static void put_string(struct machine *machine, struct text *text)
{
    static const char *const pieces[] = {
        "a",
        "user",
        "0123456789",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u00E9",
        "\\u4e2d",
        "\xc3\xa9",
        "\x7f",
        "\xe4\xb8\xad",
        "\xf0\x9f\x98\x80",
        "\\ud83d\\ude00",
        "\\uFFFF",
        "\xef\xbf\xbf",
        " ",
        "{",
        "]", /* from here on rare */
        "\\u0000",
        "\\ud83d",
        "\\ude00",
        "\xed\xa0\x80",
        "\xc0\x80",
        "\xf5\x80\x80\x80",
        "\\x",
        "\\u12",
    };
    const size_t common = 20;
    put(text, "\"a");
    for (size_t i = pick(machine, 5); i > 0; i--) {
        const bool odd = pick(machine, 60) == 0;
        put(text, pieces[pick(machine, odd ? sizeof pieces / sizeof pieces[0] : common)]);
    }
    put(text, "\"");
}

static void put_number(struct machine *machine, struct text *text)
{
    static const char *const whole[] = {
        "0",  "1",   "-7", "12", "100", "-0", "9007199254740991", "9007199254740992",
        "-1", "-35", "00", "01", "-",   "+1"};
    static const char *const fraction[] = {"",    "",    "",     ".0",    ".5",
                                           ".10", ".25", ".001", ".0000", "."};
    static const char *const exponent[] = {"",    "",   "",     "",      "e1", "E-1",
                                           "e+2", "e0", "e400", "e-400", "e",  "e+"};
    put(text, whole[pick(machine, pick(machine, 20) == 0 ? 14 : 5)]);
    put(text, fraction[pick(machine, pick(machine, 10) == 0 ? 10 : 4)]);
    put(text, exponent[pick(machine, pick(machine, 10) == 0 ? 12 : 4)]);
}

static void put_value(struct machine *machine, struct text *text, size_t depth)
{
    static const char *const words[] = {"true", "false", "null", "true", "nul", "True", "NaN"};
    const size_t kind = pick(machine, depth > 0 ? 6 : 4);
    put_blank(machine, text);
    if (kind == 0) {
        put(text, words[pick(machine, pick(machine, 10) == 0 ? 7 : 4)]);
    } else if (kind == 1) {
        put_string(machine, text);
    } else if (kind <= 3) {
        put_number(machine, text);
    } else {
        put(text, kind == 4 ? "[" : "{");
        const size_t count = pick(machine, 4);
        for (size_t i = 0; i < count; i++) {
            put(text, i > 0 ? "," : "");
            if (kind == 5) {
                put_blank(machine, text);
                put_string(machine, text);
                put(text, ":");
            }
            put_value(machine, text, depth - 1);
        }
        put(text, kind == 4 ? "]" : "}");
    }
    put_blank(machine, text);
}

/* A value of the kind that the field wants. */
static void put_fitting(struct machine *machine, struct text *text, const char *name)
{
    static const char *const times[] = {
        "0",  "1700000000000", "\"2024-02-29T12:00:00Z\"", "\"2024-02-29T12:00:00.5+08:00\"",
        "-1", "1e3",           "\"2023-02-29T12:00:00Z\""};
    static const char *const types[] = {"\"login\"", "\"login\"",       "\"login\"",
                                        "\"ping\"",  "\"l\\u006fgin\"", "\"pong\""};
    static const char *const vectors[] = {
        "[1,2,3]", "[ -1.5 , 0e0,1e-3 ]", "[0,0,0.1]", "[9,9,1e1]", "[1,2]", "[0,0,\"0\"]"};
    if (strcmp(name, "\"time\"") == 0 || strcmp(name, "\"seen\"") == 0) {
        PUT_ONE_OF(machine, text, times);
    } else if (strcmp(name, "\"type\"") == 0) {
        PUT_ONE_OF(machine, text, types);
    } else if (strcmp(name, "\"print\"") == 0) {
        PUT_ONE_OF(machine, text, vectors);
    } else if (strcmp(name, "\"ok\"") == 0) {
        put(text, pick(machine, 2) == 0 ? "true" : "false");
    } else if (strchr("acr", name[1]) != NULL && strcmp(name, "\"channel\"") != 0) {
        put_number(machine, text);
    } else {
        put_string(machine, text);
    }
}

/* Mostly an event, with members in any order, some twice, some unknown, some of a wrong kind. */
static void generate(struct machine *machine, struct text *text)
{
    static const char *const names[] = {
        "\"type\"", "\"time\"",    "\"user\"", "\"id\"",   "\"amount\"", "\"count\"",  "\"ratio\"",
        "\"ok\"",   "\"channel\"", "\"note\"", "\"seen\"", "\"print\"",  "\"device\"", "\"x\""};
    const size_t count = sizeof names / sizeof names[0];
    const size_t first = pick(machine, count);
    bool more = false;
    text->length = 0;
    if (pick(machine, 20) == 0) {
        put_value(machine, text, 3);
        return;
    }
    put_blank(machine, text);
    put(text, "{");
    for (size_t i = 0; i < count; i++) {
        const size_t at = (first + i) % count;
        if (at > 2 && pick(machine, 2) == 0) {
            continue;
        }
        put(text, more ? "," : "");
        put_blank(machine, text);
        put(text, names[pick(machine, 60) == 0 ? pick(machine, count) : at]);
        put_blank(machine, text);
        put(text, ":");
        if (at == 13 || pick(machine, 40) == 0) {
            put_value(machine, text, 3);
        } else {
            put_fitting(machine, text, names[at]);
        }
        more = true;
    }
    put(text, "}");
    put_blank(machine, text);
}

static void mutate(struct machine *machine, struct text *text)
{
    static const char alphabet[] = "{}[]\",:\\u0eE+-. \ttfn\x80\xc3\xed\xf0\xff\x00";
    for (size_t changes = 1 + pick(machine, 3); changes > 0 && text->length > 0; changes--) {
        const size_t at = pick(machine, text->length);
        const size_t run = 1 + pick(machine, 8);
        const char other = alphabet[pick(machine, sizeof alphabet - 1)];
        switch (pick(machine, 5)) {
        case 0:
            text->bytes[at] = other;
            break;
        case 1:
            text->bytes[at] = (char)(text->bytes[at] ^ (char)(1U << pick(machine, 8)));
            break;
        case 2: /* take a run out */
            if (at + run <= text->length) {
                memmove(text->bytes + at, text->bytes + at + run, text->length - at - run);
                text->length -= run;
            }
            break;
        case 3: /* put one byte in */
            if (text->length < TEXT_BYTES_MAX) {
                memmove(text->bytes + at + 1, text->bytes + at, text->length - at);
                text->bytes[at] = other;
                text->length++;
            }
            break;
        default: /* copy a run over another place, or cut the end */
            if (at + run <= text->length) {
                memmove(text->bytes + pick(machine, text->length - run + 1), text->bytes + at, run);
            } else {
                text->length = at;
            }
            break;
        }
    }
}

static bool is_stricter(enum assay_dead dead)
{
    return dead == ASSAY_DEAD_DEPTH || dead == ASSAY_DEAD_MEMBERS || dead == ASSAY_DEAD_NUL ||
           dead == ASSAY_DEAD_DUPLICATE_KEY || dead == ASSAY_DEAD_NOT_OBJECT;
}

static bool is_malformed(enum assay_dead dead)
{
    return dead == ASSAY_DEAD_SYNTAX || dead == ASSAY_DEAD_UTF8 || dead == ASSAY_DEAD_EMPTY;
}

/* jansson reads numbers into f64 and names into C strings; neither limit is one of JSON. */
static bool is_limit_of_jansson(const json_error_t *error)
{
    const enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static void check_field(const struct assay_field_def *def, const union assay_field *field,
                        const json_t *json)
{
    assert_non_null(json);
    if (assay_type_is_text(def->type) && json_is_string(json)) {
        assert_int_equal(field->text.len, json_string_length(json));
        assert_memory_equal(field->text.ptr, json_string_value(json), field->text.len);
    } else if (def->type == ASSAY_TYPE_BOOL) {
        assert_int_equal(field->integer, json_is_true(json) ? 1 : 0);
    } else if (def->type == ASSAY_TYPE_REAL) {
        assert_true(field->real == json_number_value(json));
    } else if (def->type == ASSAY_TYPE_INT || def->type == ASSAY_TYPE_DECIMAL) {
        const double scale = def->scale == 2 ? 100 : 1;
        assert_true((double)field->integer / scale == json_number_value(json));
    } else if (def->type == ASSAY_TYPE_VECTOR) {
        assert_int_equal(json_array_size(json), def->dims);
        for (uint32_t i = 0; i < def->dims; i++) {
            assert_true(field->vector[i] == json_number_value(json_array_get(json, i)));
        }
    }
}

static void check_event(const struct machine *machine, const json_t *json)
{
    const struct assay_event_def *def = &test_events[machine->event.type];
    for (uint32_t f = 0; f < def->field_count; f++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%.*s", (int)def->fields[f].name.len,
                       def->fields[f].name.ptr);
        const json_t *member = json_object_get(json, name);
        if (assay_event_has(&machine->event, f)) {
            check_field(&def->fields[f], &machine->event.fields[f], member);
        } else {
            assert_true(member == NULL || json_is_null(member) || json_string_length(member) == 0);
        }
    }
}

static void print_text(const struct text *text)
{
    for (size_t i = 0; i < text->length; i++) {
        const unsigned char byte = (unsigned char)text->bytes[i];
        (void)fprintf(stderr, byte >= 0x20 && byte < 0x7F ? "%c" : "\\x%02x", byte);
    }
    (void)fprintf(stderr, "\n");
}

static void check(struct machine *machine, const struct text *text)
{
    /* Exactly as long as the message, so that one byte too far is seen by the sanitizer. */
    char *message = malloc(text->length > 0 ? text->length : 1);
    assert_non_null(message);
    memcpy(message, text->bytes, text->length);
    const struct assay_str whole = {.ptr = message, .len = (uint32_t)text->length};
    assay_decode_json(machine->decoder, whole, &machine->event, &machine->report);
    const enum assay_dead dead = machine->report.dead;

    json_error_t error;
    json_t *json = json_loadb(message, text->length,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    assert_true(machine->report.offset <= text->length);
    /* jansson swallows a raw NUL that follows a number or a word; no JSON text holds one. */
    const bool nul = memchr(text->bytes, '\0', text->length) != NULL;
    assert_false(nul && dead == ASSAY_DEAD_NONE);
    if (nul) {
        assert_true(is_malformed(dead) || is_stricter(dead));
    } else if (is_malformed(dead)
                   ? json != NULL
                   : json == NULL && !is_stricter(dead) && !is_limit_of_jansson(&error)) {
        print_text(text);
        fail_msg("%s at %u, jansson: %s", assay_dead_name(dead), machine->report.offset,
                 json != NULL ? "good" : error.text);
    }
    if (dead == ASSAY_DEAD_NONE && json != NULL) {
        check_event(machine, json);
    }
    machine->accepted += dead == ASSAY_DEAD_NONE ? 1 : 0;
    machine->refused += is_malformed(dead) ? 1 : 0;
    json_decref(json);
    free(message);
    assay_decoder_reset(machine->decoder);
}

static void generated_json_is_judged_as_by_jansson(void **state)
{
    struct machine *machine = *state;
    struct text text;
    machine->accepted = 0;
    machine->refused = 0;
    for (int i = 0; i < GENERATED; i++) {
        generate(machine, &text);
        check(machine, &text);
    }
    /* The generator must be worth something on both sides. */
    assert_true(machine->accepted > GENERATED / 5);
    assert_true(machine->refused > GENERATED / 50);
}

static void mutated_json_is_judged_as_by_jansson(void **state)
{
    struct machine *machine = *state;
    struct text text;
    machine->accepted = 0;
    machine->refused = 0;
    for (int i = 0; i < MUTATED; i++) {
        if (i % 2 == 0) {
            generate(machine, &text);
        }
        mutate(machine, &text);
        check(machine, &text);
    }
    assert_true(machine->accepted > MUTATED / 100);
    assert_true(machine->refused > MUTATED / 3);
}

static void noise_is_refused_or_read_without_harm(void **state)
{
    struct machine *machine = *state;
    struct text text;
    for (int i = 0; i < GENERATED; i++) {
        text.length = pick(machine, 64);
        for (size_t b = 0; b < text.length; b++) {
            text.bytes[b] = (char)pick(machine, 256);
        }
        if (text.length > 0 && i % 2 == 0) {
            text.bytes[0] = '{';
        }
        check(machine, &text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_json_is_judged_as_by_jansson),
        cmocka_unit_test(mutated_json_is_judged_as_by_jansson),
        cmocka_unit_test(noise_is_refused_or_read_without_harm),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}
