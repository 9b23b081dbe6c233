// archive_bench FILE: what kept sound costs. FILE is speech, s16 little-endian, 16 kHz, mono:
//
//     ffmpeg -i speech.flac -ac 1 -ar 16000 -f s16le speech.raw
//
// Prints what libopus takes at each complexity, and what the archive does with the same sound
// in windows of five seconds: processor time of its thread's encoding, and of the whole process
// with all writing, for a stream that talks all the time; and bytes for an hour of it.
#include <opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "journal/archive.h"
#include "journal/archive_codec.h"
#include "util/loop.h"
#include "util/mem.h"

#define WINDOW ((size_t)5 * AUDIO_RATE)

static double seconds_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double percent(double seconds, size_t n) {
        return seconds / ((double)n / AUDIO_RATE) * 100;
}

static void complexities_print(const float *samples, size_t n) {
        size_t n_failed = 0;

        for (int complexity = 0; complexity <= 10; complexity++) {
                int r;
                OpusEncoder *encoder =
                        opus_encoder_create(AUDIO_RATE, 1, OPUS_APPLICATION_VOIP, &r);
                double begin = seconds_now();
                unsigned char packet[1275];

                opus_encoder_ctl(encoder, OPUS_SET_BITRATE(ARCHIVE_BIT_RATE));
                opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(complexity));
                opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
                for (size_t i = 0; i + ARCHIVE_FRAME_SAMPLES <= n; i += ARCHIVE_FRAME_SAMPLES)
                        n_failed +=
                                opus_encode_float(encoder, samples + i, ARCHIVE_FRAME_SAMPLES,
                                                  packet, sizeof(packet)) <= 0;
                printf("complexity %2d: %.3f %% of a core\n", complexity,
                       percent(seconds_now() - begin, n));
                opus_encoder_destroy(encoder);
        }
        if (n_failed > 0)
                fprintf(stderr, "%zu frames failed\n", n_failed);
}

static void archive_print(const float *samples, size_t n) {
        CLEANUP(loop_freep) struct loop *loop = loop_new();
        char folder[] = "archive-bench-XXXXXX";
        const struct archive_config config = {.folder = mkdtemp(folder)};
        struct archive_state now = {0};
        struct archive *archive = NULL;
        struct error error;
        double begin = seconds_now();
        int64_t start = loop_wall(loop) / NSEC_PER_MSEC;

        if (archive_open(&archive, loop, &config, &error) < 0) {
                fprintf(stderr, "%s\n", error.text);
                return;
        }
        for (size_t i = 0; i < n; i += WINDOW)
                archive_keep(archive, "speech", start + (int64_t)i * 1000 / AUDIO_RATE,
                             samples + i, n - i < WINDOW ? n - i : WINDOW);
        while (now.samples_kept + now.samples_lost < n) {
                usleep(20000);
                archive_state(archive, &now);
        }
        printf("archive: %.3f %% of a core for encoding, %.3f %% in all, %.2f MB an hour\n",
               percent((double)now.encode_nanoseconds / 1e9, n),
               percent(seconds_now() - begin, n),
               (double)now.n_bytes / ((double)n / AUDIO_RATE) * 3600 / 1e6);
        printf("(it is in %s)\n", folder);
        archive_close(archive);
}

int main(int argc, char **argv) {
        FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
        float *samples = NULL;
        uint8_t piece[8192];
        size_t n = 0, got;

        if (!file) {
                fprintf(stderr, "usage: archive_bench FILE\n");
                return 2;
        }
        while ((got = fread(piece, 1, sizeof(piece), file) / 2) > 0) {
                samples = xrealloc_array(samples, n + got, sizeof(*samples));
                pcm_to_float(PCM_S16, piece, got, samples + n);
                n += got;
        }
        printf("%.1f s of sound\n", (double)n / AUDIO_RATE);
        complexities_print(samples, n);
        archive_print(samples, n);
        free(samples);
        return 0;
}
