#include "tests/support/cmocka_all.h"

#include "engine/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Run with stderr in a file; give back what was written. */
static size_t captured(void (*run)(void), size_t size, char out[])
{
    FILE *file = tmpfile();
    assert_non_null(file);
    const int kept = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    run();
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    rewind(file);
    const size_t bytes = fread(out, 1, size - 1, file);
    out[bytes] = '\0';
    (void)fclose(file);
    return bytes;
}

static void write_odd_text(void)
{
    ASSAY_LOG(WARN, "odd_text", "a \"quoted\" back\\slash\nand %d", 7);
    ASSAY_LOG(DEBUG, "unseen", "below the level");
}

static void a_line_is_one_json_object_with_its_text_escaped(void **state)
{
    (void)state;
    char text[4096];
    (void)captured(write_odd_text, sizeof text, text);
    assert_non_null(strstr(text, "\"level\":\"warn\",\"event\":\"odd_text\","
                                 "\"text\":\"a \\\"quoted\\\" back\\\\slash\\nand 7\"}\n"));
    assert_null(strstr(text, "unseen"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void write_many(void)
{
    for (int i = 0; i < 1000; i++) {
        ASSAY_LOG(INFO, "flood", "line %d", i);
    }
}

static void a_flood_from_one_place_is_held_back(void **state)
{
    (void)state;
    static char text[200000];
    (void)captured(write_many, sizeof text, text);
    int lines = 0;
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    /* The loop may cross into a second or third second, not into more. */
    assert_in_range(lines, ASSAY_LOG_LINES_PER_S, 3 * ASSAY_LOG_LINES_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_json_object_with_its_text_escaped),
        cmocka_unit_test(a_flood_from_one_place_is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
