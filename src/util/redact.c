#include "util/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

/* Where a parser would read a URL strictly, this one is greedy: a password that somebody
 * forgot to percent-encode may hold '/', '?', '#', '@' or quotes, and must be hidden all the
 * same. So user info reaches to the last '@' before white space, and a secret value to the
 * next '&', '#' or white space. The price is that a path with an '@' in it loses its host.
 */

#define HIDDEN        "***"
#define HIDDEN_LENGTH (sizeof(HIDDEN) - 1)

// The last word of a parameter's name: "key" also covers "api-key" and "stream_key".
// SRT's passphrase and stream id (which servers use for user:password) are secrets too.
static const char *const secret_words[] = {
        "token", "key",       "password", "passwd", "pass",       "pwd",      "secret",
        "auth",  "signature", "sig",      "apikey", "credential", "streamid", "passphrase",
};

// The copy being written; big enough from the start.
struct redaction {
        char *text;
        size_t length;
};

static void redaction_append(struct redaction *redaction, const char *bytes, size_t n) {
        memcpy(redaction->text + redaction->length, bytes, n);
        redaction->length += n;
}

static bool is_secret_name(const char *name, size_t n) {
        size_t word = n;

        while (word > 0 && isalnum((unsigned char)name[word - 1]))
                word--;
        for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++)
                if (strlen(secret_words[i]) == n - word &&
                    strncasecmp(secret_words[i], name + word, n - word) == 0)
                        return true;
        return false;
}

static bool is_parameter_start(char byte) {
        return byte == '?' || byte == '&' || byte == ';' || byte == '#';
}

static size_t value_length(const char *value, const char *end) {
        const char *place = value;

        while (place < end && *place != '&' && *place != '#')
                place++;
        return (size_t)(place - value);
}

// Append what stands between the user info and the end of the URL, without secret values.
static void redaction_append_rest(struct redaction *redaction, const char *rest,
                                  const char *end) {
        const char *name = NULL;

        while (rest < end) {
                redaction_append(redaction, rest, 1);
                if (is_parameter_start(*rest)) {
                        name = rest + 1;
                } else if (*rest == '=' && name) {
                        bool is_secret = is_secret_name(name, (size_t)(rest - name));
                        size_t n = value_length(rest + 1, end);

                        name = NULL;
                        if (is_secret && n > 0) {
                                redaction_append(redaction, HIDDEN, HIDDEN_LENGTH);
                                rest += n;
                        }
                }
                rest++;
        }
}

char *redact_urls(const char *text) {
        static const char mark[] = "://";
        size_t length = strlen(text);
        // Each replacement adds at most HIDDEN_LENGTH and stands beside an '@' or '='.
        struct redaction redaction = {xcalloc(length + 1, HIDDEN_LENGTH + 1), 0};

        for (;;) {
                const char *found = strstr(text, mark);
                const char *authority, *end, *at;

                if (!found) {
                        redaction_append(&redaction, text, strlen(text));
                        return redaction.text;
                }
                authority = end = found + strlen(mark);
                while (*end && !isspace((unsigned char)*end))
                        end++;
                at = memrchr(authority, '@', (size_t)(end - authority));
                redaction_append(&redaction, text, (size_t)(authority - text));
                if (at)
                        redaction_append(&redaction, HIDDEN, HIDDEN_LENGTH);
                redaction_append_rest(&redaction, at ? at : authority, end);
                text = end;
        }
}
