#pragma once
// Source: where a stream's sound comes from when we fetch it ourselves (RTSP cameras, HTTP,
// RTMP, SRT, files), by a supervised child process of the program that reads media
// (media_backend.h).
// Sound that clients push over a WebSocket needs no source; it goes straight to the stream.
//
// Threads: loop thread only.
// Memory:  samples are valid during the call; source_close() makes no further calls and may be
//          called from within one.

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct media_backend;
struct source;

// Where a source is in its life. Reported on each change, with a reason in words that carries
// no secret (for SOURCE_ONLINE and SOURCE_CONNECTING it may be empty).
enum source_state {
        SOURCE_CONNECTING,  // a child is being started; no sample yet
        SOURCE_ONLINE,      // samples arrive
        SOURCE_STALLED,     // samples stopped; the watchdog will restart the child
        SOURCE_OFFLINE,     // down; will be tried again after a delay
        SOURCE_FAILED,      // will not come back without a change: refused credentials. Tried
                        // again only every 5 minutes, so that a camera does not lock us out.
                        // Or an address that is closed to it
        SOURCE_ENDED,  // a file or recording that is not looped came to its end
};

#define SOURCE_STATE_COUNT (SOURCE_ENDED + 1)

// Lower-case name: "connecting", ...
const char *source_state_name(enum source_state state);

// Why a child had to be started again.
enum source_cause {
        SOURCE_CAUSE_STALLED,      // samples stopped coming
        SOURCE_CAUSE_CLOSED,       // the far end closed the stream, or a looped file ended
        SOURCE_CAUSE_UNREACHABLE,  // no such host, nobody listens, no answer in time
        SOURCE_CAUSE_CREDENTIALS,  // user name or password refused
        SOURCE_CAUSE_NOT_FOUND,    // no such path at the far end
        SOURCE_CAUSE_NO_SOUND,     // no audio in it, or none that can be read
        SOURCE_CAUSE_OTHER,
        SOURCE_CAUSE_COUNT,
};

// Lower-case name: "stalled", "not_found", ...
const char *source_cause_name(enum source_cause cause);

// Longest wish for a track, in bytes.
#define SOURCE_TRACK_MAX 31

// Most bytes of sources.allow.
#define SOURCE_ALLOW_MAX 4095

enum source_transport { SOURCE_TRANSPORT_TCP, SOURCE_TRANSPORT_UDP };

struct source_config {
        const char *name;                 // the stream's, for log lines; copied
        const char *url;                  // network URL, or a file's path; copied
        struct media_backend *media;      // reads it
        enum source_transport transport;  // RTSP only
        bool is_looped;                   // files only: start again at the end
        bool is_untrusted;  // who gave the URL is a stranger: source_url_check_untrusted(), and
                            // what media_backend_allow() says
        const char *track;  // which sound track: number from 1, or a language's code; copied.
                            // NULL or "": the first with speech in it, where that is told
        nsec_t stall_timeout;  // no sample for so long: restart; 0 means 10 s
};

struct source_listener {
        // `n` samples (mono, AUDIO_RATE, float) just arrived.
        void (*on_samples)(void *context, const float *samples, size_t n);
        // The state changed. SOURCE_ONLINE after a gap means a new generation of sound.
        void (*on_state)(void *context, enum source_state state, const char *reason);
        // The source's own clock jumped: a new generation of sound begins. May be NULL.
        void (*on_jump)(void *context);
        void *context;
};

// What a URL is refused for, before anything starts: unknown scheme, line breaks, no such
// file. 0 or -EINVAL with the words in *error.
int source_url_check(const char *url, struct error *error);

// And what is refused besides when a stranger gave it: files, and addresses at which we would
// wait for somebody to call (SRT's listener and rendezvous).
int source_url_check_untrusted(const char *url, struct error *error);

// Is it a word of sources.allow: an address, a network ("127.0.0.0/8"), the name of a host, or
// "any"?
bool source_allow_is_good(const char *word);

// Start, from the loop's next turn on. -EINVAL for what the URL's check refuses; never
// fails for what the far end does: that is reported as a state.
//
// After the end of a child the next is started 1 s later, the first five times; then after
// 5, 10, 20, 40, and from then on 60 s (all +-20 %, so that many streams of one server do not
// come back in one moment). Ten seconds of sound start the count again. When the process ended
// that reads all sources, which is not this one's doing, the next is started after 1, 1, 2, 5,
// and from then on 10 s, and does not count among those.
int source_open(struct source **ret, struct loop *loop, const struct source_config *config,
                const struct source_listener *listener, struct error *error);

// Nothing is heard from it any more, and its state is SOURCE_ENDED; what it counted stays to be
// read. SIGTERM to the child now, SIGKILL if it stays. The child is reaped in the background;
// source_children() tells when all are gone. Not from inside a call of the listener.
void source_stop(struct source *source);

// Stop as above, from anywhere, and free. NULL is fine. Returns NULL.
struct source *source_close(struct source *source);

// How many children live, over all sources and media of this process; shutdown waits for 0.
unsigned source_children(void);

enum source_state source_state(const struct source *source);

// How often this source's child was started again since it was opened: in all, and for a cause.
unsigned source_restarts(const struct source *source);
unsigned source_restarts_by(const struct source *source, enum source_cause cause);

DEFINE_CLEANUP(struct source *, source_close);
