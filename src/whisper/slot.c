#include "whisper/slot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "audio/pcm.h"
#include "decode/filter.h"
#include "util/mem.h"
#include "whisper/cpu/vectors.h"
#include "whisper/detection.h"
#include "whisper/lead.h"

static bool options_are_valid(const struct decode_options *options) {
        return options->n_temperatures > 0 &&
               options->n_temperatures <= DECODE_TEMPERATURES_MAX && options->best_of > 0 &&
               options->best_of <= DECODE_WIDTH_MAX && options->patience > 0;
}

static bool job_is_valid(const struct job *job) {
        return job->n_samples > 0 && job->n_samples <= (size_t)JOB_SAMPLES_MAX &&
               options_are_valid(&job->settings->options) &&
               job->hints.beam_size <= DECODE_WIDTH_MAX &&
               pcm_is_finite(job->samples, job->n_samples);
}

// Nobody has decided: greedy.
static unsigned count_beams(const struct job *job) {
        return job->hints.beam_size == DECODE_BEAM_AUTO ? 1 : job->hints.beam_size;
}

// Frames of the job.
static size_t job_frames(const struct job *job) {
        return job->n_samples / LOG_MEL_HOP;
}

static const struct decode_options *options_of(const struct slot *slot) {
        return &slot->job->settings->options;
}

// The language is detected for each window anew.
static bool is_following(const struct slot *slot) {
        return slot->model->info.is_multilingual &&
               options_of(slot)->multilingual == DECODE_YES;
}

// The language that the job names, or that the model has; "" when it is to be detected.
static int find_language(struct slot *slot, const char **ret) {
        const char *language = slot->job->hints.language;

        slot->language = -1;
        *ret = language;
        if (!slot->model->info.is_multilingual) {
                if (language[0] != '\0' && strcmp(language, "en") != 0)
                        return -EINVAL;
                *ret = "en";
        } else if (is_following(slot)) {
                *ret = "";
        } else if (language[0] != '\0') {
                slot->language = tokenizer_language_token(slot->model->tokenizer, language);
                if (slot->language < 0)
                        return -EINVAL;
        }
        slot->knows_language = (*ret)[0] != '\0';
        return 0;
}

static void tell_language(struct hypothesis *hypothesis, const char *code, float probability) {
        if (code[0] == '\0')
                return;
        memccpy(hypothesis->language, code, '\0', LANGUAGE_CODE_MAX - 1);
        hypothesis->language_probability = probability;
}

static void want_window_in(struct slot *slot, const struct context_shape *shape) {
        context_init(&slot->context, slot->n_lead + attempt_window_frames(&slot->window),
                     shape);
        slot->phase = SLOT_ENCODE;
}

// Hear the job's lead with its first window, if it can be.
static void take_lead(struct slot *slot) {
        if (slot->knows_language)
                slot->n_lead = lead_frames(slot->job, slot->model);
}

// Hear the job's sound alone from now on.
static void leave_lead(struct slot *slot) {
        if (slot->n_lead == 0)
                return;
        slot->n_lead = 0;
        free(slot->log_mel);
        slot->log_mel = NULL;
}

// Ask for the window, in the job's context.
static void want_window(struct slot *slot) {
        const struct context_shape *shape = &slot->job->hints.context;

        want_window_in(slot, shape->stride > 0 ? shape : &context_shape_short);
}

// The tokens that are tokens, of what the job says is probably said: for its first window.
static void take_job_draft(struct slot *slot) {
        const struct job_hints *hints = &slot->job->hints;
        size_t n = 0;

        while (n < hints->n_draft_tokens && hints->draft_tokens[n] >= 0 &&
               hints->draft_tokens[n] < slot->model->info.n_vocabulary)
                n++;
        slot->draft = hints->draft_tokens;
        slot->n_draft = n;
}

