#include "decode/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

const char decode_prepended[] = "\"'“¿([{-";
const char decode_appended[] = "\"'.。,，!！?？:：”)]}、";

struct decode_options decode_options_default(void) {
        return (struct decode_options){
                .task = DECODE_TRANSCRIBE,
                .condition_on_previous_text = true,
                .prompt_reset_on_temperature = 0.5f,
                .without_timestamps = DECODE_UNSET,
                .multilingual = DECODE_UNSET,
                .language_detection_segments = 1,
                .language_detection_threshold = 0.5f,
                .word_timestamps = DECODE_UNSET,
                .hallucination_silence_threshold = INFINITY,
                .suppress_blank = true,
                .suppress_tokens = {-1},
                .n_suppress_tokens = 1,
                .repetition_penalty = 1.0f,
                .beam_size = DECODE_BEAM_AUTO,
                .best_of = 5,
                .patience = 1.0f,
                .length_penalty = 1.0f,
                .temperatures = {0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f},
                .n_temperatures = 6,
                .compression_ratio_threshold = 2.4f,
                .log_prob_threshold = -1.0f,
                .no_speech_threshold = 0.6f,
                .repetition_max = 8,
                .words_per_second_max = 8,
                .max_initial_timestamp = 1.0f,
        };
}

static int32_t *tokens_copy(const int32_t *tokens, size_t n) {
        int32_t *copy = NULL;

        if (n > 0) {
                copy = xcalloc(n, sizeof(*copy));
                memcpy(copy, tokens, n * sizeof(*copy));
        }
        return copy;
}

static struct decode_tokens decode_tokens_copy(const struct decode_tokens *tokens) {
        struct decode_tokens copy = *tokens;

        copy.items = tokens_copy(tokens->items, tokens->n);
        return copy;
}

static void decode_tokens_deinit(struct decode_tokens *tokens) {
        free(tokens->items);
        *tokens = (struct decode_tokens){0};
}

struct decode_options decode_options_copy(const struct decode_options *options) {
        struct decode_options copy = *options;

        copy.prompt = xstrdup(options->prompt);
        copy.prefix = xstrdup(options->prefix);
        copy.hotwords = xstrdup(options->hotwords);
        copy.prompt_tokens = decode_tokens_copy(&options->prompt_tokens);
        copy.prefix_tokens = decode_tokens_copy(&options->prefix_tokens);
        copy.hotword_tokens = decode_tokens_copy(&options->hotword_tokens);
        copy.prepend_punctuations = xstrdup(options->prepend_punctuations);
        copy.append_punctuations = xstrdup(options->append_punctuations);
        copy.previous_tokens =
                tokens_copy(options->previous_tokens, options->n_previous_tokens);
        copy.draft_tokens = tokens_copy(options->draft_tokens, options->n_draft_tokens);
        return copy;
}

void decode_options_deinit(struct decode_options *options) {
        free(options->prompt);
        free(options->prefix);
        free(options->hotwords);
        decode_tokens_deinit(&options->prompt_tokens);
        decode_tokens_deinit(&options->prefix_tokens);
        decode_tokens_deinit(&options->hotword_tokens);
        free(options->prepend_punctuations);
        free(options->append_punctuations);
        free(options->previous_tokens);
        free(options->draft_tokens);
        *options = (struct decode_options){0};
}

static void text_replace(char **place, const char *text) {
        if (!text)
                return;
        free(*place);
        *place = xstrdup(text);
}

void decode_options_tell(struct decode_options *options, const char *prompt,
                         const char *hotwords) {
        text_replace(&options->prompt, prompt);
        text_replace(&options->hotwords, hotwords);
}

void decode_options_drop_prompt(struct decode_options *options) {
        options->prompt = mem_free(options->prompt);
        decode_tokens_deinit(&options->prompt_tokens);
}

char *decode_options_tell_cuts(const struct decode_options *options) {
        const struct {
                const char *name, *end;
                const struct decode_tokens *tokens;
        } texts[] = {
                {"the initial prompt", "last", &options->prompt_tokens},
                {"the hotwords", "first", &options->hotword_tokens},
                {"the prefix", "first", &options->prefix_tokens},
        };
        char *told = NULL;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                char *longer;

                if (!texts[i].tokens->is_cut)
                        continue;
                longer = xasprintf("%s%sof %s only the %s %zu tokens are used",
                                   told ? told : "", told ? ", " : "", texts[i].name,
                                   texts[i].end, texts[i].tokens->n);
                free(told);
                told = longer;
        }
        return told;
}

struct job *job_new(size_t n_samples) {
        CLEANUP(job_freep) struct job *job = try_calloc(1, sizeof(*job));

        if (!job)
                return NULL;
        job->samples = try_calloc(n_samples > 0 ? n_samples : 1, sizeof(*job->samples));
        if (!job->samples)
                return NULL;
        job->n_samples = n_samples;
        job->options = decode_options_default();
        atomic_init(&job->is_cancelled, false);
        atomic_init(&job->is_overdue, false);
        return TAKE(job);
}

struct job *job_free(struct job *job) {
        if (!job)
                return NULL;
        decode_options_deinit(&job->options);
        free(job->samples);
        free(job);
        return NULL;
}
