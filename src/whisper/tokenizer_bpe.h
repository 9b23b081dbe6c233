#pragma once
// BPE: text to tokens by byte-pair encoding. Private to tokenizer*.c.
//
// Threads: immutable after bpe_new(); any thread.

#include <stdbool.h>
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

// How many of a text's tokens are wanted, the first or the last ones, and what it took.
struct bpe_wish {
        size_t n_max;
        bool is_from_end;
        size_t n_steps;  // set: pairs looked up, and places passed in the heap of pairs
};

// Tokens of the valid UTF-8 at `text` (less than 4 GiB), as wished: of what lies beyond them
// only the piece in which they end is merged. A piece of n bytes takes n log n steps. The
// caller frees *ret. -ENOMEM.
int bpe_encode(const struct bpe *bpe, const char *text, size_t n, struct bpe_wish *wish,
               int32_t **ret, size_t *ret_n);

DEFINE_CLEANUP(struct bpe *, bpe_free);
