#include "decode/settings.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

const char decode_prepended[] = "\"'“¿([{-";
const char decode_appended[] = "\"'.。,，!！?？:：”)]}、";

const char *const decode_context_names[] = {"none", "text", "sound", "both", NULL};

struct decode_options decode_options_default(void) {
        return (struct decode_options){
                .task = DECODE_TRANSCRIBE,
                .context = DECODE_CONTEXT_SOUND,
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
                .max_initial_timestamp = 1.0f,
        };
}

static struct decode_tokens decode_tokens_copy(const struct decode_tokens *tokens) {
        struct decode_tokens copy = *tokens;

        copy.items = NULL;
        if (tokens->n > 0) {
                copy.items = xcalloc(tokens->n, sizeof(*copy.items));
                memcpy(copy.items, tokens->items, tokens->n * sizeof(*copy.items));
        }
        return copy;
}

static void decode_tokens_deinit(struct decode_tokens *tokens) {
        free(tokens->items);
        *tokens = (struct decode_tokens){0};
}

struct decode_options decode_options_copy(const struct decode_options *options) {
        struct decode_options copy = *options;

        copy.languages = xstrdup(options->languages);
        copy.prompt = xstrdup(options->prompt);
        copy.prefix = xstrdup(options->prefix);
        copy.hotwords = xstrdup(options->hotwords);
        copy.prompt_tokens = decode_tokens_copy(&options->prompt_tokens);
        copy.prefix_tokens = decode_tokens_copy(&options->prefix_tokens);
        copy.hotword_tokens = decode_tokens_copy(&options->hotword_tokens);
        copy.prepend_punctuations = xstrdup(options->prepend_punctuations);
        copy.append_punctuations = xstrdup(options->append_punctuations);
        return copy;
}

void decode_options_deinit(struct decode_options *options) {
        free(options->languages);
        free(options->prompt);
        free(options->prefix);
        free(options->hotwords);
        decode_tokens_deinit(&options->prompt_tokens);
        decode_tokens_deinit(&options->prefix_tokens);
        decode_tokens_deinit(&options->hotword_tokens);
        free(options->prepend_punctuations);
        free(options->append_punctuations);
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

// --- settings --------------------------------------------------------------------------------

const struct decode_settings *decode_settings_new(struct decode_options *options) {
        struct decode_settings *settings = xnew(struct decode_settings);

        settings->options = *options;
        atomic_init(&settings->n_references, 1);
        *options = (struct decode_options){0};
        return settings;
}

// Whoever holds settings may not change them; the count is not part of what they say.
static struct decode_settings *settings_counted(const struct decode_settings *settings) {
        return (struct decode_settings *)(uintptr_t)settings;
}

const struct decode_settings *decode_settings_ref(const struct decode_settings *settings) {
        atomic_fetch_add_explicit(&settings_counted(settings)->n_references, 1,
                                  memory_order_relaxed);
        return settings;
}

// What other threads read of the settings happens before the last one frees them.
const struct decode_settings *decode_settings_unref(const struct decode_settings *settings) {
        struct decode_settings *counted = settings_counted(settings);

        if (!counted ||
            atomic_fetch_sub_explicit(&counted->n_references, 1, memory_order_acq_rel) > 1)
                return NULL;
        decode_options_deinit(&counted->options);
        free(counted);
        return NULL;
}
