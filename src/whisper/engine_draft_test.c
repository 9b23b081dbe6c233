// Drafts in the engine, on a real model and real sound: whatever a job brings as its draft, it
// says what it says without, in fewer steps where the draft is right.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "util/mem.h"
#include "whisper/engine_rig.h"

// With this draft, in at most n_steps: the same.
static void check_draft(void *engine, struct job *job, const struct rig_said *plain,
                        const struct rig_said *draft) {
        struct rig_said said;

        free(job->hints.draft_tokens);
        job->hints.draft_tokens = xcalloc(draft->n + 1, sizeof(int32_t));
        memcpy(job->hints.draft_tokens, draft->tokens, draft->n * sizeof(int32_t));
        job->hints.n_draft_tokens = draft->n;
        said = rig_say(engine, job);
        assert_int_equal(said.n, plain->n);
        assert_memory_equal(said.tokens, plain->tokens, said.n * sizeof(int32_t));
        assert_in_range(said.n_steps, 1, draft->n_steps);
        free(said.tokens);
}

static void check_drafts(void *engine, struct job *job) {
        struct rig_said plain = rig_say(engine, job);
        struct rig_said draft = {.tokens = xcalloc(1000, sizeof(int32_t))};

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
        const struct whisper_model *tiny = rig_need_tiny(state);
        CLEANUP(job_freep)
        struct job *job = rig_need_job("librispeech-short/1737-146161-0002.flac");
        void *engine = rig_open_engine(tiny);

        check_drafts(engine, job);
        engine_whisper.close(engine);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_draft_changes_nothing_but_the_number_of_steps),
        };
        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
