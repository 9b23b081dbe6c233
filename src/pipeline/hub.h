#pragma once
// Hub: the one way in. It opens, names and lists all streams, pulled and pushed alike, and
// keeps the list of all sessions. Who is let in: hub_admission.h.
//
// A session is one client, whatever it came by; a dialect or a page embeds a struct hub_session
// in what it knows of the client. Everybody's streams are opened by hub_open().
//
// Threads: loop thread only.
// Memory:  the hub owns the streams; a session belongs to whoever embeds it, and leaves before
//          it is freed. Whoever asked for a stream closes it, or else the hub does at its end.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "auth/principal.h"
#include "decode/scheduler.h"
#include "pipeline/hub_reader.h"
#include "pipeline/request.h"
#include "pipeline/stream.h"
#include "source/upload.h"
#include "transcript/observer.h"
#include "util/error.h"
#include "util/loop.h"

struct hub;

// What it stands on; all of it outlives the hub.
struct hub_parts {
        struct loop *loop;
        struct scheduler *scheduler;
        const struct vad_model *vad;
        struct budget *budget;
        const struct upload_services *uploads;
        const struct request_defaults *defaults;       // of all streams
        const struct journaling_services *journaling;  // NULL: nothing is journaled
        struct archive *archive;                       // NULL: no sound is kept
        bool has_admission;      // nobody is let in while text comes too late
        int address_sessions;    // of one client address; 0: any number
        int token_sessions;      // of one token; 0: any number
        double address_backlog;  // seconds of sound of one address that are not text; 0: any
        double token_backlog;    // likewise of one token
        // Seconds of sound of that principal that wait elsewhere. Optional.
        double (*waiting)(const void *waiting_context, const char *principal);
        const void *waiting_context;
        const char *calls;  // audiosocket.calls (dialect/audiosocket/messages.h); NULL: none
        // Whose secret that is, lent; NULL: nobody's. Optional: nobody has one.
        const struct principal *(*identify)(const void *identify_context, const char *secret);
        const void *identify_context;
        // Whether the model can do this: 0, or -EINVAL with the words. "" is no language in
        // particular.
        int (*check_model)(const void *context, const char *language, enum decode_task task,
                           struct error *error);
        const void *context;
};

struct hub *hub_new(const struct hub_parts *parts);

// Close all streams and free. All sessions have left. NULL is fine. Returns NULL.
struct hub *hub_free(struct hub *hub);

const struct hub_parts *hub_parts(const struct hub *hub);

// The one of that name (static), which is made if there is none yet.
struct hub_reader *hub_reader(struct hub *hub, const char *name);

struct hub_counts *hub_counts(struct hub *hub);

// --- sessions --------------------------------------------------------------------------------

struct hub_session;
struct hub_stream;

// What the server may ask of a client's session. Codes are those of WebSocket's close frames,
// for other transports to translate. None of these frees another session.
struct hub_session_ops {
        // Finish in order: flush, wait for the backlog, goodbye with `code`.
        void (*leave)(struct hub_session *session, uint16_t code);
        // Say goodbye now, whatever the backlog.
        void (*goodbye)(struct hub_session *session, uint16_t code);
        // Look again whether the client has to be held up for its address's backlog.
        void (*release)(struct hub_session *session);
        // The server is overloaded: `words` say what is to be expected. False when the client
        // cannot be told.
        bool (*on_overload)(struct hub_session *session, const char *words);
        // Send the client away, in its own dialect's words: `words` are for people and say why.
        void (*dismiss)(struct hub_session *session, const char *words);
        // A pulled stream was opened, or is about to be closed: no observer stays. Optional.
        void (*on_stream)(struct hub_session *session, struct hub_stream *stream, bool is_open);
};

struct hub_session {
        const struct hub_session_ops *ops;
        uint64_t id;                        // 1, 2, ...; never given again
        nsec_t since;                       // wall clock: when it came
        const struct principal *principal;  // who it is; held while it is in the list
        char address[64];                   // where it is: whose share and limits it has
        char about[64];                     // for log lines: "client 127.0.0.1:40312"
        struct hub_reader *reader;          // its kind; hub_session_is()
        struct hub_stream *stream;          // the first that it feeds; NULL: none
        enum load_level told;               // of the present overload
        enum load_level told_worst;         // when it was last told something
        nsec_t told_at;                     // and when that was; 0: never
        LIST_ENTRY(hub_session) link;
};

