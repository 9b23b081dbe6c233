// Whole flows in one process: real speech detection on a real recording, a scripted engine, a
// capturing sink and a fake clock.
#include "server/stream.h"

#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "decode/engine_scripted.h"
#include "decode/models.h"
#include "server/counts.h"
#include "sink/sink_capture.h"
#include "source/media.h"
#include "util/mem.h"

#define PIECE 1600  // samples pushed at a time: 0.1 s

struct fixture {
        struct loop *loop;
        struct engine_script *script;
        struct scheduler *scheduler;
        struct vad_model *vad;
        struct stream *stream;
        struct sink_capture capture;
        struct sink sink;
        struct sink_counts sink_counts;
        struct server_counts counts;
        unsigned n_settled, n_relieved;
        atomic_uint n_tentative;
        atomic_uint n_drafted;  // jobs that brought the tokens of the one before
        atomic_bool is_drafted_wrong;
        int64_t first_begin;  // of the first text, from the first sample spoken
        bool says_words;      // the script's answers are words, not places
        float *speech;        // about ten seconds of a man speaking
        size_t n_speech;
};

// --- the recording
// -----------------------------------------------------------------------------

struct recording {
        float *samples;
        size_t n;
        bool has_ended;
};

static void recording_on_samples(void *context, const float *samples, size_t n) {
        struct recording *recording = context;
        float *longer = realloc(recording->samples, (recording->n + n) * sizeof(float));

        assert_non_null(longer);
        memcpy(longer + recording->n, samples, n * sizeof(float));
        recording->samples = longer;
        recording->n += n;
}

static void recording_on_end(void *context, const struct error *error) {
        struct recording *recording = context;

        assert_null(error);
        recording->has_ended = true;
}

static char *path_from(const char *variable, const char *fallback, const char *name) {
        const char *folder = getenv(variable);

        return xasprintf("%s/%s", folder ? folder : fallback, name);
}

static int recording_load(struct fixture *fixture) {
        CLEANUP(mem_freep)
        char *path = path_from("EAVESDROP_TEST_DATA", TEST_DATA_DEFAULT, "misc/jfk.flac");
        struct loop *loop = loop_new();
        struct recording recording = {0};
        struct media_listener listener = {
                .on_samples = recording_on_samples,
                .on_end = recording_on_end,
                .context = &recording,
        };
        struct media *media = NULL;

        if (media_open_file(&media, loop, path, &listener, NULL) == 0)
                while (!recording.has_ended)
                        loop_turn(loop);
        media_close(media);
        while (source_children() > 0)
                loop_turn(loop);
        loop_free(loop);
        fixture->speech = recording.samples;
        fixture->n_speech = recording.n;
        return recording.n > 0 ? 0 : -1;
}

// --- the fixture
// -------------------------------------------------------------------------------

// A word for each half second, another one each time for the last and, in tentative text, for
// the third; the first is misheard now and then.
static char *words_say(const struct job *job, unsigned n_tentative) {
        size_t n = job->n_samples / (AUDIO_RATE / 2);
        char *text = xstrdup("");

        for (size_t i = 0; i <= n; i++) {
                bool is_misheard = i == 2 || (i == 0 && n_tentative % 4 == 3);
                bool is_vague = i == n || (is_misheard && !job->is_final && !job->is_settling);
                char *longer = xasprintf("%s %s%zu", text, is_vague ? "maybe" : "word",
                                         is_vague ? n_tentative : i);

                free(text);
                text = longer;
        }
        return text;
}

