#include "stages.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "util/mem.h"
#include "whisper/cpu/cross_kv.h"
#include "whisper/cpu/decoder.h"
#include "whisper/cpu/encoder.h"
#include "whisper/prompt.h"
#include "whisper/sampler.h"

// The short contexts and the full ones.
#define N_SHAPES 2

struct stages {
        struct team *team;
        const struct whisper_model *model;
        struct linear_context *context;
        struct encoder *encoder;
        struct decoder *decoder;
        struct cross_kv_pool *audio;
        // Of the jobs that steps listened to, so that they are encoded once.
        struct cross_kv *heard[N_SHAPES][STAGES_SEQUENCES_MAX];
        const struct job *heard_jobs[N_SHAPES][STAGES_SEQUENCES_MAX];
};

void stages_forget(struct stages *stages) {
        for (size_t shape = 0; stages && shape < N_SHAPES; shape++)
                for (size_t i = 0; i < STAGES_SEQUENCES_MAX; i++) {
                        stages->heard[shape][i] = cross_kv_release(stages->heard[shape][i]);
                        stages->heard_jobs[shape][i] = NULL;
                }
}

struct stages *stages_free(struct stages *stages) {
        if (!stages)
                return NULL;
        stages_forget(stages);
        cross_kv_pool_free(stages->audio);
        decoder_free(stages->decoder);
        encoder_free(stages->encoder);
        linear_context_free(stages->context);
        team_free(stages->team);
        free(stages);
        return NULL;
}

int stages_new(struct stages **ret, const struct whisper_model *model, struct error *error) {
        CLEANUP(stages_freep) struct stages *stages = xnew(struct stages);
        int r;

        stages->model = model;
        r = team_new(&stages->team, (size_t)model->threads, "stages");
        if (r == 0)
                r = linear_context_new(&stages->context, stages->team, error);
        if (r == 0)
                r = encoder_new(&stages->encoder, model, stages->context, stages->team);
        if (r == 0)
                r = decoder_new(&stages->decoder, model, STAGES_SEQUENCES_MAX * KV_BLOCKS,
                                stages->team);
        if (r == 0)
                r = cross_kv_pool_new(&stages->audio, model, N_SHAPES * STAGES_SEQUENCES_MAX,
                                      stages->team);
        if (r < 0)
                return r;
        *ret = TAKE(stages);
        return 0;
}

// --- Encoder ------------------------------------------------------------------------------

// A window with what it points to.
struct prepared {
        float *log_mel;
        struct audio_context context;
        struct encoder_window window;
};

static void prepared_init(struct prepared *ret, const struct whisper_model *model,
                          const struct job *job, size_t n_frames,
                          const struct context_shape *shape) {
        size_t n_whole = log_mel_frames(job->n_samples);

        ret->log_mel = xcalloc(n_whole * (size_t)model->info.n_mels, sizeof(float));
        log_mel_compute(model->log_mel, job->samples, job->n_samples, NULL, ret->log_mel);
        if (n_frames == 0 || n_frames > n_whole)
                n_frames = n_whole;
        if (n_frames > CONTEXT_FRAMES)
                n_frames = CONTEXT_FRAMES;
        context_init(&ret->context, n_frames, shape);
        ret->window = (struct encoder_window){ret->log_mel, n_frames, &ret->context};
}

double stages_encode(struct stages *stages, const struct job *job, size_t n_frames,
                     const struct context_shape *shape) {
        struct prepared prepared;
        const float *features = NULL;
        double began;
        int r;

        prepared_init(&prepared, stages->model, job, n_frames, shape);
        began = seconds_now();
        r = encoder_run(stages->encoder, &prepared.window, 1, &features);
        began = seconds_now() - began;
        free(prepared.log_mel);
        return r < 0 ? r : began;
}

void stages_log_mel(struct stages *stages, const struct job *job, FILE *file) {
        const struct whisper_model *model = stages->model;
        struct prepared prepared;

        prepared_init(&prepared, model, job, 0, &context_shape_full);
        fwrite(prepared.log_mel, sizeof(float),
               log_mel_frames(job->n_samples) * (size_t)model->info.n_mels, file);
        free(prepared.log_mel);
}

int stages_features(struct stages *stages, const struct job *job,
                    const struct context_shape *shape, FILE *file, size_t *ret_n_plain) {
        struct prepared prepared;
        const float *features = NULL;
        int r;

        // Without the frame that the sound only half fills, as the engine's peers have it.
        prepared_init(&prepared, stages->model, job, job->n_samples / LOG_MEL_HOP, shape);
        r = encoder_run(stages->encoder, &prepared.window, 1, &features);
        if (r == 0)
                fwrite(features, sizeof(float),
                       prepared.context.n_rows * (size_t)stages->model->info.n_audio_state,
                       file);
        *ret_n_plain = prepared.context.n_plain;
        free(prepared.log_mel);
        return r;
}

