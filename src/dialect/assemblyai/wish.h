#pragma once
// Wish: what a client of AssemblyAI's streaming API (v3) asks for, by its query and by
// UpdateConfiguration.
//
// Threads: any one at a time.

#include <jansson.h>
#include <stdbool.h>

#include "dialect/client_options.h"

#define ASSEMBLYAI_RATE 16000  // Hz, where nothing is said

// Text comes at least as often as this, in seconds, though nobody pauses.
#define ASSEMBLYAI_WINDOW 9

struct assemblyai_wish {
        enum pcm_format format;
        unsigned rate;
        bool formats_turns;  // the end of a turn is told a second time, as formatted
        struct client_options options;
        double min_silence, max_silence;  // ms that end a turn, as they were said; 0: not
};

// Read a query. -EINVAL with words that name the parameter. assemblyai_wish_deinit() it in any
// case. What the service has and a transcription does not need is ignored, as unknown names
// are.
int assemblyai_wish_read(struct assemblyai_wish *ret, const char *query, struct error *error);

// Take in an UpdateConfiguration; as above, and what was wrong changes nothing.
int assemblyai_wish_update(struct assemblyai_wish *wish, const json_t *message,
                           struct error *error);

void assemblyai_wish_deinit(struct assemblyai_wish *wish);

// The sound, language and so on of a request.
void assemblyai_wish_apply(const struct assemblyai_wish *wish, struct request *request);
