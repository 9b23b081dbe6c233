#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/principal.h"
#include "dialect/openai/answer.h"
#include "dialect/openai/wish.h"
#include "dialect/rest_hearing.h"
#include "net/exchange.h"
#include "util/log.h"
#include "util/mem.h"

// So long the head of an answer in pieces may wait for the file's first sound, and with it an
// error for its own status; and so often the client hears that there is still somebody.
#define HEAD_PATIENCE NSEC_PER_SEC
#define BEAT          (10 * NSEC_PER_SEC)

// The names by which stock clients ask; each is the model that is loaded.
static const char *const stock_models[] = {"whisper-1",
                                           "gpt-4o-transcribe",
                                           "gpt-4o-mini-transcribe",
                                           "gpt-4o-transcribe-diarize",
                                           "gpt-transcribe",
                                           NULL};

extern const struct rest_dialect rest_openai, rest_whispercpp;

static const struct rest_hearing_ops openai_ops, whispercpp_ops;

struct openai_hearing {
        struct rest_hearing *hearing;
        struct openai_wish wish;
        struct loop_timer *beat;
};

// --- refusals --------------------------------------------------------------------------------

static void text_reply(struct exchange *exchange, int status, const char *text,
                       const char *headers) {
        const struct http_response response = {.status = status,
                                               .content_type = "application/json",
                                               .headers = headers,
                                               .body = text,
                                               .body_length = strlen(text)};

        exchange_reply(exchange, &response);
}

static char *refusal_headers(const struct rest_refusal *refusal) {
        CLEANUP(mem_freep)
        char *allow = refusal->allow ? xasprintf("Allow: %s\r\n", refusal->allow) : NULL;

        return rest_retry_headers(refusal, allow ? allow : "");
}

static void openai_phrase(const struct rest_refusal *refusal, struct http_phrase *phrase) {
        static const struct {
                int status;
                const char *code;
        } codes[] = {
                {401, "invalid_api_key"},
                {413, "content_size_limit_exceeded"},
                {429, "rate_limit_exceeded"},
        };
        const char *code = NULL;

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (codes[i].status == refusal->status)
                        code = codes[i].code;
        *phrase = (struct http_phrase){
                .status = refusal->status,
                .content_type = "application/json",
                .headers = refusal_headers(refusal),
                .body = openai_error(refusal->status, refusal->field, code, refusal->words)};
}

static void openai_refuse(struct exchange *exchange, const struct rest_refusal *refusal) {
        CLEANUP(http_phrase_deinit) struct http_phrase phrase = {0};

        openai_phrase(refusal, &phrase);
        text_reply(exchange, refusal->status, phrase.body, phrase.headers);
}

static void whispercpp_phrase(const struct rest_refusal *refusal, struct http_phrase *phrase) {
        CLEANUP(mem_freep)
        char *words = refusal->field ? xasprintf("%s: %s", refusal->field, refusal->words)
                                     : xstrdup(refusal->words);

        *phrase = (struct http_phrase){.status = refusal->status,
                                       .content_type = "application/json",
                                       .headers = refusal_headers(refusal),
                                       .body = openai_error_whispercpp(words)};
}

static void whispercpp_refuse(struct exchange *exchange, const struct rest_refusal *refusal) {
        CLEANUP(http_phrase_deinit) struct http_phrase phrase = {0};

        whispercpp_phrase(refusal, &phrase);
        text_reply(exchange, refusal->status, phrase.body, phrase.headers);
}

// --- events while it is heard ----------------------------------------------------------------

static void head_send(struct openai_hearing *openai) {
        static const struct http_response head = {
                .status = 200,
                .content_type = "text/event-stream",
                .headers = "Cache-Control: no-store\r\n",
                .body_length = EXCHANGE_LENGTH_UNKNOWN,
        };

        if (!openai->hearing->is_begun)
                rest_hearing_answer_begin(openai->hearing, &head);
        loop_timer_set(openai->beat, BEAT);
}

static void event_send(struct openai_hearing *openai, char *event) {
        head_send(openai);
        rest_hearing_write(openai->hearing, event, strlen(event));
        free(event);
}

static void openai_on_beat(void *context) {
        struct openai_hearing *openai = context;

        if (openai->hearing->is_begun && !openai->hearing->is_ending)
                rest_hearing_write(openai->hearing, ": ping\n\n", 8);
        head_send(openai);
}

