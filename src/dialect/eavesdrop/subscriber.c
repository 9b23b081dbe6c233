// Subscribers: clients that get the text of streams that the server pulls. Any number of them
// may read one stream; each first gets the stream's state and its recent history.
#include <stdlib.h>
#include <string.h>

#include "dialect/eavesdrop/roles.h"
#include "util/loop.h"
#include "util/mem.h"
#include "util/run_queue.h"

// Final segments that a newcomer gets at once, oldest first.
#define SUBSCRIBER_HISTORY 500

struct subscription {
        struct session *session;
        char *name;
        struct stream *stream;  // NULL: it was removed, and may come back
        struct observer observer;
        bool is_open;  // the observer is there
        bool has_tail;
};

// A newcomer to many streams with long histories gets one after the other, each when the one
// before was taken: together they are more than may wait for a client.
struct subscriber {
        struct session *session;
        struct subscription *subscriptions;
        size_t n;
        size_t n_open;  // the first of them, whose text is sent
        struct run_queue_entry entry;
};

static void transcription_send(struct subscription *subscription, const struct update *update,
                               size_t segments_max) {
        struct session *session = subscription->session;
        struct stream *stream = subscription->stream;
        const struct segment **finals;
        size_t n, n_finals = session_recent_finals(stream, update->n_finals, segments_max,
                                                   &finals);
        struct eavesdrop_transcription transcription = {
                .stream = subscription->name,
                .finals = finals,
                .n_finals = n_finals,
                .tail = update->tail,
                .origin = stream_origin(stream),
                .language = update->language,
        };
        char *text = eavesdrop_encode_transcription(session_wall(session), &transcription, &n);

        session_send(session, text, n);
        free(finals);
}

static void subscription_on_update(void *context, const struct stream_facts *facts,
                                   const struct update *update) {
        struct subscription *subscription = context;
        bool has_tail = update->tail->text[0] != '\0';

        (void)facts;
        if (update->n_finals == 0 && !has_tail && !subscription->has_tail)
                return;
        subscription->has_tail = has_tail;
        transcription_send(subscription, update, SESSION_SEGMENTS);
}

static void status_send(struct subscription *subscription, const struct stream_notice *notice) {
        struct session *session = subscription->session;
        enum eavesdrop_status status = EAVESDROP_OFFLINE;
        size_t n;
        char *text;

        if (strcmp(notice->state, "online") == 0)
                status = EAVESDROP_ONLINE;
        else if (strcmp(notice->state, "failed") == 0)
                status = EAVESDROP_ERROR;
        text = eavesdrop_encode_status(session_wall(session), subscription->name, status,
                                       notice->reason[0] ? notice->reason : NULL, &n);
        session_send(session, text, n);
}

static void subscription_on_notice(void *context, const struct stream_facts *facts,
                                   const struct stream_notice *notice) {
        (void)facts;
        status_send(context, notice);
}

static const struct observer_ops subscription_observer = {
        .name = "subscriber",
        .on_update = subscription_on_update,
        .on_notice = subscription_on_notice,
};

static void subscription_open(struct subscription *subscription) {
        struct session *session = subscription->session;
        struct stream *stream = subscription->stream;
        struct stream_notice notice;

        if (!stream)
                return;
        notice = stream_state(stream);
        subscription->is_open = true;
        subscription->observer = (struct observer){
                .ops = &subscription_observer,
                .state = subscription,
                .wants_tail = true,
                .counts = &session->base.reader->observers,
        };
        stream_add_observer(stream, &subscription->observer);
        status_send(subscription, &notice);
        if (history_length(stream_history(stream)) > 0)
                transcription_send(subscription, stream_current(stream), SUBSCRIBER_HISTORY);
}

// Open the next one, if the client has taken all it was sent; it comes back when it has.
static void subscriber_serve(void *context, struct quantum *quantum) {
        struct subscriber *state = context;
        const struct session *session = state->session;
        uint64_t n_before = session->base.reader->observers.n_bytes;

        if (state->n_open == state->n || session->is_leaving || session_unsent(session) > 0)
                return;
        subscription_open(&state->subscriptions[state->n_open++]);
        quantum_spend(quantum, session->base.reader->observers.n_bytes - n_before);
}

