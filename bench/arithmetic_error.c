// arithmetic_error: how far another arithmetic's results lie from float32's on the same sounds.
//
//     arithmetic_error MODEL COMPUTE... < SOUNDS        (at most three; SOUNDS as for
//     engine_dump)
//
// Each sound, at most 30 s of it and taken for English, in its short context. Float32 chooses
// the tokens, greedily and without timestamps; the others are given the same ones. Prints for
// each COMPUTE the relative error of the encoder's output, that of the logits (less their
// mean), the mean Kullback-Leibler divergence of the next token's distribution, and how often
// another token would have been chosen. One thread: it is right on a busy machine, too. Far
// less noisy than a word error rate: a change of the arithmetic shows in half a minute of
// sound.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "util/mem.h"
#include "whisper/context.h"
#include "whisper/cpu/cross_kv.h"
#include "whisper/cpu/decoder.h"
#include "whisper/cpu/vectors.h"
#include "whisper/prompt.h"

#define TOKENS_MAX 200  // of one sound
#define SIDES_MAX  4

// One arithmetic.
struct side {
        const char *name;
        struct whisper_model *model;
        struct linear_context *context;
        struct encoder *encoder;
        struct cross_kv_pool *pool;
        struct decoder *decoder;
        double encoder_error, encoder_power, logits_error, logits_power, divergence;
        size_t n_tokens, n_others;
};

static int side_open(struct side *side, const char *path, enum compute compute) {
        struct error error = {0};

        if (whisper_model_load(&side->model, path, 1, compute, &error) < 0) {
                fprintf(stderr, "arithmetic_error: %s\n", error.text);
                return -1;
        }
        if (linear_context_new(&side->context, NULL) < 0 ||
            encoder_new(&side->encoder, side->model, side->context) < 0 ||
            cross_kv_pool_new(&side->pool, side->model, 1) < 0)
                return -1;
        return decoder_new(&side->decoder, side->model, KV_BLOCKS);
}

static void side_close(struct side *side) {
        decoder_free(side->decoder);
        cross_kv_pool_free(side->pool);
        encoder_free(side->encoder);
        linear_context_free(side->context);
        whisper_model_free(side->model);
}

// A sound on its way through all sides: what float32 found.
struct sound {
        struct encoder_window window;
        size_t n_features;
        float *features;
        int32_t tokens[TOKENS_MAX];
        size_t n_prompt, n_tokens;
        float *logits;  // [TOKENS_MAX, n_vocabulary], of the token behind each
};

static void compare_features(struct side *side, const struct sound *sound, const float *found) {
        for (size_t i = 0; i < sound->n_features; i++) {
                double x = (double)sound->features[i], difference = (double)found[i] - x;

                side->encoder_error += difference * difference;
                side->encoder_power += x * x;
        }
}

static void compare_logits(struct side *side, const float *expected, const float *found,
                           size_t n) {
        double mean = 0, found_mean = 0, divergence = 0;
        double total = (double)vector_log_sum_exp(expected, n);
        double found_total = (double)vector_log_sum_exp(found, n);

        for (size_t i = 0; i < n; i++) {
                mean += (double)expected[i] / (double)n;
                found_mean += (double)found[i] / (double)n;
        }
        for (size_t i = 0; i < n; i++) {
                double x = (double)expected[i], y = (double)found[i];

                side->logits_power += (x - mean) * (x - mean);
                side->logits_error += (y - found_mean - x + mean) * (y - found_mean - x + mean);
                divergence += exp(x - total) * (x - total - y + found_total);
        }
        side->divergence += divergence;
        side->n_tokens++;
        side->n_others += vector_argmax(expected, n) != vector_argmax(found, n);
}

// The sound's tokens fed one by one: chosen by the reference, compared by others.
static void decode(struct side *side, struct sound *sound, const struct cross_kv *audio,
                   bool is_reference) {
        size_t n = (size_t)side->model->info.n_vocabulary;
        int32_t end = tokenizer_specials(side->model->tokenizer)->end_of_text;
        struct kv_cache text = {0};

        for (size_t i = 0; i < sound->n_tokens; i++) {
                struct decoder_row row = {.token = sound->tokens[i],
                                          .wants_logits = i + 1 >= sound->n_prompt,
                                          .position = i,
                                          .kv = &text,
                                          .cross_kv = audio};
                float *expected = sound->logits + i * n, *logits = NULL;

                if (decoder_step(side->decoder, &row, 1, &logits) < 0)
                        abort();
                if (!row.wants_logits)
                        continue;
                if (!is_reference) {
                        compare_logits(side, expected, logits, n);
                        continue;
                }
                memcpy(expected, logits, n * sizeof(*logits));
                if (i + 1 < TOKENS_MAX && i + 1 == sound->n_tokens) {
                        int32_t token = (int32_t)vector_argmax(logits, (size_t)end + 1);

                        if (token != end)
                                sound->tokens[sound->n_tokens++] = token;
                }
        }
        kv_cache_release(&text, decoder_kv_pool(side->decoder));
}

