// Word times in the engine, on a real model and real sound: held to faster-whisper's, and in
// company.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "audio/pcm.h"
#include "decode/engine.h"
#include "decode/job_rig.h"
#include "whisper/context.h"
#include "whisper/engine_rig.h"

static void want_words(struct job *job) {
        job->hints.has_word_times = true;
        rig_options(job)->without_timestamps = DECODE_YES;
}

static double seconds(int64_t samples) {
        return (double)samples / AUDIO_RATE;
}

static void check_words(const struct hypothesis *hypothesis, const json_t *expected) {
        const struct hypothesis_segment *segment = &hypothesis->segments[0];
        int64_t last = segment->begin;

        assert_int_equal(hypothesis->n_segments, 1);
        assert_int_equal(segment->n_words, json_array_size(expected));
        assert_int_equal(segment->begin, segment->words[0].begin);
        assert_int_equal(segment->end, segment->words[segment->n_words - 1].end);
        for (size_t i = 0; i < segment->n_words; i++) {
                const struct hypothesis_word *word = &segment->words[i];
                const json_t *other = json_array_get(expected, i);

                assert_true(word->begin >= last && word->end >= word->begin);
                last = word->end;
                assert_string_equal(word->text,
                                    json_string_value(json_object_get(other, "word")));
                // A frame of 20 ms more or less.
                assert_float_equal(seconds(word->begin),
                                   json_number_value(json_object_get(other, "start")), 0.021);
                assert_float_equal(seconds(word->end),
                                   json_number_value(json_object_get(other, "end")), 0.021);
                assert_float_equal(word->probability,
                                   json_number_value(json_object_get(other, "probability")),
                                   0.02);
        }
}

static void hypothesis_take(void *engine, struct hypothesis *ret, const struct job **ret_job) {
        int result = -1;

        *ret_job = rig_finish_one(engine, &result, ret);
        assert_int_equal(result, 0);
}

static void test_words_are_when_faster_whisper_hears_them(void **state) {
        const struct whisper_model *tiny = rig_need_tiny(state);
        json_t *golden = json_load_file(TEST_GOLDEN "/words.json", 0, NULL);
        size_t n = json_array_size(golden), n_heard = 0;

        for (; n_heard < n; n_heard++) {
                const json_t *entry = json_array_get(golden, n_heard);
                const char *file = json_string_value(json_object_get(entry, "file"));
                struct job *job = rig_load_job(file);
                struct hypothesis hypothesis;
                const struct job *done;
                void *engine;

                if (!job)
                        break;
                engine = rig_open_engine(tiny);
                want_words(job);
                job->hints.context = context_shape_full;
                assert_int_equal(engine_whisper.submit(engine, job), 0);
                hypothesis_take(engine, &hypothesis, &done);
                check_words(&hypothesis, json_object_get(entry, "words"));
                hypothesis_deinit(&hypothesis);
                engine_whisper.close(engine);
                job_free(job);
        }
        json_decref(golden);
        assert_true(n > 0);
        if (n_heard < n)
                skip();
}

// Twelve jobs at once: aligners wait for room, and all come to the same times.
static void test_company_changes_no_times(void **state) {
        enum { JOBS = 12 };
        const struct whisper_model *tiny = rig_need_tiny(state);
        struct job *jobs[JOBS];
        struct hypothesis first = {0};
        void *engine;

        for (size_t i = 0; i < JOBS; i++) {
                jobs[i] = rig_need_job("librispeech-short/1088-134318-0001.flac");
                want_words(jobs[i]);
        }
        engine = rig_open_engine(tiny);
        for (size_t i = 0; i < JOBS; i++)
                assert_int_equal(engine_whisper.submit(engine, jobs[i]), 0);
        for (size_t i = 0; i < JOBS; i++) {
                struct hypothesis other;
                const struct job *done;

                hypothesis_take(engine, &other, &done);
                if (i == 0) {
                        first = other;
                        assert_true(first.segments[0].n_words > 30);
                        continue;
                }
                assert_int_equal(other.segments[0].n_words, first.segments[0].n_words);
                for (size_t k = 0; k < first.segments[0].n_words; k++)
                        assert_true(llabs(other.segments[0].words[k].begin -
                                          first.segments[0].words[k].begin) <= 320);
                hypothesis_deinit(&other);
        }
        hypothesis_deinit(&first);
        engine_whisper.close(engine);
        for (size_t i = 0; i < JOBS; i++)
                job_free(jobs[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words_are_when_faster_whisper_hears_them),
                cmocka_unit_test(test_company_changes_no_times),
        };

        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
