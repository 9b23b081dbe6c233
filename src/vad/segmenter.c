#include "vad/segmenter.h"

#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"
#include "vad/endpointer.h"
#include "vad/energy_gate.h"

// Chunks that wait to be judged: those that arrived in one piece, or, while the gate is closed,
// the last ones, at least CHUNKS_BEFORE, so that a word whose start did not open it loses
// nothing: a quarter to half a second, to which comes the window's padding.
#define CHUNKS_MAX    16
#define CHUNKS_BEFORE 8

// After so many chunks in a row in which it is sure that nobody speaks, one second, the
// detector forgets what it heard. It judges a voice by those before: for twelve seconds after a
// loud one it takes one that is 40 dB quieter, at the other end of the room, for silence.
// (Measured on fleurs-en-001, then -003 and -002: 16 s of speech were not found, with this all
// of it.)
#define FORGETTING_CHUNKS 32

struct segmenter {
        struct segmenter_config config;
        struct vad *vad;
        struct endpointer *endpointer;
        struct energy_gate gate;
        int64_t position;      // of the next sample to be fed
        int64_t silent_since;  // where the fed silence began that lasts until now; -1: none
        size_t n_chunks;       // wait
        size_t n_held;         // the first of them, which the closed gate has seen
        size_t n_filled;       // samples of the next one, behind them
        size_t n_missing;      // samples of the last one that are padding behind the end
        size_t n_quiet;  // judged in a row without a voice, while the detector remembers one
        bool is_voice_known;  // the detector remembers a voice
        struct loudness loudness[CHUNKS_MAX];
        float samples[CHUNKS_MAX + 1][VAD_CHUNK];
};

#define MS(n) ((int64_t)(n) * (AUDIO_RATE / 1000))

struct segmenter_config segmenter_config_default(void) {
        return (struct segmenter_config){
                .threshold = 0.5f,
                .threshold_low = 0.35f,
                .pause = MS(600),
                .padding = MS(300),
                .speech_min = MS(200),
                .window_min = MS(12000),
                .window_max = MS(28000),
                .is_gated = true,
        };
}

struct segmenter_config segmenter_config_files(void) {
        struct segmenter_config config = segmenter_config_default();

        config.pause = MS(3000);
        config.window_min = MS(20000);
        return config;
}

struct segmenter *segmenter_new(const struct vad_model *model,
                                const struct segmenter_config *config) {
        struct segmenter *segmenter = xnew(struct segmenter);

        segmenter->config = *config;
        segmenter->vad = vad_new(model);
        segmenter->endpointer = endpointer_new(config);
        segmenter->silent_since = -1;
        energy_gate_init(&segmenter->gate);
        return segmenter;
}

struct segmenter *segmenter_free(struct segmenter *segmenter) {
        if (!segmenter)
                return NULL;
        vad_free(segmenter->vad);
        endpointer_free(segmenter->endpointer);
        free(segmenter);
        return NULL;
}

static float mean_square(const float *samples, size_t n) {
        float sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += samples[i] * samples[i];
        return sum / (float)n;
}

static void voice_note(struct segmenter *segmenter, float probability) {
        if (probability >= segmenter->config.threshold)
                segmenter->is_voice_known = true;
        if (probability >= VAD_QUIET)
                segmenter->n_quiet = 0;
        else if (segmenter->is_voice_known)
                segmenter->n_quiet++;
}

static void voice_forget(struct segmenter *segmenter) {
        segmenter->is_voice_known = false;
        segmenter->n_quiet = 0;
}

// Ask the detector about `n` chunks that wait, from number `first` on, and tell the endpointer.
static void chunks_judge(struct segmenter *segmenter, size_t first, size_t n) {
        const int64_t begin = segmenter->position - (int64_t)segmenter->n_filled -
                              (int64_t)((segmenter->n_chunks - first) * VAD_CHUNK);
        float probabilities[CHUNKS_MAX];

        vad_steps(segmenter->vad, segmenter->samples[first], n, probabilities);
        for (size_t i = 0; i < n; i++) {
                const bool is_last = first + i == segmenter->n_chunks - 1;
                const size_t length = VAD_CHUNK - (is_last ? segmenter->n_missing : 0);
                const struct chunk chunk = {
                        .begin = begin + (int64_t)(i * VAD_CHUNK),
                        .end = begin + (int64_t)(i * VAD_CHUNK + length),
                        .probability = probabilities[i],
                        .level = mean_square(segmenter->samples[first + i], length),
                };

                endpointer_add(segmenter->endpointer, chunk);
                voice_note(segmenter, chunk.probability);
                if (segmenter->config.is_gated)
                        energy_gate_judge(&segmenter->gate, segmenter->loudness[first + i],
                                          chunk.probability);
        }
        if (segmenter->n_quiet == FORGETTING_CHUNKS) {
                vad_reset(segmenter->vad);
                voice_forget(segmenter);
        }
        // An open window waits for its pause.
        if (!segmenter->gate.is_open && endpointer_is_open(segmenter->endpointer))
                energy_gate_init(&segmenter->gate);
}

// Drop the first `n` of the chunks that wait.
static void chunks_drop(struct segmenter *segmenter, size_t n) {
        const size_t n_left = segmenter->n_chunks - n;

        if (n == 0)
                return;
        memmove(segmenter->samples[0], segmenter->samples[n],
                (n_left * VAD_CHUNK + segmenter->n_filled) * sizeof(float));
        memmove(segmenter->loudness, segmenter->loudness + n,
                n_left * sizeof(segmenter->loudness[0]));
        segmenter->n_chunks = n_left;
}

