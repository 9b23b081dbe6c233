// What a child makes of files: as people have them, and as attackers make them.
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "media/child.h"
#include "media/child_rig.h"
#include "util/mem.h"

#define RATE 16000
#define SINE "-f lavfi -i sine=frequency=440:duration=3:sample_rate=16000"
// Bursts of noise, four a second: to a track's chooser they are speech.
#define BURSTS         \
        "-f lavfi -i " \
        "aevalsrc=0.3*(random(0)-0.5)*gt(sin(2*PI*4*t)\\,0)+0.002*random(1):d=3:s=16000"
#define SILENCE "-f lavfi -i anullsrc=r=16000:cl=mono:d=3"

static void file_run(struct rig_child *ret, const char *name) {
        const struct media_request request = rig_child_request(MEDIA_FILE);

        rig_child_file(ret, &request, name);
}

static void pipe_run(struct rig_child *ret, const char *name) {
        const struct media_request request = rig_child_request(MEDIA_UPLOAD);

        rig_child_pipe(ret, &request, name);
}

// Both ways in tell the same.
typedef void runner(struct rig_child *ret, const char *name);
static runner *const runners[] = {file_run, pipe_run};

// A file of the test data; skips where it is not.
static char *data_need(const char *name) {
        char *path = rig_find_data(name);

        if (!path)
                skip();
        return path;
}

static void assert_fault(const struct rig_child *child, enum media_fault fault) {
        assert_true(child->has_end);
        if (child->fault != fault)
                print_error("%s: %s\n", media_records_fault(child->fault), child->words);
        assert_int_equal(child->fault, fault);
}

// --- ordinary files -----------------------------------------------------------------

static void it_is_what_ffmpeg_makes_of_it(void **state) {
        static const struct {
                const char *name, *arguments;
        } cases[] = {
                {"mono.wav", SINE " -bitexact"},
                {"telephone.wav", SINE " -ar 8000 -c:a pcm_alaw"},
                {"stereo.mp3", SINE " -ac 2 -ar 44100"},
                {"sound.m4a", SINE " -c:a aac -ar 48000"},
                {"sound.ogg", SINE " -c:a libvorbis -ac 2 -ar 44100"},
                {"sound.opus", SINE " -c:a libopus -ac 1"},
                {"whole.flac", SINE " -c:a flac -ar 96000"},
                {"surround.wav", SINE " -af pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0"},
                {"film.mkv",
                 "-f lavfi -i testsrc=d=3:s=64x48 " SINE " -map 0 -map 1 -c:v mpeg4 -c:a aac"},
                {"film.ts",
                 "-f lavfi -i testsrc=d=3:s=64x48 " SINE " -map 0 -map 1 -c:v mpeg4 -c:a mp2"},
                {"odd.wav", SINE " -ar 11025 -c:a pcm_f32le"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep)
                char *decode = xasprintf("-i %%s/%s -ac 1 -ar 16000 -f s16le", cases[i].name);
                int16_t *expected;
                size_t n;

                rig_folder_ffmpeg(cases[i].name, cases[i].arguments);
                rig_folder_ffmpeg("expected", decode);
                expected = (int16_t *)(void *)rig_folder_read("expected", &n);
                n /= sizeof(*expected);
                for (size_t k = 0; k < 2; k++) {
                        struct rig_child child;
                        double likeness;

                        runners[k](&child, cases[i].name);
                        assert_fault(&child, MEDIA_FAULT_NONE);
                        likeness = rig_sound_likeness(child.samples, child.n_samples, expected,
                                                      n, 3);
                        print_message("%s: %zu samples, ffmpeg %zu, likeness %.6f\n",
                                      cases[i].name, child.n_samples, n, likeness);
                        // Through a pipe nobody knows where an MP3 file ends: its last
                        // frame's padding stays.
                        assert_true(labs((long)child.n_samples - (long)n) <= (k ? 100 : 4));
                        assert_true(likeness > 0.999);
                        assert_true(child.opened.is_finite);
                        assert_int_equal(child.opened.chosen, 1);
                        rig_child_deinit(&child);
                }
                free(expected);
        }
}

