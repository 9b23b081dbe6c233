// Secrets for pages and phones, which a server of the client's own asks for: client_secrets,
// and the beta's transcription_sessions. What the session is to be is checked, and told; the
// client says it again when it has come.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/tickets.h"
#include "dialect/realtime/messages.h"
#include "dialect/realtime/settings.h"
#include "dialect/rest.h"
#include "net/exchange.h"
#include "pipeline/hub.h"
#include "util/mem.h"

#define BODY_MAX ((size_t)64 * 1024)

// Seconds that a secret may be good for, and is where nothing is said.
#define SECONDS_LEAST   10
#define SECONDS_MOST    7200
#define SECONDS_DEFAULT 600

// When some of those that are lent may have expired.
#define RETRY (60 * NSEC_PER_SEC)

// A body that comes.
struct secret_asking {
        struct exchange *exchange;
        struct hub *hub;
        struct tickets *tickets;
        bool is_flat;
        char *body;
        size_t n;
};

extern const struct rest_dialect rest_realtime;

static void secrets_refuse(struct exchange *exchange, const struct rest_refusal *refusal) {
        CLEANUP(http_phrase_deinit) struct http_phrase phrase = {0};
        CLEANUP(mem_freep)
        char *allow = refusal->allow ? xasprintf("Allow: %s\r\n", refusal->allow) : xstrdup("");
        CLEANUP(mem_freep) char *headers = rest_retry_headers(refusal, allow);

        realtime_phrase(exchange_request(exchange), refusal->status, refusal->words, &phrase);
        exchange_reply(exchange, &(struct http_response){.status = refusal->status,
                                                         .content_type = phrase.content_type,
                                                         .headers = headers,
                                                         .body = phrase.body,
                                                         .body_length = strlen(phrase.body)});
}

static void words_refuse(struct exchange *exchange, int status, const char *words) {
        secrets_refuse(exchange, &(struct rest_refusal){
                                         .status = status,
                                         .words = words,
                                         .retry = status == 429 || status == 503 ? RETRY : 0});
}

// As above, of what is refused before it comes here.
static void secrets_phrase(const struct rest_refusal *refusal, struct http_phrase *phrase) {
        realtime_phrase(NULL, refusal->status, refusal->words, phrase);
        phrase->headers = rest_retry_headers(refusal, "");
}

// --- the answer ------------------------------------------------------------------------------

static void json_reply(struct exchange *exchange, json_t *json) {
        CLEANUP(mem_freep) char *text = json_dumps(json, JSON_COMPACT);

        exchange_reply(exchange,
                       &(struct http_response){.status = 200,
                                               .content_type = "application/json",
                                               .headers = "Cache-Control: no-store\r\n",
                                               .body = text,
                                               .body_length = strlen(text)});
        json_decref(json);
}

// 0: it is not to be had. The beta has it within its client_secret.
static int64_t seconds_read(const json_t *body) {
        const json_t *flat =
                json_object_get(json_object_get(body, "client_secret"), "expires_after");
        const json_t *seconds = json_object_get(
                flat ? flat : json_object_get(body, "expires_after"), "seconds");
        json_int_t value = json_integer_value(seconds);

        if (!seconds || json_is_null(seconds))
                return SECONDS_DEFAULT;
        return json_is_integer(seconds) && value >= SECONDS_LEAST && value <= SECONDS_MOST
                       ? value
                       : 0;
}

static json_t *secret_json(const struct realtime_settings *settings, const char *secret,
                           int64_t expires_at) {
        json_t *told =
                json_pack("{sssI}", "value", secret, "expires_at", (json_int_t)expires_at);
        json_t *session = realtime_settings_json(settings, "sess_of_secret");

        if (settings->is_flat) {
                json_object_set_new(session, "client_secret", told);
                return session;
        }
        json_object_set_new(told, "session", session);
        return told;
}

