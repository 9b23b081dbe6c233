#include "manage/state.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "util/folder.h"
#include "util/input.h"
#include "util/log.h"
#include "util/mem.h"

#define STATE_FILE "state.json"
#define LOCK_FILE  "state.lock"

// After a disk that was full.
#define RETRY_DELAY (30 * NSEC_PER_SEC)

// So long the end waits for a disk.
#define CLOSE_SECONDS 5

// Names that a file may be set aside under before the oldest is written over.
#define ASIDE_MAX 100

struct waiter {
        uint64_t version;  // that it waits for
        void (*on_kept)(void *context, const char *trouble);
        void *context;
        STAILQ_ENTRY(waiter) link;
};

// One writing of the file; its thread has it alone meanwhile.
struct writing {
        uv_work_t work;
        sem_t is_over;        // the thread's part
        struct state *state;  // NULL: closed meanwhile
        char *text;
        size_t n;
        uint64_t version;
        struct error error;
};

struct state {
        struct loop *loop;
        char *folder, *path;
        json_t *root;
        uint64_t version, written;  // of what was set, and of what is on disk
        int lock;                   // -1: not ours yet
        bool is_barred;             // what the file has was not read: it is not written over
        bool is_left;               // closed, while a thread still has it
        struct writing *writing;    // NULL: none
        struct loop_timer *timer;   // begins the next one
        char *trouble;              // why it could not be written
        STAILQ_HEAD(, waiter) waiters;
};

// --- the disk; any thread --------------------------------------------------------------------

// One server writes in the folder.
static int lock_take(struct state *state, struct error *error) {
        return state->lock >= 0 ? 0
                                : folder_lock(&state->lock, state->folder, LOCK_FILE, error);
}

