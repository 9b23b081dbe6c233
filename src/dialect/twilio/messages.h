#pragma once
// Twilio messages: what Twilio's Media Streams say of a telephone call, each a JSON object with
// an "event": connected, start, then media, and stop. Bytes in, meaning out.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"
#include "util/error.h"

// Sides of a call: who called or is called, as Twilio sees it, and what they hear.
enum twilio_track { TWILIO_INBOUND, TWILIO_OUTBOUND, TWILIO_TRACKS };

extern const char *const twilio_track_names[TWILIO_TRACKS + 1];  // NULL at the end

enum twilio_event {
        TWILIO_CONNECTED,
        TWILIO_START,
        TWILIO_MEDIA,
        TWILIO_STOP,
        TWILIO_OTHER,  // a key was pressed, a mark was reached, or something new
};

// The call. What is in `customParameters` is whoever's who set the stream up; of these are
// ours: token, name, language, track, prompt, keywords. All others are left alone.
struct twilio_start {
        char *stream_sid, *call_sid;
        enum pcm_format format;
        unsigned rate;                  // Hz
        bool has_track[TWILIO_TRACKS];  // which come, and are wished
        char *token;                    // who it is; NULL: none
        char *name;                     // of the stream; NULL: none
        char *language;                 // code of Whisper's, "" to detect it; NULL: none
        char *prompt, *keywords;        // NULL: none
};

struct twilio_media {
        enum twilio_track track;
        uint8_t *bytes;
        size_t n;
};

struct twilio_message {
        enum twilio_event event;
        int64_t sequence;  // of all messages of the stream: 1, 2, ...; 0: it has none
        struct twilio_start start;
        struct twilio_media media;
};

// 0 or one of DIALECT_E_* (dialect/json_text.h), with words; what then is known of it are the
// event and the number. twilio_message_deinit() it in the former case, which leaves nothing of
// the token in memory; the latter leaves nothing by itself.
int twilio_message_parse(struct twilio_message *ret, const char *text, size_t n,
                         struct error *error);
void twilio_message_deinit(struct twilio_message *message);