static struct run_queue *session_run_queue(const struct session *session) {
        return run_queue_of(hub_parts(session->hub)->loop);
}

static void subscriber_on_drained(struct session *session) {
        struct subscriber *state = session->state;

        if (state && state->n_open < state->n)
                run_queue_add(session_run_queue(session), &state->entry);
}

// The stream of that name that the server pulls and the client may read; NULL: there is none.
// (What other clients send is nobody's to hear.)
static struct stream *stream_pulled(const struct session *session, const char *name) {
        const struct hub_stream *found = hub_find(session->hub, name);

        if (!found || !stream_source(found->stream) ||
            !principal_may_read(session->base.principal, name))
                return NULL;
        return found->stream;
}

// The stream goes: whoever has the same name from now on is heard in its place.
static void subscription_close(struct subscription *subscription) {
        struct stream_notice gone = {.state = "offline", .reason = "the stream was removed"};
        bool was_open = subscription->is_open;

        if (was_open)
                stream_remove_observer(subscription->stream, &subscription->observer);
        subscription->is_open = subscription->has_tail = false;
        subscription->stream = stream_pulled(subscription->session, subscription->name);
        if (!was_open || subscription->session->is_leaving)
                return;
        if (subscription->stream)
                subscription_open(subscription);
        else
                status_send(subscription, &gone);
}

static void subscriber_on_stream(struct session *session, struct hub_stream *stream,
                                 bool is_open) {
        struct subscriber *state = session->state;

        for (size_t i = 0; state && i < state->n; i++) {
                struct subscription *subscription = &state->subscriptions[i];

                if (!is_open && subscription->stream == stream->stream) {
                        subscription_close(subscription);
                } else if (is_open && !subscription->stream &&
                           strcmp(subscription->name, stream_name(stream->stream)) == 0) {
                        subscription->stream = stream->stream;
                        if (i < state->n_open && !session->is_leaving)
                                subscription_open(subscription);
                }
        }
}

static struct subscriber *subscriber_new(struct session *session,
                                         const struct eavesdrop_names *names) {
        struct subscriber *state = xnew(struct subscriber);

        state->session = session;
        state->entry = (struct run_queue_entry){
                .serve = subscriber_serve,
                .context = state,
                .flow = run_queue_flow(session_run_queue(session), session->base.address,
                                       strlen(session->base.address)),
        };
        state->n = names->n;
        state->subscriptions = xcalloc(names->n, sizeof(*state->subscriptions));
        for (size_t i = 0; i < names->n; i++)
                state->subscriptions[i] = (struct subscription){
                        .session = session,
                        .name = xstrdup(names->items[i]),
                        .stream = stream_pulled(session, names->items[i])};
        return state;
}

// All that there are and the client may read, in their order; only read.
static struct eavesdrop_names names_available(const struct session *session) {
        struct eavesdrop_names names = {0};
        struct hub_stream *stream = hub_first_pulled(session->hub);

        for (; stream; stream = hub_next_pulled(stream)) {
                if (!principal_may_read(session->base.principal, stream_name(stream->stream)))
                        continue;
                names.items = xrealloc_array(names.items, names.n + 1, sizeof(char *));
                names.items[names.n++] = (char *)(uintptr_t)stream_name(stream->stream);
        }
        return names;
}

static bool streams_are_known(struct session *session, const struct eavesdrop_names *names) {
        struct eavesdrop_names unknown = {0}, available = {0};
        bool is_known;

        unknown.items = xcalloc(names->n, sizeof(char *));
        for (size_t i = 0; i < names->n; i++)
                if (!stream_pulled(session, names->items[i]))
                        unknown.items[unknown.n++] = names->items[i];
        is_known = unknown.n == 0;
        if (!is_known) {
                CLEANUP(mem_freep) char *words = NULL;

                // What there is to listen to is not for whoever asks from somewhere.
                if (session->base.principal->is_loopback)
                        available = names_available(session);
                words = eavesdrop_unknown_streams_text(&unknown, &available);
                session_refuse(session, 1008, words, 0);
        }
        free(unknown.items);
        free(available.items);
        return is_known;
}

