// Leads in the engine, on a real model and real sound: of a recording cut in two, the second
// half that has the first as its lead says what the whole recording says there, when it says
// it; and a lead that cannot be taken changes nothing.
#include <inttypes.h>
#include <math.h>
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

#define LEAD_STEP 320  // samples of one of the encoder's rows

// One job's answer, which is one segment.
static struct hypothesis answer(void *engine, const struct job *job) {
        struct hypothesis hypothesis = rig_answer(engine, job);

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

        assert_true(segment->n_words > 1);
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

// The second half of a recording, with the first as its lead behind so much silence that both
// are just as long as a window; there is another sample behind the job's last. Its text stands,
// however improbable, and has no budget otherwise.
static struct job *job_with_lead(void *engine) {
        CLEANUP(job_freep)
        struct job *sound = rig_need_job("librispeech-short/1737-146161-0002.flac");
        size_t n = sound->n_samples / 2 / LEAD_STEP * LEAD_STEP;
        size_t n_lead = (size_t)JOB_SAMPLES_MAX - n;
        CLEANUP(job_freep) struct job *first = part_of(sound, 0, n);
        CLEANUP(job_freep) struct job *lead = job_new(sound->settings, n_lead);
        struct job *job = part_of(sound, n, n + n + 1);
        struct hypothesis said = answer(engine, first);

        memcpy(lead->samples + (n_lead - n), first->samples, n * sizeof(float));
        give_lead(job, lead, &said.segments[0]);
        hypothesis_deinit(&said);
        job->n_samples = n;
        job->rank = JOB_RANK_BACKGROUND;
        rig_options(job)->log_prob_threshold = -10;
        return job;
}

// Whether the job is heard with its lead: then how sure the model is of the text is another.
static bool takes_lead(void *engine, struct job *job) {
        struct hypothesis led = answer(engine, job), alone;
        const struct job_lead lead = job->hints.lead;
        float difference;

        job->hints.lead = (struct job_lead){0};
        alone = answer(engine, job);
        job->hints.lead = lead;
        difference = led.segments[0].avg_logprob - alone.segments[0].avg_logprob;
        hypothesis_deinit(&led);
        hypothesis_deinit(&alone);
        return difference > 0 || difference < 0;
}

static void test_a_lead_needs_room(void **state) {
        void *engine = rig_open_engine(rig_need_tiny(state));
        CLEANUP(job_freep) struct job *job = job_with_lead(engine);

        assert_true(takes_lead(engine, job));
        job->n_samples++;
        assert_false(takes_lead(engine, job));
        engine_whisper.close(engine);
}

// With its lead the window has as many rows as with all of its padding: that is another thing.
static void test_a_doubtful_text_is_heard_again_alone(void **state) {
        void *engine = rig_open_engine(rig_need_tiny(state));
        CLEANUP(job_freep) struct job *job = job_with_lead(engine);
        struct hypothesis hypothesis;

        rig_options(job)->log_prob_threshold = 1;
        rig_options(job)->n_temperatures = 1;
        hypothesis = answer(engine, job);
        assert_int_equal(hypothesis.n_unlikely, 1);
        hypothesis_deinit(&hypothesis);
        engine_whisper.close(engine);
}

static void test_a_lead_that_cannot_be_heard_is_left_out(void **state) {
        const struct whisper_model *tiny = rig_need_tiny(state);
        void *engine = rig_open_engine(tiny);
        CLEANUP(job_freep) struct job *job = job_with_lead(engine);
        struct job_lead *lead = &job->hints.lead;
        int32_t token = lead->tokens[1];

        lead->tokens[1] = (int32_t)tiny->info.n_vocabulary;
        assert_false(takes_lead(engine, job));
        lead->tokens[1] = -1;
        assert_false(takes_lead(engine, job));
        lead->tokens[1] = token;
        lead->samples[lead->n_samples / 2] = NAN;
        assert_false(takes_lead(engine, job));
        lead->samples[lead->n_samples / 2] = 0;
        job->hints.is_single_pass = true;
        assert_false(takes_lead(engine, job));
        job->hints.is_single_pass = false;
        assert_true(takes_lead(engine, job));
        engine_whisper.close(engine);
}

// Something was said before the window, whether its sound is heard or not.
static void test_a_prefix_is_not_for_what_has_a_lead(void **state) {
        const struct whisper_model *tiny = rig_need_tiny(state);
        void *engine = rig_open_engine(tiny);
        CLEANUP(job_freep) struct job *job = job_with_lead(engine);
        struct hypothesis plain, prefixed;

        job->n_samples++;
        plain = answer(engine, job);
        rig_options(job)->prefix = xstrdup(" And then he said");
        prefixed = answer(engine, job);
        assert_float_equal(prefixed.segments[0].avg_logprob, plain.segments[0].avg_logprob, 0);
        hypothesis_deinit(&plain);
        hypothesis_deinit(&prefixed);
        engine_whisper.close(engine);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_follows_is_heard_as_in_the_whole),
                cmocka_unit_test(test_a_lead_needs_room),
                cmocka_unit_test(test_a_doubtful_text_is_heard_again_alone),
                cmocka_unit_test(test_a_lead_that_cannot_be_heard_is_left_out),
                cmocka_unit_test(test_a_prefix_is_not_for_what_has_a_lead),
        };
        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
