#include "tests/support/cmocka_all.h"

#include "engine/sync/ring_spsc.h"

#include <pthread.h>
#include <sched.h>

/* Two threads hammer one ring with bursts of random size; under ThreadSanitizer a missing order
 * shows as a race on the payload, which is plain memory. */

enum { ITEMS = 200000, CAPACITY = 64, BURST_MAX = 17 };

static struct assay_ring_spsc ring;
static uint64_t payload[ITEMS];

static void *produce(void *unused)
{
    (void)unused;
    uint64_t random = 11;
    size_t next = 0;
    while (next < ITEMS) {
        void *items[BURST_MAX];
        size_t count = 1 + test_random(&random) % BURST_MAX;
        count = count < ITEMS - next ? count : ITEMS - next;
        for (size_t i = 0; i < count; i++) {
            payload[next + i] = 3 * (next + i) + 1;
            items[i] = &payload[next + i];
        }
        const size_t pushed = assay_ring_spsc_push_burst(&ring, items, count);
        next += pushed;
        if (pushed == 0) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void a_consumer_sees_what_was_written_before_the_push(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 16);
    assert_true(assay_ring_spsc_init(&ring, arena, CAPACITY));
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    uint64_t random = 13;
    size_t next = 0;
    while (next < ITEMS) {
        void *items[BURST_MAX];
        const size_t want = 1 + test_random(&random) % BURST_MAX;
        const size_t popped = assay_ring_spsc_pop_burst(&ring, items, want);
        for (size_t i = 0; i < popped; i++) {
            assert_ptr_equal(items[i], &payload[next + i]);
            assert_true(*(uint64_t *)items[i] == 3 * (next + i) + 1);
        }
        next += popped;
        if (popped == 0) {
            (void)sched_yield();
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_consumer_sees_what_was_written_before_the_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
