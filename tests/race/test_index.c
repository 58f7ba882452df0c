#include "engine/sync/qsbr.h"
#include "features/index_read_pvt.h"
#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * One thread adds and takes out, the index grows several times, two threads look keys up. A key
 * that is there is found; one that is not is not; and no look-up is led to a thing that was taken
 * out before the reader came online, whose memory is something else by now.
 */

#if defined(__SANITIZE_THREAD__)
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

enum {
    SLOWNESS = INSTRUMENTED ? 6 : 1,
    STAY = 200000 / SLOWNESS, /* things that are added and stay */
    COME = 512,               /* others that come and go */
    READERS = 2,
    MEMORY = 64 << 20,
    LIVES = 0x1E55E7,
    GONE = 0x60E,
};

struct thing {
    struct index_item item;
    uint32_t life;
    uint64_t name;
};

static struct assay_slab slab;
static struct index the_index;
static struct assay_qsbr qsbr;
static atomic_uint_fast64_t staying; /* names below it are there for good */
static atomic_bool ends;
static atomic_bool is_led_astray;
static atomic_bool has_missed;
static atomic_uint_fast64_t lookups[READERS];

/* Few places, so that buckets overflow; few tags, so that candidates are many. */
static uint64_t hash_of(uint64_t name)
{
    uint64_t state = name * 2 + 1;
    const uint64_t mixed = test_random(&state);
    return (mixed & UINT32_MAX) | (mixed >> 40 & 3) << 32;
}

static bool find(uint64_t name)
{
    for (;;) {
        struct index_glance glance;
        if (!index_glance(&the_index, &glance)) {
            continue;
        }
        struct index_cursor cursor = index_read_seek(&glance, hash_of(name));
        const struct thing *thing = index_read_next(&cursor);
        while (thing != NULL && thing->name != name) {
            if (thing->life != LIVES) {
                atomic_store(&is_led_astray, true);
            }
            thing = index_read_next(&cursor);
        }
        if (thing != NULL || index_glance_holds(&the_index, &glance)) {
            return thing != NULL;
        }
    }
}

static void *look_up_on(void *argument)
{
    const uint32_t place = *(uint32_t *)argument;
    uint64_t random = 3 + place;
    while (!atomic_load(&ends)) {
        assay_qsbr_online(&qsbr, place);
        for (int i = 0; i < 16; i++) {
            const uint64_t there = atomic_load(&staying);
            if (there > 0 && !find(test_random(&random) % there)) {
                atomic_store(&has_missed, true);
            }
            (void)find(STAY + test_random(&random) % COME);
            if (find(STAY + COME + test_random(&random) % 1000)) {
                atomic_store(&is_led_astray, true);
            }
        }
        assay_qsbr_offline(&qsbr, place);
        atomic_fetch_add(&lookups[place], 1);
    }
    return NULL;
}

/* ---- the writer: things that were taken out wait, and are used again ---- */

static struct thing *retired[COME * 2];
static size_t retired_count;
static struct thing *pool[COME * 4];
static size_t pool_count;

static struct thing *make(uint64_t name)
{
    struct thing *thing =
        pool_count > 0 ? pool[--pool_count] : assay_slab_alloc(&slab, sizeof *thing);
    assert_non_null(thing);
    *thing = (struct thing){.life = LIVES, .name = name};
    return thing;
}

static void retire(struct thing *thing)
{
    static uint64_t token;
    if (retired_count == COME) {
        if (!assay_qsbr_passed(&qsbr, token)) {
            return; /* too slow a reader: this one is given up */
        }
        while (retired_count > 0) {
            struct thing *gone = retired[--retired_count];
            gone->life = GONE;
            if (pool_count < COME) {
                pool[pool_count++] = gone;
            }
        }
    }
    retired[retired_count++] = thing;
    token = retired_count == COME ? assay_qsbr_retire(&qsbr) : token;
}

static void turn_over(struct thing *come[], uint64_t *random)
{
    const size_t at = test_random(random) % COME;
    if (come[at] == NULL) {
        assert_true(assay_index_reserve(&the_index));
        come[at] = make(STAY + at);
        assay_index_insert(&the_index, hash_of(STAY + at), &come[at]->item);
    } else {
        assay_index_erase(&the_index, hash_of(STAY + at), &come[at]->item);
        retire(come[at]);
        come[at] = NULL;
    }
}

static void what_is_there_is_found_and_nothing_else(void **state)
{
    (void)state;
    static struct thing *come[COME];
    pthread_t threads[READERS];
    uint32_t places[READERS];
    uint64_t random = 99;
    assay_qsbr_init(&qsbr);
    assert_true(assay_slab_init(&slab, MEMORY));
    assert_true(assay_slab_share(&slab, &qsbr));
    assert_true(assay_index_init(&the_index, &slab));
    for (int r = 0; r < READERS; r++) {
        places[r] = assay_qsbr_register(&qsbr);
        assert_int_equal(pthread_create(&threads[r], NULL, look_up_on, &places[r]), 0);
    }
    for (uint64_t name = 0; name < STAY; name++) {
        assert_true(assay_index_reserve(&the_index));
        assay_index_insert(&the_index, hash_of(name), &make(name)->item);
        atomic_store(&staying, name + 1);
        for (int i = 0; i < 4; i++) {
            turn_over(come, &random);
        }
        assay_slab_turn(&slab);
    }
    assert_true(the_index.growths >= 4);
    while (atomic_load(&lookups[0]) < 500 || atomic_load(&lookups[1]) < 500) {
        turn_over(come, &random);
    }
    atomic_store(&ends, true);
    for (int r = 0; r < READERS; r++) {
        assert_int_equal(pthread_join(threads[r], NULL), 0);
    }
    assert_false(atomic_load(&is_led_astray));
    assert_false(atomic_load(&has_missed));
    assay_slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_found_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
