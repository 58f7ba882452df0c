#include "engine/runtime/spill_files.h"

#include "engine/base/log.h"
#include "engine/base/temp_file.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A shard hands an extent over and goes on; the thread writes it and makes sure that the disk has
 * it. All that waits of one file shares one fdatasync. The kernel tells a failed write-back once:
 * so after a failure everything that waited for that sync has failed, and the store spills no more.
 */

struct job {
    uint64_t at;
    const void *bytes;
    size_t size;
    int code;
};

/* Jobs lie in a ring: [taken, written) are done, [written, given) wait or are under way. */
struct spill_file {
    struct assay_spill_files *files;
    struct assay_spill_options options;
    int fd;
    struct job jobs[ASSAY_SPILL_WRITING_MAX];
    uint64_t given;
    uint64_t written;
    uint64_t taken;
};

struct assay_spill_files {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rings and `stopping` */
    pthread_cond_t work;
    pthread_cond_t done;
    bool stopping;
    bool started;
    uint32_t count;
    char folder[256];
    struct sigaction before; /* SIGBUS */
    struct spill_file list[];
};

/* ---- what cannot be read ---- */

/* Addresses that files are mapped at, for the handler; low is 0 where there is none. Written by
 * their shard before anything there can be read, so relaxed. */
static struct {
    _Atomic uintptr_t low;
    _Atomic uintptr_t high;
} mapped[ASSAY_SHARDS_MAX];

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    static const char text[] =
        "assay: a page of the spill file cannot be read: the disk of `spill: folder` fails. "
        "Nothing was decided on it; give another folder and start again.\n";
    const uintptr_t at = (uintptr_t)info->si_addr;
    (void)context;
    for (size_t i = 0; i < ASSAY_SHARDS_MAX; i++) {
        if (at >= atomic_load_explicit(&mapped[i].low, memory_order_relaxed) &&
            at < atomic_load_explicit(&mapped[i].high, memory_order_relaxed)) {
            (void)!write(STDERR_FILENO, text, sizeof text - 1);
            _exit(assay_class_exit_code(ASSAY_CLASS_IO));
        }
    }
    (void)signal(number, SIG_DFL); /* of somebody else: it strikes again, as it would have */
}

static void damaged(void *context, uint64_t at)
{
    const struct spill_file *file = context;
    ASSAY_LOG(ERROR, "spill_damaged",
              "the spill file in %s does not hold what was written, at byte %llu; nothing was "
              "decided on it; give another folder and start again",
              file->files->folder, (unsigned long long)at);
    _exit(assay_class_exit_code(ASSAY_CLASS_IO));
}

/* ---- the owner's side ---- */

static struct job *job_at(struct spill_file *file, uint64_t number)
{
    return &file->jobs[number % ASSAY_SPILL_WRITING_MAX];
}

static int reserve(void *context, uint64_t at, size_t bytes)
{
    const struct spill_file *file = context;
    return assay_temp_file_reserve(file->fd, at, bytes);
}

static void give(void *context, uint64_t at, const void *bytes, size_t size)
{
    struct spill_file *file = context;
    struct assay_spill_files *files = file->files;
    (void)pthread_mutex_lock(&files->lock);
    ASSAY_ASSERT(file->given - file->taken < ASSAY_SPILL_WRITING_MAX);
    *job_at(file, file->given++) = (struct job){.at = at, .bytes = bytes, .size = size};
    (void)pthread_cond_signal(&files->work);
    (void)pthread_mutex_unlock(&files->lock);
}

static bool collect(void *context, bool wait, struct assay_spill_done *done)
{
    struct spill_file *file = context;
    struct assay_spill_files *files = file->files;
    (void)pthread_mutex_lock(&files->lock);
    ASSAY_ASSERT(!wait || file->given > file->taken);
    while (wait && file->written == file->taken) {
        (void)pthread_cond_wait(&files->done, &files->lock);
    }
    const bool found = file->written > file->taken;
    if (found) {
        const struct job *job = job_at(file, file->taken++);
        *done = (struct assay_spill_done){.at = job->at, .code = job->code};
    }
    (void)pthread_mutex_unlock(&files->lock);
    return found;
}

static int map(void *context, uint64_t at, void *place, size_t bytes)
{
    struct spill_file *file = context;
    const size_t shard = (size_t)(file - file->files->list);
    const uintptr_t low = (uintptr_t)place - at; /* where the file would begin */
    const uintptr_t end = (uintptr_t)place + bytes;
    const uintptr_t high = atomic_load_explicit(&mapped[shard].high, memory_order_relaxed);
    atomic_store_explicit(&mapped[shard].low, low, memory_order_relaxed);
    atomic_store_explicit(&mapped[shard].high, end > high ? end : high, memory_order_relaxed);
    return assay_temp_file_map(file->fd, at, place, bytes);
}

static void tell(void *context, enum assay_spill_state state, int code)
{
    const struct spill_file *file = context;
    char reason[96] = "its share of `bytes_max` is used up";
    const char *said = code == 0 ? reason : strerror_r(code, reason, sizeof reason);
    if (state == ASSAY_SPILL_FULL) {
        ASSAY_LOG(WARN, "spill_full",
                  "%s: %s; what has moved stays there, the rest of the events stays in memory",
                  file->files->folder, said);
    } else {
        ASSAY_LOG(ERROR, "spill_failed",
                  "%s: %s; nothing is lost: what was not safely written is in memory, and no more "
                  "moves",
                  file->files->folder, said);
    }
}

