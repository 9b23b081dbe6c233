// Lines as ffmpeg 5.1 printed them for real peers and files.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "source/ffmpeg_diagnosis.h"

#define NOT_MEDIA "[error] pipe:0: Invalid data found when processing input"

static const struct {
        const char *lines[4];
        enum media_fault fault;
        const char *text;
} cases[] = {
        {{NULL}, MEDIA_FAULT_NONE, ""},
        {{"[warning] Guessed Channel Layout for Input Stream #0.0 : stereo"},
         MEDIA_FAULT_NONE,
         ""},
        {{"[rtsp @ 0x56009f31e540] [error] method DESCRIBE failed: 401 Unauthorized",
          "[concat @ 0x56009f30ca80] [error] Impossible to open 'rtsp://camera:wrong@h/office'",
          "[error] pipe:0: Server returned 401 Unauthorized (authorization failed)"},
         MEDIA_FAULT_CREDENTIALS,
         "user name or password refused"},
        {{"[http @ 0x555a2a052b40] [warning] HTTP error 403 X",
          "[error] pipe:0: Server returned 403 Forbidden (access denied)"},
         MEDIA_FAULT_CREDENTIALS,
         "user name or password refused"},
        {{"[rtsp @ 0x55d1273da5c0] [error] method DESCRIBE failed: 404 Not Found",
          "[error] pipe:0: Server returned 404 Not Found"},
         MEDIA_FAULT_NOT_FOUND,
         "no such path there (404)"},
        {{"[rtsp @ 0x557d671615c0] [error] method PLAY failed: 454 Session Not Found",
          "[error] pipe:0: Server returned 4XX Client Error, but not one of 40{0,1,3,4}"},
         MEDIA_FAULT_NO_AUDIO,
         "no audio track"},
        {{"[error] Output file #0 does not contain any stream"},
         MEDIA_FAULT_NO_AUDIO,
         "no audio track"},
        {{"[tcp @ 0x1] [error] Failed to resolve hostname x: Name or service not known",
          "[error] pipe:0: Input/output error"},
         MEDIA_FAULT_NAME,
         "unknown host name"},
        {{"[tcp @ 0x1] [error] Connection to tcp://127.0.0.1:1 failed: Connection refused",
          "[error] pipe:0: Connection refused"},
         MEDIA_FAULT_REFUSED,
         "connection refused"},
        {{"[error] pipe:0: Connection timed out"}, MEDIA_FAULT_TIMEOUT, "no answer in time"},
        {{"[rtsp @ 0x1] [warning] CSeq 1 expected, 0 received.", NOT_MEDIA},
         MEDIA_FAULT_NOT_MEDIA,
         "no sound in a known format"},
        {{"[ircam @ 0x55d58b2d4c80] [error] Format not on whitelist 'aac,ac3,aiff'",
          "[error] pipe:0: Invalid argument"},
         MEDIA_FAULT_FORMAT,
         "in a format that is not read from such a source"},
        {{"[mov,mp4,m4a,3gp,3g2,mj2 @ 0x1] [error] moov atom not found", NOT_MEDIA},
         MEDIA_FAULT_INDEX_LAST,
         "cut short, or an MP4 file with its index at the end"},
        {{"[http @ 0x1] [error] Stream ends prematurely at 99805, should be 200000",
          "[concat @ 0x1] [error] Impossible to open 'http://u:p@h/x'",
          "[error] pipe:0: Input/output error"},
         MEDIA_FAULT_OTHER,
         "Stream ends prematurely at 99805, should be 200000"},
        {{"[error] pipe:0: Input/output error"}, MEDIA_FAULT_OTHER, "Input/output error"},
        {{"[http @ 0x1] [error] odd answer of http://u:p@h/x?token=abc"},
         MEDIA_FAULT_OTHER,
         "odd answer of http://***@h/x?token=***"},
        {{"[fatal] no tag's end ["}, MEDIA_FAULT_OTHER, "no tag's end ["},
        {{"[", "[error]", "[error] ", ""}, MEDIA_FAULT_OTHER, ""},
};

static void each_complaint_is_understood(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct ffmpeg_diagnosis diagnosis;

                ffmpeg_diagnosis_init(&diagnosis);
                for (size_t j = 0; j < 4 && cases[i].lines[j]; j++)
                        ffmpeg_diagnosis_add(&diagnosis, cases[i].lines[j]);
                assert_string_equal(ffmpeg_diagnosis_text(&diagnosis), cases[i].text);
                assert_int_equal(diagnosis.fault, cases[i].fault);
        }
}

static void a_long_line_is_cut(void **state) {
        struct ffmpeg_diagnosis diagnosis;
        char line[4096] = "[error] ";

        (void)state;
        memset(line + 8, 'x', sizeof(line) - 9);
        ffmpeg_diagnosis_init(&diagnosis);
        ffmpeg_diagnosis_add(&diagnosis, line);
        assert_int_equal(strlen(ffmpeg_diagnosis_text(&diagnosis)), FFMPEG_LINE_MAX - 1);
        assert_int_equal(diagnosis.n_errors, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_complaint_is_understood),
                cmocka_unit_test(a_long_line_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
