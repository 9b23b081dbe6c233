#include "whisper/prompt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"
#include "whisper/tokenizer_bpe.h"

// Half of the context is for what went before, as in OpenAI's code; one place is sot_prev's.
#define PREVIOUS_MAX (PROMPT_CONTEXT / 2 - 1)
// New text gets at most half of the context.
#define TEXT_MAX (PROMPT_CONTEXT / 2)
// Long hotwords and long previous text together may not take the room for text: so much stays.
#define TEXT_MIN (PROMPT_CONTEXT / 4)
// A prefix may take half of that.
#define PREFIX_MAX (TEXT_MIN / 2)

// Room for previous text beside so many hotwords and the text of a lead.
static size_t previous_room(size_t n_hotwords, size_t n_lead) {
        return MIN(PREVIOUS_MAX, PROMPT_CONTEXT - TEXT_MIN - n_hotwords) - n_lead;
}

// A text's first or last `n_max` tokens.
static int text_encode(const struct tokenizer *tokenizer, const char *text, size_t n_max,
                       bool is_from_end, struct decode_tokens *ret) {
        static const char blanks[] = " \t\r\n\f\v";
        struct bpe_wish wish = {.n_max = n_max + 1, .is_from_end = is_from_end};
        CLEANUP(mem_freep) char *spaced = NULL;
        size_t n;
        int r;

        *ret = (struct decode_tokens){0};
        if (!text)
                return 0;
        text += strspn(text, blanks);
        n = strlen(text);
        while (n > 0 && strchr(blanks, text[n - 1]))
                n--;
        if (n == 0)
                return 0;
        // No more of it can matter. What is left of a character that is cut is left out.
        for (; n >= TOKENIZER_TEXT_MAX; n--) {
                if (is_from_end)
                        text++;
        }
        while (is_from_end && ((unsigned char)*text & 0xc0) == 0x80) {
                text++;
                n--;
        }
        spaced = xasprintf(" %.*s", (int)n, text);
        r = tokenizer_encode_some(tokenizer, spaced, &wish, &ret->items, &ret->n);
        if (r < 0 || ret->n <= n_max)
                return r;
        ret->is_cut = true;
        ret->n = n_max;
        if (is_from_end)
                memmove(ret->items, ret->items + 1, n_max * sizeof(*ret->items));
        return 0;
}

// The tokens that there are, or the text's.
static int part_encode(const struct tokenizer *tokenizer, const char *text,
                       const struct decode_tokens *prepared, size_t n_max, bool is_from_end,
                       struct decode_tokens *ret) {
        if (text)
                return text_encode(tokenizer, text, n_max, is_from_end, ret);
        *ret = *prepared;
        ret->items = NULL;
        ret->n = 0;
        prompt_extend(&ret->items, &ret->n, prepared->items, prepared->n);
        return 0;
}

int prompt_encode(const struct tokenizer *tokenizer, const struct decode_options *options,
                  struct prompt_texts *ret) {
        int r;

        *ret = (struct prompt_texts){0};
        r = part_encode(tokenizer, options->hotwords, &options->hotword_tokens, PREVIOUS_MAX,
                        false, &ret->hotwords);
        if (r == 0)
                r = part_encode(tokenizer, options->prompt, &options->prompt_tokens,
                                previous_room(ret->hotwords.n, 0), true, &ret->prompt);
        if (r == 0)
                r = part_encode(tokenizer, options->prefix, &options->prefix_tokens, PREFIX_MAX,
                                false, &ret->prefix);
        if (r < 0)
                prompt_texts_deinit(ret);
        return r;
}

void prompt_texts_deinit(struct prompt_texts *texts) {
        free(texts->hotwords.items);
        free(texts->prompt.items);
        free(texts->prefix.items);
        *texts = (struct prompt_texts){0};
}

static void part_replace(char **text, struct decode_tokens *tokens,
                         const struct decode_tokens *encoded) {
        *text = mem_free(*text);
        free(tokens->items);
        *tokens = *encoded;
}

int prompt_prepare(const struct tokenizer *tokenizer, struct decode_options *options) {
        struct prompt_texts texts;
        int r = prompt_encode(tokenizer, options, &texts);

        if (r < 0)
                return r;
        part_replace(&options->hotwords, &options->hotword_tokens, &texts.hotwords);
        part_replace(&options->prompt, &options->prompt_tokens, &texts.prompt);
        part_replace(&options->prefix, &options->prefix_tokens, &texts.prefix);
        return 0;
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
        size_t n_lead = MIN(parts->n_lead, JOB_LEAD_TOKENS_MAX);
        size_t room;

        if (n_hotwords > PREVIOUS_MAX)
                n_hotwords = PREVIOUS_MAX;
        room = previous_room(n_hotwords, n_lead);
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
                append(&prompt, parts->prefix, MIN(parts->n_prefix, PREFIX_MAX));
        }
        append(&prompt, parts->lead, n_lead);
        // The last token of text is never read back, hence one more.
        prompt.n_after = PROMPT_CONTEXT - prompt.n + 1;
        prompt.n_after = MIN(prompt.n_after, TEXT_MAX);
        if (parts->n_text_max > 0)
                prompt.n_after = MIN(prompt.n_after, parts->n_text_max);
        return prompt;
}
