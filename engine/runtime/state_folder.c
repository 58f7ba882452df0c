#include "engine/runtime/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *join(struct assay_arena *arena, const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = assay_arena_alloc(arena, size);
    if (path != NULL) {
        (void)snprintf(path, size, "%s/%s", folder, name);
    }
    return path;
}

enum assay_status assay_state_folder_name(struct assay_state_folder *out, struct assay_arena *arena,
                                          const char *path, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL);
    *out = (struct assay_state_folder){
        .path = assay_arena_copy(arena, assay_str_of(path)).ptr,
        .epochs = join(arena, path, "epochs.log"),
        .audit = join(arena, path, "audit.log"),
        .lock_fd = -1,
    };
    if (out->path == NULL || out->epochs == NULL || out->audit == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory for its name");
    }
    return ASSAY_OK;
}

static enum assay_status refuse_second(const struct assay_state_folder *folder, int fd,
                                       struct assay_err *err)
{
    char text[32] = "";
    const ssize_t got = pread(fd, text, sizeof text - 1, 0);
    const long owner = got > 0 ? strtol(text, NULL, 10) : 0;
    (void)assay_err_set(err, ASSAY_E_BUSY, folder->path, "another assay process uses this folder");
    if (owner > 0) {
        assay_err_value(err, "process %ld", owner);
    }
    assay_err_remedy(err, "stop it first, or give this one a folder of its own (`state:`)");
    return ASSAY_E_BUSY;
}

static enum assay_status refuse_place(const char *path, const char *what, struct assay_err *err)
{
    const enum assay_status status = assay_err_errno(err, errno, path, "%s", what);
    assay_err_remedy(err, "name a folder that can be made and written (`state:` or --state)");
    return status;
}

enum assay_status assay_state_folder_lock(struct assay_state_folder *folder, struct assay_err *err)
{
    ASSAY_ASSERT(folder != NULL && folder->lock_fd < 0);
    char path[4096];
    if (mkdir(folder->path, 0700) != 0 && errno != EEXIST) {
        return refuse_place(folder->path, "cannot make the state folder", err);
    }
    (void)snprintf(path, sizeof path, "%s/lock", folder->path);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return refuse_place(path, "cannot open the lock", err);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const enum assay_status status = errno == EWOULDBLOCK
                                             ? refuse_second(folder, fd, err)
                                             : assay_err_errno(err, errno, path, "cannot lock");
        (void)close(fd);
        return status;
    }
    char text[32];
    const int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        const enum assay_status status = assay_err_errno(err, errno, path, "cannot write the lock");
        (void)close(fd);
        return status;
    }
    folder->lock_fd = fd;
    return ASSAY_OK;
}

void assay_state_folder_unlock(struct assay_state_folder *folder)
{
    if (folder->lock_fd >= 0) {
        (void)close(folder->lock_fd); /* the file stays: removing it would race with a newcomer */
        folder->lock_fd = -1;
    }
}
