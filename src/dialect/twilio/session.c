// The Twilio dialect: a telephone call, of which Twilio sends a copy. Nothing is sent back; the
// text is for those who read the call's streams.
#include <stdlib.h>
#include <string.h>

#include "dialect/call.h"
#include "dialect/twilio/messages.h"
#include "pipeline/hub_names.h"
#include "util/log.h"
#include "util/mem.h"

#define TWILIO_PATH "/v1/twilio"

// The longest name that has room for what is put behind it: a number and a track.
#define NAME_MAX_ (HUB_NAME_MAX - 16)

struct twilio {
        struct session_channel *tracks[TWILIO_TRACKS];  // NULL: it is not heard
        int64_t sequence;                               // of the last message
        bool is_disorder_told, is_damage_told;
};

static bool twilio_matches(const struct http_request *request) {
        size_t n = strlen(TWILIO_PATH);

        return strncmp(request->path, TWILIO_PATH, n) == 0 &&
               strcmp(request->path + n + (request->path[n] == '/'), "") == 0;
}

// --- the call begins -------------------------------------------------------------------------

static const char *start_name(const struct twilio_start *start) {
        if (start->name && start->name[0])
                return start->name;
        return start->call_sid ? start->call_sid : start->stream_sid;
}

// Its channels are in the order of the tracks.
static bool twilio_open(struct session *session, const struct twilio_start *start) {
        struct twilio *twilio = session->state;
        struct request request = {
                .name = start_name(start),
                .format = start->format,
                .rate = start->rate,
                .language = start->language,
                .prompt = start->prompt,
                .hotwords = start->keywords,
        };
        const char *sides[TWILIO_TRACKS + 1] = {NULL};
        unsigned n = 0;

        for (unsigned i = 0; i < TWILIO_TRACKS; i++)
                if (start->has_track[i])
                        sides[n++] = twilio_track_names[i];
        if (!call_open(session, &request, n > 1 ? sides : NULL))
                return false;
        n = 0;
        for (unsigned i = 0; i < TWILIO_TRACKS; i++)
                if (start->has_track[i])
                        twilio->tracks[i] = &session->channels[n++];
        return true;
}

static void twilio_start(struct session *session, const struct twilio_start *start) {
        const char *name = start_name(start);

        if (session->stream) {
                session_refuse(session, 1008, "start came twice", 0);
                return;
        }
        if (!session_identify(session, start->token ? start->token : ""))
                return;
        if (!name || strlen(name) > NAME_MAX_ || !hub_name_is_good(name)) {
                session_refuse(session, 1008,
                               "'name': a stream's name is UTF-8 of at most 240 bytes, without "
                               "control characters, commas and * ? [ ] \\ /",
                               0);
                return;
        }
        if (!start->has_track[TWILIO_INBOUND] && !start->has_track[TWILIO_OUTBOUND]) {
                session_refuse(session, 1008, "'tracks': neither inbound nor outbound", 0);
                return;
        }
        if (twilio_open(session, start))
                session_started(session, name);
}

// --- and goes on -----------------------------------------------------------------------------

// Whether the message is new. What came again is left out; what is missing nobody can have
// again, and the sound goes on without it.
static bool twilio_is_next(struct session *session, int64_t sequence) {
        struct twilio *twilio = session->state;
        int64_t last = twilio->sequence;

        if (sequence == 0)
                return true;
        if (sequence > last)
                twilio->sequence = sequence;
        if (sequence != last + 1 && last != 0 && !twilio->is_disorder_told) {
                twilio->is_disorder_told = true;
                log_info(session->base.about, "call-disordered",
                         sequence > last ? "messages of the call are missing, and so is their "
                                           "sound"
                                         : "messages of the call came again, and are left out");
        }
        return sequence > last;
}

static void twilio_media(struct session *session, const struct twilio_media *media) {
        const struct twilio *twilio = session->state;
        struct session_channel *channel = twilio->tracks[media->track];

        if (!session->stream)
                session_refuse(session, 1008, "media came before start", 0);
        else if (channel)
                session_channel_feed(channel, media->bytes, media->n);
}

static void twilio_take(struct session *session, const struct twilio_message *message) {
        bool is_next = twilio_is_next(session, message->sequence);

        switch (message->event) {
        case TWILIO_START:
                twilio_start(session, &message->start);
                break;
        case TWILIO_MEDIA:
                if (is_next)
                        twilio_media(session, &message->media);
                break;
        case TWILIO_STOP:
                session_leave(session, 1000);
                break;
        case TWILIO_CONNECTED:
        case TWILIO_OTHER:
                break;
        }
}

// A fiftieth of a second is lost: the call goes on.
static void damage_tell(struct session *session, const struct twilio_message *message,
                        const char *words) {
        struct twilio *twilio = session->state;

        (void)twilio_is_next(session, message->sequence);
        if (twilio->is_damage_told)
                return;
        twilio->is_damage_told = true;
        log_info(session->base.about, "call-damaged",
                 "%s: such messages of the call are left out", words);
}

static void twilio_on_text(struct session *session, const char *text, size_t n) {
        struct twilio_message message;
        struct error error;

        if (!session->state)
                session->state = xnew(struct twilio);
        if (twilio_message_parse(&message, text, n, &error) != 0) {
                if (session->stream && message.event == TWILIO_MEDIA)
                        damage_tell(session, &message, error.text);
                else
                        session_refuse(session, 1008, error.text, 0);
                return;
        }
        twilio_take(session, &message);
        twilio_message_deinit(&message);
}

static void twilio_on_binary(struct session *session, const struct websocket_piece *piece) {
        (void)piece;
        session_refuse(session, 1008, "Twilio's messages are text", 0);
}

// --- the end ---------------------------------------------------------------------------------

// Twilio shows the close frame's words in its debugger, and understands no messages of ours.
static void twilio_refuse(struct session *session, const char *words, nsec_t retry) {
        (void)session;
        (void)words;
        (void)retry;
}

static void twilio_goodbye(struct session *session, uint16_t code) {
        session_close(session, code, code == 1000 ? "" : "the server is going away");
}

static void twilio_close(struct session *session) {
        call_close(session);
        session->state = mem_free(session->state);
}

const struct dialect dialect_twilio = {
        .name = "twilio",
        .scope = SCOPE_LISTEN,
        .key = KEY_COMES_LATER,
        .matches_request = twilio_matches,
        .on_text = twilio_on_text,
        .on_binary = twilio_on_binary,
        .refuse = twilio_refuse,
        .goodbye = twilio_goodbye,
        .close = twilio_close,
};
