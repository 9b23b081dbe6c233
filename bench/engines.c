#include "engines.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "common.h"
#include "decode/engine.h"
#include "util/mem.h"
#include "whisper/cpu/decoder.h"
#include "whisper/cpu/encoder.h"

// --- The stopwatch ------------------------------------------------------------------------

#define TIMES_MAX 100000

// How long calls took.
struct times {
        double *seconds;
        size_t n;
};

struct stopwatch {
        struct times encoder, decoder;
};

// Of the engine that this thread drives; NULL: nobody asks.
static _Thread_local struct stopwatch *stopwatch;

static void times_add(struct times *times, double began) {
        if (times->n < TIMES_MAX)
                times->seconds[times->n++] = seconds_now() - began;
}

// The linker sends calls of encoder_run() to the first of these, and those of the second to
// encoder_run(); likewise for decoder_step().
int __wrap_encoder_run(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                       const float **ret);
int __real_encoder_run(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                       const float **ret);
int __wrap_decoder_step(struct decoder *decoder, const struct decoder_row *rows, size_t n,
                        float **ret_logits);
int __real_decoder_step(struct decoder *decoder, const struct decoder_row *rows, size_t n,
                        float **ret_logits);

int __wrap_encoder_run(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                       const float **ret) {
        double began = seconds_now();
        int r = __real_encoder_run(encoder, windows, n, ret);

        if (stopwatch)
                times_add(&stopwatch->encoder, began);
        return r;
}

int __wrap_decoder_step(struct decoder *decoder, const struct decoder_row *rows, size_t n,
                        float **ret_logits) {
        double began = seconds_now();
        int r = __real_decoder_step(decoder, rows, n, ret_logits);

        if (stopwatch)
                times_add(&stopwatch->decoder, began);
        return r;
}

// --- Running ------------------------------------------------------------------------------

struct engines {
        void **states;
        size_t n;
};

struct answer {
        int result;
        double seconds;  // since the run began
        struct hypothesis hypothesis;
};

struct run {
        struct job *const *jobs;
        struct answer *answers;  // [n_jobs]
        size_t n_jobs;
        double began;
        atomic_size_t next;
        atomic_bool is_over;
        unsigned busy_percent;
};

struct worker {
        struct run *run;
        void *state;
        const struct job *waiting;  // taken, but the engine is full
        size_t n_inside, n_inside_max;
        struct stopwatch stopwatch;
};

static const struct job *job_next(struct worker *worker) {
        const struct job *job = worker->waiting;
        size_t i;

        worker->waiting = NULL;
        if (job)
                return job;
        i = atomic_fetch_add(&worker->run->next, 1);
        return i < worker->run->n_jobs ? worker->run->jobs[i] : NULL;
}

static struct answer *answer_of(const struct worker *worker, const struct job *job) {
        size_t i = 0;

        while (worker->run->jobs[i] != job)
                i++;
        return &worker->run->answers[i];
}

// As many jobs as the engine takes.
static void worker_fill(struct worker *worker) {
        const struct job *job;

        while ((job = job_next(worker)) != NULL) {
                int r = engine_whisper.submit(worker->state, job);

                if (r == ENGINE_E_FULL) {
                        worker->waiting = job;
                        return;
                }
                if (r < 0)
                        answer_of(worker, job)->result = r;
                else
                        worker->n_inside++;
        }
}

static void worker_collect(struct worker *worker) {
        const struct job *job = NULL;
        struct hypothesis hypothesis = {0};
        int result = 0;

        while (engine_whisper.collect(worker->state, &job, &result, &hypothesis) == 0) {
                *answer_of(worker, job) =
                        (struct answer){result, seconds_now() - worker->run->began, hypothesis};
                hypothesis = (struct hypothesis){0};
                worker->n_inside--;
        }
}

static void *worker_run(void *context) {
        struct worker *worker = context;

        stopwatch = &worker->stopwatch;
        do {
                worker_fill(worker);
                if (worker->n_inside > worker->n_inside_max)
                        worker->n_inside_max = worker->n_inside;
                engine_whisper.step(worker->state);
                worker_collect(worker);
        } while (worker->n_inside > 0 || worker->waiting);
        stopwatch = NULL;
        return NULL;
}

// What the rest of a program may do meanwhile: work for so many percent of each 10 ms.
static void *busy_run(void *context) {
        struct run *run = context;
        double period = 0.01, busy = period * run->busy_percent / 100;
        struct timespec rest = {.tv_nsec = (long)((period - busy) * 1e9)};

        while (!atomic_load(&run->is_over)) {
                double began = seconds_now();

                while (seconds_now() - began < busy)
                        ;
                nanosleep(&rest, NULL);
        }
        return NULL;
}

