#include "api/listen.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/listen_wish.h"
#include "api/problem.h"
#include "dialect/session.h"
#include "journal/journal.h"
#include "journal/row_json.h"
#include "pipeline/hub_admission.h"
#include "pipeline/hub_parking.h"
#include "pipeline/segment_row.h"
#include "util/mem.h"

#define CODE_DONE 1000

// A program that brings sound.
struct listening {
        struct session *session;
        struct journal *journal;  // that its text goes into; NULL: none
        char *session_id;         // of its rows there
        struct journal_watcher watcher;
        struct loop_timer *timer;  // for what is told when all final text is: tail and goodbye
        char *tail;                // JSON; NULL: none is to be told
        bool has_tail_text;        // the last one that was told had some
        bool is_saying_goodbye;
        uint16_t code;  // of the goodbye
};

static const char in_use[] = "the name is in use: choose another, or wait for a minute after a "
                             "program with another token has had it";

// --- what is told ----------------------------------------------------------------------------

static void json_send(struct session *session, char *json) {
        session_send(session, json, strlen(json));
}

static void words_send(struct session *session, const char *kind, const char *words) {
        json_t *json = json_pack("{ssss}", "kind", kind, "reason", words);

        json_send(session, json_dumps(json, JSON_COMPACT));
        json_decref(json);
}

static void tail_send(struct listening *listening) {
        if (listening->tail)
                json_send(listening->session, TAKE(listening->tail));
}

static void listening_on_timer(void *context) {
        struct listening *listening = context;

        tail_send(listening);
        if (!listening->is_saying_goodbye)
                return;
        words_send(listening->session, "end",
                   listening->code == CODE_DONE ? "all that was brought is text"
                                                : "the server is going away");
        session_close(listening->session, listening->code, "goodbye");
}

static void tail_take(struct listening *listening, const struct stream_facts *facts,
                      const struct update *update) {
        bool has_text = update->tail->text[0];

        if (!has_text && !listening->has_tail_text)
                return;
        listening->has_tail_text = has_text;
        free(listening->tail);
        listening->tail = segment_row_tail_json(facts, update);
        loop_timer_set(listening->timer, 0);
}

// Final text that is journaled comes with its cursor, from the journal.
static void listening_on_update(void *state, const struct stream_facts *facts,
                                const struct update *update) {
        struct session *session = state;
        struct listening *listening = session->state;

        for (size_t i = 0; i < update->n_finals && !listening->journal; i++) {
                CLEANUP(row_freep)
                struct row *row =
                        segment_row_final(facts, &update->finals[i], update->language);

                json_send(session, row_json(row, NULL));
        }
        tail_take(listening, facts, update);
}

static const struct observer_ops listening_observer = {
        .name = "listen",
        .on_update = listening_on_update,
};

static bool is_own(const struct listening *listening, const struct row *row) {
        return row->session && strcmp(row->session, listening->session_id) == 0;
}

static void listening_on_row(void *context, const struct row *row) {
        struct listening *listening = context;

        if (is_own(listening, row))
                json_send(listening->session, row_json(row, NULL));
}

static void listening_on_durable(void *context, const struct row *row) {
        struct listening *listening = context;

        if (is_own(listening, row))
                json_send(listening->session, row_json_durable(row));
}

// --- a program comes -------------------------------------------------------------------------

static void journal_follow(struct listening *listening, const struct hub *hub) {
        const struct hub_stream *stream = listening->session->base.stream;

        if (!stream_is_journaled(stream->stream))
                return;
        listening->journal = hub_parts(hub)->journaling->journal;
        listening->session_id = xstrdup(stream->session_id);
        listening->watcher = (struct journal_watcher){
                .on_row = listening_on_row,
                .on_durable = listening_on_durable,
                .context = listening,
        };
        journal_watch(listening->journal, &listening->watcher);
}

static void begin_send(struct session *session, bool is_continued) {
        json_t *json = json_pack("{sssssbsf}", "kind", "begin", "stream",
                                 stream_name(session->stream), "is_continued", is_continued,
                                 "position", pcm_seconds(stream_position(session->stream)));

        json_send(session, json_dumps(json, JSON_COMPACT));
        json_decref(json);
}

// False: it was refused.
static bool stream_open_or_claim(struct session *session, const struct listen_wish *wish,
                                 bool *ret_is_claimed) {
        struct request request = {
                .name = wish->stream,
                .format = wish->format,
                .rate = wish->rate,
                .channels = wish->channels,
                .is_listed = true,
                .is_journaled = wish->is_kept,
                .is_unjournaled = wish->is_unkept,
                .history = SESSION_SEGMENTS_MAX,
                .wants_partials = true,
        };
        struct error error;

        *ret_is_claimed = session_stream_claim(session, &request, &listening_observer);
        if (*ret_is_claimed)
                return true;
        if (!hub_is_free(session->hub, wish->stream, session->base.principal,
                         session->base.address)) {
                session_refuse(session, 1008, in_use, 0);
                return false;
        }
        if (!session_admit(session))
                return false;
        if (session_stream_open(session, &request, &listening_observer, &error) == 0)
                return true;
        session_refuse(session, 1008, error.text, 0);
        return false;
}

