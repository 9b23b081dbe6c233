#include "util/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

static const char hidden[] = "***";

#define HIDDEN_LENGTH (sizeof(hidden) - 1)

// Around an address in a sentence.
#define WHITE_SPACE " \t\r\n\v\f"
#define OPENERS     "'\"`([{<"
#define CLOSERS     "'\"`)]}>.,;:!"

// Ends of user info: '@' as it is, percent-encoded once or twice, full-width.
static const char *const at_signs[] = {"@", "%40", "%2540", "\xef\xbc\xa0", "\xef\xb9\xab"};

// Schemes that are recognised without the "://" behind them.
static const char *const schemes[] = {
        "rtsps", "rtspu", "rtspt", "rtsp", "https", "http", "rtmps", "rtmpt", "rtmpe",
        "rtmp",  "srt",   "wss",   "ws",   "udp",   "tcp",  "ftp",   "mms",   "rtp",
};

// Names, or the last words of names, whose values are secret: "key" also covers "api-key",
// "streamKey" and "stream_key". User names count as well: they are half of what a camera asks
// for. From the manuals of cameras (Foscam: usr, pwd; VStarcam: loginuse, loginpas; XMEye:
// user, password; Hikvision: auth; Blue Iris: pw, session; Synology: _sid, passwd), of stores
// and networks of copies (X-Amz-Signature, sig, hdnts), and SRT's passphrase and stream id,
// which servers use for user:password.
static const char *const secret_words[] = {
        "account", "apikey", "auth",      "authbasic", "authkey", "authorization", "authsid",
        "bearer",  "cookie", "hash",      "hdnea",     "hdntl",   "hdnts",         "hmac",
        "jwt",     "key",    "login",     "loginuse",  "mdp",     "otp",           "pin",
        "psw",     "pw",     "sas",       "senha",     "session", "sessionid",     "sid",
        "sig",     "sign",   "signature", "streamid",  "ticket",  "uname",         "usr",
};

