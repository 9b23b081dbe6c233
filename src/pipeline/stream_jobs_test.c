// What a stream asks of the decoder while somebody speaks, and after.
#include "pipeline/stream_jobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/stream_rig.h"
#include "util/mem.h"

// --- what goes into a job --------------------------------------------------------------------

// A stream that has heard twelve seconds.
struct heard {
        struct stream_jobs jobs;
        struct ring *ring;
};

static int heard_setup(void **state) {
        struct heard *heard = xnew(struct heard);
        struct decode_options options = decode_options_default();
        struct stream_settings settings = {.options = &options};
        float second[AUDIO_RATE];

        snprintf(options.language, sizeof(options.language), "de");
        stream_jobs_init(&heard->jobs, &settings);
        assert_int_equal(ring_new(&heard->ring, (size_t)12 * AUDIO_RATE), 0);
        for (int i = 0; i < 12; i++) {
                for (size_t k = 0; k < AUDIO_RATE; k++)
                        second[k] = (float)i;
                ring_append(heard->ring, second, AUDIO_RATE);
        }
        *state = heard;
        return 0;
}

static int heard_teardown(void **state) {
        struct heard *heard = *state;

        stream_jobs_deinit(&heard->jobs);
        ring_free(heard->ring);
        free(heard);
        return 0;
}

// The window of these seconds, all of them speech.
static struct window window_of(double begin, double end) {
        struct window window = {
                .begin = (int64_t)(begin * AUDIO_RATE),
                .end = (int64_t)(end * AUDIO_RATE),
                .speech_samples = (float)(end - begin) * AUDIO_RATE,
        };

        activity_add(&window.speech, 0, window.end - window.begin);
        return window;
}

static struct job *partial(struct heard *heard, double begin, double end) {
        struct window window = window_of(begin, end);

        return stream_jobs_partial(&heard->jobs, heard->ring, &window);
}

static struct job * final(struct heard *heard, double begin, double end) {
        struct window window = window_of(begin, end);
        struct job_window wanted;

        if (!stream_jobs_close_window(&heard->jobs, heard->ring, &window, &wanted))
                return NULL;
        return stream_jobs_final(&heard->jobs, heard->ring, &wanted);
}

static bool wants_pass(const struct heard *heard, double begin, double end) {
        struct window window = window_of(begin, end);

        return stream_jobs_want_pass(&heard->jobs, &window);
}

// Consume the job: it is of these seconds.
static void check_seconds(struct job *job, double begin, double end) {
        assert_non_null(job);
        assert_int_equal(job->begin, (int64_t)(begin * AUDIO_RATE));
        assert_int_equal(job->n_samples, (size_t)((end - begin) * AUDIO_RATE));
        assert_true(job->samples[0] == (float)(int)begin);
        job_free(job);
}

static void sound_goes_into_one_final_job(void **state) {
        struct heard *heard = *state;
        struct job *first = final(heard, 1, 3);

        assert_true(first->is_final);
        check_seconds(first, 1, 3);
        assert_null(final(heard, 1.5, 3));
        check_seconds(final(heard, 2.5, 5), 3, 5);
        check_seconds(partial(heard, 4.5, 7), 5, 7);
        check_seconds(final(heard, 5, 7), 5, 7);
}

static void what_the_ring_dropped_is_not_asked_for(void **state) {
        struct heard *heard = *state;

        ring_release(heard->ring, (int64_t)6 * AUDIO_RATE);
        assert_null(final(heard, 1, 3));
        check_seconds(final(heard, 5, 8), 6, 8);
}

static void passes_come_when_there_is_more_to_hear(void **state) {
        struct heard *heard = *state;
        struct window settled = window_of(1, 3);

        settled.is_paused = true;
        assert_false(wants_pass(heard, 1, 1.4));
        assert_true(wants_pass(heard, 1, 1.5));
        check_seconds(partial(heard, 1, 1.5), 1, 1.5);
        assert_false(wants_pass(heard, 1, 1.6));
        assert_true(wants_pass(heard, 1, 1.7));
        check_seconds(partial(heard, 1, 2.9), 1, 2.9);
        // At a pause little more is enough, once.
        assert_true(stream_jobs_want_pass(&heard->jobs, &settled));
        job_free(stream_jobs_partial(&heard->jobs, heard->ring, &settled));
        assert_false(stream_jobs_want_pass(&heard->jobs, &settled));
}

