#pragma once
// Transcription run: a file being made text. It is a client's session of the hub's list, whose
// client is not there.
//
// Threads: loop thread only.
// Memory:  its text is held until the end, in all forms; the limits of uploads bound it.

#include <stdint.h>

#include "pipeline/hub.h"
#include "transcription/file_run.h"
#include "transcription/shelf.h"
#include "transcription/transcription_record.h"

// The kind of session that it is in lists and metrics.
#define TRANSCRIPTION_READER "transcription"

struct transcription_run;

struct transcription_outcome {
        enum transcription_end end;
        int status;         // as HTTP has it, where it was refused
        const char *words;  // why; or of what is whole what people should know; NULL: nothing
        const char *language;  // "": nothing was said
        int64_t n_samples;
        struct shelf_text *texts;  // whose bytes are whoever's is told, where it is whole
};

struct transcription_run_listener {
        // Called once, when the run may be freed, and not from inside the calls below.
        void (*on_end)(void *context, const struct transcription_outcome *outcome);
        void *context;
};

// Begin with the file behind `descriptor`, which the run takes. `record` outlives it. NULL: not
// now, since too many uploads wait for their turn.
struct transcription_run *
transcription_run_new(struct hub *hub, const struct transcription_record *record,
                      int descriptor, const struct transcription_run_listener *listener);

// How much of it is text, in samples, and how much there is in all, as far as is known.
int64_t transcription_run_done(const struct transcription_run *run);
int64_t transcription_run_length(const struct transcription_run *run);

// Whether the model can do what is wished: 0, or -EINVAL with words.
int transcription_run_check(const struct hub *hub, const struct transcription_wish *wish,
                            struct error *error);

// NULL is fine. Returns NULL.
struct transcription_run *transcription_run_free(struct transcription_run *run);
