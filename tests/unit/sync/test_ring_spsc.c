#include "tests/support/cmocka_all.h"

#include "engine/sync/ring_spsc.h"

static void items_come_out_once_and_in_order_at_any_fill(void **state)
{
    (void)state;
    enum { CAPACITY = 8, ROUNDS = 2000 };
    struct assay_arena *arena = assay_arena_create(1 << 16);
    struct assay_ring_spsc ring;
    uint64_t random = 5;
    uintptr_t pushed = 0;
    uintptr_t popped = 0;
    assert_true(assay_ring_spsc_init(&ring, arena, CAPACITY));
    for (int round = 0; round < ROUNDS; round++) {
        void *items[CAPACITY + 2];
        const size_t offer = test_random(&random) % (CAPACITY + 3);
        for (size_t i = 0; i < offer; i++) {
            items[i] = (void *)(pushed + i + 1);
        }
        const size_t room = CAPACITY - (size_t)(pushed - popped);
        const size_t taken = assay_ring_spsc_push_burst(&ring, items, offer);
        assert_int_equal(taken, offer < room ? offer : room);
        pushed += taken;
        const size_t want = test_random(&random) % (CAPACITY + 3);
        const size_t got = assay_ring_spsc_pop_burst(&ring, items, want);
        const size_t waiting = (size_t)(pushed - popped);
        assert_int_equal(got, want < waiting ? want : waiting);
        for (size_t i = 0; i < got; i++) {
            assert_int_equal((uintptr_t)items[i], popped + i + 1);
        }
        popped += got;
    }
    assert_true(popped > CAPACITY);
    assay_arena_destroy(arena);
}

static void a_full_arena_is_told(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(64);
    struct assay_ring_spsc ring;
    assert_false(assay_ring_spsc_init(&ring, arena, 1024));
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_once_and_in_order_at_any_fill),
        cmocka_unit_test(a_full_arena_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
