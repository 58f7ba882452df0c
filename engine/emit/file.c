#include "engine/emit/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20 };

struct file_output {
    struct assay_output base;
    const char *path; /* for messages */
    int fd;
    bool regular; /* can be synced; others (pipes, terminals) are done once written */
    enum assay_status failed;
    struct assay_err failure;
    size_t used;
    char buffer[BUFFER_BYTES];
    char name[];
};

static struct file_output *file_output_of(struct assay_output *base)
{
    ASSAY_ASSERT(base != NULL);
    return (struct file_output *)base;
}

static enum assay_status fail(struct file_output *output, int code, const char *what)
{
    output->failed = assay_err_errno(&output->failure, code, output->path, "%s", what);
    if (code == EPIPE) {
        assay_err_remedy(&output->failure, "the reader of the pipe went away: keep it open");
    } else if (code == ENOSPC || code == EDQUOT) {
        assay_err_remedy(&output->failure, "make room, then start again");
    }
    return output->failed;
}

static enum assay_status failure_of(const struct file_output *output, struct assay_err *err)
{
    if (output->failed != ASSAY_OK && err != NULL) {
        *err = output->failure;
    }
    return output->failed;
}

/*
 * write(2) that turns a closed pipe into EPIPE and no signal, without touching the process's signal
 * handlers, which belong to the program around us.
 */
static ssize_t write_quietly(const struct file_output *output, const char *bytes, size_t count)
{
    if (output->regular) {
        return write(output->fd, bytes, count);
    }
    sigset_t pipe_set;
    sigset_t pending;
    sigset_t before;
    (void)sigemptyset(&pipe_set);
    (void)sigaddset(&pipe_set, SIGPIPE);
    (void)sigpending(&pending);
    const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
    const ssize_t written = write(output->fd, bytes, count);
    const int code = errno;
    if (written < 0 && code == EPIPE && !was_pending) {
        const struct timespec now = {0};
        (void)sigtimedwait(&pipe_set, NULL, &now);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return written;
}

static enum assay_status write_all(struct file_output *output, const char *bytes, size_t count)
{
    size_t done = 0;
    while (done < count) {
        const ssize_t written = write_quietly(output, bytes + done, count - done);
        if (written >= 0) {
            done += (size_t)written;
        } else if (errno ==
                   EAGAIN) { /* someone made the other end of our descriptor non-blocking */
            struct pollfd room = {.fd = output->fd, .events = POLLOUT};
            (void)poll(&room, 1, 1000);
        } else if (errno != EINTR) {
            return fail(output, errno, "cannot be written");
        }
    }
    return ASSAY_OK;
}

static enum assay_status write_buffer(struct file_output *output)
{
    const size_t count = output->used;
    output->used = 0;
    return count == 0 ? ASSAY_OK : write_all(output, output->buffer, count);
}

static enum assay_status send_line(struct assay_output *base, const struct assay_outgoing *record,
                                   struct assay_err *err)
{
    struct file_output *output = file_output_of(base);
    const struct assay_str line = record->value;
    ASSAY_ASSERT(line.len == 0 || memchr(line.ptr, '\n', line.len) == NULL);
    if (output->failed == ASSAY_OK && BUFFER_BYTES - output->used <= line.len) {
        (void)write_buffer(output);
    }
    if (output->failed == ASSAY_OK && BUFFER_BYTES <= line.len) {
        if (write_all(output, line.ptr, line.len) == ASSAY_OK) {
            output->buffer[output->used++] = '\n';
        }
    } else if (output->failed == ASSAY_OK) {
        if (line.len > 0) {
            memcpy(output->buffer + output->used, line.ptr, line.len);
        }
        output->used += line.len;
        output->buffer[output->used++] = '\n';
    }
    return failure_of(output, err);
}

static enum assay_status poke_file(struct assay_output *base, struct assay_err *err)
{
    struct file_output *output = file_output_of(base);
    if (output->failed == ASSAY_OK) {
        (void)write_buffer(output);
    }
    return failure_of(output, err);
}

static enum assay_status flush_file(struct assay_output *base, struct assay_err *err)
{
    struct file_output *output = file_output_of(base);
    if (poke_file(base, err) == ASSAY_OK && output->regular && fdatasync(output->fd) != 0) {
        (void)fail(output, errno, "cannot be synced");
    }
    return failure_of(output, err);
}

static void close_file(struct assay_output *base)
{
    struct file_output *output = file_output_of(base);
    if (output->fd > STDERR_FILENO) {
        (void)close(output->fd);
    }
    free(output);
}

static const struct assay_output_ops file_output_ops = {
    .send = send_line,
    .poke = poke_file,
    .flush = flush_file,
    .close = close_file,
};

/* A crash may have cut the last line: end it, so that it spoils no record but itself. */
static enum assay_status end_last_line(struct file_output *output)
{
    const off_t size = lseek(output->fd, 0, SEEK_END);
    char last = '\n';
    if (size > 0 && pread(output->fd, &last, 1, size - 1) != 1) {
        return fail(output, errno, "cannot be read");
    }
    return last == '\n' ? ASSAY_OK : write_all(output, "\n", 1);
}

static enum assay_status open_path(struct file_output *output, bool truncate)
{
    if (strcmp(output->path, "-") == 0) {
        output->path = "standard output";
        output->fd = STDOUT_FILENO;
    } else {
        /* Read as well, to look at the last line; a pipe with a name cannot be opened for both. */
        struct stat known;
        const bool special = stat(output->path, &known) == 0 && !S_ISREG(known.st_mode);
        const int flags = O_CREAT | O_CLOEXEC | O_APPEND | (special ? O_WRONLY : O_RDWR);
        output->fd = open(output->path, flags | (truncate ? O_TRUNC : 0), 0640);
        if (output->fd < 0) {
            return fail(output, errno, "cannot be opened for writing");
        }
    }
    struct stat info;
    if (fstat(output->fd, &info) != 0) {
        return fail(output, errno, "cannot be written");
    }
    output->regular = S_ISREG(info.st_mode);
    if (output->regular && output->fd != STDOUT_FILENO && info.st_size > 0) {
        return end_last_line(output);
    }
    return ASSAY_OK;
}

enum assay_status assay_output_file_open(struct assay_output **out, const char *path, bool truncate,
                                         struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL);
    ASSAY_ASSERT(path != NULL);
    *out = NULL;
    const size_t name_bytes = strlen(path) + 1;
    struct file_output *output = malloc(sizeof *output + name_bytes);
    if (output == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory for a write buffer");
    }
    output->base.ops = &file_output_ops;
    output->path = output->name;
    output->fd = -1;
    output->regular = false;
    output->failed = ASSAY_OK;
    output->used = 0;
    memcpy(output->name, path, name_bytes);
    const enum assay_status status = open_path(output, truncate);
    if (status != ASSAY_OK) {
        (void)failure_of(output, err);
        if (output->fd > STDERR_FILENO) {
            (void)close(output->fd);
        }
        free(output);
        return status;
    }
    *out = &output->base;
    return ASSAY_OK;
}
