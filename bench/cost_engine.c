#include "cost_engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "audio/pcm.h"
#include "util/mem.h"

// The costs: model `base`, int8, two cores of an AMD EPYC (Zen 4) with nothing else at work,
// December 2026. A run of the encoder costs what its rows do, a step of the decoder so much and
// so much more for each of its rows.
#define ENCODER_ROW_MS  0.083
#define DECODER_STEP_MS 0.67
#define DECODER_ROW_MS  0.38

// As in whisper/: places for jobs, rows of a run of the encoder and of a step of the decoder,
// and how many of the encoder's weigh as much as such a step.
#define SLOTS            16
#define ENCODER_ROWS_MAX 1500
#define DECODER_ROWS_MAX 64
#define ROWS_PER_STEP    50

// The short context (whisper/context.c): one row for 20 ms of sound and for the 0.5 s behind
// it, then one for eight.
#define ROWS_PER_SECOND 50
#define MARGIN_ROWS     26
#define PADDING_STRIDE  8

// What is said: tokens in a second of speech and besides, and those that the decoder is told
// first. Of a draft nine tokens in ten are right.
#define TOKENS_PER_SECOND 3.6
#define TOKENS_BESIDES    2
#define PROMPT_TOKENS     4
#define DRAFT_RIGHT       0.9

// --- The gate ----------------------------------------------------------------------------

// How long the loop's thread waits for a step to begin before it looks for other work.
#define GATE_MOMENT (NSEC_PER_MSEC * 3 / 10)

struct step_gate {
        const struct loop *loop;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool is_closed;     // a step is under way
        nsec_t end;         // of the step
        bool is_loop_busy;  // the loop's thread is not waiting here
        bool is_empty;      // the engine has no jobs
        bool is_left_open;
};

struct step_gate *step_gate_new(const struct loop *loop) {
        struct step_gate *gate = xnew(struct step_gate);

        gate->loop = loop;
        gate->is_loop_busy = gate->is_empty = true;
        pthread_mutex_init(&gate->lock, NULL);
        pthread_cond_init(&gate->changed, NULL);
        return gate;
}

struct step_gate *step_gate_free(struct step_gate *gate) {
        if (!gate)
                return NULL;
        pthread_mutex_destroy(&gate->lock);
        pthread_cond_destroy(&gate->changed);
        free(gate);
        return NULL;
}

bool step_gate_is_closed(struct step_gate *gate, nsec_t *ret_end) {
        bool is_closed;

        pthread_mutex_lock(&gate->lock);
        is_closed = gate->is_closed;
        *ret_end = gate->end;
        pthread_mutex_unlock(&gate->lock);
        return is_closed;
}

void step_gate_await_step(struct step_gate *gate) {
        struct timespec until;
        int r = 0;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += GATE_MOMENT;
        until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
        until.tv_nsec %= NSEC_PER_SEC;
        pthread_mutex_lock(&gate->lock);
        gate->is_loop_busy = false;
        pthread_cond_broadcast(&gate->changed);
        while (!gate->is_closed && r == 0)
                r = pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
        gate->is_loop_busy = true;
        pthread_mutex_unlock(&gate->lock);
}

void step_gate_open(struct step_gate *gate) {
        pthread_mutex_lock(&gate->lock);
        gate->is_closed = gate->is_loop_busy = false;
        pthread_cond_broadcast(&gate->changed);
        while (!gate->is_closed && !gate->is_empty)
                pthread_cond_wait(&gate->changed, &gate->lock);
        gate->is_loop_busy = true;
        pthread_mutex_unlock(&gate->lock);
}

void step_gate_leave_open(struct step_gate *gate) {
        pthread_mutex_lock(&gate->lock);
        gate->is_left_open = true;
        gate->is_closed = gate->is_loop_busy = false;
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->lock);
}

// On the decode thread: wait until the loop waits. False when it was busy: it may have put in
// more.
static bool step_gate_enter(struct step_gate *gate) {
        bool was_busy;

        pthread_mutex_lock(&gate->lock);
        was_busy = gate->is_loop_busy;
        while (gate->is_loop_busy)
                pthread_cond_wait(&gate->changed, &gate->lock);
        pthread_mutex_unlock(&gate->lock);
        return !was_busy;
}

// On the decode thread: a step that takes so long.
static void step_gate_pass(struct step_gate *gate, nsec_t duration) {
        pthread_mutex_lock(&gate->lock);
        gate->end = loop_now(gate->loop) + duration;
        gate->is_closed = !gate->is_left_open;
        pthread_cond_broadcast(&gate->changed);
        while (gate->is_closed)
                pthread_cond_wait(&gate->changed, &gate->lock);
        pthread_mutex_unlock(&gate->lock);
}

