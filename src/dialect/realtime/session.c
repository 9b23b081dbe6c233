// The dialect of OpenAI's realtime API, for transcription: the server speaks first, the client
// appends sound, and what is said becomes items: turns that we find, or that the client
// commits.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/realtime/append.h"
#include "dialect/realtime/messages.h"
#include "dialect/realtime/settings.h"
#include "dialect/renewal.h"
#include "dialect/session.h"
#include "dialect/turns.h"
#include "pipeline/hub_admission.h"
#include "util/mem.h"

// The service takes 15 MiB of base64 at a time, with some room for what stands around it.
#define TEXT_MAX ((size_t)16 * 1024 * 1024)

// Less sound than this cannot be committed, in milliseconds.
#define COMMIT_LEAST 100

// A session is told to last so long, in seconds: nothing ends it here.
#define EXPIRES_IN (24 * 3600)

struct realtime {
        struct session *session;
        struct realtime_settings settings;
        struct append append;
        struct turns turns;
        char id[48];
        uint64_t n_events;
        int64_t last_item;  // that was committed; -1: none
        int64_t base;       // samples that were heard before the stream at hand
        double fresh;       // milliseconds that were appended since the last commit
        bool is_stale;      // the stream was opened as the settings were before
        bool is_failed;     // a window of the first turn that is not complete is lost
        int64_t told_ms;    // the last time that was told
        int64_t expires_at;
};

static void event_send(struct realtime *realtime, const char *type, json_t *members) {
        char *text = realtime_event(++realtime->n_events, type, members);

        session_send(realtime->session, text, strlen(text));
}

static void mistake_send(struct realtime *realtime, const struct realtime_mistake *mistake,
                         const char *event_id) {
        event_send(realtime, "error", realtime_error(mistake, event_id));
}

// --- turns become items ----------------------------------------------------------------------

// Of a position. Times that are told do not go back, though a turn begins with what is kept
// before its speech.
static json_t *milliseconds(struct realtime *realtime, int64_t position) {
        int64_t ms = (realtime->base + position) * 1000 / AUDIO_RATE;

        if (ms > realtime->told_ms)
                realtime->told_ms = ms;
        return json_integer(realtime->told_ms);
}

static void realtime_on_begin(void *context, const struct turn *turn) {
        struct realtime *realtime = context;
        json_t *members = realtime_item((int64_t)turn->number);

        json_object_set_new(members, "audio_start_ms", milliseconds(realtime, turn->begin));
        if (realtime->settings.has_turns)
                event_send(realtime, "input_audio_buffer.speech_started", members);
        else
                json_decref(members);
}

static void stopped_send(struct realtime *realtime, const struct turn *turn) {
        int64_t end = turn->speech_end + realtime->turns.pause;
        json_t *members = realtime_item((int64_t)turn->number);

        if (end > stream_position(realtime->session->stream))
                end = stream_position(realtime->session->stream);
        json_object_set_new(members, "audio_end_ms", milliseconds(realtime, end));
        event_send(realtime, "input_audio_buffer.speech_stopped", members);
}

static void realtime_on_end(void *context, const struct turn *turn) {
        struct realtime *realtime = context;
        int64_t item = (int64_t)turn->number, previous = realtime->last_item;

        if (realtime->settings.has_turns && turn->speech_end > turn->begin)
                stopped_send(realtime, turn);
        event_send(realtime, "input_audio_buffer.committed",
                   realtime_committed(item, previous));
        if (realtime->settings.is_flat) {
                event_send(realtime, "conversation.item.created",
                           realtime_item_added(item, previous));
        } else {
                event_send(realtime, "conversation.item.added",
                           realtime_item_added(item, previous));
                event_send(realtime, "conversation.item.done",
                           realtime_item_added(item, previous));
        }
        realtime->last_item = item;
        realtime->fresh = 0;
}

static json_t *content_members(const struct turn *turn) {
        json_t *members = realtime_item((int64_t)turn->number);

        json_object_set_new(members, "content_index", json_integer(0));
        return members;
}

static void realtime_on_stable(void *context, const struct turn *turn, const char *text) {
        json_t *members = content_members(turn);

        json_object_set_new(members, "delta", json_string(text));
        event_send(context, "conversation.item.input_audio_transcription.delta", members);
}

