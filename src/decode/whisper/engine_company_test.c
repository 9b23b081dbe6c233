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

static const char *const sounds[N_SOUNDS] = {
        "librispeech-short/1088-134318-0001.flac", "librispeech-short/1088-134318-0002.flac",
        "librispeech-short/1737-146161-0002.flac", "librispeech-short/4680-16042-0004.flac",
        "librispeech-short/7859-102519-0047.flac", "librispeech-short/1088-134318-0005.flac"};

// What was said of one sound: tokens, and the mean log probability of each segment.
struct said {
        int32_t *tokens;
        size_t n;
        float logprobs[16];
};

static struct said said_of(struct hypothesis *hypothesis) {
        struct said ret = {.tokens = NULL};

        ret.tokens = rig_tokens(hypothesis, &ret.n);
        assert_in_range(hypothesis->n_segments, 1, 16);
        for (size_t i = 0; i < hypothesis->n_segments; i++)
                ret.logprobs[i] = hypothesis->segments[i].avg_logprob;
        hypothesis_deinit(hypothesis);
        return ret;
}

static struct said say_alone(void *engine, const struct job *job) {
        struct hypothesis hypothesis = {0};
        int result = -1;

        assert_int_equal(engine_whisper.submit(engine, job), 0);
        assert_ptr_equal(rig_finish_one(engine, &result, &hypothesis), job);
        assert_int_equal(result, 0);
        return said_of(&hypothesis);
}

// One answer of the crowd's; NULL when nothing is done yet.
static const struct job *collect_one(void *engine, struct job *const *jobs,
                                     const struct said *alone) {
        struct hypothesis hypothesis = {0};
        const struct job *job = NULL;
        int result = -1;
        size_t which = 0;
        struct said said;

        if (engine_whisper.collect(engine, &job, &result, &hypothesis) != 0)
                return NULL;
        while (which < N_SOUNDS && jobs[which] != job)
                which++;
        if (which == N_SOUNDS) {
                assert_int_equal(result, -ECANCELED);
                return job;
        }
        assert_int_equal(result, 0);
        said = said_of(&hypothesis);
        assert_int_equal(said.n, alone[which].n);
        assert_memory_equal(said.tokens, alone[which].tokens, said.n * sizeof(*said.tokens));
        assert_memory_equal(said.logprobs, alone[which].logprobs, sizeof(said.logprobs));
        free(said.tokens);
        return job;
}

// All at once, one more in every third step, and one of them leaves in mid-step.
static void check_crowd(void *engine, struct job *const *jobs, struct job *quitter,
                        const struct said *alone) {
        size_t n_submitted = 0, n_done = 0;

        assert_int_equal(engine_whisper.submit(engine, quitter), 0);
        for (size_t n_steps = 0; n_done < N_SOUNDS + 1; n_steps++) {
                if (n_submitted < N_SOUNDS && n_steps % 3 == 0)
                        assert_int_equal(engine_whisper.submit(engine, jobs[n_submitted++]), 0);
                if (n_steps == 12)
                        atomic_store(&quitter->is_cancelled, true);
                assert_int_equal(engine_whisper.step(engine), 0);
                while (collect_one(engine, jobs, alone))
                        n_done++;
        }
        assert_int_equal(engine_whisper.step(engine), ENGINE_E_IDLE);
}

static void check_company(enum compute compute) {
        struct whisper_model *model = NULL;
        struct job *jobs[N_SOUNDS] = {NULL}, *quitter = NULL;
        struct said alone[N_SOUNDS];
        struct error error;
        enum compute resolved;
        void *engine;

        if (compute_resolve(&resolved, compute, &error) < 0) {
                print_message("%s: its test is skipped\n", error.text);
                return;
        }
        model = rig_load_model_for("tiny.en", compute);
        if (!model || !(quitter = rig_read_sound(sounds[0]))) {
                whisper_model_free(model);
                return;
        }
        engine = rig_open_engine(model);
        for (size_t i = 0; i < N_SOUNDS; i++) {
                jobs[i] = rig_read_sound(sounds[i]);
                alone[i] = say_alone(engine, jobs[i]);
        }
        check_crowd(engine, jobs, quitter, alone);
        for (size_t i = 0; i < N_SOUNDS; i++) {
                job_free(jobs[i]);
                free(alone[i].tokens);
        }
        job_free(quitter);
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
