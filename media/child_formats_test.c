// Containers and codecs that the ffmpeg program reads by the same list: a child reads them too,
// as long and alike. Those that ffmpeg cannot write (APE, MPC, AMR, ...) have no row.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/child_rig.h"
#include "util/mem.h"

#define SWEEP          \
        "-f lavfi -i " \
        "aevalsrc=0.3*sin(2*PI*(200+150*t)*t)|0.3*sin(2*PI*(200+150*t)*t):d=3:s=48000"

static const struct {
        const char *extension, *arguments;
} rows[] = {
        {"aac", "-c:a aac -f adts"},
        {"ac3", "-c:a ac3"},
        {"aiff", ""},
        {"al", "-ar 8000 -ac 1 -f alaw"},
        {"asf", "-c:a wmav2"},
        {"au", ""},
        {"avi", "-c:a mp3"},
        {"caf", "-c:a pcm_s24be"},
        {"caf", "-c:a alac"},
        {"dts", "-c:a dca -strict -2"},
        {"eac3", "-c:a eac3"},
        {"flac", ""},
        {"flac", "-sample_fmt s32"},
        {"flv", "-ar 44100 -c:a mp3"},
        {"flv", "-c:a aac"},
        {"g722", "-ar 16000 -ac 1"},
        {"gsm", "-ar 8000 -ac 1"},
        {"latm", "-c:a aac -f latm"},
        {"mkv", "-c:a pcm_s16le"},
        {"mkv", "-c:a libvorbis"},
        {"webm", "-c:a libopus"},
        {"mlp", "-c:a mlp -strict -2"},
        {"mov", "-c:a pcm_s16be"},
        {"mp4", "-c:a aac"},
        {"mp3", ""},
        {"mpg", "-c:a mp2 -f mpeg"},
        {"ts", "-c:a aac"},
        {"ts", "-c:a ac3"},
        {"ul", "-ar 8000 -ac 1 -f mulaw"},
        {"nut", ""},
        {"ogg", "-c:a libvorbis"},
        {"ogg", "-c:a flac"},
        {"opus", ""},
        {"spx", "-ar 16000 -ac 1 -c:a libspeex"},
        {"rm", "-c:a ac3"},
        {"sox", ""},
        {"thd", "-c:a truehd -strict -2"},
        {"tta", ""},
        {"voc", "-c:a pcm_u8"},
        {"w64", ""},
        {"wav", "-c:a pcm_s24le"},
        {"wav", "-c:a pcm_f32le"},
        {"wav", "-c:a pcm_f64le"},
        {"wav", "-c:a pcm_u8 -ar 11025"},
        {"wav", "-c:a adpcm_ms"},
        {"wav", "-c:a adpcm_ima_wav"},
        {"wav", "-c:a pcm_mulaw -ar 8000 -ac 1"},
        {"wav", "-ac 1 -ar 22050"},
        {"wav", "-ac 1 -ar 48000"},
        {"wav", "-ac 1 -ar 16000"},
        {"wma", "-c:a wmav1"},
        {"wtv", "-c:a mp2"},
        {"wv", ""},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int16_t *expected_read(const char *name, size_t *ret_n) {
        CLEANUP(mem_freep)
        char *decode = xasprintf("-i %%s/%s -ac 1 -ar 16000 -f s16le", name);
        uint8_t *bytes;

        rig_folder_ffmpeg("expected", decode);
        bytes = rig_folder_read("expected", ret_n);
        *ret_n /= sizeof(int16_t);
        return (int16_t *)(void *)bytes;
}

// Some need to be sought in: their index is last, or its place, or tags that follow the sound.
static bool is_for_files(size_t i) {
        static const char *const extensions[] = {"mov", "mp4", "caf", "wtv", "wv"};

        for (size_t k = 0; k < sizeof(extensions) / sizeof(extensions[0]); k++)
                if (strcmp(rows[i].extension, extensions[k]) == 0)
                        return true;
        return false;
}

// Through a pipe nobody knows where an MP3 file ends: its last frame's padding stays.
static bool row_check(size_t i, const char *name, const int16_t *expected, size_t n,
                      bool is_pipe) {
        struct media_request request = rig_child_request(MEDIA_FILE);
        struct rig_child child;
        double likeness;
        bool is_same;

        snprintf(request.extension, sizeof(request.extension), "%s", rows[i].extension);
        if (is_pipe)
                rig_child_pipe(&child, &request, name);
        else
                rig_child_file(&child, &request, name);
        likeness = rig_sound_likeness(child.samples, child.n_samples, expected, n, 3);
        is_same = child.fault == MEDIA_FAULT_NONE && likeness > 0.999 &&
                  labs((long)child.n_samples - (long)n) <= (is_pipe ? 100 : 4);
        print_message("%s%-4s %-28s %-10s %-14s %6zu %6zu %.6f %s %s\n",
                      is_same ? "" : "DIFFERENT ", rows[i].extension, rows[i].arguments,
                      child.opened.container, child.opened.tracks[0].codec, child.n_samples, n,
                      likeness, media_records_fault(child.fault), child.words);
        rig_child_deinit(&child);
        return is_same;
}

static void every_container_is_read(void **state) {
        unsigned n_different = 0;

        (void)state;
        for (size_t i = 0; i < N_ROWS; i++) {
                CLEANUP(mem_freep) char *name = xasprintf("row%zu.%s", i, rows[i].extension);
                CLEANUP(mem_freep)
                char *arguments = xasprintf(SWEEP "%s%s", *rows[i].arguments ? " " : "",
                                            rows[i].arguments);
                int16_t *expected;
                size_t n;

                rig_folder_ffmpeg(name, arguments);
                expected = expected_read(name, &n);
                n_different += !row_check(i, name, expected, n, false);
                if (!is_for_files(i))
                        n_different += !row_check(i, name, expected, n, true);
                free(expected);
        }
        assert_int_equal(n_different, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_container_is_read),
        };

        return cmocka_run_group_tests(tests, rig_folder_make, rig_folder_remove);
}
