// What the decoder is asked while somebody speaks, and after.
#include "pipeline/partials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/stream_rig.h"
#include "util/mem.h"

// --- what goes into a job --------------------------------------------------------------------

// Twelve seconds were heard.
struct heard {
        struct windows windows;
        struct partials partials;
};

static int heard_setup(void **state) {
        struct heard *heard = xnew(struct heard);
        struct decode_options options = decode_options_default();
        struct windows_settings settings = {
                .capacity = (size_t)12 * AUDIO_RATE,
                .clips = &clips_whole,
                .options = &options,
        };
        float second[AUDIO_RATE];

        snprintf(options.language, sizeof(options.language), "de");
        assert_int_equal(windows_init(&heard->windows, &(struct stream_services){0}, &settings),
                         0);
        for (int i = 0; i < 12; i++) {
                for (size_t k = 0; k < AUDIO_RATE; k++)
                        second[k] = (float)i;
                windows_feed(&heard->windows, second, AUDIO_RATE);
        }
        *state = heard;
        return 0;
}

static int heard_teardown(void **state) {
        struct heard *heard = *state;

        partials_deinit(&heard->partials);
        windows_deinit(&heard->windows);
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

        return partials_job(&heard->partials, &heard->windows, &window);
}

static struct job * final(struct heard *heard, double begin, double end) {
        struct job *job = windows_job(&heard->windows, (int64_t)(begin * AUDIO_RATE),
                                      (int64_t)(end * AUDIO_RATE));

        partials_close_window(&heard->partials);
        partials_tell(&heard->partials, job);
        return job;
}

static bool wants_pass(const struct heard *heard, double begin, double end) {
        struct window window = window_of(begin, end);

        return partials_want(&heard->partials, &window);
}

// Consume the job: it is of these seconds.
static void check_seconds(struct job *job, double begin, double end) {
        assert_non_null(job);
        assert_int_equal(job->begin, (int64_t)(begin * AUDIO_RATE));
        assert_int_equal(job->n_samples, (size_t)((end - begin) * AUDIO_RATE));
        assert_true(job->samples[0] == (float)(int)begin);
        job_free(job);
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
        assert_true(partials_want(&heard->partials, &settled));
        job_free(partials_job(&heard->partials, &heard->windows, &settled));
        assert_false(partials_want(&heard->partials, &settled));
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
        job = partials_job(&heard->partials, &heard->windows, &window);
        assert_int_equal(speech_of(job), 0);
        job_free(job);
        window.is_paused = true;
        job = partials_job(&heard->partials, &heard->windows, &window);
        assert_int_equal(speech_of(job), 3 * AUDIO_RATE);
        job_free(job);
}