static void workers_run(struct worker *workers, size_t n) {
        pthread_t *threads = xcalloc(n, sizeof(*threads));
        size_t n_started = 0;

        // One engine runs on the main thread.
        if (n == 1) {
                worker_run(&workers[0]);
        } else {
                while (n_started < n && pthread_create(&threads[n_started], NULL, worker_run,
                                                       &workers[n_started]) == 0)
                        n_started++;
                for (size_t i = 0; i < n_started; i++)
                        pthread_join(threads[i], NULL);
        }
        free(threads);
}

// --- What it came to ----------------------------------------------------------------------

// Takes what was measured.
static json_t *times_json(struct times *times) {
        double seconds = 0;
        size_t n = times->n;
        json_t *ret;

        doubles_sort(times->seconds, n);
        for (size_t i = 0; i < n; i++)
                seconds += times->seconds[i];
        ret = json_pack("{s:I,s:f,s:f,s:f,s:f}", "n", (json_int_t)n, "seconds", seconds, "p50",
                        n ? times->seconds[n / 2] : 0.0, "p95",
                        n ? times->seconds[n * 95 / 100] : 0.0, "max",
                        n ? times->seconds[n - 1] : 0.0);
        free(times->seconds);
        *times = (struct times){0};
        return ret;
}

static struct times times_joined(const struct worker *workers, size_t n, bool is_encoder) {
        struct times ret = {.seconds = xcalloc(n * TIMES_MAX, sizeof(double))};

        for (size_t i = 0; i < n; i++) {
                const struct stopwatch *from = &workers[i].stopwatch;
                const struct times *times = is_encoder ? &from->encoder : &from->decoder;

                for (size_t k = 0; k < times->n; k++)
                        ret.seconds[ret.n++] = times->seconds[k];
        }
        return ret;
}

static json_t *answers_json(const struct run *run) {
        json_t *ret = json_array();

        for (size_t i = 0; i < run->n_jobs; i++) {
                struct answer *answer = &run->answers[i];

                json_array_append_new(ret,
                                      hypothesis_json(run->jobs[i], answer->result,
                                                      &answer->hypothesis, answer->seconds));
                hypothesis_deinit(&answer->hypothesis);
        }
        return ret;
}

static json_t *run_json(const struct run *run, struct worker *workers, size_t n,
                        double seconds) {
        struct times encoder = times_joined(workers, n, true);
        struct times decoder = times_joined(workers, n, false);
        size_t n_inside = 0;

        for (size_t i = 0; i < n; i++) {
                if (workers[i].n_inside_max > n_inside)
                        n_inside = workers[i].n_inside_max;
                free(workers[i].stopwatch.encoder.seconds);
                free(workers[i].stopwatch.decoder.seconds);
        }
        return json_pack("{s:f,s:I,s:o,s:o,s:o}", "seconds", seconds, "n_inside",
                         (json_int_t)n_inside, "encoder", times_json(&encoder), "decoder",
                         times_json(&decoder), "answers", answers_json(run));
}

json_t *engines_run(struct engines *engines, struct job *const *jobs, size_t n_jobs,
                    unsigned busy_percent) {
        struct worker *workers = xcalloc(engines->n, sizeof(*workers));
        struct run run = {
                .jobs = jobs,
                .n_jobs = n_jobs,
                .answers = xcalloc(n_jobs + 1, sizeof(struct answer)),
                .busy_percent = busy_percent,
        };
        pthread_t busy;
        bool is_busy;
        double seconds;
        json_t *ret;

        for (size_t i = 0; i < engines->n; i++)
                workers[i] = (struct worker){
                        .run = &run,
                        .state = engines->states[i],
                        .stopwatch.encoder.seconds = xcalloc(TIMES_MAX, sizeof(double)),
                        .stopwatch.decoder.seconds = xcalloc(TIMES_MAX, sizeof(double)),
                };
        is_busy = busy_percent > 0 && pthread_create(&busy, NULL, busy_run, &run) == 0;
        run.began = seconds_now();
        workers_run(workers, engines->n);
        seconds = seconds_now() - run.began;
        atomic_store(&run.is_over, true);
        if (is_busy)
                pthread_join(busy, NULL);
        ret = run_json(&run, workers, engines->n, seconds);
        free(run.answers);
        free(workers);
        return ret;
}

int engines_new(struct engines **ret, const struct whisper_model *model, size_t n,
                struct error *error) {
        CLEANUP(engines_freep) struct engines *engines = xnew(struct engines);

        engines->states = xcalloc(n, sizeof(*engines->states));
        for (; engines->n < n; engines->n++) {
                int r = engine_whisper.open(&engines->states[engines->n], model, error);

                if (r < 0)
                        return r;
        }
        *ret = TAKE(engines);
        return 0;
}

struct engines *engines_free(struct engines *engines) {
        if (!engines)
                return NULL;
        for (size_t i = 0; i < engines->n; i++)
                engine_whisper.close(engines->states[i]);
        free(engines->states);
        free(engines);
        return NULL;
}
