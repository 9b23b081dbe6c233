// The eavesdrop dialect's transcribers: setup, then live recordings with flush and cancel, or
// the bytes of one file.
#include <stdlib.h>
#include <string.h>

#include "dialect/eavesdrop/roles.h"
#include "source/upload.h"
#include "util/log.h"
#include "util/mem.h"

struct eavesdrop {
        char *stream_name;
        char *recording_id;  // NULL: no recording was started
        bool is_file;
        bool wants_language;  // the client gave none
        bool is_flushing;     // a flush waits for the backlog
        bool has_tail;        // the client shows one
        size_t segments_max;
        size_t n_unsent;        // final segments not sent yet
        struct upload *upload;  // files only
};

static void error_send(struct session *session, const char *words) {
        const struct eavesdrop *state = session->state;

        eavesdrop_send_error(session, state ? state->stream_name : NULL, words);
}

static void refusal_send(struct session *session, enum eavesdrop_refusal refusal,
                         const char *detail) {
        CLEANUP(mem_freep) char *words = eavesdrop_refusal_text(refusal, detail);

        error_send(session, words);
}

// --- text leaves -----------------------------------------------------------------------------

static void transcription_send(struct session *session, const struct update *update,
                               bool is_flush_complete) {
        struct eavesdrop *state = session->state;
        const struct segment **finals;
        size_t n, n_finals = session_recent_finals(session->stream, state->n_unsent,
                                                   state->segments_max, &finals);
        struct eavesdrop_transcription transcription = {
                .stream = state->stream_name,
                .finals = finals,
                .n_finals = n_finals,
                .tail = update->tail,
                .origin = stream_origin(session->stream),
                .language = update->language,
                .recording_id = state->recording_id,
                .is_flush_complete = is_flush_complete,
        };
        char *text = eavesdrop_encode_transcription(session_wall(session), &transcription, &n);

        session_send(session, text, n);
        free(finals);
        state->n_unsent = 0;
        state->has_tail = update->tail->text[0] != '\0';
}

static void eavesdrop_on_update(void *context, const struct stream_facts *facts,
                                const struct update *update) {
        struct session *session = context;
        struct eavesdrop *state = session->state;

        (void)facts;
        if (update->language_is_new && state->wants_language) {
                size_t n;
                char *text = eavesdrop_encode_language(session_wall(session),
                                                       state->stream_name, update->language,
                                                       update->language_probability, &n);

                session_send(session, text, n);
        }
        state->n_unsent += update->n_finals;
        // While a flush is pending its answer takes the place of all others.
        if (state->is_flushing)
                return;
        if (update->n_finals > 0 || update->tail->text[0] != '\0' || state->has_tail)
                transcription_send(session, update, false);
}

static const struct observer_ops eavesdrop_observer = {
        .name = "eavesdrop",
        .on_update = eavesdrop_on_update,
};

static void eavesdrop_on_idle(struct session *session) {
        struct eavesdrop *state = session->state;

        if (!state->is_flushing)
                return;
        state->is_flushing = false;
        transcription_send(session, stream_current(session->stream), true);
}

// --- files -----------------------------------------------------------------------------------

static void upload_on_samples(void *context, const float *samples, size_t n) {
        struct session *session = context;
        struct eavesdrop *state = session->state;

        stream_on_audio(session->stream, samples, n);
        if (stream_is_backlogged(session->stream))
                upload_pause(state->upload);
}

// In how many seconds it may be worth while to come back with a file.
static double upload_retry(const struct session *session) {
        const struct upload_services *uploads = hub_parts(session->hub)->uploads;

        return (double)upload_slots_retry(uploads->slots) / NSEC_PER_SEC;
}

static void upload_on_warning(void *context, const char *words) {
        const struct session *session = context;

        log_warning(session->base.about, "upload-warning", "%s", words);
}

