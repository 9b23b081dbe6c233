#pragma once
// Session channel: the sound of a session's client and its text. Most clients have one; one
// whose sound has several channels that are kept apart, or that sends several sounds, has a
// stream for each. All of them are the session's: they are flushed, paused and left together.
//
// Threads: loop thread only.
// Memory:  channels are a part of their session, and are closed with it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/feed.h"
#include "pipeline/hub.h"

struct session;

#define SESSION_CHANNELS_MAX FEED_CHANNELS_MAX

struct session_channel {
        struct session *session;
        unsigned index;  // among the session's: 0, 1, ...
        struct hub_stream *opened;
        struct stream *stream;  // the opened one's
        struct observer observer;
        struct feed feed;
        bool is_paused;    // the stream is backlogged
        bool is_flushing;  // it was flushed, and not all of that is text yet
};

// Open the client's stream, for sound of the request's format, rate and channels. What it says
// is told to `observer`, whose state is the session. Once in a session; fails with words when
// the model cannot do it, or the sound is of no shape that we understand (feed.h).
int session_stream_open(struct session *session, struct request *request,
                        const struct observer_ops *observer, struct error *error);

// Open one more stream, of at most SESSION_CHANNELS_MAX, whose observer's state is its struct
// session_channel: session->channels[session->n_channels - 1] is new. Fails as above; the
// session has to be refused then, whatever else it has opened.
int session_channel_open(struct session *session, struct request *request,
                         const struct observer_ops *observer, struct error *error);

// Open a stream for each channel of the sound that the request describes, the I-th of which
// is named NAME:I, from 1 on; session_feed() gives each its own.
int session_channels_open(struct session *session, const struct request *request,
                          const struct observer_ops *observer, struct error *error);

// Remove the observers and close the streams; the session is about to be freed.
void session_channels_close(struct session *session);

// Go on with a stream of that name that the client's principal had before; false: there is
// none. And: the client goes, and leaves the stream for whoever comes back within `patience`.
// For sessions with one stream.
bool session_stream_claim(struct session *session, const struct request *request,
                          const struct observer_ops *observer);
void session_stream_park(struct session *session, nsec_t patience);

// The client goes, and its streams stay until all that was heard is text: for dialects whose
// text is for others than the client, when they are closed.
void session_streams_finish(struct session *session);

// From now on the sound has the request's format, rate and channels; what was fed before is
// heard as it was. Fails with words when that is of no shape that we understand (feed.h), and
// the sound is as it was.
int session_sound_change(struct session *session, const struct request *request,
                         struct error *error);

// Bytes of sound for all channels, in the shape that was requested, cut anywhere: those that
// make no whole sample of each channel wait for those that come next. Stops reading from the
// client while a stream is backlogged, or the address's backlog is too large.
void session_feed(struct session *session, const uint8_t *bytes, size_t n);

// Bytes for one channel that has sound of its own, as above.
void session_channel_feed(struct session_channel *channel, const uint8_t *bytes, size_t n);

// Close the open windows of all channels now, as stream_flush() does: the dialect's on_idle
// follows once all of that is text, at once if nothing is to become any.
void session_flush(struct session *session);

// Close the open window of one channel now; on_idle follows once none is being flushed any
// more.
void session_channel_flush(struct session_channel *channel);

// Give the channel's stream what its feed still holds back (feed_finish), before a flush that
// is to have all that came. Sound may go on afterwards.
void session_channel_settle(struct session_channel *channel);

// No more sound comes: flush, with what the feeds still have.
void session_end_sound(struct session *session);

// The last final segments of a stream, as many as are wished and at least all that are new,
// oldest first. Returns how many there are; the caller frees *ret.
size_t session_recent_finals(const struct stream *stream, size_t n_new, size_t n_wished,
                             const struct segment ***ret);
