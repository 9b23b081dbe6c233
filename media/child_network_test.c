// What a child makes of far ends on loopback.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/child_rig.h"
#include "media/server_rig.h"
#include "util/mem.h"

#define RATE     16000
#define PASSWORD "s3cr3t"
#define SINE     "-f lavfi -i sine=frequency=440:duration=2:sample_rate=16000"

#define HLS  " -c:a aac -f hls -hls_time 1 -hls_list_size 0"
#define FILM SINE " -f lavfi -i testsrc=duration=2:size=64x64:rate=5 -c:v mpeg2video"

// A playlist, and its bit rate in the one that names it.
struct quality {
        const char *list;
        int rate;
};

// A playlist of others, with the bit rate of each.
static void qualities_write(const char *name, const struct quality qualities[static 3]) {
        CLEANUP(mem_freep)
        char *list = xasprintf("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=%d\n%s\n"
                               "#EXT-X-STREAM-INF:BANDWIDTH=%d\n%s\n"
                               "#EXT-X-STREAM-INF:BANDWIDTH=%d\n%s\n",
                               qualities[0].rate, qualities[0].list, qualities[1].rate,
                               qualities[1].list, qualities[2].rate, qualities[2].list);

        rig_folder_write(name, list, strlen(list));
}

static int files_make(void **state) {
        static const char list[] = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n"
                                   "file:///etc/hostname\n#EXT-X-ENDLIST\n";
        int code = rig_folder_make(state);

        if (code < 0)
                return code;
        rig_folder_ffmpeg("talk.mp3", SINE " -b:a 64k");
        rig_folder_ffmpeg("talk.wav", SINE);
        rig_folder_ffmpeg("talk.m3u8", SINE HLS);
        rig_folder_ffmpeg("good.m3u8", SINE " -ar 48000" HLS);
        rig_folder_ffmpeg("film.m3u8", FILM " -ar 32000" HLS);
        rig_folder_ffmpeg("large.m3u8", FILM " -ar 44100" HLS);
        qualities_write("sound.m3u8", (const struct quality[]){{"film.m3u8", 20000},
                                                               {"good.m3u8", 96000},
                                                               {"talk.m3u8", 32000}});
        qualities_write("films.m3u8", (const struct quality[]){{"large.m3u8", 900000},
                                                               {"film.m3u8", 400000},
                                                               {"large.m3u8", 2000000}});
        rig_folder_write("hostile.m3u8", list, sizeof(list) - 1);
        rig_folder_write("page.html", "<html>nothing here</html>\n", 26);
        return 0;
}

static void url_run(struct rig_child *ret, const char *format, int port, const char *rest) {
        struct media_request request = rig_child_request(MEDIA_NETWORK);

        snprintf(request.url, sizeof(request.url), "%s127.0.0.1:%d%s", format, port, rest);
        rig_child_run(ret, &request, -1, 0);
        assert_int_equal(ret->status, 0);
        assert_true(ret->has_end);
        assert_null(strstr(ret->words, PASSWORD));
        print_message("%s: %zu samples, %s: %s\n", rest, ret->n_samples,
                      media_records_fault(ret->fault), ret->words);
}

// --- web ------------------------------------------------------------------------------

static void recordings_are_heard_once_and_end(void **state) {
        static const char *const paths[] = {"/talk.mp3", "/talk.wav", "/talk.m3u8",
                                            "/to//talk.mp3"};
        struct rig_server web = rig_server_web();

        (void)state;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct rig_child child;

                url_run(&child, "http://user:" PASSWORD "@", web.port, paths[i]);
                assert_int_equal(child.fault, MEDIA_FAULT_NONE);
                assert_true(child.opened.is_finite);
                assert_true(fabs(child.opened.duration - 2) < 0.2 ||
                            isnan(child.opened.duration));
                assert_in_range(child.n_samples, 1.9 * RATE, 2.2 * RATE);
                rig_child_deinit(&child);
        }
        rig_server_close(&web);
}

