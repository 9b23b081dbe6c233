#include "util/thread.h"

#include <signal.h>

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