static void channels_are_kept_apart_where_asked(void **state) {
        struct media_request request = rig_child_request(MEDIA_FILE);
        struct rig_child child;
        int16_t *planes[3];

        (void)state;
        rig_folder_ffmpeg("two.wav", SINE " -af pan=stereo|c0=c0|c1=0*c0 -ar 48000");
        request.n_channels = 3;
        rig_child_file(&child, &request, "two.wav");
        assert_fault(&child, MEDIA_FAULT_NONE);
        assert_in_range(child.n_samples, 3 * (48000 - 4), 3 * (48000 + 4));
        for (size_t c = 0; c < 3; c++) {
                planes[c] = xcalloc(child.n_samples / 3, sizeof(int16_t));
                for (size_t i = 0; i < child.n_samples / 3; i++)
                        planes[c][i] = child.samples[3 * i + c];
        }
        assert_true(fabs(rig_sound_level(planes[0], 48000 - 4) - 0.0884) < 0.001);
        assert_true(rig_sound_level(planes[1], 48000 - 4) < 1e-4);
        assert_true(rig_sound_level(planes[2], 48000 - 4) == 0);
        for (size_t c = 0; c < 3; c++)
                free(planes[c]);
        rig_child_deinit(&child);
}

// --- clocks -------------------------------------------------------------------------

static void a_late_start_is_silence(void **state) {
        static const char *const names[] = {"faults/delay.mkv", "faults/delay.mp4"};

        (void)state;
        for (size_t i = 0; i < 2; i++)
                for (size_t k = 0; k < 2; k++) {
                        CLEANUP(mem_freep) char *path = data_need(names[i]);
                        struct rig_child child;

                        if (i == 1 && k == 1)
                                continue;  // its index is last
                        runners[k](&child, path);
                        assert_fault(&child, MEDIA_FAULT_NONE);
                        assert_int_equal(child.n_gaps, 1);
                        assert_true(fabs(child.gap - 5) < 0.1);
                        assert_true(rig_sound_level(child.samples, 4 * RATE) == 0);
                        assert_true(rig_sound_level(child.samples + 5 * RATE, RATE) > 0.01);
                        assert_in_range(child.n_samples, 15.8 * RATE, 16.2 * RATE);
                        rig_child_deinit(&child);
                }
}

static void a_jump_of_the_clock_is_silence(void **state) {
        struct rig_child child;

        (void)state;
        rig_folder_ffmpeg("jump.mkv",
                          SINE " -af asetpts='if(gte(T,2),PTS+60/TB,PTS)' -c:a flac");
        for (size_t k = 0; k < 2; k++) {
                runners[k](&child, "jump.mkv");
                assert_fault(&child, MEDIA_FAULT_NONE);
                assert_in_range(child.n_samples, 63 * RATE - 100, 63 * RATE + 100);
                assert_int_equal(child.n_gaps, 1);
                assert_true(rig_sound_level(child.samples + 3 * RATE, 57 * RATE) == 0);
                assert_true(rig_sound_level(child.samples + 622 * RATE / 10, RATE / 2) > 0.05);
                rig_child_deinit(&child);
        }
        rig_folder_ffmpeg("hours.mkv",
                          SINE " -af asetpts='if(gte(T,2),PTS+7200/TB,PTS)' -c:a flac");
        file_run(&child, "hours.mkv");
        assert_fault(&child, MEDIA_FAULT_NONE);
        assert_in_range(child.n_samples, 3 * RATE - 100, 3 * RATE + 100);
        assert_string_equal(child.warning, "a gap of 2.0 hours in its time stamps is left out: "
                                           "what follows has earlier times");
        rig_child_deinit(&child);
}

// --- channels -------------------------------------------------------------------------

static void all_channels_are_heard(void **state) {
        static const char *const names[] = {"faults/nine-channels.wav",
                                            "faults/phase-inverted.flac"};
        struct rig_child child;

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                CLEANUP(mem_freep) char *path = data_need(names[i]);

                pipe_run(&child, path);
                assert_fault(&child, MEDIA_FAULT_NONE);
                assert_true(rig_sound_level(child.samples, child.n_samples) > 0.03);
                assert_int_equal(child.opened.tracks[0].channels, i == 0 ? 9 : 2);
                rig_child_deinit(&child);
        }
        rig_folder_ffmpeg("bass.wav", SINE " -af pan=5.1|FL=0*c0|FR=0*c0|FC=0*c0|LFE=c0|BL=0*"
                                           "c0|BR=0*c0");
        file_run(&child, "bass.wav");
        assert_true(fabs(rig_sound_level(child.samples, child.n_samples) - 0.0884) < 0.001);
        rig_child_deinit(&child);
}

