#include "transcription/chore.h"

#include <semaphore.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>
#include <uv.h>

#include "util/log.h"
#include "util/mem.h"

// So long the end waits for a disk, for all that was begun.
#define CLOSE_SECONDS 5

struct chore {
        uv_work_t request;
        sem_t is_over;          // the thread's part
        struct chores *chores;  // NULL: freed meanwhile
        void (*work)(void *context);
        void (*on_done)(void *context, bool is_orphan);
        void *context;
        LIST_ENTRY(chore) link;
};

struct chores {
        struct loop *loop;
        LIST_HEAD(, chore) list;
};

static void chore_work(uv_work_t *request) {
        struct chore *chore = request->data;

        chore->work(chore->context);
        sem_post(&chore->is_over);
}

static void chore_on_done(uv_work_t *request, int status) {
        struct chore *chore = request->data;
        bool is_orphan = !chore->chores;

        (void)status;
        if (!is_orphan)
                LIST_REMOVE(chore, link);
        chore->on_done(chore->context, is_orphan);
        sem_destroy(&chore->is_over);
        free(chore);
}

void chores_do(struct chores *chores, void (*work)(void *context),
               void (*on_done)(void *context, bool is_orphan), void *context) {
        struct chore *chore = xnew(struct chore);

        chore->request.data = chore;
        sem_init(&chore->is_over, 0, 0);
        chore->chores = chores;
        chore->work = work;
        chore->on_done = on_done;
        chore->context = context;
        LIST_INSERT_HEAD(&chores->list, chore, link);
        // It fails only without a function to call.
        if (uv_queue_work(loop_uv(chores->loop), &chore->request, chore_work, chore_on_done) <
            0)
                abort();
}

struct chores *chores_new(struct loop *loop) {
        struct chores *chores = xnew(struct chores);

        chores->loop = loop;
        return chores;
}

struct chores *chores_free(struct chores *chores) {
        struct timespec until;
        struct chore *chore;
        bool is_late = false;

        if (!chores)
                return NULL;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += CLOSE_SECONDS;
        while ((chore = LIST_FIRST(&chores->list))) {
                LIST_REMOVE(chore, link);
                chore->chores = NULL;
                is_late = sem_timedwait(&chore->is_over, &until) < 0 || is_late;
        }
        if (is_late)
                log_error("server", "transcriptions-not-written",
                          "the disk does not answer: what was changed last of transcriptions "
                          "is perhaps not kept");
        return mem_free(chores);
}
