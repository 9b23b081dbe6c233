#include "whisper/aligner.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"
#include "whisper/cpu/vectors.h"
#include "whisper/dtw.h"
#include "whisper/prompt.h"

struct aligner {
        const struct whisper_model *model;
        struct kv_cache kv;
        int32_t tokens[PROMPT_CONTEXT];  // start, no timestamps, lead, text, end
        size_t n_tokens, n_start, n_fed;
        size_t n_lead;  // tokens from n_start + 1 on
        size_t n_text;  // tokens behind these
        size_t n_keys, n_frames;
        bool by_character;
        float *weights;                                       // [n_tokens, n_heads, n_keys]
        float *probabilities;                                 // [n_text]
        struct decoder_alignment alignments[PROMPT_CONTEXT];  // [n_tokens]
};

static void take_tokens(struct aligner *aligner, const struct aligner_text *text) {
        const struct tokenizer_specials *specials =
                tokenizer_specials(aligner->model->tokenizer);
        struct prompt prompt = prompt_build(specials, &(struct prompt_parts){
                                                              .language = text->language,
                                                              .task = text->task,
                                                              .without_timestamps = true,
                                                              .lead = text->lead,
                                                              .n_lead = text->n_lead,
                                                      });

        memcpy(aligner->tokens, prompt.tokens, prompt.n * sizeof(*prompt.tokens));
        aligner->n_lead = MIN(text->n_lead, JOB_LEAD_TOKENS_MAX);
        aligner->n_start = prompt.n - 1 - aligner->n_lead;
        aligner->n_tokens = prompt.n;
        for (size_t i = 0; i < text->n_tokens && aligner->n_tokens < PROMPT_CONTEXT - 1; i++)
                if (text->tokens[i] < specials->end_of_text)
                        aligner->tokens[aligner->n_tokens++] = text->tokens[i];
        aligner->n_text = aligner->n_tokens - prompt.n;
        aligner->tokens[aligner->n_tokens++] = specials->end_of_text;
}

int aligner_new(struct aligner **ret, const struct whisper_model *model,
                const struct aligner_text *text) {
        struct aligner *aligner = try_calloc(1, sizeof(*aligner));
        const char *code;
        size_t n_row;

        if (!aligner)
                return -ENOMEM;
        aligner->model = model;
        take_tokens(aligner, text);
        aligner->n_keys = text->n_keys;
        aligner->n_frames = (text->n_frames + 1) / 2;
        if (aligner->n_frames > text->n_keys)
                aligner->n_frames = text->n_keys;
        code = tokenizer_language_code(model->tokenizer, text->language);
        aligner->by_character = word_timestamps_by_character(code ? code : "en");
        n_row = model->n_alignment_heads * text->n_keys;
        aligner->weights = try_calloc(aligner->n_tokens * n_row, sizeof(float));
        aligner->probabilities = try_calloc(aligner->n_text + 1, sizeof(float));
        if (!aligner->weights || !aligner->probabilities || aligner->n_text == 0) {
                int r = aligner->n_text == 0 ? -ENODATA : -ENOMEM;

                aligner_free(aligner, NULL);
                return r;
        }
        for (size_t i = 0; i < aligner->n_tokens; i++)
                aligner->alignments[i] = (struct decoder_alignment){
                        .heads = model->alignment_heads,
                        .n_heads = model->n_alignment_heads,
                        .ret = aligner->weights + i * n_row,
                };
        *ret = aligner;
        return 0;
}

struct aligner *aligner_free(struct aligner *aligner, struct kv_pool *pool) {
        if (!aligner)
                return NULL;
        if (pool)
                kv_cache_release(&aligner->kv, pool);
        free(aligner->weights);
        free(aligner->probabilities);
        free(aligner);
        return NULL;
}

size_t aligner_rows(struct aligner *aligner, struct decoder_row *rows, size_t room) {
        size_t n = 0, first = aligner->n_start + aligner->n_lead;

        for (size_t at = aligner->n_fed; at < aligner->n_tokens && n < room; at++)
                rows[n++] = (struct decoder_row){
                        .token = aligner->tokens[at],
                        .position = at,
                        .kv = &aligner->kv,
                        // What a row says is how probable the token behind it is.
                        .wants_logits = at >= first && at < first + aligner->n_text,
                        .alignment = &aligner->alignments[at],
                };
        return n;
}

void aligner_on_row(struct aligner *aligner, const struct decoder_row *row,
                    const float *logits) {
        size_t n_text_tokens =
                (size_t)tokenizer_specials(aligner->model->tokenizer)->end_of_text;

        aligner->n_fed = row->position + 1;
        if (!row->wants_logits)
                return;
        aligner->probabilities[row->position - aligner->n_start - aligner->n_lead] =
                expf(logits[aligner->tokens[row->position + 1]] -
                     vector_log_sum_exp(logits, n_text_tokens));
}

bool aligner_is_done(const struct aligner *aligner) {
        return aligner->n_fed == aligner->n_tokens;
}

void aligner_words(struct aligner *aligner, const struct decode_options *options, double offset,
                   struct team *team, struct timed_words *ret) {
        uint32_t begins[PROMPT_CONTEXT];

        dtw_align(aligner->weights,
                  &(struct dtw_shape){.n_rows = aligner->n_tokens,
                                      .n_heads = aligner->model->n_alignment_heads,
                                      .stride = aligner->n_keys,
                                      .n_frames = aligner->n_frames,
                                      .n_skipped = aligner->n_start},
                  team, begins);
        word_timestamps_split(ret, aligner->model->tokenizer,
                              aligner->tokens + aligner->n_start + 1 + aligner->n_lead,
                              aligner->n_text, aligner->by_character);
        word_timestamps_place(ret, begins + aligner->n_lead, aligner->probabilities, offset,
                              options->prepend_punctuations ? options->prepend_punctuations
                                                            : decode_prepended,
                              options->append_punctuations ? options->append_punctuations
                                                           : decode_appended);
}
