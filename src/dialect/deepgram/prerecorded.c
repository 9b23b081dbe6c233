// The Deepgram dialect, of files: POST /v1/listen, whose body is the file.
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/principal.h"
#include "dialect/deepgram/phrase.h"
#include "dialect/deepgram/recording.h"
#include "dialect/deepgram/results.h"
#include "dialect/deepgram/wave_head.h"
#include "dialect/deepgram/wish.h"
#include "dialect/rest_hearing.h"
#include "net/exchange.h"
#include "util/mem.h"

extern const struct rest_dialect rest_deepgram;

struct prerecorded {
        struct deepgram_wish wish;
        char request_id[DEEPGRAM_ID_MAX];
        nsec_t created;
        EVP_MD_CTX *sum;  // of the file's bytes
        bool has_begun;   // some of them came
};

// --- refusals --------------------------------------------------------------------------------

static void prerecorded_refuse(struct exchange *exchange, const struct rest_refusal *refusal) {
        CLEANUP(http_phrase_deinit) struct http_phrase phrase = {0};
        CLEANUP(mem_freep)
        char *allow = refusal->allow ? xasprintf("Allow: %s\r\n", refusal->allow) : xstrdup("");
        CLEANUP(mem_freep) char *headers = NULL;
        CLEANUP(mem_freep) char *own = NULL;

        (void)deepgram_phrase(exchange_request(exchange), refusal->status, refusal->words,
                              &phrase);
        own = xasprintf("%s%s", phrase.headers, allow);
        headers = rest_retry_headers(refusal, own);
        exchange_reply(exchange, &(struct http_response){.status = refusal->status,
                                                         .content_type = phrase.content_type,
                                                         .headers = headers,
                                                         .body = phrase.body,
                                                         .body_length = strlen(phrase.body)});
}

static void mistake_refuse(struct exchange *exchange, const char *words) {
        prerecorded_refuse(exchange, &(struct rest_refusal){.status = 400, .words = words});
}

// --- a file ----------------------------------------------------------------------------------

// Samples without a head get one.
static void prerecorded_on_bytes(struct rest_hearing *hearing, const uint8_t *bytes, size_t n) {
        struct prerecorded *prerecorded = hearing->state;
        bool is_bare = prerecorded->wish.sound == DEEPGRAM_RAW &&
                       (n < 4 || memcmp(bytes, "RIFF", 4) != 0);

        if (is_bare && !prerecorded->has_begun) {
                uint8_t head[WAVE_HEAD_BYTES];

                wave_head_write(&prerecorded->wish, head);
                (void)scratch_write(hearing->scratch, head, sizeof(head));
        }
        prerecorded->has_begun = true;
        EVP_DigestUpdate(prerecorded->sum, bytes, n);
}

static bool prerecorded_wish(struct rest_hearing *hearing, struct request *ret) {
        const struct deepgram_wish *wish = &((struct prerecorded *)hearing->state)->wish;

        client_options_apply(&wish->options, ret);
        // Nobody waits for a sentence.
        ret->pause = ret->window_max = 0;
        ret->wants_partials = false;
        if (wish->detects_language)
                ret->language = "";
        return true;
}

static void prerecorded_on_whole(struct rest_hearing *hearing) {
        struct prerecorded *prerecorded = hearing->state;
        char digits[DEEPGRAM_DIGITS_MAX];
        const struct deepgram_recording recording = {
                .metadata =
                        {
                                .request_id = prerecorded->request_id,
                                .sha256 = deepgram_digits_write(prerecorded->sum, digits),
                                .created = prerecorded->created,
                                .duration = hearing->outcome->n_samples,
                                .n_channels = 1,
                        },
                .segments = hearing->segments,
                .n_segments = hearing->n_segments,
                .language = hearing->outcome->language,
        };
        CLEANUP(mem_freep)
        char *text = deepgram_encode_recording(&prerecorded->wish, &recording);
        CLEANUP(mem_freep)
        char *headers = xasprintf("dg-request-id: %s\r\n", prerecorded->request_id);

        rest_hearing_reply(hearing, &(struct http_response){.status = 200,
                                                            .content_type = "application/json",
                                                            .headers = headers,
                                                            .body = text,
                                                            .body_length = strlen(text)});
}

static void prerecorded_free(struct prerecorded *prerecorded) {
        deepgram_wish_deinit(&prerecorded->wish);
        EVP_MD_CTX_free(prerecorded->sum);
        free(prerecorded);
}

static void prerecorded_close(struct rest_hearing *hearing) {
        prerecorded_free(hearing->state);
        hearing->state = NULL;
}

static const struct rest_hearing_ops prerecorded_ops = {
        .dialect = &rest_deepgram,
        .file_field = "file",
        .on_bytes = prerecorded_on_bytes,
        .wish = prerecorded_wish,
        .on_whole = prerecorded_on_whole,
        .close = prerecorded_close,
};

// --- the route -------------------------------------------------------------------------------

// {"url": "https://..."}
static bool is_address(const struct http_request *request) {
        const char *type = http_request_header(request, "Content-Type");

        return type && strncasecmp(type, "application/json", strlen("application/json")) == 0;
}

static void listen_post(const struct rest_place *place, struct exchange *exchange,
                        const char *part) {
        struct prerecorded *prerecorded;
        struct error error;

        (void)part;
        if (is_address(exchange_request(exchange))) {
                mistake_refuse(exchange,
                               "url: nothing is fetched from addresses: send the file "
                               "itself as the body");
                return;
        }
        prerecorded = xnew(struct prerecorded);
        if (deepgram_wish_read(&prerecorded->wish, exchange_request(exchange)->query, &error) <
            0) {
                mistake_refuse(exchange, error.text);
                prerecorded_free(prerecorded);
                return;
        }
        deepgram_id_make(prerecorded->request_id);
        prerecorded->created = loop_wall(hub_parts(place->hub)->loop);
        prerecorded->sum = EVP_MD_CTX_new();
        EVP_DigestInit_ex(prerecorded->sum, EVP_sha256(), NULL);
        rest_hearing_begin(place, exchange, &prerecorded_ops, prerecorded);
}

static const struct rest_route deepgram_routes[] = {
        {"POST", "/v1/listen", SCOPE_LISTEN, listen_post},
        {0},
};

const struct rest_dialect rest_deepgram = {
        .name = "deepgram", .routes = deepgram_routes, .refuse = prerecorded_refuse};