// On the decode thread: whether the engine has jobs.
static void step_gate_tell(struct step_gate *gate, bool is_empty) {
        pthread_mutex_lock(&gate->lock);
        gate->is_empty = is_empty;
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->lock);
}

// --- The engine --------------------------------------------------------------------------

enum cost_phase { PHASE_FREE, PHASE_ENCODE, PHASE_DECODE, PHASE_DONE };

struct cost_slot {
        const struct job *job;
        enum job_rank rank;  // the job's, or JOB_RANK_FINAL since it was promoted
        enum cost_phase phase;
        bool is_cancelled;
        uint64_t arrival;
        size_t n_context_rows;  // of the encoder
        size_t n_prompt_rows;   // that the decoder has still to see
        size_t n_beams;         // its rows in each step after them
        double n_steps_left;
};

struct cost_engine {
        const struct cost_model *model;
        struct cost_slot slots[SLOTS];
        uint64_t n_arrived;
        bool was_encoding;    // the last step
        size_t n_rows_ahead;  // encoded, for which the decoder has not had its turns yet
};

struct cost_batch {
        struct cost_slot *slots[SLOTS];
        size_t n, n_rows;
};

static int cost_open(void **ret, const void *model, struct error *error) {
        struct cost_engine *engine = xnew(struct cost_engine);

        (void)error;
        engine->model = model;
        *ret = engine;
        return 0;
}

static void cost_close(void *opaque) {
        free(opaque);
}

static size_t context_rows(double seconds) {
        size_t plain = (size_t)(seconds * ROWS_PER_SECOND + MARGIN_ROWS);

        return plain + (ENCODER_ROWS_MAX - plain) / PADDING_STRIDE;
}

// A draft is seen with the prompt, in one step, and leaves what it was wrong about; beams have
// none.
static void cost_slot_begin(struct cost_slot *slot, const struct job *job, uint64_t arrival) {
        double seconds = (double)job->n_samples / AUDIO_RATE;
        double n_tokens = seconds * TOKENS_PER_SECOND + TOKENS_BESIDES;
        double n_undrafted = n_tokens - (double)job->hints.n_draft_tokens * DRAFT_RIGHT;
        bool has_beams = job->hints.beam_size > 1;

        *slot = (struct cost_slot){
                .job = job,
                .rank = job->rank,
                .phase = PHASE_ENCODE,
                .arrival = arrival,
                .n_context_rows = context_rows(seconds),
                .n_prompt_rows = PROMPT_TOKENS + (has_beams ? 0 : job->hints.n_draft_tokens),
                .n_beams = has_beams ? job->hints.beam_size : 1,
                .n_steps_left = 1 + (has_beams         ? n_tokens
                                     : n_undrafted > 1 ? n_undrafted
                                                       : 1),
        };
}

static int cost_submit(void *opaque, const struct job *job) {
        struct cost_engine *engine = opaque;

        for (size_t i = 0; i < SLOTS; i++) {
                if (engine->slots[i].phase != PHASE_FREE)
                        continue;
                cost_slot_begin(&engine->slots[i], job, engine->n_arrived++);
                step_gate_tell(engine->model->gate, false);
                return 0;
        }
        return ENGINE_E_FULL;
}

static void cost_cancel(void *opaque, const struct job *job) {
        struct cost_engine *engine = opaque;

        for (size_t i = 0; i < SLOTS; i++)
                if (engine->slots[i].job == job) {
                        engine->slots[i].is_cancelled = true;
                        engine->slots[i].phase = PHASE_DONE;
                }
}

static void cost_promote(void *opaque, const struct job *job) {
        struct cost_engine *engine = opaque;

        for (size_t i = 0; i < SLOTS; i++)
                if (engine->slots[i].job == job)
                        engine->slots[i].rank = JOB_RANK_FINAL;
}

static bool goes_before(const struct cost_slot *a, const struct cost_slot *b) {
        if (a->rank != b->rank)
                return a->rank < b->rank;
        if (a->job->deadline != b->job->deadline)
                return a->job->deadline < b->job->deadline;
        return a->arrival < b->arrival;
}

// What the encoder would run over next: the first in line, and those of its rank that fit in
// beside it.
static void batch_find(struct cost_batch *batch, struct cost_engine *engine) {
        struct cost_slot *waiting[SLOTS];
        size_t n = 0;

        for (size_t i = 0; i < SLOTS; i++) {
                struct cost_slot *slot = &engine->slots[i];
                size_t at = n;

                if (slot->phase != PHASE_ENCODE)
                        continue;
                for (; at > 0 && goes_before(slot, waiting[at - 1]); at--)
                        waiting[at] = waiting[at - 1];
                waiting[at] = slot;
                n++;
        }
        *batch = (struct cost_batch){.n = 0};
        for (size_t i = 0; i < n; i++) {
                if (batch->n_rows + waiting[i]->n_context_rows > ENCODER_ROWS_MAX ||
                    waiting[i]->rank != waiting[0]->rank)
                        continue;
                batch->slots[batch->n++] = waiting[i];
                batch->n_rows += waiting[i]->n_context_rows;
        }
}

