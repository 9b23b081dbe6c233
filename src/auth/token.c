#include "auth/token.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "auth/principal.h"
#include "util/date.h"
#include "util/mem.h"

#define HASH_PREFIX "sha256:"

// What a header, a query and a sub-protocol all take as it is (RFC 6750's b64token, without the
// signs that a query or a sub-protocol would have to escape).
#define SECRET_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const struct {
        const char *word;
        enum principal_scope scope;
} scopes[] = {{"read", SCOPE_READ}, {"listen", SCOPE_LISTEN}, {"manage", SCOPE_MANAGE}};

#define N_SCOPES (sizeof(scopes) / sizeof(scopes[0]))

// --- single words ----------------------------------------------------------------------------

// Names that the server has for those without a token, and for its owner's.
static const char *const taken_names[] = {"anonymous", "local", "owner"};

bool token_name_is_good(const char *name) {
        size_t length = strlen(name);

        for (size_t i = 0; i < sizeof(taken_names) / sizeof(taken_names[0]); i++)
                if (strcmp(name, taken_names[i]) == 0)
                        return false;
        return length > 0 && length <= TOKEN_NAME_MAX && strspn(name, NAME_LETTERS) == length;
}

static int digit_value(char digit) {
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        return isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10 : -1;
}

static bool hash_read(const char *text, uint8_t ret[static TOKEN_HASH_BYTES]) {
        size_t length = strlen(HASH_PREFIX);

        if (strncmp(text, HASH_PREFIX, length) != 0 ||
            strlen(text + length) != 2 * (size_t)TOKEN_HASH_BYTES)
                return false;
        text += length;
        for (size_t i = 0; i < TOKEN_HASH_BYTES; i++, text += 2) {
                int high = digit_value(text[0]), low = digit_value(text[1]);

                if (high < 0 || low < 0)
                        return false;
                ret[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

bool token_hash_is_good(const char *hash) {
        uint8_t bytes[TOKEN_HASH_BYTES];

        return hash_read(hash, bytes);
}

static unsigned scope_of(const char *word, size_t n) {
        for (size_t i = 0; i < N_SCOPES; i++)
                if (strlen(scopes[i].word) == n && memcmp(scopes[i].word, word, n) == 0)
                        return scopes[i].scope;
        return 0;
}

bool token_scope_is_good(const char *word) {
        return scope_of(word, strlen(word));
}

bool token_stream_is_good(const char *word) {
        if (word[0] == '\0')
                return false;
        for (; *word; word++)
                if ((unsigned char)*word <= ' ' || *word == 0x7F)
                        return false;
        return true;
}

bool token_expires_is_good(const char *date) {
        int64_t time;

        return date_read(date, &time) && time > 0;
}

// --- a whole one -----------------------------------------------------------------------------

// True when there is at least one and all are known.
static bool scopes_read(const char *words, unsigned *ret) {
        *ret = 0;
        for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
                size_t n = strcspn(words, " ");
                unsigned scope = scope_of(words, n);

                if (!scope)
                        return false;
                *ret |= scope;
                words += n;
        }
        return *ret;
}

static bool streams_read(const char *words, char ***ret) {
        size_t n_words = 0;

        *ret = xcalloc(TOKEN_STREAMS_MAX + 1, sizeof(char *));
        for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
                size_t n = strcspn(words, " ");

                if (n_words == TOKEN_STREAMS_MAX)
                        return false;
                (*ret)[n_words] = xasprintf("%.*s", (int)n, words);
                if (!token_stream_is_good((*ret)[n_words++]))
                        return false;
                words += n;
        }
        return n_words > 0;
}

int token_read(struct token *ret, const struct token_text *text, struct error *error) {
        const char *name = text->name ? text->name : "";

        *ret = (struct token){0};
        if (!token_name_is_good(name))
                return error_set(error, -EINVAL,
                                 "a token's name is made of 1 to %d letters (a-z, A-Z), "
                                 "digits, \".\", \"_\" and \"-\"; anonymous, local and "
                                 "owner are taken",
                                 TOKEN_NAME_MAX);
        ret->name = xstrdup(name);
        if (!text->hash || !hash_read(text->hash, ret->hash))
                return error_set(error, -EINVAL,
                                 "token '%s': hash: expected sha256: and 64 hexadecimal "
                                 "digits, as eavesdrop token new writes it",
                                 name);
        if (!text->scopes || !scopes_read(text->scopes, &ret->scopes))
                return error_set(error, -EINVAL,
                                 "token '%s': scopes: expected at least one of read, listen "
                                 "and manage",
                                 name);
        if (text->streams && !streams_read(text->streams, &ret->streams))
                return error_set(error, -EINVAL,
                                 "token '%s': streams: expected 1 to %d names or globs such "
                                 "as door-*",
                                 name, TOKEN_STREAMS_MAX);
        if (text->expires && (!date_read(text->expires, &ret->expires) || ret->expires <= 0))
                return error_set(error, -EINVAL,
                                 "token '%s': expires: expected a date such as 2026-12-31 or "
                                 "2026-12-31T12:00Z",
                                 name);
        return 0;
}

void token_deinit(struct token *token) {
        for (size_t i = 0; token->streams && token->streams[i]; i++)
                free(token->streams[i]);
        free(token->streams);
        free(token->name);
        *token = (struct token){0};
}

void token_text_deinit(struct token_text *text) {
        free(text->name);
        free(text->hash);
        free(text->scopes);
        free(text->streams);
        free(text->expires);
        *text = (struct token_text){0};
}

// --- secrets ---------------------------------------------------------------------------------

int token_secret_check(const char *secret, struct error *error) {
        size_t length = strlen(secret);

        if (length < TOKEN_LEAST)
                return error_set(error, -EINVAL,
                                 "the token has %zu characters; one that somebody chose needs "
                                 "at least %d, for shorter ones are guessed",
                                 length, TOKEN_LEAST);
        if (length > TOKEN_MOST)
                return error_set(error, -EINVAL, "the token has more than %d characters",
                                 TOKEN_MOST);
        if (strspn(secret, SECRET_LETTERS) != length)
                return error_set(error, -EINVAL,
                                 "a token is made of letters (a-z, A-Z), digits, \"-\", "
                                 "\".\", \"_\" and \"~\", which can be sent every way");
        return 0;
}

// Base64 with the letters that addresses have (RFC 4648, 5), without signs at its end.
char *token_secret_new(void) {
        uint8_t bytes[TOKEN_BYTES];
        unsigned char text[4 * ((TOKEN_BYTES + 2) / 3) + 1];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return NULL;
        EVP_EncodeBlock(text, bytes, TOKEN_BYTES);
        for (unsigned char *at = text; *at; at++) {
                if (*at == '+')
                        *at = '-';
                else if (*at == '/')
                        *at = '_';
                else if (*at == '=')
                        *at = '\0';
        }
        return xasprintf(TOKEN_PREFIX "%s", (const char *)text);
}

void token_hash(const char *secret, uint8_t ret[static TOKEN_HASH_BYTES]) {
        unsigned n = TOKEN_HASH_BYTES;

        if (EVP_Digest(secret, strlen(secret), ret, &n, EVP_sha256(), NULL) != 1)
                abort();
}

char *token_hash_text(const char *secret) {
        uint8_t hash[TOKEN_HASH_BYTES];
        char digits[2 * TOKEN_HASH_BYTES + 1];

        token_hash(secret, hash);
        for (size_t i = 0; i < TOKEN_HASH_BYTES; i++) {
                digits[2 * i] = "0123456789abcdef"[hash[i] >> 4];
                digits[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
        }
        digits[sizeof(digits) - 1] = '\0';
        return xasprintf(HASH_PREFIX "%s", digits);
}
