#include "engine/sync/qsbr.h"
#include "features/slab.h"

#include "tests/support/cmocka_all.h"

#include <string.h>

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct assay_slab slab;
    unsigned char *pieces[300];
    assert_true(assay_slab_init(&slab, 1 << 20));
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = assay_slab_alloc(&slab, i + 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i % 251), assay_slab_fit(i + 1));
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t b = 0; b < assay_slab_fit(i + 1); b++) {
            assert_int_equal(pieces[i][b], i % 251);
        }
    }
    assay_slab_fini(&slab);
}

static void a_fit_is_never_smaller_and_fits_itself(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 100000; bytes++) {
        const size_t fit = assay_slab_fit(bytes);
        assert_true(fit >= bytes);
        assert_int_equal(assay_slab_fit(fit), fit);
        assert_true(fit < bytes + 16 || fit - bytes <= bytes / 8);
    }
}

static void what_is_freed_is_used_again_and_the_limit_holds(void **state)
{
    (void)state;
    enum { PIECE = 96, LIMIT = PIECE * 100 };
    struct assay_slab slab;
    void *pieces[100];
    assert_true(assay_slab_init(&slab, LIMIT));
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++) {
            pieces[i] = assay_slab_alloc(&slab, PIECE - (size_t)(i % 3));
            assert_non_null(pieces[i]);
        }
        assert_int_equal(slab.live, LIMIT);
        assert_null(assay_slab_alloc(&slab, 1));
        assert_null(assay_slab_alloc(&slab, PIECE));
        assert_null(assay_slab_alloc(&slab, SIZE_MAX));
        assert_int_equal(slab.live, LIMIT);
        for (int i = 0; i < 100; i++) {
            assay_slab_free(&slab, pieces[i], PIECE - (size_t)(i % 3));
        }
        assert_int_equal(slab.live, 0);
    }
    assay_slab_free(&slab, NULL, 5);
    assay_slab_fini(&slab);
}

static void pieces_of_whole_cache_lines_start_one(void **state)
{
    (void)state;
    struct assay_slab slab;
    assert_true(assay_slab_init(&slab, 4 << 20));
    for (size_t i = 0; i < 100; i++) {
        const void *small = assay_slab_alloc(&slab, 16 * (i % 30));
        assert_true(assay_slab_fit(16 * (i % 30)) % ASSAY_SLAB_LINE_BYTES != 0 ||
                    (uintptr_t)small % ASSAY_SLAB_LINE_BYTES == 0);
        void *piece = i % 2 == 0 ? assay_slab_alloc_zero(&slab, 4096 + 512 * i)
                                 : assay_slab_alloc(&slab, 4096 + 64 * i);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % ASSAY_SLAB_LINE_BYTES, 0);
        memset(piece, 1, 4096);
        if (i % 3 == 0) {
            assay_slab_free(&slab, piece, i % 2 == 0 ? 4096 + 512 * i : 4096 + 64 * i);
        }
    }
    assay_slab_fini(&slab);
}

/* The tables that an index has outgrown become records: with nothing left of the region, a large
 * freed piece serves small ones, whole and apart, and comes back from them. */
static void a_large_freed_piece_is_cut_to_its_end(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20, SMALL = 208 };
    struct assay_slab slab;
    static unsigned char *pieces[LARGE / SMALL];
    assert_true(assay_slab_init(&slab, LARGE));
    unsigned char *large = assay_slab_alloc(&slab, LARGE);
    assert_non_null(large);
    assert_null(assay_slab_alloc(&slab, SMALL));
    assay_slab_free(&slab, large, LARGE);
    size_t count = 0;
    for (void *piece = assay_slab_alloc(&slab, SMALL); piece != NULL;
         piece = assay_slab_alloc(&slab, SMALL)) {
        assert_true(count < LARGE / SMALL);
        pieces[count] = piece;
        memset(pieces[count], (int)(count % 251), SMALL);
        count++;
    }
    assert_int_equal(count, LARGE / SMALL);
    assert_int_equal(slab.live, count * SMALL);
    /* the rest was listed: it serves what fits into it */
    for (size_t left = LARGE % SMALL / 16; left > 0; left--) {
        (void)assay_slab_alloc(&slab, 16);
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(pieces[i] >= large && pieces[i] + SMALL <= large + LARGE);
        for (size_t b = 0; b < SMALL; b++) {
            assert_int_equal(pieces[i][b], i % 251);
        }
    }
    assay_slab_fini(&slab);
}

