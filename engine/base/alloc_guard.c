#include "engine/base/alloc_guard.h"

static _Thread_local bool forbidden;

bool assay_alloc_forbid(bool forbid)
{
    const bool before = forbidden;
    forbidden = forbid;
    return before;
}

bool assay_alloc_is_forbidden(void)
{
    return forbidden;
}
