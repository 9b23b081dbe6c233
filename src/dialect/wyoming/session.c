// The Wyoming dialect, Home Assistant's: a connection without HTTP, and one utterance after the
// other on it (usually one). Its text is sent piece by piece as it becomes final, and whole
// when the client has said that this was all; before that the client would take it for the end.
//
// A page that has a browser connect here gets nowhere: the first line of HTTP is no JSON.
#include <stdlib.h>
#include <string.h>

#include "dialect/json_text.h"
#include "dialect/session.h"
#include "dialect/wyoming/messages.h"
#include "dialect/wyoming/reader.h"
#include "util/mem.h"

// A client with nothing under way, or with an utterance that does not go on, is sent away after
// so long.
#define WYOMING_PATIENCE (5 * 60 * NSEC_PER_SEC)
#define WYOMING_OVERDUE  "nothing was heard of this client for 5 minutes"

// Bytes of text of one utterance: a day of talk.
#define WYOMING_TEXT_MAX ((size_t)1024 * 1024)

struct wyoming {
        struct wyoming_reader reader;
        struct client_options wish;  // of the utterance at hand, or to come
        struct wyoming_shape shape;  // of its sound
        bool is_sound;               // the payload at hand is
        bool is_begun;               // its sound has begun, and not ended
        bool is_ending;              // it has ended, and its text is owed
        bool is_next_due;            // the event that the reader has is for when it was paid
        struct loop_timer *next;     // which it is now
        bool has_ended;              // the client will send no more
        bool is_started;             // it has been counted
        char *text;                  // of it so far, as it was sent; NULL: none
        size_t n_text;
        char *language;  // of that; NULL: not known
        char *failure;   // why a part of it is missing; NULL: none is
};

static void wyoming_say(struct session *session, char *event) {
        session_send(session, event, strlen(event));
}

// --- text leaves -----------------------------------------------------------------------------

static void text_add(struct wyoming *state, const char *text, size_t n) {
        state->text = xrealloc_array(state->text, state->n_text + n + 1, 1);
        memcpy(state->text + state->n_text, text, n + 1);
        state->n_text += n;
}

static void wyoming_on_update(void *context, const struct stream_facts *facts,
                              const struct update *update) {
        struct session *session = context;
        struct wyoming *state = session->state;

        (void)facts;
        if (update->n_finals && update->language[0]) {
                free(state->language);
                state->language = xstrdup(update->language);
        }
        for (size_t i = 0; i < update->n_finals; i++) {
                const char *text = update->finals[i].text;

                if (state->n_text == 0)
                        text += strspn(text, " ");
                if (!text[0] || state->n_text + strlen(text) > WYOMING_TEXT_MAX)
                        continue;
                text_add(state, text, strlen(text));
                wyoming_say(session, wyoming_encode_chunk(text));
        }
}

static const struct observer_ops wyoming_observer = {
        .name = "wyoming",
        .on_update = wyoming_on_update,
};

// Nothing is left of an utterance but its stream, which the next one closes.
static void utterance_forget(struct wyoming *state) {
        state->is_begun = state->is_ending = false;
        state->text = mem_free(state->text);
        state->n_text = 0;
        state->language = mem_free(state->language);
        state->failure = mem_free(state->failure);
        client_options_deinit(&state->wish);
        state->shape = (struct wyoming_shape){0};
}

// Its patience ends while it owes something and is read from.
static void wyoming_await(struct session *session) {
        const struct wyoming *state = session->state;
        bool is_awaited = !state->is_ending && !session_is_held_up(session);

        session_await(session, is_awaited ? WYOMING_PATIENCE : 0, WYOMING_OVERDUE);
}

// The event that waits comes out of the loop: whoever said that the text is all there is the
// stream, which may not be closed there, and the next utterance closes it.
static void wyoming_go_on(struct session *session) {
        const struct wyoming *state = session->state;

        wyoming_await(session);
        if (state->is_next_due)
                loop_timer_set(state->next, 0);
}