// --- tracks -----------------------------------------------------------------------------

static void of_several_tracks_the_one_with_speech_is_heard(void **state) {
        CLEANUP(mem_freep) char *path = data_need("faults/obs.mkv");

        (void)state;
        for (size_t k = 0; k < 2; k++) {
                struct rig_child child;

                runners[k](&child, path);
                assert_fault(&child, MEDIA_FAULT_NONE);
                assert_int_equal(child.opened.n_tracks, 2);
                assert_int_equal(child.opened.chosen, 2);
                assert_string_equal(child.opened.why, "it was the first with speech");
                assert_true(child.opened.tracks[0].level < -80);
                assert_true(child.opened.tracks[1].level > -50);
                assert_true(rig_sound_level(child.samples, child.n_samples) > 0.003);
                rig_child_deinit(&child);
        }
}

static void a_track_may_be_asked_for(void **state) {
        struct media_request request = rig_child_request(MEDIA_FILE);
        struct rig_child child;

        (void)state;
        rig_folder_ffmpeg("three.mkv",
                          SILENCE " " SINE " " BURSTS " -map 0 -map 1 -map 2 -c:a flac "
                                  "-metadata:s:a:1 language=ger -metadata:s:a:2 language=fre");
        snprintf(request.track, sizeof(request.track), "de");
        rig_child_file(&child, &request, "three.mkv");
        assert_int_equal(child.opened.chosen, 2);
        assert_true(fabs(rig_sound_level(child.samples, child.n_samples) - 0.0884) < 0.001);
        rig_child_deinit(&child);
        snprintf(request.track, sizeof(request.track), "1");
        rig_child_file(&child, &request, "three.mkv");
        assert_int_equal(child.opened.chosen, 1);
        assert_true(rig_sound_level(child.samples, child.n_samples) == 0);
        assert_int_equal(child.n_samples, 3 * RATE);
        rig_child_deinit(&child);
        request.track[0] = '\0';
        rig_child_pipe(&child, &request, "three.mkv");
        assert_int_equal(child.opened.chosen, 3);
        assert_int_equal(child.n_samples, 3 * RATE);
        rig_child_deinit(&child);
        snprintf(request.track, sizeof(request.track), "4");
        rig_child_file(&child, &request, "three.mkv");
        assert_fault(&child, MEDIA_FAULT_NO_AUDIO);
        assert_string_equal(child.words, "there is no sound track 4: the last is 3");
        rig_child_deinit(&child);
}

static void silent_tracks_are_told(void **state) {
        struct rig_child child;

        (void)state;
        rig_folder_ffmpeg("silent.mkv", SILENCE " " SILENCE " -map 0 -map 1 -c:a flac");
        file_run(&child, "silent.mkv");
        assert_fault(&child, MEDIA_FAULT_NONE);
        assert_int_equal(child.opened.chosen, 1);
        assert_int_equal(child.n_samples, 3 * RATE);
        assert_string_equal(
                child.warning,
                "its 2 sound tracks are silent; the first is heard (another: track)");
        rig_child_deinit(&child);
        rig_folder_ffmpeg("hum.mkv", SILENCE " " SINE " -map 0 -map 1 -c:a flac");
        file_run(&child, "hum.mkv");
        assert_int_equal(child.opened.chosen, 2);
        assert_int_equal(child.n_warnings, 0);
        rig_child_deinit(&child);
}

// --- joined and cut -----------------------------------------------------------------------

static void joined_files_are_one(void **state) {
        static const char *const names[] = {"one.flac", "one.ogg",  "one.mp3", "one.wav",
                                            "one.opus", "one.aiff", "one.aac", "one.ts"};
        // What encoders add: up to 0.1 s, twice.
        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                for (size_t k = 0; k < 2; k++) {
                        struct rig_child child;

                        rig_folder_ffmpeg(names[i], SINE " -metadata title=x");
                        rig_folder_join("joined", names[i], names[i]);
                        runners[k](&child, "joined");
                        print_message("%s twice: %.3f s, %s\n", names[i],
                                      (double)child.n_samples / RATE, child.words);
                        assert_fault(&child, MEDIA_FAULT_NONE);
                        assert_in_range(child.n_samples, 5.9 * RATE, 6.3 * RATE);
                        assert_int_equal(child.n_gaps, 0);
                        rig_child_deinit(&child);
                }
}

