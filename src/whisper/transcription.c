#include "whisper/transcription.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "decode/filter.h"
#include "util/mem.h"
#include "whisper/aligner.h"
#include "whisper/attempt.h"
#include "whisper/cpu/vectors.h"

static bool samples_are_finite(const float *samples, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!isfinite(samples[i]))
                        return false;
        return true;
}

static bool options_are_valid(const struct decode_options *options) {
        return options->n_temperatures > 0 &&
               options->n_temperatures <= DECODE_TEMPERATURES_MAX && options->best_of > 0 &&
               options->beam_size <= DECODE_WIDTH_MAX && options->best_of <= DECODE_WIDTH_MAX &&
               options->patience > 0;
}

// Nobody has decided: greedy.
static unsigned count_beams(const struct decode_options *options) {
        return options->beam_size == DECODE_BEAM_AUTO ? 1 : options->beam_size;
}

// The language is detected for each window anew.
static bool is_following(const struct transcription *transcription,
                         const struct whisper_model *model) {
        return model->info.is_multilingual &&
               transcription->job->options.multilingual == DECODE_YES;
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
        } else if (language[0] == '\0' || is_following(transcription, model)) {
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
        context_init(&transcription->context, transcription_window_frames(transcription),
                     shape ? shape : &context_shape_short);
        transcription->phase = TRANSCRIPTION_ENCODE;
}

// The tokens that are tokens, of what the job says is probably said: for its first window.
static void take_job_draft(struct transcription *transcription,
                           const struct whisper_model *model) {
        const struct decode_options *options = &transcription->job->options;
        size_t n = 0;

        while (n < options->n_draft_tokens && options->draft_tokens[n] >= 0 &&
               options->draft_tokens[n] < model->info.n_vocabulary)
                n++;
        transcription->draft = options->draft_tokens;
        transcription->n_draft = n;
}

int transcription_start(struct transcription *transcription, const struct whisper_model *model,
                        const struct job *job) {
        const struct decode_options *options = &job->options;
        int r;

        if (job->n_samples == 0 || job->n_samples > (size_t)JOB_SAMPLES_MAX ||
            !options_are_valid(options) || !samples_are_finite(job->samples, job->n_samples))
                return -EINVAL;
        memset(transcription, 0, sizeof(*transcription));
        transcription->job = job;
        if ((r = start_language(transcription, model)) < 0)
                return r;
        if ((r = prompt_encode(model->tokenizer, options, &transcription->texts)) < 0)
                return r;
        prompt_extend(&transcription->previous, &transcription->n_previous,
                      transcription->texts.prompt.items, transcription->texts.prompt.n);
        transcription->suppressed =
                tokenizer_suppress(model->tokenizer, options->suppress_tokens,
                                   options->n_suppress_tokens, &transcription->n_suppressed);
        prompt_extend(&transcription->previous, &transcription->n_previous,
                      options->previous_tokens, options->n_previous_tokens);
        transcription->n_told = transcription->n_previous;
        transcription->end = transcription->n_frames = job->n_samples / LOG_MEL_HOP;
        transcription->hypothesis.n_consumed = (int64_t)job->n_samples;
        take_job_draft(transcription, model);
        if (transcription->n_frames > 0 &&
            !(options->only_detects_language && transcription->knows_language))
                want_window(transcription, options->context);
        else
                transcription->phase = TRANSCRIPTION_DONE;
        return 0;
}

void transcription_clear(struct transcription *transcription, struct decoder *decoder) {
        retries_end(&transcription->retries);
        search_clear(&transcription->search, decoder_kv_pool(decoder));
        transcription->aligner = aligner_free(transcription->aligner, decoder_kv_pool(decoder));
        transcription->cross_kv = cross_kv_release(transcription->cross_kv);
        free(transcription->log_mel);
        prompt_texts_deinit(&transcription->texts);
        free(transcription->previous);
        free(transcription->suppressed);
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
                size_t begin = transcription->mel_begin * LOG_MEL_HOP, n = job->n_samples;

                if (transcription->is_second)
                        n = transcription_window_frames(transcription) * LOG_MEL_HOP;
                transcription->log_mel = xcalloc(log_mel_frames(n) * n_mels, sizeof(float));
                log_mel_compute(model->log_mel, job->samples + begin, n, model->threads,
                                transcription->log_mel);
        }
        return (struct encoder_window){
                .log_mel = transcription->log_mel +
                           (transcription->seek - transcription->mel_begin) * n_mels,
                .n_frames = transcription_window_frames(transcription),
                .context = &transcription->context,
        };
}