static void realtime_on_complete(void *context, const struct turn *turn) {
        struct realtime *realtime = context;
        json_t *members = content_members(turn);
        bool is_failed = realtime->is_failed;

        realtime->is_failed = false;
        if (is_failed && turn->n_text == 0) {
                json_object_set_new(members, "error",
                                    json_pack("{sssssssn}", "type", "server_error", "code",
                                              "transcription_failed", "message",
                                              "what was said could not be decoded", "param"));
                event_send(realtime, "conversation.item.input_audio_transcription.failed",
                           members);
                return;
        }
        json_object_set_new(members, "transcript", json_string(turn->text));
        json_object_set_new(members, "usage",
                            json_pack("{sssf}", "type", "duration", "seconds",
                                      pcm_seconds(turn->speech_end - turn->begin)));
        event_send(realtime, "conversation.item.input_audio_transcription.completed", members);
}

static const struct turns_ops realtime_turns = {
        .on_begin = realtime_on_begin,
        .on_end = realtime_on_end,
        .on_stable = realtime_on_stable,
        .on_complete = realtime_on_complete,
};

static void realtime_on_update(void *state, const struct stream_facts *facts,
                               const struct update *update) {
        const struct session *session = state;
        struct realtime *realtime = session->state;

        (void)facts;
        turns_hear_update(&realtime->turns, update);
}

static void realtime_on_window(void *state, const struct observer_window *window) {
        const struct session *session = state;
        struct realtime *realtime = session->state;

        turns_hear_window(&realtime->turns, window);
}

static const struct observer_ops realtime_observer = {
        .name = "realtime",
        .on_update = realtime_on_update,
        .on_window = realtime_on_window,
};

// --- sound -----------------------------------------------------------------------------------

static struct request request_of(const struct realtime *realtime) {
        struct request request = {.name = realtime->id, .wants_partials = true};

        realtime_settings_apply(&realtime->settings, &request);
        return request;
}

// False: the session was refused.
static bool realtime_open(struct realtime *realtime) {
        struct session *session = realtime->session;
        struct request request = request_of(realtime);
        struct error error;

        realtime->is_stale = false;
        if (session_stream_open(session, &request, &realtime_observer, &error) == 0)
                return true;
        session_refuse(session, 1008, error.text, 0);
        return false;
}

// What was updated since the stream was opened holds from where nobody's text is owed. False:
// there is no stream.
static bool stream_ensure(struct realtime *realtime) {
        struct session *session = realtime->session;
        struct renewal renewal;

        if (!session->stream)
                return session_admit(session) && realtime_open(realtime);
        if (!realtime->is_stale || !renewal_begin(&renewal, session, &realtime->turns))
                return true;
        realtime->base += renewal.position;
        if (!realtime_open(realtime))
                return false;
        renewal_end(&renewal, session);
        return true;
}

static void sound_take(void *context, const uint8_t *bytes, size_t n) {
        struct realtime *realtime = context;
        struct session *session = realtime->session;

        if (session->is_leaving || !stream_ensure(realtime))
                return;
        realtime->fresh +=
                (double)n * 1000 /
                ((double)pcm_sample_size(realtime->settings.pcm) * realtime->settings.rate);
        session_feed(session, bytes, n);
        turns_hear_silence(&realtime->turns, stream_position(session->stream));
}

// --- what the client says --------------------------------------------------------------------

static void session_tell(struct realtime *realtime, const char *type) {
        json_t *session = realtime_settings_json(&realtime->settings, realtime->id);

        json_object_set_new(session, "expires_at", json_integer(realtime->expires_at));
        event_send(realtime, type, json_pack("{so}", "session", session));
}

static void settings_follow(struct realtime *realtime) {
        turns_follow(&realtime->turns, realtime->settings.has_turns);
        realtime->turns.pause = (int64_t)(realtime->settings.options.pause * AUDIO_RATE);
}

