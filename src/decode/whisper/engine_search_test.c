// Beams in the engine, on real models and real sound: held to faster-whisper's, in company, and
// within the memory that the engine has for texts.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "decode/engine.h"
#include "decode/whisper/context.h"
#include "decode/whisper/engine_rig.h"
#include "decode/whisper/search.h"

#define N_FILES 3

static const char *const files[N_FILES] = {"librispeech-short/1088-134318-0001.flac",
                                           "librispeech-short/1088-134318-0002.flac",
                                           "librispeech-short/1737-146161-0002.flac"};

// NULL where it is not on this machine.
static struct whisper_model *tiny;

static int setup(void **state) {
        (void)state;
        tiny = rig_load_model("tiny.en");
        return 0;
}

static int teardown(void **state) {
        (void)state;
        tiny = whisper_model_free(tiny);
        return 0;
}

static struct job *read_beam_job(size_t file, unsigned beam_size) {
        struct job *job = rig_read_sound(files[file]);

        if (job) {
                job->options.beam_size = beam_size;
                job->options.context = &context_shape_full;
        }
        return job;
}

static void test_beams_say_what_faster_whisper_says(void **state) {
        (void)state;
        json_t *golden = json_load_file(TEST_GOLDEN "/whisper.json", 0, NULL);
        const json_t *entries = json_object_get(json_object_get(golden, "models"), "tiny.en");
        size_t n_differ = 0;
        void *engine;

        if (!tiny) {
                json_decref(golden);
                skip();
        }
        engine = rig_open_engine(tiny);
        for (size_t i = 0; i < N_FILES; i++) {
                const json_t *entry = json_array_get(entries, i);
                const json_t *expected = json_object_get(entry, "tokens_beam_5");
                struct job *job = read_beam_job(i, 5);
                int32_t *tokens;
                size_t n;

                if (!job)
                        break;
                assert_string_equal(json_string_value(json_object_get(entry, "file")),
                                    files[i]);
                tokens = rig_say(engine, job, &n, NULL);
                assert_int_equal(n, json_array_size(expected));
                for (size_t k = 0; k < n; k++)
                        assert_int_equal(tokens[k],
                                         json_integer_value(json_array_get(expected, k)));
                n_differ += json_equal(expected, json_object_get(entry, "tokens")) ? 0 : 1;
                free(tokens);
                job_free(job);
                if (i + 1 == N_FILES)  // else greedy decoding would pass
                        assert_true(n_differ > 0);
        }
        engine_whisper.close(engine);
        json_decref(golden);
}

// Three jobs with beams and a greedy one between them at once, against what they say alone.
static void check_company(void *engine, struct job *const *jobs, size_t n_jobs) {
        int32_t *alone[N_FILES + 1];
        size_t n_alone[N_FILES + 1];

        for (size_t i = 0; i < n_jobs; i++)
                alone[i] = rig_say(engine, jobs[i], &n_alone[i], NULL);
        for (size_t i = 0; i < n_jobs; i++)
                assert_int_equal(engine_whisper.submit(engine, jobs[i]), 0);
        for (size_t done = 0; done < n_jobs; done++) {
                struct hypothesis hypothesis = {0};
                int result = 1;
                const struct job *job = rig_finish_one(engine, &result, &hypothesis);
                size_t n, which = 0;
                int32_t *tokens;

                assert_int_equal(result, 0);
                while (jobs[which] != job)
                        which++;
                tokens = rig_tokens(&hypothesis, &n);
                assert_int_equal(n, n_alone[which]);
                assert_memory_equal(tokens, alone[which], n * sizeof(*tokens));
                free(tokens);
                hypothesis_deinit(&hypothesis);
        }
        for (size_t i = 0; i < n_jobs; i++)
                free(alone[i]);
}

static void check_company_with(size_t n_text_pages) {
        struct job *jobs[N_FILES + 1] = {NULL}, *wide;
        void *engine;

        if (!tiny || !(wide = read_beam_job(0, 6))) {
                skip();
                return;
        }
        for (size_t i = 0; i < N_FILES; i++)
                jobs[i] = read_beam_job(i, 5);
        jobs[N_FILES] = read_beam_job(1, 1);
        tiny->n_text_pages = n_text_pages;
        engine = rig_open_engine(tiny);
        tiny->n_text_pages = 0;
        // What could never fit is refused, and disturbs nobody.
        if (n_text_pages > 0)
                assert_int_equal(engine_whisper.submit(engine, wide), -ENOMEM);
        check_company(engine, jobs, N_FILES + 1);
        assert_int_equal(engine_whisper.step(engine), ENGINE_E_IDLE);
        engine_whisper.close(engine);
        for (size_t i = 0; i <= N_FILES; i++)
                job_free(jobs[i]);
        job_free(wide);
}

static void test_beams_do_not_mind_company(void **state) {
        (void)state;
        check_company_with(0);
}

static void test_where_memory_is_short_jobs_wait_their_turn(void **state) {
        (void)state;
        check_company_with(search_pages(5));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_beams_say_what_faster_whisper_says),
                cmocka_unit_test(test_beams_do_not_mind_company),
                cmocka_unit_test(test_where_memory_is_short_jobs_wait_their_turn),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
