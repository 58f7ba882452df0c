/* Linked in checking builds only: --wrap=malloc and so on lead our own calls here. */
#include "engine/base/alloc_guard.h"
#include "engine/base/assert.h"

#include <stddef.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *piece, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *piece, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    ASSAY_ASSERT(!assay_alloc_is_forbidden());
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t size)
{
    ASSAY_ASSERT(!assay_alloc_is_forbidden());
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *piece, size_t bytes)
{
    ASSAY_ASSERT(!assay_alloc_is_forbidden());
    return __real_realloc(piece, bytes);
}
