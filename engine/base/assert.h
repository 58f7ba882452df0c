/*
 * engine/base/assert.h - assertions that stay on in release builds.
 *
 * A bug is never a status code: a broken invariant stops the process with its place, because a
 * wrong score is worse than no score. ASSAY_DASSERT is for checks measured as hot.
 */
#ifndef ASSAY_BASE_ASSERT_H
#define ASSAY_BASE_ASSERT_H

#include <assert.h>
#include <stdbool.h>

#define ASSAY_MUST_CHECK __attribute__((warn_unused_result))
#define ASSAY_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define ASSAY_LIKELY(x) __builtin_expect(!!(x), 1)

/**
 * Print place and text of a broken invariant on stderr and abort.
 *
 * Thread: any. Never returns; allocates nothing.
 */
__attribute__((noreturn, cold)) void assay_assert_failed(const char *file, int line,
                                                         const char *function, const char *text);

#define ASSAY_ASSERT(condition)                                                                    \
    (ASSAY_LIKELY(condition) ? (void)0                                                             \
                             : assay_assert_failed(__FILE__, __LINE__, __func__, #condition))

#ifdef ASSAY_OWNER_CHECKS
#define ASSAY_DASSERT(condition) ASSAY_ASSERT(condition)
#else
#define ASSAY_DASSERT(condition) ((void)0)
#endif

#endif