static void secret_lend(const struct secret_asking *asking,
                        const struct realtime_settings *settings, int64_t seconds) {
        struct exchange *exchange = asking->exchange;
        nsec_t wall = loop_wall(hub_parts(asking->hub)->loop);
        int64_t now = wall / NSEC_PER_MSEC;
        const struct ticket_terms terms = {rest_realtime.name, now, now + seconds * 1000};
        char *secret = NULL;
        struct error error;
        int r = tickets_lend(asking->tickets, exchange_request(exchange)->principal, &terms,
                             &secret, &error);

        if (r < 0) {
                words_refuse(exchange, r == -EPERM ? 403 : r == -EBUSY ? 429 : 503, error.text);
                return;
        }
        json_reply(exchange, secret_json(settings, secret, terms.expires / 1000));
        explicit_bzero(secret, strlen(secret));
        free(secret);
}

static void body_answer(const struct secret_asking *asking, json_t *body) {
        const json_t *session = asking->is_flat ? body : json_object_get(body, "session");
        int64_t seconds = seconds_read(body);
        struct realtime_settings settings;
        struct realtime_mistake mistake;

        if (!json_is_object(body) || !seconds) {
                words_refuse(
                        asking->exchange, 400,
                        "a JSON object is expected, whose expires_after.seconds is from 10 "
                        "to 7200");
                return;
        }
        // No setting of the session, beside which it stands where the body is flat.
        (void)json_object_del(body, "expires_after");
        realtime_settings_init(&settings);
        settings.is_flat = asking->is_flat;
        if (session && realtime_settings_update(&settings, session, &mistake) < 0)
                words_refuse(asking->exchange, 400, mistake.words);
        else
                secret_lend(asking, &settings, seconds);
        realtime_settings_deinit(&settings);
}

// --- the body --------------------------------------------------------------------------------

static void asking_free(struct secret_asking *asking) {
        free(asking->body);
        free(asking);
}

static void asking_on_body(void *context, const uint8_t *bytes, size_t n) {
        struct secret_asking *asking = context;

        asking->body = xrealloc_array(asking->body, asking->n + n, 1);
        memcpy(asking->body + asking->n, bytes, n);
        asking->n += n;
}

static void asking_on_end(void *context) {
        struct secret_asking *asking = context;
        json_t *body = asking->n ? json_loadb(asking->body, asking->n, 0, NULL) : json_object();

        body_answer(asking, body);
        json_decref(body);
        asking_free(asking);
}

static void asking_on_gone(void *context) {
        asking_free(context);
}

static void asking_begin(const struct rest_place *place, struct exchange *exchange,
                         bool is_flat) {
        struct secret_asking *asking;
        struct exchange_handler handler = {.on_body = asking_on_body,
                                           .on_body_end = asking_on_end,
                                           .on_gone = asking_on_gone,
                                           .body_max = BODY_MAX};

        if (place->is_stopping) {
                words_refuse(exchange, 503, "the server is stopping");
                return;
        }
        handler.context = asking = xnew(struct secret_asking);
        asking->exchange = exchange;
        asking->hub = place->hub;
        asking->tickets = place->tickets;
        asking->is_flat = is_flat;
        exchange_set_handler(exchange, &handler);
}

static void secrets_answer(const struct rest_place *place, struct exchange *exchange,
                           const char *part) {
        (void)part;
        asking_begin(place, exchange, false);
}

static void sessions_answer(const struct rest_place *place, struct exchange *exchange,
                            const char *part) {
        (void)part;
        asking_begin(place, exchange, true);
}

static const struct rest_route routes[] = {
        {"POST", "/v1/realtime/client_secrets", SCOPE_LISTEN, secrets_answer},
        {"POST", "/v1/realtime/transcription_sessions", SCOPE_LISTEN, sessions_answer},
        {"POST", "/realtime/client_secrets", SCOPE_LISTEN, secrets_answer},
        {"POST", "/realtime/transcription_sessions", SCOPE_LISTEN, sessions_answer},
        {0},
};

const struct rest_dialect rest_realtime = {
        .name = "realtime",
        .routes = routes,
        .refuse = secrets_refuse,
        .phrase = secrets_phrase,
};
