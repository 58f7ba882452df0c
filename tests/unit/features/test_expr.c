#include "features/expr.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/definitions_case.h"

#include <stdio.h>
#include <stdlib.h>

/* Slots by name: n0..n3 numbers, b0 b1 truth values, t0 t1 texts. */
enum { SLOTS = 8 };
static const char *const slot_names[SLOTS] = {"n0", "n1", "n2", "n3", "b0", "b1", "t0", "t1"};

struct bench {
    struct assay_arena *arena;
    struct assay_diags *diags;
    struct assay_value slots[SLOTS];
    struct assay_event event;
    struct assay_env env;
    char texts[2][16];
};

static enum assay_kind slot_kind(size_t slot)
{
    return slot < 4 ? ASSAY_KIND_NUMBER : slot < 6 ? ASSAY_KIND_BOOL : ASSAY_KIND_TEXT;
}

static bool resolve(void *context, const struct assay_str names[], size_t count,
                    struct assay_span span, struct assay_diags *diags, struct assay_symbol *out)
{
    (void)context;
    for (size_t i = 0; count == 1 && i < SLOTS; i++) {
        if (assay_str_equal(names[0], assay_str_of(slot_names[i]))) {
            *out = (struct assay_symbol){
                .where = ASSAY_SYMBOL_SLOT, .index = (uint32_t)i, .kind = slot_kind(i)};
            return true;
        }
    }
    const uint32_t event = count == 2 ? assay_schema_event(&case_schema, names[0]) : ASSAY_NONE;
    const uint32_t field =
        event == ASSAY_NONE ? ASSAY_NONE : assay_event_field(&case_events[event], names[1]);
    if (field == ASSAY_NONE) {
        assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_NAME, span, "no such name");
        return false;
    }
    const enum assay_type type = case_events[event].fields[field].type;
    *out = (struct assay_symbol){.where = ASSAY_SYMBOL_FIELD,
                                 .event = event,
                                 .index = field,
                                 .kind = assay_type_is_text(type)  ? ASSAY_KIND_TEXT
                                         : type == ASSAY_TYPE_BOOL ? ASSAY_KIND_BOOL
                                                                   : ASSAY_KIND_NUMBER};
    return true;
}

static const struct assay_scope scope = {.resolve = resolve, .what = "a test"};

static void renew(struct bench *bench)
{
    assay_arena_destroy(bench->arena);
    bench->arena = assay_arena_create(1 << 22);
    assert_non_null(bench->arena);
    bench->diags = assay_diags_create(bench->arena, 10);
    assert_non_null(bench->diags);
}

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    renew(bench);
    static const double numbers[4] = {6, 0, -2.5, (double)NAN};
    for (size_t i = 0; i < SLOTS; i++) {
        bench->slots[i].kind = (uint8_t)slot_kind(i);
    }
    for (size_t i = 0; i < 4; i++) {
        bench->slots[i].cell.number = numbers[i];
    }
    bench->slots[4].cell.number = 1;
    bench->slots[5].cell.number = (double)NAN;
    bench->slots[6].cell.text = assay_str_of("e10");
    bench->slots[7].cell.text = (struct assay_str){0};
    bench->event = (struct assay_event){.type = CASE_PAY, .time_ms = 1000};
    bench->event.present = UINT64_C(1) << PAY_USER | UINT64_C(1) << PAY_AMOUNT |
                           UINT64_C(1) << PAY_CHANNEL | UINT64_C(1) << PAY_OK;
    bench->event.fields[PAY_USER].text = assay_str_of("u1");
    bench->event.fields[PAY_AMOUNT].integer = 1234;
    bench->event.fields[PAY_CHANNEL].text = assay_str_of("app");
    bench->event.fields[PAY_OK].integer = 0;
    bench->env = (struct assay_env){
        .schema = &case_schema, .event = &bench->event, .slots = bench->slots, .at_ms = 5000};
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

static struct assay_value eval(struct bench *bench, const char *text)
{
    enum assay_kind kind = ASSAY_KIND_NUMBER;
    renew(bench);
    const struct assay_expr *expr =
        assay_expr_parse(bench->arena, case_span(bench->arena, text), bench->diags);
    const struct assay_program *program =
        expr == NULL
            ? NULL
            : assay_expr_compile(bench->arena, &case_schema, expr, &scope, bench->diags, &kind);
    if (program == NULL) {
        assay_diags_print(bench->diags, stderr);
        fail_msg("%s does not compile", text);
    }
    return assay_program_eval(program, &bench->env);
}