static int64_t speech_of(const struct job *job) {
        return activity_within(&job->speech, 0, (int64_t)job->n_samples);
}

// A job knows what of its own sound is speech; a passing one is not searched for what it
// missed.
static void only_what_may_become_final_knows_its_speech(void **state) {
        struct heard *heard = *state;
        struct window window = window_of(1, 5);
        struct job *job;

        window.speech = (struct activity){0};
        activity_add(&window.speech, 0, 3 * AUDIO_RATE);
        job = stream_jobs_partial(&heard->jobs, heard->ring, &window);
        assert_int_equal(speech_of(job), 0);
        job_free(job);
        window.is_paused = true;
        job = stream_jobs_partial(&heard->jobs, heard->ring, &window);
        assert_int_equal(speech_of(job), 3 * AUDIO_RATE);
        job_free(job);
        // Of the final one, that begins where another ended, only what is left.
        job_free(final(heard, 1, 3));
        job = final(heard, 1, 5);
        assert_int_equal(speech_of(job), 2 * AUDIO_RATE);
        check_seconds(job, 3, 5);
}

static void only_what_may_become_final_has_word_times(void **state) {
        struct heard *heard = *state;
        struct window window = window_of(1, 3);
        struct job *job;

        heard->jobs.options.word_timestamps = DECODE_YES;
        job = stream_jobs_partial(&heard->jobs, heard->ring, &window);
        assert_false(job->is_speculative);
        assert_int_equal(job->options.word_timestamps, DECODE_NO);
        job_free(job);
        window.is_paused = true;
        job = stream_jobs_partial(&heard->jobs, heard->ring, &window);
        assert_true(job->is_speculative);
        assert_int_equal(job->options.word_timestamps, DECODE_YES);
        job_free(job);
}

// What three tokens in two segments say.
static int32_t tokens[] = {1, 2, 3};
static struct hypothesis_segment segments[] = {
        {.text = (char[]){" one two"}, .tokens = tokens, .n_tokens = 2, .end = 2 * AUDIO_RATE},
        {.text = (char[]){" three"},
         .tokens = tokens + 2,
         .n_tokens = 1,
         .begin = 2 * AUDIO_RATE}};
static const struct hypothesis three_tokens = {
        .segments = segments, .n_segments = 2, .language = "fr"};

// Consume the job, which hears the hypothesis: what is now heard of its window?
static struct hypothesis hear(struct heard *heard, struct job *job,
                              const struct hypothesis *hypothesis, double window_begin) {
        struct hypothesis whole;
        int64_t begin;

        assert_true(stream_passes_hear(&heard->jobs.passes, job, hypothesis, &begin, &whole));
        assert_int_equal(begin, (int64_t)(window_begin * AUDIO_RATE));
        job_free(job);
        return whole;
}

static void hear_three_tokens(struct heard *heard, struct job *job, double window_begin) {
        struct hypothesis whole = hear(heard, job, &three_tokens, window_begin);

        assert_int_equal(whole.n_segments, 2);
        hypothesis_deinit(&whole);
}

static struct job *settling(struct heard *heard, double begin, double end) {
        struct window window = window_of(begin, end);

        window.is_paused = true;
        return stream_jobs_partial(&heard->jobs, heard->ring, &window);
}

static void a_draft_is_for_its_own_window(void **state) {
        struct heard *heard = *state;
        struct hypothesis nothing = {0};
        struct job *job = partial(heard, 1, 3);

        assert_int_equal(job->options.n_draft_tokens, 0);
        hear_three_tokens(heard, job, 1);
        job = partial(heard, 1, 4);
        assert_int_equal(job->options.n_draft_tokens, 3);
        assert_memory_equal(job->options.draft_tokens, tokens, sizeof(tokens));
        job_free(job);
        job = partial(heard, 4, 6);
        assert_int_equal(job->options.n_draft_tokens, 0);
        job_free(job);
        job = final(heard, 1, 4);
        assert_int_equal(job->options.n_draft_tokens, 3);
        nothing = hear(heard, job, &nothing, 1);
        assert_int_equal(nothing.n_segments, 0);
        assert_int_equal(heard->jobs.passes.whole.n, 0);
}

