#include "media/speech.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOOR_DB     (-90.0F)
#define LEAST_DB     (-56.0F)  // the loud parts of speech are above,
#define SPREAD_DB    12.0F     // and so much louder than the soft ones
#define LOOK_FRAMES  5         // 100 ms from look to look
#define LEAST_FRAMES 25        // 0.5 s before the first
#define N_ALIKE      3
// Syllables come about four times a second, pauses beside them.
#define RISES_LEAST 2
#define RISES_MOST  15

void media_speech_init(struct media_speech *speech) {
        *speech = (struct media_speech){0};
}

static int compare_floats(const void *a, const void *b) {
        float left = *(const float *)a, right = *(const float *)b;

        return (left > right) - (left < right);
}

// Does the level of the last frames rise and fall as it does when somebody speaks?
static bool is_alike(const struct media_speech *speech) {
        float sorted[MEDIA_SPEECH_FRAMES];
        size_t n =
                speech->n_frames < MEDIA_SPEECH_FRAMES ? speech->n_frames : MEDIA_SPEECH_FRAMES;
        size_t oldest = speech->n_frames - n;
        float soft, loud, low, high;
        unsigned n_rises = 0;
        bool is_up = true;

        if (n < LEAST_FRAMES)
                return false;
        memcpy(sorted, speech->levels, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), compare_floats);
        soft = sorted[n / 10];
        loud = sorted[n - 1 - n / 10];
        if (loud < LEAST_DB || loud - soft < SPREAD_DB)
                return false;
        low = soft + (loud - soft) / 3;
        high = soft + 2 * (loud - soft) / 3;
        for (size_t i = 0; i < n; i++) {
                float level = speech->levels[(oldest + i) % MEDIA_SPEECH_FRAMES];

                if (!is_up && level > high)
                        n_rises++;
                if (level > high || level < low)
                        is_up = level > high;
        }
        return n_rises >= RISES_LEAST && n_rises <= RISES_MOST;
}

static void frame_take(struct media_speech *speech) {
        double energy = 0;
        float level;

        for (size_t i = 0; i < MEDIA_SPEECH_FRAME; i++)
                energy += (double)speech->frame[i] * speech->frame[i] / (32768.0 * 32768.0);
        speech->n_held = 0;
        speech->energy += energy;
        level = energy > 0 ? 10 * log10f((float)(energy / MEDIA_SPEECH_FRAME)) : FLOOR_DB;
        speech->levels[speech->n_frames % MEDIA_SPEECH_FRAMES] = fmaxf(level, FLOOR_DB);
        speech->n_frames++;
        if (speech->is_heard || speech->n_frames % LOOK_FRAMES != 0)
                return;
        speech->n_alike = is_alike(speech) ? speech->n_alike + 1 : 0;
        speech->is_heard = speech->n_alike >= N_ALIKE;
}

void media_speech_feed(struct media_speech *speech, const int16_t *samples, size_t n) {
        for (size_t i = 0; i < n; i++) {
                speech->frame[speech->n_held++] = samples[i];
                if (speech->n_held == MEDIA_SPEECH_FRAME)
                        frame_take(speech);
        }
}

bool media_speech_is_heard(const struct media_speech *speech) {
        return speech->is_heard;
}

double media_speech_level(const struct media_speech *speech) {
        double n = (double)speech->n_frames * MEDIA_SPEECH_FRAME;

        if (n == 0)
                return NAN;
        return fmax(10 * log10(speech->energy / n + 1e-30), FLOOR_DB);
}