static void upload_on_end(void *context, enum upload_end end, const char *words) {
        static const uint16_t codes[] = {
                [UPLOAD_DONE] = 1000,    [UPLOAD_DAMAGED] = 1011,  [UPLOAD_TOO_LARGE] = 1009,
                [UPLOAD_STALLED] = 1008, [UPLOAD_TOO_SLOW] = 1013, [UPLOAD_NO_ROOM] = 1013,
                [UPLOAD_LOST] = 1013,
        };
        struct session *session = context;
        CLEANUP(mem_freep) char *later = NULL;

        if (codes[end] == 1013)
                later = xasprintf("%s; try again in %.0f s", words, upload_retry(session));
        if (words)
                refusal_send(session, EAVESDROP_E_FILE_FAILED, later ? later : words);
        session_leave(session, codes[end]);
}

static void upload_on_want(void *context, bool is_wanted) {
        struct session *session = context;

        session_read(session, is_wanted);
}

static void eavesdrop_on_relief(struct session *session) {
        struct eavesdrop *state = session->state;

        if (state->upload)
                upload_resume(state->upload);
}

// Take a place among those who upload. Beyond those that may wait, the client is sent away
// before anything was done for it.
static bool upload_admit(struct session *session) {
        struct eavesdrop *state = session->state;
        struct upload_listener listener = {
                .on_samples = upload_on_samples,
                .on_warning = upload_on_warning,
                .on_end = upload_on_end,
                .on_want = upload_on_want,
                .context = session,
        };
        CLEANUP(mem_freep) char *words = NULL;

        if (upload_open(&state->upload, hub_parts(session->hub)->uploads, &listener))
                return true;
        words = xasprintf("Server busy: too many files wait to be decoded; try again in %.0f s",
                          upload_retry(session));
        session_refuse(session, 1013, words, 0);
        return false;
}

// --- setup -----------------------------------------------------------------------------------

static int setup_stream_open(struct session *session, const struct eavesdrop_message *message,
                             struct error *error) {
        struct eavesdrop *state = session->state;
        const struct eavesdrop_options *options = &message->options;
        struct request request = {
                .name = message->stream,
                .format = PCM_F32,
                .is_file = state->is_file,
                .language = options->language,
                .has_task = options->has_task,
                .task = options->task,
                .prompt = options->initial_prompt,
                .hotwords = options->hotwords,
                .has_word_times = options->word_timestamps,
                .beam_size = options->beam_size > 0 ? (unsigned)options->beam_size : 0,
                .pause = options->pause,
                .window_max = options->window_max,
                .history = SESSION_SEGMENTS_MAX,
                .wants_partials = true,
        };
        int r;

        // As the original: who asks for translation and names no language wants it detected.
        if (options->has_task && options->task == DECODE_TRANSLATE && !options->language)
                request.language = "";
        r = session_stream_open(session, &request, &eavesdrop_observer, error);
        state->wants_language = request.language[0] == '\0';
        return r;
}

static void setup_take(struct session *session, const struct eavesdrop_message *message) {
        const struct eavesdrop_options *wishes = &message->options;
        CLEANUP(mem_freep) char *about = NULL;
        struct eavesdrop *state;
        struct error error;
        size_t n;
        char *text;

        if (!session_admit(session))
                return;
        state = session->state = xnew(struct eavesdrop);
        state->stream_name = xstrdup(message->stream);
        state->is_file = wishes->is_file;
        state->segments_max =
                wishes->send_last_n_segments ? wishes->send_last_n_segments : SESSION_SEGMENTS;
        if (state->segments_max > SESSION_SEGMENTS_MAX)
                state->segments_max = SESSION_SEGMENTS_MAX;
        if (wishes->word_timestamps && wishes->has_task && wishes->task == DECODE_TRANSLATE) {
                CLEANUP(mem_freep)
                char *words = eavesdrop_refusal_text(EAVESDROP_E_WORDS_IN_TRANSLATION, NULL);

                session_refuse(session, 1008, words, 0);
                return;
        }
        if (state->is_file && !upload_admit(session))
                return;
        if (setup_stream_open(session, message, &error) < 0) {
                session_refuse(session, 1008, error.text, 0);
                return;
        }
        text = eavesdrop_encode_ready(session_wall(session), state->stream_name, &n);
        session_send(session, text, n);
        about = xasprintf("eavesdrop client, %s '%s'", state->is_file ? "file" : "live stream",
                          state->stream_name);
        session_started(session, about);
}