int slot_start(struct slot *slot, const struct whisper_model *model, struct kv_pool *pool,
               struct fallback_pot *pot, struct team *team, const struct job *job) {
        const struct decode_options *options = &job->settings->options;
        const struct tokenizer *tokenizer = model->tokenizer;
        const char *language;
        int r;

        if (!job_is_valid(job))
                return -EINVAL;
        memset(slot, 0, sizeof(*slot));
        slot->model = model;
        slot->pool = pool;
        slot->team = team;
        slot->budget.pot = pot;
        slot->job = job;
        slot->rank = job->rank;
        if ((r = find_language(slot, &language)) < 0 ||
            (r = prompt_encode(tokenizer, options, &slot->texts)) < 0)
                return r;
        slot->suppressed = tokenizer_suppress(tokenizer, options->suppress_tokens,
                                              options->n_suppress_tokens, &slot->n_suppressed);
        result_init(&slot->result, job, tokenizer, &slot->texts);
        tell_language(&slot->result.hypothesis, language, 1);
        slot->window.end = job_frames(job);
        take_job_draft(slot);
        take_lead(slot);
        if (slot->window.end > 0 && !(job->hints.only_detects_language && slot->knows_language))
                want_window(slot);
        else
                slot->phase = SLOT_DONE;
        return 0;
}

static void end(struct slot *slot) {
        fallback_budget_end(&slot->budget);
        search_clear(&slot->search, slot->pool);
        slot->aligner = aligner_free(slot->aligner, slot->pool);
        slot->cross_kv = cross_kv_release(slot->cross_kv);
        free(slot->log_mel);
        prompt_texts_deinit(&slot->texts);
        free(slot->suppressed);
        result_deinit(&slot->result);
        slot->phase = SLOT_FREE;
        slot->job = NULL;
}

void slot_clear(struct slot *slot) {
        if (slot->phase == SLOT_FREE)
                return;
        hypothesis_deinit(&slot->result.hypothesis);
        end(slot);
}

int slot_collect(struct slot *slot, const struct job **ret_job, struct hypothesis *ret) {
        *ret_job = slot->job;
        if (slot->status < 0) {
                slot_clear(slot);
                return slot->status;
        }
        *ret = slot->result.hypothesis;
        end(slot);
        return 0;
}

void slot_fail(struct slot *slot, int status) {
        slot->status = status;
        slot->phase = SLOT_DONE;
}

// --- Windows ------------------------------------------------------------------------------

// The log-mel spectrogram of the lead and the job's sound, one behind the other.
static void compute_led_mel(struct slot *slot) {
        size_t n = slot->n_lead * LOG_MEL_HOP + slot->job->n_samples;
        CLEANUP(floats_freep) float *samples = lead_join(slot->job, slot->n_lead);

        slot->log_mel =
                xcalloc(log_mel_frames(n) * (size_t)slot->model->info.n_mels, sizeof(float));
        log_mel_compute(slot->model->log_mel, samples, n, slot->team, slot->log_mel);
}

struct encoder_window slot_window(struct slot *slot) {
        const struct job *job = slot->job;
        size_t n_mels = (size_t)slot->model->info.n_mels;

        if (!slot->log_mel && slot->n_lead > 0)
                compute_led_mel(slot);
        if (!slot->log_mel) {
                size_t begin = slot->mel_begin * LOG_MEL_HOP, n = job->n_samples;

                if (slot->window.is_second)
                        n = attempt_window_frames(&slot->window) * LOG_MEL_HOP;
                slot->log_mel = xcalloc(log_mel_frames(n) * n_mels, sizeof(float));
                log_mel_compute(slot->model->log_mel, job->samples + begin, n, slot->team,
                                slot->log_mel);
        }
        return (struct encoder_window){
                .log_mel = slot->log_mel + (slot->window.begin - slot->mel_begin) * n_mels,
                .n_frames = slot->n_lead + attempt_window_frames(&slot->window),
                .context = &slot->context,
        };
}

static void start_attempt(struct slot *slot) {
        const struct decode_options *options = options_of(slot);
        const struct prompt *prompt = &slot->prompt;
        float temperature = fallback_temperature(&slot->fallback, options);
        unsigned n_beams = count_beams(slot->job);
        bool is_greedy = temperature <= 0 && n_beams == 1;

        search_start(&slot->search,
                     &(struct search_plan){
                             .width = temperature > 0 ? options->best_of : n_beams,
                             .is_beam = temperature <= 0 && n_beams > 1,
                             .temperature = temperature,
                             .patience = options->patience,
                             .length_penalty = options->length_penalty,
                             .n_text_max = prompt->n_after,
                             .draft = slot->draft,
                             .n_draft = is_greedy ? slot->n_draft : 0,
                             .seed = slot->job->id * 1000003u + slot->window.begin * 31u +
                                     slot->fallback.temperature_index * DECODE_WIDTH_MAX},
                     prompt->tokens, prompt->n, slot->pool);
        slot->phase = SLOT_DECODE;
}

