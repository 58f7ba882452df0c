#include "engine/base/same_file.h"

#include "engine/base/assert.h"

#include <string.h>
#include <sys/stat.h>

bool assay_same_file(const char *a, const char *b)
{
    ASSAY_ASSERT(a != NULL && b != NULL);
    struct stat left;
    struct stat right;
    if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0) {
        return strcmp(a, b) == 0;
    }
    if (stat(a, &left) != 0 || stat(b, &right) != 0) {
        return strcmp(a, b) == 0;
    }
    return S_ISREG(left.st_mode) && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}
