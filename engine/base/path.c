#include "engine/base/path.h"

#include "engine/base/assert.h"

#include <string.h>
#include <sys/stat.h>

bool assay_path_same(const char *a, const char *b)
{
    ASSAY_ASSERT(a != NULL && b != NULL);
    struct stat left;
    struct stat right;
    const bool standard = strcmp(a, "-") == 0 || strcmp(b, "-") == 0;
    if (standard || stat(a, &left) != 0 || stat(b, &right) != 0) {
        return strcmp(a, b) == 0;
    }
    return S_ISREG(left.st_mode) && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}
