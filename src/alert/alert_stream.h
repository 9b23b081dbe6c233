#pragma once
// Alert stream: what alerts remember of one stream: what was said last (a phrase may go on in
// the next segment), when each alert fired, and what fired on words that are not final yet.
//
// Threads: loop thread only.
// Memory:  as much as the longest phrase may need, and ALERT_PENDING_MAX firings.

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/passage.h"
#include "alert/phrases.h"
#include "journal/row.h"
#include "util/cleanup.h"
#include "util/fold.h"

#define ALERT_PENDING_MAX 64  // firings on a stream's stable words; more are not remembered

// In the place of an alert's number: it is no more.
#define ALERT_GONE UINT_MAX

// When an alert last fired there.
struct alert_firing {
        unsigned alert;
        int64_t at;     // Unix ms
        int64_t until;  // where what fired ends, in bytes as passages count
};

// What fired on stable words, or would have but for the cooldown, until it is final.
struct alert_pending {
        unsigned alert;
        struct row *row;  // that was given out; NULL: none was
        char *key;        // what was found, folded
        int64_t position, tail_end;
        bool is_paired;  // found again in what is being looked at
};

struct alert_stream {
        struct alert_stream *next;
        char *name;    // its own: a session's, or the stream's
        char *heard;   // what alerts know it by: the stream's
        bool *hears;   // by alert: it is for this stream
        bool is_over;  // kept for its cooldowns alone
        uint32_t generation;

        struct passage_piece *pieces;  // the last segments; their rows are copies
        size_t n_pieces, pieces_capacity;
        struct phrase_token *tokens;  // of theirs, the last
        size_t n_tokens, tokens_capacity;
        enum fold_gap gap;  // behind them
        int64_t end;        // position where they end
        int64_t base;       // of the next piece

        struct alert_firing *firings;
        size_t n_firings, firings_capacity;
        struct alert_pending pendings[ALERT_PENDING_MAX];
        size_t n_pendings;
};

struct alert_stream *alert_stream_new(const char *name, const char *heard);

// NULL is fine. Returns NULL.
struct alert_stream *alert_stream_free(struct alert_stream *stream);

// Forget what was said.
void alert_stream_cut(struct alert_stream *stream);

// Put the row's text behind what was said, lent. Returns the index of its first token. Either
// alert_stream_keep() or alert_stream_take_back() follows.
size_t alert_stream_append(struct alert_stream *stream, const struct phrases *phrases,
                           struct folded *folded, const struct row *row);

// Keep of it what the longest phrase may need; and as if it had not been.
void alert_stream_keep(struct alert_stream *stream, enum fold_gap gap, size_t longest);
void alert_stream_take_back(struct alert_stream *stream, size_t first_token);

// The pieces that [begin, end) lies in.
struct passage alert_stream_passage(const struct alert_stream *stream, int64_t begin,
                                    int64_t end);

// When that alert last fired; NULL: not lately.
struct alert_firing *alert_stream_fired(const struct alert_stream *stream, unsigned alert);

// It fires.
void alert_stream_fire(struct alert_stream *stream, unsigned alert, int64_t at, int64_t until);

// Other alerts are looked for from now on: `young` is the new number of each, or ALERT_GONE,
// whose firings are forgotten; none of these is pending any more.
void alert_stream_renumber(struct alert_stream *stream, const unsigned *young);

// What was said last has other words from now on, since others are looked for.
void alert_stream_reword(struct alert_stream *stream, const struct phrases *phrases,
                         struct folded *folded);

// Forget the i-th of what is pending.
void alert_stream_settle(struct alert_stream *stream, size_t i);

DEFINE_CLEANUP(struct alert_stream *, alert_stream_free);
