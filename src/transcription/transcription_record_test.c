// What is wished, and what outlives the process of it.
#include "transcription/transcription_record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct transcription_record record_new(void) {
        struct transcription_record record = {
                .id = ID,
                .state = TRANSCRIPTION_RUNNING,
                .principal = xstrdup("alice"),
                .address = xstrdup("192.0.2.7"),
                .file = xstrdup("talk \xff.wav"),
                .size = 12345,
                .created = 1764500000123,
        };
        struct error error;

        assert_int_equal(transcription_wish_set(&record.wish, "language", "German", &error), 0);
        assert_int_equal(transcription_wish_set(&record.wish, "task", "translate", &error), 0);
        assert_int_equal(transcription_wish_set(&record.wish, "prompt", "Names", &error), 0);
        assert_int_equal(transcription_wish_set(&record.wish, "beam_size", "5", &error), 0);
        return record;
}

static void what_was_written_is_read(void **state) {
        struct transcription_record record = record_new(), got;
        CLEANUP(mem_freep) char *text = transcription_record_text(&record);

        (void)state;
        assert_int_equal(transcription_record_read(&got, text, strlen(text), NULL), 0);
        assert_string_equal(got.id, ID);
        assert_int_equal(got.state, TRANSCRIPTION_WAITING);
        assert_string_equal(got.principal, "alice");
        assert_string_equal(got.address, "192.0.2.7");
        assert_string_equal(got.file, "talk \xef\xbf\xbd.wav");
        assert_true(got.size == 12345 && got.created == 1764500000123 && got.ended == 0);
        assert_string_equal(got.wish.language, "de");
        assert_true(got.wish.has_task && got.wish.task == DECODE_TRANSLATE);
        assert_string_equal(got.wish.prompt, "Names");
        assert_null(got.wish.hotwords);
        assert_false(got.wish.has_word_times);
        assert_int_equal(got.wish.beam_size, 5);
        transcription_record_deinit(&got);
        transcription_record_deinit(&record);
}

static void how_it_ended_is_read(void **state) {
        struct transcription_record record = record_new(), got;
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        record.state = TRANSCRIPTION_FAILED;
        record.reason = xstrdup("too long");
        record.status = 413;
        record.ended = record.created + 1000;
        record.n_samples = 160000;
        text = transcription_record_text(&record);
        assert_int_equal(transcription_record_read(&got, text, strlen(text), NULL), 0);
        assert_int_equal(got.state, TRANSCRIPTION_FAILED);
        assert_string_equal(got.reason, "too long");
        assert_int_equal(got.status, 413);
        assert_true(got.ended == record.ended && got.n_samples == 160000);
        transcription_record_deinit(&got);
        transcription_record_deinit(&record);
}

// Each with one member of a good record replaced.
static void what_nobody_wrote_is_refused(void **state) {
        static const struct {
                const char *key, *value;
        } cases[] = {
                {"id", "\"../../../etc/passwd\""},
                {"id", "\"0123456789ABCDEF0123456789abcdef\""},
                {"state", "\"running\""},
                {"state", "\"failed\""},
                {"state", "7"},
                {"principal", "null"},
                {"principal", "\"\""},
                {"address", "[]"},
                {"size", "-1"},
                {"size", "1e3"},
                {"size", "9223372036854775807"},
                {"created", "\"now\""},
                {"language", "\"klingon\""},
                {"language", "null"},
                {"status", "600"},
                {"wish", "null"},
                {"wish", "{\"language\": 3}"},
                {"wish", "{\"colour\": \"red\"}"},
                {"wish", "{\"beam_size\": \"0\"}"},
        };
        struct transcription_record record = record_new();
        CLEANUP(mem_freep) char *text = transcription_record_text(&record);

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                json_t *json = json_loads(text, 0, NULL);
                CLEANUP(mem_freep) char *broken = NULL;
                struct transcription_record got;
                struct error error = {0};

                json_object_set_new(json, cases[i].key,
                                    json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
                broken = json_dumps(json, 0);
                assert_int_equal(
                        transcription_record_read(&got, broken, strlen(broken), &error),
                        -EINVAL);
                assert_true(error.text[0]);
                transcription_record_deinit(&got);
                json_decref(json);
        }
        {
                struct transcription_record got;

                assert_int_equal(transcription_record_read(&got, "[]", 2, NULL), -EINVAL);
                transcription_record_deinit(&got);
                assert_int_equal(transcription_record_read(&got, text, 30, NULL), -EINVAL);
                transcription_record_deinit(&got);
        }
        transcription_record_deinit(&record);
}

static void wishes_have_limits(void **state) {
        static const char *const cases[][2] = {
                {"language", "klingon"}, {"task", "sing"},     {"words", "yes"},
                {"beam_size", "0"},      {"beam_size", "1e1"}, {"beam_size", "33"},
                {"prompt", "J\xfcrgen"}, {"hotwords", "\xc3"},
        };
        struct transcription_wish wish = {0};
        const char *name = NULL;
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct transcription_wish one = {0};

                assert_int_equal(transcription_wish_set(&one, cases[i][0], cases[i][1], &error),
                                 -EINVAL);
                assert_true(error.text[0]);
                transcription_wish_deinit(&one);
        }
        assert_int_equal(transcription_wish_set(&wish, "colour", "red", &error), -ENOENT);
        assert_int_equal(transcription_wish_set(&wish, "prompt", "J\xc3\xbcrgen", &error), 0);
        assert_int_equal(transcription_wish_set(&wish, "words", "1", &error), 0);
        assert_int_equal(transcription_wish_set(&wish, "words", "1", &error), -EINVAL);
        assert_int_equal(transcription_wish_check(&wish, &name, &error), 0);
        assert_int_equal(transcription_wish_set(&wish, "task", "translate", &error), 0);
        assert_int_equal(transcription_wish_check(&wish, &name, &error), -EINVAL);
        assert_string_equal(name, "words");
        transcription_wish_deinit(&wish);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_written_is_read),
                cmocka_unit_test(how_it_ended_is_read),
                cmocka_unit_test(what_nobody_wrote_is_refused),
                cmocka_unit_test(wishes_have_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