static void gives(struct bench *bench, const char *text, double wanted)
{
    const double got = eval(bench, text).cell.number;
    if (!(isnan(wanted) && isnan(got)) && got != wanted) {
        fail_msg("%s is %.17g, not %.17g", text, got, wanted);
    }
}

static void refused(struct bench *bench, const char *text, int code, size_t begin)
{
    enum assay_kind kind = ASSAY_KIND_NUMBER;
    renew(bench);
    const struct assay_expr *expr =
        assay_expr_parse(bench->arena, case_span(bench->arena, text), bench->diags);
    const bool good = expr != NULL && assay_expr_compile(bench->arena, &case_schema, expr, &scope,
                                                         bench->diags, &kind) != NULL;
    if (good || assay_diags_kept(bench->diags) == 0) {
        fail_msg("%s is not refused", text);
    }
    const struct assay_diag *diag = assay_diags_at(bench->diags, 0);
    if ((int)diag->code != code || diag->span.begin != begin) {
        fail_msg("%s: AS%04d at %zu, not AS%04d at %zu: %s", text, (int)diag->code,
                 diag->span.begin, code, begin, diag->message.ptr);
    }
}

static void operators_bind_as_the_grammar_says(void **state)
{
    struct bench *bench = *state;
    gives(bench, "1 + 2 * 3", 7);
    gives(bench, "(1 + 2) * 3", 9);
    gives(bench, "10 - 4 - 3", 3);
    gives(bench, "64 / 4 / 2", 8);
    gives(bench, "7 % 4 * 2", 6);
    gives(bench, "-n0 + 1", -5);
    gives(bench, "-7 % 4", -3); /* fmod: the sign of the dividend */
    gives(bench, "2 - -3", 5);
    gives(bench, "1 + 1 = 2", 1);
    gives(bench, "1 < 2 and 2 < 3", 1);
    gives(bench, "true or false and false", 1);
    gives(bench, "not 1 = 2", 1);
    gives(bench, "not true or true", 1);
    gives(bench, "1 + 1 in [2, 3]", 1);
    gives(bench, "n0 not in [1, -2]", 1);
    gives(bench, "n3 is null", 1);
    gives(bench, "n0 + n3 is not null", 0);
    gives(bench, "1h", 3600000);
    gives(bench, "2w + 1ms", 1209600001);
    gives(bench, "1_000.25e1", 10002.5);
    gives(bench, "1\n  +\r\n\t2", 3);
}

static void logic_is_kleenes(void **state)
{
    struct bench *bench = *state;
    static const char *const names[3] = {"false", "b1", "true"}; /* ordered; b1 is unknown */
    static const double values[3] = {0, (double)NAN, 1};
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            char text[64];
            (void)snprintf(text, sizeof text, "%s and %s", names[a], names[b]);
            gives(bench, text, values[a < b ? a : b]);
            (void)snprintf(text, sizeof text, "%s or %s", names[a], names[b]);
            gives(bench, text, values[a > b ? a : b]);
        }
        char text[64];
        (void)snprintf(text, sizeof text, "not %s", names[a]);
        gives(bench, text, values[2 - a]);
    }
    gives(bench, "if(b1, 1, 2)", 2);
    gives(bench, "b1 = true", (double)NAN);
    gives(bench, "b1 is null", 1);
}

static void nulls_propagate_and_nothing_is_infinite(void **state)
{
    struct bench *bench = *state;
    static const char *const nulls[] = {
        "n3 + 1",     "1 - n3",     "n3 * 0",    "n3 = n3",      "n3 < 1",          "-n3",
        "1 / 0",      "0 / 0",      "5 % 0",     "sqrt(-1)",     "log(0)",          "log(-1)",
        "exp(1e6)",   "1e308 * 10", "abs(n3)",   "least(1, n3)", "greatest(n3, 1)", "hour(n3)",
        "t1 = \"a\"", "n3 in [1]",  "n3 in [6]", "coalesce(n3)", "if(true, n3, 1)"};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
        gives(bench, nulls[i], (double)NAN);
    }
    gives(bench, "coalesce(n3, 1 / 0, 7, 8)", 7);
    gives(bench, "t1 is null and t0 is not null", 1);
    gives(bench, "n3 not in [1]", (double)NAN);
}