// All or nothing, what the model cannot do included. False: that was said.
static bool settings_take(struct realtime *realtime, const struct realtime_command *command) {
        struct realtime_settings before;
        struct realtime_mistake mistake;
        struct request request;
        struct error error;
        int r;

        realtime_settings_copy(&before, &realtime->settings);
        r = realtime_settings_update(&realtime->settings, command->session, &mistake);
        request = request_of(realtime);
        if (r == 0 && renewal_check(realtime->session, &request, &error) < 0) {
                struct realtime_settings refused = realtime->settings;

                realtime->settings = before;
                before = refused;
                mistake =
                        (struct realtime_mistake){.code = "invalid_value", .param = "session"};
                snprintf(mistake.words, sizeof(mistake.words), "%s", error.text);
                r = -EINVAL;
        }
        realtime_settings_deinit(&before);
        if (r < 0)
                mistake_send(realtime, &mistake, command->event_id);
        return r == 0;
}

static void update_take(struct realtime *realtime, const struct realtime_command *command) {
        enum pcm_format pcm = realtime->settings.pcm;
        unsigned rate = realtime->settings.rate;
        struct request request;
        struct error error;

        if (!settings_take(realtime, command))
                return;
        if (command->kind == REALTIME_FLAT_UPDATE || realtime_session_is_flat(command->session))
                realtime->settings.is_flat = true;
        else if (json_object_get(command->session, "audio"))
                realtime->settings.is_flat = false;
        settings_follow(realtime);
        request = request_of(realtime);
        if (realtime->session->stream && (pcm != request.format || rate != request.rate))
                (void)session_sound_change(realtime->session, &request, &error);
        realtime->is_stale = true;
        session_tell(realtime, command->kind == REALTIME_FLAT_UPDATE
                                       ? "transcription_session.updated"
                                       : "session.updated");
}

// Where we find the turns, one may just have ended: nobody needs to hear that nothing is left.
static void commit_take(struct realtime *realtime, const struct realtime_command *command) {
        static const struct realtime_mistake empty = {
                .code = "input_audio_buffer_commit_empty",
                .words = "the buffer is too small to be committed: append at least 100 ms of "
                         "sound before"};
        bool has_turn = realtime->turns.current;

        if (!has_turn && realtime->fresh < COMMIT_LEAST) {
                if (!realtime->settings.has_turns)
                        mistake_send(realtime, &empty, command->event_id);
                return;
        }
        session_end_sound(realtime->session);
        if (realtime->turns.current || !has_turn)
                turns_end(&realtime->turns, stream_position(realtime->session->stream));
}

// What waits to be text may be an item's that was committed before.
static void clear_take(struct realtime *realtime) {
        struct session *session = realtime->session;

        if (session->stream && stream_backlog(session->stream) == 0)
                stream_cancel(session->stream);
        else if (session->stream)
                session_flush(session);
        turns_drop(&realtime->turns);
        realtime->fresh = 0;
        event_send(realtime, "input_audio_buffer.cleared", json_object());
}

// Its sound was heard already.
static void append_check(struct realtime *realtime, const struct realtime_command *command) {
        struct realtime_mistake mistake = {.code = "invalid_value", .param = "audio"};

        if (realtime->append.has_sound && !realtime->append.is_damaged)
                return;
        snprintf(mistake.words, sizeof(mistake.words), "%s",
                 realtime->append.has_sound ? "the sound is no base64"
                                            : "an append has its sound in 'audio', as base64");
        mistake_send(realtime, &mistake, command->event_id);
}

static void command_take(struct realtime *realtime) {
        struct realtime_command command;
        struct realtime_mistake mistake;
        int r = realtime_command_read(&command, realtime->append.text, realtime->append.n,
                                      &mistake);

        if (r < 0)
                mistake_send(realtime, &mistake, command.event_id);
        else if (command.kind == REALTIME_APPEND)
                append_check(realtime, &command);
        else if (command.kind == REALTIME_COMMIT)
                commit_take(realtime, &command);
        else if (command.kind == REALTIME_CLEAR)
                clear_take(realtime);
        else
                update_take(realtime, &command);
        realtime_command_deinit(&command);
}

static void realtime_on_text_piece(struct session *session,
                                   const struct websocket_piece *piece) {
        struct realtime *realtime = session->state;

        append_take(&realtime->append, (const char *)piece->bytes, piece->n, sound_take,
                    realtime);
        if (session->is_leaving)
                return;
        if (realtime->append.is_too_long)
                session_refuse(
                        session, 1009,
                        "an event may have 128 KiB besides its sound, which is in 'audio'", 0);
        if (!piece->is_last || session->is_leaving)
                return;
        append_end(&realtime->append);
        command_take(realtime);
        append_clear(&realtime->append);
}

