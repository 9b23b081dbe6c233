// Languages in the engine, on real models and real sound: what a vote over several windows of a
// file is made of (only_detects_language).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "util/mem.h"
#include "whisper/context.h"
#include "whisper/engine_rig.h"

#define N_LANGUAGES 5

static const char *const languages[N_LANGUAGES] = {"de", "en", "es", "fr", "pt"};

// NULL where they are not on this machine.
static struct whisper_model *base;
static struct whisper_model *tiny_en;

static int setup(void **state) {
        (void)state;
        base = rig_load_model("base");
        tiny_en = rig_load_model("tiny.en");
        return 0;
}

static int teardown(void **state) {
        (void)state;
        base = whisper_model_free(base);
        tiny_en = whisper_model_free(tiny_en);
        return 0;
}

// A sentence in that language, about which nothing is known but what is asked. Skips without
// the data.
static struct job *read_sentence(const char *language, bool only_detects) {
        CLEANUP(mem_freep) char *name = xasprintf("fleurs/fleurs-%s-000.ogg", language);
        struct job *job = rig_need_job(name);

        job->hints.language[0] = '\0';
        job->hints.only_detects_language = only_detects;
        return job;
}

static void windows_tell_their_languages_side_by_side(void **state) {
        struct job *jobs[N_LANGUAGES];
        void *engine;

        (void)state;
        if (!base)
                skip();
        for (size_t i = 0; i < N_LANGUAGES; i++)
                jobs[i] = read_sentence(languages[i], true);
        engine = rig_open_engine(base);
        for (size_t i = 0; i < N_LANGUAGES; i++)
                assert_int_equal(engine_whisper.submit(engine, jobs[i]), 0);
        for (size_t n = 0; n < N_LANGUAGES; n++) {
                struct hypothesis hypothesis = {0};
                int result = -1;
                const struct job *job = rig_finish_one(engine, &result, &hypothesis);
                size_t i = 0;

                while (jobs[i] != job)
                        i++;
                assert_int_equal(result, 0);
                assert_string_equal(hypothesis.language, languages[i]);
                assert_true(hypothesis.was_detected);
                assert_true(hypothesis.language_probability > 0 &&
                            hypothesis.language_probability <= 1);
                assert_int_equal(hypothesis.n_segments, 0);
                hypothesis_deinit(&hypothesis);
        }
        engine_whisper.close(engine);
        for (size_t i = 0; i < N_LANGUAGES; i++)
                job_free(jobs[i]);
}

// A vote counts what decoding would have found, at its surety.
static void the_text_is_in_the_same_language(void **state) {
        struct job *asked, *decoded;
        struct hypothesis alone, with_text;
        void *engine;

        (void)state;
        if (!base)
                skip();
        asked = read_sentence("fr", true);
        decoded = read_sentence("fr", false);
        engine = rig_open_engine(base);
        alone = rig_answer(engine, asked);
        with_text = rig_answer(engine, decoded);
        assert_string_equal(alone.language, with_text.language);
        assert_float_equal(alone.language_probability, with_text.language_probability, 1e-4);
        assert_true(with_text.n_segments > 0);
        hypothesis_deinit(&alone);
        hypothesis_deinit(&with_text);
        engine_whisper.close(engine);
        job_free(asked);
        job_free(decoded);
}

static void a_known_language_is_told_without_a_look(void **state) {
        struct whisper_model *const models[] = {base, tiny_en};

        (void)state;
        if (!base || !tiny_en)
                skip();
        for (size_t i = 0; i < 2; i++) {
                bool is_multilingual = models[i] == base;
                struct job *job = read_sentence("de", true);
                void *engine = rig_open_engine(models[i]);
                struct hypothesis hypothesis;

                if (is_multilingual)
                        memcpy(job->hints.language, "de", 3);
                hypothesis = rig_answer(engine, job);
                assert_string_equal(hypothesis.language, is_multilingual ? "de" : "en");
                assert_true(hypothesis.language_probability == 1);
                assert_false(hypothesis.was_detected);
                assert_int_equal(hypothesis.n_segments, 0);
                hypothesis_deinit(&hypothesis);
                engine_whisper.close(engine);
                job_free(job);
        }
}

// More full windows than the engine has room for at a time.
static void a_look_leaves_nothing_behind(void **state) {
        struct job *job;
        void *engine;

        (void)state;
        if (!base)
                skip();
        job = read_sentence("es", true);
        job->hints.context = context_shape_full;
        engine = rig_open_engine(base);
        for (size_t i = 0; i < 18; i++) {
                struct hypothesis hypothesis = rig_answer(engine, job);

                assert_string_equal(hypothesis.language, "es");
                hypothesis_deinit(&hypothesis);
        }
        engine_whisper.close(engine);
        job_free(job);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(windows_tell_their_languages_side_by_side),
                cmocka_unit_test(the_text_is_in_the_same_language),
                cmocka_unit_test(a_known_language_is_told_without_a_look),
                cmocka_unit_test(a_look_leaves_nothing_behind),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