static void functions_do_what_their_names_say(void **state)
{
    struct bench *bench = *state;
    gives(bench, "abs(-2)", 2);
    gives(bench, "floor(-1.5)", -2);
    gives(bench, "ceil(-1.5)", -1);
    gives(bench, "round(-2.5)", -3);
    gives(bench, "sqrt(9)", 3);
    gives(bench, "log(exp(0))", 0);
    gives(bench, "least(3, 1, 2)", 1);
    gives(bench, "greatest(3, 1, 4, 1)", 4);
    gives(bench, "if(1 < 2, 10, 20)", 10);
    gives(bench, "if(1 > 2, 10, 20)", 20);
    gives(bench, "hour(0)", 0);
    gives(bench, "hour(86399999)", 23);
    gives(bench, "hour(-1)", 23);
    gives(bench, "weekday(0)", 4); /* a Thursday; Monday is 1 */
    gives(bench, "weekday(345600000)", 1);
    gives(bench, "weekday(345599999)", 7);
    gives(bench, "weekday(-1)", 3);
}

static void texts_compare_by_bytes(void **state)
{
    struct bench *bench = *state;
    gives(bench, "t0 < \"e9\"", 1);
    gives(bench, "t0 = 'e10'", 1);
    gives(bench, "\"a\" < \"ab\"", 1);
    gives(bench, "\"Z\" < \"a\"", 1);
    gives(bench, "\"z\" < \"\xC3\xA9\"", 1);
    gives(bench, "'' is null", 0);
    gives(bench, "'' < 'a'", 1);
    gives(bench, "t0 in ['a', \"e10\"]", 1);
    gives(bench, "'it is \"so\"' = 'it is \"so\"'", 1);
    const struct assay_value value = eval(bench, "if(n0 > 1, t0, \"x\")");
    assert_int_equal(value.kind, ASSAY_KIND_TEXT);
    assert_int_equal(value.cell.text.len, 3);
    assert_memory_equal(value.cell.text.ptr, "e10", 3);
}

static void fields_are_the_current_events(void **state)
{
    struct bench *bench = *state;
    gives(bench, "pay.amount", 12.34);
    gives(bench, "pay.ok", 0);
    gives(bench, "pay.channel = 'app'", 1);
    gives(bench, "pay.user = 'u1'", 1);
    gives(bench, "pay.rate", (double)NAN); /* not present */
    gives(bench, "pay.shop is null", 1);
    gives(bench, "move.amount", (double)NAN); /* another event */
    gives(bench, "move.payer is null", 1);
    gives(bench, "time", 1000);
    gives(bench, "at", 5000);
    bench->env.event = NULL;
    gives(bench, "pay.amount", (double)NAN);
    gives(bench, "time is null", 1);
    gives(bench, "at - 1s", 4000);
}

static void the_gravest_state_is_carried(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(eval(bench, "n0 + n1").state, ASSAY_STATE_OK);
    bench->slots[1].state = ASSAY_STATE_WARMING;
    assert_int_equal(eval(bench, "n0 + n1").state, ASSAY_STATE_WARMING);
    bench->slots[0].state = ASSAY_STATE_EXPIRED;
    assert_int_equal(eval(bench, "n1 + n0").state, ASSAY_STATE_EXPIRED);
    assert_int_equal(eval(bench, "n2 + 1").state, ASSAY_STATE_OK);
}

