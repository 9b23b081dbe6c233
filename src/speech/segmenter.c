#include "speech/segmenter.h"

#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "speech/cutter.h"
#include "util/mem.h"

// After this many chunks of digital silence (2 s) the detector is not asked any more and starts
// afresh with the next sound. So a muted microphone costs nothing; and after a minute of zeros
// the network hears worse than a fresh one: 2 % of the chunks that follow fall on the other
// side of the threshold, up to 10 % in a recording; after a reset 0.7 % do (it remembers no
// voice).
#define SILENCE_CHUNKS 64

struct segmenter {
        struct segmenter_config config;
        struct vad *vad;
        struct cutter *cutter;
        int64_t position;      // of the next sample to be fed
        int64_t silent_since;  // where the fed silence began that lasts until now; -1: none
        size_t silent_chunks;  // the last chunks that were digital silence
        size_t n_chunk;
        float chunk[VAD_CHUNK];
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
        segmenter->cutter = cutter_new(config);
        segmenter->silent_since = -1;
        return segmenter;
}

struct segmenter *segmenter_free(struct segmenter *segmenter) {
        if (!segmenter)
                return NULL;
        vad_free(segmenter->vad);
        cutter_free(segmenter->cutter);
        free(segmenter);
        return NULL;
}

static float mean_square(const float *samples, size_t n) {
        float sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += samples[i] * samples[i];
        return sum / (float)n;
}

// Judge the chunk, which may be unfinished, and start the next one.
static void segmenter_step(struct segmenter *segmenter) {
        struct chunk chunk = {
                .begin = segmenter->position - (int64_t)segmenter->n_chunk,
                .end = segmenter->position,
                .level = mean_square(segmenter->chunk, segmenter->n_chunk),
        };

        segmenter->silent_chunks = chunk.level == 0 ? segmenter->silent_chunks + 1 : 0;
        if (segmenter->silent_chunks <= SILENCE_CHUNKS) {
                memset(segmenter->chunk + segmenter->n_chunk, 0,
                       (VAD_CHUNK - segmenter->n_chunk) * sizeof(float));
                chunk.probability = vad_step(segmenter->vad, segmenter->chunk);
        }
        if (segmenter->silent_chunks == SILENCE_CHUNKS)
                vad_reset(segmenter->vad);
        segmenter->n_chunk = 0;
        cutter_add(segmenter->cutter, chunk);
}

// Add `n` samples, or as many zeros when `samples` is NULL.
static void segmenter_add(struct segmenter *segmenter, const float *samples, size_t n) {
        while (n > 0) {
                const size_t room = VAD_CHUNK - segmenter->n_chunk;
                const size_t piece = n < room ? n : room;
                float *end = segmenter->chunk + segmenter->n_chunk;

                if (samples) {
                        memcpy(end, samples, piece * sizeof(float));
                        samples += piece;
                } else {
                        memset(end, 0, piece * sizeof(float));
                }
                n -= piece;
                segmenter->n_chunk += piece;
                segmenter->position += (int64_t)piece;
                if (segmenter->n_chunk == VAD_CHUNK)
                        segmenter_step(segmenter);
        }
}

void segmenter_feed(struct segmenter *segmenter, const float *samples, size_t n) {
        if (n == 0)
                return;
        segmenter->silent_since = -1;
        segmenter_add(segmenter, samples, n);
}

static void segmenter_add_silence(struct segmenter *segmenter, int64_t n) {
        while (n > 0) {
                const int64_t room = VAD_CHUNK - (int64_t)segmenter->n_chunk;
                const int64_t piece = n < room ? n : room;

                if (segmenter->n_chunk == 0 && segmenter->silent_chunks > SILENCE_CHUNKS &&
                    !cutter_is_open(segmenter->cutter)) {
                        // Chunks that would change nothing but the position.
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
                cutter_close(segmenter->cutter, segmenter->position);
                n -= until_pause;
        }
        segmenter_add_silence(segmenter, n);
}

void segmenter_flush(struct segmenter *segmenter) {
        if (segmenter->n_chunk > 0)
                segmenter_step(segmenter);
        cutter_close(segmenter->cutter, segmenter->position);
        vad_reset(segmenter->vad);
}

void segmenter_reset(struct segmenter *segmenter) {
        vad_reset(segmenter->vad);
        cutter_reset(segmenter->cutter, segmenter->position);
        segmenter->n_chunk = 0;
        segmenter->silent_since = -1;
        segmenter->silent_chunks = 0;
}

bool segmenter_next(struct segmenter *segmenter, struct window *ret) {
        return cutter_next(segmenter->cutter, ret);
}

bool segmenter_open_window(const struct segmenter *segmenter, struct window *ret) {
        return cutter_open_window(segmenter->cutter, segmenter->position, ret);
}

int64_t segmenter_position(const struct segmenter *segmenter) {
        return segmenter->position;
}

int64_t segmenter_oldest_needed(const struct segmenter *segmenter) {
        return cutter_oldest_needed(segmenter->cutter,
                                    segmenter->position - (int64_t)segmenter->n_chunk);
}