static void files_that_were_cut_are_damaged(void **state) {
        static const char *const names[] = {"one.flac", "one.wav", "one.mp3",   "one.aiff",
                                            "fast.mp4", "one.mkv", "noise.ogg", "noise.opus"};

        (void)state;
        // Of several pages.
        rig_folder_ffmpeg("noise.ogg", BURSTS);
        rig_folder_ffmpeg("noise.opus", BURSTS);
        rig_folder_ffmpeg("one.mkv", SINE " -c:a pcm_s16le");
        rig_folder_ffmpeg("fast.mp4", SINE " -c:a aac -movflags +faststart");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                for (size_t k = 0; k < 2; k++) {
                        struct rig_child child;
                        size_t n;

                        free(rig_folder_read(names[i], &n));
                        rig_folder_cut("cut", names[i], n / 2 + 13);
                        runners[k](&child, "cut");
                        print_message("%s cut: %.3f s, %s: %s at %.2f s\n", names[i],
                                      (double)child.n_samples / RATE,
                                      media_records_fault(child.fault), child.words,
                                      child.seconds);
                        assert_fault(&child, MEDIA_FAULT_DAMAGED);
                        assert_in_range(child.n_samples, 0.5 * RATE, 2.5 * RATE);
                        assert_true(fabs(child.seconds - (double)child.n_samples / RATE) < 0.3);
                        rig_child_deinit(&child);
                }
}

static void an_index_at_the_end_needs_a_file(void **state) {
        struct rig_child child;
        size_t n;

        (void)state;
        rig_folder_ffmpeg("last.mp4", SINE " -c:a pcm_s16be -f mov");
        file_run(&child, "last.mp4");
        assert_fault(&child, MEDIA_FAULT_NONE);
        rig_child_deinit(&child);
        pipe_run(&child, "last.mp4");
        assert_fault(&child, MEDIA_FAULT_INDEX_LAST);
        assert_int_equal(child.n_samples, 0);
        rig_child_deinit(&child);
        free(rig_folder_read("last.mp4", &n));
        rig_folder_cut("cut", "last.mp4", n / 2);
        file_run(&child, "cut");
        assert_fault(&child, MEDIA_FAULT_DAMAGED);
        rig_child_deinit(&child);
}

// --- played as live streams -----------------------------------------------------------------

static void a_looped_file_goes_on(void **state) {
        struct media_request request = rig_child_request(MEDIA_FILE);
        CLEANUP(mem_freep) char *path = rig_folder_path("short.wav");
        struct rig_child child;
        int input;

        (void)state;
        rig_folder_ffmpeg("short.wav", SINE " -t 0.5");
        input = open(path, O_RDONLY | O_CLOEXEC);
        request.is_looped = true;
        rig_child_run(&child, &request, input, 5 * RATE);
        close(input);
        assert_true(child.n_samples >= 5 * RATE);
        assert_true(fabs(rig_sound_level(child.samples, child.n_samples) - 0.0884) < 0.001);
        rig_child_deinit(&child);
}

// --- what is no sound -----------------------------------------------------------------------