// What sequence i listens to.
static int listen(struct stages *stages, const struct steps_plan *plan, size_t i,
                  struct cross_kv **ret) {
        size_t shape = plan->shape == &context_shape_full ? 1 : 0;
        size_t at = i % plan->n_jobs;
        const struct job *job = plan->jobs[at];
        struct cross_kv **heard = &stages->heard[shape][at];
        struct prepared prepared;
        const float *features = NULL;
        int r = 0;

        if (stages->heard_jobs[shape][at] != job) {
                *heard = cross_kv_release(*heard);
                prepared_init(&prepared, stages->model, job, 0, plan->shape);
                r = encoder_run(stages->encoder, &prepared.window, 1, &features);
                if (r == 0)
                        r = cross_kv_compute(heard, stages->audio, stages->encoder,
                                             &prepared.window, 1);
                free(prepared.log_mel);
                stages->heard_jobs[shape][at] = r == 0 ? job : NULL;
        }
        *ret = *heard;
        return r;
}

// --- Decoder ------------------------------------------------------------------------------

// Sequences side by side, as the engine's search has them.
struct crowd {
        size_t n;
        struct decoder_row rows[STAGES_SEQUENCES_MAX];
        struct kv_cache texts[STAGES_SEQUENCES_MAX];
        struct cross_kv *audio[STAGES_SEQUENCES_MAX];          // the stages'
        int32_t tokens[STAGES_SEQUENCES_MAX][PROMPT_CONTEXT];  // after the prompt
        size_t n_tokens;
        struct sampler_rules rules;
        int32_t *suppressed;
        struct prompt prompt;
};

static void crowd_init(struct crowd *crowd, const struct whisper_model *model) {
        const struct tokenizer_specials *specials = tokenizer_specials(model->tokenizer);
        struct prompt_parts parts = {
                .language = tokenizer_language_token(model->tokenizer, "en"),
                .without_timestamps = true,
        };

        crowd->prompt = prompt_build(specials, &parts);
        crowd->rules = (struct sampler_rules){
                .specials = specials,
                .n_vocabulary = (size_t)model->info.n_vocabulary,
                .blank = model->blank,
        };
        crowd->suppressed = tokenizer_suppress(model->tokenizer, (int32_t[]){-1}, 1,
                                               &crowd->rules.n_suppressed);
        crowd->rules.suppressed = crowd->suppressed;
}

static void crowd_deinit(struct crowd *crowd, struct decoder *decoder) {
        for (size_t i = 0; i < STAGES_SEQUENCES_MAX; i++)
                kv_cache_release(&crowd->texts[i], decoder_kv_pool(decoder));
        free(crowd->suppressed);
        free(crowd);
}

// The token at `position` of all sequences, the prompt's or what was chosen last.
static int crowd_feed(struct crowd *crowd, struct decoder *decoder, size_t position,
                      float **ret_logits) {
        bool is_prompt = position < crowd->prompt.n;

        for (size_t i = 0; i < crowd->n; i++)
                crowd->rows[i] = (struct decoder_row){
                        .token = is_prompt ? crowd->prompt.tokens[position]
                                           : crowd->tokens[i][crowd->n_tokens - 1],
                        .wants_logits = position + 1 >= crowd->prompt.n,
                        .position = position,
                        .kv = &crowd->texts[i],
                        .cross_kv = crowd->audio[i],
                };
        return decoder_step(decoder, crowd->rows, crowd->n, ret_logits);
}

static void crowd_choose(struct crowd *crowd, float *logits) {
        const struct sampler_rules *rules = &crowd->rules;

        for (size_t i = 0; i < crowd->n; i++, logits += rules->n_vocabulary) {
                uint64_t random = 0;
                float logprob;

                sampler_restrict(rules, crowd->tokens[i], crowd->n_tokens, logits);
                logits[rules->specials->end_of_text] = -INFINITY;
                crowd->tokens[i][crowd->n_tokens] =
                        sampler_choose(logits, rules->n_vocabulary, 0, &random, &logprob);
        }
        crowd->n_tokens++;
}

// The prompt; the logits of the token behind it.
static int crowd_begin(struct crowd *crowd, struct decoder *decoder, float **ret_logits) {
        int r = 0;

        for (size_t at = 0; r == 0 && at < crowd->prompt.n; at++)
                r = crowd_feed(crowd, decoder, at, ret_logits);
        return r == 0 && !*ret_logits ? -EIO : r;
}

