// Drafts in the engine, on a real model and real sound: whatever a job brings as its draft, it
// says what it says without, in fewer steps where the draft is right.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "decode/whisper/engine_rig.h"
#include "util/mem.h"

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

static const char sound[] = "librispeech-short/1737-146161-0002.flac";

// What the sound says without a draft, and in how many steps.
struct plain {
        int32_t *tokens;
        size_t n, n_steps;
};

// With this draft, in at most n_steps: the same.
static void check_draft(void *engine, struct job *job, const struct plain *plain,
                        const struct plain *draft) {
        size_t n, n_steps;
        int32_t *tokens;

        free(job->options.draft_tokens);
        job->options.draft_tokens = xcalloc(draft->n + 1, sizeof(int32_t));
        memcpy(job->options.draft_tokens, draft->tokens, draft->n * sizeof(int32_t));
        job->options.n_draft_tokens = draft->n;
        tokens = rig_say(engine, job, &n, &n_steps);
        assert_int_equal(n, plain->n);
        assert_memory_equal(tokens, plain->tokens, n * sizeof(*tokens));
        assert_in_range(n_steps, 1, draft->n_steps);
        free(tokens);
}

static void check_drafts(void *engine, struct job *job) {
        struct plain plain, draft = {.tokens = xcalloc(1000, sizeof(int32_t))};

        plain.tokens = rig_say(engine, job, &plain.n, &plain.n_steps);
        assert_in_range(plain.n, 30, 50);
        // The encoder, the prompt with the first token, and one for each token after it.
        assert_int_equal(plain.n_steps, 2 + plain.n);
        memcpy(draft.tokens, plain.tokens, plain.n * sizeof(int32_t));

        // Right: the encoder, and one step for all.
        draft.n = plain.n;
        draft.n_steps = 2;
        check_draft(engine, job, &plain, &draft);
        // Right as far as it goes.
        draft.n = 30;
        draft.n_steps = plain.n_steps - 30;
        check_draft(engine, job, &plain, &draft);
        // Wrong in the middle.
        draft.n = plain.n;
        draft.tokens[20]++;
        draft.n_steps = plain.n_steps - 20;
        check_draft(engine, job, &plain, &draft);
        // Wrong at once.
        draft.tokens[0]++;
        draft.n_steps = plain.n_steps;
        check_draft(engine, job, &plain, &draft);
        // No tokens at all from somewhere on.
        draft.tokens[0]--;
        draft.tokens[10] = -5;
        draft.n_steps = plain.n_steps - 10;
        check_draft(engine, job, &plain, &draft);
        draft.tokens[10] = INT32_MAX;
        check_draft(engine, job, &plain, &draft);
        // Longer than the answer, longer than any answer.
        memcpy(draft.tokens, plain.tokens, plain.n * sizeof(int32_t));
        draft.n = 1000;
        draft.n_steps = plain.n_steps;
        check_draft(engine, job, &plain, &draft);
        free(plain.tokens);
        free(draft.tokens);
}

static void test_a_draft_changes_nothing_but_the_number_of_steps(void **state) {
        (void)state;
        CLEANUP(job_freep) struct job *job = tiny ? rig_read_sound(sound) : NULL;
        void *engine;

        if (!job) {
                skip();
                return;
        }
        engine = rig_open_engine(tiny);
        check_drafts(engine, job);
        engine_whisper.close(engine);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_draft_changes_nothing_but_the_number_of_steps),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