static void start_attempt(struct transcription *transcription, struct decoder *decoder) {
        const struct decode_options *options = &transcription->job->options;
        const struct prompt *prompt = &transcription->prompt;
        float temperature = transcription_temperature(transcription);
        unsigned n_beams = count_beams(options);
        bool is_greedy = temperature <= 0 && n_beams == 1;

        search_start(&transcription->search,
                     &(struct search_plan){
                             .width = temperature > 0 ? options->best_of : n_beams,
                             .is_beam = temperature <= 0 && n_beams > 1,
                             .temperature = temperature,
                             .patience = options->patience,
                             .length_penalty = options->length_penalty,
                             .n_text_max = prompt->n_after,
                             .draft = transcription->draft,
                             .n_draft = is_greedy ? transcription->n_draft : 0,
                             .seed = transcription->job->id * 1000003u +
                                     transcription->seek * 31u +
                                     transcription->temperature_index * DECODE_WIDTH_MAX},
                     prompt->tokens, prompt->n, decoder_kv_pool(decoder));
        transcription->phase = TRANSCRIPTION_DECODE;
}

static void start_window(struct transcription *transcription, const struct whisper_model *model,
                         struct decoder *decoder) {
        const struct decode_options *options = &transcription->job->options;
        // The first window of whoever seeks through a file has nothing behind it either.
        bool is_first = transcription->seek == 0 && options->n_previous_tokens == 0 &&
                        !transcription->is_second;

        transcription->prompt = prompt_build(
                tokenizer_specials(model->tokenizer),
                &(struct prompt_parts){.hotwords = transcription->texts.hotwords.items,
                                       .n_hotwords = transcription->texts.hotwords.n,
                                       .previous = transcription->previous,
                                       .n_previous = transcription->n_previous,
                                       .prefix = transcription->texts.prefix.items,
                                       .n_prefix = is_first ? transcription->texts.prefix.n : 0,
                                       .language = transcription->language,
                                       .task = options->task,
                                       .without_timestamps =
                                               options->without_timestamps == DECODE_YES,
                                       .n_text_max = options->max_new_tokens});
        transcription->temperature_index = 0;
        transcription->knows_no_speech = false;
        start_attempt(transcription, decoder);
}

// --- Steps --------------------------------------------------------------------------------

size_t transcription_blocks(const struct transcription *transcription) {
        const struct decode_options *options = &transcription->job->options;
        unsigned width = 1;

        for (size_t i = 0; i < options->n_temperatures; i++) {
                unsigned n =
                        options->temperatures[i] > 0 ? options->best_of : count_beams(options);

                width = width < n ? n : width;
        }
        return search_blocks(width);
}

// The prompt's row whose logits tell whether there is speech.
static bool tells_speech(const struct transcription *transcription,
                         const struct decoder_row *row) {
        return transcription->phase == TRANSCRIPTION_DECODE &&
               !transcription->knows_no_speech && row->position == transcription->prompt.start;
}

size_t transcription_width(const struct transcription *transcription) {
        return transcription->aligner ? 1 : transcription->search.n_sequences;
}

static const struct decoder_alignment *capture_take(struct capture *capture,
                                                    const struct whisper_model *model) {
        size_t n = model->n_alignment_heads;

        capture->alignment = (struct decoder_alignment){
                .heads = model->alignment_heads,
                .n_heads = n < CAPTURE_HEADS ? n : CAPTURE_HEADS,
                .peaks = capture->peaks,
        };
        return &capture->alignment;
}

