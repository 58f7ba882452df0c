#include "tests/support/cmocka_all.h"

#include "engine/base/alloc_guard.h"
#include "engine/base/arena.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a child ends that allocates while it may not. */
static int end_of_child(void (*allocate)(void))
{
    const pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)assay_alloc_forbid(true);
        allocate();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void *volatile sink; /* so that no call is optimised away */

static void by_malloc(void)
{
    sink = malloc(8);
}

static void by_calloc(void)
{
    sink = calloc(8, 8);
}

static void by_realloc(void)
{
    sink = realloc(NULL, 8);
}

static void by_arena(void)
{
    struct assay_arena *arena = sink;
    for (int i = 0; i < 1000; i++) {
        if (assay_arena_alloc(arena, 1000) == NULL) {
            abort();
        }
    }
}

static void allocating_where_it_is_forbidden_stops_a_checking_build(void **state)
{
    (void)state;
#if defined(ASSAY_OWNER_CHECKS)
    const int expected = SIGABRT;
#else
    const int expected = 0;
#endif
    assert_int_equal(end_of_child(by_malloc), expected);
    assert_int_equal(end_of_child(by_calloc), expected);
    assert_int_equal(end_of_child(by_realloc), expected);
}

static void an_arena_may_grow_and_the_promise_holds_after_it(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 22);
    sink = arena;
    assert_int_equal(end_of_child(by_arena), 0);
    assert_false(assay_alloc_forbid(true));
    assert_non_null(assay_arena_alloc(arena, 100));
    assert_true(assay_alloc_is_forbidden());
    assert_true(assay_alloc_forbid(false));
    assert_false(assay_alloc_is_forbidden());
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocating_where_it_is_forbidden_stops_a_checking_build),
        cmocka_unit_test(an_arena_may_grow_and_the_promise_holds_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
