// Leads in the engine, on a real model and real sound: of a recording cut in two, the second
// half that has the first as its lead says what the whole recording says there, when it says
// it; and a lead that cannot be taken changes nothing.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "decode/engine.h"
#include "decode/job_rig.h"
#include "util/mem.h"
#include "whisper/engine_rig.h"

static struct hypothesis answer(void *engine, const struct job *job) {
        struct hypothesis hypothesis = {0};
        int result = -1;

        assert_int_equal(engine_whisper.submit(engine, job), 0);
        assert_ptr_equal(rig_finish_one(engine, &result, &hypothesis), job);
        assert_int_equal(result, 0);
        assert_int_equal(hypothesis.n_segments, 1);
        return hypothesis;
}

// The samples [begin, end) of the job, asked for word times.
static struct job *part_of(const struct job *job, size_t begin, size_t end) {
        struct job *part = job_new(job->settings, end - begin);

        memcpy(part->samples, job->samples + begin, part->n_samples * sizeof(float));
        part->hints.has_word_times = true;
        rig_options(part)->without_timestamps = DECODE_YES;
        return part;
}

static void give_lead(struct job *job, const struct job *lead,
                      const struct hypothesis_segment *said) {
        job->hints.lead = (struct job_lead){
                .samples = xcalloc(lead->n_samples, sizeof(float)),
                .n_samples = lead->n_samples,
                .tokens = xcalloc(said->n_tokens, sizeof(int32_t)),
                .n_tokens = said->n_tokens,
        };
        memcpy(job->hints.lead.samples, lead->samples, lead->n_samples * sizeof(float));
        memcpy(job->hints.lead.tokens, said->tokens, said->n_tokens * sizeof(int32_t));
}

// The word behind the longest pause between two.
static size_t find_pause(const struct hypothesis_segment *segment) {
        size_t longest = 1;

        for (size_t i = 1; i < segment->n_words; i++)
                if (segment->words[i].begin - segment->words[i - 1].end >
                    segment->words[longest].begin - segment->words[longest - 1].end)
                        longest = i;
        return longest;
}

// Words of the half, to a fifth of a second (the sound beside them is another): those of the
// whole from `first` on, `shift` samples earlier.
static void check_half(const struct hypothesis_segment *half,
                       const struct hypothesis_segment *whole, size_t first, int64_t shift) {
        assert_int_equal(half->n_words, whole->n_words - first);
        for (size_t i = 0; i < half->n_words; i++) {
                const struct hypothesis_word *word = &half->words[i];

                assert_string_equal(word->text, whole->words[first + i].text);
                if (llabs(word->begin - (whole->words[first + i].begin - shift)) >
                    AUDIO_RATE / 5)
                        fail_msg("%s begins at %" PRId64 ", not %" PRId64, word->text,
                                 word->begin, whole->words[first + i].begin - shift);
        }
}

static void test_what_follows_is_heard_as_in_the_whole(void **state) {
        const struct whisper_model *tiny = rig_need_tiny(state);
        CLEANUP(job_freep)
        struct job *job = rig_need_job("librispeech-short/1737-146161-0002.flac");
        void *engine = rig_open_engine(tiny);
        CLEANUP(job_freep) struct job *whole = part_of(job, 0, job->n_samples);
        struct hypothesis said = answer(engine, whole), first_said, second_said;
        size_t word = find_pause(&said.segments[0]);
        size_t cut = (size_t)(said.segments[0].words[word - 1].end +
                              said.segments[0].words[word].begin) /
                     2;
        CLEANUP(job_freep) struct job *first = part_of(job, 0, cut);
        CLEANUP(job_freep) struct job *second = part_of(job, cut, job->n_samples);

        first_said = answer(engine, first);
        give_lead(second, first, &first_said.segments[0]);
        second_said = answer(engine, second);
        check_half(&second_said.segments[0], &said.segments[0], word, (int64_t)cut);
        hypothesis_deinit(&said);
        hypothesis_deinit(&first_said);
        hypothesis_deinit(&second_said);
        engine_whisper.close(engine);
}

static void test_a_lead_that_has_no_room_changes_nothing(void **state) {
        const struct whisper_model *tiny = rig_need_tiny(state);
        CLEANUP(job_freep)
        struct job *job = rig_need_job("librispeech-short/1737-146161-0002.flac");
        void *engine = rig_open_engine(tiny);
        CLEANUP(job_freep) struct job *whole = part_of(job, 0, job->n_samples);
        CLEANUP(job_freep) struct job *lead = job_new(job->settings, (size_t)JOB_SAMPLES_MAX);
        struct hypothesis alone = answer(engine, whole), led;

        give_lead(whole, lead, &alone.segments[0]);
        led = answer(engine, whole);
        assert_string_equal(led.segments[0].text, alone.segments[0].text);
        assert_int_equal(led.segments[0].words[0].begin, alone.segments[0].words[0].begin);
        hypothesis_deinit(&alone);
        hypothesis_deinit(&led);
        engine_whisper.close(engine);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_follows_is_heard_as_in_the_whole),
                cmocka_unit_test(test_a_lead_that_has_no_room_changes_nothing),
        };
        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
