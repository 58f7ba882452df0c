/*
 * tests/fault/fail_alloc.h - the n-th allocation fails, for every n.
 *
 * What our own objects ask for is counted: malloc and its kin, mmap, and every piece of an arena
 * (an arena gets a block only now and then, and each piece may be the one that finds it full).
 * Libraries are not seen. The wrapping is done at link time, see tests/fault/CMakeLists.txt.
 */
#ifndef ASSAY_TESTS_FAIL_ALLOC_H
#define ASSAY_TESTS_FAIL_ALLOC_H

#include "engine/base/status.h"
#include "tests/support/cmocka_all.h"

#include <stdbool.h>

enum fault_mode {
    FAULT_ONCE,  /* the n-th fails, those after it succeed: does anyone forget a failure? */
    FAULT_LASTS, /* the n-th and all after it fail: is there a message without memory? */
};

/** One attempt at something that allocates; it gives everything back. @return its status. */
typedef enum assay_status (*fault_attempt)(void *context, struct assay_err *err);

/** Count from here on, and fail the n-th (from 1) as @p mode says. */
void fault_arm(uint64_t n, enum fault_mode mode);
/** Stop. @return whether one has failed. */
bool fault_disarm(void);

/**
 * Attempt with the first allocation failing, the second, and so on, in both modes, until an attempt
 * meets no failure: that one must be ASSAY_OK, all others a failure with a message.
 */
void fault_every(fault_attempt attempt, void *context);

#endif
