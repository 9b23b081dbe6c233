// Windows: what would the segmenter decode of this recording?
//
//         segmenter_windows MODEL [OPTION=VALUE...] < SOUND.f32
//
// SOUND is raw mono float32 at 16 kHz (ffmpeg -i X -ac 1 -ar 16000 -f f32le -). Prints one
// window per line: begin, end, speech_end and speech in seconds, and whether it was cut.
// Options: files=1 starts from segmenter_config_files(); gate=0 asks the detector about all;
// threshold, threshold_low; pause,
// padding, speech_min, window_min, window_max in seconds.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "vad/segmenter.h"

static bool option_apply(struct segmenter_config *config, const char *option) {
        const char *value = strchr(option, '=');
        const struct {
                const char *name;
                int64_t *samples;
        } durations[] = {
                {"pause=", &config->pause},           {"padding=", &config->padding},
                {"speech_min=", &config->speech_min}, {"window_min=", &config->window_min},
                {"window_max=", &config->window_max},
        };

        if (!value) {
                fprintf(stderr, "segmenter_windows: '%s' is no OPTION=VALUE\n", option);
                return false;
        }
        value++;
        if (strncmp(option, "files=", 6) == 0)
                *config = segmenter_config_files();
        else if (strncmp(option, "gate=", 5) == 0)
                config->is_gated = value[0] == '1';
        else if (strncmp(option, "threshold=", 10) == 0)
                config->threshold = strtof(value, NULL);
        else if (strncmp(option, "threshold_low=", 14) == 0)
                config->threshold_low = strtof(value, NULL);
        for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
                if (strncmp(option, durations[i].name, strlen(durations[i].name)) == 0)
                        *durations[i].samples = (int64_t)(strtod(value, NULL) * AUDIO_RATE);
        }
        return true;
}

static void windows_print(struct segmenter *segmenter) {
        struct window window;

        while (segmenter_next(segmenter, &window))
                printf("%.4f %.4f %.4f %.4f %d\n", (double)window.begin / AUDIO_RATE,
                       (double)window.end / AUDIO_RATE, (double)window.speech_end / AUDIO_RATE,
                       (double)window.speech_samples / AUDIO_RATE, window.is_cut);
}

int main(int argc, char **argv) {
        struct segmenter_config config = segmenter_config_default();
        CLEANUP(vad_model_freep) struct vad_model *model = NULL;
        CLEANUP(segmenter_freep) struct segmenter *segmenter = NULL;
        struct error error = {0};
        float samples[4096];
        size_t n;

        if (argc < 2) {
                fputs("usage: segmenter_windows MODEL [OPTION=VALUE...] < SOUND.f32\n", stderr);
                return 2;
        }
        if (vad_model_load(&model, argv[1], &error) < 0) {
                fprintf(stderr, "segmenter_windows: %s\n", error.text);
                return 3;
        }
        for (int i = 2; i < argc; i++) {
                if (!option_apply(&config, argv[i]))
                        return 2;
        }
        segmenter = segmenter_new(model, &config);
        while ((n = fread(samples, sizeof(float), 4096, stdin)) > 0) {
                segmenter_feed(segmenter, samples, n);
                windows_print(segmenter);
        }
        segmenter_flush(segmenter);
        windows_print(segmenter);
        return 0;
}