static void openai_on_sound(struct rest_hearing *hearing) {
        struct openai_hearing *openai = hearing->state;

        if (openai->wish.streams)
                head_send(openai);
}

static void openai_on_segment(struct rest_hearing *hearing) {
        struct openai_hearing *openai = hearing->state;

        if (openai->wish.streams)
                event_send(openai,
                           openai_event_delta(&hearing->segments[hearing->n_segments - 1],
                                              hearing->n_segments == 1));
}

static void openai_on_broken(struct rest_hearing *hearing, const struct rest_refusal *refusal) {
        event_send(hearing->state, openai_event_error(refusal->status, refusal->words));
}

// --- what is wished --------------------------------------------------------------------------

static void openai_open(struct rest_hearing *hearing) {
        struct openai_hearing *openai = hearing->state;

        openai->hearing = hearing;
}

static bool openai_on_field(struct rest_hearing *hearing, const char *name, const char *value) {
        struct openai_hearing *openai = hearing->state;
        bool is_openai = hearing->ops == &openai_ops;
        struct error error = {0};
        int r = is_openai ? openai_wish_set(&openai->wish, name, value, &error)
                          : openai_wish_set_whispercpp(&openai->wish, name, value, &error);

        return r == 0 || rest_hearing_mistake(hearing, name, error.text);
}

static bool openai_wish(struct rest_hearing *hearing, struct request *ret) {
        struct openai_hearing *openai = hearing->state;
        struct openai_wish *wish = &openai->wish;
        struct error error = {0};
        const char *name;

        // whisper.cpp tells of words whenever it tells of segments.
        if (hearing->ops == &whispercpp_ops && wish->format == OPENAI_VERBOSE &&
            !wish->no_timestamps)
                wish->options.wants_words = true;
        // Of a translation it leaves them out, whatever was asked for.
        if (hearing->ops == &whispercpp_ops && wish->is_translation)
                wish->options.wants_words = false;
        if (openai_wish_check(wish, &name, &error) < 0)
                return rest_hearing_mistake(hearing, name, error.text);
        openai_wish_request(wish, ret);
        if (wish->streams)
                loop_timer_set(openai->beat, HEAD_PATIENCE);
        return true;
}

// --- the answer ------------------------------------------------------------------------------

static void openai_on_whole(struct rest_hearing *hearing) {
        struct openai_hearing *openai = hearing->state;
        const struct openai_told told = {
                .segments = hearing->segments,
                .n_segments = hearing->n_segments,
                .language = hearing->outcome->language,
                .language_probability = hearing->outcome->language_probability,
                .n_samples = hearing->outcome->n_samples,
        };
        struct http_response response = {.status = 200};
        CLEANUP(mem_freep) char *text = NULL;

        if (openai->wish.streams) {
                event_send(openai, openai_event_done(&told));
                loop_timer_cancel(openai->beat);
                rest_hearing_answer_end(hearing);
                return;
        }
        text = hearing->ops == &openai_ops
                       ? openai_answer(&openai->wish, &told, &response.content_type)
                       : openai_answer_whispercpp(&openai->wish, &told, &response.content_type);
        response.body = text;
        response.body_length = strlen(text);
        rest_hearing_reply(hearing, &response);
}

static void openai_close(struct rest_hearing *hearing) {
        struct openai_hearing *openai = hearing->state;

        openai->beat = loop_timer_free(openai->beat);
        openai_wish_deinit(&openai->wish);
        hearing->state = mem_free(openai);
}

static const struct rest_hearing_ops openai_ops = {
        .dialect = &rest_openai,
        .file_field = "file",
        .open = openai_open,
        .on_field = openai_on_field,
        .wish = openai_wish,
        .on_sound = openai_on_sound,
        .on_segment = openai_on_segment,
        .on_whole = openai_on_whole,
        .on_broken = openai_on_broken,
        .close = openai_close,
};

static const struct rest_hearing_ops whispercpp_ops = {
        .dialect = &rest_whispercpp,
        .file_field = "file",
        .open = openai_open,
        .on_field = openai_on_field,
        .wish = openai_wish,
        .on_whole = openai_on_whole,
        .close = openai_close,
};

// --- the routes ------------------------------------------------------------------------------