static void mistakes_are_refused_at_their_place(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *text;
        int code;
        size_t begin;
    } rows[] = {
        {"", ASSAY_DIAG_SYNTAX, 0},
        {"1 +", ASSAY_DIAG_SYNTAX, 3},
        {"1 + * 2", ASSAY_DIAG_SYNTAX, 4},
        {"(1", ASSAY_DIAG_SYNTAX, 2},
        {"1)", ASSAY_DIAG_SYNTAX, 1},
        {"not not true", ASSAY_DIAG_SYNTAX, 4},
        {"--1", ASSAY_DIAG_SYNTAX, 1},
        {"1 < 2 < 3", ASSAY_DIAG_SYNTAX, 6},
        {"1 = = 2", ASSAY_DIAG_SYNTAX, 4},
        {"1 == 2", ASSAY_DIAG_SYNTAX, 2},
        {"1 ! 2", ASSAY_DIAG_SYNTAX, 2},
        {"a && b", ASSAY_DIAG_SYNTAX, 2},
        {"'x", ASSAY_DIAG_SYNTAX, 0},
        {"'x\ny'", ASSAY_DIAG_SYNTAX, 0},
        {"1x", ASSAY_DIAG_SYNTAX, 0},
        {"1.5h", ASSAY_DIAG_SYNTAX, 0},
        {"0s", ASSAY_DIAG_SYNTAX, 0},
        {"1h30m", ASSAY_DIAG_SYNTAX, 0},
        {"n0.", ASSAY_DIAG_SYNTAX, 3},
        {".n0", ASSAY_DIAG_SYNTAX, 0},
        {"n0 in []", ASSAY_DIAG_SYNTAX, 7},
        {"n0 in [1,]", ASSAY_DIAG_SYNTAX, 9},
        {"n0 in [n1]", ASSAY_DIAG_SYNTAX, 7},
        {"n0 in [-'a']", ASSAY_DIAG_SYNTAX, 8},
        {"n0 in blocked", ASSAY_DIAG_NOT_BUILT, 6},
        {"n0 is nothing", ASSAY_DIAG_SYNTAX, 6},
        {"n0 not 1", ASSAY_DIAG_SYNTAX, 7},
        {"abs(1,)", ASSAY_DIAG_SYNTAX, 6},
        {"abs(1", ASSAY_DIAG_SYNTAX, 5},
        {"where", ASSAY_DIAG_SYNTAX, 0},
        {"null", ASSAY_DIAG_SYNTAX, 0},
        {"top[2]", ASSAY_DIAG_TYPE, 0},
        {"by_channel[\"app\"]", ASSAY_DIAG_NOT_BUILT, 10},
        {"a.b.c.d.e", ASSAY_DIAG_SYNTAX, 8},
        {"nope", ASSAY_DIAG_UNKNOWN_NAME, 0},
        {"1 + pay.nope", ASSAY_DIAG_UNKNOWN_NAME, 4},
        {"ceiling(1)", ASSAY_DIAG_UNKNOWN_FUNCTION, 0},
        {"1 + abs()", ASSAY_DIAG_ARGUMENTS, 4},
        {"if(true, 1)", ASSAY_DIAG_ARGUMENTS, 0},
        {"count(pay)", ASSAY_DIAG_NO_AGGREGATE, 0},
        {"1 + t0", ASSAY_DIAG_TYPE, 4},
        {"n0 and true", ASSAY_DIAG_TYPE, 0},
        {"n0 = t0", ASSAY_DIAG_TYPE, 5},
        {"b0 < b1", ASSAY_DIAG_TYPE, 0},
        {"not n0", ASSAY_DIAG_TYPE, 4},
        {"-t0", ASSAY_DIAG_TYPE, 1},
        {"n0 in ['a']", ASSAY_DIAG_TYPE, 7},
        {"if(n0, 1, 2)", ASSAY_DIAG_TYPE, 3},
        {"if(b0, 1, t0)", ASSAY_DIAG_TYPE, 10},
        {"coalesce(t0, 1)", ASSAY_DIAG_TYPE, 13},
        {"hour(t0)", ASSAY_DIAG_TYPE, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refused(bench, rows[i].text, rows[i].code, rows[i].begin);
    }
}

static void mistakes_in_arguments_and_indices_are_refused_at_their_place(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *text;
        int code;
        size_t begin;
    } rows[] = {
        {"n0[1]", ASSAY_DIAG_TYPE, 0},
        {"n0[0]", ASSAY_DIAG_BOUND, 3},
        {"n0[1.5]", ASSAY_DIAG_BOUND, 3},
        {"n0[-1]", ASSAY_DIAG_BOUND, 3},
        {"n0[1 + 1]", ASSAY_DIAG_SYNTAX, 5},
        {"n0[\"app\"]", ASSAY_DIAG_NOT_BUILT, 2},
        {"lag(pay.amount)", ASSAY_DIAG_ARGUMENTS, 14},
        {"lag(pay.amount, n = 2)", ASSAY_DIAG_ARGUMENTS, 16},
        {"lag(pay.amount, 1, 2)", ASSAY_DIAG_ARGUMENTS, 17},
        {"lag(pay.amount, -1)", ASSAY_DIAG_BOUND, 16},
        {"lag(pay.amount, 1.5)", ASSAY_DIAG_BOUND, 16},
        {"lag(pay.amount, 1000001)", ASSAY_DIAG_BOUND, 16},
        {"last_k(pay.amount, k = 0)", ASSAY_DIAG_BOUND, 23},
        {"first_k(pay.amount, pay.amount)", ASSAY_DIAG_ARGUMENTS, 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refused(bench, rows[i].text, rows[i].code, rows[i].begin);
    }
}