// Tokens of text that the lead has.
static size_t count_lead_tokens(const struct slot *slot) {
        return slot->n_lead > 0 ? slot->job->hints.lead.n_tokens : 0;
}

static void start_window(struct slot *slot) {
        const struct decode_options *options = options_of(slot);
        const struct prompt_texts *texts = &slot->texts;
        // The first window of whoever seeks through a file has nothing behind it either.
        // Whether a lead is heard or left out, something was said before.
        bool is_first = slot->window.begin == 0 && slot->job->hints.n_previous_tokens == 0 &&
                        !slot->window.is_second && slot->job->hints.lead.n_tokens == 0;

        slot->prompt = prompt_build(
                tokenizer_specials(slot->model->tokenizer),
                &(struct prompt_parts){.hotwords = texts->hotwords.items,
                                       .n_hotwords = texts->hotwords.n,
                                       .previous = slot->result.previous,
                                       .n_previous = slot->result.n_previous,
                                       .prefix = texts->prefix.items,
                                       .n_prefix = is_first ? texts->prefix.n : 0,
                                       .lead = slot->job->hints.lead.tokens,
                                       .n_lead = count_lead_tokens(slot),
                                       .language = slot->language,
                                       .task = options->task,
                                       .without_timestamps =
                                               options->without_timestamps == DECODE_YES,
                                       .n_text_max = options->max_new_tokens});
        slot->fallback.temperature_index = 0;
        slot->window.knows_no_speech = false;
        start_attempt(slot);
}

// --- Rows ---------------------------------------------------------------------------------

size_t slot_blocks(const struct slot *slot) {
        const struct decode_options *options = options_of(slot);
        unsigned width = 1;

        for (size_t i = 0; i < options->n_temperatures; i++) {
                unsigned n = options->temperatures[i] > 0 ? options->best_of
                                                          : count_beams(slot->job);

                width = width < n ? n : width;
        }
        return search_blocks(width);
}

// The prompt's row whose logits tell whether there is speech.
static bool tells_speech(const struct slot *slot, const struct decoder_row *row) {
        return slot->phase == SLOT_DECODE && !slot->window.knows_no_speech &&
               row->position == slot->prompt.start;
}

size_t slot_width(const struct slot *slot) {
        return slot->aligner ? 1 : slot->search.n_sequences;
}

static const struct decoder_alignment *capture_take(struct slot_capture *capture,
                                                    const struct whisper_model *model) {
        size_t n = model->n_alignment_heads;

        capture->alignment = (struct decoder_alignment){
                .heads = model->alignment_heads,
                .n_heads = n < SLOT_CAPTURE_HEADS ? n : SLOT_CAPTURE_HEADS,
                .peaks = capture->peaks,
        };
        return &capture->alignment;
}

size_t slot_rows(struct slot *slot, struct decoder_row *rows, struct sequence **ret_sequences,
                 size_t room) {
        bool is_aligning = slot->phase == SLOT_ALIGN;
        size_t n = is_aligning ? aligner_rows(slot->aligner, rows, room)
                               : search_rows(&slot->search, rows, ret_sequences, room);

        for (size_t i = 0; i < n; i++) {
                rows[i].cross_kv = slot->cross_kv;
                if (is_aligning)
                        ret_sequences[i] = NULL;
                rows[i].wants_logits = rows[i].wants_logits || tells_speech(slot, &rows[i]);
                if (slot->phase == SLOT_DECODE && rows[i].wants_logits)
                        rows[i].alignment = capture_take(&slot->captures[i], slot->model);
        }
        return n;
}

static struct sampler_rules make_rules(const struct slot *slot) {
        const struct decode_options *options = options_of(slot);

        return (struct sampler_rules){
                .specials = tokenizer_specials(slot->model->tokenizer),
                .n_vocabulary = (size_t)slot->model->info.n_vocabulary,
                .blank = options->suppress_blank ? slot->model->blank : -1,
                .suppressed = slot->suppressed,
                .n_suppressed = slot->n_suppressed,
                .has_timestamps = options->without_timestamps != DECODE_YES,
                .max_initial_timestamp =
                        (int32_t)lroundf(options->max_initial_timestamp / 0.02f),
                .repetition_penalty = options->repetition_penalty,
                .no_repeat_ngram_size = options->no_repeat_ngram_size,
        };
}

