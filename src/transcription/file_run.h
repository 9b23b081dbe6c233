#pragma once
// File run: a file that is there, being made text for a session of the hub's list, as fast as
// its turn among the uploads and the decoder let it.
//
// Threads: loop thread only.
// Memory:  what a stream and an upload hold. Its text is handed on, and not kept.

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/hub.h"

struct file_run;

enum transcription_end {
        TRANSCRIPTION_WHOLE,    // its text is there
        TRANSCRIPTION_REFUSED,  // it will never be: the status and the words say why
        TRANSCRIPTION_LATER,    // not now: there is no room, or the server stops
        TRANSCRIPTION_LOST,     // what reads media broke down at it, or at something beside it
};

struct file_outcome {
        enum transcription_end end;
        int status;         // as HTTP has it, where it was refused
        const char *words;  // why; or of what is whole what people should know; NULL: nothing
        bool has_gaps;      // it is whole, but some of it could not be decoded
        const char *language;        // "": nothing was said
        float language_probability;  // 1 where it was asked for; 0: unknown
        int64_t n_samples;
};

struct file_run_listener {
        // Its first sound came: it is something that can be heard. Optional.
        void (*on_sound)(void *context);
        // The next segment, which is final; lent. The run is not freed from inside.
        void (*on_segment)(void *context, const struct segment *segment);
        // Called once, when the run may be freed, and not from inside the calls below.
        void (*on_end)(void *context, const struct file_outcome *outcome);
        void *context;
};

// Begin with the file behind `descriptor`, `n_bytes` of it, which the run takes. The session is
// in the hub's list, and feeds nothing else; it outlives the run. The request asks for a stream
// of a file in PCM_F32. NULL: not now, since too many uploads wait for their turn; the
// descriptor is closed.
struct file_run *file_run_new(struct hub *hub, struct hub_session *session,
                              const struct request *request, int descriptor, uint64_t n_bytes,
                              const struct file_run_listener *listener);

// Break it off: on_end follows with this, unless it is over already. `words` are copied.
void file_run_break(struct file_run *run, enum transcription_end end, int status,
                    const char *words);

// How much of it is text, in samples, and how much there is in all, as far as is known.
int64_t file_run_done(const struct file_run *run);
int64_t file_run_length(const struct file_run *run);

// The language that was heard last; "" while unknown.
const char *file_run_language(const struct file_run *run);

// NULL is fine. Returns NULL.
struct file_run *file_run_free(struct file_run *run);
