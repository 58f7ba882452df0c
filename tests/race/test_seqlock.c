#include "engine/sync/seqlock.h"
#include "tests/support/cmocka_all.h"

#include <pthread.h>

/* One thread changes words that belong together, another copies them: a copy that counts has words
 * of one change. The words are plain memory for the writer. */

enum { WORDS = 12, CHANGES = 300000, COPIES_MIN = 2000, CHANGES_MAX = 100000000 };

static struct {
    struct assay_seqlock lock;
    uint64_t words[WORDS];
} shared;

static atomic_bool ends;
static atomic_uint copies;

static void *copy_on(void *torn)
{
    uint64_t words[WORDS];
    while (!atomic_load(&ends)) {
        unsigned count = 0;
        if (!assay_seqlock_begin(&shared.lock, &count)) {
            continue;
        }
        assay_seqlock_copy(words, shared.words, sizeof words);
        if (!assay_seqlock_same(&shared.lock, count)) {
            continue;
        }
        for (uint64_t i = 0; i < WORDS; i++) {
            *(bool *)torn = *(bool *)torn || words[i] != words[0] * (i + 1);
        }
        atomic_fetch_add(&copies, 1);
    }
    return NULL;
}

static void a_copy_that_counts_is_of_one_change(void **state)
{
    (void)state;
    pthread_t reader;
    bool torn = false;
    assert_int_equal(pthread_create(&reader, NULL, copy_on, &torn), 0);
    for (uint64_t n = 0; n < CHANGES_MAX && (n < CHANGES || atomic_load(&copies) < COPIES_MIN);
         n++) {
        assay_seqlock_open(&shared.lock);
        for (uint64_t i = 0; i < WORDS; i++) {
            shared.words[i] = n * (i + 1);
        }
        assay_seqlock_close(&shared.lock);
    }
    atomic_store(&ends, true);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_false(torn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_that_counts_is_of_one_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