static int bytes_write(int fd, const char *bytes, size_t n) {
        while (n > 0) {
                ssize_t wrote = write(fd, bytes, n);

                if (wrote < 0 && errno == EINTR)
                        continue;
                if (wrote < 0)
                        return -errno;
                bytes += wrote;
                n -= (size_t)wrote;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

// Whole, on disk, and only then in the old one's place.
static int file_write(struct state *state, const char *text, size_t n, struct error *error) {
        CLEANUP(mem_freep) char *fresh = xasprintf("%s.new", state->path);
        int r = folder_make(state->folder), fd;

        if (r < 0)
                return error_set(error, r, "cannot make the state folder %s: %s", state->folder,
                                 strerrordesc_np(-r));
        r = lock_take(state, error);
        if (r < 0)
                return r;
        (void)unlink(fresh);
        fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set(error, -errno, "cannot make %s: %m", fresh);
        r = bytes_write(fd, text, n);
        close(fd);
        if (r == 0 && rename(fresh, state->path) < 0)
                r = -errno;
        if (r == 0)
                r = folder_sync(state->folder);
        if (r < 0)
                return error_set(error, r, "cannot write %s: %s", state->path,
                                 strerrordesc_np(-r));
        return 0;
}

// --- writing ---------------------------------------------------------------------------------

static void writing_work(uv_work_t *work) {
        struct writing *writing = work->data;

        (void)file_write(writing->state, writing->text, writing->n, &writing->error);
        sem_post(&writing->is_over);
}

// Who waited for this version, or an older one. They may set or wait for more.
static void waiters_tell(struct state *state, uint64_t version, const char *trouble) {
        STAILQ_HEAD(, waiter) told = STAILQ_HEAD_INITIALIZER(told);
        struct waiter *waiter;

        while ((waiter = STAILQ_FIRST(&state->waiters)) && waiter->version <= version) {
                STAILQ_REMOVE_HEAD(&state->waiters, link);
                STAILQ_INSERT_TAIL(&told, waiter, link);
        }
        while ((waiter = STAILQ_FIRST(&told))) {
                STAILQ_REMOVE_HEAD(&told, link);
                waiter->on_kept(waiter->context, trouble);
                free(waiter);
        }
}

static struct writing *writing_free(struct writing *writing) {
        sem_destroy(&writing->is_over);
        free(writing->text);
        return mem_free(writing);
}

static void writing_end(struct state *state, const struct writing *writing) {
        free(state->trouble);
        state->trouble = NULL;
        if (writing->error.code == 0) {
                state->written = writing->version;
        } else {
                state->trouble = xstrdup(writing->error.text);
                log_error("server", "state-not-written", "what was changed is not kept: %s",
                          state->trouble);
        }
}

static void writing_on_done(uv_work_t *work, int status) {
        struct writing *writing = work->data;
        struct state *state = writing->state;

        if (!state || state->is_left) {
                writing_free(writing);
                return;
        }
        if (status < 0)
                (void)error_set(&writing->error, status, "cannot write %s: %s", state->path,
                                uv_strerror(status));
        state->writing = NULL;
        writing_end(state, writing);
        loop_timer_set(state->timer, state->trouble ? RETRY_DELAY : 0);
        waiters_tell(state, writing->version, state->trouble);
        writing_free(writing);
}

static struct writing *writing_new(struct state *state) {
        struct writing *writing = xnew(struct writing);

        writing->work.data = writing;
        sem_init(&writing->is_over, 0, 0);
        writing->state = state;
        writing->version = state->version;
        writing->text = json_dumps(state->root, JSON_INDENT(2) | JSON_SORT_KEYS);
        if (!writing->text)
                abort();
        writing->n = strlen(writing->text);
        return writing;
}

// What is set meanwhile goes with the next one.
static void state_on_timer(void *context) {
        struct state *state = context;
        int r;

        if (state->writing)
                return;
        if (state->written == state->version || state->is_barred) {
                waiters_tell(state, state->version, state->trouble);
                return;
        }
        state->writing = writing_new(state);
        r = uv_queue_work(loop_uv(state->loop), &state->writing->work, writing_work,
                          writing_on_done);
        if (r < 0)
                writing_on_done(&state->writing->work, r);
}

const json_t *state_get(const struct state *state, const char *section) {
        return json_object_get(state->root, section);
}

void state_set(struct state *state, const char *section, json_t *json) {
        json_object_set_new(state->root, section, json);
        state->version++;
        if (!state->writing)
                loop_timer_set(state->timer, 0);
}

const char *state_trouble(const struct state *state) {
        return state->trouble;
}

void state_keep(struct state *state, void (*on_kept)(void *context, const char *trouble),
                void *context) {
        struct waiter *waiter = xnew(struct waiter);

        waiter->version = state->version;
        waiter->on_kept = on_kept;
        waiter->context = context;
        STAILQ_INSERT_TAIL(&state->waiters, waiter, link);
        if (!state->writing)
                loop_timer_set(state->timer, 0);
}

// --- reading ---------------------------------------------------------------------------------

void state_set_aside(struct state *state, const char *why) {
        CLEANUP(mem_freep) char *aside = NULL;

        for (int i = 1; i <= ASIDE_MAX; i++) {
                free(aside);
                aside = xasprintf("%s.broken-%d", state->path, i);
                if (access(aside, F_OK) < 0)
                        break;
        }
        if (rename(state->path, aside) < 0)
                log_error("server", "state-broken", "%s: %s; it cannot be set aside: %m",
                          state->path, why);
        else
                log_error("server", "state-broken", "%s: %s; it is set aside as %s",
                          state->path, why, aside);
}

static void text_read(struct state *state, const char *text, size_t n) {
        CLEANUP(mem_freep) char *why = NULL;
        json_error_t error;
        json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);

        if (json_is_object(json)) {
                json_decref(state->root);
                state->root = json;
                return;
        }
        why = json ? xstrdup("it is no JSON object")
                   : xasprintf("it is no JSON: line %d, column %d: %s", error.line,
                               error.column, error.text);
        json_decref(json);
        state_set_aside(state, why);
}

static void state_read(struct state *state) {
        CLEANUP(mem_freep) char *text = NULL;
        struct error error = {0};
        struct stat status;
        size_t n = 0;
        int r;

        if (stat(state->path, &status) < 0)
                return;
        if (lock_take(state, &error) < 0) {
                state->is_barred = true;
                state->trouble = xstrdup(error.text);
                log_warning(
                        "server", "state-not-read",
                        "streams, pauses and alerts that were made while the server ran are "
                        "not there: %s",
                        error.text);
                return;
        }
        if (status.st_size > STATE_BYTES_MAX) {
                state_set_aside(state, "it is larger than any that was written");
                return;
        }
        r = input_read(state->path, (size_t)status.st_size, 0, &text, &n);
        if (r < 0)
                state_set_aside(state, strerrordesc_np(-r));
        else
                text_read(state, text, n);
}

// --- life ------------------------------------------------------------------------------------

struct state *state_open(struct loop *loop, const char *folder) {
        struct state *state = xnew(struct state);

        state->loop = loop;
        state->folder = xstrdup(folder);
        state->path = xasprintf("%s/" STATE_FILE, folder);
        state->root = json_object();
        state->lock = -1;
        STAILQ_INIT(&state->waiters);
        state->timer = loop_timer_new(loop, state_on_timer, state);
        state_read(state);
        return state;
}

// What a thread has begun is over within moments. False: the disk does not answer, and the
// thread keeps all that it has.
static bool writing_wait(struct state *state) {
        struct writing *writing = state->writing;
        struct timespec until;

        if (!writing)
                return true;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += CLOSE_SECONDS;
        if (sem_timedwait(&writing->is_over, &until) < 0) {
                log_error("server", "state-not-written",
                          "the disk does not answer: what was changed last is not kept");
                return false;
        }
        writing_end(state, writing);
        writing->state = NULL;
        state->writing = NULL;
        return true;
}

static void last_write(struct state *state) {
        struct writing *writing;

        if (state->version == state->written || state->is_barred)
                return;
        writing = writing_new(state);
        (void)file_write(state, writing->text, writing->n, &writing->error);
        writing_end(state, writing);
        writing_free(writing);
}

struct state *state_close(struct state *state) {
        if (!state)
                return NULL;
        state->timer = loop_timer_free(state->timer);
        if (!writing_wait(state)) {
                state->is_left = true;
                waiters_tell(state, UINT64_MAX, "the disk does not answer");
                return NULL;
        }
        last_write(state);
        waiters_tell(state, UINT64_MAX, state->trouble);
        if (state->lock >= 0)
                close(state->lock);
        json_decref(state->root);
        free(state->folder);
        free(state->path);
        free(state->trouble);
        return mem_free(state);
}
