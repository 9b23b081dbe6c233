#include "whisper/detection.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "util/word_list.h"
#include "whisper/cpu/vectors.h"

// A window by itself turns to another language if that has at least this probability. A
// judgement: four times as likely as all others together.
#define SWITCH_SURE 0.8f

// Languages that are not allowed lose all chance; unless the model knows none of those that
// are.
static void mask_others(const struct tokenizer *tokenizer, const char *allowed,
                        float *languages) {
        const struct tokenizer_specials *specials = tokenizer_specials(tokenizer);
        CLEANUP(word_list_freep) char **list = word_list_split(allowed ? allowed : "");
        bool is_known = false;

        for (size_t i = 0; list && list[i]; i++)
                is_known = is_known || tokenizer_language_token(tokenizer, list[i]) >= 0;
        for (int32_t i = 0; is_known && i < specials->n_languages; i++) {
                const char *code =
                        tokenizer_language_code(tokenizer, specials->language_begin + i);

                if (!word_list_has(list, code))
                        languages[i] = -INFINITY;
        }
}

// The one before, for all that this window says; -1: what the window says holds.
static int32_t find_kept(const struct tokenizer *tokenizer, const struct job_hints *hints,
                         const char *detected, float probability) {
        if (hints->language_before[0] == '\0' || probability >= SWITCH_SURE ||
            strcmp(detected, hints->language_before) == 0 ||
            strcmp(detected, hints->language_doubted) == 0)
                return -1;
        return tokenizer_language_token(tokenizer, hints->language_before);
}

int32_t detection_decide(const struct tokenizer *tokenizer, const struct job *job,
                         bool is_following, float *logits, struct hypothesis *hypothesis) {
        const struct tokenizer_specials *specials = tokenizer_specials(tokenizer);
        float *languages = logits + specials->language_begin;
        size_t n = (size_t)specials->n_languages, best;
        int32_t token, kept = -1;
        float sum;

        mask_others(tokenizer, job->settings->options.languages, languages);
        best = vector_argmax(languages, n);
        sum = vector_log_sum_exp(languages, n);
        token = specials->language_begin + (int32_t)best;
        hypothesis->language_doubted[0] = '\0';
        if (is_following)
                kept = find_kept(tokenizer, &job->hints,
                                 tokenizer_language_code(tokenizer, token),
                                 expf(languages[best] - sum));
        if (kept >= 0) {
                memccpy(hypothesis->language_doubted, tokenizer_language_code(tokenizer, token),
                        '\0', LANGUAGE_CODE_MAX - 1);
                token = kept;
        }
        memccpy(hypothesis->language, tokenizer_language_code(tokenizer, token), '\0',
                LANGUAGE_CODE_MAX - 1);
        hypothesis->language_probability =
                expf(languages[token - specials->language_begin] - sum);
        hypothesis->was_detected = true;
        return token;
}