/* Random sizes of all kinds come and go: pieces never overlap, and all that is live is counted. */
static void pieces_stay_apart_whatever_is_cut_and_listed(void **state)
{
    (void)state;
    enum { PIECES = 400, ROUNDS = 20000 };
    struct assay_slab slab;
    static unsigned char *pieces[PIECES];
    static size_t sizes[PIECES];
    uint64_t luck = 5;
    size_t live = 0;
    memset(pieces, 0, sizeof pieces);
    assert_true(assay_slab_init(&slab, 8 << 20));
    for (int round = 0; round < ROUNDS; round++) {
        luck = luck * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const size_t i = (luck >> 33) % PIECES;
        if (pieces[i] != NULL) {
            assert_int_equal(pieces[i][0], i % 251);
            assert_int_equal(pieces[i][sizes[i] - 1], i % 251);
            assay_slab_free(&slab, pieces[i], sizes[i]);
            live -= assay_slab_fit(sizes[i]);
        }
        sizes[i] = 1 + (luck >> 13) % (luck >> 60 == 0 ? 200000 : 700);
        pieces[i] = assay_slab_alloc(&slab, sizes[i]);
        if (pieces[i] != NULL) {
            assert_true(assay_slab_fit(sizes[i]) % ASSAY_SLAB_LINE_BYTES != 0 ||
                        (uintptr_t)pieces[i] % ASSAY_SLAB_LINE_BYTES == 0);
            memset(pieces[i], (int)(i % 251), sizes[i]);
            live += assay_slab_fit(sizes[i]);
        }
        assert_int_equal(slab.live, live);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t b = 0; pieces[i] != NULL && b < sizes[i]; b++) {
            assert_int_equal(pieces[i][b], i % 251);
        }
    }
    assay_slab_fini(&slab);
}

static void thirty_two_bits_name_every_piece_of_any_region(void **state)
{
    (void)state;
    const size_t gib = (size_t)1 << 30;
    const size_t limits[] = {1 << 20, 64 * gib, 64 * gib + 1, 200 * gib, 5000 * gib};
    const uint32_t grains[] = {16, 16, 32, 64, 2048};
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        struct assay_slab slab;
        assert_true(assay_slab_init(&slab, limits[l]));
        assert_int_equal((size_t)1 << slab.grain_log, grains[l]);
        for (size_t bytes = 1; bytes < 9000; bytes += 37) {
            unsigned char *piece = assay_slab_alloc(&slab, bytes);
            assert_non_null(piece);
            assert_int_equal((size_t)(piece - slab.base) % grains[l], 0);
            assert_ptr_equal(assay_slab_at(&slab, assay_slab_ref(&slab, piece)), piece);
            assay_slab_free(&slab, piece, bytes);
            /* what a caller may use, it may also give back as */
            assert_ptr_equal(assay_slab_alloc(&slab, assay_slab_fit(bytes)), piece);
            if (slab.used > 500000) {
                break;
            }
        }
        const void *last = slab.base + ((limits[l] - 1) >> slab.grain_log << slab.grain_log);
        assert_ptr_equal(assay_slab_at(&slab, assay_slab_ref(&slab, last)), last);
        assay_slab_fini(&slab);
    }
}

static void resident_memory_is_what_was_touched(void **state)
{
    (void)state;
    enum { TOUCHED = 8 << 20, HUGE = 2 << 20 };
    struct assay_slab slabs[2];
    struct assay_slab_pages pages;
    for (int i = 0; i < 2; i++) {
        assert_true(assay_slab_init(&slabs[i], 64 << 20));
        assert_true(assay_slab_pages(&slabs[i], &pages));
        assert_int_equal(pages.resident_bytes, 0);
    }
    memset(assay_slab_alloc(&slabs[0], TOUCHED), 1, TOUCHED);
    assert_true(assay_slab_pages(&slabs[0], &pages));
    assert_true(pages.resident_bytes >= TOUCHED && pages.resident_bytes <= TOUCHED + HUGE);
    assert_true(pages.huge_bytes <= pages.resident_bytes);
    assert_true(assay_slab_pages(&slabs[1], &pages)); /* its neighbour's is not its own */
    assert_int_equal(pages.resident_bytes, 0);
    assay_slab_fini(&slabs[0]);
    assay_slab_fini(&slabs[1]);
}

