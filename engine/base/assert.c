#include "engine/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assay_assert_failed(const char *file, int line, const char *function, const char *text)
{
    (void)fprintf(stderr, "%s:%d: %s: this must hold and does not: %s\n", file, line, function,
                  text);
    abort();
}
