#include "decode/whisper/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// Half of the context is for what went before, as in OpenAI's code; one place is sot_prev's.
#define PREVIOUS_MAX (PROMPT_CONTEXT / 2 - 1)
// New text gets at most half of the context.
#define TEXT_MAX (PROMPT_CONTEXT / 2)
// Long hotwords and long previous text together may not take the room for text: so much stays.
#define TEXT_MIN (PROMPT_CONTEXT / 4)
// A prefix may take half of that.
#define PREFIX_MAX (TEXT_MIN / 2)

static size_t smaller(size_t a, size_t b) {
        return a < b ? a : b;
}

int prompt_encode(const struct tokenizer *tokenizer, const char *text, int32_t **ret,
                  size_t *ret_n) {
        static const char blanks[] = " \t\r\n\f\v";
        CLEANUP(mem_freep) char *spaced = NULL;
        size_t n;

        *ret = NULL;
        *ret_n = 0;
        if (!text)
                return 0;
        text += strspn(text, blanks);
        n = strlen(text);
        while (n > 0 && strchr(blanks, text[n - 1]))
                n--;
        if (n == 0)
                return 0;
        spaced = xasprintf(" %.*s", (int)n, text);
        return tokenizer_encode(tokenizer, spaced, ret, ret_n);
}

void prompt_extend(int32_t **tokens, size_t *n_tokens, const int32_t *more, size_t n) {
        int32_t *grown;

        if (n == 0)
                return;
        grown = xcalloc(*n_tokens + n, sizeof(*grown));
        if (*n_tokens > 0)
                memcpy(grown, *tokens, *n_tokens * sizeof(*grown));
        memcpy(grown + *n_tokens, more, n * sizeof(*more));
        free(*tokens);
        *tokens = grown;
        *n_tokens += n;
}

static void append(struct prompt *prompt, const int32_t *tokens, size_t n) {
        if (n == 0)
                return;
        memcpy(prompt->tokens + prompt->n, tokens, n * sizeof(*tokens));
        prompt->n += n;
}

struct prompt prompt_build(const struct tokenizer_specials *specials,
                           const struct prompt_parts *parts) {
        struct prompt prompt = {0};
        int32_t task =
                parts->task == DECODE_TRANSLATE ? specials->translate : specials->transcribe;
        size_t n_hotwords = parts->n_hotwords, n_previous = parts->n_previous;
        size_t room;

        if (n_hotwords > PREVIOUS_MAX)
                n_hotwords = PREVIOUS_MAX;
        room = PROMPT_CONTEXT - TEXT_MIN - n_hotwords;
        if (room > PREVIOUS_MAX)
                room = PREVIOUS_MAX;
        if (n_previous > room)
                n_previous = room;
        if (n_hotwords + n_previous > 0) {
                append(&prompt, &specials->start_of_prev, 1);
                append(&prompt, parts->hotwords, n_hotwords);
                append(&prompt,
                       n_previous > 0 ? parts->previous + (parts->n_previous - n_previous)
                                      : NULL,
                       n_previous);
        }
        prompt.start = prompt.n;
        append(&prompt, &specials->start_of_transcript, 1);
        if (parts->language >= 0) {
                append(&prompt, &parts->language, 1);
                append(&prompt, &task, 1);
        }
        if (parts->without_timestamps)
                append(&prompt, &specials->no_timestamps, 1);
        if (parts->n_prefix > 0) {
                if (!parts->without_timestamps)
                        append(&prompt, &specials->timestamp_begin, 1);
                append(&prompt, parts->prefix, smaller(parts->n_prefix, PREFIX_MAX));
        }
        // The last token of text is never read back, hence one more.
        prompt.n_after = PROMPT_CONTEXT - prompt.n + 1;
        prompt.n_after = smaller(prompt.n_after, TEXT_MAX);
        if (parts->n_text_max > 0)
                prompt.n_after = smaller(prompt.n_after, parts->n_text_max);
        return prompt;
}