static void setup_on_text(struct session *session, const char *text, size_t n) {
        struct eavesdrop_message message;
        struct error error = {0};

        if (eavesdrop_message_parse(&message, text, n, &error) != 0) {
                session_refuse(session, 1008, error.text, 0);
                return;
        }
        switch (message.type) {
        case EAVESDROP_SETUP:
                setup_take(session, &message);
                break;
        case EAVESDROP_FLUSH:
        case EAVESDROP_RECORDING_STARTED:
        case EAVESDROP_UTTERANCE_CANCELLED:
                refusal_send(session,
                             eavesdrop_control_refusal(message.type, EAVESDROP_BEFORE_SETUP),
                             NULL);
                break;
        case EAVESDROP_HEALTH:
        case EAVESDROP_OTHER:
                session->is_leaving = true;
                session_close(session, 1000, "");
                break;
        }
        eavesdrop_message_deinit(&message);
}

// --- live controls ---------------------------------------------------------------------------

static void flush_take(struct session *session) {
        struct eavesdrop *state = session->state;

        if (state->is_flushing) {
                refusal_send(session, EAVESDROP_E_FLUSH_PENDING, NULL);
                return;
        }
        state->is_flushing = true;
        stream_flush(session->stream);
}

static bool recording_is_current(struct session *session,
                                 const struct eavesdrop_message *message) {
        struct eavesdrop *state = session->state;

        if (!state->recording_id) {
                refusal_send(session, EAVESDROP_E_CONTROL_EARLY, NULL);
                return false;
        }
        if (message->recording_id && strcmp(message->recording_id, state->recording_id) != 0) {
                refusal_send(session, EAVESDROP_E_RECORDING_ID, NULL);
                return false;
        }
        return true;
}

static void recording_start(struct session *session, const char *recording_id) {
        struct eavesdrop *state = session->state;
        bool is_first = !state->recording_id;

        state->is_flushing = false;
        state->has_tail = false;
        // What of the old recording is still to be shown is, under its own name.
        if (!is_first)
                stream_restart(session->stream);
        free(state->recording_id);
        state->recording_id = xstrdup(recording_id);
        state->n_unsent = 0;
}

static void live_on_message(struct session *session, const struct eavesdrop_message *message) {
        switch (message->type) {
        case EAVESDROP_RECORDING_STARTED:
                recording_start(session, message->recording_id);
                break;
        case EAVESDROP_FLUSH:
                if (recording_is_current(session, message))
                        flush_take(session);
                break;
        case EAVESDROP_UTTERANCE_CANCELLED:
                if (!recording_is_current(session, message))
                        break;
                stream_cancel(session->stream);
                // Else what is on its way to the screen comes first.
                if (stream_backlog(session->stream) == 0)
                        eavesdrop_on_idle(session);
                break;
        case EAVESDROP_SETUP:
        case EAVESDROP_HEALTH:
        case EAVESDROP_OTHER:
                refusal_send(session, EAVESDROP_E_CONTROL_UNSUPPORTED, message->type_name);
                break;
        }
}

static void file_on_message(struct session *session, const struct eavesdrop_message *message) {
        if (message->type == EAVESDROP_FLUSH || message->type == EAVESDROP_RECORDING_STARTED ||
            message->type == EAVESDROP_UTTERANCE_CANCELLED)
                refusal_send(session,
                             eavesdrop_control_refusal(message->type, EAVESDROP_IN_FILE), NULL);
        else
                refusal_send(session, EAVESDROP_E_TEXT_IN_FILE, message->type_name);
}

// What is no message: the original's words, and what is wrong with it.
static void message_refuse(struct session *session, const struct error *error) {
        struct eavesdrop *state = session->state;
        CLEANUP(mem_freep)
        char *refusal = eavesdrop_refusal_text(
                state->is_file ? EAVESDROP_E_TEXT_IN_FILE : EAVESDROP_E_CONTROL_INVALID, NULL);
        CLEANUP(mem_freep) char *words = xasprintf("%s: %s", refusal, error->text);

        error_send(session, words);
}

// All sound has come.
static void audio_end(struct session *session) {
        struct eavesdrop *state = session->state;

        if (state->is_file)
                upload_write_end(state->upload);
        else
                session_leave(session, 1000);
}

