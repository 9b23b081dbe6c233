/* Byte-pair encoding as GPT-2 does it (Sennrich et al. 2016, Radford et al. 2019).
 *
 * The text is first cut into pieces by a pattern: contractions, words, numbers and other
 * characters, each with at most one space before it, and runs of white space. Within a piece
 * every byte is a part; of all neighbours whose joined bytes are a token, those with the lowest
 * rank are joined, the leftmost first, until there are none. A token's rank is its number, so
 * the vocabulary alone is enough and no list of merges is needed.
 */
#include "whisper/tokenizer_bpe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

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

// --- Merging --------------------------------------------------------------------------------

// Two neighbours that may be joined: the part that begins at byte `left` and the one behind it.
struct pair {
        int32_t rank;
        uint32_t left;
};

// A piece while it is merged: its parts by the byte where they begin, and a heap of the pairs
// that may be joined, some of which are no more.
struct merge {
        uint32_t *next, *before;  // where the part behind, and before, a part begins
        int32_t *ranks;     // of a part joined with the next; RANK_NONE when that is no token
        struct pair *heap;  // the lowest rank first, of equal ones the leftmost
        size_t n_heap;
        size_t n_steps;  // pairs looked up, and places passed in the heap
};

static bool pair_goes_first(struct pair a, struct pair b) {
        return a.rank < b.rank || (a.rank == b.rank && a.left < b.left);
}

static void heap_push(struct merge *merge, struct pair pair) {
        size_t at = merge->n_heap++;

        for (; at > 0 && pair_goes_first(pair, merge->heap[(at - 1) / 2]); at = (at - 1) / 2) {
                merge->heap[at] = merge->heap[(at - 1) / 2];
                merge->n_steps++;
        }
        merge->heap[at] = pair;
}

static struct pair heap_pop(struct merge *merge) {
        struct pair first = merge->heap[0], last = merge->heap[--merge->n_heap];
        size_t at = 0;

        for (;;) {
                size_t child = 2 * at + 1;

                if (child + 1 < merge->n_heap &&
                    pair_goes_first(merge->heap[child + 1], merge->heap[child]))
                        child++;
                if (child >= merge->n_heap || !pair_goes_first(merge->heap[child], last))
                        break;
                merge->heap[at] = merge->heap[child];
                merge->n_steps++;
                at = child;
        }
        merge->heap[at] = last;
        return first;
}

// Look up what the part at `left` and the one behind it make.
static void pair_look(const struct bpe *bpe, struct merge *merge, const char *piece,
                      size_t length, uint32_t left) {
        uint32_t right = merge->next[left];

        merge->n_steps++;
        merge->ranks[left] = RANK_NONE;
        if (right < length)
                merge->ranks[left] = *slot_find(bpe, piece + left, merge->next[right] - left);
        if (merge->ranks[left] != RANK_NONE)
                heap_push(merge, (struct pair){merge->ranks[left], left});
}

// Merge the piece's parts down to tokens: merge->next tells them. Each join takes one pair from
// the heap and brings two at most, so that it never holds more than two for each byte.
static void piece_merge(const struct bpe *bpe, struct merge *merge, const char *piece,
                        size_t length) {
        merge->n_heap = 0;
        for (uint32_t i = 0; i < length; i++) {
                merge->next[i] = i + 1;
                merge->before[i] = i > 0 ? i - 1 : 0;
        }
        for (uint32_t i = 0; i < length; i++)
                pair_look(bpe, merge, piece, length, i);
        while (merge->n_heap > 0) {
                struct pair pair = heap_pop(merge);
                uint32_t left = pair.left, right = merge->next[left];

                if (merge->ranks[left] != pair.rank)
                        continue;
                merge->ranks[right] = RANK_NONE;
                merge->next[left] = merge->next[right];
                if (merge->next[left] < length)
                        merge->before[merge->next[left]] = left;
                pair_look(bpe, merge, piece, length, left);
                if (left > 0)
                        pair_look(bpe, merge, piece, length, merge->before[left]);
        }
}

