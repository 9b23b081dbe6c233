// Both programs that read media, on files that the test makes with ffmpeg.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "source/media.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"
#include "util/process.h"

#define FOLDER "/tmp/eavesdrop-media-XXXXXX"

static char folder[] = FOLDER;
static const char *choice;  // of the program

struct capture {
        struct loop *loop;
        struct media_backend *backend;
        struct media *media;
        size_t n_samples;
        size_t pause_after;  // samples; 0 never
        double energy;
        unsigned n_ends, n_drains;
        bool has_error;
        struct error error;
};

static void capture_on_samples(void *context, const float *samples, size_t n) {
        struct capture *capture = context;

        for (size_t i = 0; i < n; i++)
                capture->energy += (double)samples[i] * samples[i];
        capture->n_samples += n;
        if (capture->pause_after && capture->n_samples >= capture->pause_after)
                media_pause(capture->media);
}

static void capture_on_end(void *context, const struct error *error) {
        struct capture *capture = context;

        capture->n_ends++;
        capture->has_error = error != NULL;
        if (error)
                capture->error = *error;
        capture->media = media_close(capture->media);
        loop_stop(capture->loop);
}

static void capture_on_drain(void *context) {
        struct capture *capture = context;

        capture->n_drains++;
}

static struct media_listener capture_init(struct capture *capture) {
        *capture = (struct capture){.loop = loop_new()};
        capture->backend = media_backend_new(capture->loop, choice);
        return (struct media_listener){
                .on_samples = capture_on_samples,
                .on_end = capture_on_end,
                .on_drain = capture_on_drain,
                .context = capture,
        };
}

static void capture_deinit(struct capture *capture) {
        capture->media = media_close(capture->media);
        while (source_children() > 0)
                loop_turn(capture->loop);
        capture->backend = media_backend_free(capture->backend);
        capture->loop = loop_free(capture->loop);
}

static char *path_of(const char *name) {
        return xasprintf("%s/%s", folder, name);
}

static void decode(struct capture *capture, const char *name) {
        struct media_listener listener = capture_init(capture);
        CLEANUP(mem_freep) char *path = path_of(name);

        assert_int_equal(
                media_open_file(&capture->media, capture->backend, path, "", &listener, NULL),
                0);
        loop_run(capture->loop);
        assert_int_equal(capture->n_ends, 1);
        capture_deinit(capture);
}

// --- files ------------------------------------------------------------------------

static void ignore_stdout(void *context, const uint8_t *bytes, size_t n) {
        (void)context, (void)bytes, (void)n;
}

static void stop_on_exit(void *context, const struct process_exit *exit) {
        assert_int_equal(exit->status, 0);
        loop_stop(context);
}

// Run ffmpeg with the arguments (at most 20, split at spaces), writing `name`.
static void file_make(const char *name, const char *arguments) {
        CLEANUP(mem_freep) char *path = path_of(name);
        CLEANUP(mem_freep) char *words = xstrdup(arguments);
        const char *argv[32] = {"ffmpeg", "-v", "error", "-nostdin", "-y"};
        size_t n = 5;
        struct loop *loop = loop_new();
        struct process *process;
        char *rest = words, *word;

        while ((word = strsep(&rest, " ")))
                argv[n++] = word;
        argv[n++] = path;
        const struct process_config config = {.argv = argv};
        const struct process_listener listener = {ignore_stdout, NULL, NULL, stop_on_exit,
                                                  loop};

        assert_int_equal(process_open(&process, loop, &config, &listener, NULL), 0);
        loop_run(loop);
        process_close(process);
        loop_free(loop);
}

static void bytes_write(const char *name, const void *bytes, size_t n) {
        CLEANUP(mem_freep) char *path = path_of(name);
        FILE *file = fopen(path, "wb");

        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        fclose(file);
}

static char *bytes_read(const char *name, size_t *ret_n) {
        CLEANUP(mem_freep) char *path = path_of(name);
        FILE *file = fopen(path, "rb");
        char *bytes;

        assert_non_null(file);
        fseek(file, 0, SEEK_END);
        *ret_n = (size_t)ftell(file);
        rewind(file);
        bytes = xcalloc(*ret_n, 1);
        assert_int_equal(fread(bytes, 1, *ret_n, file), *ret_n);
        fclose(file);
        return bytes;
}

#define SINE "-f lavfi -i sine=frequency=440:duration=3:sample_rate=16000"

