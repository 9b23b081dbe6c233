#pragma once
// Live sound: from the bytes that a live client sends, whatever they are, to samples in the
// shape that its streams were opened for. Samples go straight through; all else is decoded by
// the media process while it comes.
//
// Threads: loop thread only.
// Memory:  bounded: while the media process is behind, `on_want` asks that the client be not
//          read from. May be closed from within the listener's calls.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/deepgram/wish.h"
#include "net/websocket.h"
#include "pipeline/request.h"
#include "source/upload.h"
#include "util/cleanup.h"
#include "util/error.h"

struct live_sound;

struct live_sound_listener {
        void (*on_samples)(void *context, const uint8_t *bytes, size_t n);
        // All that came before Finalize has been handed on; `channel` as it said.
        void (*on_finalized)(void *context, int channel);
        // So has all there is; or else `words` say why it cannot be heard. The last call.
        void (*on_end)(void *context, const char *words);
        void (*on_want)(void *context, bool is_wanted);
        void *context;
};

// The shape of the samples, for the streams.
void live_sound_shape(const struct deepgram_wish *wish, struct request *ret);

// `services`: of uploads, whose media process it is. Negative errno with words in *error.
int live_sound_open(struct live_sound **ret, const struct deepgram_wish *wish,
                    const struct upload_services *services,
                    const struct live_sound_listener *listener, struct error *error);
struct live_sound *live_sound_close(struct live_sound *sound);

// A part of a message. What comes after the end is dropped.
void live_sound_take(struct live_sound *sound, const struct websocket_piece *piece);

// Say when all that came up to now has been handed on; at once where nothing is decoded.
void live_sound_finalize(struct live_sound *sound, int channel);

// No more comes.
void live_sound_end(struct live_sound *sound);

// Stop and start what is handed on.
void live_sound_pause(struct live_sound *sound);
void live_sound_resume(struct live_sound *sound);

DEFINE_CLEANUP(struct live_sound *, live_sound_close);
