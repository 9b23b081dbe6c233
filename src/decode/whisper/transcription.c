#include "decode/whisper/transcription.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode/whisper/attempt.h"
#include "decode/whisper/vectors.h"
#include "util/mem.h"

#define JOB_SAMPLES_MAX ((size_t)480000)  // 30 s

static bool samples_are_finite(const float *samples, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!isfinite(samples[i]))
                        return false;
        return true;
}

static int start_language(struct transcription *transcription,
                          const struct whisper_model *model) {
        const char *language = transcription->job->options.language;
        struct hypothesis *hypothesis = &transcription->hypothesis;

        transcription->language = -1;
        if (!model->info.is_multilingual) {
                if (language[0] != '\0' && strcmp(language, "en") != 0)
                        return -EINVAL;
                language = "en";
        } else if (language[0] == '\0') {
                return 0;
        } else {
                transcription->language = tokenizer_language_token(model->tokenizer, language);
                if (transcription->language < 0)
                        return -EINVAL;
        }
        memcpy(hypothesis->language, language, strlen(language) + 1);
        hypothesis->language_probability = 1;
        transcription->knows_language = true;
        return 0;
}

// Ask for the window at `seek`.
static void want_window(struct transcription *transcription,
                        const struct context_shape *shape) {
        audio_context_init(&transcription->context,
                           transcription->n_frames - transcription->seek,
                           shape ? shape : &context_shape_short);
        transcription->phase = TRANSCRIPTION_ENCODE;
}

int transcription_start(struct transcription *transcription, const struct whisper_model *model,
                        const struct job *job) {
        const struct decode_options *options = &job->options;
        int r;

        if (job->n_samples == 0 || job->n_samples > JOB_SAMPLES_MAX ||
            options->n_temperatures == 0 || options->n_temperatures > DECODE_TEMPERATURES_MAX ||
            !samples_are_finite(job->samples, job->n_samples))
                return -EINVAL;
        memset(transcription, 0, sizeof(*transcription));
        transcription->job = job;
        if ((r = start_language(transcription, model)) < 0)
                return r;
        r = prompt_encode(model->tokenizer, options->hotwords, &transcription->hotwords,
                          &transcription->n_hotwords);
        if (r == 0)
                r = prompt_encode(model->tokenizer, options->prompt, &transcription->previous,
                                  &transcription->n_previous);
        if (r < 0) {
                free(transcription->hotwords);
                return r;
        }
        prompt_extend(&transcription->previous, &transcription->n_previous,
                      options->previous_tokens, options->n_previous_tokens);
        transcription->n_frames = job->n_samples / LOG_MEL_HOP;
        transcription->hypothesis.n_consumed = (int64_t)job->n_samples;
        if (transcription->n_frames > 0)
                want_window(transcription, options->context);
        else
                transcription->phase = TRANSCRIPTION_DONE;
        return 0;
}

static void release_sequences(struct transcription *transcription, struct decoder *decoder) {
        for (size_t i = 0; i < transcription->n_sequences; i++)
                text_memory_release(&transcription->sequences[i].text, decoder);
        transcription->n_sequences = 0;
}

void transcription_clear(struct transcription *transcription, struct decoder *decoder) {
        release_sequences(transcription, decoder);
        audio_memory_release(transcription->audio);
        free(transcription->log_mel);
        free(transcription->hotwords);
        free(transcription->previous);
        transcription->phase = TRANSCRIPTION_FREE;
        transcription->job = NULL;
}

void transcription_fail(struct transcription *transcription, int result) {
        transcription->result = result;
        transcription->phase = TRANSCRIPTION_DONE;
}

// --- Windows ------------------------------------------------------------------------------

struct encoder_window transcription_window(struct transcription *transcription,
                                           const struct whisper_model *model) {
        size_t n_mels = (size_t)model->info.n_mels;
        const struct job *job = transcription->job;

        if (!transcription->log_mel) {
                transcription->log_mel =
                        xcalloc(log_mel_frames(job->n_samples) * n_mels, sizeof(float));
                log_mel_compute(model->log_mel, job->samples, job->n_samples, model->threads,
                                transcription->log_mel);
        }
        return (struct encoder_window){
                .log_mel = transcription->log_mel + transcription->seek * n_mels,
                .n_frames = transcription->n_frames - transcription->seek,
                .context = &transcription->context,
        };
}

