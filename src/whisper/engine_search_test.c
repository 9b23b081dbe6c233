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
#include "whisper/context.h"
#include "whisper/engine_rig.h"
#include "whisper/search.h"

#define N_FILES 3

static const char *const files[N_FILES] = {"librispeech-short/1088-134318-0001.flac",
                                           "librispeech-short/1088-134318-0002.flac",
                                           "librispeech-short/1737-146161-0002.flac"};

// A job with beams, or the test is skipped.
static struct job *need_beam_job(size_t file, unsigned beam_size) {
        struct job *job = rig_need_job(files[file]);

        job->hints.beam_size = beam_size;
        job->hints.context = context_shape_full;
        return job;
}

static void test_beams_say_what_faster_whisper_says(void **state) {
        const struct whisper_model *tiny = rig_need_tiny(state);
        struct job *jobs[N_FILES];
        size_t n_differ = 0;
        const json_t *entries;
        json_t *golden;
        void *engine;

        for (size_t i = 0; i < N_FILES; i++)
                jobs[i] = need_beam_job(i, 5);
        golden = json_load_file(TEST_GOLDEN "/whisper.json", 0, NULL);
        entries = json_object_get(json_object_get(golden, "models"), "tiny.en");
        engine = rig_open_engine(tiny);
        for (size_t i = 0; i < N_FILES; i++) {
                const json_t *entry = json_array_get(entries, i);
                const json_t *expected = json_object_get(entry, "tokens_beam_5");
                struct rig_said said = rig_say(engine, jobs[i]);

                assert_string_equal(json_string_value(json_object_get(entry, "file")),
                                    files[i]);
                assert_int_equal(said.n, json_array_size(expected));
                for (size_t k = 0; k < said.n; k++)
                        assert_int_equal(said.tokens[k],
                                         json_integer_value(json_array_get(expected, k)));
                n_differ += json_equal(expected, json_object_get(entry, "tokens")) ? 0 : 1;
                free(said.tokens);
                job_free(jobs[i]);
        }
        assert_true(n_differ > 0);  // else greedy decoding would pass
        engine_whisper.close(engine);
        json_decref(golden);
}

// Three jobs with beams and a greedy one between them at once, against what they say alone.
static void check_company(struct whisper_model *tiny, size_t n_kv_blocks) {
        struct job *wide = need_beam_job(0, 6), *jobs[N_FILES + 1];
        struct rig_said alone[N_FILES + 1];
        void *engine;

        for (size_t i = 0; i < N_FILES; i++)
                jobs[i] = need_beam_job(i, 5);
        jobs[N_FILES] = need_beam_job(1, 1);
        tiny->n_kv_blocks = n_kv_blocks;
        engine = rig_open_engine(tiny);
        tiny->n_kv_blocks = 0;
        // What could never fit is refused, and disturbs nobody.
        if (n_kv_blocks > 0)
                assert_int_equal(engine_whisper.submit(engine, wide), -ENOMEM);
        for (size_t i = 0; i <= N_FILES; i++)
                alone[i] = rig_say(engine, jobs[i]);
        for (size_t i = 0; i <= N_FILES; i++)
                assert_int_equal(engine_whisper.submit(engine, jobs[i]), 0);
        rig_finish_all(engine, jobs, alone, N_FILES + 1);
        assert_int_equal(engine_whisper.step(engine), ENGINE_E_IDLE);
        engine_whisper.close(engine);
        for (size_t i = 0; i <= N_FILES; i++) {
                free(alone[i].tokens);
                job_free(jobs[i]);
        }
        job_free(wide);
}

static void test_beams_do_not_mind_company(void **state) {
        check_company(rig_need_tiny(state), 0);
}

static void test_where_memory_is_short_jobs_wait_their_turn(void **state) {
        check_company(rig_need_tiny(state), search_blocks(5));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_beams_say_what_faster_whisper_says),
                cmocka_unit_test(test_beams_do_not_mind_company),
                cmocka_unit_test(test_where_memory_is_short_jobs_wait_their_turn),
        };
        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
