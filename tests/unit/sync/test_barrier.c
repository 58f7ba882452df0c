#include "engine/sync/barrier.h"
#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <stdbool.h>

enum { PARTIES = 4, TURNS = 5000 };

struct meeting {
    struct assay_barrier barrier;
    int counts[PARTIES]; /* plain: the barrier alone must order them (TSan watches) */
    bool wrong[PARTIES];
};

struct party {
    struct meeting *meeting;
    int index;
};

static void *attend(void *argument)
{
    const struct party *party = argument;
    struct meeting *meeting = party->meeting;
    for (int turn = 1; turn <= TURNS; turn++) {
        meeting->counts[party->index] = turn;
        assay_barrier_wait(&meeting->barrier);
        for (int other = 0; other < PARTIES; other++) {
            meeting->wrong[party->index] =
                meeting->wrong[party->index] || meeting->counts[other] != turn;
        }
        assay_barrier_wait(&meeting->barrier);
    }
    return NULL;
}

static void everyone_sees_what_everyone_wrote_before_the_meeting(void **state)
{
    (void)state;
    static struct meeting meeting;
    struct party parties[PARTIES];
    pthread_t threads[PARTIES];
    assay_barrier_init(&meeting.barrier, PARTIES);
    for (int i = 0; i < PARTIES; i++) {
        parties[i] = (struct party){.meeting = &meeting, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, attend, &parties[i]), 0);
    }
    for (int i = 0; i < PARTIES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(meeting.wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_sees_what_everyone_wrote_before_the_meeting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
