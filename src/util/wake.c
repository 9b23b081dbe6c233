#include "util/wake.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "util/mem.h"

struct wake {
        struct loop *loop;
        void (*function)(void *context);  // NULL: its owner is gone
        void *context;
        atomic_bool is_posted;
};

struct wake *wake_new(struct loop *loop, void (*function)(void *context), void *context) {
        struct wake *wake = xnew(struct wake);

        wake->loop = loop;
        wake->function = function;
        wake->context = context;
        return wake;
}

static void wake_on_post(void *context) {
        struct wake *wake = context;

        if (!wake->function) {
                mem_free(wake);
                return;
        }
        atomic_store(&wake->is_posted, false);
        wake->function(wake->context);
}

void wake_up(struct wake *wake) {
        if (!atomic_exchange(&wake->is_posted, true))
                loop_post(wake->loop, wake_on_post, wake);
}

struct wake *wake_free(struct wake *wake) {
        if (!wake)
                return NULL;
        wake->function = NULL;
        // The post frees it: the loop runs all of them before it goes.
        return atomic_load(&wake->is_posted) ? NULL : mem_free(wake);
}
