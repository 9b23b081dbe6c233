#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "decode/engine.h"
#include "decode/models.h"
#include "decode/whisper/decoder.h"
#include "decode/whisper/encoder.h"
#include "decode/whisper/model.h"
#include "decode/whisper/transcription.h"
#include "util/mem.h"

/* Jobs sit in slots. A step is either one window through the encoder or one token (or some of
 * its prompt) for every live sequence; the two take turns while there is work for both, so that
 * a sequence in mid-decode waits for one window at most. Encoded windows are the engine's
 * memory: so many may be live at once, further jobs wait in their slots. */

#define SLOTS       16
#define WINDOWS_MAX 8  // encoded and alive: 18 MB each with `base`

struct engine_state {
        const struct whisper_model *model;
        struct tensor_context *context;
        struct encoder *encoder;
        struct decoder *decoder;
        struct transcription slots[SLOTS];
        uint64_t arrivals[SLOTS];  // in which order they came
        uint64_t n_arrived;
        uint64_t n_steps;   // of the decoder
        bool was_encoding;  // the last step
};

static void engine_close(void *opaque) {
        struct engine_state *state = opaque;

        if (!state)
                return;
        for (size_t i = 0; i < SLOTS; i++) {
                if (state->slots[i].phase == TRANSCRIPTION_FREE)
                        continue;
                hypothesis_deinit(&state->slots[i].hypothesis);
                transcription_clear(&state->slots[i], state->decoder);
        }
        encoder_free(state->encoder);
        decoder_free(state->decoder);
        tensor_context_free(state->context);
        free(state);
}

static int engine_open(void **ret, const void *opaque, struct error *error) {
        const struct whisper_model *model = opaque;
        struct engine_state *state = xnew(struct engine_state);
        int r;

        state->model = model;
        omp_set_num_threads(model->threads);
        r = tensor_context_new(&state->context, error);
        if (r == 0) {
                r = encoder_new(&state->encoder, model, state->context, 1);
                if (r == 0)
                        r = decoder_new(&state->decoder, model);
                if (r < 0)
                        error_set(error, r, "no memory for an engine");
        }
        if (r < 0) {
                engine_close(state);
                return r;
        }
        *ret = state;
        return 0;
}

static int engine_submit(void *opaque, const struct job *job) {
        struct engine_state *state = opaque;

        for (size_t i = 0; i < SLOTS; i++) {
                int r;

                if (state->slots[i].phase != TRANSCRIPTION_FREE)
                        continue;
                r = transcription_start(&state->slots[i], state->model, job);
                if (r < 0) {
                        state->slots[i].phase = TRANSCRIPTION_FREE;
                        return r;
                }
                state->arrivals[i] = state->n_arrived++;
                return 0;
        }
        return ENGINE_E_FULL;
}

// Let cancelled jobs go.
static void drop_cancelled(struct engine_state *state) {
        for (size_t i = 0; i < SLOTS; i++) {
                struct transcription *transcription = &state->slots[i];

                if (transcription->phase == TRANSCRIPTION_FREE ||
                    transcription->phase == TRANSCRIPTION_DONE)
                        continue;
                if (atomic_load_explicit(&transcription->job->is_cancelled,
                                         memory_order_relaxed))
                        transcription_fail(transcription, -ECANCELED);
        }
}

// Finals before tentatives, then by deadline, then as they came.
static bool goes_before(const struct engine_state *state, const struct transcription *a,
                        const struct transcription *b) {
        if (a->job->is_final != b->job->is_final)
                return a->job->is_final;
        if (a->job->deadline != b->job->deadline)
                return a->job->deadline < b->job->deadline;
        return state->arrivals[a - state->slots] < state->arrivals[b - state->slots];
}

// Whose window to encode next, while there is room for one; NULL for nobody's.
static struct transcription *next_to_encode(struct engine_state *state) {
        struct transcription *next = NULL;
        size_t n_windows = 0;

        for (size_t i = 0; i < SLOTS; i++) {
                struct transcription *transcription = &state->slots[i];

                if (transcription->audio)
                        n_windows++;
                if (transcription->phase == TRANSCRIPTION_ENCODE &&
                    (!next || goes_before(state, transcription, next)))
                        next = transcription;
        }
        return n_windows < WINDOWS_MAX ? next : NULL;
}