static void hearing_begin(const struct rest_place *place, struct exchange *exchange,
                          const struct rest_hearing_ops *ops, bool is_translation) {
        struct openai_hearing *openai = xnew(struct openai_hearing);

        openai->wish.is_translation = is_translation;
        openai->beat = loop_timer_new(hub_parts(place->hub)->loop, openai_on_beat, openai);
        rest_hearing_begin(place, exchange, ops, openai);
}

static void transcription_post(const struct rest_place *place, struct exchange *exchange,
                               const char *part) {
        (void)part;
        hearing_begin(place, exchange, &openai_ops, false);
}

static void translation_post(const struct rest_place *place, struct exchange *exchange,
                             const char *part) {
        (void)part;
        hearing_begin(place, exchange, &openai_ops, true);
}

// The loaded model's name, and of one that is a path its last part: where it lies on this
// machine is nobody's business.
static const char *model_name(const struct rest_place *place) {
        const char *last = strrchr(place->model, '/');

        return last && last[1] ? last + 1 : place->model;
}

static void models_get(const struct rest_place *place, struct exchange *exchange,
                       const char *part) {
        const char *names[1 + sizeof(stock_models) / sizeof(stock_models[0])] = {
                model_name(place)};
        CLEANUP(mem_freep) char *text = NULL;

        (void)part;
        memcpy(names + 1, stock_models, sizeof(stock_models));
        text = openai_models(names);
        text_reply(exchange, 200, text, NULL);
}

static bool model_is_known(const struct rest_place *place, const char *name) {
        bool is_known = strcmp(name, model_name(place)) == 0;

        for (size_t i = 0; stock_models[i]; i++)
                is_known |= strcmp(name, stock_models[i]) == 0;
        return is_known;
}

static void model_get(const struct rest_place *place, struct exchange *exchange,
                      const char *part) {
        CLEANUP(mem_freep) char *text = NULL;

        if (model_is_known(place, part)) {
                text = openai_model(part);
                text_reply(exchange, 200, text, NULL);
                return;
        }
        text = openai_error(404, "model", "model_not_found",
                            "there is no such model: GET /v1/models has those there are");
        text_reply(exchange, 404, text, NULL);
}

static const struct rest_route openai_routes[] = {
        {"POST", "/v1/audio/transcriptions", SCOPE_LISTEN, transcription_post},
        {"POST", "/v1/audio/translations", SCOPE_LISTEN, translation_post},
        {"GET", "/v1/models", SCOPE_LISTEN, models_get},
        {"GET", "/v1/models/{id}", SCOPE_LISTEN, model_get},
        // Of clients whose base path has no "/v1".
        {"POST", "/audio/transcriptions", SCOPE_LISTEN, transcription_post},
        {"POST", "/audio/translations", SCOPE_LISTEN, translation_post},
        {"GET", "/models", SCOPE_LISTEN, models_get},
        {"GET", "/models/{id}", SCOPE_LISTEN, model_get},
        {0},
};

const struct rest_dialect rest_openai = {.name = "openai",
                                         .routes = openai_routes,
                                         .refuse = openai_refuse,
                                         .phrase = openai_phrase};

// --- whisper.cpp's server --------------------------------------------------------------------

static void inference_post(const struct rest_place *place, struct exchange *exchange,
                           const char *part) {
        (void)part;
        hearing_begin(place, exchange, &whispercpp_ops, false);
}

static void load_post(const struct rest_place *place, struct exchange *exchange,
                      const char *part) {
        static const struct rest_refusal refusal = {
                .status = 403,
                .words = "the model is the server's, whose configuration names it"};

        (void)place;
        (void)part;
        whispercpp_refuse(exchange, &refusal);
}

static void health_get(const struct rest_place *place, struct exchange *exchange,
                       const char *part) {
        (void)part;
        if (place->is_stopping)
                text_reply(exchange, 503, "{\"status\":\"stopping\"}", NULL);
        else
                text_reply(exchange, 200, "{\"status\":\"ok\"}", NULL);
}

static const struct rest_route whispercpp_routes[] = {
        {"POST", "/inference", SCOPE_LISTEN, inference_post},
        {"POST", "/load", SCOPE_LISTEN, load_post},
        {"GET", "/health", 0, health_get},
        {0},
};

const struct rest_dialect rest_whispercpp = {.name = "whispercpp",
                                             .routes = whispercpp_routes,
                                             .refuse = whispercpp_refuse,
                                             .phrase = whispercpp_phrase};