static void radio_has_titles_and_no_end(void **state) {
        struct rig_server web = rig_server_web();
        struct rig_child child;

        (void)state;
        url_run(&child, "http://", web.port, "/radio/talk.mp3");
        assert_int_equal(child.fault, MEDIA_FAULT_NONE);
        assert_false(child.opened.is_finite);
        assert_true(isnan(child.opened.duration));
        assert_string_equal(child.titles, "first|second|");
        assert_in_range(child.n_samples, 1.9 * RATE, 2.2 * RATE);
        rig_child_deinit(&child);
        rig_server_close(&web);
}

static void far_ends_that_fail_are_told(void **state) {
        static const struct {
                const char *path;
                enum media_fault fault;
        } cases[] = {
                {"/code/401", MEDIA_FAULT_CREDENTIALS},
                {"/code/403", MEDIA_FAULT_CREDENTIALS},
                {"/code/404", MEDIA_FAULT_NOT_FOUND},
                {"/code/500", MEDIA_FAULT_OTHER},
                {"/to/file:///etc/hostname", MEDIA_FAULT_PROTOCOL},
                {"/to/udp://127.0.0.1:1", MEDIA_FAULT_PROTOCOL},
                {"/to/rtsp://127.0.0.1:1/", MEDIA_FAULT_PROTOCOL},
                {"/page.html", MEDIA_FAULT_NOT_MEDIA},
        };
        struct rig_server web = rig_server_web();

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct rig_child child;

                url_run(&child, "http://user:" PASSWORD "@", web.port, cases[i].path);
                assert_int_equal(child.fault, cases[i].fault);
                assert_int_equal(child.n_samples, 0);
                rig_child_deinit(&child);
        }
        rig_server_close(&web);
}

// A playlist that names a file of this machine: nothing of it is read.
static void playlists_read_no_files(void **state) {
        struct rig_server web = rig_server_web();
        struct rig_child child;

        (void)state;
        url_run(&child, "http://", web.port, "/hostile.m3u8");
        assert_int_equal(child.fault, MEDIA_FAULT_PROTOCOL);
        assert_int_equal(child.n_samples, 0);
        rig_child_deinit(&child);
        rig_server_close(&web);
}

// Pictures cost and are not looked at; where there are none, the best sound costs little.
static void of_several_qualities_one_is_fetched(void **state) {
        struct rig_server web = rig_server_web();
        struct rig_child child;

        (void)state;
        url_run(&child, "http://", web.port, "/sound.m3u8");
        assert_int_equal(child.opened.n_tracks, 1);
        assert_int_equal(child.opened.tracks[0].rate, 48000);
        assert_in_range(child.n_samples, 1.9 * RATE, 2.2 * RATE);
        rig_child_deinit(&child);
        url_run(&child, "http://", web.port, "/films.m3u8");
        assert_int_equal(child.opened.n_tracks, 1);
        assert_int_equal(child.opened.tracks[0].rate, 32000);
        assert_in_range(child.n_samples, 1.9 * RATE, 2.2 * RATE);
        rig_child_deinit(&child);
        rig_server_close(&web);
}

static void a_cut_connection_is_no_proper_end(void **state) {
        struct rig_server web = rig_server_web();
        struct rig_child child;

        (void)state;
        url_run(&child, "http://", web.port, "/cut/talk.wav");
        assert_int_not_equal(child.fault, MEDIA_FAULT_NONE);
        assert_true(child.n_samples > RATE / 2);
        rig_child_deinit(&child);
        rig_server_close(&web);
}

static void nobody_there_is_told(void **state) {
        static const char *const schemes[] = {"http://", "rtsp://", "rtmp://"};

        (void)state;
        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                struct rig_child child;

                url_run(&child, schemes[i], rig_server_free_port(), "/x");
                assert_int_equal(child.fault, MEDIA_FAULT_REFUSED);
                rig_child_deinit(&child);
        }
}

// --- cameras ----------------------------------------------------------------------------

static void camera_run(struct rig_child *ret, unsigned n_tracks, const struct rig_scene *scenes,
                       size_t n_scenes) {
        struct rig_server camera = rig_server_camera(n_tracks, scenes, n_scenes, 0);

        url_run(ret, "rtsp://user:" PASSWORD "@", camera.port, "/camera");
        rig_server_close(&camera);
}