// All of its text is there.
static void utterance_finish(struct session *session) {
        struct wyoming *state = session->state;

        if (state->failure && !state->n_text) {
                wyoming_say(session, wyoming_encode_error(state->failure, "lost"));
        } else {
                const char *text = state->text ? state->text : "";

                wyoming_say(session, wyoming_encode_transcript(text, state->language));
                wyoming_say(session, wyoming_encode_stop());
        }
        utterance_forget(state);
        if (session->is_leaving)
                return;  // goodbye follows
        if (state->has_ended)
                session_close(session, 1000, "");
        else
                wyoming_go_on(session);
}

static void wyoming_on_idle(struct session *session) {
        const struct wyoming *state = session->state;

        if (state->is_ending)
                utterance_finish(session);
}

static void wyoming_warn(struct session *session, const char *words) {
        struct wyoming *state = session->state;

        free(state->failure);
        state->failure = xstrdup(words);
}

// --- what is asked ---------------------------------------------------------------------------

static void wyoming_describe(struct session *session) {
        const struct hub_parts *parts = hub_parts(session->hub);
        const char *languages[LANGUAGES + 1] = {NULL};
        int n_languages = 0;

        for (int i = 0; i < LANGUAGES; i++)
                if (parts->check_model(parts->context, language_code(i), DECODE_TRANSCRIBE,
                                       NULL) == 0)
                        languages[n_languages++] = language_code(i);
        wyoming_say(session, wyoming_encode_info(languages));
}

static void wyoming_pong(struct session *session, const json_t *data) {
        const char *text = json_string_value(json_object_get(data, "text"));

        wyoming_say(session, wyoming_encode_pong(text));
}

// --- an utterance ----------------------------------------------------------------------------

static struct request request_of(const struct wyoming *state) {
        static const enum pcm_format formats[] = {PCM_U8, PCM_S16, PCM_S24, PCM_S32};

        struct request request = {
                .name = "wyoming",
                .format = formats[state->shape.width - 1],
                .rate = state->shape.rate,
                .channels = state->shape.channels,
        };

        client_options_apply(&state->wish, &request);
        return request;
}

// Its sound begins: its stream takes the place of the last one's.
static bool utterance_begin(struct session *session) {
        struct wyoming *state = session->state;
        struct request request = request_of(state);
        struct error error;

        session_channels_close(session);
        session->is_failure_told = false;
        if (!session_admit(session))
                return false;
        if (session_stream_open(session, &request, &wyoming_observer, &error) < 0) {
                session_refuse(session, 1008, error.text, 0);
                return false;
        }
        state->is_begun = true;
        if (!state->is_started)
                session_started(session, "Wyoming client");
        state->is_started = true;
        wyoming_say(session, wyoming_encode_start(state->wish.language));
        return true;
}

// What the sound is from now on; false: it cannot be, and the client is told.
static bool shape_take(struct session *session, const json_t *data) {
        struct wyoming *state = session->state;
        struct wyoming_shape before = state->shape;
        struct error error;

        if (!state->shape.rate)
                state->shape = (struct wyoming_shape){AUDIO_RATE, 2, 1};
        if (wyoming_shape_read(&state->shape, data, &error) != 0) {
                session_refuse(session, 1008, error.text, 0);
                return false;
        }
        if (!state->is_begun)
                return utterance_begin(session);
        if (memcmp(&before, &state->shape, sizeof(before)) != 0) {
                struct request request = request_of(state);

                if (session_sound_change(session, &request, &error) < 0) {
                        session_refuse(session, 1008, error.text, 0);
                        return false;
                }
        }
        return true;
}

// No more of it comes. Of one that never began the text is empty.
static void utterance_end(struct session *session) {
        struct wyoming *state = session->state;

        state->is_ending = true;
        session_await(session, 0, NULL);
        if (state->is_begun)
                session_end_sound(session);  // on_idle finishes
        else
                utterance_finish(session);
}

static void wish_take(struct session *session, const json_t *data) {
        struct wyoming *state = session->state;
        struct error error;

        if (wyoming_wish_read(&state->wish, data, &error) != 0)
                session_refuse(session, 1008, error.text, 0);
        else if (!state->is_begun)
                (void)session_admit(session);
}