void slot_on_row(struct slot *slot, struct sequence *sequence, const struct decoder_row *row,
                 float *logits) {
        struct sampler_rules rules = make_rules(slot);

        if (slot->phase == SLOT_ALIGN) {
                aligner_on_row(slot->aligner, row, logits);
                return;
        }
        if (slot->phase == SLOT_DETECT) {
                slot->language =
                        detection_decide(slot->model->tokenizer, slot->job, is_following(slot),
                                         logits, &slot->result.hypothesis);
                slot->knows_language = true;
                return;
        }
        if (tells_speech(slot, row)) {
                float no_speech = logits[rules.specials->no_speech];

                slot->window.no_speech_prob =
                        expf(no_speech - vector_log_sum_exp(logits, rules.n_vocabulary));
                slot->window.knows_no_speech = true;
        }
        search_on_row(&slot->search, &rules, sequence, row, logits);
}

// --- What comes next ----------------------------------------------------------------------

// The job is through: go on with a stretch of it that was missed. False when none is left.
static bool take_missed(struct slot *slot) {
        struct unheard_list *missed = &slot->missed;
        const struct unheard first = missed->items[0];

        if (missed->n == 0)
                return false;
        slot->window.is_second = true;
        slot->window.begin = (size_t)first.begin / LOG_MEL_HOP;
        slot->window.end = (size_t)first.end / LOG_MEL_HOP;
        result_jump(&slot->result, first.begin);
        // Its loudest is its own, and so is what is silence beside it.
        free(slot->log_mel);
        slot->log_mel = NULL;
        slot->mel_begin = slot->window.begin;
        memmove(missed->items, missed->items + 1, --missed->n * sizeof(first));
        return true;
}

// The window's best attempt becomes segments; then the next window, or the end.
static void finish_window(struct slot *slot, struct timed_words *words) {
        struct attempt_window *window = &slot->window;

        window->begin +=
                result_add(&slot->result, window, &slot->fallback.best, words, &slot->missed);
        slot->cross_kv = cross_kv_release(slot->cross_kv);
        leave_lead(slot);
        slot->n_draft = 0;
        slot->budget.is_retrying = false;
        slot->fallback.has_best = slot->fallback.has_unrepeated = false;
        slot->result.hypothesis.n_consumed =
                window->begin < job_frames(slot->job) && !window->is_second
                        ? (int64_t)(window->begin * LOG_MEL_HOP)
                        : (int64_t)slot->job->n_samples;
        if (is_following(slot))
                slot->knows_language = false;
        if (slot->job->hints.is_single_pass ||
            (window->begin >= window->end && !take_missed(slot)))
                slot->phase = SLOT_DONE;
        else
                want_window(slot);
}

// Align the best attempt where its words are wanted, or have to tell where it ends, and it is
// one that is told.
static void align_or_finish(struct slot *slot) {
        const struct decode_options *options = options_of(slot);
        const struct attempt *best = &slot->fallback.best;
        int r = -ENODATA;

        if ((slot->job->hints.has_word_times ||
             result_goes_on(&slot->result, &slot->window, best)) &&
            !attempt_is_silence(best, options, slot->window.no_speech_prob))
                r = aligner_new(
                        &slot->aligner, slot->model,
                        &(struct aligner_text){
                                .language = slot->language,
                                .task = options->task,
                                .lead = slot->job->hints.lead.tokens,
                                .n_lead = count_lead_tokens(slot),
                                .tokens = best->tokens,
                                .n_tokens = best->n,
                                .n_keys = slot->context.n_rows,
                                .n_frames = slot->n_lead +
                                            result_reach(&slot->result, &slot->window, best),
                        });
        if (r == 0)
                slot->phase = SLOT_ALIGN;
        else if (r == -ENODATA)
                finish_window(slot, NULL);
        else
                slot_fail(slot, r);
}

static void on_align_step(struct slot *slot) {
        struct timed_words words;

        if (!aligner_is_done(slot->aligner))
                return;
        aligner_words(slot->aligner, options_of(slot),
                      ((double)slot->window.begin - (double)slot->n_lead) * LOG_MEL_HOP /
                              AUDIO_RATE,
                      slot->team, &words);
        slot->aligner = aligner_free(slot->aligner, slot->pool);
        finish_window(slot, &words);
        word_timestamps_deinit(&words);
}

// No other attempt is made: the best text so far stands.
static void settle_for_best(struct slot *slot) {
        search_forget(&slot->search, slot->pool);
        fallback_settle(&slot->fallback);
        align_or_finish(slot);
}

