// The dialect of AssemblyAI's streaming API (v3): sound as binary messages, turns as they grow,
// and Termination when all that was brought is text.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dialect/assemblyai/messages.h"
#include "dialect/assemblyai/wish.h"
#include "dialect/renewal.h"
#include "dialect/session.h"
#include "dialect/turns.h"
#include "pipeline/hub_admission.h"
#include "util/mem.h"

// Codes of the service, in an Error and as the connection's close code.
#define CODE_INVALID      3006  // what the client asks for
#define CODE_BUSY         3009  // too many at once
#define CODE_UNAUTHORISED 4001
#define CODE_DONE         1000

// A session is told to last so long: nothing ends it here.
#define EXPIRES_IN (24 * 3600)

struct assemblyai {
        struct session *session;
        struct assemblyai_wish wish;
        struct turns turns;
        struct assemblyai_words finals;  // of the first turn that is not complete
        char id[40], language[LANGUAGE_CODE_MAX];
        int64_t base;   // samples that were heard before the stream at hand
        bool is_stale;  // the stream was opened as the wish was before
        bool has_told;  // something of that turn
        int code;       // of an Error that is about to be told; 0: by what it is
        nsec_t since;
};

static void text_send(struct assemblyai *assemblyai, char *text) {
        session_send(assemblyai->session, text, strlen(text));
}

// --- turns -----------------------------------------------------------------------------------

static void turn_send(struct assemblyai *assemblyai, const struct turn *turn, bool is_end,
                      bool is_formatted, const struct assemblyai_words *tail) {
        const struct assemblyai_turn told = {
                .order = turn->number,
                .transcript = turn->text,
                .is_end = is_end,
                .is_formatted = is_formatted,
                .language = assemblyai->language,
                .finals = &assemblyai->finals,
                .tail = tail,
        };

        text_send(assemblyai, assemblyai_encode_turn(&told));
        assemblyai->has_told = !is_end;
}

static void assemblyai_on_begin(void *context, const struct turn *turn) {
        struct assemblyai *assemblyai = context;

        text_send(assemblyai, assemblyai_encode_speech((assemblyai->base + turn->begin) * 1000 /
                                                       AUDIO_RATE));
}

static void assemblyai_on_end(void *context, const struct turn *turn) {
        (void)context;
        (void)turn;
}

// Of the first turn only: what comes behind it waits until it is complete.
static bool is_first(const struct assemblyai *assemblyai, const struct turn *turn) {
        return turn == STAILQ_FIRST(&assemblyai->turns.list);
}

static void assemblyai_on_final(void *context, const struct turn *turn,
                                const struct segment *segments, size_t n) {
        struct assemblyai *assemblyai = context;

        for (size_t i = 0; i < n; i++)
                assemblyai_words_add(&assemblyai->finals, &segments[i], true, assemblyai->base);
        // The last stretch completes it, which is told then.
        if (n > 0 && !(turn->is_ended && turn->n_pending == 0))
                turn_send(assemblyai, turn, false, false, NULL);
}

static void assemblyai_on_tail(void *context, const struct turn *turn,
                               const struct update *update) {
        struct assemblyai *assemblyai = context;
        struct assemblyai_words tail = {0};

        if (!is_first(assemblyai, turn))
                return;
        assemblyai_words_add(&tail, update->tail, false, assemblyai->base);
        turn_send(assemblyai, turn, false, false, &tail);
        assemblyai_words_clear(&tail);
}

// Of one in which nothing was said nobody hears, unless it was thought that there was.
static void assemblyai_on_complete(void *context, const struct turn *turn) {
        struct assemblyai *assemblyai = context;

        if (turn->n_text > 0 || assemblyai->has_told) {
                turn_send(assemblyai, turn, true, false, NULL);
                if (assemblyai->wish.formats_turns)
                        turn_send(assemblyai, turn, true, true, NULL);
        }
        assemblyai_words_clear(&assemblyai->finals);
}

