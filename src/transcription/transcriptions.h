#pragma once
// Transcriptions: files that are to become text, some at a time, and what became of them. They
// wait on a shelf (shelf.h) and outlive the process; results are kept for a while. Whose one is
// and who may see it, its record says.
//
// Threads: loop thread only.
// Memory:  a transcription's pointer is good until the loop's next turn; what outlives that is
//          its id. One that is coming is whoever's brings it, until it is taken in or given up.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "pipeline/hub.h"
#include "transcript/transcript_writer.h"
#include "transcription/transcription_record.h"
#include "transcription/transcription_run.h"
#include "util/loop.h"

// Results that one principal has at once; of more the oldest go.
#define TRANSCRIPTIONS_KEPT 1000

// The largest piece of a file at a time.
#define TRANSCRIPTION_PIECE_MAX ((size_t)128 * 1024)

struct chores;  // transcription/chore.h
struct transcription;
struct transcriptions;

struct transcriptions_parts {
        struct hub *hub;     // outlives them
        const char *folder;  // of the shelf; copied
        unsigned at_once;    // that are made text
        size_t waiting;      // that wait for that, or are coming
        uint64_t disk;       // bytes of all there are
        nsec_t keep;         // how long results are kept
};

// Begin with what the folder has. Never fails: where the folder cannot be used, files are
// refused, the log says why, and it is tried again.
struct transcriptions *transcriptions_new(const struct transcriptions_parts *parts);

// The server stops: nothing new is begun, and what is under way begins anew after its next
// start. Who waits is told.
void transcriptions_stop(struct transcriptions *all);

// Before the hub is freed. NULL is fine. Returns NULL.
struct transcriptions *transcriptions_free(struct transcriptions *all);

// --- bringing a file -------------------------------------------------------------------------

// Why not.
struct transcription_refusal {
        int status;       // as HTTP has it
        char words[512];  // what was wrong and what to do
        nsec_t retry;     // when it may be worth while to come again; 0: that does not help
};

struct transcription_bringer {
        const struct principal *principal;  // lent during the call
        const char *address;                // copied
        uint64_t size;                      // bytes that are announced; UINT64_MAX: not known
        // The next pieces may come.
        void (*on_room)(void *context);
        // It is on disk, and waits for its turn; whoever brought it lets go of it.
        void (*on_taken)(void *context, struct transcription *transcription);
        // It is over: give it up.
        void (*on_refused)(void *context, const struct transcription_refusal *refusal);
        void *context;
};

// Whether a file of that size would be taken in now; false: *ret says why not.
bool transcriptions_admit(struct transcriptions *all, uint64_t size,
                          struct transcription_refusal *ret);

// Begin to bring one. NULL: *ret says why not.
struct transcription *transcription_bring(struct transcriptions *all,
                                          const struct transcription_bringer *bringer,
                                          struct transcription_refusal *ret);

// The next bytes (copied). False: on_room says when more may come. What is beyond a limit is
// refused from inside this call; the transcription is to be given up after it.
bool transcription_write(struct transcription *transcription, const uint8_t *bytes, size_t n);

// Whether its token may still have it, of those that came meanwhile: that is to be asked when
// all bytes came. False: *ret says why not; it is to be given up.
bool transcription_fits(struct transcription *transcription, const struct principal *principal,
                        struct transcription_refusal *ret);

// All bytes came: this is wished, which is taken, of a file of that name (copied; NULL: none).
// on_taken or on_refused follows.
void transcription_bring_end(struct transcription *transcription,
                             struct transcription_wish *wish, const char *file);

// Nothing is left of it. It was neither taken in nor given up before.
void transcription_give_up(struct transcription *transcription);

// --- what there is ---------------------------------------------------------------------------

// All that are taken in; the latest first. NULL: there are no more.
struct transcription *transcriptions_first(const struct transcriptions *all);
struct transcription *transcription_next(const struct transcription *transcription);

// The one of that id. NULL: there is none.
struct transcription *transcriptions_find(const struct transcriptions *all, const char *id);

const struct transcription_record *transcription_record(const struct transcription *one);

// Samples of it that are text, and that there are in all as far as is known (0: not).
int64_t transcription_done(const struct transcription *transcription);
int64_t transcription_length(const struct transcription *transcription);

// How many there are of each state, and what they are to the server.
struct transcriptions_figures {
        size_t n[TRANSCRIPTION_STATES];
        uint64_t n_done, n_failed;  // since the start, removed ones as well
        uint64_t bytes;             // on disk
        const char *trouble;  // why no files are taken, in words for everybody; "": they are
};

struct transcriptions_figures transcriptions_figures(const struct transcriptions *all);

// Seconds of sound in files of that principal that wait or are coming, as far as their sizes
// tell.
double transcriptions_waiting(const struct transcriptions *all, const char *principal);

// Bytes that a second of sound has, of what people mostly send: 128 kbit/s. How long a file is
// nobody knows before it is read.
#define TRANSCRIPTION_SECOND_BYTES 16384.0

// When its result is removed, Unix ms; 0: it has none yet.
int64_t transcription_goes(const struct transcription *transcription);

// Cancel it, or forget what came of it.
void transcription_remove(struct transcription *transcription);

// Who waits for its end. Told once: when it is over, was removed (NULL), or the server stops.
// It belongs to whoever waits, who may leave before that.
struct transcription_waiter {
        void (*on_end)(void *context, struct transcription *transcription);
        void *context;
        LIST_ENTRY(transcription_waiter) link;
};
void transcription_wait(struct transcription *transcription,
                        struct transcription_waiter *waiter);
void transcription_leave(struct transcription_waiter *waiter);

// Read the result in that form. on_text(context, text, error) is called once, not from inside
// this call, perhaps when the transcription is no more: with the text, whose bytes it frees, or
// with words (-ENOENT: the text is gone).
void transcription_read(struct transcription *transcription, enum transcript_format format,
                        void (*on_text)(void *context, struct shelf_text *text,
                                        const struct error *error),
                        void *context);

// --- for files that come with a request, and stay no longer (scratch.h) -------------------

// Whether a file may be so large; false: *ret says why not.
bool transcriptions_size_is_fine(const struct transcriptions *all, uint64_t size,
                                 struct transcription_refusal *ret);

// So many more bytes on disk are taken, to be given back; false: *ret says why not.
bool transcriptions_disk_take(struct transcriptions *all, uint64_t n_bytes,
                              struct transcription_refusal *ret);
void transcriptions_disk_give(struct transcriptions *all, uint64_t n_bytes);

// Where they are, and who writes there; lent.
const char *transcriptions_folder(const struct transcriptions *all);
struct chores *transcriptions_chores(const struct transcriptions *all);

// An id that no other one ever has. False: the system gives no random numbers.
bool transcription_id_make(char ret[TRANSCRIPTION_ID_DIGITS + 1]);