static void wyoming_on_event(struct session *session, enum wyoming_type type,
                             const json_t *data) {
        struct wyoming *state = session->state;

        state->is_sound = false;
        switch (type) {
        case WYOMING_DESCRIBE:
                wyoming_describe(session);
                break;
        case WYOMING_PING:
                wyoming_pong(session, data);
                break;
        case WYOMING_TRANSCRIBE:
                wish_take(session, data);
                break;
        case WYOMING_AUDIO_START:
                (void)shape_take(session, data);
                break;
        case WYOMING_AUDIO_CHUNK:
                state->is_sound = shape_take(session, data);
                break;
        case WYOMING_AUDIO_STOP:
                utterance_end(session);
                break;
        case WYOMING_OTHER:
                break;
        }
}

// --- bytes arrive ----------------------------------------------------------------------------

// The next utterance waits until the last one is paid: one connection has one stream.
static bool event_has_to_wait(const struct wyoming *state, enum wyoming_type type) {
        return state->is_ending && type != WYOMING_DESCRIBE && type != WYOMING_PING &&
               type != WYOMING_OTHER;
}

static void wyoming_on_next(void *context) {
        struct session *session = context;
        struct wyoming *state = session->state;

        if (session->is_leaving)
                return;
        state->is_next_due = false;
        if (!session_is_held_up(session))
                session_read(session, true);
        wyoming_on_event(session, wyoming_type_of(state->reader.type),
                         state->reader.inline_data);
}

static size_t wyoming_on_bytes(struct session *session, const uint8_t *bytes, size_t n) {
        struct wyoming *state = session->state;
        struct wyoming_piece piece;
        struct error error;
        enum wyoming_type type;
        size_t taken;

        if (state->is_next_due) {  // read on in spite of that, after a relief
                session_read(session, false);
                return 0;
        }
        taken = wyoming_read(&state->reader, bytes, n, &piece, &error);
        switch (piece.found) {
        case WYOMING_NOTHING:
                break;
        case WYOMING_BAD:
                session_refuse(session, 1008, error.text, 0);
                break;
        case WYOMING_EVENT:
                type = wyoming_type_of(piece.type);
                state->is_next_due = event_has_to_wait(state, type);
                if (state->is_next_due) {
                        session_read(session, false);
                        break;
                }
                wyoming_on_event(session, type, piece.data);
                if (!session->is_leaving)
                        wyoming_await(session);
                break;
        case WYOMING_PAYLOAD:
                if (state->is_sound)
                        session_feed(session, piece.bytes, piece.n);
                if (session_is_held_up(session))
                        wyoming_await(session);
                break;
        }
        return taken;
}

// It is read from again.
static void wyoming_on_relief(struct session *session) {
        if (!session->is_leaving)
                wyoming_await(session);
}

// It hangs up, usually with nothing owed to it.
static void wyoming_on_end(struct session *session) {
        struct wyoming *state = session->state;

        state->has_ended = true;
        if (!state->is_ending)
                session_close(session, 1000, "");
}

// --- its life --------------------------------------------------------------------------------

static void wyoming_begin(struct session *session, const struct http_request *request) {
        struct wyoming *state = session->state = xnew(struct wyoming);

        (void)request;
        state->next = loop_timer_new(hub_parts(session->hub)->loop, wyoming_on_next, session);
}

static void wyoming_refuse(struct session *session, const char *words, nsec_t retry) {

        wyoming_say(session, wyoming_encode_error(words, retry > 0 ? "busy" : "refused"));
}

static void wyoming_goodbye(struct session *session, uint16_t code) {
        const struct wyoming *state = session->state;

        // Half a command is none.
        if (state && (state->is_begun || state->is_ending || state->is_next_due))
                wyoming_say(session,
                            wyoming_encode_error("the server is going away", "going-away"));
        session_close(session, code, "");
}

static void wyoming_close(struct session *session) {
        struct wyoming *state = session->state;

        if (!state)
                return;
        utterance_forget(state);
        loop_timer_free(state->next);
        wyoming_reader_deinit(&state->reader);
        free(state);
}

const struct dialect dialect_wyoming = {
        .name = "wyoming",
        .service = "_wyoming._tcp",
        .scope = SCOPE_LISTEN,
        .begin = wyoming_begin,
        .on_bytes = wyoming_on_bytes,
        .on_end = wyoming_on_end,
        .on_idle = wyoming_on_idle,
        .on_relief = wyoming_on_relief,
        .on_warning = wyoming_warn,
        .refuse = wyoming_refuse,
        .goodbye = wyoming_goodbye,
        .close = wyoming_close,
};
