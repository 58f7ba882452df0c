#include "engine/sync/seqlock.h"

#include "engine/base/assert.h"

#define NOT_INSTRUMENTED __attribute__((noinline, no_sanitize("thread")))

NOT_INSTRUMENTED void assay_seqlock_copy(void *to, const void *from, size_t bytes)
{
    uint64_t *out = to;
    const uint64_t *in = from;
    ASSAY_DASSERT(bytes % sizeof *in == 0);
    for (size_t i = 0; i < bytes / sizeof *in; i++) {
        /* Relaxed: the count orders the words; atomic, so that each is one load. */
        out[i] = __atomic_load_n(&in[i], __ATOMIC_RELAXED);
    }
}

NOT_INSTRUMENTED uint64_t assay_seqlock_word(const void *from)
{
    return __atomic_load_n((const uint64_t *)from, __ATOMIC_RELAXED);
}
