// A text that runs out of room goes on in another window.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "decode/job_rig.h"
#include "util/mem.h"
#include "whisper/engine_rig.h"

static struct hypothesis hear(void **state, struct job *job) {
        void *engine = rig_open_engine(rig_need_tiny(state));
        struct hypothesis hypothesis;
        int result = -1;

        assert_int_equal(engine_whisper.submit(engine, job), 0);
        rig_finish_one(engine, &result, &hypothesis);
        assert_int_equal(result, 0);
        engine_whisper.close(engine);
        return hypothesis;
}

// All text in a row.
static char *text_of(const struct hypothesis *hypothesis) {
        char *text = xstrdup("");

        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                char *more = xasprintf("%s%s", text, hypothesis->segments[i].text);

                free(text);
                text = more;
        }
        return text;
}

static void check_room_for(void **state, unsigned n_tokens, enum decode_choice no_timestamps) {
        static const char *const parts[] = {" And so my fellow Americans ask not",
                                            " what your country can do for you",
                                            " ask what you can do for", " country"};
        CLEANUP(job_freep) struct job *job = rig_need_job("misc/jfk.flac");
        CLEANUP(mem_freep) char *text = NULL;
        const char *place;
        struct hypothesis hypothesis;
        int64_t end = 0;

        rig_options(job)->max_new_tokens = n_tokens;
        rig_options(job)->without_timestamps = no_timestamps;
        hypothesis = hear(state, job);
        text = text_of(&hypothesis);
        place = text;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                const char *found = strstr(place, parts[i]);

                if (found)
                        place = found + strlen(parts[i]);
                else
                        fail_msg("'%s' lacks '%s' or has it too early", text, parts[i]);
        }
        for (size_t i = 0; i < hypothesis.n_segments; i++) {
                assert_true(hypothesis.segments[i].n_tokens <= n_tokens);
                assert_true(hypothesis.segments[i].begin >= end);
                end = hypothesis.segments[i].end;
        }
        assert_int_equal(hypothesis.n_consumed, job->n_samples);
        hypothesis_deinit(&hypothesis);
}

static void test_a_text_goes_on(void **state) {
        check_room_for(state, 12, DECODE_YES);
        check_room_for(state, 12, DECODE_NO);
}

// Each window begins a second later at least, however little its text may have.
static void test_it_comes_to_an_end(void **state) {
        CLEANUP(job_freep) struct job *job = rig_need_job("misc/jfk.flac");
        struct hypothesis hypothesis;

        rig_options(job)->max_new_tokens = 1;
        rig_options(job)->without_timestamps = DECODE_YES;
        hypothesis = hear(state, job);
        assert_in_range(hypothesis.n_segments, 2, 11);
        assert_int_equal(hypothesis.n_consumed, job->n_samples);
        hypothesis_deinit(&hypothesis);
}

// Who seeks through a recording is told where to go on.
static void test_a_single_pass_tells_where(void **state) {
        CLEANUP(job_freep) struct job *job = rig_need_job("misc/jfk.flac");
        struct hypothesis hypothesis;

        rig_options(job)->max_new_tokens = 8;
        job->hints.is_single_pass = true;
        hypothesis = hear(state, job);
        assert_int_equal(hypothesis.n_segments, 1);
        assert_non_null(strstr(hypothesis.segments[0].text, " And so my fellow Americans"));
        assert_int_equal(hypothesis.n_consumed, hypothesis.segments[0].end);
        assert_in_range(hypothesis.n_consumed, 3 * AUDIO_RATE, 6 * AUDIO_RATE);
        hypothesis_deinit(&hypothesis);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_text_goes_on),
                cmocka_unit_test(test_it_comes_to_an_end),
                cmocka_unit_test(test_a_single_pass_tells_where),
        };

        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
