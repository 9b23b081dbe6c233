#pragma once
// Event reader: one of those who are told of events. It first gets what the journal has behind
// its cursor, page by page as it takes them, then what happens, without a gap or a double
// between the two. One that does not take what it is told is told why it is dropped; nobody
// waits for it.
//
// Threads: loop thread only.
// Memory:  events are shared between readers; of those that a reader has not taken it keeps
//          EVENT_READER_UNSENT_MAX bytes.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "api/event.h"
#include "api/event_wish.h"
#include "auth/principal.h"

struct budget;
struct errands;
struct journal;

#define EVENT_READER_UNSENT_MAX ((size_t)1024 * 1024)

// Rows of the journal that are read at a time.
#define EVENT_READER_PAGE 64

// What readers stand on.
struct event_source {
        struct journal *journal;  // NULL: nothing is journaled
        struct errands *errands;  // by which it is read
        struct budget *budget;
        uint64_t n_shown;  // rows that were ever shown before they were on disk
};

// The way to the client.
struct event_outlet {
        // Take as much as there is room for of the event's bytes from `offset` on, and say how
        // many; 0: event_reader_drained() will be called when there is room.
        size_t (*write)(void *context, const struct event *event, size_t offset);
        // Something that the client leaves out, to see whether it is still there. Optional.
        void (*beat)(void *context);
        // Close, with a code as WebSockets have it; the reader is not called any more, and may
        // be freed within.
        void (*end)(void *context, uint16_t code, const char *reason);
        void *context;
};

struct event_waiting;

struct event_reader {
        const struct event_source *source;
        struct event_wish wish;
        const struct principal *principal;  // whose rights it has
        struct event_outlet outlet;
        enum {
                READER_READING,  // a page of the journal was asked for
                READER_TAKING,   // the page is being taken; then the next one is asked for
                READER_LIVE,
        } phase;
        struct row_cursor position;  // what it was told of the journal before it went live
        uint64_t n_shown;            // of the source, when it began to hear what happens
        STAILQ_HEAD(event_queue, event_waiting) queue, held;
        size_t n_queued, n_held;  // bytes
        size_t offset;            // of the queue's first event that was taken
        bool has_begun;           // it was told from where on
        bool is_held_lost;        // more happened during a page than may wait
        bool is_ending;
        uint16_t end_code;
        char end_reason[128];
        LIST_ENTRY(event_reader) link;  // its owner's
};

// Begin to tell. What the wish has is taken and freed with the reader. All that may happen
// within outlet->end may happen within any of these calls.
void event_reader_begin(struct event_reader *reader, const struct event_source *source,
                        struct event_wish *wish, const struct principal *principal,
                        const struct event_outlet *outlet);
void event_reader_deinit(struct event_reader *reader);

// Whether it wants events of that kind and stream (NULL: of no one stream), and may have them.
bool event_reader_wants(const struct event_reader *reader, unsigned kind, const char *stream);

// Whether the n-th row that was shown before it was on disk was shown before this reader heard.
bool event_reader_missed(const struct event_reader *reader, uint64_t n);

// Something happened that it wants.
void event_reader_offer(struct event_reader *reader, struct event *event);

// The outlet has room again.
void event_reader_drained(struct event_reader *reader);

// Say something that the client leaves out.
void event_reader_beat(struct event_reader *reader);

// Tell it why, and end once it has taken all.
void event_reader_finish(struct event_reader *reader, uint16_t code, const char *reason);

// As event_reader_finish(), but what waits and was not begun is left out: it may not have it.
void event_reader_dismiss(struct event_reader *reader, uint16_t code, const char *reason);
