// The WhisperLive dialect: one hello, then sound until END_OF_AUDIO. The stock clients keep
// what is marked completed and show the tail; they drop completed segments that overlap.
#include <math.h>
#include <stdlib.h>

#include "dialect/session.h"
#include "dialect/whisperlive/messages.h"
#include "pipeline/hub_admission.h"
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

static void whisperlive_refuse(struct session *session, const char *words, nsec_t retry) {
        const struct whisperlive *state = session->state;
        const char *uid = state && state->hello.uid ? state->hello.uid : "";
        size_t n;
        // Who may come back is told when; the words are for the log and the close frame.
        char *text = retry > 0 ? whisperlive_encode_wait(
                                         uid, ceil((double)retry / (60.0 * NSEC_PER_SEC)), &n)
                               : whisperlive_encode_error(uid, words, &n);

        session_send(session, text, n);
}

static bool whisperlive_admit(struct session *session) {
        CLEANUP(mem_freep) char *words = NULL;
        struct hub_refusal refusal;

        if (hub_admits(session->hub, &session->base, &refusal))
                return true;
        words = refusal.is_own
                        ? xasprintf("Server busy: %s; %s", refusal.reason, refusal.remedy)
                        : xasprintf("busy: %s, %s", refusal.reason, refusal.remedy);
        session_refuse(session, 1013, words, refusal.retry);
        return false;
}

static int whisperlive_stream_open(struct session *session,
                                   const struct whisperlive_hello *hello, struct error *error) {
        struct request request = {
                .name = hello->uid,
                .format = hello->audio_format,
                .language = hello->language ? hello->language : "",
                .has_task = true,
                .task = hello->task,
                .prompt = hello->initial_prompt,
                .hotwords = hello->hotwords,
                .has_word_times = hello->word_timestamps,
                .pause = hello->pause,
                .window_max = hello->window_max,
                .history = SESSION_SEGMENTS_MAX,
                .wants_partials = true,
        };

        return session_stream_open(session, &request, &whisperlive_observer, error);
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
                session_refuse(session, 1008, error.text, 0);
                return;
        }
        if (!whisperlive_admit(session))
                return;
        if (whisperlive_stream_open(session, &state->hello, &error) < 0) {
                session_refuse(session, 1008, error.text, 0);
                return;
        }
        answer = whisperlive_encode_ready(state->hello.uid, &n_answer);
        session_send(session, answer, n_answer);
        about = xasprintf("WhisperLive client '%s'", state->hello.uid);
        session_started(session, about);
}

// Bytes of a message beyond whole samples are left out: none of the stock clients cuts them.
static void whisperlive_on_binary(struct session *session,
                                  const struct websocket_piece *piece) {
        const struct whisperlive *state = session->state;

        if (websocket_piece_is_whole(piece) &&
            whisperlive_is_end_of_audio(piece->bytes, piece->n))
                session_leave(session, 1000);
        else
                session_feed(session, piece->bytes,
                             piece->n - piece->n % pcm_sample_size(state->hello.audio_format));
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
        session_close(session, code, "");
}

static void whisperlive_close(struct session *session) {
        struct whisperlive *state = session->state;

        if (state)
                whisperlive_hello_deinit(&state->hello);
        free(state);
}

const struct dialect dialect_whisperlive = {
        .name = "whisperlive",
        .scope = SCOPE_LISTEN,
        .matches_text = whisperlive_is_hello,
        .first_key = "\"uid\" (WhisperLive)",
        .on_text = whisperlive_on_text,
        .on_binary = whisperlive_on_binary,
        .on_overload = whisperlive_warn,
        .on_implausible = whisperlive_on_implausible,
        .on_warning = whisperlive_warn,
        .refuse = whisperlive_refuse,
        .goodbye = whisperlive_goodbye,
        .close = whisperlive_close,
};
