#include "engine/runtime/spill_files.h"

#include "tests/support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The files as stores use them; what a store makes of them is tested with the store. */

enum { EXTENT = 64 << 10, EXTENTS = 8, SHARDS = 3, EXIT_IO = 74 };

static struct assay_spill_files *open_files(uint32_t shards)
{
    const struct assay_spill_settings spill = {
        .folder = assay_str_of("/tmp"), .bytes_max = UINT64_C(3) << 30, .after_bytes = 1 << 20};
    struct assay_spill_files *files = NULL;
    assert_int_equal(assay_spill_files_open(&files, &spill, shards, NULL), ASSAY_OK);
    return files;
}

static unsigned char *memory(size_t bytes)
{
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(place != MAP_FAILED);
    return place;
}

static void what_is_collected_is_in_its_shards_file(void **state)
{
    (void)state;
    struct assay_spill_files *files = open_files(SHARDS);
    unsigned char *places[SHARDS];
    for (uint32_t s = 0; s < SHARDS; s++) {
        const struct assay_spill_options *options = assay_spill_files_of(files, s);
        assert_int_equal(options->bytes_max, UINT64_C(1) << 30); /* its share */
        places[s] = memory((size_t)EXTENT * EXTENTS);
        for (size_t e = 0; e < EXTENTS; e++) {
            memset(places[s] + e * EXTENT, (int)(16 * s + e + 1), EXTENT);
            assert_int_equal(options->ops->reserve(options->context, e * EXTENT, EXTENT), 0);
            options->ops->write(options->context, e * EXTENT, places[s] + e * EXTENT, EXTENT);
        }
    }
    for (uint32_t s = 0; s < SHARDS; s++) {
        const struct assay_spill_options *options = assay_spill_files_of(files, s);
        for (size_t e = 0; e < EXTENTS; e++) {
            struct assay_spill_done done = {.code = -1};
            assert_true(options->ops->collect(options->context, true, &done));
            assert_int_equal(done.code, 0);
            assert_int_equal(done.at, e * EXTENT); /* each once, in order */
            unsigned char *place = places[s] + done.at;
            memset(place, 0, EXTENT); /* what is mapped comes from the file */
            assert_int_equal(options->ops->map(options->context, done.at, place, EXTENT), 0);
            for (size_t i = 0; i < EXTENT; i++) {
                assert_int_equal(place[i], 16 * s + e + 1);
            }
        }
        struct assay_spill_done none;
        assert_false(options->ops->collect(options->context, false, &none));
        (void)munmap(places[s], (size_t)EXTENT * EXTENTS);
    }
    assay_spill_files_close(files);
}

static void a_file_that_cannot_grow_is_told_and_not_a_signal(void **state)
{
    struct rlimit before;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct assay_spill_files *files = open_files(1);
    const struct assay_spill_options *options = assay_spill_files_of(files, 0);
    unsigned char *place = memory(EXTENT);
    const struct rlimit small = {.rlim_cur = EXTENT, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(options->ops->reserve(options->context, 0, EXTENT), 0);
    assert_int_equal(options->ops->reserve(options->context, EXTENT, EXTENT), EFBIG);
    options->ops->write(options->context, EXTENT, place, EXTENT);
    struct assay_spill_done done = {0};
    assert_true(options->ops->collect(options->context, true, &done));
    assert_int_equal(done.code, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assay_spill_files_close(files);
    (void)munmap(place, EXTENT);
}

static void a_folder_that_went_away_is_refused_with_a_remedy(void **state)
{
    const struct assay_spill_settings spill = {.folder = assay_str_of("/tmp/assay-nowhere"),
                                               .bytes_max = 1 << 20};
    struct assay_spill_files *files = NULL;
    struct assay_err err;
    (void)state;
    assert_int_equal(assay_spill_files_open(&files, &spill, 2, &err), ASSAY_E_NOT_FOUND);
    assert_null(files);
    assert_non_null(strstr(err.remedy, "spill: folder"));
}

/* How a child ends that does this. */
static int end_of(void (*act)(const struct assay_spill_options *options))
{
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(quiet, STDERR_FILENO);
        struct assay_spill_files *files = open_files(1);
        act(assay_spill_files_of(files, 0));
        _exit(0);
    }
    int end = 0;
    assert_int_equal(waitpid(child, &end, 0), child);
    return end;
}

static void find_damage(const struct assay_spill_options *options)
{
    options->ops->damaged(options->context, EXTENT);
}

/* A page behind the end of the file cannot be read, as one that the disk has lost cannot. */
static void read_a_lost_page(const struct assay_spill_options *options)
{
    unsigned char *place = memory((size_t)2 * EXTENT);
    if (options->ops->reserve(options->context, 0, EXTENT) != 0 ||
        options->ops->map(options->context, EXTENT, place + EXTENT, EXTENT) != 0) {
        _exit(1);
    }
    const volatile unsigned char *byte = place + EXTENT + 5;
    _exit(*byte == 0 ? 2 : 3);
}

static void read_a_lost_page_of_another_file(const struct assay_spill_options *options)
{
    (void)options;
    (void)signal(SIGALRM, SIG_DFL);
    FILE *other = tmpfile();
    if (other == NULL) {
        _exit(1);
    }
    void *place = mmap(NULL, EXTENT, PROT_READ, MAP_SHARED, fileno(other), 0);
    const volatile unsigned char *byte = place;
    _exit(*byte == 0 ? 2 : 3);
}

static void damage_and_lost_pages_end_the_process(void **state)
{
    (void)state;
    int end = end_of(find_damage);
    assert_true(WIFEXITED(end));
    assert_int_equal(WEXITSTATUS(end), EXIT_IO);
    end = end_of(read_a_lost_page);
    assert_true(WIFEXITED(end));
    assert_int_equal(WEXITSTATUS(end), EXIT_IO);
    end = end_of(read_a_lost_page_of_another_file);
    assert_true(WIFSIGNALED(end)); /* none of ours: it goes on as it would have */
    assert_int_equal(WTERMSIG(end), SIGBUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_collected_is_in_its_shards_file),
        cmocka_unit_test(a_file_that_cannot_grow_is_told_and_not_a_signal),
        cmocka_unit_test(a_folder_that_went_away_is_refused_with_a_remedy),
        cmocka_unit_test(damage_and_lost_pages_end_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