static void what_is_freed_beside_readers_waits_as_it_is(void **state)
{
    (void)state;
    enum { PIECE = 96, PIECES = 100 };
    static struct assay_qsbr qsbr;
    struct assay_slab slab;
    unsigned char *pieces[PIECES];
    assay_qsbr_init(&qsbr);
    const uint32_t place = assay_qsbr_register(&qsbr);
    assert_true(assay_slab_init(&slab, (size_t)PIECE * PIECES));
    assert_true(assay_slab_share(&slab, &qsbr));
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = assay_slab_alloc(&slab, PIECE);
        memset(pieces[i], i, PIECE);
    }
    assay_qsbr_online(&qsbr, place);
    for (int i = 0; i < PIECES; i++) {
        assay_slab_free(&slab, pieces[i], PIECE);
        assay_slab_turn(&slab);
    }
    assert_int_equal(slab.live, 0);
    assert_int_equal(assay_slab_waiting(&slab), (size_t)PIECE * PIECES);
    for (int turn = 0; turn < 1000; turn++) {
        assay_slab_turn(&slab);
    }
    assert_null(assay_slab_alloc(&slab, PIECE)); /* full: the reader may hold each of them */
    for (int i = 0; i < PIECES; i++) {
        for (int b = 0; b < PIECE; b++) {
            assert_int_equal(pieces[i][b], i);
        }
    }
    assay_qsbr_quiescent(&qsbr, place);
    for (int turn = 0; turn < 100; turn++) { /* a turn takes a part of what has passed */
        const size_t before = assay_slab_waiting(&slab);
        assay_slab_turn(&slab);
        assert_true(before - assay_slab_waiting(&slab) <= (size_t)64 * PIECE);
    }
    assert_true(assay_slab_waiting(&slab) < (size_t)PIECE * PIECES);
    assay_qsbr_offline(&qsbr, place);
    for (int i = 0; i < PIECES; i++) { /* at the limit what has been let go of is taken back */
        assert_non_null(assay_slab_alloc(&slab, PIECE));
    }
    assert_null(assay_slab_alloc(&slab, 1));
    assert_int_equal(assay_slab_waiting(&slab), 0);
    assay_slab_fini(&slab);
}

static void without_readers_all_that_waits_is_free(void **state)
{
    (void)state;
    static struct assay_qsbr qsbr;
    struct assay_slab slab;
    assay_qsbr_init(&qsbr);
    assert_true(assay_slab_init(&slab, 1 << 16));
    assert_true(assay_slab_share(&slab, &qsbr));
    void *piece = assay_slab_alloc(&slab, 1000);
    assay_slab_free(&slab, piece, 1000);
    assert_true(assay_slab_waiting(&slab) >= 1000);
    assay_slab_unshare(&slab);
    assert_int_equal(assay_slab_waiting(&slab), 0);
    assert_ptr_equal(assay_slab_alloc(&slab, 1000), piece);
    assay_slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_fit_is_never_smaller_and_fits_itself),
        cmocka_unit_test(what_is_freed_is_used_again_and_the_limit_holds),
        cmocka_unit_test(pieces_of_whole_cache_lines_start_one),
        cmocka_unit_test(a_large_freed_piece_is_cut_to_its_end),
        cmocka_unit_test(pieces_stay_apart_whatever_is_cut_and_listed),
        cmocka_unit_test(thirty_two_bits_name_every_piece_of_any_region),
        cmocka_unit_test(resident_memory_is_what_was_touched),
        cmocka_unit_test(what_is_freed_beside_readers_waits_as_it_is),
        cmocka_unit_test(without_readers_all_that_waits_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
