#include "tests/support/cmocka_all.h"

#include "engine/base/diag.h"

static const struct assay_text text = {.path = "f.yaml", .data = "one\ntwo\n", .len = 8};

static struct assay_span place(size_t begin)
{
    return (struct assay_span){.text = &text, .begin = begin, .end = begin + 3};
}

static struct assay_diags *list(struct assay_arena **arena, size_t count_max)
{
    *arena = assay_arena_create((size_t)1 << 20);
    assert_non_null(*arena);
    struct assay_diags *diags = assay_diags_create(*arena, count_max);
    assert_non_null(diags);
    return diags;
}

static void a_mistake_is_told_once_however_often_it_is_met(void **state)
{
    (void)state;
    struct assay_arena *arena = NULL;
    struct assay_diags *diags = list(&arena, 8);
    for (int span = 0; span < 3; span++) {
        assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_FIELD, place(4), "unknown field \"%s\"", "two");
        assay_diag_hint(diags, "hint %d", span);
    }
    assert_int_equal(assay_diags_count(diags), 1);
    assert_string_equal(assay_diags_at(diags, 0)->hint.ptr, "hint 0");
    /* Another place, another code or another message is another mistake. */
    assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_FIELD, place(0), "unknown field \"%s\"", "two");
    assay_diag_add(diags, ASSAY_DIAG_TYPE, place(4), "unknown field \"%s\"", "two");
    assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_FIELD, place(4), "unknown field \"%s\"", "three");
    assert_int_equal(assay_diags_count(diags), 4);
    assay_arena_destroy(arena);
}

static void a_hint_never_goes_to_another_mistake(void **state)
{
    (void)state;
    struct assay_arena *arena = NULL;
    struct assay_diags *diags = list(&arena, 8);
    assay_diag_add(diags, ASSAY_DIAG_TYPE, place(0), "a");
    assay_diag_add(diags, ASSAY_DIAG_TYPE, place(4), "b");
    assay_diag_add(diags, ASSAY_DIAG_TYPE, place(0), "a");
    assay_diag_hint(diags, "of a");
    assert_null(assay_diags_at(diags, 0)->hint.ptr);
    assert_null(assay_diags_at(diags, 1)->hint.ptr);
    assay_arena_destroy(arena);
}

static void beyond_the_limit_mistakes_are_counted(void **state)
{
    (void)state;
    struct assay_arena *arena = NULL;
    struct assay_diags *diags = list(&arena, 2);
    for (int i = 0; i < 5; i++) {
        assay_diag_add(diags, ASSAY_DIAG_TYPE, place(0), "number %d", i);
    }
    assert_int_equal(assay_diags_count(diags), 5);
    assert_int_equal(assay_diags_kept(diags), 2);
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_is_told_once_however_often_it_is_met),
        cmocka_unit_test(a_hint_never_goes_to_another_mistake),
        cmocka_unit_test(beyond_the_limit_mistakes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
