/*
 * tests/support/temp_path.h - a path of a test's own where nothing stands, as a fixture.
 */
#ifndef ASSAY_TESTS_TEMP_PATH_H
#define ASSAY_TESTS_TEMP_PATH_H

#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static int make_path(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/assay-test-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)unlink(path);
    return 0;
}

static int drop_path(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

#endif