static size_t piece_encode(const struct bpe *bpe, struct merge *merge, const char *piece,
                           size_t length, int32_t *ret) {
        size_t n = 0;

        piece_merge(bpe, merge, piece, length);
        for (uint32_t i = 0; i < length; i = merge->next[i])
                ret[n++] = *slot_find(bpe, piece + i, merge->next[i] - i);
        return n;
}

// --- Texts ----------------------------------------------------------------------------------

static pcre2_match_data *match_free(pcre2_match_data *match) {
        pcre2_match_data_free(match);
        return NULL;
}

DEFINE_CLEANUP(pcre2_match_data *, match_free);

// Where the pieces of the text end: room for `n`, one for each byte. Returns how many there
// are, or -ENOMEM.
static ssize_t pieces_find(const struct bpe *bpe, const char *text, size_t n, size_t *ret) {
        CLEANUP(match_freep) pcre2_match_data *match = pcre2_match_data_create(1, NULL);
        size_t at = 0, n_pieces = 0;

        if (!match)
                return -ENOMEM;
        while (at < n) {
                // Every character is matched by some branch: only limits are left.
                if (pcre2_match(bpe->pattern, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK,
                                match, NULL) < 0)
                        return -ENOMEM;
                at = pcre2_get_ovector_pointer(match)[1];
                ret[n_pieces++] = at;
        }
        return (ssize_t)n_pieces;
}

struct pieces {
        const char *text;
        const size_t *ends;
        size_t n;
};

// Encode pieces, from the first on or from the last back, until there is enough. Tokens are
// gathered at the front of `tokens` or at the end of its n places. Returns how many.
static size_t pieces_encode(const struct bpe *bpe, struct merge *merge,
                            const struct pieces *pieces, const struct bpe_wish *wish,
                            int32_t *tokens) {
        const size_t *ends = pieces->ends;
        size_t n = pieces->n > 0 ? ends[pieces->n - 1] : 0, n_tokens = 0;

        for (size_t i = 0; i < pieces->n && n_tokens < wish->n_max; i++) {
                size_t piece = wish->is_from_end ? pieces->n - 1 - i : i;
                size_t begin = piece > 0 ? ends[piece - 1] : 0, n_new;
                // From the end there are at least as many places left as the piece has bytes.
                int32_t *place = tokens + (wish->is_from_end ? begin : n_tokens);

                n_new = piece_encode(bpe, merge, pieces->text + begin, ends[piece] - begin,
                                     place);
                n_tokens += n_new;
                if (wish->is_from_end)
                        memmove(tokens + n - n_tokens, place, n_new * sizeof(*tokens));
        }
        return n_tokens;
}

static void merge_init(struct merge *merge, size_t n) {
        *merge = (struct merge){
                .next = xcalloc(n + 1, sizeof(*merge->next)),
                .before = xcalloc(n + 1, sizeof(*merge->before)),
                .ranks = xcalloc(n + 1, sizeof(*merge->ranks)),
                .heap = xcalloc(2 * n + 1, sizeof(*merge->heap)),
        };
}

static void merge_deinit(struct merge *merge) {
        free(merge->next);
        free(merge->before);
        free(merge->ranks);
        free(merge->heap);
}

int bpe_encode(const struct bpe *bpe, const char *text, size_t n, struct bpe_wish *wish,
               int32_t **ret, size_t *ret_n) {
        size_t *ends = xcalloc(n + 1, sizeof(*ends));
        ssize_t n_pieces = pieces_find(bpe, text, n, ends);
        struct merge merge;
        int32_t *tokens;
        size_t n_tokens;

        if (n_pieces < 0) {
                free(ends);
                return (int)n_pieces;
        }
        tokens = xcalloc(n + 1, sizeof(*tokens));
        merge_init(&merge, n);
        n_tokens = pieces_encode(
                bpe, &merge,
                &(struct pieces){.text = text, .ends = ends, .n = (size_t)n_pieces}, wish,
                tokens);
        *ret_n = n_tokens < wish->n_max ? n_tokens : wish->n_max;
        if (wish->is_from_end)
                memmove(tokens, tokens + n - *ret_n, *ret_n * sizeof(*tokens));
        wish->n_steps = merge.n_steps;
        merge_deinit(&merge);
        free(ends);
        *ret = tokens;
        return 0;
}
