/*
 * tsan_threads.c - C11 threads, locks and conditions by way of POSIX ones, for ThreadSanitizer.
 *
 * librdkafka starts its threads with thrd_create(), which gcc 12's ThreadSanitizer does not know: a
 * thread it has not seen begin crashes it at the first allocation, and locks it does not see make
 * every hand-over look like a race. Linked into a test program of the tsan build, these definitions
 * come before libc's. glibc's C11 types are its POSIX types under other names, as asserted below.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mtx_t must hold a mutex");
static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a cnd_t must hold a condition");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a thrd_t must be a pthread_t");

struct start {
    thrd_start_t run;
    void *argument;
};

static void *trampoline(void *argument)
{
    const struct start start = *(struct start *)argument;
    free(argument);
    return (void *)(intptr_t)start.run(start.argument);
}

static int result(int code)
{
    switch (code) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    case EBUSY:
        return thrd_busy;
    default:
        return thrd_error;
    }
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL) {
        return thrd_nomem;
    }
    *start = (struct start){run, argument};
    const int code = pthread_create(thread, NULL, trampoline, start);
    if (code != 0) {
        free(start);
    }
    return result(code);
}

int thrd_join(thrd_t thread, int *status)
{
    void *value = NULL;
    const int code = pthread_join(thread, &value);
    if (code == 0 && status != NULL) {
        *status = (int)(intptr_t)value;
    }
    return result(code);
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_settype(
        &attributes, (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
    const int code = pthread_mutex_init((pthread_mutex_t *)(void *)mutex, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return result(code);
}

void mtx_destroy(mtx_t *mutex)
{
    (void)pthread_mutex_destroy((pthread_mutex_t *)(void *)mutex);
}

int mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock((pthread_mutex_t *)(void *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock((pthread_mutex_t *)(void *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock((pthread_mutex_t *)(void *)mutex));
}

int cnd_init(cnd_t *condition)
{
    return result(pthread_cond_init((pthread_cond_t *)(void *)condition, NULL));
}

void cnd_destroy(cnd_t *condition)
{
    (void)pthread_cond_destroy((pthread_cond_t *)(void *)condition);
}

int cnd_signal(cnd_t *condition)
{
    return result(pthread_cond_signal((pthread_cond_t *)(void *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
    return result(pthread_cond_broadcast((pthread_cond_t *)(void *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result(
        pthread_cond_wait((pthread_cond_t *)(void *)condition, (pthread_mutex_t *)(void *)mutex));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    return result(pthread_cond_timedwait((pthread_cond_t *)(void *)condition,
                                         (pthread_mutex_t *)(void *)mutex, until));
}