static void after_a_pause_only_what_follows_is_heard_again(void **state) {
        struct heard *heard = *state;
        struct hypothesis whole;
        struct job *job;

        hear_three_tokens(heard, settling(heard, 1, 8), 1);
        // A little more: all of it once more. Then from within the pause on.
        check_seconds(partial(heard, 1, 8.25), 1, 8.25);
        job = partial(heard, 1, 9);
        assert_int_equal(job->begin, 8 * AUDIO_RATE - AUDIO_RATE * 3 / 20);
        assert_int_equal(job->begin + (int64_t)job->n_samples, 9 * AUDIO_RATE);
        assert_int_equal(job->options.n_draft_tokens, 0);
        assert_string_equal(job->options.language, "fr");
        whole = hear(heard, job, &three_tokens, 1);
        assert_int_equal(whole.n_segments, 4);
        assert_string_equal(whole.segments[2].text, " one two");
        assert_int_equal(whole.segments[2].begin, 7 * AUDIO_RATE - AUDIO_RATE * 3 / 20);
        hypothesis_deinit(&whole);
        // Drafts: of the rest for the next pass over it, of all for the final.
        job = partial(heard, 1, 10);
        assert_int_equal(job->options.n_draft_tokens, 3);
        job_free(job);
        job = final(heard, 1, 10);
        assert_int_equal(job->options.n_draft_tokens, 6);
        check_seconds(job, 1, 10);
        // The next window is another one.
        check_seconds(partial(heard, 10, 12), 10, 12);
}

static void a_short_head_is_heard_again(void **state) {
        struct heard *heard = *state;

        hear_three_tokens(heard, settling(heard, 1, 6), 1);
        check_seconds(partial(heard, 1, 9), 1, 9);
        // One in which nothing was heard is none.
        hear(heard, settling(heard, 1, 8), &(struct hypothesis){0}, 1);
        check_seconds(partial(heard, 1, 9), 1, 9);
}

static void an_answer_about_the_rest_of_another_head_is_no_news(void **state) {
        struct heard *heard = *state;
        struct hypothesis whole;
        struct job *job;
        int64_t begin;

        hear_three_tokens(heard, settling(heard, 1, 8), 1);
        job = partial(heard, 1, 9);
        hear_three_tokens(heard, settling(heard, 1, 10), 1);
        assert_false(
                stream_passes_hear(&heard->jobs.passes, job, &three_tokens, &begin, &whole));
        job_free(job);
}

static void a_language_found_is_kept_until_all_is_forgotten(void **state) {
        struct heard *heard = *state;

        stream_jobs_follow_language(&heard->jobs, "fr");
        assert_string_equal(heard->jobs.options.language, "fr");
        check_seconds(final(heard, 1, 3), 1, 3);
        stream_jobs_forget(&heard->jobs, (int64_t)5 * AUDIO_RATE);
        assert_string_equal(heard->jobs.options.language, "de");
        check_seconds(final(heard, 4, 6), 5, 6);
        heard->jobs.options.multilingual = DECODE_YES;
        stream_jobs_follow_language(&heard->jobs, "fr");
        assert_string_equal(heard->jobs.options.language, "de");
}

// --- whole flows -----------------------------------------------------------------------------

static void partial_text_comes_while_he_speaks_and_somebody_reads(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        stream_rig_push(rig, rig->speech.samples, 2 * AUDIO_RATE);
        assert_true(atomic_load(&rig->n_partial) >= 1);
        assert_true(rig->capture.tail[0] != '\0');
        assert_int_equal(rig->capture.n_finals, 0);
}

static void without_readers_nothing_partial_is_decoded(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        rig->observer.wants_tail = false;
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        assert_int_equal(atomic_load(&rig->n_partial), 0);
}

