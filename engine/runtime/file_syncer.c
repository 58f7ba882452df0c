#include "engine/runtime/file_syncer.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct assay_file_syncer {
    pthread_t thread;
    sem_t wake;
    /* Held from fdatasync to the note of its failure: the kernel tells each failure only once, and
     * whoever syncs next must not take it for mended. */
    pthread_mutex_t syncing;
    struct timespec delay;
    int fd;
    /* Writer sets, syncer clears. acq_rel exchanges: a sync begins after the writes it covers. */
    _Atomic bool unsynced;
    /* Whoever syncs writes, under the mutex; relaxed: it carries no data. */
    _Atomic int code;
    _Atomic bool stopping; /* relaxed: sem_post orders it */
};

static void sync_now(struct assay_file_syncer *syncer)
{
    (void)pthread_mutex_lock(&syncer->syncing);
    if (fdatasync(syncer->fd) != 0) {
        atomic_store_explicit(&syncer->code, errno, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&syncer->syncing);
}

static void *sync_when_told(void *argument)
{
    struct assay_file_syncer *syncer = argument;
    for (;;) {
        while (sem_wait(&syncer->wake) != 0) { /* EINTR */
        }
        if (atomic_load_explicit(&syncer->stopping, memory_order_relaxed)) {
            return NULL;
        }
        (void)nanosleep(&syncer->delay, NULL); /* what comes meanwhile rides along */
        /* Cleared before the sync: what is written during it asks for another one. */
        (void)atomic_exchange_explicit(&syncer->unsynced, false, memory_order_acq_rel);
        sync_now(syncer);
    }
}

enum assay_status assay_file_syncer_start(struct assay_file_syncer **out, int fd, uint32_t delay_ms,
                                          struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && fd >= 0);
    struct assay_file_syncer *syncer = calloc(1, sizeof *syncer);
    if (syncer == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "epoch log", "no memory to sync it");
    }
    syncer->fd = fd;
    syncer->delay.tv_sec = delay_ms / 1000;
    syncer->delay.tv_nsec = (long)(delay_ms % 1000) * 1000000;
    (void)sem_init(&syncer->wake, 0, 0);
    (void)pthread_mutex_init(&syncer->syncing, NULL);
    const int code = pthread_create(&syncer->thread, NULL, sync_when_told, syncer);
    if (code != 0) {
        (void)pthread_mutex_destroy(&syncer->syncing);
        (void)sem_destroy(&syncer->wake);
        free(syncer);
        return assay_err_errno(err, code, "epoch log", "cannot start the thread that syncs it");
    }
    *out = syncer;
    return ASSAY_OK;
}

int assay_file_syncer_touch(struct assay_file_syncer *syncer)
{
    if (!atomic_exchange_explicit(&syncer->unsynced, true, memory_order_acq_rel)) {
        (void)sem_post(&syncer->wake);
    }
    return atomic_load_explicit(&syncer->code, memory_order_relaxed);
}

int assay_file_syncer_sync(struct assay_file_syncer *syncer)
{
    sync_now(syncer);
    return atomic_load_explicit(&syncer->code, memory_order_relaxed);
}

void assay_file_syncer_stop(struct assay_file_syncer *syncer)
{
    if (syncer == NULL) {
        return;
    }
    atomic_store_explicit(&syncer->stopping, true, memory_order_relaxed);
    (void)sem_post(&syncer->wake);
    (void)pthread_join(syncer->thread, NULL);
    (void)pthread_mutex_destroy(&syncer->syncing);
    (void)sem_destroy(&syncer->wake);
    free(syncer);
}