// Sequences with the same tokens to begin with.
static void start_sequences(struct transcription *transcription, size_t n,
                            const int32_t *tokens, size_t n_tokens) {
        for (size_t i = 0; i < n; i++) {
                struct sequence *sequence = &transcription->sequences[i];

                sequence->text = (struct text_memory){0};
                memcpy(sequence->tokens, tokens, n_tokens * sizeof(*tokens));
                sequence->n_tokens = sequence->n_prompt = n_tokens;
                sequence->n_fed = 0;
                sequence->sum_logprob = 0;
                sequence->is_live = true;
                sequence->random =
                        transcription->job->id * 1000003u + transcription->seek * 31u +
                        transcription->temperature_index * TRANSCRIPTION_SEQUENCES + i;
        }
        transcription->n_sequences = n;
}

static void start_attempt(struct transcription *transcription) {
        start_sequences(transcription,
                        transcription_temperature(transcription) > 0 ? TRANSCRIPTION_SEQUENCES
                                                                     : 1,
                        transcription->prompt.tokens, transcription->prompt.n);
        transcription->phase = TRANSCRIPTION_DECODE;
}

static void start_window(struct transcription *transcription,
                         const struct whisper_model *model) {
        const struct decode_options *options = &transcription->job->options;

        transcription->prompt = prompt_build(
                tokenizer_specials(model->tokenizer),
                &(struct prompt_parts){.hotwords = transcription->hotwords,
                                       .n_hotwords = transcription->n_hotwords,
                                       .previous = transcription->previous,
                                       .n_previous = transcription->n_previous,
                                       .language = transcription->language,
                                       .task = options->task,
                                       .without_timestamps = options->without_timestamps});
        transcription->temperature_index = 0;
        transcription->has_best = transcription->has_best_short = false;
        transcription->knows_no_speech = false;
        start_attempt(transcription);
}

void transcription_on_audio(struct transcription *transcription,
                            const struct whisper_model *model, struct audio_memory *audio) {
        transcription->audio = audio;
        if (transcription->knows_language) {
                start_window(transcription, model);
                return;
        }
        start_sequences(transcription, 1,
                        &tokenizer_specials(model->tokenizer)->start_of_transcript, 1);
        transcription->phase = TRANSCRIPTION_DETECT;
}

// --- Steps --------------------------------------------------------------------------------

size_t transcription_rows(struct transcription *transcription, struct decoder_row *rows,
                          struct sequence **ret_sequences, size_t room) {
        bool is_decoding = transcription->phase == TRANSCRIPTION_DECODE;
        size_t n = 0;

        for (size_t i = 0; i < transcription->n_sequences; i++) {
                struct sequence *sequence = &transcription->sequences[i];

                for (size_t at = sequence->n_fed;
                     sequence->is_live && at < sequence->n_tokens && n < room; at++) {
                        bool is_start = is_decoding && i == 0 &&
                                        !transcription->knows_no_speech &&
                                        at == transcription->prompt.start;

                        rows[n] = (struct decoder_row){
                                .token = sequence->tokens[at],
                                .position = at,
                                .text = &sequence->text,
                                .audio = transcription->audio,
                                .wants_logits = is_start || at + 1 == sequence->n_tokens,
                        };
                        ret_sequences[n++] = sequence;
                }
        }
        return n;
}

// The likeliest language by the logits after start_of_transcript.
static void detect_language(struct transcription *transcription,
                            const struct whisper_model *model, float *logits) {
        const struct tokenizer_specials *specials = tokenizer_specials(model->tokenizer);
        float *languages = logits + specials->language_begin;
        size_t n = (size_t)specials->n_languages, best = vector_argmax(languages, n);
        const char *code;

        transcription->hypothesis.language_probability =
                expf(languages[best] - vector_log_sum_exp(languages, n));
        transcription->language = specials->language_begin + (int32_t)best;
        code = tokenizer_language_code(model->tokenizer, transcription->language);
        if (code)
                memccpy(transcription->hypothesis.language, code, '\0', LANGUAGE_CODE_MAX - 1);
        transcription->hypothesis.was_detected = true;
        transcription->knows_language = true;
}