// As in whisper/engine.c, but for files beside others.
static bool is_encoders_turn(const struct cost_engine *engine, const struct cost_batch *batch,
                             bool is_decoding) {
        enum job_rank rank;

        if (batch->n == 0)
                return false;
        if (!is_decoding)
                return true;
        rank = batch->slots[0]->rank;
        if (rank == JOB_RANK_SPECULATIVE || rank == JOB_RANK_PARTIAL)
                return engine->n_rows_ahead == 0;
        return !engine->was_encoding;
}

static void encode(struct cost_engine *engine, const struct cost_batch *batch) {
        struct cost_counts *counts = engine->model->counts;
        double ms = (double)batch->n_rows * ENCODER_ROW_MS * engine->model->scale;
        enum job_rank rank = batch->slots[0]->rank;

        if (rank != JOB_RANK_BACKGROUND)
                engine->n_rows_ahead = batch->n_rows;
        for (size_t i = 0; i < batch->n; i++)
                batch->slots[i]->phase = PHASE_DECODE;
        counts->n_encoder_runs++;
        counts->n_encoder_windows += batch->n;
        counts->encoder_seconds[rank] += ms / 1e3;
        step_gate_pass(engine->model->gate, (nsec_t)(ms * 1e6));
}

// The rows of a slot's turn in a step that has so many already. A prompt takes what room there
// is, and goes on in the next.
static size_t cost_slot_step(struct cost_slot *slot, size_t n_before) {
        size_t n = slot->n_beams;

        if (slot->n_prompt_rows > 0) {
                n = slot->n_prompt_rows;
                if (n_before + n > DECODER_ROWS_MAX)
                        n = n_before < DECODER_ROWS_MAX ? DECODER_ROWS_MAX - n_before : 1;
                slot->n_prompt_rows -= n < slot->n_prompt_rows ? n : slot->n_prompt_rows;
        }
        if (slot->n_prompt_rows == 0)
                slot->n_steps_left -= 1;
        if (slot->n_steps_left <= 0)
                slot->phase = PHASE_DONE;
        return n;
}

static void decode(struct cost_engine *engine) {
        struct cost_counts *counts = engine->model->counts;
        size_t n_rows = 0;
        double ms;

        engine->n_rows_ahead -=
                engine->n_rows_ahead < ROWS_PER_STEP ? engine->n_rows_ahead : ROWS_PER_STEP;
        for (size_t i = 0; i < SLOTS; i++)
                if (engine->slots[i].phase == PHASE_DECODE)
                        n_rows += cost_slot_step(&engine->slots[i], n_rows);
        ms = (DECODER_STEP_MS + DECODER_ROW_MS * (double)n_rows) * engine->model->scale;
        counts->n_decoder_steps++;
        counts->n_decoder_rows += n_rows;
        counts->decoder_seconds += ms / 1e3;
        step_gate_pass(engine->model->gate, (nsec_t)(ms * 1e6));
}

static int cost_step(void *opaque) {
        struct cost_engine *engine = opaque;
        struct cost_batch batch;
        bool is_decoding = false;

        if (!step_gate_enter(engine->model->gate))
                return 0;
        for (size_t i = 0; i < SLOTS; i++)
                is_decoding = is_decoding || engine->slots[i].phase == PHASE_DECODE;
        batch_find(&batch, engine);
        if (batch.n == 0 && !is_decoding)
                return ENGINE_E_IDLE;
        engine->was_encoding = is_encoders_turn(engine, &batch, is_decoding);
        if (engine->was_encoding)
                encode(engine, &batch);
        else
                decode(engine);
        return 0;
}

static int cost_collect(void *opaque, const struct job **ret_job, int *ret_result,
                        struct hypothesis *ret_hypothesis) {
        struct cost_engine *engine = opaque;
        bool is_empty = true;

        for (size_t i = 0; i < SLOTS; i++) {
                struct cost_slot *slot = &engine->slots[i];

                is_empty = is_empty && slot->phase == PHASE_FREE;
                if (slot->phase != PHASE_DONE)
                        continue;
                *ret_job = slot->job;
                *ret_result = slot->is_cancelled ? -ECANCELED : 0;
                *ret_hypothesis = (struct hypothesis){0};
                *slot = (struct cost_slot){.phase = PHASE_FREE};
                return 0;
        }
        step_gate_tell(engine->model->gate, is_empty);
        return ENGINE_E_NONE;
}

const struct engine_ops engine_costed = {
        .name = "costed",
        .open = cost_open,
        .close = cost_close,
        .submit = cost_submit,
        .cancel = cost_cancel,
        .promote = cost_promote,
        .step = cost_step,
        .collect = cost_collect,
};
