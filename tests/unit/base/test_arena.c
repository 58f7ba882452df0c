#include "engine/base/arena.h"
#include "tests/support/cmocka_all.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    unsigned char *before = NULL;
    for (size_t size = 1; size < 500; size++) {
        unsigned char *piece = assay_arena_alloc(arena, size);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % 16, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(piece[i], 0);
        }
        memset(piece, 0xEE, size);
        assert_ptr_not_equal(piece, before);
        before = piece;
    }
    assay_arena_destroy(arena);
}

static void the_limit_is_a_null_and_a_rewind_makes_room_again(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 16);
    const struct assay_arena_mark mark = assay_arena_mark(arena);
    for (int round = 0; round < 100; round++) {
        assert_non_null(assay_arena_alloc(arena, 60000));
        assert_null(assay_arena_alloc(arena, 60000));
        assay_arena_rewind(arena, mark);
        assert_int_equal(assay_arena_used(arena), 0);
    }
    assert_null(assay_arena_array(arena, SIZE_MAX / 2, 3));
    assay_arena_destroy(arena);
}

static void a_rewind_to_the_middle_keeps_what_came_before(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 22);
    char *kept = assay_arena_alloc(arena, 100);
    memset(kept, 'k', 100);
    const struct assay_arena_mark mark = assay_arena_mark(arena);
    const size_t used = assay_arena_used(arena);
    for (int i = 0; i < 100; i++) {
        assert_non_null(assay_arena_alloc(arena, 10000));
    }
    assay_arena_rewind(arena, mark);
    assert_int_equal(assay_arena_used(arena), used);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(kept[i], 'k');
    }
    const struct assay_str copy = assay_arena_copy(arena, assay_str_of("name"));
    assert_string_equal(copy.ptr, "name");
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(the_limit_is_a_null_and_a_rewind_makes_room_again),
        cmocka_unit_test(a_rewind_to_the_middle_keeps_what_came_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