size_t transcription_rows(struct transcription *transcription,
                          const struct whisper_model *model, struct decoder_row *rows,
                          struct sequence **ret_sequences, size_t room) {
        bool is_aligning = transcription->phase == TRANSCRIPTION_ALIGN;
        size_t n = is_aligning ? aligner_rows(transcription->aligner, rows, room)
                               : search_rows(&transcription->search, rows, ret_sequences, room);

        for (size_t i = 0; i < n; i++) {
                rows[i].cross_kv = transcription->cross_kv;
                if (is_aligning)
                        ret_sequences[i] = NULL;
                rows[i].wants_logits =
                        rows[i].wants_logits || tells_speech(transcription, &rows[i]);
                if (transcription->phase == TRANSCRIPTION_DECODE && rows[i].wants_logits)
                        rows[i].alignment = capture_take(&transcription->captures[i], model);
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

static struct sampler_rules make_rules(const struct transcription *transcription,
                                       const struct whisper_model *model) {
        const struct decode_options *options = &transcription->job->options;
        struct sampler_rules rules = {
                .specials = tokenizer_specials(model->tokenizer),
                .n_vocabulary = (size_t)model->info.n_vocabulary,
                .blank = options->suppress_blank ? model->blank : -1,
                .suppressed = transcription->suppressed,
                .n_suppressed = transcription->n_suppressed,
                .has_timestamps = options->without_timestamps != DECODE_YES,
                .max_initial_timestamp =
                        (int32_t)lroundf(options->max_initial_timestamp / 0.02f),
                .repetition_penalty = options->repetition_penalty,
                .no_repeat_ngram_size = options->no_repeat_ngram_size,
        };

        return rules;
}

void transcription_on_row(struct transcription *transcription,
                          const struct whisper_model *model, struct sequence *sequence,
                          const struct decoder_row *row, float *logits) {
        struct sampler_rules rules = make_rules(transcription, model);

        if (transcription->phase == TRANSCRIPTION_ALIGN) {
                aligner_on_row(transcription->aligner, row, logits);
                return;
        }
        if (transcription->phase == TRANSCRIPTION_DETECT) {
                detect_language(transcription, model, logits);
                return;
        }
        if (tells_speech(transcription, row)) {
                float no_speech = logits[rules.specials->no_speech];

                transcription->no_speech_prob =
                        expf(no_speech - vector_log_sum_exp(logits, rules.n_vocabulary));
                transcription->knows_no_speech = true;
        }
        search_on_row(&transcription->search, &rules, sequence, row, logits);
}

void transcription_hear_again(struct transcription *transcription,
                              const struct unheard *unheard) {
        if (transcription->n_unheard < UNHEARD_MAX)
                transcription->unheard[transcription->n_unheard++] = *unheard;
}

// The job is through: go on with a stretch of it that was missed. False when none is left.
static bool take_unheard(struct transcription *transcription) {
        const struct unheard *unheard = &transcription->unheard[0];

        if (transcription->n_unheard == 0)
                return false;
        transcription->is_second = true;
        transcription->seek = (size_t)unheard->begin / LOG_MEL_HOP;
        transcription->end = (size_t)unheard->end / LOG_MEL_HOP;
        transcription->last_speech = (double)unheard->begin / AUDIO_RATE;
        // It does not follow what was said in the job.
        if (transcription->n_previous > transcription->n_told)
                transcription->n_previous = transcription->n_told;
        // Its loudest is its own, and so is what is silence beside it.
        free(transcription->log_mel);
        transcription->log_mel = NULL;
        transcription->mel_begin = transcription->seek;
        memmove(transcription->unheard, transcription->unheard + 1,
                --transcription->n_unheard * sizeof(*unheard));
        return true;
}

// The window's best attempt becomes segments; then the next window, or the end.
static void finish_window(struct transcription *transcription,
                          const struct whisper_model *model, struct timed_words *words) {
        const struct decode_options *options = &transcription->job->options;
        bool wants_words = options->word_timestamps == DECODE_YES;
        size_t n_heard = attempt_heard(transcription, &transcription->best, model, words);

        transcription->seek += attempt_finish(transcription, model, &transcription->best,
                                              wants_words ? words : NULL, n_heard);
        transcription->cross_kv = cross_kv_release(transcription->cross_kv);
        transcription->n_draft = 0;
        transcription->retries.is_one = false;
        transcription->has_best = transcription->has_best_short = false;
        transcription->hypothesis.n_consumed =
                transcription->seek < transcription->n_frames && !transcription->is_second
                        ? (int64_t)(transcription->seek * LOG_MEL_HOP)
                        : (int64_t)transcription->job->n_samples;
        if (is_following(transcription, model))
                transcription->knows_language = false;
        if (options->is_single_pass ||
            (transcription->seek >= transcription->end && !take_unheard(transcription)))
                transcription->phase = TRANSCRIPTION_DONE;
        else
                want_window(transcription, options->context);
}

// Align the best attempt where its words are wanted, or have to tell where it ends, and it is
// one that is told.
static void align_or_finish(struct transcription *transcription,
                            const struct whisper_model *model) {
        const struct decode_options *options = &transcription->job->options;
        const struct attempt *best = &transcription->best;
        int r = -ENODATA;

        if ((options->word_timestamps == DECODE_YES ||
             attempt_goes_on(transcription, best, model)) &&
            !attempt_is_silence(transcription, best))
                r = aligner_new(&transcription->aligner, model,
                                &(struct aligner_text){
                                        .language = transcription->language,
                                        .task = options->task,
                                        .tokens = best->tokens,
                                        .n_tokens = best->n,
                                        .n_keys = transcription->context.n_rows,
                                        .n_frames = attempt_reach(transcription, best, model),
                                });
        if (r == 0)
                transcription->phase = TRANSCRIPTION_ALIGN;
        else if (r == -ENODATA)
                finish_window(transcription, model, NULL);
        else
                transcription_fail(transcription, r);
}

static void on_align_step(struct transcription *transcription,
                          const struct whisper_model *model, struct decoder *decoder) {
        struct timed_words words;

        if (!aligner_is_done(transcription->aligner))
                return;
        aligner_words(transcription->aligner, &transcription->job->options,
                      (double)transcription->seek * LOG_MEL_HOP / AUDIO_RATE, &words);
        transcription->aligner = aligner_free(transcription->aligner, decoder_kv_pool(decoder));
        finish_window(transcription, model, &words);
        word_timestamps_deinit(&words);
}

// The budget for retries is spent: the best text so far stands.
static void settle_for_best(struct transcription *transcription,
                            const struct whisper_model *model, struct decoder *decoder) {
        search_forget(&transcription->search, decoder_kv_pool(decoder));
        if (transcription->has_best_short)
                transcription->best = transcription->best_short;
        align_or_finish(transcription, model);
}

// The text was doubtful: hear the window with all of its padding, or try the next temperature.
// False when there is none left, or nothing left to spend on it.
static bool try_again(struct transcription *transcription, const struct attempt *attempt,
                      struct decoder *decoder) {
        const struct job *job = transcription->job;
        bool is_short = transcription->context.n_rows < CONTEXT_ROWS;

        if (!is_short && transcription->temperature_index + 1 >= job->options.n_temperatures)
                return false;
        if (!retries_begin(&transcription->retries, job)) {
                transcription->hypothesis.n_given_up += job->rank != JOB_RANK_PARTIAL;
                return false;
        }
        attempt_count_retry(transcription, attempt);
        if (!is_short) {
                transcription->temperature_index++;
                start_attempt(transcription, decoder);
                return true;
        }
        search_forget(&transcription->search, decoder_kv_pool(decoder));
        transcription->cross_kv = cross_kv_release(transcription->cross_kv);
        // Much of it will be said again.
        transcription->draft = transcription->best.tokens;
        transcription->n_draft = transcription->best.n;
        want_window(transcription, &context_shape_full);
        return true;
}

void transcription_poll(struct transcription *transcription) {
        if (transcription->phase == TRANSCRIPTION_ENCODE &&
            transcription->context.n_rows == CONTEXT_ROWS &&
            retries_are_over(&transcription->retries, transcription->job))
                want_window(transcription, transcription->job->options.context);
}

void transcription_on_audio(struct transcription *transcription,
                            const struct whisper_model *model, struct cross_kv *cross_kv,
                            struct decoder *decoder) {
        transcription->cross_kv = cross_kv;
        if (retries_are_over(&transcription->retries, transcription->job)) {
                transcription->hypothesis.n_given_up++;
                settle_for_best(transcription, model, decoder);
                return;
        }
        if (transcription->knows_language) {
                start_window(transcription, model, decoder);
                return;
        }
        search_start(&transcription->search, &(struct search_plan){.width = 1},
                     &tokenizer_specials(model->tokenizer)->start_of_transcript, 1,
                     decoder_kv_pool(decoder));
        transcription->phase = TRANSCRIPTION_DETECT;
}

// A window's first text goes round in circles, and would until its room ends, seconds later. A
// text with timestamps has segments before the circle that are worth having.
static bool goes_in_circles(const struct transcription *transcription) {
        const struct decode_options *options = &transcription->job->options;
        size_t n;
        const int32_t *tokens = search_text(&transcription->search, &n);

        return options->without_timestamps == DECODE_YES && !transcription->retries.is_one &&
               n > 0 && filter_goes_in_circles(options, tokens, n);
}

static void on_decode_step(struct transcription *transcription,
                           const struct whisper_model *model, struct decoder *decoder) {
        struct sampler_rules rules = make_rules(transcription, model);
        bool is_over = search_on_step(&transcription->search, &rules, decoder_kv_pool(decoder));
        struct attempt attempt;

        if (!is_over && goes_in_circles(transcription)) {
                search_stop(&transcription->search);
                is_over = true;
        }
        if (!is_over) {
                if (!retries_are_over(&transcription->retries, transcription->job))
                        return;
                transcription->hypothesis.n_given_up++;
        } else {
                attempt = attempt_judge(transcription, model);
                if (attempt_accept(transcription, &attempt)) {
                        search_forget(&transcription->search, decoder_kv_pool(decoder));
                        transcription->best = attempt;
                        align_or_finish(transcription, model);
                        return;
                }
                if (try_again(transcription, &attempt, decoder))
                        return;
        }
        settle_for_best(transcription, model, decoder);
}

void transcription_on_step(struct transcription *transcription,
                           const struct whisper_model *model, struct decoder *decoder) {
        if (transcription->phase == TRANSCRIPTION_ALIGN) {
                on_align_step(transcription, model, decoder);
        } else if (transcription->phase == TRANSCRIPTION_DECODE) {
                on_decode_step(transcription, model, decoder);
        } else if (transcription->knows_language) {
                search_forget(&transcription->search, decoder_kv_pool(decoder));
                if (transcription->job->options.only_detects_language) {
                        transcription->cross_kv = cross_kv_release(transcription->cross_kv);
                        transcription->phase = TRANSCRIPTION_DONE;
                        return;
                }
                start_window(transcription, model, decoder);
        }
}
