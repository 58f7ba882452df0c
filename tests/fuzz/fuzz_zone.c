#include "features/zone.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/zone_file.h"

#include <stdlib.h>

/*
 * Seeded mutation of good zone files: whatever the reader makes of them, it ends and stays inside
 * memory (run under AddressSanitizer); in a zone that it accepts every instant lies in its bucket,
 * and buckets follow one another. The seed is fixed, so a failure comes again.
 */

enum { ROUNDS = 12000 };

static const char *const footers[] = {"CET-1CEST,M3.5.0,M10.5.0/3",
                                      "EST5EDT,M3.2.0,M11.1.0",
                                      "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                      "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                      "XXX3EDT4,0/0,J365/23",
                                      "AAA-1BBB,J60/167,300/-167",
                                      "UTC0",
                                      ""};

static size_t mutate(struct zone_text *text, uint64_t *random)
{
    const size_t at = test_random(random) % text->size;
    switch (test_random(random) % 6) {
    case 0:
        return at; /* cut */
    case 1: {      /* a byte less */
        memmove(text->bytes + at, text->bytes + at + 1, text->size - at - 1);
        return text->size - 1;
    }
    case 2: { /* another digit of the footer, if one is near the end */
        const size_t end = text->size - 1 - test_random(random) % (text->size < 30 ? 1 : 30);
        text->bytes[end] = (unsigned char)("0123456789,./-M<J"[test_random(random) % 17]);
        return text->size;
    }
    case 3:
        text->bytes[at] = (unsigned char)(text->bytes[at] ^ 1U << (test_random(random) % 8));
        return text->size;
    default:
        text->bytes[at] = (unsigned char)(test_random(random) >> 30);
        return text->size;
    }
}

static void use(const struct assay_zone *zone, uint64_t *random)
{
    for (int i = 0; i < 8; i++) {
        const int64_t range = i < 4 ? INT64_C(1) << 42 : INT64_C(1) << 53;
        const int64_t utc_ms = (int64_t)(test_random(random) % (uint64_t)(2 * range)) - range;
        const enum assay_unit unit = (enum assay_unit)(test_random(random) % 4);
        const uint32_t back = (uint32_t)(test_random(random) % 3);
        const int64_t local_ms = assay_zone_local(zone, utc_ms);
        const int64_t first_ms = assay_zone_first(zone, local_ms);
        assert_true(first_ms <= utc_ms);
        assert_true(assay_zone_local(zone, first_ms) >= local_ms);
        const struct assay_bucket bucket = assay_zone_bucket(zone, unit, 0, utc_ms);
        assert_true(bucket.begin_ms <= utc_ms && utc_ms < bucket.end_ms);
        const struct assay_bucket before = assay_zone_bucket(zone, unit, back, utc_ms);
        const struct assay_bucket next = assay_zone_bucket(zone, unit, 0, before.end_ms);
        assert_true(next.begin_ms == before.end_ms);
        assert_true(back == 0 || before.end_ms <= bucket.begin_ms);
    }
}

static void mutated_zone_files_are_read_or_refused(void **state)
{
    (void)state;
    static const struct zone_turn turns[] = {
        {-1693706400, 1}, {-1680483600, 0}, {1616893200, 1}, {1635642000, 0}, {1648342800, 2}};
    static const int32_t offsets[] = {3600, 7200, -12600};
    static struct zone_text text;
    int accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t random = 71 + (uint64_t)round * UINT64_C(0x9E3779B97F4A7C15);
        const char version = "\0"
                             "23"[round % 3];
        zone_make(&text, version, turns, (size_t)round % 6, offsets, 3, footers[round % 8]);
        for (uint64_t edits = test_random(&random) % 4; edits > 0 && text.size > 1; edits--) {
            text.size = mutate(&text, &random);
        }
        unsigned char *exact = malloc(text.size + 1);
        assert_non_null(exact);
        unsigned char *tight = exact + 1; /* ends where the allocation ends */
        memcpy(tight, text.bytes, text.size);
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_zone *zone = NULL;
        const enum assay_status status = assay_zone_parse(arena, tight, text.size, &zone);
        if (status == ASSAY_OK) {
            accepted++;
            use(zone, &random);
        } else {
            assert_int_equal(status, ASSAY_E_FORMAT);
            assert_null(zone);
        }
        assay_arena_destroy(arena);
        free(exact);
    }
    print_message("  %d of %d accepted\n", accepted, ROUNDS);
    assert_true(accepted > ROUNDS / 10 && accepted < ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mutated_zone_files_are_read_or_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
