#pragma once
// Reading: the requests that read what is kept, each until its answer is complete or its client
// has gone. What they ask of the journal and the archive is read on threads of those; what
// comes of it is written in pieces, as the client takes it.
//
// A resource embeds a struct reading, first, in what it knows of its request.
//
// Threads: loop thread only.
// Memory:  bounded by how many there are at once (READINGS_MAX, READINGS_LIVE_MAX), each with a
//          page of rows, and by what the sound of all of them takes (errands.h).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "journal/archive.h"
#include "journal/query.h"

struct exchange;
struct http_response;
struct hub;
struct journal;
struct problem;
struct reading;
struct readings;

// At once, of all clients: those that end by themselves, and those that go on until the client
// goes. Of these, and of the room for sound (errands.h), one token, or one address without a
// token, may have READINGS_SHARE-th: whoever leaves its readings open is alone in waiting.
#define READINGS_MAX      32
#define READINGS_LIVE_MAX 64
#define READINGS_SHARE    2

// Where that is which they read; all lent.
struct reading_place {
        struct loop *loop;
        struct hub *hub;
        struct journal *journal;  // NULL: none is kept
        struct archive *archive;  // likewise
        bool is_stopping;
};

enum reading_progress {
        READING_MORE,   // something was put, or the next call will do so
        READING_WAITS,  // for what was asked for: reading_pump() follows
        READING_DONE,   // the answer is complete
};

struct reading_ops {
        // The stream that reading_look() looked for is there, or was.
        void (*on_stream)(struct reading *reading);
        // The page that reading_query() asked for, without an error; the callee's.
        void (*on_page)(struct reading *reading, struct query_page *page);
        // The file that reading_sound() asked for; the callee's.
        void (*on_sound)(struct reading *reading, struct archive_sound *sound);
        // All that was put has been written: put more (reading_put()).
        enum reading_progress (*write)(struct reading *reading);
        // Free what embeds it; it answers nothing any more.
        void (*free)(struct reading *reading);
};

struct reading {
        const struct reading_ops *ops;
        struct readings *readings;
        struct exchange *exchange;
        struct reading_place place;
        bool is_live, is_looking, is_begun;
        size_t sound_bytes;  // that it has,
        size_t sound_asked;  // and may get
        char *bytes;         // put, of which those from `at` on are not written yet
        size_t n, at, capacity;
        LIST_ENTRY(reading) link;
};

struct readings *readings_new(void);

// Forget the ones that are not answered. Before what they read is closed. NULL is fine.
// Returns NULL.
struct readings *readings_free(struct readings *readings);

// Whether one and the same asks both: with a token, or without any from an address.
bool readings_same_asker(const struct exchange *a, const struct exchange *b);

// Once a second: what goes on for somebody whose token was revoked, or has expired, is broken
// off.
void readings_look(struct readings *readings);

// --- before it begins ------------------------------------------------------------------------

// Whether there is a journal to read, and room for one more. Else it is answered: 404 where
// nothing is kept, 503 where there is no room, who asks has its share, or the server stops.
bool readings_admit(const struct readings *readings, struct exchange *exchange,
                    const struct reading_place *place, bool is_live);

// Whether who asks may read that stream. Else it is answered as if there were none (404).
bool reading_admits(struct exchange *exchange, const char *stream);

// --- while it lasts --------------------------------------------------------------------------

// It is admitted, and takes the exchange on. `reading` is zeroed, at the beginning of what its
// ops free. Before on_request returns.
void reading_begin(struct reading *reading, struct readings *readings,
                   struct exchange *exchange, const struct reading_place *place,
                   const struct reading_ops *ops, bool is_live);

// As above, of a request whose body was read (body.h), which ends by itself.
void reading_begin_read(struct reading *reading, struct readings *readings,
                        struct exchange *exchange, const struct reading_place *place,
                        const struct reading_ops *ops);

// Each of these ends in one of the ops' calls, which may come within it, or in an answer that
// says why not.
//
// Is that stream open, or is anything kept of it? Else 404.
void reading_look(struct reading *reading, const char *stream);
// A page of rows; the query is lent.
void reading_query(struct reading *reading, const struct query *query);
// A stretch of sound, of `n_most` bytes at most; the query is lent. There is an archive.
void reading_sound(struct reading *reading, const struct archive_query *query, size_t n_most);

// Put bytes behind what is to be written.
void reading_put(struct reading *reading, const void *bytes, size_t n);

// Bytes that were put and that the client has yet to make room for.
size_t reading_waiting(const struct reading *reading);

// Begin the answer, in pieces. The reading may be gone afterwards.
void reading_answer(struct reading *reading, const struct http_response *response);

// There is more to write, or the end of it. Likewise.
void reading_pump(struct reading *reading);

// Answer with all at once. The reading is gone.
void reading_reply(struct reading *reading, const struct http_response *response);

// Answer with what is wrong (problem.h); one that has begun is broken off instead, so that it
// is no whole answer. The reading is gone.
void reading_refuse(struct reading *reading, const struct problem *problem);

// --- for queries -----------------------------------------------------------------------------

// A list of streams (query.h) with this one, for which a glob's signs are letters.
char **reading_only(const char *stream);

// What who asks may read (query.readable).
char **reading_readable(const struct exchange *exchange);
