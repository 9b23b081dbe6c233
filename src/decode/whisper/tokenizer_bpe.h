#pragma once
// BPE: text to tokens by byte-pair encoding. Private to tokenizer*.c.
//
// Threads: immutable after bpe_new(); any thread.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

struct bpe;

// Bytes of token `id`, as weights_token().
typedef const char *(*bpe_token)(const void *context, int32_t id, size_t *ret_length);

// For tokens [0, n_tokens), in the order of their ranks; their bytes are copied. Tokens without
// bytes are never yielded. -EBADMSG when one of the 256 single bytes has no token.
int bpe_new(struct bpe **ret, bpe_token token, const void *context, int32_t n_tokens,
            struct error *error);
struct bpe *bpe_free(struct bpe *bpe);

// Bytes of a token, lent.
const char *bpe_bytes(const struct bpe *bpe, int32_t id, size_t *ret_length);

// Tokens of the valid UTF-8 at `text`. The caller frees *ret.
int bpe_encode(const struct bpe *bpe, const char *text, size_t n, int32_t **ret, size_t *ret_n);

DEFINE_CLEANUP(struct bpe *, bpe_free);
