#include "tests/fault/fail_alloc.h"

#include "engine/base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { FAULTS_MAX = 20000 };

static struct {
    uint64_t left; /* allocations until the one that fails; 0: not armed */
    enum fault_mode mode;
    bool struck;
} fault;

static bool fails(void)
{
    if (fault.left == 0) {
        return false;
    }
    if (fault.left == 1) {
        fault.struck = true;
        fault.left = fault.mode == FAULT_LASTS ? 1 : 0;
        return true;
    }
    fault.left--;
    return false;
}

void fault_arm(uint64_t n, enum fault_mode mode)
{
    fault.left = n;
    fault.mode = mode;
    fault.struck = false;
}

bool fault_disarm(void)
{
    fault.left = 0;
    return fault.struck;
}

static void fault_every_in(enum fault_mode mode, fault_attempt attempt, void *context)
{
    for (uint64_t n = 1; n <= FAULTS_MAX; n++) {
        struct assay_err err = {0};
        fault_arm(n, mode);
        const enum assay_status status = attempt(context, &err);
        if (!fault_disarm()) {
            print_message("  %llu allocations\n", (unsigned long long)n - 1);
            assert_true(n > 1);
            assert_int_equal(status, ASSAY_OK);
            return;
        }
        if (status == ASSAY_OK || err.what[0] == '\0') {
            fail_msg("allocation %llu failed: status %s, message \"%s\"", (unsigned long long)n,
                     assay_status_name(status), err.what);
        }
    }
    fail_msg("more than %d allocations", FAULTS_MAX);
}

void fault_every(fault_attempt attempt, void *context)
{
    fault_every_in(FAULT_ONCE, attempt, context);
    fault_every_in(FAULT_LASTS, attempt, context);
}

/* --- the wrapped functions --- */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *piece, size_t bytes);
char *__real_strdup(const char *text);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__real_assay_arena_alloc(struct assay_arena *arena, size_t bytes);
void *__real_assay_arena_array(struct assay_arena *arena, size_t count, size_t size);
struct assay_str __real_assay_arena_copy(struct assay_arena *arena, struct assay_str text);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *piece, size_t bytes);
char *__wrap_strdup(const char *text);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_assay_arena_alloc(struct assay_arena *arena, size_t bytes);
void *__wrap_assay_arena_array(struct assay_arena *arena, size_t count, size_t size);
struct assay_str __wrap_assay_arena_copy(struct assay_arena *arena, struct assay_str text);

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *piece, size_t bytes)
{
    return fails() ? NULL : __real_realloc(piece, bytes);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(at, bytes, protection, flags, fd, offset);
}

void *__wrap_assay_arena_alloc(struct assay_arena *arena, size_t bytes)
{
    return fails() ? NULL : __real_assay_arena_alloc(arena, bytes);
}

void *__wrap_assay_arena_array(struct assay_arena *arena, size_t count, size_t size)
{
    return fails() ? NULL : __real_assay_arena_array(arena, count, size);
}

struct assay_str __wrap_assay_arena_copy(struct assay_arena *arena, struct assay_str text)
{
    return fails() ? (struct assay_str){0} : __real_assay_arena_copy(arena, text);
}