// Texts come in pieces.
static void realtime_on_text(struct session *session, const char *text, size_t n) {
        realtime_on_text_piece(session,
                               &(struct websocket_piece){.bytes = (const uint8_t *)text,
                                                         .n = n,
                                                         .is_first = true,
                                                         .is_last = true});
}

static void realtime_on_binary(struct session *session, const struct websocket_piece *piece) {
        static const struct realtime_mistake mistake = {
                .code = "invalid_value",
                .words = "sound comes as base64 in input_audio_buffer.append, not as binary "
                         "messages"};

        if (piece->is_last)
                mistake_send(session->state, &mistake, NULL);
}

// --- coming and going ------------------------------------------------------------------------

static bool realtime_matches(const struct http_request *request) {
        static const char *const paths[] = {"/v1/realtime", "/v1/realtime/", "/realtime",
                                            "/realtime/"};

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                if (strcmp(request->path, paths[i]) == 0)
                        return true;
        return false;
}

static void realtime_begin(struct session *session, const struct http_request *request) {
        struct realtime *realtime = session->state = xnew(struct realtime);
        const char *beta = http_request_header(request, "OpenAI-Beta");
        CLEANUP(mem_freep) char *language = http_request_query(request, "language");

        realtime->session = session;
        realtime->last_item = -1;
        realtime_settings_init(&realtime->settings);
        realtime->settings.is_flat = beta && strstr(beta, "realtime=v1");
        if (language)  // of self-hosted servers; what it cannot be is said by an update
                (void)client_options_set_language(&realtime->settings.options, language, NULL);
        turns_init(&realtime->turns, &realtime_turns, realtime);
        settings_follow(realtime);
        snprintf(realtime->id, sizeof(realtime->id), "sess_%llx%04llx",
                 (unsigned long long)(session_wall(session) / NSEC_PER_MSEC),
                 (unsigned long long)session->base.id);
        realtime->expires_at = session_wall(session) / NSEC_PER_SEC + EXPIRES_IN;
        session_tell(realtime, realtime->settings.is_flat ? "transcription_session.created"
                                                          : "session.created");
        session_started(session, "OpenAI realtime client");
}

// Said of the item whose text is lost.
static void realtime_on_failure(struct session *session) {
        struct realtime *realtime = session->state;

        realtime->is_failed = true;
}

static void realtime_refuse(struct session *session, const char *words, nsec_t retry) {
        bool is_busy = retry > 0 || strcmp(words, HUB_TOO_MANY) == 0;
        struct realtime_mistake mistake = {.code = is_busy ? "rate_limit_exceeded"
                                                           : "invalid_request"};
        char *text;

        snprintf(mistake.words, sizeof(mistake.words), "%s", words);
        text = realtime_event(0, "error", realtime_error(&mistake, NULL));
        session_send(session, text, strlen(text));
}

// The last turn ends here.
static void realtime_goodbye(struct session *session, uint16_t code) {
        struct realtime *realtime = session->state;

        if (realtime && realtime->turns.current && session->stream)
                turns_end(&realtime->turns, stream_position(session->stream));
        session_close(session, code, "");
}

static void realtime_close(struct session *session) {
        struct realtime *realtime = session->state;

        if (!realtime)
                return;
        turns_deinit(&realtime->turns);
        append_deinit(&realtime->append);
        realtime_settings_deinit(&realtime->settings);
        session->state = mem_free(realtime);
}

const struct dialect dialect_realtime = {
        .name = "realtime",
        .scope = SCOPE_LISTEN,
        .matches_request = realtime_matches,
        .key = KEY_IS_A_HABIT,
        .phrase = realtime_phrase,
        .begin = realtime_begin,
        .text_max = TEXT_MAX,
        .on_text = realtime_on_text,
        .on_text_piece = realtime_on_text_piece,
        .on_binary = realtime_on_binary,
        .on_failure = realtime_on_failure,
        .refuse = realtime_refuse,
        .goodbye = realtime_goodbye,
        .close = realtime_close,
};