// Prompt and n_tokens tokens; the seconds of each step behind the prompt into ret[n_tokens].
static int crowd_run(struct crowd *crowd, struct decoder *decoder, size_t n_tokens,
                     double *ret) {
        float *logits = NULL;
        int r = crowd_begin(crowd, decoder, &logits);

        if (r < 0)
                return r;
        crowd_choose(crowd, logits);
        for (size_t i = 0; i < n_tokens; i++) {
                double began = seconds_now();

                r = crowd_feed(crowd, decoder, crowd->prompt.n + i, &logits);
                if (r < 0)
                        return r;
                crowd_choose(crowd, logits);
                ret[i] = seconds_now() - began;
        }
        return 0;
}

double stages_steps(struct stages *stages, const struct steps_plan *plan, double *ret_n_keys) {
        struct crowd *crowd;
        double seconds[PROMPT_CONTEXT] = {0}, n_keys = 0;
        int r = 0;

        if (plan->n_sequences < 1 || plan->n_sequences > STAGES_SEQUENCES_MAX ||
            plan->n_jobs < 1 || plan->n_tokens < 1 || plan->n_tokens > PROMPT_CONTEXT / 2)
                return -EINVAL;
        crowd = xnew(struct crowd);
        crowd_init(crowd, stages->model);
        crowd->n = plan->n_sequences;
        for (size_t i = 0; r == 0 && i < crowd->n; i++) {
                r = listen(stages, plan, i, &crowd->audio[i]);
                if (r == 0)
                        n_keys += (double)crowd->audio[i]->n_keys;
        }
        if (r == 0)
                r = crowd_run(crowd, stages->decoder, plan->n_tokens, seconds);
        *ret_n_keys = n_keys / (double)crowd->n;
        crowd_deinit(crowd, stages->decoder);
        if (r < 0)
                return r;
        doubles_sort(seconds, plan->n_tokens);
        return seconds[plan->n_tokens / 2];
}

double stages_first_token(struct stages *stages, const struct job *job) {
        double began = seconds_now(), n_keys;
        struct steps_plan plan = {.jobs = (struct job *const[]){(struct job *)(uintptr_t)job},
                                  .n_jobs = 1,
                                  .n_sequences = 1,
                                  .n_tokens = 1,
                                  .shape = &context_shape_short};
        double r = stages_steps(stages, &plan, &n_keys);

        return r < 0 ? r : seconds_now() - began;
}

// The logits behind the prompt and the tokens of a crowd of one; n_given 0: of those it
// chooses.
static int crowd_write(struct crowd *crowd, struct decoder *decoder, const int32_t *given,
                       size_t n_given, FILE *file) {
        size_t n_words = (size_t)crowd->rules.specials->end_of_text;
        size_t n_most = n_given ? n_given : STAGES_TOKENS_MAX;
        float *logits = NULL;
        int r = crowd_begin(crowd, decoder, &logits);

        while (r == 0) {
                uint64_t random = 0;
                float logprob;
                int32_t token;

                fwrite(logits, sizeof(*logits), crowd->rules.n_vocabulary, file);
                if (crowd->n_tokens == n_most)
                        break;
                token = n_given ? given[crowd->n_tokens]
                                : sampler_choose(logits, n_words + 1, 0, &random, &logprob);
                if (token == crowd->rules.specials->end_of_text)
                        break;
                crowd->tokens[0][crowd->n_tokens++] = token;
                r = crowd_feed(crowd, decoder, crowd->prompt.n + crowd->n_tokens - 1, &logits);
        }
        return r;
}

int stages_logits(struct stages *stages, const struct job *job, int32_t *tokens,
                  size_t *n_tokens, FILE *file) {
        struct steps_plan plan = {.jobs = (struct job *const[]){(struct job *)(uintptr_t)job},
                                  .n_jobs = 1,
                                  .shape = &context_shape_short};
        struct crowd *crowd = xnew(struct crowd);
        int r;

        crowd_init(crowd, stages->model);
        crowd->n = 1;
        r = listen(stages, &plan, 0, &crowd->audio[0]);
        if (r == 0)
                r = crowd_write(crowd, stages->decoder, tokens, *n_tokens, file);
        *n_tokens = crowd->n_tokens;
        memcpy(tokens, crowd->tokens[0], crowd->n_tokens * sizeof(*tokens));
        crowd_deinit(crowd, stages->decoder);
        return r;
}
