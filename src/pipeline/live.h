#pragma once
// Live: from sound that is being spoken to text, as soon as it can be had. Windows become final
// jobs when they close, and partial ones while they are open.
//
// Threads: loop thread only.
// Memory:  owns its stages. Updates are lent during the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/services.h"
#include "pipeline/stream_clock.h"
#include "transcript/assembler.h"
#include "transcript/observer.h"
#include "util/cleanup.h"
#include "vad/segmenter.h"

struct decode_options;
struct filter_limits;
struct live;

struct live_settings {
        const char *owner;  // whose share of the decoder it takes; NULL: its own
        const struct decode_options *options;  // copied
        const struct filter_limits *filters;   // copied; NULL: the usual ones
        struct segmenter_config pauses;
        bool is_many_voices;  // the language may change from one window to the next
        const struct stream_clock *clock;  // says the generation of each job; outlives it
};

struct live_listener {
        // New text, of that generation. `is_final`: it is the answer to a closed window.
        void (*on_update)(void *context, uint32_t generation, const struct update *update,
                          bool is_final);
        // What was said in a window is lost.
        void (*on_failure)(void *context, size_t n_samples, const char *reason);
        // Somebody begins or ends to speak; and what was heard while somebody spoke, padding
        // included, from that position on. Each may be NULL.
        void (*on_speech)(void *context, bool is_speaking);
        void (*on_sound)(void *context, int64_t begin, const float *samples, size_t n);
        // A stretch of speech begins or is closed (observer.h). May be NULL.
        void (*on_window)(void *context, const struct observer_window *window);
        // Is partial text of any use now?
        bool (*wants_partials)(void *context);
        void *context;
};

// -ENOMEM.
int live_open(struct live **ret, const struct stream_services *services,
              const struct live_settings *settings, const struct live_listener *listener);
struct live *live_close(struct live *live);

// The next samples of the sound.
void live_feed(struct live *live, const float *samples, size_t n);

// Close the open window at the sound there is.
void live_flush(struct live *live);

// Forget what was said and is not text yet; answers of this generation and those before it are
// dropped, and the language is as it was asked for. Returns the update that says so.
const struct update *live_cancel(struct live *live);

// Ids and times of the text start again.
void live_restart(struct live *live);

// Position of the next sample; windows closed and not yet text; samples that are neither text
// nor known to be none; and the text as it stands.
int64_t live_position(const struct live *live);
size_t live_backlog(const struct live *live);
int64_t live_unheard(const struct live *live);
const struct update *live_current(struct live *live);

DEFINE_CLEANUP(struct live *, live_close);