// Says where the job's sound lies: " [begin,end)".
static int script_answer(void *context, const struct job *job, struct hypothesis *ret) {
        struct fixture *fixture = context;
        struct hypothesis_segment *segment = hypothesis_append(ret);

        if (!job->is_final)
                atomic_fetch_add(&fixture->n_tentative, 1);
        if (job->options.n_draft_tokens > 0)
                atomic_fetch_add(&fixture->n_drafted, 1);
        // The token names the window, and a draft must be of the same one.
        for (size_t i = 0; i < job->options.n_draft_tokens; i++)
                if (job->options.draft_tokens[i] != (int32_t)job->begin)
                        atomic_store(&fixture->is_drafted_wrong, true);
        segment->tokens = xcalloc(1, sizeof(*segment->tokens));
        segment->tokens[0] = (int32_t)job->begin;
        segment->n_tokens = 1;
        segment->end = (int64_t)job->n_samples;
        segment->text = fixture->says_words ? words_say(job, atomic_load(&fixture->n_tentative))
                                            : xasprintf(" [%" PRId64 ",%" PRId64 ")",
                                                        job->begin, job->begin + segment->end);
        snprintf(ret->language, sizeof(ret->language), "en");
        return 0;
}

static void on_settled(void *context) {
        struct fixture *fixture = context;

        fixture->n_settled++;
}

static void on_relief(void *context) {
        struct fixture *fixture = context;

        fixture->n_relieved++;
}

static void fixture_open(struct fixture *fixture, bool is_file) {
        struct decode_options options = decode_options_default();
        struct stream_services services = {fixture->loop, fixture->scheduler, fixture->vad,
                                           &fixture->counts};
        struct stream_settings settings = {
                .name = "test", .options = &options, .history_segments = 5, .is_file = is_file};
        struct stream_listener listener = {on_settled, on_relief, fixture};

        assert_int_equal(stream_open(&fixture->stream, &services, &settings, &listener, NULL),
                         0);
        fixture->sink = (struct sink){
                .ops = &sink_capture,
                .state = &fixture->capture,
                .wants_tail = true,
                .counts = &fixture->sink_counts,
        };
        stream_add_sink(fixture->stream, &fixture->sink);
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);
        CLEANUP(mem_freep) char *folder = models_default_folder();
        CLEANUP(mem_freep)
        char *vad = path_from("EAVESDROP_TEST_MODELS", folder,
                              "silero-vad/silero_vad_16k.safetensors");
        struct scheduler_config config = {.engine = &engine_scripted, .n_engines = 1};

        *state = fixture;
        fixture->loop = loop_new_fake(1000 * NSEC_PER_SEC);
        fixture->script = engine_script_new(4, script_answer, fixture);
        config.model = fixture->script;
        if (scheduler_open(&fixture->scheduler, fixture->loop, &config, NULL) < 0)
                return -1;
        if (vad_model_load(&fixture->vad, vad, NULL) == 0 && recording_load(fixture) == 0)
                fixture_open(fixture, false);
        else
                print_message("skipped: no voice activity network or no misc/jfk.flac\n");
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        stream_close(fixture->stream);
        scheduler_close(fixture->scheduler);
        engine_script_free(fixture->script);
        vad_model_free(fixture->vad);
        loop_free(fixture->loop);
        sink_capture_deinit(&fixture->capture);
        free(fixture->speech);
        free(fixture);
        return 0;
}

static struct fixture *fixture_of(void **state) {
        struct fixture *fixture = *state;

        if (!fixture->stream)
                skip();
        return fixture;
}

static void fixture_wait(struct fixture *fixture) {
        struct scheduler_stats stats;

        do {
                loop_turn(fixture->loop);
                sched_yield();
                stats = scheduler_stats(fixture->scheduler);
        } while (stats.n_final + stats.n_tentative > 0);
}

// Push sound at the pace of the clock, letting the decoder keep up.
static void push(struct fixture *fixture, const float *samples, size_t n) {
        for (size_t i = 0; i + PIECE <= n; i += PIECE) {
                stream_on_audio(fixture->stream, samples + i, PIECE);
                loop_advance(fixture->loop, NSEC_PER_SEC / 10);
                fixture_wait(fixture);
        }
}

static void push_silence(struct fixture *fixture, double seconds) {
        static const float zeros[PIECE];

        for (int i = 0; i < (int)(seconds * 10); i++)
                push(fixture, zeros, PIECE);
}

