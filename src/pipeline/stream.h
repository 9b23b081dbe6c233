#pragma once
// Stream: one sound and its text, as sessions and cameras hold it: where the sound comes from,
// how far whoever brings it may run ahead, and who hears of the text, now and later. What makes
// text of it is the live composition or that of files (live.h, file.h).
//
// Threads: loop thread only.
// Memory:  a stream owns all of its stages; observers belong to whoever added them and must be
//          removed before they are freed.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/level.h"
#include "decode/scheduler.h"
#include "pipeline/journaling.h"
#include "pipeline/services.h"
#include "source/source.h"
#include "transcript/history.h"
#include "transcript/observer.h"
#include "util/error.h"
#include "util/loop.h"
#include "vad/segmenter.h"

struct stream;

struct stream_settings {
        const char *name;   // copied
        const char *owner;  // whose share of the decoder it takes; NULL: one of its own
        const struct decode_options *options;  // copied
        const struct filter_limits *filters;   // copied; NULL: the usual ones
        const struct source_config *source;    // NULL: sound is pushed with stream_on_audio()
        size_t history_segments;
        float pause;         // seconds without speech that close a window; 0: the default
        float window_max;    // seconds that one may be long; 0: the default
        float window_early;  // of a file: that its first ones may be; 0: the same
        bool has_archive;    // what is heard in windows is kept
        const struct journaling_facts *journaled;  // what its rows say; NULL: it has none
        bool is_file;  // pushed faster than it is spoken: many windows at a time, no partials
};

// What the owner wants to know; each may be NULL. None may free the stream.
struct stream_listener {
        void (*on_idle)(void *context);    // the backlog is empty
        void (*on_relief)(void *context);  // no longer backlogged
        // A window is lost: what was said there will not be text. It is logged already.
        void (*on_failure)(void *context, const char *words);
        void *context;
};

int stream_open(struct stream **ret, const struct stream_services *services,
                const struct stream_settings *settings, const struct stream_listener *listener,
                struct error *error);
struct stream *stream_close(struct stream *stream);

// Another owner, who is told from now on.
void stream_set_listener(struct stream *stream, const struct stream_listener *listener);

// `n` samples (mono, AUDIO_RATE, float) just arrived. Pushed streams only.
void stream_on_audio(struct stream *stream, const float *samples, size_t n);

// Close the open window now; its text becomes final. on_idle follows once the backlog is empty,
// at once if nothing is.
void stream_flush(struct stream *stream);

// Forget what was said and not yet delivered; detect the language anew. Not of files.
void stream_cancel(struct stream *stream);

// stream_cancel(), and a new recording begins: ids, history and time zero start again.
void stream_restart(struct stream *stream);

// Stop the source for good (shutdown) and flush.
void stream_stop(struct stream *stream);

// Stop a pulled stream for good while others go on: it has ended, and readers and the journal
// are told why.
void stream_end(struct stream *stream, const char *reason);

void stream_add_observer(struct stream *stream, struct observer *observer);
void stream_remove_observer(struct stream *stream, struct observer *observer);

const char *stream_name(const struct stream *stream);
const struct history *stream_history(const struct stream *stream);
const struct update *stream_current(struct stream *stream);
struct stream_facts stream_facts(const struct stream *stream);

// The source's state and the reason for it; "online" for pushed streams.
struct stream_notice stream_state(const struct stream *stream);

// Since when it is in that state; of pushed streams since they were opened. Wall clock.
nsec_t stream_since(const struct stream *stream);

// Somebody speaks on it at the moment, as far as it has been heard. Not known of files.
bool stream_is_speaking(const struct stream *stream);

// Where its sound comes from; NULL for pushed streams.
const struct source *stream_source(const struct stream *stream);

// How loud the last second was that arrived; NAN while none does.
struct level_reading stream_level(const struct stream *stream);

// Samples that ever arrived.
int64_t stream_position(const struct stream *stream);

// How many of them are text, or known to be none.
int64_t stream_transcribed(const struct stream *stream);

// Position that is time zero of the present recording.
int64_t stream_origin(const struct stream *stream);

// Whether its text goes into the journal.
bool stream_is_journaled(const struct stream *stream);

// More sound comes than anybody can speak.
bool stream_is_flood(const struct stream *stream);

// Windows closed and not yet answered.
size_t stream_backlog(const struct stream *stream);

// Should whoever pushes the sound pause? It came faster than anybody speaks, and half a minute
// of it is not yet heard (of a file: so many windows; while memory is tight: seconds). True
// until on_relief.
bool stream_is_backlogged(struct stream *stream);

DEFINE_CLEANUP(struct stream *, stream_close);
