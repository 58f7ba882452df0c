#include "engine/base/diag.h"
#include "features/decode.h"
#include "ingest/generate.h"
#include "ingest/generate_pvt.h"

#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

/* The stream is a pure function of its options, in arrival order, and what is said to be wrong with
 * it is wrong with it, and nothing else. */

static const int64_t start_ms = INT64_C(1767225600000); /* 2026-01-01 */

static struct assay_generate_options small(uint64_t seed)
{
    return (struct assay_generate_options){
        .users = 300, .days = 20, .seed = seed, .start_ms = start_ms};
}

struct stream {
    struct assay_arena *arena;
    struct assay_generator *generator;
};

static struct stream open_stream(const struct assay_generate_options *options)
{
    struct stream stream = {.arena = assay_arena_create((size_t)1 << 30)};
    struct assay_err err;
    assert_non_null(stream.arena);
    assert_int_equal(assay_generator_create(&stream.generator, stream.arena, options, &err),
                     ASSAY_OK);
    return stream;
}

/* All lines, one after the other; the caller frees. */
static char *bytes_of(const struct assay_generate_options *options, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    struct stream stream = open_stream(options);
    struct assay_generated event;
    struct assay_label label;
    assert_non_null(out);
    while (assay_generator_next(stream.generator, &event)) {
        (void)fprintf(out, "%.*s %.*s\n", (int)event.key.len,
                      event.key.ptr == NULL ? "" : event.key.ptr, (int)event.line.len,
                      event.line.ptr);
    }
    while (assay_generator_next_label(stream.generator, &label)) {
        (void)fprintf(out, "%.*s %s %d %.9f\n", (int)label.event_id.len, label.event_id.ptr,
                      label.name, label.value ? 1 : 0, label.truth);
    }
    assert_int_equal(assay_generator_status(stream.generator), ASSAY_OK);
    assay_arena_destroy(stream.arena);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void same_seed_gives_same_bytes_and_another_seed_others(void **state)
{
    (void)state;
    struct assay_generate_options options = small(7);
    size_t sizes[3] = {0};
    options.late_share = options.duplicate_share = options.malformed_share = 0.02;
    char *first = bytes_of(&options, &sizes[0]);
    char *again = bytes_of(&options, &sizes[1]);
    options.seed = 8;
    char *other = bytes_of(&options, &sizes[2]);
    assert_true(sizes[0] > 100000);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(first, again, sizes[0]);
    assert_true(sizes[0] != sizes[2] || memcmp(first, other, sizes[0]) != 0);
    free(first);
    free(again);
    free(other);
}

/* The bytes of one stream, fixed: a change here changes every committed model. */
static void bytes_do_not_depend_on_the_machine(void **state)
{
    (void)state;
    const struct assay_generate_options options = small(1);
    size_t size = 0;
    char *text = bytes_of(&options, &size);
    uint64_t hash = 0;
    for (size_t i = 0; i < size; i++) {
        hash = gen_mix(hash + (unsigned char)text[i]);
    }
    free(text);
    assert_int_equal(hash, UINT64_C(0x70185f3283d8f61e));
}

/* ---- what a schema reads ---- */

/* The events of config/features.yaml, by the fields that identify people. */
static const struct assay_schema *make_schema(void)
{
    static struct assay_field_def users[] = {{.name = {"user", 4}, .type = ASSAY_TYPE_KEY},
                                             {.name = {"id", 2}, .type = ASSAY_TYPE_INT}};
    static struct assay_field_def payers[] = {
        {.name = {"payer", 5}, .type = ASSAY_TYPE_KEY},
        {.name = {"payee", 5}, .type = ASSAY_TYPE_KEY},
        {.name = {"amount", 6}, .type = ASSAY_TYPE_DECIMAL, .scale = 2}};
    static struct assay_field_def checks[] = {
        {.name = {"user", 4}, .type = ASSAY_TYPE_KEY},
        {.name = {"print", 5}, .type = ASSAY_TYPE_VECTOR, .dims = GEN_PRINT_DIMS},
        {.name = {"match", 5}, .type = ASSAY_TYPE_DECIMAL, .scale = 4},
        {.name = {"passed", 6}, .type = ASSAY_TYPE_BOOL}};
    static const char *const names[] = {
#define X(name, text) (text),
        GEN_TYPE_TABLE(X)
#undef X
    };
    static struct assay_event_def events[GEN_TYPE_END];
    static const struct assay_entity_def entities[] = {{.name = {"user", 4}}};
    static const struct assay_schema schema = {.lateness_ms = GEN_HOUR_MS,
                                               .event_count = GEN_TYPE_END,
                                               .entity_count = 1,
                                               .events = events,
                                               .entities = entities};
    for (uint32_t i = 0; i < GEN_TYPE_END; i++) {
        events[i] = (struct assay_event_def){
            .name = assay_str_of(names[i]), .field_count = 1, .fields = users};
    }
    events[GEN_TRANSFER].fields = payers;
    events[GEN_TRANSFER].field_count = 3;
    events[GEN_VOICE_CHECK].fields = checks;
    events[GEN_VOICE_CHECK].field_count = 4;
    return &schema;
}

struct seen {
    uint64_t lines, late, unordered, copies, skewed, dead;
    uint64_t types[GEN_TYPE_END];
    uint64_t reasons[ASSAY_DEAD_END];
    uint64_t bytes;
};

/* Ids are "u<user>-<number>"; a bit per number of a user says that it was seen. */
enum { NUMBERS_MAX = 4096 };

static bool is_copy(uint8_t *seen, struct assay_str id)
{
    unsigned user = 0;
    unsigned number = 0;
    char text[40];
    (void)snprintf(text, sizeof text, "%.*s", (int)id.len, id.ptr);
    char *end = NULL;
    assert_int_equal(text[0], 'u');
    user = (unsigned)strtoul(text + 1, &end, 10);
    assert_int_equal(*end, '-');
    number = (unsigned)strtoul(end + 1, &end, 10);
    assert_int_equal(*end, '\0');
    assert_true(user < 300 && number < NUMBERS_MAX);
    uint8_t *flag = &seen[(size_t)user * NUMBERS_MAX + number];
    const bool copy = *flag != 0;
    *flag = 1;
    return copy;
}

static struct seen look_at(const struct assay_generate_options *options)
{
    struct seen seen = {0};
    struct stream stream = open_stream(options);
    struct assay_decoder *decoder = assay_decoder_create_json(stream.arena, make_schema());
    uint8_t *ids = calloc((size_t)300 * NUMBERS_MAX, 1);
    struct assay_event *event = calloc(1, sizeof *event);
    int64_t newest_ms = 0;
    int64_t before_ms = 0;
    struct assay_generated made;
    assert_non_null(decoder);
    assert_non_null(ids);
    assert_non_null(event);
    while (assay_generator_next(stream.generator, &made)) {
        struct assay_decode_report report;
        assay_decode_json(decoder, made.line, event, &report);
        seen.lines++;
        seen.bytes += made.line.len;
        seen.reasons[report.dead]++;
        assert_int_equal(report.dead == ASSAY_DEAD_NONE, made.key.ptr != NULL);
        if (report.dead != ASSAY_DEAD_NONE) {
            seen.dead++;
            continue;
        }
        seen.types[event->type]++;
        seen.skewed += event->time_ms != made.time_ms ? 1 : 0;
        seen.late += made.time_ms < newest_ms - GEN_HOUR_MS ? 1 : 0;
        seen.unordered += made.time_ms < before_ms ? 1 : 0;
        seen.copies += is_copy(ids, event->id) ? 1 : 0;
        before_ms = made.time_ms;
        newest_ms = made.time_ms > newest_ms ? made.time_ms : newest_ms;
        assay_decoder_reset(decoder);
    }
    free(ids);
    free(event);
    assay_decoder_destroy(decoder);
    assay_arena_destroy(stream.arena);
    return seen;
}

static void a_clean_stream_is_in_time_order_with_unique_ids_and_every_type(void **state)
{
    (void)state;
    struct assay_generate_options options = small(3);
    options.days = 60;
    const struct seen seen = look_at(&options);
    assert_int_equal(seen.dead, 0);
    assert_int_equal(seen.unordered, 0);
    assert_int_equal(seen.copies, 0);
    assert_int_equal(seen.skewed, 0);
    for (size_t i = 0; i < GEN_TYPE_END; i++) {
        assert_true(seen.types[i] > 0);
    }
    /* about two events a person and day, some 200 bytes each */
    assert_in_range(seen.lines, 300 * 60, 300 * 60 * 4);
    assert_in_range(seen.bytes / seen.lines, 150, 300);
}

static void near_share(uint64_t count, uint64_t of, double share)
{
    const double found = (double)count / (double)of;
    if (found < share * 0.8 || found > share * 1.2) {
        print_error("%g is not near %g\n", found, share);
        fail();
    }
}

static void shares_are_respected(void **state)
{
    (void)state;
    struct assay_generate_options options = small(4);
    const uint64_t clean = look_at(&options).lines;
    options.late_share = 0.1;
    struct seen seen = look_at(&options);
    assert_int_equal(seen.lines, clean);
    assert_int_equal(seen.copies + seen.dead, 0);
    near_share(seen.unordered, clean, 0.1 * 0.97); /* two late ones in a row may be in order */
    assert_true(seen.late > clean / 100 && seen.late < clean / 20);
    options = small(4);
    options.duplicate_share = 0.1;
    seen = look_at(&options);
    near_share(seen.copies, clean, 0.1);
    assert_int_equal(seen.lines, clean + seen.copies);
    options = small(4);
    options.skewed_share = 0.1;
    near_share(look_at(&options).skewed, clean, 0.1);
    options = small(4);
    options.malformed_share = 0.1;
    seen = look_at(&options);
    near_share(seen.dead, clean, 0.1);
    assert_int_equal(seen.lines, clean + seen.dead);
}

static void every_malformed_kind_is_a_dead_letter_of_its_reason(void **state)
{
    (void)state;
    static const enum assay_dead wanted[GEN_BAD_END] = {
        [GEN_BAD_WRONG_TYPE] = ASSAY_DEAD_WRONG_TYPE,
        [GEN_BAD_UNKNOWN_TYPE] = ASSAY_DEAD_UNKNOWN_EVENT,
        [GEN_BAD_MISSING_KEY] = ASSAY_DEAD_MISSING_KEY,
        [GEN_BAD_NULL_KEY] = ASSAY_DEAD_MISSING_KEY,
        [GEN_BAD_HUGE_NUMBER] = ASSAY_DEAD_BAD_TIME,
        [GEN_BAD_UTF8] = ASSAY_DEAD_UTF8,
        [GEN_BAD_NO_TIME] = ASSAY_DEAD_NO_TIME,
        [GEN_BAD_TWICE] = ASSAY_DEAD_DUPLICATE_KEY,
        [GEN_BAD_NOT_OBJECT] = ASSAY_DEAD_NOT_OBJECT,
        [GEN_BAD_NUL] = ASSAY_DEAD_NUL,
    };
    const struct assay_generate_options options = small(5);
    struct stream stream = open_stream(&options);
    struct assay_decoder *decoder = assay_decoder_create_json(stream.arena, make_schema());
    struct assay_event *event = calloc(1, sizeof *event);
    char line[GEN_LINE_BYTES];
    assert_non_null(decoder);
    assert_non_null(event);
    for (uint32_t type = 0; type < GEN_TYPE_END; type++) {
        for (uint32_t bad = 1; bad < GEN_BAD_END; bad++) {
            struct gen_item item = {.type = (uint8_t)type,
                                    .time_ms = start_ms,
                                    .number = type * 31 + bad,
                                    .bad = (uint8_t)bad};
            struct assay_decode_report report;
            size_t length = gen_write(stream.generator, &item, line);
            assay_decode_json(decoder, (struct assay_str){line, (uint32_t)length}, event, &report);
            assert_int_equal(report.dead, ASSAY_DEAD_NONE);
            length = gen_spoil(&item, length, line);
            assay_decode_json(decoder, (struct assay_str){line, (uint32_t)length}, event, &report);
            if (bad == GEN_BAD_TRUNCATED) {
                /* cut inside a character of two bytes it is UTF-8 that is wrong */
                assert_true(report.dead == ASSAY_DEAD_SYNTAX || report.dead == ASSAY_DEAD_UTF8);
            } else {
                assert_string_equal(assay_dead_name(report.dead), assay_dead_name(wanted[bad]));
            }
            assay_decoder_reset(decoder);
        }
    }
    free(event);
    assay_decoder_destroy(decoder);
    assay_arena_destroy(stream.arena);
}

/* ---- labels ---- */

static void labels_are_known_after_the_event_and_drawn_with_their_probability(void **state)
{
    (void)state;
    static const char *const names[] = {"dpd30",  "dpd60",   "dpd90",
                                        "repaid", "churned", "responded"};
    struct assay_generate_options options = small(6);
    double expected[6] = {0};
    double variance[6] = {0};
    double found[6] = {0};
    options.users = 1500;
    options.days = 100;
    struct stream stream = open_stream(&options);
    struct assay_generated event;
    struct assay_label label;
    while (assay_generator_next(stream.generator, &event)) {
    }
    while (assay_generator_next_label(stream.generator, &label)) {
        size_t i = 0;
        while (strcmp(names[i], label.name) != 0) {
            i++;
            assert_true(i < 6);
        }
        assert_true(label.known_ms > label.event_ms);
        assert_true(label.event_ms >= start_ms);
        assert_true(label.truth >= 0 && label.truth <= 1);
        assert_memory_equal(label.event_id.ptr, label.user.ptr, label.user.len);
        expected[i] += label.truth;
        variance[i] += label.truth * (1 - label.truth);
        found[i] += label.value ? 1 : 0;
    }
    for (size_t i = 0; i < 6; i++) {
        const double apart = found[i] - expected[i];
        print_message("  %-9s %6.0f true, %8.1f expected\n", names[i], found[i], expected[i]);
        assert_true(found[i] > 0);
        assert_true(apart * apart < 16 * variance[i]); /* four deviations */
    }
    assay_arena_destroy(stream.arena);
}

static void what_goes_wrong_on_the_way_does_not_change_what_people_do(void **state)
{
    (void)state;
    struct assay_generate_options options = small(9);
    struct stream clean = open_stream(&options);
    options.late_share = options.duplicate_share = options.malformed_share = 0.3;
    struct stream noisy = open_stream(&options);
    struct assay_generated event;
    struct assay_label a;
    struct assay_label b;
    while (assay_generator_next(clean.generator, &event)) {
    }
    while (assay_generator_next(noisy.generator, &event)) {
    }
    while (assay_generator_next_label(clean.generator, &a)) {
        assert_true(assay_generator_next_label(noisy.generator, &b));
        assert_true(assay_str_equal(a.event_id, b.event_id));
        assert_int_equal(a.event_ms, b.event_ms);
        assert_int_equal(a.value, b.value);
    }
    assert_false(assay_generator_next_label(noisy.generator, &b));
    assay_arena_destroy(clean.arena);
    assay_arena_destroy(noisy.arena);
}

static void bad_options_are_refused_by_name(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create((size_t)64 << 20);
    struct assay_generate_options bad[8];
    static const char *const names[] = {"users", "users",  "days",      "start",
                                        "late",  "skewed", "duplicate", "malformed"};
    assert_non_null(arena);
    for (size_t i = 0; i < 8; i++) {
        bad[i] = small(1);
    }
    bad[0].users = 0;
    bad[1].users = 10000001;
    bad[2].days = 0;
    bad[3].start_ms = start_ms + 1;
    bad[4].late_share = 1.5;
    bad[5].skewed_share = -0.1;
    bad[6].duplicate_share = (double)NAN;
    bad[7].malformed_share = 2;
    for (size_t i = 0; i < 8; i++) {
        struct assay_generator *generator = NULL;
        struct assay_err err;
        assert_int_equal(assay_generator_create(&generator, arena, &bad[i], &err), ASSAY_E_RANGE);
        assert_string_equal(err.where, names[i]);
        assert_null(generator);
    }
    assay_arena_destroy(arena);
}

static void a_full_arena_ends_the_stream_and_says_so(void **state)
{
    (void)state;
    struct assay_generate_options options = small(2);
    struct assay_arena *arena = assay_arena_create((size_t)600 << 10);
    struct assay_generator *generator = NULL;
    struct assay_err err;
    struct assay_generated event;
    options.users = 1000;
    assert_non_null(arena);
    assert_int_equal(assay_generator_create(&generator, arena, &options, &err), ASSAY_OK);
    while (assay_generator_next(generator, &event)) {
    }
    assert_int_equal(assay_generator_status(generator), ASSAY_E_NO_MEMORY);
    assay_arena_destroy(arena);
}

static void our_exp_and_log_are_inverse_and_near_libm(void **state)
{
    (void)state;
    for (int i = -390; i <= 390; i++) {
        const double x = (double)i / 10;
        const double y = gen_exp(x);
        assert_true(fabs(y / exp(x) - 1) < 1e-14);
        assert_true(fabs(gen_log(y) - x) < 1e-13 * (1 + fabs(x)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_gives_same_bytes_and_another_seed_others),
        cmocka_unit_test(bytes_do_not_depend_on_the_machine),
        cmocka_unit_test(a_clean_stream_is_in_time_order_with_unique_ids_and_every_type),
        cmocka_unit_test(shares_are_respected),
        cmocka_unit_test(every_malformed_kind_is_a_dead_letter_of_its_reason),
        cmocka_unit_test(labels_are_known_after_the_event_and_drawn_with_their_probability),
        cmocka_unit_test(what_goes_wrong_on_the_way_does_not_change_what_people_do),
        cmocka_unit_test(bad_options_are_refused_by_name),
        cmocka_unit_test(a_full_arena_ends_the_stream_and_says_so),
        cmocka_unit_test(our_exp_and_log_are_inverse_and_near_libm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