// --- the tests
// ---------------------------------------------------------------------------------

static void speech_becomes_final_text_after_a_pause(void **state) {
        struct fixture *fixture = fixture_of(state);
        const struct segment *finals;
        int64_t covered = 0;

        push(fixture, fixture->speech, fixture->n_speech);
        push_silence(fixture, 2);
        assert_true(fixture->capture.n_finals > 0);
        finals = fixture->capture.finals;
        for (size_t i = 0; i < fixture->capture.n_finals; i++) {
                if (i > 0)
                        assert_true(finals[i].begin >= finals[i - 1].end);
                covered += finals[i].end - finals[i].begin;
        }
        // He speaks for most of the eleven seconds, pauses between his sentences.
        assert_true(covered > (int64_t)fixture->n_speech * 7 / 10);
        assert_string_equal(fixture->capture.tail, "");
        assert_int_equal(stream_owed(fixture->stream), 0);
}

static void sound_is_in_a_window_or_silent(void **state) {
        struct fixture *fixture = fixture_of(state);
        const struct server_counts *counts = &fixture->counts;
        uint64_t in_windows = 0, undecided;

        push_silence(fixture, 3);
        push(fixture, fixture->speech, fixture->n_speech);
        push_silence(fixture, 5);
        assert_true(fixture->capture.n_finals > 1);
        for (size_t i = 0; i < fixture->capture.n_finals; i++)
                in_windows += (uint64_t)(fixture->capture.finals[i].end -
                                         fixture->capture.finals[i].begin);
        assert_int_equal(counts->samples_in, (8 * 10 + fixture->n_speech / PIECE) * PIECE);
        // The last moments may still become the start of a window.
        undecided = counts->samples_in - counts->samples_silent - in_windows;
        assert_true(undecided < AUDIO_RATE);
        assert_true(counts->samples_silent > (uint64_t)6 * AUDIO_RATE);
        assert_int_equal(fixture->sink_counts.n_updates, fixture->capture.n_updates);
}

static void sound_that_stops_coming_is_a_pause(void **state) {
        struct fixture *fixture = fixture_of(state);
        size_t half = fixture->n_speech / 2;
        char expected[32];

        push(fixture, fixture->speech, half);
        stream_flush(fixture->stream);
        fixture_wait(fixture);
        size_t n_before = fixture->capture.n_finals;

        push(fixture, fixture->speech + half / PIECE * PIECE, 3 * AUDIO_RATE);
        assert_int_equal(fixture->capture.n_finals, n_before);  // he goes on speaking
        loop_advance(fixture->loop, 3 * NSEC_PER_SEC);
        fixture_wait(fixture);
        assert_true(fixture->capture.n_finals > n_before);
        // What there was is decoded to its very end.
        snprintf(expected, sizeof(expected), ",%zu)", half / PIECE * PIECE + 3 * AUDIO_RATE);
        assert_non_null(
                strstr(fixture->capture.finals[fixture->capture.n_finals - 1].text, expected));
}

static void bursts_are_not_pauses(void **state) {
        struct fixture *fixture = fixture_of(state);

        // Two seconds of sound every two seconds, in the middle of a sentence.
        for (int i = 0; i < 2; i++) {
                stream_on_audio(fixture->stream,
                                fixture->speech + (3 + 2 * i) * AUDIO_RATE - AUDIO_RATE / 2,
                                (size_t)2 * AUDIO_RATE);
                loop_advance(fixture->loop, 2 * NSEC_PER_SEC);
        }
        fixture_wait(fixture);
        for (size_t i = 0; i < fixture->capture.n_finals; i++)
                assert_null(strstr(fixture->capture.finals[i].text, ",32000)"));
}

static void sound_poured_in_waits_no_longer_than_the_limit(void **state) {
        struct fixture *fixture = fixture_of(state);
        const struct segment *last;

        // Seven seconds at once, ending in the middle of a sentence.
        stream_on_audio(fixture->stream, fixture->speech, (size_t)7 * AUDIO_RATE);
        loop_advance(fixture->loop, 3 * NSEC_PER_SEC);
        fixture_wait(fixture);
        assert_true(fixture->capture.n_finals > 0);
        last = &fixture->capture.finals[fixture->capture.n_finals - 1];
        assert_non_null(strstr(last->text, ",112000)"));
}