static void stable_words_stay_until_the_window_is_final(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        struct observer_capture *capture = &rig->capture;
        char stable[64] = "";
        size_t longest = 0;

        rig->says_words = true;
        for (size_t i = 0; i + RIG_PIECE <= rig->speech.n; i += RIG_PIECE) {
                size_t n_finals = capture->n_finals;

                stream_rig_push(rig, rig->speech.samples + i, RIG_PIECE);
                if (!capture->tail)
                        continue;
                if (capture->n_finals == n_finals)
                        assert_memory_equal(capture->tail, stable, strlen(stable));
                snprintf(stable, sizeof(stable), "%.*s", (int)capture->stable_bytes,
                         capture->tail);
                if (strlen(stable) > longest)
                        longest = strlen(stable);
        }
        stream_rig_push_silence(rig, 2);
        // The vague third word holds back all that follows it, until the final decides anew.
        assert_int_equal(longest, strlen(" word0 word1"));
        assert_string_equal(capture->tail, "");
        assert_int_equal(capture->stable_bytes, 0);
        assert_non_null(strstr(capture->finals[0].text, " word0 word1 word2 word3"));
}

// The pass over a pause that goes on is the last one.
static void what_the_pause_settled_is_not_decoded_again(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        const struct scheduler_counts *counts = scheduler_counts(rig->scheduler);

        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_true(rig->capture.n_finals > 1);
        assert_int_equal(counts->n_promoted, rig->capture.n_finals);
        assert_int_equal(histogram_count(&counts->kinds[JOB_FINAL].decode_seconds), 0);
}

static void each_pass_over_a_window_drafts_the_next(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        unsigned n_passes;

        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        n_passes = atomic_load(&rig->n_partial);
        assert_true(n_passes > 4 * rig->capture.n_finals);
        assert_int_equal(atomic_load(&rig->n_drafted), n_passes - rig->capture.n_finals);
        assert_false(atomic_load(&rig->is_drafted_wrong));
}

static void a_flush_in_mid_word_is_decoded_anew(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        const struct scheduler_counts *counts = scheduler_counts(rig->scheduler);

        stream_rig_push(rig, rig->speech.samples, 2 * AUDIO_RATE);
        stream_flush(rig->stream);
        stream_rig_wait(rig);
        assert_int_equal(rig->capture.n_finals, 1);
        assert_int_equal(counts->n_promoted, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(sound_goes_into_one_final_job, heard_setup,
                                                heard_teardown),
                cmocka_unit_test_setup_teardown(what_the_ring_dropped_is_not_asked_for,
                                                heard_setup, heard_teardown),
                cmocka_unit_test_setup_teardown(passes_come_when_there_is_more_to_hear,
                                                heard_setup, heard_teardown),
                cmocka_unit_test_setup_teardown(only_what_may_become_final_knows_its_speech,
                                                heard_setup, heard_teardown),
                cmocka_unit_test_setup_teardown(only_what_may_become_final_has_word_times,
                                                heard_setup, heard_teardown),
                cmocka_unit_test_setup_teardown(a_draft_is_for_its_own_window, heard_setup,
                                                heard_teardown),
                cmocka_unit_test_setup_teardown(after_a_pause_only_what_follows_is_heard_again,
                                                heard_setup, heard_teardown),
                cmocka_unit_test_setup_teardown(a_short_head_is_heard_again, heard_setup,
                                                heard_teardown),
                cmocka_unit_test_setup_teardown(
                        an_answer_about_the_rest_of_another_head_is_no_news, heard_setup,
                        heard_teardown),
                cmocka_unit_test_setup_teardown(a_language_found_is_kept_until_all_is_forgotten,
                                                heard_setup, heard_teardown),
                STREAM_TEST(partial_text_comes_while_he_speaks_and_somebody_reads),
                STREAM_TEST(without_readers_nothing_partial_is_decoded),
                STREAM_TEST(stable_words_stay_until_the_window_is_final),
                STREAM_TEST(what_the_pause_settled_is_not_decoded_again),
                STREAM_TEST(each_pass_over_a_window_drafts_the_next),
                STREAM_TEST(a_flush_in_mid_word_is_decoded_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
