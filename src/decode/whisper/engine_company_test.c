// Company in the engine, on a real model and real sound: what a job says, and how sure it is of
// it, does not depend on who is decoded beside it, to the last bit, in every arithmetic.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "decode/whisper/engine_rig.h"
#include "util/mem.h"

#define N_SOUNDS 6
#define N_JOBS   (N_SOUNDS + 1)

static const char *const sounds[N_SOUNDS] = {
        "librispeech-short/1088-134318-0001.flac", "librispeech-short/1088-134318-0002.flac",
        "librispeech-short/1737-146161-0002.flac", "librispeech-short/4680-16042-0004.flac",
        "librispeech-short/7859-102519-0047.flac", "librispeech-short/1088-134318-0005.flac"};

// All at once, one more in every third step, and the first one, the quitter, leaves in
// mid-step.
static void check_crowd(void *engine, struct job *const *jobs, const struct rig_said *alone) {
        size_t n_submitted = 0, n_done = 0;

        for (size_t n_steps = 0; n_done < N_JOBS; n_steps++) {
                struct hypothesis hypothesis = {0};
                const struct job *job = NULL;
                int result = -1;

                if (n_submitted < N_JOBS && n_steps % 3 == 0)
                        assert_int_equal(engine_whisper.submit(engine, jobs[n_submitted++]), 0);
                if (n_steps == 12)
                        atomic_store(&jobs[0]->is_cancelled, true);
                assert_int_equal(engine_whisper.step(engine), 0);
                for (; engine_whisper.collect(engine, &job, &result, &hypothesis) == 0;
                     n_done++)
                        rig_check_said(job, result, &hypothesis, jobs, alone, N_JOBS);
        }
        assert_int_equal(engine_whisper.step(engine), ENGINE_E_IDLE);
}

static void check_company(enum compute compute) {
        struct whisper_model *model = NULL;
        struct rig_said alone[N_JOBS] = {{.tokens = NULL}};
        struct job *jobs[N_JOBS] = {NULL};
        struct error error;
        enum compute resolved;
        void *engine;

        if (compute_resolve(&resolved, compute, &error) < 0) {
                print_message("%s: its test is skipped\n", error.text);
                return;
        }
        model = rig_load_model_for("tiny.en", compute);
        if (!model || !(jobs[0] = rig_load_job(sounds[0]))) {
                whisper_model_free(model);
                return;
        }
        engine = rig_open_engine(model);
        for (size_t i = 1; i < N_JOBS; i++) {
                jobs[i] = rig_load_job(sounds[i - 1]);
                alone[i] = rig_say(engine, jobs[i]);
        }
        check_crowd(engine, jobs, alone);
        for (size_t i = 0; i < N_JOBS; i++) {
                job_free(jobs[i]);
                free(alone[i].tokens);
        }
        engine_whisper.close(engine);
        whisper_model_free(model);
}

static void test_float32(void **state) {
        (void)state;
        check_company(COMPUTE_FLOAT32);
}

static void test_bf16(void **state) {
        (void)state;
        check_company(COMPUTE_BF16);
}

static void test_int8(void **state) {
        (void)state;
        check_company(COMPUTE_INT8);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_float32),
                cmocka_unit_test(test_bf16),
                cmocka_unit_test(test_int8),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