static void eavesdrop_on_text(struct session *session, const char *text, size_t n) {
        struct eavesdrop *state = session->state;
        struct eavesdrop_message message;
        struct error error = {0};

        if (!state) {
                setup_on_text(session, text, n);
                return;
        }
        if (eavesdrop_is_end_of_audio(text, n)) {
                audio_end(session);
                return;
        }
        if (eavesdrop_message_parse(&message, text, n, &error) != 0) {
                message_refuse(session, &error);
                return;
        }
        if (state->is_file)
                file_on_message(session, &message);
        else
                live_on_message(session, &message);
        eavesdrop_message_deinit(&message);
}

static void eavesdrop_on_binary(struct session *session, const struct websocket_piece *piece) {
        struct eavesdrop *state = session->state;
        bool is_end = websocket_piece_is_whole(piece) &&
                      eavesdrop_is_end_of_audio(piece->bytes, piece->n);

        if (!state) {
                session_refuse(session, 1008,
                               "audio before setup: send the setup message first", 0);
        } else if (is_end) {
                audio_end(session);
        } else if (state->is_file) {
                upload_write(state->upload, piece->bytes, piece->n);
        } else if (!state->recording_id) {
                if (piece->is_first)
                        refusal_send(session, EAVESDROP_E_AUDIO_EARLY, NULL);
        } else {
                size_t beyond = piece->n % pcm_sample_size(PCM_F32);

                if (beyond)
                        error_send(session, "Live audio frame is not a whole number of float32 "
                                            "samples: its last bytes are left out");
                session_feed(session, piece->bytes, piece->n - beyond);
        }
}

// --- the end ---------------------------------------------------------------------------------

static void eavesdrop_on_overload(struct session *session, const char *words) {
        CLEANUP(mem_freep) char *message = xasprintf("Server overloaded: %s", words);

        if (session->state)
                error_send(session, message);
}

static void eavesdrop_on_implausible(struct session *session) {
        error_send(session,
                   "The sound is no float32: nearly all samples are beyond -1..1 or not "
                   "finite. Send float32, little-endian, within -1..1: int16 samples "
                   "are divided by 32768 (there is no audio_format in this dialect)");
}

static void eavesdrop_goodbye(struct session *session, uint16_t code) {
        struct eavesdrop *state = session->state;

        if (state) {
                const char *words = code == 1001 ? "server is going away" : NULL;
                size_t n;
                char *text = eavesdrop_encode_disconnect(session_wall(session),
                                                         state->stream_name, words, &n);

                session_send(session, text, n);
        }
        session_close(session, code, "");
}

static void eavesdrop_close(struct session *session) {
        struct eavesdrop *state = session->state;

        if (!state)
                return;
        state->upload = upload_close(state->upload);
        free(state->stream_name);
        free(state->recording_id);
        free(state);
}

// --- unknown roles ---------------------------------------------------------------------------

// A transcriber is known by its first text, as before there were roles.
static bool role_is_unknown(const struct http_request *request) {
        enum eavesdrop_role role;

        return !eavesdrop_role_of(request, &role);
}

static void role_refuse(struct session *session, const struct http_request *request) {
        (void)request;
        session_refuse(session, 1008,
                       "unknown client type: use transcriber, rtsp_subscriber or health_check",
                       0);
}

const struct dialect dialect_eavesdrop = {
        .name = "eavesdrop",
        .scope = SCOPE_LISTEN,
        .matches_request = role_is_unknown,
        .begin = role_refuse,
        .matches_text = eavesdrop_is_message,
        .first_key = "\"type\" (eavesdrop)",
        .on_text = eavesdrop_on_text,
        .on_binary = eavesdrop_on_binary,
        .on_idle = eavesdrop_on_idle,
        .on_relief = eavesdrop_on_relief,
        .on_overload = eavesdrop_on_overload,
        .on_implausible = eavesdrop_on_implausible,
        .on_warning = error_send,
        .refuse = eavesdrop_refuse,
        .goodbye = eavesdrop_goodbye,
        .close = eavesdrop_close,
};
