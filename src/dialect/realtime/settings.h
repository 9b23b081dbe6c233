#pragma once
// Settings: what holds of a realtime session, as its client reads and updates it, in the shape
// of the service's present API ("GA") or of its beta; and what that means for us.
//
// Threads: any one at a time.

#include <jansson.h>
#include <stdbool.h>

#include "dialect/client_options.h"

#define REALTIME_RATE 24000  // Hz, where nothing is said

struct realtime_settings {
        // As they are told, in the shape of GA; JSON's null where there is none.
        json_t *format, *transcription, *noise_reduction, *turn_detection, *include;
        bool is_flat;  // told in the shape of the beta

        enum pcm_format pcm;
        unsigned rate;
        struct client_options options;  // its pause is that of turns
        bool has_turns;                 // we find them; else the client commits
};

// What was wrong with an update.
struct realtime_mistake {
        const char *code;  // "invalid_value"
        char param[80];    // "session.audio.input.format.type"
        char words[256];
};

void realtime_settings_init(struct realtime_settings *settings);
void realtime_settings_deinit(struct realtime_settings *settings);
void realtime_settings_copy(struct realtime_settings *ret,
                            const struct realtime_settings *settings);

// Take in the `session` of an update, in either shape: what is absent stays, null turns off.
// -EINVAL with the mistake, and all stays as it was. What a conversation would need and a
// transcription does not is taken without effect.
int realtime_settings_update(struct realtime_settings *settings, const json_t *session,
                             struct realtime_mistake *mistake);

// Whether an update has the shape of the beta.
bool realtime_session_is_flat(const json_t *session);

// The whole session as it is told; a new reference. `id` is the session's.
json_t *realtime_settings_json(const struct realtime_settings *settings, const char *id);

// The sound, language and so on of a request.
void realtime_settings_apply(const struct realtime_settings *settings, struct request *request);
