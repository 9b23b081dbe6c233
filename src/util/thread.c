#include "util/thread.h"

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

bool thread_join_until(pthread_t thread, nsec_t until) {
        struct timespec deadline = {.tv_sec = (time_t)(until / NSEC_PER_SEC),
                                    .tv_nsec = (long)(until % NSEC_PER_SEC)};

        if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline) == 0)
                return true;
        pthread_detach(thread);
        return false;
}
