// Sound that is sent while it is spoken: what was sent comes out, though more is to follow.
#include "media/child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/child_rig.h"
#include "util/mem.h"

#define RATE    16000
#define SECONDS 4

// A writer of the first `n` bytes, which then keeps its end open and says nothing.
static pid_t talker_start(const uint8_t *bytes, size_t n, const int ends[2]) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        close(ends[0]);
        while (n > 0) {
                ssize_t got = write(ends[1], bytes, n);

                if (got <= 0)
                        break;
                bytes += got;
                n -= (size_t)got;
        }
        for (;;)
                pause();
}

// Half of the sound is sent; all of it but what `held` says comes out.
static void half_hear(const char *name, double held) {
        struct media_request request = rig_child_request(MEDIA_LIVE);
        struct rig_child child;
        size_t n;
        uint8_t *bytes = rig_folder_read(name, &n);
        pid_t talker;
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        talker = talker_start(bytes, n / 2, ends);
        close(ends[1]);
        rig_child_run(&child, &request, ends[0], (size_t)((SECONDS * 0.5 - held) * RATE));
        close(ends[0]);
        kill(talker, SIGKILL);
        waitpid(talker, NULL, 0);
        free(bytes);
        assert_true(child.has_opened);
        assert_false(child.opened.is_finite);
        assert_false(child.has_end);
        rig_child_deinit(&child);
}

#define SINE "-f lavfi -i sine=frequency=300:sample_rate=16000:duration=4 "

static void containers_come_out_while_they_are_sent(void **state) {
        (void)state;
        rig_folder_ffmpeg("live.webm", SINE "-c:a libopus -b:a 32k -vbr off -live 1");
        half_hear("live.webm", 0.2);
        rig_folder_ffmpeg("live.ogg", SINE "-c:a libopus -b:a 32k -vbr off -page_duration 1");
        half_hear("live.ogg", 0.2);
        // Its first 64 KiB are looked at for sound that is disguised as PCM (S/PDIF).
        rig_folder_ffmpeg("live.wav", SINE "-ar 48000 -c:a pcm_s16le");
        half_hear("live.wav", 0.15);
        rig_folder_ffmpeg("live.aac", SINE "-c:a aac -b:a 64k -f adts");
        half_hear("live.aac", 0.4);
        rig_folder_ffmpeg("live.mp3",
                          SINE "-c:a libmp3lame -b:a 64k -write_xing 0 -id3v2_version 0");
        half_hear("live.mp3", 0.4);
}

// Its decoder looks at ten frames at once.
static void flac_comes_out_a_little_later(void **state) {
        (void)state;
        rig_folder_ffmpeg("live.flac",
                          "-f lavfi -i anoisesrc=d=4:r=16000:a=0.1 -c:a flac -frame_size 1024");
        half_hear("live.flac", 1.0);
}

static void garbage_is_told_before_it_ends(void **state) {
        struct media_request request = rig_child_request(MEDIA_LIVE);
        uint8_t *bytes = xcalloc(65536, 1);
        struct rig_child child;
        pid_t talker;
        int ends[2];

        (void)state;
        for (size_t i = 0; i < 65536; i++)
                bytes[i] = (uint8_t)(i * i >> 5);
        assert_int_equal(pipe(ends), 0);
        talker = talker_start(bytes, 65536, ends);
        close(ends[1]);
        rig_child_run(&child, &request, ends[0], 0);
        close(ends[0]);
        kill(talker, SIGKILL);
        waitpid(talker, NULL, 0);
        free(bytes);
        assert_true(child.has_end);
        assert_int_equal(child.fault, MEDIA_FAULT_NOT_MEDIA);
        rig_child_deinit(&child);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(containers_come_out_while_they_are_sent),
                cmocka_unit_test(flac_comes_out_a_little_later),
                cmocka_unit_test(garbage_is_told_before_it_ends),
        };

        return cmocka_run_group_tests(tests, rig_folder_make, rig_folder_remove);
}