static void tentative_text_comes_while_he_speaks_and_somebody_reads(void **state) {
        struct fixture *fixture = fixture_of(state);

        push(fixture, fixture->speech, 2 * AUDIO_RATE);
        assert_true(atomic_load(&fixture->n_tentative) >= 1);
        assert_true(fixture->capture.tail[0] != '\0');
        assert_int_equal(fixture->capture.n_finals, 0);
}

static void stable_words_stay_until_the_window_is_final(void **state) {
        struct fixture *fixture = fixture_of(state);
        struct sink_capture *capture = &fixture->capture;
        char stable[64] = "";
        size_t longest = 0;

        fixture->says_words = true;
        for (size_t i = 0; i + PIECE <= fixture->n_speech; i += PIECE) {
                size_t n_finals = capture->n_finals;

                push(fixture, fixture->speech + i, PIECE);
                if (!capture->tail)
                        continue;
                if (capture->n_finals == n_finals)
                        assert_memory_equal(capture->tail, stable, strlen(stable));
                snprintf(stable, sizeof(stable), "%.*s", (int)capture->stable_bytes,
                         capture->tail);
                if (strlen(stable) > longest)
                        longest = strlen(stable);
        }
        push_silence(fixture, 2);
        // The vague third word holds back all that follows it, until the final decides anew.
        assert_int_equal(longest, strlen(" word0 word1"));
        assert_string_equal(capture->tail, "");
        assert_int_equal(capture->stable_bytes, 0);
        assert_non_null(strstr(capture->finals[0].text, " word0 word1 word2 word3"));
}

// The pass over a pause that goes on is the last one.
static void what_the_pause_settled_is_not_decoded_again(void **state) {
        struct fixture *fixture = fixture_of(state);
        const struct scheduler_counts *counts = scheduler_counts(fixture->scheduler);

        push(fixture, fixture->speech, fixture->n_speech);
        push_silence(fixture, 2);
        assert_true(fixture->capture.n_finals > 1);
        assert_int_equal(counts->n_promoted, fixture->capture.n_finals);
        assert_int_equal(histogram_count(&counts->kinds[JOB_FINAL].decode_seconds), 0);
}

static void each_pass_over_a_window_drafts_the_next(void **state) {
        struct fixture *fixture = fixture_of(state);
        unsigned n_passes;

        push(fixture, fixture->speech, fixture->n_speech);
        push_silence(fixture, 2);
        n_passes = atomic_load(&fixture->n_tentative);
        assert_true(n_passes > 4 * fixture->capture.n_finals);
        assert_int_equal(atomic_load(&fixture->n_drafted),
                         n_passes - fixture->capture.n_finals);
        assert_false(atomic_load(&fixture->is_drafted_wrong));
}

static void a_flush_in_mid_word_is_decoded_anew(void **state) {
        struct fixture *fixture = fixture_of(state);
        const struct scheduler_counts *counts = scheduler_counts(fixture->scheduler);

        push(fixture, fixture->speech, 2 * AUDIO_RATE);
        stream_flush(fixture->stream);
        fixture_wait(fixture);
        assert_int_equal(fixture->capture.n_finals, 1);
        assert_int_equal(counts->n_promoted, 0);
}

static void silence_never_reaches_the_engine(void **state) {
        struct fixture *fixture = fixture_of(state);

        push_silence(fixture, 30);
        assert_int_equal(engine_script_submitted(fixture->script), 0);
}

static void without_readers_nothing_tentative_is_decoded(void **state) {
        struct fixture *fixture = fixture_of(state);

        fixture->sink.wants_tail = false;
        push(fixture, fixture->speech, fixture->n_speech);
        assert_int_equal(atomic_load(&fixture->n_tentative), 0);
}