static int files_make(void **state) {
        CLEANUP(mem_freep) char *whole = NULL;
        size_t n;

        (void)state;
        memcpy(folder, FOLDER, sizeof(folder));
        assert_non_null(mkdtemp(folder));
        file_make("mono.wav", SINE " -bitexact");  // a header of just 44 bytes
        file_make("stereo.mp3", SINE " -ac 2 -ar 44100");
        file_make("sound.m4a", SINE " -c:a aac -ar 48000");
        file_make("seven.wav", SINE " -af pan=7c|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0");
        file_make("two.mkv", "-f lavfi -i testsrc=d=1:s=64x48 " SINE " " SINE
                             " -map 0 -map 1 -map 2 -c:v mpeg4 -c:a flac");
        file_make("silent.mp4", "-f lavfi -i testsrc=d=1:s=64x48 -c:v mpeg4");
        file_make("short.wav", SINE " -t 0.05");
        file_make("whole.flac", SINE " -c:a flac");
        whole = bytes_read("whole.flac", &n);
        bytes_write("half.flac", whole, n / 2);
        file_make("rare.sf", SINE " -f ircam");
        bytes_write("zero.wav", "", 0);
        bytes_write("text.txt", "this is no sound\n", 17);
        return 0;
}

static int files_remove(void **state) {
        static const char *const names[] = {
                "mono.wav",  "stereo.mp3", "sound.m4a", "seven.wav", "two.mkv",  "silent.mp4",
                "short.wav", "whole.flac", "half.flac", "zero.wav",  "text.txt", "rare.sf"};

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                CLEANUP(mem_freep) char *path = path_of(names[i]);

                unlink(path);
        }
        return rmdir(folder);
}

// --- tests ------------------------------------------------------------------------

static void any_container_becomes_mono_at_our_rate(void **state) {
        static const struct {
                const char *name;
                long n_least, n_most;
                double level;  // mean square; a sine of ffmpeg's has amplitude 1/8
        } cases[] = {
                {"mono.wav", 48000, 48000, 1.0 / 128},
                // Encoders add some padding; going from one channel to two costs 3 dB.
                {"stereo.mp3", 47000, 50000, 1.0 / 256},
                {"sound.m4a", 47000, 50000, 1.0 / 128},
                {"two.mkv", 48000, 48000, 1.0 / 128},
                {"seven.wav", 48000, 48000, 0},
                {"short.wav", 800, 800, 1.0 / 128},
                {"whole.flac", 48000, 48000, 1.0 / 128},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct capture capture;
                double level;

                decode(&capture, cases[i].name);
                assert_false(capture.has_error);
                assert_in_range(capture.n_samples, cases[i].n_least, cases[i].n_most);
                level = capture.energy / (double)capture.n_samples;
                if (cases[i].level > 0)
                        assert_true(fabs(level / cases[i].level - 1) < 0.1);
                else
                        assert_true(level > 1e-4);
        }
}

static void what_is_no_sound_is_told(void **state) {
        struct capture capture;

        (void)state;
        decode(&capture, "text.txt");
        assert_true(capture.has_error);
        assert_string_equal(capture.error.text, "no sound in a known format");
        assert_int_equal(capture.n_samples, 0);
        decode(&capture, "silent.mp4");
        assert_true(capture.has_error);
        assert_string_equal(capture.error.text, "no audio track");
}

static void a_broken_file_gives_what_it_has(void **state) {
        struct capture capture;

        (void)state;
        decode(&capture, "half.flac");
        assert_true(capture.has_error);
        assert_non_null(strstr(capture.error.text, "damaged"));
        assert_in_range(capture.n_samples, 8000, 32000);
}

static void plain_mistakes_are_told_at_once(void **state) {
        struct capture capture;
        struct media_listener listener = capture_init(&capture);
        CLEANUP(mem_freep) char *zero = path_of("zero.wav");
        CLEANUP(mem_freep) char *locked = path_of("mono.wav");
        struct error error;

        (void)state;
        assert_int_equal(media_open_file(&capture.media, capture.backend, "/no/such/file", "",
                                         &listener, &error),
                         -ENOENT);
        assert_string_equal(error.text, "'/no/such/file': No such file or directory");
        assert_int_equal(
                media_open_file(&capture.media, capture.backend, folder, "", &listener, &error),
                -EISDIR);
        assert_int_equal(
                media_open_file(&capture.media, capture.backend, zero, "", &listener, &error),
                -EINVAL);
        assert_non_null(strstr(error.text, "empty"));
        if (geteuid() != 0) {  // root may read everything
                chmod(locked, 0);
                assert_int_equal(media_open_file(&capture.media, capture.backend, locked, "",
                                                 &listener, &error),
                                 -EACCES);
                chmod(locked, 0600);
        }
        capture_deinit(&capture);
}

// A script that names other files is what an attacker would send.
static void an_upload_reads_no_local_file(void **state) {
        CLEANUP(mem_freep) char *target = path_of("mono.wav");
        CLEANUP(mem_freep)
        char *script = xasprintf("ffconcat version 1.0\nfile '%s'\n", target);
        struct capture capture;
        struct media_listener listener = capture_init(&capture);

        (void)state;
        assert_int_equal(media_open_upload(&capture.media, capture.backend, &listener, NULL),
                         0);
        media_write(capture.media, (const uint8_t *)script, strlen(script));
        media_write_end(capture.media);
        loop_run(capture.loop);
        assert_true(capture.has_error);
        assert_int_equal(capture.n_samples, 0);
        capture_deinit(&capture);
}

