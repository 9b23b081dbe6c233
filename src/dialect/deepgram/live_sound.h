#pragma once
// Live sound: from the bytes that a live client sends, whatever they are, to samples in the
// shape that its streams were opened for. Samples go straight through; all else is decoded by
// a process of its own while it comes, which is started with the first bytes and charged to
// the budget.
//
// Threads: loop thread only.
// Memory:  bounded: while the media process is behind, `on_want` asks that the client be not
//          read from, and again after each live_sound_resume(). May be closed from within the
//          listener's calls.

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
        // All that came before Finalize has been handed on, as far as can be known; `channel`
        // as it said. Each is told, at the latest before on_end.
        void (*on_finalized)(void *context, int channel);
        // So has all there is; or else `error` says why no more of it can be heard: -EAGAIN is
        // by no fault of the sound's. The last call.
        void (*on_end)(void *context, const struct error *error);
        void (*on_want)(void *context, bool is_wanted);
        void *context;
};

// The shape of the samples, for the streams.
void live_sound_shape(const struct deepgram_wish *wish, struct request *ret);

// `services`: of uploads, whose media process it is; they outlive it.
struct live_sound *live_sound_open(const struct deepgram_wish *wish,
                                   const struct upload_services *services,
                                   const struct live_sound_listener *listener);
struct live_sound *live_sound_close(struct live_sound *sound);

// A part of a message. What comes after the end is dropped.
void live_sound_take(struct live_sound *sound, const struct websocket_piece *piece);

// Say when all that came up to now has been handed on; at once where nothing is decoded, else
// once nothing has come for a quarter of a second, or the process has had it for half a one.
void live_sound_finalize(struct live_sound *sound, int channel);

// No more comes.
void live_sound_end(struct live_sound *sound);

// Stop and start what is handed on.
void live_sound_pause(struct live_sound *sound);
void live_sound_resume(struct live_sound *sound);

DEFINE_CLEANUP(struct live_sound *, live_sound_close);
