#pragma once
// Encoder: log-mel windows to audio features, several windows of different lengths at once.
// The windows' rows lie end to end in one tall matrix: convolutions and linear layers see all
// of them, attention stays within each window, and nothing is padded. A window's rows are those
// that its context keeps.
//
// Threads: one encoder belongs to one engine.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/team.h"
#include "whisper/context.h"
#include "whisper/model.h"

// Rows in one run, all windows together: one full window, which bounds how long a run takes.
#define ENCODER_ROWS_MAX CONTEXT_ROWS

// Windows in one run.
#define ENCODER_WINDOWS_MAX 32

struct encoder;

// One window's log-mel, [n_frames, n_mels], time-major: 1 to CONTEXT_FRAMES; the rest of the
// window is zeros, as faster-whisper pads. The context is the one for n_frames; both are
// borrowed until the next run.
struct encoder_window {
        const float *log_mel;
        size_t n_frames;
        const struct audio_context *context;
};

// The team, which is lent as the context is, does the work; NULL: the caller alone. -ENOMEM,
// -EIO when oneDNN refuses.
int encoder_new(struct encoder **ret, const struct whisper_model *model,
                struct linear_context *context, struct team *team);
struct encoder *encoder_free(struct encoder *encoder);

// Encode n windows, whose rows together are at most ENCODER_ROWS_MAX. *ret is [the sum of
// their n_rows, n_audio_state], lent until the next call. -EINVAL for too many.
int encoder_run(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                const float **ret);

// One layer for all rows of the last encoder_run(), into scratch that is lent until the next
// call: for the decoder's cross-attention.
int encoder_project(struct encoder *encoder, const struct linear *linear, size_t n_out,
                    const float **ret);

DEFINE_CLEANUP(struct encoder *, encoder_free);
