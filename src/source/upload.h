#pragma once
// Upload: a file that a client sends, from its first bytes to its last sample. It is decoded
// when its turn has come (upload_slots.h); until then its first bytes are held and the client
// is not read beyond them.
//
// A turn is for what is there or comes faster than it is spoken: an upload that comes slower
// loses its slot to the next who waits. None may go beyond its limits, whoever waits.
//
// Threads: loop thread only.
// Memory:  what waits to be decoded is charged to the budget. upload_close() may be called from
//          within on_end, but from no other of the listener's calls.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/upload_slots.h"
#include "util/budget.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

// Bytes that are held before the turn; as many, or the whole file, must be there to ask for
// one.
#define UPLOAD_READY ((size_t)64 * 1024)

// Whoever waits is read up to so many all the same, while uploads have taken less than a
// quarter of the budget: a short file is there as a whole then, and since its client is read,
// its pings are answered, without which it would leave after some seconds.
#define UPLOAD_HELD_MAX ((size_t)1024 * 1024)

// So often it is looked whether an upload goes on, if it was the client that we waited for and
// not the client for us. In this time at least UPLOAD_PERIOD_BYTES must come: no sound that
// people send takes less (1.1 kbit/s). While others wait, sound must come at UPLOAD_SPEED, in
// percent of how it is spoken.
#define UPLOAD_PERIOD       (30 * NSEC_PER_SEC)
#define UPLOAD_PERIOD_BYTES 4096
#define UPLOAD_SPEED        110

// A second of sound has at least so many bytes, once it is more than UPLOAD_FREE_SECONDS: half
// of what the thriftiest speech codecs need, and less than silence in FLAC.
#define UPLOAD_SECOND_BYTES 32
#define UPLOAD_FREE_SECONDS 600

#define UPLOAD_PIPE_BYTES 65536  // that a pipe holds: written, and perhaps not read yet

// Whether so many bytes, some of them perhaps not read yet, hold fewer samples of AUDIO_RATE
// than these.
bool upload_bytes_inflate(uint64_t n_written, uint64_t n_unread, uint64_t n_samples);

struct media_backend;
struct upload;

// What uploads share. Outlives them.
struct upload_services {
        struct loop *loop;
        struct media_backend *media;  // decodes them
        struct upload_slots *slots;
        struct budget *budget;
        uint64_t bytes_max;    // of one
        uint64_t seconds_max;  // of its sound
};

enum upload_end {
        UPLOAD_DONE,       // all of it was decoded
        UPLOAD_DAMAGED,    // no sound, or broken in the middle
        UPLOAD_TOO_LARGE,  // beyond a limit
        UPLOAD_STALLED,    // its bytes do not come
        UPLOAD_TOO_SLOW,   // they come no faster than they are spoken, and others wait
        UPLOAD_NO_ROOM,    // not now, by no fault of its own: no memory is left for it, or what
                           // reads media cannot be run
        UPLOAD_LOST,       // what reads media broke down while it read this, and perhaps others
};

struct upload_listener {
        void (*on_samples)(void *context, const float *samples, size_t n);
        // It says of itself that it is so long; it may be wrong. May be NULL.
        void (*on_length)(void *context, double seconds);
        // What people should know of it. May be NULL.
        void (*on_warning)(void *context, const char *words);
        // The end, called once; `words` say what was wrong (NULL: nothing).
        void (*on_end)(void *context, enum upload_end end, const char *words);
        // Read on, or stop reading from the client. Of a file that is there: may be NULL.
        void (*on_want)(void *context, bool is_wanted);
        void *context;
};

// False when so many uploads wait that this one must come back later (upload_slots_retry).
bool upload_open(struct upload **ret, const struct upload_services *services,
                 const struct upload_listener *listener);

// As upload_open() does, of a file that is there as a whole, `n_bytes` of it: nothing is
// written, and it asks for its turn at once. The upload takes the descriptor, above the
// standard ones, if true.
bool upload_open_file(struct upload **ret, const struct upload_services *services,
                      int descriptor, uint64_t n_bytes, const struct upload_listener *listener);

// Hand over bytes of the file (copied); and say that they were the last. Bytes after that are
// dropped.
void upload_write(struct upload *upload, const uint8_t *bytes, size_t n);
void upload_write_end(struct upload *upload);

// Stop and start the flow of on_samples.
void upload_pause(struct upload *upload);
void upload_resume(struct upload *upload);

// Give all up, the slot too. NULL is fine. Returns NULL.
struct upload *upload_close(struct upload *upload);

DEFINE_CLEANUP(struct upload *, upload_close);