static const struct assay_spill_ops ops = {.reserve = reserve,
                                           .write = give,
                                           .collect = collect,
                                           .map = map,
                                           .tell = tell,
                                           .damaged = damaged};

/* ---- the thread ---- */

/* A file with something to write, from @p first on; NULL: none. Under the lock. */
static struct spill_file *find_work(struct assay_spill_files *files, uint32_t first)
{
    for (uint32_t i = 0; i < files->count; i++) {
        struct spill_file *file = &files->list[(first + i) % files->count];
        if (file->given > file->written) {
            return file;
        }
    }
    return NULL;
}

/* Jobs [from, to) of a file; their places in the ring are the thread's until they are written. */
static void write_jobs(struct spill_file *file, uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++) {
        struct job *job = job_at(file, n);
        job->code = assay_temp_file_write(file->fd, job->at, job->bytes, job->size);
    }
    const int code = fdatasync(file->fd) == 0 ? 0 : errno;
    for (uint64_t n = from; n < to; n++) {
        struct job *job = job_at(file, n);
        job->code = job->code == 0 ? code : job->code;
    }
}

static void *write_when_told(void *argument)
{
    struct assay_spill_files *files = argument;
    uint32_t next = 0;
    (void)pthread_mutex_lock(&files->lock);
    for (;;) {
        struct spill_file *file = find_work(files, next);
        if (file == NULL) {
            if (files->stopping) {
                break;
            }
            (void)pthread_cond_wait(&files->work, &files->lock);
            continue;
        }
        const uint64_t from = file->written;
        const uint64_t to = file->given;
        next = (uint32_t)(file - files->list) + 1;
        (void)pthread_mutex_unlock(&files->lock);
        write_jobs(file, from, to);
        (void)pthread_mutex_lock(&files->lock);
        file->written = to;
        (void)pthread_cond_broadcast(&files->done);
    }
    (void)pthread_mutex_unlock(&files->lock);
    return NULL;
}

/* ---- start and end ---- */

static enum assay_status start(struct assay_spill_files *files, struct assay_err *err)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, &files->before);
    const int code = pthread_create(&files->thread, NULL, write_when_told, files);
    files->started = code == 0;
    if (!files->started) {
        (void)sigaction(SIGBUS, &files->before, NULL);
        return assay_err_errno(err, code, "spill", "cannot start the thread that writes");
    }
    return ASSAY_OK;
}

enum assay_status assay_spill_files_open(struct assay_spill_files **out,
                                         const struct assay_spill_settings *spill, uint32_t shards,
                                         struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && shards >= 1 && shards <= ASSAY_SHARDS_MAX);
    *out = NULL;
    struct assay_spill_files *files = calloc(1, sizeof *files + shards * sizeof(struct spill_file));
    if (files == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "spill", "out of memory");
    }
    (void)pthread_mutex_init(&files->lock, NULL);
    (void)pthread_cond_init(&files->work, NULL);
    (void)pthread_cond_init(&files->done, NULL);
    (void)snprintf(files->folder, sizeof files->folder, "%.*s", (int)spill->folder.len,
                   spill->folder.ptr);
    enum assay_status status = ASSAY_OK;
    while (files->count < shards && status == ASSAY_OK) {
        struct spill_file *file = &files->list[files->count];
        *file = (struct spill_file){
            .files = files,
            .options = {.ops = &ops,
                        .context = file,
                        .bytes_max = (size_t)(spill->bytes_max / shards),
                        .extent_bytes = ASSAY_SPILL_EXTENT_BYTES,
                        .after_bytes = (size_t)spill->after_bytes},
        };
        status = assay_temp_file_open(&file->fd, spill->folder.ptr, err);
        files->count += status == ASSAY_OK ? 1 : 0;
    }
    if (status == ASSAY_OK) {
        status = start(files, err);
    } else {
        assay_err_remedy(err, "name a folder that is there and can be written (`spill: folder`)");
    }
    if (status != ASSAY_OK) {
        assay_spill_files_close(files);
        return status;
    }
    *out = files;
    return ASSAY_OK;
}

const struct assay_spill_options *assay_spill_files_of(const struct assay_spill_files *files,
                                                       uint32_t shard)
{
    ASSAY_ASSERT(shard < files->count);
    return &files->list[shard].options;
}

void assay_spill_files_close(struct assay_spill_files *files)
{
    if (files == NULL) {
        return;
    }
    if (files->started) {
        (void)pthread_mutex_lock(&files->lock);
        files->stopping = true;
        (void)pthread_cond_signal(&files->work);
        (void)pthread_mutex_unlock(&files->lock);
        (void)pthread_join(files->thread, NULL);
        (void)sigaction(SIGBUS, &files->before, NULL);
    }
    for (uint32_t i = 0; i < files->count; i++) {
        (void)close(files->list[i].fd);
        atomic_store_explicit(&mapped[i].high, 0, memory_order_relaxed);
    }
    (void)pthread_cond_destroy(&files->done);
    (void)pthread_cond_destroy(&files->work);
    (void)pthread_mutex_destroy(&files->lock);
    free(files);
}