static const struct turns_ops assemblyai_turns = {
        .on_begin = assemblyai_on_begin,
        .on_end = assemblyai_on_end,
        .on_final = assemblyai_on_final,
        .on_tail = assemblyai_on_tail,
        .on_complete = assemblyai_on_complete,
};

static void assemblyai_on_update(void *state, const struct stream_facts *facts,
                                 const struct update *update) {
        const struct session *session = state;
        struct assemblyai *assemblyai = session->state;

        (void)facts;
        snprintf(assemblyai->language, sizeof(assemblyai->language), "%s", update->language);
        turns_hear_update(&assemblyai->turns, update);
}

static void assemblyai_on_window(void *state, const struct observer_window *window) {
        const struct session *session = state;
        struct assemblyai *assemblyai = session->state;

        turns_hear_window(&assemblyai->turns, window);
}

static const struct observer_ops assemblyai_observer = {
        .name = "assemblyai",
        .on_update = assemblyai_on_update,
        .on_window = assemblyai_on_window,
};

// --- the stream ------------------------------------------------------------------------------

// False: the session was refused.
static bool assemblyai_open(struct assemblyai *assemblyai) {
        struct session *session = assemblyai->session;
        struct request request = {.name = assemblyai->id};
        struct error error;

        assemblyai_wish_apply(&assemblyai->wish, &request);
        if (session_stream_open(session, &request, &assemblyai_observer, &error) < 0) {
                assemblyai->code = CODE_INVALID;
                session_refuse(session, CODE_INVALID, error.text, 0);
                return false;
        }
        assemblyai->turns.pause = (int64_t)(request.pause * AUDIO_RATE);
        assemblyai->is_stale = false;
        return true;
}

// What was updated holds from where nobody's text is owed. False: there is no stream.
static bool stream_renew(struct assemblyai *assemblyai) {
        struct session *session = assemblyai->session;
        struct renewal renewal;

        if (!assemblyai->is_stale || !renewal_begin(&renewal, session, &assemblyai->turns))
                return session->stream;
        assemblyai->base += renewal.position;
        if (!assemblyai_open(assemblyai))
                return false;
        renewal_end(&renewal, session);
        return true;
}

static void assemblyai_on_binary(struct session *session, const struct websocket_piece *piece) {
        struct assemblyai *assemblyai = session->state;

        if (!stream_renew(assemblyai))
                return;
        session_feed(session, piece->bytes, piece->n);
        turns_hear_silence(&assemblyai->turns, stream_position(session->stream));
}

// --- what the client says --------------------------------------------------------------------

static void endpoint_force(struct assemblyai *assemblyai) {
        struct session *session = assemblyai->session;
        bool has_turn = assemblyai->turns.current;

        session_end_sound(session);
        if (has_turn && assemblyai->turns.current)
                turns_end(&assemblyai->turns, stream_position(session->stream));
}

static void invalid_refuse(struct assemblyai *assemblyai, const char *words) {
        assemblyai->code = CODE_INVALID;
        session_refuse(assemblyai->session, CODE_INVALID, words, 0);
}

static void update_take(struct assemblyai *assemblyai, const json_t *message) {
        struct request request = {.name = assemblyai->id};
        struct error error;
        int r = assemblyai_wish_update(&assemblyai->wish, message, &error);

        if (r == 0) {
                assemblyai_wish_apply(&assemblyai->wish, &request);
                r = renewal_check(assemblyai->session, &request, &error);
        }
        if (r < 0)
                invalid_refuse(assemblyai, error.text);
        else
                assemblyai->is_stale = true;
}

static void assemblyai_on_text(struct session *session, const char *text, size_t n) {
        struct assemblyai *assemblyai = session->state;
        enum assemblyai_command command;
        json_t *message;
        struct error error;

        if (assemblyai_command_read(&command, &message, text, n, &error) < 0) {
                invalid_refuse(assemblyai, error.text);
                return;
        }
        if (command == ASSEMBLYAI_TERMINATE)
                session_leave(session, CODE_DONE);
        else if (command == ASSEMBLYAI_FORCE_ENDPOINT)
                endpoint_force(assemblyai);
        else if (command == ASSEMBLYAI_UPDATE)
                update_take(assemblyai, message);
        json_decref(message);
}

