#include "api/transcribing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/problem.h"
#include "api/reply.h"
#include "audio/pcm.h"
#include "net/exchange.h"
#include "util/log.h"
#include "util/mem.h"

// --- what is told of one ---------------------------------------------------------------------

static json_t *text_or_null(const char *text) {
        return text && text[0] ? reply_string(text) : json_null();
}

static json_t *time_or_null(int64_t ms) {
        return ms ? reply_time(ms * NSEC_PER_MSEC) : json_null();
}

static json_t *seconds_or_null(int64_t n_samples) {
        return n_samples > 0 ? reply_number(pcm_seconds(n_samples)) : json_null();
}

// How far it is: of its sound, and as a part of the whole where that is known.
static json_t *progress_json(const struct transcription *one) {
        enum transcription_state state = transcription_record(one)->state;
        int64_t done = transcription_done(one), length = transcription_length(one);
        json_t *fraction = json_null();

        if (state == TRANSCRIPTION_WAITING || state == TRANSCRIPTION_DONE)
                fraction = json_real(state == TRANSCRIPTION_DONE ? 1 : 0);
        else if (length > 0)
                fraction = reply_number((double)done / (double)length);
        return json_pack("{so so so}", "fraction", fraction, "seconds",
                         reply_number(pcm_seconds(done)), "of", seconds_or_null(length));
}

json_t *transcribing_json(const struct transcription *one) {
        const struct transcription_record *record = transcription_record(one);
        json_t *json = json_pack(
                "{ss ss so so sI so so so so so so so}", "id", record->id, "state",
                transcription_state_name(record->state), "principal",
                reply_string(record->principal), "file", text_or_null(record->file), "size",
                (json_int_t)record->size, "created", time_or_null(record->created), "ended",
                time_or_null(record->ended), "expires", time_or_null(transcription_goes(one)),
                "progress", progress_json(one), "options",
                transcription_wish_json(&record->wish), "warning",
                text_or_null(record->warning), "reason", text_or_null(record->reason));

        json_object_set_new(json, "language", text_or_null(record->language));
        return json;
}

json_t *transcribing_row(const struct transcription *one) {
        json_t *json = transcribing_json(one), *options = json_object_get(json, "options");

        json_object_del(options, "prompt");
        json_object_del(options, "hotwords");
        return json;
}

static char *location_of(const struct transcription *one) {
        return xasprintf("Location: " TRANSCRIPTIONS_PATH "/%s\r\n",
                         transcription_record(one)->id);
}

// --- its text --------------------------------------------------------------------------------

// A text on its way from the disk to whoever asked.
struct fetching {
        struct exchange *exchange;  // NULL: who asked has gone
        enum transcript_format format;
        char *shown;    // what is told beside it, where that is JSON
        char *headers;  // NULL: none
};

static void fetching_on_gone(void *context) {
        struct fetching *fetching = context;

        fetching->exchange = NULL;
}

// The object that is told of it, with its text as one more member.
static void result_reply(const struct fetching *fetching, const struct shelf_text *text) {
        CLEANUP(mem_freep)
        char *body = xasprintf("%.*s,\"result\":%.*s}", (int)strlen(fetching->shown) - 1,
                               fetching->shown, (int)text->n, text->bytes);
        struct http_response response = {.status = 200,
                                         .content_type = "application/json",
                                         .headers = fetching->headers,
                                         .body = body,
                                         .body_length = strlen(body)};

        exchange_reply(fetching->exchange, &response);
}

static void text_reply(const struct fetching *fetching, const struct shelf_text *text) {
        static const char *const types[] = {
                [TRANSCRIPT_TEXT] = "text/plain; charset=utf-8",
                [TRANSCRIPT_JSON] = "application/json",
                [TRANSCRIPT_SRT] = "application/x-subrip; charset=utf-8",
                [TRANSCRIPT_VTT] = "text/vtt; charset=utf-8",
        };
        struct http_response response = {.status = 200,
                                         .content_type = types[fetching->format],
                                         .headers = fetching->headers,
                                         .body = text->bytes,
                                         .body_length = text->n};

        exchange_reply(fetching->exchange, &response);
}

static void fetching_on_text(void *context, struct shelf_text *text,
                             const struct error *error) {
        static const struct problem lost = {
                .status = 410, .detail = "its text is no longer on the server's disk"};
        static const struct problem unread = {
                .status = 503,
                .detail = "its text cannot be read at the moment; the server's log says why"};
        struct fetching *fetching = context;

        if (error && fetching->exchange) {
                log_error("server", "transcription-not-read", "%s", error->text);
                problem_reply(fetching->exchange, error->code == -ENOENT ? &lost : &unread);
        } else if (fetching->exchange && fetching->format == TRANSCRIPT_JSON) {
                result_reply(fetching, text);
        } else if (fetching->exchange) {
                text_reply(fetching, text);
        }
        free(text->bytes);
        free(fetching->shown);
        free(fetching->headers);
        free(fetching);
}

static struct exchange_handler text_fetch(struct exchange *exchange, struct transcription *one,
                                          enum transcript_format format, char *headers) {
        struct fetching *fetching = xnew(struct fetching);
        json_t *json = transcribing_json(one);

        fetching->exchange = exchange;
        fetching->format = format;
        fetching->headers = headers;
        fetching->shown = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
        json_decref(json);
        transcription_read(one, format, fetching_on_text, fetching);
        return (struct exchange_handler){.on_gone = fetching_on_gone, .context = fetching};
}

// --- the answers -----------------------------------------------------------------------------

// Why there is no text and will be none.
static void failure_reply(struct exchange *exchange, const struct transcription *one,
                          const char *headers) {
        const struct transcription_record *record = transcription_record(one);
        struct problem problem = {
                .status = record->status, .detail = record->reason, .headers = headers};

        problem_reply(exchange, &problem);
}

void transcribing_answer(struct exchange *exchange, struct transcription *transcription,
                         enum transcript_format format) {
        char *location = location_of(transcription);
        struct exchange_handler handler;

        switch (transcription_record(transcription)->state) {
        case TRANSCRIPTION_DONE:
                handler = text_fetch(exchange, transcription, format, location);
                exchange_hand_over(exchange, &handler);
                return;
        case TRANSCRIPTION_FAILED:
                failure_reply(exchange, transcription, location);
                break;
        case TRANSCRIPTION_COMING:
        case TRANSCRIPTION_WAITING:
        case TRANSCRIPTION_RUNNING:
                reply_json(exchange, 202, transcribing_json(transcription), location);
                break;
        }
        free(location);
}

void transcribing_show(struct exchange *exchange, struct transcription *one,
                       enum transcript_format format) {
        enum transcription_state state = transcription_record(one)->state;
        struct exchange_handler handler;

        if (state == TRANSCRIPTION_DONE) {
                handler = text_fetch(exchange, one, format, NULL);
                exchange_set_handler(exchange, &handler);
        } else if (format == TRANSCRIPT_JSON) {
                reply_json(exchange, 200, transcribing_json(one), NULL);
        } else if (state == TRANSCRIPTION_FAILED) {
                failure_reply(exchange, one, NULL);
        } else {
                reply_json(exchange, 202, transcribing_json(one), NULL);
        }
}