static void flush_settles_at_once_when_nothing_is_owed(void **state) {
        struct fixture *fixture = fixture_of(state);

        stream_flush(fixture->stream);
        assert_int_equal(fixture->n_settled, 1);
        push_silence(fixture, 1);
        stream_flush(fixture->stream);
        assert_int_equal(fixture->n_settled, 2);
        assert_int_equal(fixture->capture.n_finals, 0);
}

static void cancel_forgets_what_was_said(void **state) {
        struct fixture *fixture = fixture_of(state);

        engine_script_hold(fixture->script);
        for (size_t i = 0; i < (size_t)2 * AUDIO_RATE; i += PIECE)
                stream_on_audio(fixture->stream, fixture->speech + i, PIECE);
        stream_flush(fixture->stream);
        assert_int_equal(stream_owed(fixture->stream), 1);
        stream_cancel(fixture->stream);
        assert_int_equal(stream_owed(fixture->stream), 0);
        engine_script_release(fixture->script);
        push_silence(fixture, 2);
        assert_int_equal(fixture->capture.n_finals, 0);
}

static void a_restart_counts_from_zero_again(void **state) {
        struct fixture *fixture = fixture_of(state);
        uint64_t id;

        push(fixture, fixture->speech, fixture->n_speech);
        push_silence(fixture, 2);
        assert_true(history_length(stream_history(fixture->stream)) > 0);
        id = fixture->capture.finals[0].id;
        stream_restart(fixture->stream);
        assert_int_equal(history_length(stream_history(fixture->stream)), 0);
        assert_int_equal(stream_origin(fixture->stream),
                         (int64_t)(fixture->n_speech / PIECE * PIECE) + 2 * AUDIO_RATE);
        size_t n = fixture->capture.n_finals;

        push(fixture, fixture->speech, fixture->n_speech);
        push_silence(fixture, 2);
        assert_true(fixture->capture.n_finals > n);
        assert_true(fixture->capture.finals[n].begin >= stream_origin(fixture->stream));
        // The texts differ (they name positions), so the ids do; but the chain began anew.
        assert_true(fixture->capture.finals[n].id ==
                    segment_id_next(segment_id_first(), fixture->capture.finals[n].text));
        assert_true(id == segment_id_next(segment_id_first(), fixture->capture.finals[0].text));
}

static void a_late_decoder_loses_nothing_and_asks_for_a_pause(void **state) {
        struct fixture *fixture = fixture_of(state);
        int rounds = 0;

        engine_script_hold(fixture->script);
        while (!stream_is_backlogged(fixture->stream)) {
                static const float zeros[AUDIO_RATE];

                stream_on_audio(fixture->stream, fixture->speech, fixture->n_speech);
                stream_on_audio(fixture->stream, zeros, AUDIO_RATE);
                rounds++;
        }
        assert_int_equal(fixture->n_relieved, 0);
        size_t owed = stream_owed(fixture->stream);

        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_int_equal(fixture->n_relieved, 1);
        assert_int_equal(fixture->capture.n_finals, owed);
        assert_true(rounds >= 2);
}

static void wall_clock_times_follow_the_anchor(void **state) {
        struct fixture *fixture = fixture_of(state);
        struct stream_facts facts;

        loop_advance(fixture->loop, 50 * NSEC_PER_SEC);
        push(fixture, fixture->speech, AUDIO_RATE);
        facts = stream_facts(fixture->stream);
        // The first tenth of a second had been spoken when it arrived.
        assert_true(stream_facts_wall(&facts, AUDIO_RATE) ==
                    1051 * NSEC_PER_SEC - NSEC_PER_SEC / 10);
}