// Judge the chunks that wait, as far as the gate lets them through. It opens and closes at the
// same chunks however many of them came in one piece.
static void chunks_advance(struct segmenter *segmenter) {
        struct energy_gate *gate = &segmenter->gate;
        size_t first = 0;

        while (first < segmenter->n_chunks) {
                size_t n = segmenter->n_chunks - first;

                if (!gate->is_open) {
                        if (first + segmenter->n_held == segmenter->n_chunks)
                                break;
                        if (!energy_gate_is_passed(
                                    gate, segmenter->loudness[first + segmenter->n_held])) {
                                segmenter->n_held++;
                                continue;
                        }
                }
                if (n > energy_gate_chunks_to_close(gate))
                        n = energy_gate_chunks_to_close(gate);
                if (n > FORGETTING_CHUNKS - segmenter->n_quiet)
                        n = FORGETTING_CHUNKS - segmenter->n_quiet;
                chunks_judge(segmenter, first, n);
                segmenter->n_held = 0;
                first += n;
        }
        chunks_drop(segmenter, first);
        if (segmenter->n_chunks == CHUNKS_MAX) {
                chunks_drop(segmenter, CHUNKS_MAX - CHUNKS_BEFORE);
                segmenter->n_held = CHUNKS_BEFORE;
        }
}

// Add `n` samples, or as many zeros when `samples` is NULL.
static void segmenter_add(struct segmenter *segmenter, const float *samples, size_t n) {
        while (n > 0) {
                const size_t room = VAD_CHUNK - segmenter->n_filled;
                const size_t piece = n < room ? n : room;
                float *chunk = segmenter->samples[segmenter->n_chunks];

                if (samples) {
                        memcpy(chunk + segmenter->n_filled, samples, piece * sizeof(float));
                        samples += piece;
                } else {
                        memset(chunk + segmenter->n_filled, 0, piece * sizeof(float));
                }
                n -= piece;
                segmenter->n_filled += piece;
                segmenter->position += (int64_t)piece;
                if (segmenter->n_filled < VAD_CHUNK)
                        break;
                segmenter->loudness[segmenter->n_chunks++] = energy_gate_measure(chunk);
                segmenter->n_filled = 0;
                if (segmenter->n_chunks == CHUNKS_MAX)
                        chunks_advance(segmenter);
        }
        chunks_advance(segmenter);
}

static void segmenter_forget(struct segmenter *segmenter) {
        vad_reset(segmenter->vad);
        energy_gate_init(&segmenter->gate);
        voice_forget(segmenter);
        segmenter->n_chunks = 0;
        segmenter->n_held = 0;
        segmenter->n_filled = 0;
}

void segmenter_feed(struct segmenter *segmenter, const float *samples, size_t n) {
        if (n == 0)
                return;
        segmenter->silent_since = -1;
        segmenter_add(segmenter, samples, n);
}

static void segmenter_add_silence(struct segmenter *segmenter, int64_t n) {
        while (n > 0) {
                const int64_t room = VAD_CHUNK - (int64_t)segmenter->n_filled;
                const int64_t piece = n < room ? n : room;

                if (segmenter->n_filled == 0 && !segmenter->gate.is_open) {
                        // Chunks that would change nothing but the position.
                        segmenter->n_chunks = segmenter->n_held = 0;
                        segmenter->position += n / VAD_CHUNK * VAD_CHUNK;
                        n %= VAD_CHUNK;
                        segmenter_add(segmenter, NULL, (size_t)n);
                        return;
                }
                segmenter_add(segmenter, NULL, (size_t)piece);
                n -= piece;
        }
}

void segmenter_feed_silence(struct segmenter *segmenter, int64_t n) {
        int64_t until_pause;

        if (n <= 0)
                return;
        if (segmenter->silent_since < 0)
                segmenter->silent_since = segmenter->position;
        // This pause is over to the sample, whatever of it lies in an unfinished chunk.
        until_pause = segmenter->silent_since + segmenter->config.pause - segmenter->position;
        if (until_pause > 0 && n >= until_pause) {
                segmenter_add_silence(segmenter, until_pause);
                endpointer_close(segmenter->endpointer, segmenter->position);
                n -= until_pause;
        }
        segmenter_add_silence(segmenter, n);
}

void segmenter_flush(struct segmenter *segmenter) {
        const int64_t end = segmenter->position;

        if (segmenter->n_filled > 0) {
                segmenter->n_missing = VAD_CHUNK - segmenter->n_filled;
                segmenter_add(segmenter, NULL, segmenter->n_missing);
                segmenter->n_missing = 0;
        }
        segmenter->position = end;
        endpointer_close(segmenter->endpointer, end);
        segmenter_forget(segmenter);
}

void segmenter_reset(struct segmenter *segmenter) {
        endpointer_reset(segmenter->endpointer, segmenter->position);
        segmenter_forget(segmenter);
        segmenter->silent_since = -1;
}

bool segmenter_next(struct segmenter *segmenter, struct window *ret) {
        return endpointer_next(segmenter->endpointer, ret);
}

bool segmenter_open_window(const struct segmenter *segmenter, struct window *ret) {
        return endpointer_open_window(segmenter->endpointer, segmenter->position, ret);
}

int64_t segmenter_position(const struct segmenter *segmenter) {
        return segmenter->position;
}

int64_t segmenter_oldest_needed(const struct segmenter *segmenter) {
        return endpointer_oldest_needed(
                segmenter->endpointer,
                segmenter->position -
                        (int64_t)(segmenter->n_chunks * VAD_CHUNK + segmenter->n_filled));
}
