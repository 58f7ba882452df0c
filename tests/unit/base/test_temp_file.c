#include "engine/base/temp_file.h"

#include "tests/support/cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGES = 64, PAGE = 4096 };

static void nothing_is_to_be_seen_of_it(void **state)
{
    char folder[] = "/tmp/assay-temp-XXXXXX";
    int fd = -1;
    size_t seen = 0;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(assay_temp_file_open(&fd, folder, NULL), ASSAY_OK);
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        seen += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(listing);
    assert_int_equal(seen, 0);
    (void)close(fd);
    assert_int_equal(rmdir(folder), 0);
}

static void what_is_reserved_takes_room_at_once(void **state)
{
    int fd = -1;
    struct stat info;
    (void)state;
    assert_int_equal(assay_temp_file_open(&fd, "/tmp", NULL), ASSAY_OK);
    assert_int_equal(assay_temp_file_reserve(fd, 0, PAGES * PAGE), 0);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, PAGES * PAGE);
    assert_true((uint64_t)info.st_blocks * 512 >= PAGES * PAGE); /* no holes */
    (void)close(fd);
}

static void what_is_mapped_is_what_was_written(void **state)
{
    static unsigned char bytes[PAGES * PAGE];
    int fd = -1;
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 31 + i / PAGE);
    }
    assert_int_equal(assay_temp_file_open(&fd, "/tmp", NULL), ASSAY_OK);
    assert_int_equal(assay_temp_file_reserve(fd, PAGE, sizeof bytes), 0);
    assert_int_equal(assay_temp_file_write(fd, PAGE, bytes, sizeof bytes), 0);
    unsigned char *place =
        mmap(NULL, sizeof bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(place != MAP_FAILED);
    memset(place, 1, sizeof bytes);
    assert_int_equal(assay_temp_file_map(fd, PAGE, place, sizeof bytes), 0);
    assert_memory_equal(place, bytes, sizeof bytes);
    assert_int_not_equal(assay_temp_file_map(-1, PAGE, place, sizeof bytes), 0);
    assert_memory_equal(place, bytes, sizeof bytes); /* what was there stays */
    (void)munmap(place, sizeof bytes);
    (void)close(fd);
}

static void a_folder_that_is_none_is_refused(void **state)
{
    int fd = -1;
    struct assay_err err;
    (void)state;
    assert_int_equal(assay_temp_file_open(&fd, "/tmp/assay-nowhere", &err), ASSAY_E_NOT_FOUND);
    assert_string_equal(err.where, "/tmp/assay-nowhere");
    assert_int_equal(assay_temp_file_open(&fd, "/dev/null", &err), ASSAY_E_IO);
    assert_non_null(strstr(err.what, "Not a directory"));
    assert_int_equal(assay_temp_file_open(&fd, "/proc/self", &err) == ASSAY_OK, false);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_to_be_seen_of_it),
        cmocka_unit_test(what_is_reserved_takes_room_at_once),
        cmocka_unit_test(what_is_mapped_is_what_was_written),
        cmocka_unit_test(a_folder_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