// Twenty minutes of silence, then a sentence, through a whole day.
static void a_day_has_no_drift(void **state) {
        struct fixture *fixture = fixture_of(state);
        static const float zeros[2 * AUDIO_RATE];
        size_t n_finals = 0;

        for (int visit = 0; visit < 72; visit++) {
                int64_t spoken, first;
                struct stream_facts facts;

                for (int i = 0; i < 600; i++) {
                        stream_on_audio(fixture->stream, zeros, (size_t)2 * AUDIO_RATE);
                        loop_advance(fixture->loop, 2 * NSEC_PER_SEC);
                }
                spoken = stream_position(fixture->stream);
                push(fixture, fixture->speech, fixture->n_speech);
                push_silence(fixture, 2);
                assert_true(fixture->capture.n_finals > n_finals);
                // Each visit has the times of the first one, to the sample of a VAD chunk.
                first = fixture->capture.finals[n_finals].begin - spoken;
                if (visit == 0)
                        fixture->first_begin = first;
                assert_true(llabs(first - fixture->first_begin) <= 50 * AUDIO_RATE / 1000);
                facts = stream_facts(fixture->stream);
                // And the wall clock runs beside: it was two seconds of sound behind at first.
                assert_true(llabs(stream_facts_wall(&facts, stream_position(fixture->stream)) +
                                  2 * NSEC_PER_SEC - loop_wall(fixture->loop)) <=
                            50 * NSEC_PER_MSEC);
                n_finals = fixture->capture.n_finals;
        }
        assert_true(stream_position(fixture->stream) > (int64_t)86400 * AUDIO_RATE);
}

// Faster than real time: asked to pause. At the pace of real time: never.
static void only_a_flood_is_asked_to_pause(void **state) {
        struct fixture *fixture = fixture_of(state);
        static const float zeros[AUDIO_RATE];

        engine_script_hold(fixture->script);
        for (int round = 0; round < 20; round++) {
                for (size_t i = 0; i + PIECE <= fixture->n_speech; i += PIECE) {
                        stream_on_audio(fixture->stream, fixture->speech + i, PIECE);
                        loop_advance(fixture->loop, NSEC_PER_SEC / 10);
                }
                stream_on_audio(fixture->stream, zeros, AUDIO_RATE);
                loop_advance(fixture->loop, NSEC_PER_SEC);
        }
        assert_true(stream_owed(fixture->stream) >= 20);
        assert_false(stream_is_backlogged(fixture->stream));
        stream_on_audio(fixture->stream, fixture->speech, fixture->n_speech);
        assert_true(stream_is_backlogged(fixture->stream));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_false(stream_is_backlogged(fixture->stream));
        for (size_t i = 1; i < fixture->capture.n_finals; i++)
                assert_true(fixture->capture.finals[i].begin >=
                            fixture->capture.finals[i - 1].end);
}

#define STREAM_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                STREAM_TEST(speech_becomes_final_text_after_a_pause),
                STREAM_TEST(sound_is_in_a_window_or_silent),
                STREAM_TEST(sound_that_stops_coming_is_a_pause),
                STREAM_TEST(bursts_are_not_pauses),
                STREAM_TEST(sound_poured_in_waits_no_longer_than_the_limit),
                STREAM_TEST(tentative_text_comes_while_he_speaks_and_somebody_reads),
                STREAM_TEST(stable_words_stay_until_the_window_is_final),
                STREAM_TEST(what_the_pause_settled_is_not_decoded_again),
                STREAM_TEST(each_pass_over_a_window_drafts_the_next),
                STREAM_TEST(a_flush_in_mid_word_is_decoded_anew),
                STREAM_TEST(silence_never_reaches_the_engine),
                STREAM_TEST(without_readers_nothing_tentative_is_decoded),
                STREAM_TEST(flush_settles_at_once_when_nothing_is_owed),
                STREAM_TEST(cancel_forgets_what_was_said),
                STREAM_TEST(a_restart_counts_from_zero_again),
                STREAM_TEST(a_late_decoder_loses_nothing_and_asks_for_a_pause),
                STREAM_TEST(wall_clock_times_follow_the_anchor),
                STREAM_TEST(a_day_has_no_drift),
                STREAM_TEST(only_a_flood_is_asked_to_pause),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