// The text was doubtful: hear the window with all of its padding, or try the next temperature.
// False when there is none left, or nothing left to spend on it.
static bool try_again(struct slot *slot, const struct attempt *attempt) {
        const struct decode_options *options = options_of(slot);
        struct hypothesis *hypothesis = &slot->result.hypothesis;
        enum fallback_next next =
                fallback_next(&slot->fallback, options,
                              slot->n_lead == 0 && slot->context.n_rows == CONTEXT_ROWS);

        if (next == FALLBACK_END)
                return false;
        if (!fallback_budget_begin(&slot->budget, slot->job)) {
                hypothesis->n_given_up += slot->job->rank != JOB_RANK_PARTIAL;
                return false;
        }
        hypothesis->n_unlikely += attempt_is_unlikely(attempt, options);
        hypothesis->n_repeating += attempt_repeats(attempt, options);
        if (next == FALLBACK_TEMPERATURE) {
                slot->fallback.temperature_index++;
                start_attempt(slot);
                return true;
        }
        search_forget(&slot->search, slot->pool);
        slot->cross_kv = cross_kv_release(slot->cross_kv);
        // Much of it will be said again.
        slot->draft = slot->fallback.best.tokens;
        slot->n_draft = slot->fallback.best.n;
        leave_lead(slot);
        want_window_in(slot, &context_shape_full);
        return true;
}

void slot_poll(struct slot *slot) {
        if (slot->phase == SLOT_ENCODE && slot->context.n_rows == CONTEXT_ROWS &&
            fallback_budget_is_over(&slot->budget, slot->job))
                want_window(slot);
}

void slot_on_encoded(struct slot *slot, struct cross_kv *cross_kv) {
        slot->cross_kv = cross_kv;
        if (fallback_budget_is_over(&slot->budget, slot->job)) {
                slot->result.hypothesis.n_given_up++;
                settle_for_best(slot);
                return;
        }
        if (slot->knows_language) {
                start_window(slot);
                return;
        }
        search_start(&slot->search, &(struct search_plan){.width = 1},
                     &tokenizer_specials(slot->model->tokenizer)->start_of_transcript, 1,
                     slot->pool);
        slot->phase = SLOT_DETECT;
}

// A window's first text goes round in circles, and would until its room ends, seconds later. A
// text with timestamps has segments before the circle that are worth having.
static bool goes_in_circles(const struct slot *slot) {
        const struct decode_options *options = options_of(slot);
        size_t n;
        const int32_t *tokens = search_text(&slot->search, &n);

        return options->without_timestamps == DECODE_YES && !slot->budget.is_retrying &&
               n > 0 && filter_goes_in_circles(options, tokens, n);
}

// The search is over: its text stands, or another attempt is made, or the best one stands.
static void on_search_over(struct slot *slot) {
        const struct decode_options *options = options_of(slot);
        struct attempt attempt;

        attempt_init(&attempt, &slot->search.best, slot->model->tokenizer, &slot->context,
                     fallback_temperature(&slot->fallback, options));
        for (size_t i = 0; i < attempt.n; i++)
                attempt.peaks[i] -= (uint16_t)MIN(attempt.peaks[i], slot->n_lead);
        if (fallback_accept(&slot->fallback, &attempt, options, slot->window.no_speech_prob)) {
                search_forget(&slot->search, slot->pool);
                align_or_finish(slot);
        } else if (!try_again(slot, &attempt)) {
                settle_for_best(slot);
        }
}

static void on_decode_step(struct slot *slot) {
        struct sampler_rules rules = make_rules(slot);

        if (search_on_step(&slot->search, &rules, slot->pool)) {
                on_search_over(slot);
        } else if (goes_in_circles(slot)) {
                search_stop(&slot->search);
                on_search_over(slot);
        } else if (fallback_budget_is_over(&slot->budget, slot->job)) {
                slot->result.hypothesis.n_given_up++;
                settle_for_best(slot);
        }
}

void slot_on_step(struct slot *slot) {
        if (slot->phase == SLOT_ALIGN) {
                on_align_step(slot);
        } else if (slot->phase == SLOT_DECODE) {
                on_decode_step(slot);
        } else if (slot->knows_language) {
                search_forget(&slot->search, slot->pool);
                if (slot->job->hints.only_detects_language) {
                        slot->cross_kv = cross_kv_release(slot->cross_kv);
                        slot->phase = SLOT_DONE;
                        return;
                }
                start_window(slot);
        }
}
