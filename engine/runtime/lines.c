#include "engine/runtime/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20 };

struct assay_lines {
    const char *path;
    int fd;
    int code; /* errno of the first failure; 0: none */
    size_t used;
    char buffer[BUFFER_BYTES];
};

enum assay_status assay_lines_open(struct assay_lines **out, const char *path,
                                   struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL);
    *out = NULL;
    struct assay_lines *lines = malloc(sizeof *lines);
    if (lines == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory for a write buffer");
    }
    const bool standard = strcmp(path, "-") == 0;
    lines->path = standard ? "standard output" : path;
    lines->code = 0;
    lines->used = 0;
    lines->fd =
        standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (lines->fd < 0) {
        const enum assay_status status = assay_err_errno(err, errno, path, "cannot create");
        free(lines);
        return status;
    }
    *out = lines;
    return ASSAY_OK;
}

static void write_out(struct assay_lines *lines)
{
    size_t done = 0;
    while (done < lines->used && lines->code == 0) {
        const ssize_t wrote = write(lines->fd, lines->buffer + done, lines->used - done);
        if (wrote >= 0) {
            done += (size_t)wrote;
        } else if (errno != EINTR) {
            lines->code = errno;
        }
    }
    lines->used = 0;
}

void assay_lines_add(struct assay_lines *lines, struct assay_str bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        if (lines->used == BUFFER_BYTES) {
            write_out(lines);
        }
        const size_t room = (size_t)BUFFER_BYTES - lines->used;
        const size_t left = bytes.len - done;
        const size_t step = left < room ? left : room;
        memcpy(lines->buffer + lines->used, bytes.ptr + done, step);
        lines->used += step;
        done += step;
    }
}

char *assay_lines_reserve(struct assay_lines *lines, size_t bytes)
{
    ASSAY_ASSERT(bytes <= BUFFER_BYTES);
    if ((size_t)BUFFER_BYTES - lines->used < bytes) {
        write_out(lines);
    }
    return lines->buffer + lines->used;
}

void assay_lines_advance(struct assay_lines *lines, size_t bytes)
{
    ASSAY_ASSERT(bytes <= (size_t)BUFFER_BYTES - lines->used);
    lines->used += bytes;
}

enum assay_status assay_lines_check(const struct assay_lines *lines, struct assay_err *err)
{
    if (lines->code == 0) {
        return ASSAY_OK;
    }
    (void)assay_err_errno(err, lines->code, lines->path, "cannot write");
    return ASSAY_E_IO;
}

enum assay_status assay_lines_flush(struct assay_lines *lines, struct assay_err *err)
{
    write_out(lines);
    return assay_lines_check(lines, err);
}

void assay_lines_close(struct assay_lines *lines)
{
    if (lines != NULL) {
        if (lines->fd != STDOUT_FILENO) {
            (void)close(lines->fd);
        }
        free(lines);
    }
}
