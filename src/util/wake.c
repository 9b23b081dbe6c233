#include "util/wake.h"

#include <pthread.h>
#include <stdbool.h>

#include "util/mem.h"

struct wake {
        struct loop *loop;
        void (*function)(void *context);  // NULL: its owner is gone
        void *context;
        pthread_mutex_t lock;
        bool is_posted, is_abandoned;  // under the lock
};

struct wake *wake_new(struct loop *loop, void (*function)(void *context), void *context) {
        struct wake *wake = xnew(struct wake);

        wake->loop = loop;
        wake->function = function;
        wake->context = context;
        pthread_mutex_init(&wake->lock, NULL);
        return wake;
}

static struct wake *wake_end(struct wake *wake) {
        pthread_mutex_destroy(&wake->lock);
        return mem_free(wake);
}

static void nothing(void *context) {
        (void)context;
}

static void wake_on_post(void *context) {
        struct wake *wake = context;

        if (!wake->function) {
                wake_end(wake);
                return;
        }
        pthread_mutex_lock(&wake->lock);
        wake->is_posted = false;
        pthread_mutex_unlock(&wake->lock);
        wake->function(wake->context);
}

void wake_up(struct wake *wake) {
        pthread_mutex_lock(&wake->lock);
        if (!wake->is_posted && !wake->is_abandoned) {
                wake->is_posted = true;
                loop_post(wake->loop, wake_on_post, wake);
        }
        pthread_mutex_unlock(&wake->lock);
}

void wake_abandon(struct wake *wake) {
        pthread_mutex_lock(&wake->lock);
        wake->is_abandoned = true;
        pthread_mutex_unlock(&wake->lock);
        wake->function = nothing;
}

struct wake *wake_free(struct wake *wake) {
        if (!wake)
                return NULL;
        wake->function = NULL;
        // The post frees it: the loop runs all of them before it goes.
        return wake->is_posted ? NULL : wake_end(wake);
}