// Add the session (whose ops, principal, address and `about` are set) to the list, as
// "unknown". False when its address or token has too many: the session is in the list all the
// same, to be told.
bool hub_enter(struct hub *hub, struct hub_session *session);

// A session in the list is that principal's from now on. False when it has too many, as above.
bool hub_session_belongs(struct hub *hub, struct hub_session *session,
                         const struct principal *principal);

// Whether a session with that principal and address, which is not in the list, has room in it;
// HUB_TOO_MANY (hub_admission.h) is said to whoever has too many.
bool hub_fits(const struct hub *hub, const struct hub_session *session);
void hub_leave(struct hub *hub, struct hub_session *session);
// The session is of that kind.
void hub_session_is(struct hub_session *session, struct hub_reader *reader);

// All of them; the latest first. NULL: there are no more.
struct hub_session *hub_first_session(const struct hub *hub);
struct hub_session *hub_next_session(const struct hub_session *session);

// The one with that id. NULL: there is none, or none any more.
struct hub_session *hub_find_session(const struct hub *hub, uint64_t id);

// --- streams ---------------------------------------------------------------------------------

struct hub_stream {
        uint64_t id;  // 1, 2, ...; never given again
        struct stream *stream;
        const struct hub_session *session;  // whose it is; NULL: the configuration's
        bool is_listed;                     // everybody may hear of it
        bool is_kept, is_unkept;            // its text was to be kept, or not to be
        char *session_id;                   // that its rows have; NULL: none
        struct observer log;                // of pulled streams
        struct observer owner;              // room for one of whoever opened a pulled stream
        struct stream_listener listener;    // as it was opened
        struct hub *hub;
        bool is_retired;             // hub_retire()
        struct loop_timer *parking;  // it waits for its session to come back; NULL: it does not
        char *principal;             // whose it is then
        TAILQ_ENTRY(hub_stream) link;
};

// Open a stream as requested, for that session (NULL: for the server itself). The request is
// completed (request.h) with what the server has for defaults. Fails with words when the model
// cannot do it. The session has the stream from then on, and may have several, whose rows have
// the same session id. What a pulled stream says is logged.
int hub_open(struct hub_stream **ret, struct hub *hub, struct request *request,
             struct hub_session *session, const struct stream_listener *listener,
             struct error *error);

// What streams opened from now on begin from; outlives the hub, or its next call.
void hub_set_defaults(struct hub *hub, const struct request_defaults *defaults);

// Where the rows and the sound of streams go that are opened from now on.
void hub_set_keeping(struct hub *hub, const struct journaling_services *journaling,
                     struct archive *archive);

// Who is told that a stream was opened, or is about to be closed or retired; of one that was
// retired once more when it is closed. It belongs to whoever watches, and stays until the hub
// is freed or it is taken out.
struct hub_watcher {
        void (*on_stream)(void *context, struct hub_stream *stream, bool is_open);
        void *context;
        LIST_ENTRY(hub_watcher) link;
};
void hub_watch(struct hub *hub, struct hub_watcher *watcher);
void hub_unwatch(struct hub_watcher *watcher);

// NULL is fine. Returns NULL.
struct hub_stream *hub_close(struct hub *hub, struct hub_stream *stream);

// A pulled stream hears nothing more, and is not listed any longer. What it has heard becomes
// text, is journaled and told to its observers; when that is done, however late the decoder is,
// the stream is closed. The context of its listener is needed until then. `reason`: in words.
void hub_retire(struct hub *hub, struct hub_stream *stream, const char *reason);

// All of them: pulled ones, then pushed ones, each the oldest first. NULL: there are no more.
struct hub_stream *hub_first(const struct hub *hub);
struct hub_stream *hub_next(const struct hub *hub, const struct hub_stream *stream);

// The pulled ones only: those that have a source (stream_source()).
struct hub_stream *hub_first_pulled(const struct hub *hub);
struct hub_stream *hub_next_pulled(const struct hub_stream *stream);

// The first in that order that has this name: clients may give theirs any. NULL: there is none.
struct hub_stream *hub_find(const struct hub *hub, const char *name);

// Windows of streams that are no session's, pulled, retired and parked ones, that are closed
// and not yet answered.
size_t hub_backlog(const struct hub *hub);