static void only_what_may_become_final_has_word_times(void **state) {
        struct heard *heard = *state;
        struct window window = window_of(1, 3);
        struct job *job;

        heard->windows.hints.has_word_times = true;
        job = partials_job(&heard->partials, &heard->windows, &window);
        assert_false(job->is_speculative);
        assert_false(job->hints.has_word_times);
        job_free(job);
        window.is_paused = true;
        job = partials_job(&heard->partials, &heard->windows, &window);
        assert_true(job->is_speculative);
        assert_true(job->hints.has_word_times);
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

// Consume the job, which is answered: is so much now heard of the window that begins there?
static void hear(struct heard *heard, struct job *job, const struct hypothesis *answer,
                 double window_begin, size_t n_segments) {
        assert_true(partials_hear(&heard->partials, job, answer));
        assert_int_equal(heard->partials.heard_begin, (int64_t)(window_begin * AUDIO_RATE));
        assert_int_equal(heard->partials.heard.n_segments, n_segments);
        job_free(job);
}

static struct job *settling(struct heard *heard, double begin, double end) {
        struct window window = window_of(begin, end);

        window.is_paused = true;
        return partials_job(&heard->partials, &heard->windows, &window);
}

static void a_draft_is_for_its_own_window(void **state) {
        struct heard *heard = *state;
        struct job *job = partial(heard, 1, 3);

        assert_int_equal(job->hints.n_draft_tokens, 0);
        hear(heard, job, &three_tokens, 1, 2);
        job = partial(heard, 1, 4);
        assert_int_equal(job->hints.n_draft_tokens, 3);
        assert_memory_equal(job->hints.draft_tokens, tokens, sizeof(tokens));
        job_free(job);
        job = partial(heard, 4, 6);
        assert_int_equal(job->hints.n_draft_tokens, 0);
        job_free(job);
        job = final(heard, 1, 4);
        assert_int_equal(job->hints.n_draft_tokens, 3);
        hear(heard, job, &(struct hypothesis){0}, 1, 0);
        check_seconds(final(heard, 1, 4), 1, 4);
}

static void after_a_pause_only_what_follows_is_heard_again(void **state) {
        struct heard *heard = *state;
        const struct hypothesis *whole = &heard->partials.heard;
        struct job *job;

        hear(heard, settling(heard, 1, 8), &three_tokens, 1, 2);
        // A little more: all of it once more. Then from within the pause on.
        check_seconds(partial(heard, 1, 8.25), 1, 8.25);
        job = partial(heard, 1, 9);
        assert_int_equal(job->begin, 8 * AUDIO_RATE - AUDIO_RATE * 3 / 20);
        assert_int_equal(job->begin + (int64_t)job->n_samples, 9 * AUDIO_RATE);
        assert_int_equal(job->hints.n_draft_tokens, 0);
        assert_string_equal(job->hints.language, "fr");
        hear(heard, job, &three_tokens, 1, 4);
        assert_string_equal(whole->segments[2].text, " one two");
        assert_int_equal(whole->segments[2].begin, 7 * AUDIO_RATE - AUDIO_RATE * 3 / 20);
        // Drafts: of the rest for the next pass over it, of all for the final.
        job = partial(heard, 1, 10);
        assert_int_equal(job->hints.n_draft_tokens, 3);
        hear(heard, job, &three_tokens, 1, 4);
        job = final(heard, 1, 10);
        assert_int_equal(job->hints.n_draft_tokens, 6);
        check_seconds(job, 1, 10);
        // The next window is another one.
        check_seconds(partial(heard, 10, 12), 10, 12);
}

static void a_short_text_is_not_committed(void **state) {
        struct heard *heard = *state;

        hear(heard, settling(heard, 1, 6), &three_tokens, 1, 2);
        check_seconds(partial(heard, 1, 9), 1, 9);
        // One in which nothing was heard is none.
        hear(heard, settling(heard, 1, 8), &(struct hypothesis){0}, 1, 0);
        check_seconds(partial(heard, 1, 9), 1, 9);
}

static void an_answer_about_the_rest_of_another_text_is_no_news(void **state) {
        struct heard *heard = *state;
        struct job *job;

        hear(heard, settling(heard, 1, 8), &three_tokens, 1, 2);
        job = partial(heard, 1, 9);
        hear(heard, settling(heard, 1, 10), &three_tokens, 1, 2);
        assert_false(partials_hear(&heard->partials, job, &three_tokens));
        job_free(job);
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
                cmocka_unit_test_setup_teardown(a_short_text_is_not_committed, heard_setup,
                                                heard_teardown),
                cmocka_unit_test_setup_teardown(
                        an_answer_about_the_rest_of_another_text_is_no_news, heard_setup,
                        heard_teardown),
                STREAM_TEST(partial_text_comes_while_he_speaks_and_somebody_reads),
                STREAM_TEST(without_readers_nothing_partial_is_decoded),
                STREAM_TEST(stable_words_stay_until_the_window_is_final),
                STREAM_TEST(what_the_pause_settled_is_not_decoded_again),
                STREAM_TEST(each_pass_over_a_window_drafts_the_next),
                STREAM_TEST(a_flush_in_mid_word_is_decoded_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