// --- coming and going ------------------------------------------------------------------------

static bool assemblyai_matches(const struct http_request *request) {
        return strcmp(request->path, "/v3/ws") == 0 || strcmp(request->path, "/v3/ws/") == 0;
}

static char *assemblyai_judge(const struct http_request *request, int *ret_status) {
        struct assemblyai_wish wish;
        struct error error;
        int r = assemblyai_wish_read(&wish, request->query, &error);

        assemblyai_wish_deinit(&wish);
        *ret_status = 400;
        return r < 0 ? xstrdup(error.text) : NULL;
}

// A random UUID (RFC 9562, version 4).
static void id_make(char ret[static 40]) {
        uint8_t b[16] = {0};

        (void)getrandom(b, sizeof(b), 0);
        b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
        b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
        snprintf(ret, 40,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                 b[13], b[14], b[15]);
}

static void assemblyai_begin(struct session *session, const struct http_request *request) {
        struct assemblyai *assemblyai = session->state = xnew(struct assemblyai);
        struct error error;

        assemblyai->session = session;
        assemblyai->since = session_wall(session);
        turns_init(&assemblyai->turns, &assemblyai_turns, assemblyai);
        id_make(assemblyai->id);
        if (assemblyai_wish_read(&assemblyai->wish, request->query, &error) < 0) {
                invalid_refuse(assemblyai, error.text);
                return;
        }
        if (!session_admit(session) || !assemblyai_open(assemblyai))
                return;
        text_send(assemblyai,
                  assemblyai_encode_begin(assemblyai->id,
                                          (int64_t)(assemblyai->since / NSEC_PER_SEC) +
                                                  EXPIRES_IN));
        session_started(session, "AssemblyAI client");
}

// The connection is closed with the code of the Error, too, which is known here only.
static void assemblyai_refuse(struct session *session, const char *words, nsec_t retry) {
        const struct assemblyai *assemblyai = session->state;
        bool is_busy = retry > 0 || strcmp(words, HUB_TOO_MANY) == 0;
        int code = is_busy ? CODE_BUSY : CODE_UNAUTHORISED;
        char *text;

        if (assemblyai && assemblyai->code)
                code = assemblyai->code;
        text = assemblyai_encode_error(code, words);
        session_send(session, text, strlen(text));
        session_close(session, (uint16_t)code, words);
}

// The last turn ends here.
static void assemblyai_goodbye(struct session *session, uint16_t code) {
        struct assemblyai *assemblyai = session->state;
        double seconds = 0;

        if (session->stream) {
                if (assemblyai->turns.current)
                        turns_end(&assemblyai->turns, stream_position(session->stream));
                seconds = pcm_seconds(assemblyai->base + stream_position(session->stream));
        }
        if (assemblyai)
                text_send(assemblyai,
                          assemblyai_encode_termination(
                                  seconds, (double)(session_wall(session) - assemblyai->since) /
                                                   NSEC_PER_SEC));
        session_close(session, code, "");
}

static void assemblyai_close(struct session *session) {
        struct assemblyai *assemblyai = session->state;

        if (!assemblyai)
                return;
        turns_deinit(&assemblyai->turns);
        assemblyai_words_clear(&assemblyai->finals);
        assemblyai_wish_deinit(&assemblyai->wish);
        session->state = mem_free(assemblyai);
}

const struct dialect dialect_assemblyai = {
        .name = "assemblyai",
        .scope = SCOPE_LISTEN,
        .matches_request = assemblyai_matches,
        .key = KEY_IS_A_HABIT,
        .judge = assemblyai_judge,
        .phrase = assemblyai_phrase,
        .begin = assemblyai_begin,
        .on_text = assemblyai_on_text,
        .on_binary = assemblyai_on_binary,
        .refuse = assemblyai_refuse,
        .goodbye = assemblyai_goodbye,
        .close = assemblyai_close,
};
