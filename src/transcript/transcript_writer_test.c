#include "transcript/transcript_writer.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static char text_first[] = " Hello, <b>you</b> & me\nthere";
static char text_second[] = " Bye \xff";

static const struct segment segments[] = {
        {
                .begin = 0,
                .end = 16000,
                .text = text_first,
                .avg_logprob = -0.25f,
                .no_speech_prob = 0.01f,
                .compression_ratio = 1.5f,
        },
        {
                .begin = 16008,  // 1000.5 ms: rounds up
                .end = (int64_t)16000 * 36000 + 8000,
                .text = text_second,
        },
};

// Write two files as the format says, the second one without segments.
static char *transcript_write(enum transcript_format format, bool names_files) {
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);
        struct transcript_writer *writer = transcript_writer_new(stream, format, names_files);

        transcript_writer_begin(writer, "a.wav");
        transcript_writer_segment(writer, &segments[0]);
        transcript_writer_segment(writer, &segments[1]);
        transcript_writer_end(writer, "en", 16000 * 2 + 8);
        transcript_writer_begin(writer, "b\xe4.wav");
        transcript_writer_end(writer, "", 0);
        transcript_writer_free(writer);
        fclose(stream);
        return text;
}

static void test_text(void **state) {
        CLEANUP(mem_freep) char *plain = transcript_write(TRANSCRIPT_TEXT, false);
        CLEANUP(mem_freep) char *named = transcript_write(TRANSCRIPT_TEXT, true);

        (void)state;
        assert_string_equal(plain, "Hello, <b>you</b> & me there\nBye \xef\xbf\xbd\n");
        assert_string_equal(named, "a.wav: Hello, <b>you</b> & me there\n"
                                   "a.wav: Bye \xef\xbf\xbd\n");
}

static void test_subtitles(void **state) {
        CLEANUP(mem_freep) char *srt = transcript_write(TRANSCRIPT_SRT, false);
        CLEANUP(mem_freep) char *vtt = transcript_write(TRANSCRIPT_VTT, false);

        (void)state;
        assert_string_equal(srt, "1\n00:00:00,000 --> 00:00:01,000\n"
                                 "Hello, <b>you</b> & me there\n\n"
                                 "2\n00:00:01,001 --> 10:00:00,500\n"
                                 "Bye \xef\xbf\xbd\n\n");
        assert_string_equal(vtt, "WEBVTT\n\n"
                                 "00:00:00.000 --> 00:00:01.000\n"
                                 "Hello, &lt;b&gt;you&lt;/b&gt; &amp; me there\n\n"
                                 "00:00:01.001 --> 10:00:00.500\n"
                                 "Bye \xef\xbf\xbd\n\n"
                                 "WEBVTT\n\n");
}

static void assert_figure(const json_t *object, const char *key, double expected) {
        assert_true(fabs(json_real_value(json_object_get(object, key)) - expected) < 1e-9);
}

static void test_json_lines(void **state) {
        CLEANUP(mem_freep) char *text = transcript_write(TRANSCRIPT_JSON, true);
        char *second = strchr(text, '\n') + 1;
        json_t *a, *b, *segment;

        (void)state;
        second[-1] = '\0';
        a = json_loads(text, 0, NULL);
        b = json_loads(second, 0, NULL);
        assert_non_null(a);
        assert_non_null(b);
        assert_string_equal(json_string_value(json_object_get(a, "file")), "a.wav");
        assert_string_equal(json_string_value(json_object_get(a, "language")), "en");
        assert_figure(a, "duration", 2.001);
        assert_int_equal(json_array_size(json_object_get(a, "segments")), 2);
        segment = json_array_get(json_object_get(a, "segments"), 0);
        assert_string_equal(json_string_value(json_object_get(segment, "text")),
                            "Hello, <b>you</b> & me there");
        assert_figure(segment, "avg_logprob", -0.25);
        assert_figure(segment, "no_speech_prob", 0.01);
        assert_figure(segment, "compression_ratio", 1.5);
        segment = json_array_get(json_object_get(a, "segments"), 1);
        assert_figure(segment, "start", 1.001);
        assert_figure(segment, "end", 36000.5);
        assert_string_equal(json_string_value(json_object_get(b, "file")), "b\xef\xbf\xbd.wav");
        assert_true(json_is_null(json_object_get(b, "language")));
        assert_int_equal(json_array_size(json_object_get(b, "segments")), 0);
        json_decref(a);
        json_decref(b);
}

static void test_a_broken_off_file_gives_no_json(void **state) {
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);
        struct transcript_writer *writer =
                transcript_writer_new(stream, TRANSCRIPT_JSON, false);

        (void)state;
        transcript_writer_begin(writer, "a.wav");
        transcript_writer_segment(writer, &segments[0]);
        transcript_writer_break(writer);
        transcript_writer_free(writer);
        fclose(stream);
        assert_int_equal(n, 0);
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_subtitles),
                cmocka_unit_test(test_json_lines),
                cmocka_unit_test(test_a_broken_off_file_gives_no_json),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