static void subscriber_turn_away(struct session *session, enum eavesdrop_refusal refusal) {
        CLEANUP(mem_freep) char *words = eavesdrop_refusal_text(refusal, NULL);

        session_refuse(session, 1008, words, 0);
}

static bool subscriber_matches(const struct http_request *request) {
        enum eavesdrop_role role;

        return eavesdrop_role_of(request, &role) && role == EAVESDROP_SUBSCRIBER;
}

static void subscriber_begin(struct session *session, const struct http_request *request) {
        CLEANUP(mem_freep) char *query = http_request_query(request, "streams");
        const char *header = http_request_header(request, "X-Stream-Names");
        const char *list = header ? header : query;
        CLEANUP(mem_freep) char *about = NULL;
        struct eavesdrop_names names = {0};

        if (!hub_first_pulled(session->hub)) {
                subscriber_turn_away(session, EAVESDROP_E_NO_STREAMS);
                return;
        }
        if (!list) {
                subscriber_turn_away(session, EAVESDROP_E_NAMES_REQUIRED);
                return;
        }
        if (eavesdrop_names_parse(&names, list) != 0 || names.n == 0) {
                subscriber_turn_away(session, EAVESDROP_E_NAMES_INVALID);
        } else if (streams_are_known(session, &names)) {
                session->state = subscriber_new(session, &names);
                about = xasprintf("subscriber of %s", list);
                session_started(session, about);
        }
        eavesdrop_names_deinit(&names);
}

static void subscriber_on_text(struct session *session, const char *text, size_t n) {
        struct eavesdrop_message message;
        CLEANUP(mem_freep) char *words = NULL;
        char *answer;
        size_t n_answer;

        if (eavesdrop_message_parse(&message, text, n, NULL) != 0)
                return;  // the dialect ignores what is no message
        if (message.type == EAVESDROP_FLUSH || message.type == EAVESDROP_RECORDING_STARTED ||
            message.type == EAVESDROP_UTTERANCE_CANCELLED) {
                words = eavesdrop_refusal_text(
                        eavesdrop_control_refusal(message.type, EAVESDROP_IN_SUBSCRIPTION),
                        NULL);
                answer = eavesdrop_encode_error(session_wall(session), message.stream, words,
                                                &n_answer);
                session_send(session, answer, n_answer);
        }
        eavesdrop_message_deinit(&message);
}

static void subscriber_on_binary(struct session *session, const struct websocket_piece *piece) {
        (void)session;  // the dialect ignores a subscriber's sound
        (void)piece;
}

static void subscriber_goodbye(struct session *session, uint16_t code) {
        struct subscriber *state = session->state;

        for (size_t i = 0; state && i < state->n; i++) {
                size_t n;
                char *text = eavesdrop_encode_disconnect(session_wall(session),
                                                         state->subscriptions[i].name,
                                                         "server is going away", &n);

                session_send(session, text, n);
        }
        session_close(session, code, "server is going away");
}

static void subscriber_close(struct session *session) {
        struct subscriber *state = session->state;

        if (!state)
                return;
        run_queue_remove(session_run_queue(session), &state->entry);
        for (size_t i = 0; i < state->n; i++) {
                if (state->subscriptions[i].is_open)
                        stream_remove_observer(state->subscriptions[i].stream,
                                               &state->subscriptions[i].observer);
                free(state->subscriptions[i].name);
        }
        free(state->subscriptions);
        free(state);
}

const struct dialect dialect_subscriber = {
        .name = "subscriber",
        .scope = SCOPE_READ,
        .matches_request = subscriber_matches,
        .begin = subscriber_begin,
        .on_text = subscriber_on_text,
        .on_binary = subscriber_on_binary,
        .on_drained = subscriber_on_drained,
        .on_stream = subscriber_on_stream,
        .refuse = eavesdrop_refuse,
        .goodbye = subscriber_goodbye,
        .close = subscriber_close,
};