// Add the next token to a sequence; it dies at the end of the text or of its room.
static void sample(struct transcription *transcription, const struct whisper_model *model,
                   struct sequence *sequence, float *logits) {
        const struct decode_options *options = &transcription->job->options;
        const struct tokenizer_specials *specials = tokenizer_specials(model->tokenizer);
        struct sampler_rules rules = {
                .specials = specials,
                .n_vocabulary = (size_t)model->info.n_vocabulary,
                .blank = options->suppress_blank ? model->blank : -1,
                .has_timestamps = !options->without_timestamps,
                .max_initial_timestamp =
                        (int32_t)lroundf(options->max_initial_timestamp / 0.02f),
        };
        size_t n_text = sequence->n_tokens - sequence->n_prompt;
        float logprob;
        int32_t token;

        rules.suppressed = tokenizer_suppressed(model->tokenizer, &rules.n_suppressed);
        sampler_restrict(&rules, sequence->tokens + sequence->n_prompt, n_text, logits);
        token = sampler_choose(logits, rules.n_vocabulary,
                               transcription_temperature(transcription), &sequence->random,
                               &logprob);
        sequence->sum_logprob += logprob;
        if (token == specials->end_of_text) {
                sequence->is_live = false;
                return;
        }
        sequence->tokens[sequence->n_tokens++] = token;
        if (n_text + 1 >= transcription->prompt.n_after)
                sequence->is_live = false;
}

void transcription_on_row(struct transcription *transcription,
                          const struct whisper_model *model, struct sequence *sequence,
                          const struct decoder_row *row, float *logits) {
        sequence->n_fed = row->position + 1;
        if (!row->wants_logits)
                return;
        if (transcription->phase == TRANSCRIPTION_DETECT) {
                detect_language(transcription, model, logits);
                sequence->is_live = false;
                return;
        }
        if (!transcription->knows_no_speech && row->position == transcription->prompt.start) {
                size_t n = (size_t)model->info.n_vocabulary;
                float no_speech = logits[tokenizer_specials(model->tokenizer)->no_speech];

                transcription->no_speech_prob = expf(no_speech - vector_log_sum_exp(logits, n));
                transcription->knows_no_speech = true;
        }
        if (row->position + 1 == sequence->n_tokens)
                sample(transcription, model, sequence, logits);
}

void transcription_on_step(struct transcription *transcription,
                           const struct whisper_model *model, struct decoder *decoder) {
        const struct decode_options *options = &transcription->job->options;
        struct attempt attempt;

        for (size_t i = 0; i < transcription->n_sequences; i++)
                if (transcription->sequences[i].is_live)
                        return;
        if (transcription->phase == TRANSCRIPTION_DETECT) {
                release_sequences(transcription, decoder);
                start_window(transcription, model);
                return;
        }
        attempt = attempt_judge(transcription, model);
        release_sequences(transcription, decoder);
        if (!attempt_accept(transcription, &attempt)) {
                if (transcription->context.n_rows < CONTEXT_ROWS) {
                        transcription->audio = audio_memory_release(transcription->audio);
                        want_window(transcription, &context_shape_full);
                        return;
                }
                if (transcription->temperature_index + 1 < options->n_temperatures) {
                        transcription->temperature_index++;
                        start_attempt(transcription);
                        return;
                }
                attempt = transcription->has_best_short ? transcription->best_short
                                                        : transcription->best;
        }
        transcription->seek += attempt_finish(transcription, model, &attempt);
        transcription->audio = audio_memory_release(transcription->audio);
        if (transcription->seek < transcription->n_frames)
                transcription->hypothesis.n_consumed =
                        (int64_t)(transcription->seek * LOG_MEL_HOP);
        else
                transcription->hypothesis.n_consumed = (int64_t)transcription->job->n_samples;
        if (options->is_single_pass || transcription->seek >= transcription->n_frames)
                transcription->phase = TRANSCRIPTION_DONE;
        else
                want_window(transcription, options->context);
}