static void listening_begin(struct session *session, const struct http_request *request) {
        CLEANUP(listen_wish_deinit) struct listen_wish wish;
        struct listen_mistake mistake;
        struct listening *listening;
        bool is_claimed;

        if (!listen_wish_read(request->query, &wish, &mistake)) {
                session_refuse(session, 1008, mistake.detail, 0);
                return;
        }
        if (!stream_open_or_claim(session, &wish, &is_claimed))
                return;
        listening = session->state = xnew(struct listening);
        listening->session = session;
        listening->timer =
                loop_timer_new(hub_parts(session->hub)->loop, listening_on_timer, listening);
        journal_follow(listening, session->hub);
        begin_send(session, is_claimed);
        session_started(session, wish.stream);
}

// --- what it says, and what happens to its stream --------------------------------------------

static bool listening_matches(const struct http_request *request) {
        (void)request;
        return true;
}

static void listening_on_text(struct session *session, const char *text, size_t n) {
        json_t *json = json_loadb(text, n, 0, NULL);
        const char *kind = json_string_value(json_object_get(json, "kind"));

        if (kind && strcmp(kind, "end") == 0)
                session_leave(session, CODE_DONE);
        else
                session_refuse(session, 1008,
                               "sound comes as binary messages, and the only text is "
                               "{\"kind\": \"end\"}",
                               0);
        json_decref(json);
}

static void listening_on_binary(struct session *session, const struct websocket_piece *piece) {
        session_feed(session, piece->bytes, piece->n);
}

static void listening_warn(struct session *session, const char *words) {
        words_send(session, "warning", words);
}

static void listening_on_implausible(struct session *session) {
        listening_warn(session,
                       "this is no float32: format=s16 is for samples of 16 bits, s32 for 32");
}

static void listening_refuse(struct session *session, const char *words, nsec_t retry) {
        (void)retry;
        words_send(session, "end", words);
}

// The last rows may be on their way to us in this very call.
static void listening_goodbye(struct session *session, uint16_t code) {
        struct listening *listening = session->state;

        if (!listening) {
                session_close(session, code, "goodbye");
                return;
        }
        listening->is_saying_goodbye = true;
        listening->code = code;
        loop_timer_set(listening->timer, 0);
}

// Whoever went without a word may come back.
static void listening_close(struct session *session) {
        struct listening *listening = session->state;

        if (!listening)
                return;
        if (listening->journal)
                journal_unwatch(listening->journal, &listening->watcher);
        if (!session->is_leaving)
                session_stream_park(session, LISTEN_PATIENCE);
        loop_timer_free(listening->timer);
        free(listening->tail);
        free(listening->session_id);
        session->state = mem_free(listening);
}

static const struct dialect listening = {
        .name = "listen",
        .scope = SCOPE_LISTEN,
        .matches_request = listening_matches,
        .begin = listening_begin,
        .on_text = listening_on_text,
        .on_binary = listening_on_binary,
        .on_warning = listening_warn,
        .on_overload = listening_warn,
        .on_implausible = listening_on_implausible,
        .refuse = listening_refuse,
        .goodbye = listening_goodbye,
        .close = listening_close,
};

// --- requests --------------------------------------------------------------------------------

// 0: nothing is wrong; else the status to answer with.
static int request_judge(const struct http_request *request, const struct hub *hub,
                         struct listen_mistake *ret) {
        CLEANUP(listen_wish_deinit) struct listen_wish wish;

        if (!listen_wish_read(request->query, &wish, ret))
                return 400;
        *ret = (struct listen_mistake){"stream", in_use};
        return hub_is_free(hub, wish.stream, request->principal, request->address) ? 0 : 409;
}

void listen_answer(struct exchange *exchange, const struct hub *hub) {
        struct listen_mistake mistake;
        int status = request_judge(exchange_request(exchange), hub, &mistake);

        if (status)
                problem_refuse(exchange, status, mistake.field, mistake.detail);
        else
                problem_refuse(exchange, 426, NULL,
                               "sound is brought over a WebSocket: ask for one here");
}

bool listen_upgrades(const struct http_request *request, const struct hub *hub) {
        struct listen_mistake mistake;

        return principal_may_ask(request->principal, SCOPE_LISTEN) &&
               request_judge(request, hub, &mistake) == 0;
}

void listen_take(struct hub *hub, const struct http_request *request,
                 struct websocket *socket) {
        static const struct dialect *const dialects[] = {&listening, NULL};

        session_open(hub, dialects, request, socket);
}