static void encode(struct engine_state *state, struct transcription *transcription) {
        struct encoder_window window = transcription_window(transcription, state->model);
        struct audio_memory *audio = NULL;
        const float *features = NULL;
        int r = encoder_run(state->encoder, &window, 1, &features);

        if (r == 0)
                r = audio_memory_new(&audio, state->decoder, state->encoder, 0);
        if (r < 0)
                transcription_fail(transcription, r);
        else
                transcription_on_audio(transcription, state->model, audio);
}

static bool is_decoding(const struct transcription *transcription) {
        return transcription->phase == TRANSCRIPTION_DETECT ||
               transcription->phase == TRANSCRIPTION_DECODE;
}

// One step of a decoder batch: whose rows they are.
struct batch {
        struct decoder_row rows[DECODER_ROWS_MAX];
        struct sequence *sequences[DECODER_ROWS_MAX];
        struct transcription *owners[DECODER_ROWS_MAX];
        size_t n;
};

// Rows of all live sequences. Prompts take what is left when every slot had its turn, which
// changes with each step, so that no slot starves behind long prompts.
static void batch_gather(struct batch *batch, struct engine_state *state) {
        size_t first = state->n_steps++ % SLOTS;

        for (size_t i = 0; i < SLOTS; i++) {
                struct transcription *transcription = &state->slots[(first + i) % SLOTS];
                size_t n;

                if (!is_decoding(transcription))
                        continue;
                n = transcription_rows(transcription, batch->rows + batch->n,
                                       batch->sequences + batch->n,
                                       DECODER_ROWS_MAX - batch->n);
                for (size_t row = 0; row < n; row++)
                        batch->owners[batch->n++] = transcription;
        }
}

static void decode(struct engine_state *state) {
        size_t n_vocabulary = (size_t)state->model->info.n_vocabulary;
        struct batch batch = {.n = 0};
        float *logits = NULL;
        int r;

        batch_gather(&batch, state);
        r = decoder_step(state->decoder, batch.rows, batch.n, &logits);
        for (size_t i = 0; i < batch.n; i++) {
                if (r < 0) {
                        transcription_fail(batch.owners[i], r);
                        continue;
                }
                transcription_on_row(batch.owners[i], state->model, batch.sequences[i],
                                     &batch.rows[i], logits);
                if (batch.rows[i].wants_logits)
                        logits += n_vocabulary;
        }
        for (size_t i = 0; i < SLOTS; i++)
                if (is_decoding(&state->slots[i]))
                        transcription_on_step(&state->slots[i], state->model, state->decoder);
}

static int engine_step(void *opaque) {
        struct engine_state *state = opaque;
        struct transcription *to_encode;
        bool has_live = false;

        // OpenMP keeps its number of threads per calling thread, and open() may have been
        // called on another.
        omp_set_num_threads(state->model->threads);
        drop_cancelled(state);
        to_encode = next_to_encode(state);
        for (size_t i = 0; i < SLOTS; i++)
                has_live = has_live || is_decoding(&state->slots[i]);
        if (!to_encode && !has_live)
                return ENGINE_E_IDLE;

        state->was_encoding = to_encode && !(has_live && state->was_encoding);
        if (state->was_encoding)
                encode(state, to_encode);
        else
                decode(state);
        return 0;
}

static int engine_collect(void *opaque, const struct job **ret_job, int *ret_result,
                          struct hypothesis *ret_hypothesis) {
        struct engine_state *state = opaque;

        for (size_t i = 0; i < SLOTS; i++) {
                struct transcription *transcription = &state->slots[i];

                if (transcription->phase != TRANSCRIPTION_DONE)
                        continue;
                *ret_job = transcription->job;
                *ret_result = transcription->result;
                if (transcription->result == 0)
                        *ret_hypothesis = transcription->hypothesis;
                else
                        hypothesis_deinit(&transcription->hypothesis);
                transcription_clear(transcription, state->decoder);
                return 0;
        }
        return ENGINE_E_NONE;
}

const struct engine_ops engine_whisper = {
        .name = "whisper",
        .open = engine_open,
        .close = engine_close,
        .submit = engine_submit,
        .step = engine_step,
        .collect = engine_collect,
};
