// Tokenizer: any text to tokens and back, any tokens to text. The vocabulary is made up: all
// bytes, then all pairs of lower-case letters, so that merges happen.

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "util/utf8.h"
#include "whisper/tokenizer_bpe.h"

#define LETTERS 26

static const char *token_bytes(const void *context, int32_t id, size_t *ret_length) {
        static char pairs[LETTERS * LETTERS][2];
        static char singles[256];

        (void)context;
        if (id < 256) {
                singles[id] = (char)id;
                *ret_length = 1;
                return &singles[id];
        }
        id -= 256;
        pairs[id][0] = (char)('a' + id / LETTERS);
        pairs[id][1] = (char)('a' + id % LETTERS);
        *ret_length = 2;
        return pairs[id];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        static struct bpe *bpe;
        struct bpe_wish all = {.n_max = SIZE_MAX};
        size_t n_tokens, length, at = 0;
        int32_t *tokens;
        char *text;

        if (n > 4096)
                return 0;
        if (!bpe && bpe_new(&bpe, token_bytes, NULL, 256 + LETTERS * LETTERS, NULL) < 0)
                abort();
        text = utf8_repair((const char *)bytes, n);
        if (!text || bpe_encode(bpe, text, strlen(text), &all, &tokens, &n_tokens) < 0)
                abort();
        // Tokens joined are the text.
        for (size_t i = 0; i < n_tokens; i++) {
                const char *token = bpe_bytes(bpe, tokens[i], &length);

                if (memcmp(text + at, token, length) != 0)
                        abort();
                at += length;
        }
        if (at != strlen(text))
                abort();
        free(tokens);
        free(text);
        return 0;
}
