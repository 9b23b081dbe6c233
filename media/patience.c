#include "media/patience.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t is_stopped;

int64_t media_patience_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * MEDIA_SECOND + now.tv_nsec;
}

static void on_signal(int number) {
        (void)number;
        is_stopped = 1;
}

void media_patience_catch_signal(void) {
        const struct sigaction action = {.sa_handler = on_signal};

        sigaction(SIGTERM, &action, NULL);
}

bool media_patience_is_stopped(void) {
        return is_stopped != 0;
}

int media_patience_is_over(void *context) {
        const struct media_patience *patience = context;

        if (is_stopped && !patience->is_leaving)
                return 1;
        if (patience->deadline && media_patience_now() > patience->deadline)
                return 1;
        if (patience->on_wait && !patience->is_leaving)
                patience->on_wait(patience->context);
        return 0;
}

void media_patience_sleep(int64_t until) {
        const struct timespec end = {until / MEDIA_SECOND, until % MEDIA_SECOND};

        while (!is_stopped &&
               clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
                continue;
}
