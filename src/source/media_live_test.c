// Sound that is sent while it is spoken, with both programs that read media.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "source/media.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"
#include "util/process.h"

#define SECONDS 4
#define SINE    "sine=frequency=300:duration=4"

static const char *choice;  // of the program
#define PATH "/tmp/eavesdrop-live-XXXXXX"

static char path[] = PATH;

struct talk {
        struct loop *loop;
        struct media_backend *backend;
        struct media *media;
        size_t n_samples;
        float peaks[2];  // of the samples that are even and odd
        unsigned n_ends;
        struct error error;
};

static void talk_on_samples(void *context, const float *samples, size_t n) {
        struct talk *talk = context;

        for (size_t i = 0; i < n; i++) {
                float *peak = &talk->peaks[(talk->n_samples + i) % 2];

                *peak = fmaxf(*peak, fabsf(samples[i]));
        }
        talk->n_samples += n;
}

static void talk_on_end(void *context, const struct error *error) {
        struct talk *talk = context;

        talk->n_ends++;
        if (error)
                talk->error = *error;
        talk->media = media_close(talk->media);
}

static int talk_init(struct talk *talk, unsigned n_channels) {
        const struct media_listener listener = {
                .on_samples = talk_on_samples,
                .on_end = talk_on_end,
                .context = talk,
        };

        *talk = (struct talk){.loop = loop_new()};
        talk->backend = media_backend_new(talk->loop, choice);
        return media_open_live(&talk->media, talk->backend, "", n_channels, &listener, NULL);
}

static void talk_deinit(struct talk *talk) {
        talk->media = media_close(talk->media);
        while (source_children() > 0)
                loop_turn(talk->loop);
        talk->backend = media_backend_free(talk->backend);
        talk->loop = loop_free(talk->loop);
}

static char *bytes_read(size_t *ret_n) {
        FILE *file = fopen(path, "rb");
        char *bytes = xcalloc(1 << 20, 1);

        assert_non_null(file);
        *ret_n = fread(bytes, 1, 1 << 20, file);
        fclose(file);
        return bytes;
}

static void half_of_it_comes_before_the_other(void **state) {
        struct talk talk;
        size_t n;
        CLEANUP(mem_freep) char *bytes = bytes_read(&n);

        (void)state;
        assert_int_equal(talk_init(&talk, 1), 0);
        media_write(talk.media, (const uint8_t *)bytes, n / 2);
        while (talk.n_samples < (size_t)(0.4 * SECONDS * AUDIO_RATE))
                loop_turn(talk.loop);
        assert_int_equal(talk.n_ends, 0);
        media_write(talk.media, (const uint8_t *)bytes + n / 2, n - n / 2);
        media_write_end(talk.media);
        while (talk.n_ends == 0)
                loop_turn(talk.loop);
        assert_int_equal(talk.error.code, 0);
        assert_in_range(talk.n_samples, SECONDS * AUDIO_RATE - 1000,
                        SECONDS * AUDIO_RATE + 1000);
        talk_deinit(&talk);
}

// The file has one: the other is silent.
static void channels_are_kept_apart_or_it_is_said(void **state) {
        struct talk talk;
        size_t n;
        CLEANUP(mem_freep) char *bytes = bytes_read(&n);
        int code;

        (void)state;
        code = talk_init(&talk, 2);
        if (code == 0) {
                media_write(talk.media, (const uint8_t *)bytes, n);
                media_write_end(talk.media);
                while (talk.n_ends == 0)
                        loop_turn(talk.loop);
                assert_int_equal(talk.error.code, 0);
                assert_in_range(talk.n_samples, 2 * SECONDS * AUDIO_RATE - 2000,
                                2 * SECONDS * AUDIO_RATE + 2000);
                assert_true(talk.peaks[0] > 0.05f);
                assert_true(talk.peaks[1] == 0);
        } else {
                assert_int_equal(code, -ENOTSUP);
                assert_string_equal(choice, "ffmpeg");
        }
        talk_deinit(&talk);
}

static void garbage_is_told_while_more_may_come(void **state) {
        CLEANUP(mem_freep) char *bytes = xcalloc(65536, 1);
        struct talk talk;

        (void)state;
        for (size_t i = 0; i < 65536; i++)
                bytes[i] = (char)(i * i >> 5);
        assert_int_equal(talk_init(&talk, 1), 0);
        media_write(talk.media, (const uint8_t *)bytes, 65536);
        while (talk.n_ends == 0)
                loop_turn(talk.loop);
        assert_true(talk.error.code < 0);
        assert_int_equal(talk.n_samples, 0);
        talk_deinit(&talk);
}

static void ignore_stdout(void *context, const uint8_t *bytes, size_t n) {
        (void)context, (void)bytes, (void)n;
}

static void stop_on_exit(void *context, const struct process_exit *exit) {
        assert_int_equal(exit->status, 0);
        loop_stop(context);
}

static int file_make(void **state) {
        static const char *const argv[] = {
                "ffmpeg", "-v", "error", "-nostdin",       "-y",   "-f",  "lavfi",
                "-i",     SINE, "-c:a",  "libopus",        "-b:a", "32k", "-vbr",
                "off",    "-f", "ogg",   "-page_duration", "1",    path,  NULL};
        const struct process_config config = {.argv = argv};
        struct loop *loop = loop_new();
        const struct process_listener listener = {ignore_stdout, NULL, NULL, stop_on_exit,
                                                  loop};
        struct process *process;

        (void)state;
        memcpy(path, PATH, sizeof(path));
        close(mkstemp(path));
        assert_int_equal(process_open(&process, loop, &config, &listener, NULL), 0);
        loop_run(loop);
        process_close(process);
        loop_free(loop);
        return 0;
}

static int file_remove(void **state) {
        (void)state;
        unlink(path);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(half_of_it_comes_before_the_other),
                cmocka_unit_test(channels_are_kept_apart_or_it_is_said),
                cmocka_unit_test(garbage_is_told_while_more_may_come),
        };
        int n_failed = 0;

        for (size_t i = 0; (choice = rig_media[i]); i++)
                n_failed += cmocka_run_group_tests_name(choice, tests, file_make, file_remove);
        return n_failed;
}
