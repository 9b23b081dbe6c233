#pragma once
// Turns: what is said on a stream, grouped into turns as clients of realtime services have
// them. A turn begins with speech and ends at a pause, or once it is long, or where the client
// says so; its text is what was heard in its stretches (observer_window), and turns are
// complete in their order.
//
// Threads: loop thread only.
// Memory:  bounded by what waits to be text; of a turn at most TURN_TEXT_MAX bytes are kept.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "transcript/observer.h"

#define TURN_TEXT_MAX ((size_t)1024 * 1024)

// Bytes from which on a turn ends with its stretch, though nobody pauses: about ten minutes of
// speech. Services tell the whole of a turn again with each word.
#define TURN_TEXT_LONG ((size_t)8 * 1024)

struct turn {
        uint64_t number;     // 0, 1, ...
        int64_t begin;       // position of its first stretch, or where it was ended without any
        int64_t speech_end;  // of its last one so far; of one without any as `begin`
        char *text;          // that is final so far, without a blank at its begin
        size_t n_text;       // bytes of it
        size_t n_pending;    // stretches of it that are closed and not yet text
        bool has_told;       // some of its text was told as stable
        bool is_ended;
        bool is_dropped;  // nobody wants to hear of it any more
        STAILQ_ENTRY(turn) link;
};

// Calls never free the turns. Turns are lent during a call.
struct turns_ops {
        void (*on_begin)(void *context, const struct turn *turn);  // speech begins
        void (*on_end)(void *context, const struct turn *turn);
        // Text that comes behind what was told of this turn before, and stays: words that are
        // stable, or final. Optional.
        void (*on_stable)(void *context, const struct turn *turn, const char *text);
        // A stretch became text, which is a part of turn->text now. Optional.
        void (*on_final)(void *context, const struct turn *turn, const struct segment *segments,
                         size_t n);
        // What is heard behind the final text, to be replaced by the next one. Optional.
        void (*on_tail)(void *context, const struct turn *turn, const struct update *update);
        // All of it is text.
        void (*on_complete)(void *context, const struct turn *turn);
};

struct turns_stretch {
        struct turn *turn;  // NULL: it was forgotten
        int64_t end;        // while it is open: INT64_MAX; 0: it was forgotten
        char *told;         // of its text; NULL: nothing
        STAILQ_ENTRY(turns_stretch) link;
};

struct turns {
        const struct turns_ops *ops;
        void *context;
        bool ends_at_pauses;
        int64_t pause;               // samples of silence that end a stalled turn
        struct turn *current;        // the last one, while it has not ended
        struct turns_stretch *open;  // its last stretch, while it goes on
        // The last stretch was closed, but not at a pause. Of what follows a cut nothing is
        // told where it is silence, or too short to be speech.
        bool is_stalled;
        uint64_t n_turns;
        STAILQ_HEAD(, turn) list;
        STAILQ_HEAD(, turns_stretch) stretches;  // that are not text yet
};

void turns_init(struct turns *turns, const struct turns_ops *ops, void *context);
void turns_deinit(struct turns *turns);

// What a stream tells.
void turns_hear_window(struct turns *turns, const struct observer_window *window);
void turns_hear_update(struct turns *turns, const struct update *update);

// Sound has come up to there: a stalled turn may have ended.
void turns_hear_silence(struct turns *turns, int64_t position);

// From now on turns end at pauses, or where the client says so only. The one at hand may have
// had its pause already: it ends when there is more of it.
void turns_follow(struct turns *turns, bool ends_at_pauses);

// The client ends the turn at `position`; where nobody has spoken an empty one begins and ends
// there. The stream was flushed before.
void turns_end(struct turns *turns, int64_t position);

// Nobody wants the turn at hand, if there is one: it ends without a word. The stream was
// flushed before, or else cancelled, where nothing that was closed waited to be text.
void turns_drop(struct turns *turns);

// Whether all that was said is text, or nobody wants it.
bool turns_are_complete(const struct turns *turns);