static void a_camera_is_heard_to_its_last_sample(void **state) {
        const struct rig_scene scenes[] = {{0, RIG_SINE, 0, 2}};
        struct rig_child child;

        (void)state;
        camera_run(&child, 1, scenes, 1);
        assert_false(child.opened.is_finite);
        assert_string_equal(child.opened.container, "rtsp");
        assert_string_equal(child.opened.tracks[0].codec, "pcm_mulaw");
        assert_int_equal(child.opened.tracks[0].rate, 8000);
        assert_in_range(child.n_samples, 2 * RATE - 2, 2 * RATE + 2);
        assert_true(fabs(rig_sound_level(child.samples, child.n_samples) - 0.1726) < 0.005);
        rig_child_deinit(&child);
}

static void its_clock_may_have_gaps_and_jump(void **state) {
        const struct rig_scene scenes[] = {
                {0, RIG_SINE, 0, 1},   // then 3 s are missing
                {0, RIG_SINE, 4, 1},   // then a minute
                {0, RIG_SINE, 65, 1},  // and back
                {0, RIG_SINE, 0, 1},
        };
        struct rig_child child;

        (void)state;
        camera_run(&child, 1, scenes, 4);
        assert_int_equal(child.n_gaps, 1);
        assert_true(fabs(child.gap - 3) < 0.01);
        assert_int_equal(child.n_jumps, 2);
        assert_true(fabs(child.jump + 66) < 0.01);
        assert_in_range(child.n_samples, 7 * RATE - 10, 7 * RATE + 10);
        rig_child_deinit(&child);
}

// Two seconds before speech is recognised are not lost, what is older is.
static void the_track_with_speech_is_heard(void **state) {
        const struct rig_scene scenes[] = {{0, RIG_SILENCE, 0, 5},
                                           {1, RIG_SILENCE, 0, 5},
                                           {0, RIG_SILENCE, 5, 5},
                                           {1, RIG_BURSTS, 5, 5}};
        struct rig_child child;

        (void)state;
        camera_run(&child, 2, scenes, 4);
        assert_int_equal(child.opened.n_tracks, 2);
        assert_int_equal(child.opened.chosen, 2);
        assert_string_equal(child.opened.why, "it was the first with speech");
        assert_in_range(child.n_samples, 5.1 * RATE, 7 * RATE);
        assert_true(rig_sound_level(child.samples, RATE / 10) < 0.001);
        rig_child_deinit(&child);
}

static void a_camera_that_refuses_is_told(void **state) {
        static const struct {
                int status;
                enum media_fault fault;
        } cases[] = {{401, MEDIA_FAULT_CREDENTIALS},
                     {403, MEDIA_FAULT_CREDENTIALS},
                     {404, MEDIA_FAULT_NOT_FOUND},
                     {500, MEDIA_FAULT_OTHER}};
        const struct rig_scene nothing = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct rig_server camera = rig_server_camera(1, &nothing, 0, cases[i].status);
                struct rig_child child;

                url_run(&child, "rtsp://user:" PASSWORD "@", camera.port, "/camera");
                assert_int_equal(child.fault, cases[i].fault);
                rig_child_deinit(&child);
                rig_server_close(&camera);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(recordings_are_heard_once_and_end),
                cmocka_unit_test(radio_has_titles_and_no_end),
                cmocka_unit_test(far_ends_that_fail_are_told),
                cmocka_unit_test(playlists_read_no_files),
                cmocka_unit_test(of_several_qualities_one_is_fetched),
                cmocka_unit_test(a_cut_connection_is_no_proper_end),
                cmocka_unit_test(nobody_there_is_told),
                cmocka_unit_test(a_camera_is_heard_to_its_last_sample),
                cmocka_unit_test(its_clock_may_have_gaps_and_jump),
                cmocka_unit_test(the_track_with_speech_is_heard),
                cmocka_unit_test(a_camera_that_refuses_is_told),
        };

        return cmocka_run_group_tests(tests, files_make, rig_folder_remove);
}
