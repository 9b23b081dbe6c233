#pragma once
// Tokenizer: Whisper's byte-pair vocabulary, both ways, and its special tokens.
//
// Threads: immutable after tokenizer_new(); any thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "whisper/weights/weights.h"

struct tokenizer;

// Longest text to encode, in bytes: a prompt with the blank before it.
#define TOKENIZER_TEXT_MAX (DECODE_TEXT_MAX + 1)

struct tokenizer_specials {
        int32_t end_of_text, start_of_transcript, translate, transcribe;
        int32_t start_of_lm, start_of_prev, no_speech, no_timestamps, timestamp_begin;
        int32_t language_begin;  // first language token; n_languages of them (0: English only)
        int32_t n_languages;
};

// Takes what it needs from the weights, which may be closed afterwards. -EBADMSG when the
// vocabulary is not Whisper's.
int tokenizer_new(struct tokenizer **ret, const struct weights *weights, struct error *error);
struct tokenizer *tokenizer_free(struct tokenizer *tokenizer);

const struct tokenizer_specials *tokenizer_specials(const struct tokenizer *tokenizer);

// Text tokens to UTF-8; specials and timestamps are left out, broken byte sequences become
// U+FFFD. The caller frees it.
char *tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *tokens, size_t n);

// UTF-8 to tokens, the same as OpenAI's tiktoken with the GPT-2 pattern; broken byte sequences
// count as U+FFFD. The caller frees *ret. Never yields special tokens, whatever the text holds.
// -E2BIG for more than TOKENIZER_TEXT_MAX bytes.
int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, int32_t **ret,
                     size_t *ret_n);

// As tokenizer_encode(), but as many tokens as are wished (tokenizer_bpe.h), for no more work
// than they take.
struct bpe_wish;
int tokenizer_encode_some(const struct tokenizer *tokenizer, const char *text,
                          struct bpe_wish *wish, int32_t **ret, size_t *ret_n);

// Language token of "de", or -1; and the code of a language token, or NULL.
int32_t tokenizer_language_token(const struct tokenizer *tokenizer, const char *language);
const char *tokenizer_language_code(const struct tokenizer *tokenizer, int32_t token);

// Tokens to suppress for a user's suppress_tokens: the specials that faster-whisper adds
// (transcribe, translate, sot, sot_prev, sot_lm, no_speech), OpenAI's non-speech set if -1 is
// among the wishes, both sorted, and the wishes that the vocabulary has; the end of the text
// stays possible. The caller frees them.
int32_t *tokenizer_suppress(const struct tokenizer *tokenizer, const int32_t *wishes, size_t n,
                            size_t *ret_n);

DEFINE_CLEANUP(struct tokenizer *, tokenizer_free);