/* "((((1))))" and "1 + (1 + (1 + ..." of a given depth. */
static void deep(size_t depth, bool sums, size_t size, char out[])
{
    size_t used = 0;
    for (size_t i = 0; i < depth; i++) {
        used += (size_t)snprintf(out + used, size - used, sums ? "1+(" : "(");
    }
    used += (size_t)snprintf(out + used, size - used, "1");
    for (size_t i = 0; i < depth; i++) {
        used += (size_t)snprintf(out + used, size - used, ")");
    }
}

static void depth_is_bounded_and_allowed_up_to_there(void **state)
{
    struct bench *bench = *state;
    char text[1024];
    deep(ASSAY_EXPR_DEPTH_MAX - 1, false, sizeof text, text);
    gives(bench, text, 1);
    deep(ASSAY_EXPR_DEPTH_MAX, false, sizeof text, text);
    refused(bench, text, ASSAY_DIAG_TOO_DEEP, ASSAY_EXPR_DEPTH_MAX);
    deep(ASSAY_EXPR_DEPTH_MAX - 1, true, sizeof text, text);
    gives(bench, text, ASSAY_EXPR_DEPTH_MAX);
    size_t used = (size_t)snprintf(text, sizeof text, "1 in [0");
    for (size_t i = 0; i < 99; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, ",%zu", i + 1);
    }
    (void)snprintf(text + used, sizeof text - used, "]");
    gives(bench, text, 1);
    (void)snprintf(text + used, sizeof text - used, ",9]");
    refused(bench, text, ASSAY_DIAG_SYNTAX, used + 1);
}

static const char *canonical(struct bench *bench, const char *text)
{
    const struct assay_expr *expr =
        assay_expr_parse(bench->arena, case_span(bench->arena, text), bench->diags);
    if (expr == NULL) {
        assay_diags_print(bench->diags, stderr);
        fail_msg("%s does not parse", text);
    }
    return assay_expr_canonical(bench->arena, expr).ptr;
}

static void canonical_text_is_equal_for_equal_definitions_only(void **state)
{
    struct bench *bench = *state;
    static const char *const same[][2] = {
        {"1+2*3", " 1 + ( 2 * 3 ) "},
        {"count(pay) over 60m", "count( pay )over 1h"},
        {"count(pay) over 7d last 10 delay 1d", "count(pay) over 1w last 10 delay 24h"},
        {"count(pay)", "count(pay) over lifetime"},
        {"x in ['a',\"b\"]", "x in [\"a\", 'b']"},
        {"a is not null", "not (a is null)"},
        {"a not in [1]", "not a in [1]"},
        {"a[ 2 ] + 1", "(a [2]) + 1"},
        {"lag(pay.amount, 3)", "lag( pay.amount,k=3 ) over lifetime"},
        {"1_000", "1e3"},
    };
    static const char *const different[][2] = {
        {"a[1]", "a[2]"},
        {"a[1]", "a"},
        {"lag(pay.amount, 3)", "lag(pay.amount, 2)"},
        {"a - b - c", "a - (b - c)"},
        {"count(pay)", "count(pay@user)"},
        {"count(pay) over 1h", "count(pay) over 1h delay 1ms"},
        {"count(pay) over 1h", "count(pay) over 1h last 1"},
        {"count(pay) over 1h", "count(pay) exclude current over 1h"},
        {"count(pay) where ok over 1h", "count(pay) where not ok over 1h"},
        {"x = 'a\" or y = \"b'", "x = \"a\" or y = \"b\""},
        {"1", "'1'"},
        {"x in ['a\", \"b']", "x in [\"a\", \"b\"]"},
        {"a.b", "a"},
        {"sum(pay.a) over 1h + 1", "sum(pay.a) where a + 1 > 0 over 1h"},
    };
    renew(bench);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_string_equal(canonical(bench, same[i][0]), canonical(bench, same[i][1]));
    }
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        assert_string_not_equal(canonical(bench, different[i][0]),
                                canonical(bench, different[i][1]));
    }
}

/* --- random expressions against a naive reading of them --------------------------------------- */

struct writer {
    uint64_t random;
    char text[4096];
    size_t used;
};

