/* Byte-pair encoding as GPT-2 does it (Sennrich et al. 2016, Radford et al. 2019).
 *
 * The text is first cut into pieces by a pattern: contractions, words, numbers and other
 * characters, each with at most one space before it, and runs of white space. Within a piece
 * every byte is a part; of all neighbours whose joined bytes are a token, those with the lowest
 * rank are joined, the leftmost first, until there are none. A token's rank is its number, so
 * the vocabulary alone is enough and no list of merges is needed.
 */
#include "decode/whisper/tokenizer_bpe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "util/mem.h"

// Unicode's White_Space; PCRE's own \s has U+180E on top, which is none any more.
#define SPACE                                                         \
        "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}" \
        "\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

// GPT-2's pattern.
static const char pattern[] = "'s|'t|'re|'ve|'m|'ll|'d"
                              "| ?\\p{L}+| ?\\p{N}+"
                              "| ?[^" SPACE "\\p{L}\\p{N}]+"
                              "|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+";

#define RANK_NONE INT32_MAX

struct bpe {
        pcre2_code *pattern;
        char *bytes;     // of all tokens, end to end
        size_t *ends;    // of token i
        int32_t *slots;  // hash table of token numbers, RANK_NONE when free
        size_t n_slots;  // power of two
        int32_t byte_tokens[256];
};

struct bpe *bpe_free(struct bpe *bpe) {
        if (!bpe)
                return NULL;
        pcre2_code_free(bpe->pattern);
        free(bpe->bytes);
        free(bpe->ends);
        free(bpe->slots);
        free(bpe);
        return NULL;
}

const char *bpe_bytes(const struct bpe *bpe, int32_t id, size_t *ret_length) {
        size_t begin = id > 0 ? bpe->ends[id - 1] : 0;

        *ret_length = bpe->ends[id] - begin;
        return bpe->bytes + begin;
}

// FNV-1a, 64 bits; constants from its authors' reference.
static uint64_t hash_bytes(const char *bytes, size_t n) {
        uint64_t hash = 0xcbf29ce484222325U;

        for (size_t i = 0; i < n; i++)
                hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3U;
        return hash ^ hash >> 32;
}

// The slot that holds the token of these bytes, or the free one where it would be.
static int32_t *slot_find(const struct bpe *bpe, const char *bytes, size_t n) {
        size_t i = hash_bytes(bytes, n) & (bpe->n_slots - 1);

        for (;; i = (i + 1) & (bpe->n_slots - 1)) {
                const char *token;
                size_t length;

                if (bpe->slots[i] == RANK_NONE)
                        return &bpe->slots[i];
                token = bpe_bytes(bpe, bpe->slots[i], &length);
                if (length == n && memcmp(token, bytes, n) == 0)
                        return &bpe->slots[i];
        }
}

static void tokens_copy(struct bpe *bpe, bpe_token token, const void *context,
                        int32_t n_tokens) {
        size_t n_bytes = 0, length;

        for (int32_t id = 0; id < n_tokens; id++) {
                token(context, id, &length);
                n_bytes += length;
        }
        bpe->bytes = xcalloc(n_bytes, 1);
        bpe->ends = xcalloc((size_t)n_tokens, sizeof(*bpe->ends));
        n_bytes = 0;
        for (int32_t id = 0; id < n_tokens; id++) {
                const char *bytes = token(context, id, &length);

                if (length)
                        memcpy(bpe->bytes + n_bytes, bytes, length);
                n_bytes += length;
                bpe->ends[id] = n_bytes;
        }
}

static void slots_fill(struct bpe *bpe, int32_t n_tokens) {
        bpe->n_slots = 1024;
        while (bpe->n_slots < 2 * (size_t)n_tokens)
                bpe->n_slots *= 2;
        bpe->slots = xcalloc(bpe->n_slots, sizeof(*bpe->slots));
        for (size_t i = 0; i < bpe->n_slots; i++)
                bpe->slots[i] = RANK_NONE;
        for (int32_t id = 0; id < n_tokens; id++) {
                size_t length;
                const char *bytes = bpe_bytes(bpe, id, &length);
                int32_t *slot = slot_find(bpe, bytes, length);

                if (length && *slot == RANK_NONE)
                        *slot = id;
        }
}