// Parts of a name that make it one, wherever they stand: "accessToken", "userPassword1".
static const char *const secret_parts[] = {
        "pas", "pwd", "pswd", "secret", "token", "credential", "user", "kennwort",
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

// The copy being written; big enough from the start.
struct redaction {
        char *text;
        size_t length;
};

static void append(struct redaction *redaction, const char *begin, const char *end) {
        size_t n = (size_t)(end - begin);

        memcpy(redaction->text + redaction->length, begin, n);
        redaction->length += n;
        redaction->text[redaction->length] = '\0';  // what was longer before may follow
}

static void append_hidden(struct redaction *redaction) {
        append(redaction, hidden, hidden + HIDDEN_LENGTH);
}

// --- names of parameters ---------------------------------------------------------------------

static bool is_name_byte(char byte) {
        return isalnum((unsigned char)byte) || byte == '_' || byte == '-' || byte == '.';
}

// The last word of a name: behind a '_', '-' or '.', or from a capital behind a small letter.
static const char *last_word(const char *begin, const char *end) {
        const char *place = end;

        while (place > begin && isalnum((unsigned char)place[-1])) {
                place--;
                if (place > begin && isupper((unsigned char)*place) &&
                    islower((unsigned char)place[-1]))
                        break;
        }
        return place;
}

static bool is_word(const char *begin, const char *end, const char *word) {
        size_t n = (size_t)(end - begin);

        return strlen(word) == n && strncasecmp(word, begin, n) == 0;
}

static bool has_part(const char *begin, const char *end, const char *part) {
        size_t n = strlen(part);

        for (; (size_t)(end - begin) >= n; begin++)
                if (strncasecmp(begin, part, n) == 0)
                        return true;
        return false;
}

static bool is_secret_name(const char *begin, const char *end) {
        const char *word;

        while (end > begin && isdigit((unsigned char)end[-1]))
                end--;  // "pwd1"
        word = last_word(begin, end);
        for (size_t i = 0; i < LENGTH(secret_parts); i++)
                if (has_part(begin, end, secret_parts[i]))
                        return true;
        for (size_t i = 0; i < LENGTH(secret_words); i++)
                if (is_word(word, end, secret_words[i]) || is_word(begin, end, secret_words[i]))
                        return true;
        return false;
}

// Bytes of the '=' at `place`, also percent-encoded; 0 if it is none.
static size_t equals_length(const char *place, const char *end) {
        if (*place == '=')
                return 1;
        return end - place >= 3 && strncasecmp(place, "%3d", 3) == 0 ? 3 : 0;
}

// The value of the first secret parameter from `place` on; NULL without one.
static const char *secret_value(const char *place, const char *end) {
        const char *name = place;

        while (place < end) {
                size_t n_equals = equals_length(place, end);
                const char *next = place + (n_equals ? n_equals : 1);

                if (n_equals > 0 && next < end && *next != '&' && is_secret_name(name, place))
                        return next;
                if (n_equals > 0 || !is_name_byte(*place))
                        name = next;
                place = next;
        }
        return NULL;
}

static const char *value_end(const char *value, const char *end) {
        const char *next = memchr(value, '&', (size_t)(end - value));

        return next ? next : end;
}

// Append what holds no user info any more, without the values of secret parameters.
static void append_parameters(struct redaction *redaction, const char *place, const char *end) {
        const char *value;

        while ((value = secret_value(place, end))) {
                append(redaction, place, value);
                append_hidden(redaction);
                place = value_end(value, end);
        }
        append(redaction, place, end);
}

// Is what stands before `end` the value of a secret parameter?
static bool is_value_end(const char *begin, const char *end) {
        const char *value = secret_value(begin, end);

        while (value && value_end(value, end) < end)
                value = secret_value(value_end(value, end), end);
        return value != NULL;
}

// `at`, or the end of a secret value with an '@' in it.
static const char *values_end(const char *begin, const char *at, const char *end) {
        const char *value;

        while (begin < at && (value = secret_value(begin, at)))
                begin = value_end(value, end);
        return begin > at ? begin : at;
}

// --- user info -------------------------------------------------------------------------------

// Where what may be shown begins: at the last sign that ends user info; NULL without one.
static const char *user_info_end(const char *begin, const char *end) {
        const char *last = NULL;

        for (const char *place = begin; place < end; place++)
                for (size_t i = 0; i < LENGTH(at_signs); i++) {
                        size_t n = strlen(at_signs[i]);

                        if ((size_t)(end - place) >= n && memcmp(place, at_signs[i], n) == 0)
                                last = place;
                }
        return last;
}

// Behind "scheme://", or behind a known scheme and what was meant as "://"; `begin` without
// any.
static const char *scheme_end(const char *begin, const char *end) {
        const char *place = begin;

        while (place < end && (isalnum((unsigned char)*place) || strchr("+.-", *place)))
                place++;
        if (place > begin && end - place >= 3 && memcmp(place, "://", 3) == 0)
                return place + 3;
        for (size_t i = 0; i < LENGTH(schemes); i++) {
                size_t n = strlen(schemes[i]);

                if ((size_t)(end - begin) <= n || strncasecmp(begin, schemes[i], n) != 0)
                        continue;
                place = begin + n;
                if (*place != ':' && (end - place < 2 || memcmp(place, "//", 2) != 0))
                        continue;
                while (place < end && strchr(":/\\", *place))
                        place++;
                return place;
        }
        return begin;
}

// An IPv6 address that lacks its brackets is not a name and a password.
static bool is_bare_ipv6(const char *begin, const char *end) {
        unsigned n_colons = 0;

        for (; begin < end; begin++) {
                if (!isxdigit((unsigned char)*begin) && *begin != ':' && *begin != '.')
                        return false;
                n_colons += *begin == ':';
        }
        return n_colons > 1;
}

// Is there something else than a port's number behind a host's colon? Then it may be a password
// whose '@' is missing.
static bool has_odd_port(const char *begin, const char *end) {
        const char *stop = begin, *colon;

        while (stop < end && !strchr("/?#", *stop))
                stop++;
        while (stop > begin && strchr(CLOSERS, stop[-1]))
                stop--;
        if (begin == stop || *begin == '[' || is_bare_ipv6(begin, stop))
                return false;
        colon = memchr(begin, ':', (size_t)(stop - begin));
        if (!colon)
                return false;
        while (++colon < stop)
                if (!isdigit((unsigned char)*colon))
                        return true;
        return false;
}

// --- words -----------------------------------------------------------------------------------

// The first host of a word that has an odd port, of however many addresses; NULL without one.
// What an '@' ends is user info, and what stands right behind it is shown as it is.
static const char *odd_host(const char *begin, const char *end) {
        const char *shown = scheme_end(begin, end);
        const char *at = user_info_end(shown, end);
        const char *place = at ? at : shown;

        if (!at && shown > begin && has_odd_port(shown, end))
                return shown;
        while ((place = memmem(place, (size_t)(end - place), "://", 3))) {
                place += 3;
                if (has_odd_port(place, end))
                        return place;
        }
        return NULL;
}

// Hide the odd port of the word from `from` on that is already written: a '/' that ended a host
// may have gone with a secret value.
static void hide_odd_port(struct redaction *redaction, size_t from) {
        const char *host =
                odd_host(redaction->text + from, redaction->text + redaction->length);

        if (!host)
                return;
        redaction->length = (size_t)(host - redaction->text);
        append_hidden(redaction);
}

static void append_word(struct redaction *redaction, const char *begin, const char *end) {
        size_t from = redaction->length;
        const char *shown = scheme_end(begin, end);
        const char *at = user_info_end(shown, end);
        const char *host = odd_host(begin, end);
        const char *rest = begin;

        if (at && at > begin) {
                append(redaction, begin, shown);
                append_hidden(redaction);
                rest = values_end(shown, at, end);
        }
        if (host && host > rest) {
                append_parameters(redaction, rest, host);
                if (!is_value_end(rest, host))
                        append_hidden(redaction);
        } else {
                append_parameters(redaction, rest, end);
        }
        hide_odd_port(redaction, from);
}

// The end of a quoted stretch, which may hold white space, without its last quote; NULL if it
// does not begin with a quote, or the quote is not closed.
static const char *quoted_end(const char *begin) {
        const char *close = begin;

        if (*begin != '\'' && *begin != '"')
                return NULL;
        while ((close = strchr(close + 1, *begin))) {
                const char *behind = close + 1 + strspn(close + 1, CLOSERS);

                if (*behind == '\0' || isspace((unsigned char)*behind))
                        return close;
        }
        return NULL;
}

char *redact_urls(const char *text) {
        // Each replacement adds at most HIDDEN_LENGTH and stands for a byte or beside an '@'.
        struct redaction redaction = {xcalloc(strlen(text) + 1, HIDDEN_LENGTH + 1), 0};

        while (*text) {
                const char *word = text + strspn(text, WHITE_SPACE OPENERS), *end;

                append(&redaction, text, word);
                end = word > text ? quoted_end(word - 1) : NULL;
                // What made the quote a last one stays as it is: it is no part of a next word.
                text = end ? end + 1 + strspn(end + 1, CLOSERS)
                           : word + strcspn(word, WHITE_SPACE);
                append_word(&redaction, word, end ? end : text);
                append(&redaction, end ? end : text, text);
        }
        return redaction.text;
}

char *redact_value(const char *value) {
        struct redaction redaction = {xcalloc(strlen(value) + 1, HIDDEN_LENGTH + 1), 0};

        append_word(&redaction, value, value + strlen(value));
        return redaction.text;
}
