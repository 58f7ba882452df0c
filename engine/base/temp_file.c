#include "engine/base/temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096 };

/* Not every file system makes files without a name: then one is made and its name taken away. */
static int open_named(const char *folder)
{
    char path[PATH_BYTES_MAX];
    const int size = snprintf(path, sizeof path, "%s/assay-XXXXXX", folder);
    if (size < 0 || (size_t)size >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        (void)unlink(path);
    }
    return fd;
}

enum assay_status assay_temp_file_open(int *fd, const char *folder, struct assay_err *err)
{
    struct stat info;
    ASSAY_ASSERT(fd != NULL && folder != NULL);
    *fd = -1;
    if (stat(folder, &info) != 0) {
        return assay_err_errno(err, errno, folder, "cannot use this folder");
    }
    if (!S_ISDIR(info.st_mode)) {
        return assay_err_errno(err, ENOTDIR, folder, "cannot use this folder");
    }
    int opened = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (opened < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        opened = open_named(folder);
    }
    if (opened < 0) {
        return assay_err_errno(err, errno, folder, "cannot make a file in this folder");
    }
    *fd = opened;
    return ASSAY_OK;
}

int assay_temp_file_reserve(int fd, uint64_t at, size_t bytes)
{
    int code = EINTR;
    while (code == EINTR) {
        code = posix_fallocate(fd, (off_t)at, (off_t)bytes);
    }
    return code;
}

int assay_temp_file_write(int fd, uint64_t at, const void *data, size_t bytes)
{
    const unsigned char *rest = data;
    while (bytes > 0) {
        const ssize_t wrote = pwrite(fd, rest, bytes, (off_t)at);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return wrote < 0 ? errno : EIO;
        }
        rest += wrote;
        at += (uint64_t)wrote;
        bytes -= (size_t)wrote;
    }
    return 0;
}

int assay_temp_file_map(int fd, uint64_t at, void *place, size_t bytes)
{
    const void *map = mmap(place, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)at);
    return map == MAP_FAILED ? errno : 0;
}
