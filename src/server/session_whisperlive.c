// The WhisperLive dialect: one hello, then sound until END_OF_AUDIO. The stock clients keep
// what is marked completed and show the tail; they drop completed segments that overlap.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/whisperlive/messages.h"
#include "server/session.h"
#include "util/mem.h"

struct whisperlive {
        struct whisperlive_hello hello;
        bool has_tail;  // the client shows one
};

static void whisperlive_on_update(void *context, const struct stream_facts *facts,
                                  const struct update *update) {
        struct session *session = context;
        struct whisperlive *state = session->state;
        const struct segment **finals;
        size_t n_finals, n;
        bool has_tail = update->tail->text[0] != '\0';
        char *text;

        (void)facts;
        if (update->language_is_new && !state->hello.language) {
                text = whisperlive_encode_language(state->hello.uid, update->language,
                                                   update->language_probability, &n);
                session_send(session, text, n);
        }
        // An empty tail is sent as well when it takes the place of one that the client shows.
        if (update->n_finals == 0 && !has_tail && !state->has_tail)
                return;
        state->has_tail = has_tail;
        n_finals = session_recent_finals(session->stream, update->n_finals,
                                         state->hello.send_last_n_segments, &finals);
        text = whisperlive_encode_segments(state->hello.uid, finals, n_finals, update->tail,
                                           stream_origin(session->stream), &n);
        session_send(session, text, n);
        free(finals);
}

static const struct observer_ops whisperlive_observer = {
        .name = "whisperlive",
        .on_update = whisperlive_on_update,
};

static void whisperlive_refuse(struct session *session, const char *uid, uint16_t code,
                               const char *words) {
        size_t n;
        char *text = whisperlive_encode_error(uid, words, &n);

        session_send(session, text, n);
        session_turn_away(session, code, words);
}

// Come back after so long; the reason is for the log and the close frame.
static void whisperlive_wait(struct session *session, const char *uid, nsec_t retry,
                             const char *words) {
        size_t n;
        char *text =
                whisperlive_encode_wait(uid, ceil((double)retry / (60.0 * NSEC_PER_SEC)), &n);

        session_send(session, text, n);
        session_turn_away(session, 1013, words);
}

static bool whisperlive_admit(struct session *session, const char *uid) {
        CLEANUP(mem_freep) char *words = session_address_busy(session);
        struct server_wait wait;

        if (words) {
                whisperlive_wait(session, uid, 60 * NSEC_PER_SEC, words);
                return false;
        }
        if (server_admits(session->server, &wait))
                return true;
        words = xasprintf("busy: %s, try again in %.0f s", wait.reason,
                          (double)wait.retry / NSEC_PER_SEC);
        whisperlive_wait(session, uid, wait.retry, words);
        return false;
}

static int whisperlive_stream_open(struct session *session,
                                   const struct whisperlive_hello *hello, struct error *error) {
        const struct server_parts *parts = server_parts(session->server);
        CLEANUP(decode_options_deinit)
        struct decode_options options = decode_options_copy(&parts->config->request.decoding);
        struct stream_settings settings = {
                .name = hello->uid,
                .owner = session->address,
                .options = &options,
                .history_segments = SESSION_SEGMENTS_MAX,
                .pause = parts->config->request.pause,
                .window_max = parts->config->request.window_max,
        };
        int r = parts->check_wishes(parts->context, hello->language, hello->task, error);

        if (r < 0)
                return r;
        settings.pause = hello->pause > 0 ? hello->pause : settings.pause;
        settings.window_max = hello->window_max > 0 ? hello->window_max : settings.window_max;
        snprintf(options.language, sizeof(options.language), "%s",
                 hello->language ? hello->language : "");
        options.task = hello->task;
        if (hello->word_timestamps)
                options.word_timestamps = DECODE_YES;
        decode_options_tell(&options, hello->initial_prompt, hello->hotwords);
        return session_stream_open(session, &settings, &whisperlive_observer, error);
}

static void whisperlive_on_text(struct session *session, const char *text, size_t n) {
        struct whisperlive *state = session->state;
        CLEANUP(mem_freep) char *about = NULL;
        struct error error;
        char *answer;
        size_t n_answer;

        if (state) {
                // Later text is ignored, but some clients say so in text that this is all.
                if (whisperlive_is_end_of_audio(text, n))
                        session_leave(session, 1000);
                return;
        }
        state = session->state = xnew(struct whisperlive);
        if (whisperlive_hello_parse(&state->hello, text, n, &error) != 0) {
                whisperlive_refuse(session, "", 1008, error.text);
                return;
        }
        if (!whisperlive_admit(session, state->hello.uid))
                return;
        if (whisperlive_stream_open(session, &state->hello, &error) < 0) {
                whisperlive_refuse(session, state->hello.uid, 1008, error.text);
                return;
        }
        answer = whisperlive_encode_ready(state->hello.uid, &n_answer);
        session_send(session, answer, n_answer);
        about = xasprintf("WhisperLive client '%s'", state->hello.uid);
        session_started(session, about);
}

static void whisperlive_on_binary(struct session *session,
                                  const struct websocket_piece *piece) {
        struct whisperlive *state = session->state;

        if (websocket_piece_is_whole(piece) &&
            whisperlive_is_end_of_audio(piece->bytes, piece->n))
                session_leave(session, 1000);
        else
                session_feed(session, state->hello.audio_format, piece->bytes, piece->n);
}

static void whisperlive_warn(struct session *session, const char *words) {
        struct whisperlive *state = session->state;
        size_t n;
        char *text = whisperlive_encode_warning(state->hello.uid, words, &n);

        session_send(session, text, n);
}

static void whisperlive_on_implausible(struct session *session) {
        whisperlive_warn(session, "the sound is no float32: nearly all samples are beyond "
                                  "-1..1 or not finite. Send float32 within -1..1, or say "
                                  "\"audio_format\": \"int16\" in the hello");
}

static void whisperlive_goodbye(struct session *session, uint16_t code) {
        struct whisperlive *state = session->state;
        size_t n;
        char *text;

        if (code != 1000) {  // not asked for by the client
                text = whisperlive_encode_disconnect(state->hello.uid, &n);
                session_send(session, text, n);
        }
        websocket_close(session->socket, code, "");
}

static void whisperlive_close(struct session *session) {
        struct whisperlive *state = session->state;

        if (state)
                whisperlive_hello_deinit(&state->hello);
        free(state);
}

const struct session_ops session_whisperlive = {
        .name = "whisperlive",
        .reader = READER_WHISPERLIVE,
        .on_text = whisperlive_on_text,
        .on_binary = whisperlive_on_binary,
        .on_overload = whisperlive_warn,
        .on_implausible = whisperlive_on_implausible,
        .on_warning = whisperlive_warn,
        .goodbye = whisperlive_goodbye,
        .close = whisperlive_close,
};
