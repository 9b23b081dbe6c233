#include "dialect/dialects.h"

#include <string.h>

#include "dialect/rest.h"

// Each is defined in a folder of dialect/. Eavesdrop comes before WhisperLive: a first text
// that could be either's is eavesdrop's.
#define DIALECTS(_)     \
        _(eavesdrop)    \
        _(subscriber)   \
        _(health_check) \
        _(whisperlive)  \
        _(deepgram)     \
        _(twilio)       \
        _(realtime)     \
        _(assemblyai)

// With a listener of its own each.
#define DIALECTS_APART(_) _(vosk) _(wyoming) _(audiosocket)

#define DECLARE(name) extern const struct dialect dialect_##name;
#define ROW(name)     &dialect_##name,

DIALECTS(DECLARE)
DIALECTS_APART(DECLARE)

const struct dialect *const dialects[] = {DIALECTS(ROW) NULL};
const struct dialect *const dialects_apart[] = {DIALECTS_APART(ROW) NULL};

#define N_DIALECTS (sizeof(dialects) / sizeof(dialects[0]) - 1)
#define N_APART    (sizeof(dialects_apart) / sizeof(dialects_apart[0]) - 1)

const struct dialect *dialects_at(size_t i) {
        if (i < N_DIALECTS)
                return dialects[i];
        return i < N_DIALECTS + N_APART ? dialects_apart[i - N_DIALECTS] : NULL;
}

// What answers to plain requests, likewise.
#define REST_DIALECTS(_) \
        _(openai)        \
        _(whispercpp)    \
        _(deepgram)      \
        _(realtime)

#define DECLARE_REST(name) extern const struct rest_dialect rest_##name;
#define REST_ROW(name)     &rest_##name,

REST_DIALECTS(DECLARE_REST)

const struct rest_dialect *const rest_dialects[] = {REST_DIALECTS(REST_ROW) NULL};

// One that has both, sessions and answers to requests, is named already.
static bool is_named(const char *name) {
        const struct dialect *dialect;

        for (size_t i = 0; (dialect = dialects_at(i)); i++)
                if (strcmp(dialect->name, name) == 0)
                        return true;
        return false;
}

const char *dialects_name(size_t i) {
        const struct dialect *dialect = dialects_at(i);

        if (dialect)
                return dialect->name;
        i -= N_DIALECTS + N_APART;
        for (const struct rest_dialect *const *rest = rest_dialects; *rest; rest++)
                if (!is_named((*rest)->name) && i-- == 0)
                        return (*rest)->name;
        return NULL;
}

const struct dialect *dialect_of(const struct dialect *const *table,
                                 const struct http_request *request) {
        for (; *table; table++)
                if ((*table)->matches_request && (*table)->matches_request(request))
                        return *table;
        return NULL;
}

enum visitors_key dialects_key(const struct http_request *request) {
        const struct dialect *dialect = dialect_of(dialects, request);

        if (dialect)
                return dialect->key;
        // Stock clients of other services' HTTP send one, whoever they speak to.
        return rest_has_path(rest_dialects, request->path) ? KEY_IS_A_HABIT : KEY_IS_TOKEN;
}

bool dialects_phrase(const struct http_request *request, int status, const char *words,
                     struct http_phrase *phrase) {
        const struct dialect *dialect = dialect_of(dialects, request);

        if (dialect)
                return dialect->phrase && dialect->phrase(request, status, words, phrase);
        return rest_phrase(rest_dialects, request, status, words, phrase);
}