int bpe_new(struct bpe **ret, bpe_token token, const void *context, int32_t n_tokens,
            struct error *error) {
        CLEANUP(bpe_freep) struct bpe *bpe = xnew(struct bpe);
        PCRE2_SIZE offset;
        int trouble;

        tokens_copy(bpe, token, context, n_tokens);
        slots_fill(bpe, n_tokens);
        for (int byte = 0; byte < 256; byte++) {
                bpe->byte_tokens[byte] = *slot_find(bpe, &(char){(char)byte}, 1);
                if (bpe->byte_tokens[byte] == RANK_NONE)
                        return error_set(error, -EBADMSG,
                                         "the vocabulary has no token for the byte 0x%02x: "
                                         "not Whisper's",
                                         (unsigned)byte);
        }
        bpe->pattern = pcre2_compile((PCRE2_SPTR)pattern, sizeof(pattern) - 1, PCRE2_UTF,
                                     &trouble, &offset, NULL);
        if (!bpe->pattern)
                return error_set(error, -ENOMEM, "the tokenizer's pattern does not compile");
        *ret = TAKE(bpe);
        return 0;
}

// One part of a piece while it is merged: bytes [begin, begin of the next).
struct part {
        size_t begin;
        int32_t rank;  // of this part joined with the next; RANK_NONE when that is no token
};

// parts[n] is the end of the piece.
static int32_t pair_rank(const struct bpe *bpe, const char *piece, const struct part *parts,
                         size_t n, size_t i) {
        if (i + 2 > n)
                return RANK_NONE;
        return *slot_find(bpe, piece + parts[i].begin, parts[i + 2].begin - parts[i].begin);
}

// Merge the piece's parts down to tokens; `parts` has room for length + 1. Returns how many.
static size_t piece_merge(const struct bpe *bpe, const char *piece, size_t length,
                          struct part *parts) {
        size_t n = length;

        for (size_t i = 0; i <= n; i++)
                parts[i].begin = i;
        for (size_t i = 0; i <= n; i++)
                parts[i].rank = pair_rank(bpe, piece, parts, n, i);
        for (;;) {
                size_t best = 0;

                for (size_t i = 1; i < n; i++)
                        if (parts[i].rank < parts[best].rank)
                                best = i;
                if (parts[best].rank == RANK_NONE)
                        return n;
                memmove(&parts[best + 1], &parts[best + 2], (n - best - 1) * sizeof(*parts));
                n--;
                parts[best].rank = pair_rank(bpe, piece, parts, n, best);
                if (best)
                        parts[best - 1].rank = pair_rank(bpe, piece, parts, n, best - 1);
        }
}

static size_t piece_encode(const struct bpe *bpe, const char *piece, size_t length,
                           struct part *parts, int32_t *ret) {
        size_t n = piece_merge(bpe, piece, length, parts);

        for (size_t i = 0; i < n; i++)
                ret[i] = *slot_find(bpe, piece + parts[i].begin,
                                    parts[i + 1].begin - parts[i].begin);
        return n;
}

static pcre2_match_data *match_free(pcre2_match_data *match) {
        pcre2_match_data_free(match);
        return NULL;
}

DEFINE_CLEANUP(pcre2_match_data *, match_free);

int bpe_encode(const struct bpe *bpe, const char *text, size_t n, int32_t **ret,
               size_t *ret_n) {
        CLEANUP(match_freep) pcre2_match_data *match = pcre2_match_data_create(1, NULL);
        struct part *parts = xcalloc(n + 1, sizeof(*parts));
        int32_t *tokens = xcalloc(n, sizeof(*tokens));
        size_t at = 0, n_tokens = 0;
        int r = match ? 0 : -ENOMEM;

        while (r == 0 && at < n) {
                PCRE2_SIZE *bounds;

                if (pcre2_match(bpe->pattern, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK,
                                match, NULL) < 0) {
                        // Every character is matched by some branch: only limits are left.
                        r = -ENOMEM;
                        break;
                }
                bounds = pcre2_get_ovector_pointer(match);
                n_tokens += piece_encode(bpe, text + bounds[0], bounds[1] - bounds[0], parts,
                                         tokens + n_tokens);
                at = bounds[1];
        }
        free(parts);
        if (r < 0) {
                free(tokens);
                return r;
        }
        *ret = tokens;
        *ret_n = n_tokens;
        return 0;
}