static void run(struct side *side, struct sound *sound, bool is_reference) {
        const float *features = NULL;
        struct cross_kv *audio = NULL;

        if (encoder_run(side->encoder, &sound->window, 1, &features) < 0)
                abort();
        if (is_reference) {
                sound->n_features = sound->window.context->n_plain *
                                    (size_t)side->model->info.n_audio_state;
                memcpy(sound->features, features, sound->n_features * sizeof(*features));
        } else {
                compare_features(side, sound, features);
        }
        if (cross_kv_compute(&audio, side->pool, side->encoder, &sound->window, 1) < 0)
                abort();
        decode(side, sound, audio, is_reference);
        cross_kv_release(audio);
}

static void run_all(struct side *sides, size_t n_sides, const struct job *job,
                    struct sound *sound) {
        const struct whisper_model *model = sides[0].model;
        const struct tokenizer_specials *specials = tokenizer_specials(model->tokenizer);
        struct prompt prompt = prompt_build(
                specials, &(struct prompt_parts){
                                  .language = tokenizer_language_token(model->tokenizer, "en"),
                                  .without_timestamps = true});
        struct audio_context context;
        size_t n = log_mel_frames(job->n_samples) * (size_t)model->info.n_mels;
        float *frames = xcalloc(n, sizeof(*frames));

        log_mel_compute(model->log_mel, job->samples, job->n_samples, 1, frames);
        sound->window = (struct encoder_window){.log_mel = frames,
                                                .n_frames = job->n_samples / LOG_MEL_HOP,
                                                .context = &context};
        if (sound->window.n_frames > CONTEXT_FRAMES)
                sound->window.n_frames = CONTEXT_FRAMES;
        audio_context_init(&context, sound->window.n_frames, &context_shape_short);
        memcpy(sound->tokens, prompt.tokens, prompt.n * sizeof(*prompt.tokens));
        sound->n_prompt = sound->n_tokens = prompt.n;
        for (size_t i = 0; i < n_sides; i++)
                run(&sides[i], sound, i == 0);
        free(frames);
}

static void side_print(const struct side *side) {
        printf("%s: encoder %.2f %%, logits %.2f %%, divergence %.5f, other tokens %zu of "
               "%zu\n",
               side->name, 100 * sqrt(side->encoder_error / side->encoder_power),
               100 * sqrt(side->logits_error / side->logits_power),
               side->divergence / (double)side->n_tokens, side->n_others, side->n_tokens);
}

int main(int argc, char **argv) {
        struct side sides[SIDES_MAX] = {{.name = "float32"}};
        size_t n_sides = 1;
        struct sound sound = {0};
        struct job *job;
        struct decode_options options = decode_options_default();

        if (argc < 3) {
                fprintf(stderr, "usage: arithmetic_error MODEL COMPUTE...\n");
                return 2;
        }
        if (side_open(&sides[0], argv[1], COMPUTE_FLOAT32) < 0)
                return 3;
        for (int i = 2; i < argc && n_sides < SIDES_MAX; i++) {
                enum compute compute;

                sides[n_sides].name = argv[i];
                if (!compute_parse(&compute, argv[i]) ||
                    side_open(&sides[n_sides++], argv[1], compute) < 0)
                        return 3;
        }
        sound.features = xcalloc((size_t)CONTEXT_ROWS * MODEL_STATE_MAX, sizeof(float));
        sound.logits =
                xcalloc(TOKENS_MAX * (size_t)sides[0].model->info.n_vocabulary, sizeof(float));
        while ((job = job_read(stdin, &options, 0)) != NULL) {
                run_all(sides, n_sides, job, &sound);
                job_free(job);
        }
        for (size_t i = 1; i < n_sides; i++)
                side_print(&sides[i]);
        for (size_t i = 0; i < n_sides; i++)
                side_close(&sides[i]);
        free(sound.features);
        free(sound.logits);
        return 0;
}
