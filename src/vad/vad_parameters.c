#include "vad/vad_parameters.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/nearest.h"
#include "util/number.h"

// How far faster-whisper puts the end of speech below its beginning.
#define THRESHOLD_GAP 0.15
#define THRESHOLD_LOW 0.01

enum vad_parameter {
        THRESHOLD,
        NEG_THRESHOLD,
        MIN_SPEECH,
        MAX_SPEECH,
        MIN_SILENCE,
        SPEECH_PAD,
        PARAMETERS,
};

static const struct {
        const char *name;
        double least, most;
} parameters[PARAMETERS] = {
        // Below 0.1 the gate before the detector would have a say (vad/energy_gate).
        [THRESHOLD] = {"threshold", 0.1, 1},
        [NEG_THRESHOLD] = {"neg_threshold", 0, 1},
        [MIN_SPEECH] = {"min_speech_duration_ms", 0, 10000},
        [MAX_SPEECH] = {"max_speech_duration_s", 5, 28},
        [MIN_SILENCE] = {"min_silence_duration_ms", 100, 10000},
        // Padding may not be more than an eighth of the shortest window.
        [SPEECH_PAD] = {"speech_pad_ms", 0, 600},
};

static int unknown_tell(const char *name, int length, struct error *error) {
        const char *known[PARAMETERS + 1] = {NULL};
        const char *nearest;
        char word[32];

        for (int i = 0; i < PARAMETERS; i++)
                known[i] = parameters[i].name;
        snprintf(word, sizeof(word), "%.*s", length, name);
        nearest = nearest_find(word, known);
        if (nearest)
                return error_set(error, -EINVAL,
                                 "unknown parameter \"%s\"; did you mean \"%s\"?", word,
                                 nearest);
        return error_set(error, -EINVAL,
                         "unknown parameter \"%s\"; those known are threshold, neg_threshold, "
                         "min_speech_duration_ms, max_speech_duration_s, "
                         "min_silence_duration_ms and speech_pad_ms",
                         word);
}

// One "name=value" of so many bytes, into its place.
static int parameter_read(const char *item, size_t length, double values[PARAMETERS],
                          struct error *error) {
        const char *sign = memchr(item, '=', length);
        size_t n_name = sign ? (size_t)(sign - item) : length, n_value;
        const char *end;
        double value;
        int i = 0;

        while (i < PARAMETERS && (strlen(parameters[i].name) != n_name ||
                                  strncmp(parameters[i].name, item, n_name) != 0))
                i++;
        if (i == PARAMETERS)
                return unknown_tell(item, (int)n_name, error);
        n_value = sign ? length - n_name - 1 : 0;
        end = sign ? number_read(sign + 1, &value) : NULL;
        if (!end || end != sign + 1 + n_value || signbit(value) ||
            value < parameters[i].least || value > parameters[i].most)
                return error_set(error, -EINVAL, "%s is a number from %g to %g, not \"%.*s\"",
                                 parameters[i].name, parameters[i].least, parameters[i].most,
                                 (int)n_value, sign ? sign + 1 : "");
        values[i] = value;
        return 0;
}

static int64_t samples_of(double seconds) {
        return llround(seconds * AUDIO_RATE);
}

static void values_apply(struct segmenter_config *config, const double values[PARAMETERS]) {
        if (!isnan(values[THRESHOLD])) {
                config->threshold = (float)values[THRESHOLD];
                config->threshold_low =
                        (float)fmax(values[THRESHOLD] - THRESHOLD_GAP, THRESHOLD_LOW);
        }
        if (!isnan(values[NEG_THRESHOLD]))
                config->threshold_low = (float)values[NEG_THRESHOLD];
        if (!isnan(values[MIN_SPEECH]))
                config->speech_min = samples_of(values[MIN_SPEECH] / 1000);
        if (!isnan(values[MAX_SPEECH]))
                config->window_max = samples_of(values[MAX_SPEECH]);
        if (!isnan(values[MIN_SILENCE]))
                config->pause = samples_of(values[MIN_SILENCE] / 1000);
        if (!isnan(values[SPEECH_PAD]))
                config->padding = samples_of(values[SPEECH_PAD] / 1000);
}

int vad_parameters_apply(struct segmenter_config *config, const char *text,
                         struct error *error) {
        struct segmenter_config changed = *config;
        double values[PARAMETERS];

        for (int i = 0; i < PARAMETERS; i++)
                values[i] = NAN;
        for (bool is_last = false; !is_last;) {
                size_t length = strcspn(text, ",");
                int r = parameter_read(text, length, values, error);

                if (r < 0)
                        return r;
                is_last = text[length] == '\0';
                text += length + 1;
        }
        values_apply(&changed, values);
        if (changed.threshold_low > changed.threshold)
                return error_set(error, -EINVAL, "neg_threshold is above threshold");
        *config = changed;
        return 0;
}