static void what_is_no_sound_is_told(void **state) {
        static const struct {
                const char *name;
                enum media_fault fault;
        } cases[] = {
                {"text.txt", MEDIA_FAULT_NOT_MEDIA}, {"empty", MEDIA_FAULT_NOT_MEDIA},
                {"garbage", MEDIA_FAULT_NOT_MEDIA},  {"picture.mp4", MEDIA_FAULT_NO_AUDIO},
                {"rare.sf", MEDIA_FAULT_FORMAT},     {"script", MEDIA_FAULT_FORMAT},
                {"list.m3u8", MEDIA_FAULT_FORMAT},   {"nothing.wav", MEDIA_FAULT_NO_AUDIO},
                {"fast.wav", MEDIA_FAULT_LIMIT},     {"slow.wav", MEDIA_FAULT_LIMIT},
        };
        static const char script[] = "ffconcat version 1.0\nfile '/etc/hostname'\n";
        static const char list[] = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n"
                                   "file:///etc/hostname\n#EXT-X-ENDLIST\n";
        uint8_t garbage[30000], *wave;
        size_t n;

        (void)state;
        srand(7);
        for (size_t i = 0; i < sizeof(garbage); i++)
                garbage[i] = (uint8_t)rand();
        rig_folder_write("text.txt", "this is no sound\n", 17);
        rig_folder_write("empty", "", 0);
        rig_folder_write("garbage", garbage, sizeof(garbage));
        rig_folder_write("script", script, sizeof(script) - 1);
        rig_folder_write("list.m3u8", list, sizeof(list) - 1);
        rig_folder_ffmpeg("picture.mp4", "-f lavfi -i testsrc=d=1:s=64x48 -c:v mpeg4 -movflags "
                                         "+faststart");
        rig_folder_ffmpeg("rare.sf", SINE " -f ircam");
        rig_folder_ffmpeg("mono.wav", SINE " -bitexact");
        rig_folder_cut("nothing.wav", "mono.wav", 44);
        wave = rig_folder_read("mono.wav", &n);
        memcpy(wave + 24, &(uint32_t){1000000000}, 4);
        rig_folder_write("fast.wav", wave, n);
        memcpy(wave + 24, &(uint32_t){1}, 4);
        rig_folder_write("slow.wav", wave, n);
        free(wave);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (size_t k = 0; k < 2; k++) {
                        struct rig_child child;

                        runners[k](&child, cases[i].name);
                        print_message("%s: %s: %s\n", cases[i].name,
                                      media_records_fault(child.fault), child.words);
                        assert_fault(&child, cases[i].fault);
                        assert_int_equal(child.n_samples, 0);
                        rig_child_deinit(&child);
                }
}

// Bytes for ever: a chunk of 4 GB that nobody knows, an ID3 tag of 256 MB, noise.
static void endless_headers_have_an_end(void **state) {
        static const struct {
                const char head[32];
                size_t n;
        } cases[] = {
                {"RIFF\xff\xff\xff\xffWAVEjunk\xf0\xff\xff\xff", 20},
                {"\x1a\x45\xdf\xa3\x80\xec\x01\xff\xff\xff\xff\xff\xff\xff", 14},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct media_request request = rig_child_request(MEDIA_UPLOAD);
                struct rig_child child;
                uint8_t bytes[65536] = {0};
                int ends[2];
                pid_t writer;

                assert_int_equal(pipe(ends), 0);
                writer = fork();
                if (writer == 0) {
                        close(ends[0]);
                        if (write(ends[1], cases[i].head, cases[i].n) < 0)
                                _exit(1);
                        while (write(ends[1], bytes, sizeof(bytes)) > 0)
                                continue;
                        _exit(0);
                }
                close(ends[1]);
                rig_child_run(&child, &request, ends[0], 0);
                close(ends[0]);
                kill(writer, SIGKILL);
                print_message("endless %zu: %s: %s\n", i, media_records_fault(child.fault),
                              child.words);
                assert_fault(&child, MEDIA_FAULT_LIMIT);
                rig_child_deinit(&child);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_what_ffmpeg_makes_of_it),
                cmocka_unit_test(channels_are_kept_apart_where_asked),
                cmocka_unit_test(a_late_start_is_silence),
                cmocka_unit_test(a_jump_of_the_clock_is_silence),
                cmocka_unit_test(all_channels_are_heard),
                cmocka_unit_test(of_several_tracks_the_one_with_speech_is_heard),
                cmocka_unit_test(a_track_may_be_asked_for),
                cmocka_unit_test(silent_tracks_are_told),
                cmocka_unit_test(joined_files_are_one),
                cmocka_unit_test(files_that_were_cut_are_damaged),
                cmocka_unit_test(an_index_at_the_end_needs_a_file),
                cmocka_unit_test(a_looped_file_goes_on),
                cmocka_unit_test(what_is_no_sound_is_told),
                cmocka_unit_test(endless_headers_have_an_end),
        };

        return cmocka_run_group_tests(tests, rig_folder_make, rig_folder_remove);
}