static uint32_t pick(struct writer *writer, uint32_t count)
{
    return (uint32_t)(test_random(&writer->random) >> 33) % count;
}

static void put(struct writer *writer, const char *piece)
{
    writer->used +=
        (size_t)snprintf(writer->text + writer->used, sizeof writer->text - writer->used, "%s%s",
                         piece, pick(writer, 3) == 0 ? " " : "");
}

static double or_null(double value)
{
    return isfinite(value) ? value : (double)NAN;
}

static double truth(struct writer *writer, uint32_t depth);

/* Write a random number expression, always in parentheses, and say what it is. */
static double number(struct writer *writer, uint32_t depth)
{
    static const double slots[4] = {6, 0, -2.5, (double)NAN};
    static const char *const ops[] = {"+", "-", "*", "/", "%"};
    if (depth == 0) {
        const uint32_t slot = pick(writer, 8);
        char piece[16];
        (void)snprintf(piece, sizeof piece, slot < 4 ? "n%u" : "%u", slot);
        put(writer, piece);
        return slot < 4 ? slots[slot] : slot;
    }
    double result = 0;
    if (pick(writer, 5) == 0) {
        put(writer, "if(");
        const double condition = truth(writer, depth - 1);
        put(writer, ",");
        const double yes = number(writer, depth - 1);
        put(writer, ",");
        const double no = number(writer, depth - 1);
        result = condition == 1 ? yes : no;
    } else {
        const uint32_t op = pick(writer, 5);
        put(writer, "(");
        const double a = number(writer, depth - 1);
        put(writer, ops[op]);
        const double b = number(writer, depth - 1);
        result = or_null(op == 0   ? a + b
                         : op == 1 ? a - b
                         : op == 2 ? a * b
                         : op == 3 ? a / b
                                   : fmod(a, b));
    }
    put(writer, ")");
    return result;
}

static double truth(struct writer *writer, uint32_t depth)
{
    if (depth == 0) {
        const bool unknown = pick(writer, 3) == 0;
        put(writer, unknown ? " b1 " : " b0 ");
        return unknown ? (double)NAN : 1;
    }
    double result = 0;
    const uint32_t form = pick(writer, 4);
    put(writer, "(");
    if (form == 0) {
        put(writer, " not ");
        result = 1 - truth(writer, depth - 1);
    } else if (form == 1) {
        const double a = number(writer, depth - 1);
        put(writer, " <= ");
        const double b = number(writer, depth - 1);
        result = isnan(a) || isnan(b) ? (double)NAN : a <= b ? 1 : 0;
    } else {
        const double a = truth(writer, depth - 1);
        put(writer, form == 2 ? " and " : " or ");
        const double b = truth(writer, depth - 1);
        const double strong = form == 2 ? 0 : 1; /* decides alone */
        result = a == strong || b == strong ? strong
                 : isnan(a) || isnan(b)     ? (double)NAN
                                            : 1 - strong;
    }
    put(writer, ")");
    return result;
}

static void programs_compute_what_the_text_says(void **state)
{
    struct bench *bench = *state;
    struct writer writer = {.random = 88172645463325252ULL};
    for (int round = 0; round < 3000; round++) {
        writer.used = 0;
        writer.text[0] = '\0';
        const uint32_t depth = pick(&writer, 5);
        const double wanted =
            pick(&writer, 2) == 0 ? number(&writer, depth) : truth(&writer, depth);
        gives(bench, writer.text, wanted);
        /* and the canonical text is a fixed point that means the same */
        const char *once = canonical(bench, writer.text);
        assert_string_equal(canonical(bench, once), once);
        char copy[8192];
        (void)snprintf(copy, sizeof copy, "%s", once);
        gives(bench, copy, wanted);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(operators_bind_as_the_grammar_says),
        TEST(logic_is_kleenes),
        TEST(nulls_propagate_and_nothing_is_infinite),
        TEST(functions_do_what_their_names_say),
        TEST(texts_compare_by_bytes),
        TEST(fields_are_the_current_events),
        TEST(the_gravest_state_is_carried),
        TEST(mistakes_are_refused_at_their_place),
        TEST(mistakes_in_arguments_and_indices_are_refused_at_their_place),
        TEST(depth_is_bounded_and_allowed_up_to_there),
        TEST(canonical_text_is_equal_for_equal_definitions_only),
        TEST(programs_compute_what_the_text_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