// Formats that nobody sends but who looks for a hole in one of ffmpeg's 300 demuxers.
static void a_format_that_is_not_listed_is_not_read(void **state) {
        struct capture capture;
        struct media_listener listener = capture_init(&capture);
        size_t n;
        CLEANUP(mem_freep) char *bytes = bytes_read("rare.sf", &n);

        (void)state;
        assert_int_equal(media_open_upload(&capture.media, capture.backend, &listener, NULL),
                         0);
        media_write(capture.media, (const uint8_t *)bytes, n);
        media_write_end(capture.media);
        loop_run(capture.loop);
        assert_true(capture.has_error);
        assert_string_equal(capture.error.text,
                            "in a format that is not read from such a source");
        assert_int_equal(capture.n_samples, 0);
        capture_deinit(&capture);
        decode(&capture, "rare.sf");
        assert_true(capture.has_error);
}

static void an_upload_is_decoded_as_it_comes(void **state) {
        struct capture capture;
        struct media_listener listener = capture_init(&capture);
        size_t n;
        CLEANUP(mem_freep) char *bytes = bytes_read("mono.wav", &n);

        (void)state;
        assert_int_equal(media_open_upload(&capture.media, capture.backend, &listener, NULL),
                         0);
        for (size_t place = 0; place < n; place += 1000)
                media_write(capture.media, (const uint8_t *)bytes + place,
                            n - place < 1000 ? n - place : 1000);
        media_write_end(capture.media);
        loop_run(capture.loop);
        assert_false(capture.has_error);
        assert_int_equal(capture.n_samples, 48000);
        capture_deinit(&capture);
}

// An endless upload to a paused reader: media_write() says stop long before memory is full.
static void an_upload_to_a_slow_reader_is_bounded(void **state) {
        struct capture capture;
        struct media_listener listener = capture_init(&capture);
        size_t n_bytes, n_written = 0;
        CLEANUP(mem_freep) char *bytes = bytes_read("mono.wav", &n_bytes);
        uint8_t noise[32768];

        (void)state;
        memset(noise, 7, sizeof(noise));
        memset(bytes + 40, 0xff, 4);  // the size of WAV's samples: unknown, till the end
        capture.pause_after = 1;
        assert_int_equal(media_open_upload(&capture.media, capture.backend, &listener, NULL),
                         0);
        media_write(capture.media, (const uint8_t *)bytes, n_bytes);
        // Until ffmpeg itself is blocked and all buffers between us are full.
        for (int n_idle = 0; n_idle < 100000 && n_written < 1000;) {
                unsigned before = capture.n_drains;

                n_written++;
                if (media_write(capture.media, noise, sizeof(noise)))
                        continue;
                for (n_idle = 0; capture.n_drains == before && n_idle < 100000; n_idle++)
                        loop_turn(capture.loop);
        }
        assert_true(n_written < 1000);
        assert_true(capture.n_samples < 65536);
        capture.pause_after = 0;
        media_resume(capture.media);
        media_write_end(capture.media);
        loop_run(capture.loop);
        assert_true(capture.n_samples > 100000);
        capture_deinit(&capture);
}

static void closing_in_the_middle_leaves_nothing(void **state) {
        struct capture capture;
        struct media_listener listener = capture_init(&capture);
        CLEANUP(mem_freep) char *path = path_of("mono.wav");

        (void)state;
        assert_int_equal(
                media_open_file(&capture.media, capture.backend, path, "", &listener, NULL), 0);
        capture_deinit(&capture);
        assert_int_equal(capture.n_ends, 0);
        assert_int_equal(source_children(), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_container_becomes_mono_at_our_rate),
                cmocka_unit_test(what_is_no_sound_is_told),
                cmocka_unit_test(a_broken_file_gives_what_it_has),
                cmocka_unit_test(plain_mistakes_are_told_at_once),
                cmocka_unit_test(an_upload_reads_no_local_file),
                cmocka_unit_test(a_format_that_is_not_listed_is_not_read),
                cmocka_unit_test(an_upload_is_decoded_as_it_comes),
                cmocka_unit_test(an_upload_to_a_slow_reader_is_bounded),
                cmocka_unit_test(closing_in_the_middle_leaves_nothing),
        };

        int n_failed = 0;

        for (size_t i = 0; (choice = rig_media[i]); i++)
                n_failed +=
                        cmocka_run_group_tests_name(choice, tests, files_make, files_remove);
        return n_failed;
}
