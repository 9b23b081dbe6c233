/* Vocabulary: the bytes of every token.
 *
 * ggml keeps them raw. CTranslate2 keeps GPT-2's printable alphabet: bytes that are printable
 * in Latin-1 stand for themselves, the other 68 are, in their order, U+0100 and up. A token
 * that is not made of that alphabet (none of Whisper's) is taken as it is.
 */
#include "whisper/weights/formats.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/mem.h"

int vocabulary_append(struct vocabulary *vocabulary, const char *bytes, size_t n,
                      struct error *error) {
        if (n > WEIGHTS_TOKEN_BYTES_MAX)
                return error_set(error, -EBADMSG, "token %zu has %zu bytes, more than %d",
                                 vocabulary->n, n, WEIGHTS_TOKEN_BYTES_MAX);
        if (vocabulary->n == WEIGHTS_VOCABULARY_MAX)
                return error_set(error, -EBADMSG, "the vocabulary has more than %d tokens",
                                 WEIGHTS_VOCABULARY_MAX);
        vocabulary->ends = array_grow(vocabulary->ends, vocabulary->n, &vocabulary->n_allocated,
                                      sizeof(size_t));
        if (vocabulary->n_bytes_allocated - vocabulary->n_bytes < n || !vocabulary->bytes) {
                size_t wanted = 2 * vocabulary->n_bytes_allocated + WEIGHTS_TOKEN_BYTES_MAX;

                vocabulary->bytes = xrealloc_array(vocabulary->bytes, wanted, 1);
                vocabulary->n_bytes_allocated = wanted;
        }
        if (n)
                memcpy(vocabulary->bytes + vocabulary->n_bytes, bytes, n);
        vocabulary->n_bytes += n;
        vocabulary->ends[vocabulary->n++] = vocabulary->n_bytes;
        return 0;
}

void vocabulary_deinit(struct vocabulary *vocabulary) {
        free(vocabulary->bytes);
        free(vocabulary->ends);
        *vocabulary = (struct vocabulary){0};
}

static bool is_printable(unsigned byte) {
        return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

// The byte that each code point below U+0144 stands for; -1 for none.
#define ALPHABET_SIZE (256 + 68)

static void alphabet_fill(int16_t ret[ALPHABET_SIZE]) {
        int next = 256;

        for (int i = 0; i < ALPHABET_SIZE; i++)
                ret[i] = -1;
        for (unsigned byte = 0; byte < 256; byte++)
                ret[is_printable(byte) ? (int)byte : next++] = (int16_t)byte;
}

// Turn `n` bytes of the alphabet's UTF-8 into what they stand for: at most as many bytes. False
// when a character is not in the alphabet.
static bool alphabet_decode(const int16_t alphabet[ALPHABET_SIZE], const char *text, size_t n,
                            char *ret, size_t *ret_n) {
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned code = (unsigned char)text[i];

                // The alphabet lies below U+0800: one or two bytes each.
                if (code >= 0x80) {
                        if ((code & 0xe0) != 0xc0 || i + 1 == n ||
                            ((unsigned char)text[i + 1] & 0xc0) != 0x80)
                                return false;
                        code = (code & 0x1f) << 6 | ((unsigned char)text[++i] & 0x3f);
                }
                if (code >= ALPHABET_SIZE || alphabet[code] < 0)
                        return false;
                ret[length++] = (char)alphabet[code];
        }
        *ret_n = length;
        return true;
}

static int token_append(struct vocabulary *vocabulary, const int16_t alphabet[ALPHABET_SIZE],
                        const char *text, size_t n, struct error *error) {
        char bytes[2 * WEIGHTS_TOKEN_BYTES_MAX];
        size_t length;

        if (n <= sizeof(bytes) && alphabet_decode(alphabet, text, n, bytes, &length))
                return vocabulary_append(vocabulary, bytes, length, error);
        return vocabulary_append(vocabulary, text, n, error);
}

static int vocabulary_read_lines(struct vocabulary *vocabulary,
                                 const int16_t alphabet[ALPHABET_SIZE], const char *text,
                                 size_t n, struct error *error) {
        const char *end = text + n;

        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                const char *stop = newline ? newline : end;
                size_t length = (size_t)(stop - text);
                int r;

                if (length && text[length - 1] == '\r')
                        length--;
                r = token_append(vocabulary, alphabet, text, length, error);
                if (r < 0)
                        return r;
                text = newline ? stop + 1 : end;
        }
        return 0;
}

static json_t *json_free(json_t *json) {
        json_decref(json);
        return NULL;
}

DEFINE_CLEANUP(json_t *, json_free);

static int vocabulary_read_json(struct vocabulary *vocabulary,
                                const int16_t alphabet[ALPHABET_SIZE],
                                const struct weights_source *source, struct error *error) {
        CLEANUP(json_freep) json_t *list = NULL;
        json_error_t trouble;
        json_t *item;
        size_t i;

        list = json_loadb((const char *)source->vocabulary, source->n_vocabulary, 0, &trouble);
        if (!list)
                return error_set(error, -EBADMSG, "not JSON, line %d: %s", trouble.line,
                                 trouble.text);
        if (!json_is_array(list))
                return error_set(error, -EBADMSG, "expected a list of tokens");
        json_array_foreach(list, i, item) {
                int r;

                if (!json_is_string(item))
                        return error_set(error, -EBADMSG, "token %zu is not a string", i);
                r = token_append(vocabulary, alphabet, json_string_value(item),
                                 json_string_length(item), error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int vocabulary_read(struct vocabulary *vocabulary, const struct weights_source *source,
                    struct error *error) {
        int16_t alphabet[ALPHABET_SIZE];
        int r;

        alphabet_fill(alphabet);
        r = source->vocabulary_is_json
                    ? vocabulary_read_json(vocabulary, alphabet, source, error)
                    : vocabulary_read_lines(vocabulary, alphabet,
                                            (const char *)source->vocabulary,
                                            source->n_vocabulary, error);
        if (r < 0)
                error_prefix(error, "%s", source->vocabulary_name);
        return r;
}
