#include "util/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

int thread_start(pthread_t *ret, const char *name, void *(*run)(void *context), void *context) {
        sigset_t all, before;
        int code;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        code = pthread_create(ret, NULL, run, context);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (code == 0)
                (void)pthread_setname_np(*ret, name);
        return -code;
}

bool thread_join_until(const pthread_t *threads, size_t n, sem_t *ended, nsec_t until) {
        struct timespec deadline = {.tv_sec = (time_t)(until / NSEC_PER_SEC),
                                    .tv_nsec = (long)(until % NSEC_PER_SEC)};
        size_t n_ended = 0;

        while (n_ended < n) {
                if (sem_clockwait(ended, CLOCK_MONOTONIC, &deadline) == 0)
                        n_ended++;
                else if (errno != EINTR)
                        break;
        }
        for (size_t i = 0; i < n; i++) {
                if (n_ended == n)
                        pthread_join(threads[i], NULL);
                else
                        pthread_detach(threads[i]);
        }
        return n_ended == n;
}
