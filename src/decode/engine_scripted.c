#include "decode/engine_scripted.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "util/mem.h"

struct engine_script {
        size_t capacity;
        engine_answer answer;
        void *context;
        atomic_uint n_submitted, n_hurried, n_promoted, n_steps;
        pthread_mutex_t lock;
        pthread_cond_t change;
        // --- protected by lock
        bool is_held;
};

struct scripted_job {
        const struct job *job;
        bool is_cancelled, is_hurried, is_promoted;
};

struct scripted {
        struct engine_script *script;
        struct scripted_job *jobs;  // inside, oldest first
        size_t n_jobs;
        bool is_ready;  // the oldest may be collected
};

struct engine_script *engine_script_new(size_t capacity, engine_answer answer, void *context) {
        struct engine_script *script = xnew(struct engine_script);

        script->capacity = capacity;
        script->answer = answer;
        script->context = context;
        pthread_mutex_init(&script->lock, NULL);
        pthread_cond_init(&script->change, NULL);
        return script;
}

struct engine_script *engine_script_free(struct engine_script *script) {
        if (script) {
                pthread_cond_destroy(&script->change);
                pthread_mutex_destroy(&script->lock);
        }
        free(script);
        return NULL;
}

static void engine_script_set_held(struct engine_script *script, bool is_held) {
        pthread_mutex_lock(&script->lock);
        script->is_held = is_held;
        pthread_cond_broadcast(&script->change);
        pthread_mutex_unlock(&script->lock);
}

void engine_script_hold(struct engine_script *script) {
        engine_script_set_held(script, true);
}

void engine_script_release(struct engine_script *script) {
        engine_script_set_held(script, false);
}

unsigned engine_script_submitted(const struct engine_script *script) {
        return atomic_load(&script->n_submitted);
}

unsigned engine_script_hurried(const struct engine_script *script) {
        return atomic_load(&script->n_hurried);
}

unsigned engine_script_promoted(const struct engine_script *script) {
        return atomic_load(&script->n_promoted);
}

unsigned engine_script_steps(const struct engine_script *script) {
        return atomic_load(&script->n_steps);
}

static int scripted_open(void **ret, const void *model, struct error *error) {
        struct scripted *scripted = xnew(struct scripted);

        (void)error;
        // A script counts and can be held: unlike a real model it is not constant.
        scripted->script = (struct engine_script *)(uintptr_t)model;
        scripted->jobs = xcalloc(scripted->script->capacity, sizeof(*scripted->jobs));
        *ret = scripted;
        return 0;
}

static void scripted_close(void *state) {
        struct scripted *scripted = state;

        free(scripted->jobs);
        free(scripted);
}

static int scripted_submit(void *state, const struct job *job) {
        struct scripted *scripted = state;

        if (scripted->n_jobs == scripted->script->capacity)
                return ENGINE_E_FULL;
        scripted->jobs[scripted->n_jobs++] = (struct scripted_job){.job = job};
        atomic_fetch_add(&scripted->script->n_submitted, 1);
        return 0;
}

// What is told of a job that is not inside is a mistake, and is not survived.
static struct scripted_job *scripted_find(struct scripted *scripted, const struct job *job) {
        size_t i = 0;

        while (i < scripted->n_jobs && scripted->jobs[i].job != job)
                i++;
        if (i == scripted->n_jobs)
                abort();
        return &scripted->jobs[i];
}

static void scripted_cancel(void *state, const struct job *job) {
        scripted_find(state, job)->is_cancelled = true;
}

static void scripted_hurry(void *state, const struct job *job) {
        struct scripted *scripted = state;
        struct scripted_job *inside = scripted_find(scripted, job);

        if (!inside->is_hurried)
                atomic_fetch_add(&scripted->script->n_hurried, 1);
        inside->is_hurried = true;
}

static void scripted_promote(void *state, const struct job *job) {
        struct scripted *scripted = state;
        struct scripted_job *inside = scripted_find(scripted, job);

        if (!inside->is_promoted)
                atomic_fetch_add(&scripted->script->n_promoted, 1);
        inside->is_promoted = true;
}

// Wait a moment while held, so that cancelled jobs and the end of the thread are seen.
static int scripted_step(void *state) {
        struct scripted *scripted = state;
        struct engine_script *script = scripted->script;
        struct timespec until;

        atomic_fetch_add(&script->n_steps, 1);
        if (scripted->n_jobs == 0)
                return ENGINE_E_IDLE;
        pthread_mutex_lock(&script->lock);
        if (script->is_held) {
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += 1000000;
                if (until.tv_nsec >= 1000000000) {
                        until.tv_nsec -= 1000000000;
                        until.tv_sec++;
                }
                pthread_cond_timedwait(&script->change, &script->lock, &until);
        }
        scripted->is_ready = !script->is_held;
        pthread_mutex_unlock(&script->lock);
        return 0;
}

static int scripted_collect(void *state, const struct job **ret_job, int *ret_result,
                            struct hypothesis *ret_hypothesis) {
        struct scripted *scripted = state;
        struct engine_script *script = scripted->script;

        for (size_t i = 0; i < scripted->n_jobs; i++) {
                const struct job *job = scripted->jobs[i].job;
                bool is_cancelled = scripted->jobs[i].is_cancelled;

                if (!is_cancelled && !scripted->is_ready)
                        continue;
                scripted->n_jobs--;
                for (size_t j = i; j < scripted->n_jobs; j++)
                        scripted->jobs[j] = scripted->jobs[j + 1];
                *ret_job = job;
                *ret_result = is_cancelled
                                      ? -ECANCELED
                                      : script->answer(script->context, job, ret_hypothesis);
                return 0;
        }
        scripted->is_ready = false;
        return ENGINE_E_NONE;
}

const struct engine_ops engine_scripted = {
        .name = "scripted",
        .open = scripted_open,
        .close = scripted_close,
        .submit = scripted_submit,
        .cancel = scripted_cancel,
        .hurry = scripted_hurry,
        .promote = scripted_promote,
        .step = scripted_step,
        .collect = scripted_collect,
};
