// Whole files through ffmpeg, the scheduler and a scripted engine.
#include "cli/transcription.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "decode/engine_scripted.h"
#include "decode/models.h"
#include "util/mem.h"

#define JOBS_MAX 64

// What the engine was asked, as the decode thread saw it.
struct seen {
        int64_t begin;
        size_t n_samples;
        char language[LANGUAGE_CODE_MAX];
        bool is_single_pass;
        bool only_detects;
        bool has_prompt;
        size_t n_previous;
        int32_t previous_last;
};

struct fixture {
        char *folder;
        char *files[JOBS_MAX];
        size_t n_files;
        struct decode_options options;
        const struct vad_model *vad;
        enum transcript_format format;
        unsigned n_engines;
        size_t n_failed;  // as told by the transcription
        struct loop *loop;

        pthread_mutex_t lock;
        pthread_cond_t change;
        // --- protected by lock
        struct seen seen[JOBS_MAX];
        size_t n_seen;
};

// --- files -----------------------------------------------------------------------------------

static struct fixture *fixture_new(void) {
        struct fixture *fixture = xnew(struct fixture);

        fixture->folder = xstrdup("/tmp/transcription_test.XXXXXX");
        assert_non_null(mkdtemp(fixture->folder));
        fixture->options = decode_options_default();
        fixture->options.words_per_second_max = INFINITY;  // the scripted engine talks fast
        fixture->n_engines = 1;
        pthread_mutex_init(&fixture->lock, NULL);
        pthread_cond_init(&fixture->change, NULL);
        return fixture;
}

static void fixture_free(struct fixture *fixture) {
        for (size_t i = 0; i < fixture->n_files; i++) {
                unlink(fixture->files[i]);
                free(fixture->files[i]);
        }
        rmdir(fixture->folder);
        pthread_cond_destroy(&fixture->change);
        pthread_mutex_destroy(&fixture->lock);
        free(fixture->folder);
        free(fixture);
}

static const char *file_add(struct fixture *fixture, const char *name) {
        return fixture->files[fixture->n_files++] = xasprintf("%s/%s", fixture->folder, name);
}

static void little_endian_put(FILE *file, uint32_t value, int n_bytes) {
        for (int i = 0; i < n_bytes; i++)
                fputc((int)(value >> (8 * i) & 0xFF), file);
}

// A WAV file of so many samples at AUDIO_RATE. Its samples are all `level`.
static void wav_add(struct fixture *fixture, const char *name, size_t n_samples,
                    int16_t level) {
        FILE *file = fopen(file_add(fixture, name), "wb");
        uint32_t n_bytes = (uint32_t)(2 * n_samples);

        assert_non_null(file);
        fputs("RIFF", file);
        little_endian_put(file, 36 + n_bytes, 4);
        fputs("WAVEfmt ", file);
        little_endian_put(file, 16, 4);
        little_endian_put(file, 1, 2);  // PCM
        little_endian_put(file, 1, 2);  // one channel
        little_endian_put(file, AUDIO_RATE, 4);
        little_endian_put(file, AUDIO_RATE * 2, 4);
        little_endian_put(file, 2, 2);
        little_endian_put(file, 16, 2);
        fputs("data", file);
        little_endian_put(file, n_bytes, 4);
        for (size_t i = 0; i < n_samples; i++)
                little_endian_put(file, (uint16_t)level, 2);
        fclose(file);
}

// --- the engine's answers --------------------------------------------------------------------

static void seen_note(struct fixture *fixture, const struct job *job) {
        struct seen *seen;

        pthread_mutex_lock(&fixture->lock);
        assert_true(fixture->n_seen < JOBS_MAX);
        seen = &fixture->seen[fixture->n_seen++];
        seen->begin = job->begin;
        seen->n_samples = job->n_samples;
        memcpy(seen->language, job->options.language, sizeof(seen->language));
        seen->is_single_pass = job->options.is_single_pass;
        seen->only_detects = job->options.only_detects_language;
        seen->has_prompt = job->options.prompt != NULL;
        seen->n_previous = job->options.n_previous_tokens;
        if (seen->n_previous > 0)
                seen->previous_last = job->options.previous_tokens[seen->n_previous - 1];
        pthread_cond_broadcast(&fixture->change);
        pthread_mutex_unlock(&fixture->lock);
}

static void segment_put(struct hypothesis *hypothesis, int64_t begin, int64_t end, char *text) {
        struct hypothesis_segment *segment = hypothesis_append(hypothesis);

        segment->begin = begin;
        segment->end = end;
        segment->text = text;
        segment->tokens = xcalloc(150, sizeof(int32_t));
        segment->n_tokens = 150;
        for (int32_t i = 0; i < 150; i++)
                segment->tokens[i] = i;
}

// Each window is one segment, which tells where it began and how loud it was.
static int answer_plainly(void *context, const struct job *job, struct hypothesis *ret) {
        seen_note(context, job);
        segment_put(ret, 0, (int64_t)job->n_samples,
                    xasprintf(" at %.2f level %.0f", (double)job->begin / AUDIO_RATE,
                              (double)job->samples[0] * 32768));
        ret->n_consumed = (int64_t)job->n_samples;
        memcpy(ret->language, "de", 3);
        return 0;
}

// As a Whisper that is sure of the first 20 s of each full window; the second one came out of
// a high temperature.
static int answer_in_part(void *context, const struct job *job, struct hypothesis *ret) {
        answer_plainly(context, job, ret);
        if (job->n_samples == (size_t)30 * AUDIO_RATE)
                ret->n_consumed = (int64_t)20 * AUDIO_RATE;
        ret->segments[0].end = ret->n_consumed;
        ret->segments[0].temperature = job->begin == (int64_t)20 * AUDIO_RATE ? 0.8f : 0;
        return 0;
}

// The very first window takes longer than a few windows of other files.
static int answer_first_last(void *context, const struct job *job, struct hypothesis *ret) {
        struct fixture *fixture = context;

        pthread_mutex_lock(&fixture->lock);
        while (job->samples[0] * 32768 == 100 && fixture->n_seen < 5)
                pthread_cond_wait(&fixture->change, &fixture->lock);
        pthread_mutex_unlock(&fixture->lock);
        return answer_plainly(context, job, ret);
}

// The first window of a file holds no words.
static int answer_late(void *context, const struct job *job, struct hypothesis *ret) {
        if (job->id > 1)
                return answer_plainly(context, job, ret);
        seen_note(context, job);
        memcpy(ret->language, "cy", 3);
        return 0;
}

// Two of the first three windows are taken for German, none of them surely.
static int answer_unsure(void *context, const struct job *job, struct hypothesis *ret) {
        struct fixture *fixture = context;

        if (!job->options.only_detects_language)
                return answer_plainly(context, job, ret);
        memcpy(ret->language, fixture->n_seen == 0 ? "cy" : "de", 3);
        ret->language_probability = 0.4f;
        seen_note(context, job);
        return 0;
}

static int answer_if_positive(void *context, const struct job *job, struct hypothesis *ret) {
        (void)ret;
        seen_note(context, job);
        return job->samples[0] < 0 ? -ENOMEM : answer_plainly(context, job, ret);
}

// --- running ---------------------------------------------------------------------------------

static void fixture_on_done(void *context, size_t n_failed) {
        struct fixture *fixture = context;

        fixture->n_failed = n_failed;
        loop_stop(fixture->loop);
}

// What is written for the fixture's files; the caller frees it.
static char *fixture_run(struct fixture *fixture, engine_answer answer) {
        CLEANUP(engine_script_freep)
        struct engine_script *script = engine_script_new(4, answer, fixture);
        struct scheduler_config config = {
                .engine = &engine_scripted, .model = script, .n_engines = fixture->n_engines};
        struct progress *progress = progress_new();
        struct scheduler *scheduler = NULL;
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);
        struct transcript_writer *writer =
                transcript_writer_new(stream, fixture->format, fixture->n_files > 1);
        struct loop *loop = fixture->loop = loop_new();
        struct transcription_parts parts = {
                .files = fixture->files,
                .n_files = fixture->n_files,
                .writer = writer,
                .progress = progress,
                .on_done = fixture_on_done,
                .context = fixture,
        };
        struct transcription *transcription;

        assert_int_equal(scheduler_open(&scheduler, loop, &config, NULL), 0);
        parts.services =
                (struct track_services){loop, scheduler, fixture->vad, &fixture->options};
        transcription = transcription_open(&parts);
        loop_run(loop);
        transcription_close(transcription);
        scheduler_close(scheduler);
        loop_free(loop);
        transcript_writer_free(writer);
        progress_free(progress);
        fclose(stream);
        return text;
}

// --- sequential windows ----------------------------------------------------------------------

static void test_sequential_windows_seek_and_remember(void **state) {
        struct fixture *fixture = fixture_new();
        CLEANUP(mem_freep) char *text = NULL;
        const struct seen *seen = fixture->seen;

        (void)state;
        fixture->options.prompt = xstrdup("Names");
        wav_add(fixture, "a.wav", (size_t)65 * AUDIO_RATE, 100);
        text = fixture_run(fixture, answer_in_part);
        assert_string_equal(text,
                            "at 0.00 level 100\nat 20.00 level 100\nat 40.00 level 100\n");
        assert_int_equal(fixture->n_failed, 0);
        assert_int_equal(fixture->n_seen, 3);
        assert_int_equal(seen[1].begin, 20 * AUDIO_RATE);
        assert_int_equal(seen[1].n_samples, 30 * AUDIO_RATE);
        assert_int_equal(seen[2].begin, 40 * AUDIO_RATE);
        assert_int_equal(seen[2].n_samples, 25 * AUDIO_RATE);
        assert_true(seen[0].is_single_pass);
        // The language of the first words holds.
        assert_string_equal(seen[0].language, "");
        assert_string_equal(seen[1].language, "de");
        // What was said before is context, until it came out of a high temperature.
        assert_int_equal(seen[0].n_previous, 0);
        assert_true(seen[0].has_prompt);
        assert_int_equal(seen[1].n_previous, 150);
        assert_int_equal(seen[1].previous_last, 149);
        assert_true(seen[1].has_prompt);
        assert_int_equal(seen[2].n_previous, 0);
        assert_false(seen[2].has_prompt);
        free(fixture->options.prompt);
        fixture_free(fixture);
}

static void test_context_is_bounded(void **state) {
        struct fixture *fixture = fixture_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        wav_add(fixture, "a.wav", (size_t)90 * AUDIO_RATE, 100);
        text = fixture_run(fixture, answer_plainly);
        assert_non_null(text);
        assert_int_equal(fixture->n_seen, 3);
        assert_int_equal(fixture->seen[2].n_previous, 224);
        assert_int_equal(fixture->seen[2].previous_last, 149);
        fixture_free(fixture);
}

// --- many files ------------------------------------------------------------------------------

static void test_files_come_out_in_their_order(void **state) {
        struct fixture *fixture = fixture_new();
        CLEANUP(mem_freep) char *text = NULL;
        CLEANUP(mem_freep) char *expected = xstrdup("");

        (void)state;
        for (int i = 0; i < 20; i++) {
                char name[16];

                snprintf(name, sizeof(name), "%02d.wav", i);
                // Long and short ones take turns.
                wav_add(fixture, name, (size_t)(i % 3 == 0 ? 31 : 1) * AUDIO_RATE,
                        (int16_t)(100 + i));
        }
        fixture->n_engines = 2;
        text = fixture_run(fixture, answer_first_last);
        for (int i = 0; i < 20; i++) {
                CLEANUP(mem_freep) char *before = expected;
                CLEANUP(mem_freep) char *second = xstrdup("");

                if (i % 3 == 0) {
                        free(second);
                        second = xasprintf("%s: at 30.00 level %d\n", fixture->files[i],
                                           100 + i);
                }
                expected = xasprintf("%s%s: at 0.00 level %d\n%s", before, fixture->files[i],
                                     100 + i, second);
        }
        assert_string_equal(text, expected);
        fixture_free(fixture);
}

static void test_bad_files_do_not_stop_the_others(void **state) {
        struct fixture *fixture = fixture_new();
        CLEANUP(mem_freep) char *text = NULL;
        CLEANUP(mem_freep) char *expected = NULL;
        FILE *file;

        (void)state;
        file_add(fixture, "missing.wav");
        file = fopen(file_add(fixture, "empty.wav"), "w");
        fclose(file);
        file = fopen(file_add(fixture, "not-sound.wav"), "w");
        fputs("This is a letter, not a recording.\n", file);
        fclose(file);
        wav_add(fixture, "undecodable.wav", AUDIO_RATE, -5);
        wav_add(fixture, "short.wav", AUDIO_RATE / 20, 7);
        wav_add(fixture, "good.wav", AUDIO_RATE, 9);
        text = fixture_run(fixture, answer_if_positive);
        expected = xasprintf("%s: at 0.00 level 7\n%s: at 0.00 level 9\n", fixture->files[4],
                             fixture->files[5]);
        assert_string_equal(text, expected);
        assert_int_equal(fixture->n_failed, 4);
        fixture_free(fixture);
}

static void test_json_of_what_could_be_read(void **state) {
        struct fixture *fixture = fixture_new();
        CLEANUP(mem_freep) char *text = NULL;
        FILE *file;

        (void)state;
        fixture->format = TRANSCRIPT_JSON;
        file = fopen(file_add(fixture, "not-sound.wav"), "w");
        fputs("This is a letter, not a recording.\n", file);
        fclose(file);
        wav_add(fixture, "undecodable.wav", AUDIO_RATE, -5);
        wav_add(fixture, "good.wav", (size_t)2 * AUDIO_RATE, 9);
        text = fixture_run(fixture, answer_if_positive);
        assert_null(strstr(text, "not-sound"));
        assert_non_null(strstr(text, "undecodable.wav\",\"language\":null,\"duration\":1.0,"
                                     "\"segments\":[]}\n"));
        assert_non_null(strstr(text, "\"language\":\"de\",\"duration\":2.0,"));
        assert_int_equal(fixture->n_failed, 2);
        fixture_free(fixture);
}

// --- windows at pauses -----------------------------------------------------------------------

static struct vad_model *vad_load(void) {
        const char *models = getenv("EAVESDROP_TEST_MODELS");
        CLEANUP(mem_freep)
        char *folder = models ? xstrdup(models) : models_default_folder();
        CLEANUP(mem_freep) char *path = NULL;
        struct vad_model *model = NULL;
        struct error error = {0};

        if (models_resolve_vad(&path, folder, &error) < 0 ||
            vad_model_load(&model, path, &error) < 0) {
                print_message("skipped: %s\n", error.text);
                skip();
        }
        return model;
}

// The recording of the demo, three times: Ogg streams may be chained.
static void speech_add(struct fixture *fixture) {
        FILE *file = fopen(file_add(fixture, "speech.opus"), "wb");

        assert_non_null(file);
        for (int i = 0; i < 3; i++) {
                FILE *demo = fopen(DEMO, "rb");
                int byte;

                assert_non_null(demo);
                while ((byte = fgetc(demo)) != EOF)
                        fputc(byte, file);
                fclose(demo);
        }
        fclose(file);
}

// One track by itself, whose engine waits until all is read.
struct solo {
        struct fixture *fixture;
        struct engine_script *script;
        struct track *track;
        size_t n_segments;
};

static void solo_on_segment(void *context, const struct segment *segment) {
        struct solo *solo = context;

        assert_true(segment->is_final);
        solo->n_segments++;
}

static void solo_on_progress(void *context) {
        struct solo *solo = context;

        if (track_is_read(solo->track))
                engine_script_release(solo->script);
}

static void solo_on_done(void *context, const struct error *error) {
        struct solo *solo = context;

        (void)error;  // some versions of ffmpeg find fault with the chain
        loop_stop(solo->fixture->loop);
}

static void test_language_is_detected_on_the_first_words(void **state) {
        struct vad_model *vad = vad_load();
        struct fixture *fixture = fixture_new();
        CLEANUP(engine_script_freep)
        struct engine_script *script = engine_script_new(4, answer_late, fixture);
        struct scheduler_config config = {
                .engine = &engine_scripted, .model = script, .n_engines = 1};
        struct solo solo = {.fixture = fixture, .script = script};
        struct track_listener listener = {solo_on_segment, solo_on_progress, solo_on_done,
                                          &solo};
        struct track_services services = {.vad = vad, .options = &fixture->options};

        (void)state;
        speech_add(fixture);
        services.loop = fixture->loop = loop_new();
        assert_int_equal(scheduler_open(&services.scheduler, fixture->loop, &config, NULL), 0);
        engine_script_hold(script);
        assert_int_equal(track_open(&solo.track, &services, fixture->files[0], &listener, NULL),
                         0);
        loop_run(fixture->loop);
        assert_true(fixture->n_seen > 2);
        assert_string_equal(fixture->seen[0].language, "");
        assert_string_equal(fixture->seen[1].language, "");
        for (size_t i = 2; i < fixture->n_seen; i++)
                assert_string_equal(fixture->seen[i].language, "de");
        assert_false(fixture->seen[0].is_single_pass);
        assert_string_equal(track_language(solo.track), "de");
        assert_int_equal(solo.n_segments, fixture->n_seen - 1);
        assert_int_equal(track_held(solo.track), 0);
        track_close(solo.track);
        scheduler_close(services.scheduler);
        loop_free(fixture->loop);
        fixture_free(fixture);
        vad_model_free(vad);
}

static void test_windows_vote_for_a_language(void **state) {
        struct vad_model *vad = vad_load();
        struct fixture *fixture = fixture_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        fixture->vad = vad;
        fixture->options.language_detection_segments = 3;
        speech_add(fixture);
        text = fixture_run(fixture, answer_unsure);
        assert_non_null(strstr(text, "level"));
        assert_true(fixture->n_seen > 4);
        for (size_t i = 0; i < fixture->n_seen; i++) {
                const struct seen *seen = &fixture->seen[i];

                assert_int_equal(seen->only_detects, i < 3);
                assert_string_equal(seen->language, i < 3 ? "" : "de");
        }
        // Those that voted are decoded all the same, the first of them first.
        assert_int_equal(fixture->seen[3].begin, fixture->seen[0].begin);
        assert_true(fixture->seen[1].begin > fixture->seen[0].begin);
        fixture_free(fixture);
        vad_model_free(vad);
}

static void test_silence_gives_no_job(void **state) {
        struct vad_model *vad = vad_load();
        struct fixture *fixture = fixture_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        fixture->vad = vad;
        fixture->format = TRANSCRIPT_JSON;
        wav_add(fixture, "silence.wav", (size_t)40 * AUDIO_RATE, 0);
        text = fixture_run(fixture, answer_plainly);
        assert_int_equal(fixture->n_seen, 0);
        assert_non_null(strstr(text, "\"language\":null,\"duration\":40.0,\"segments\":[]}"));
        fixture_free(fixture);
        vad_model_free(vad);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sequential_windows_seek_and_remember),
                cmocka_unit_test(test_context_is_bounded),
                cmocka_unit_test(test_files_come_out_in_their_order),
                cmocka_unit_test(test_bad_files_do_not_stop_the_others),
                cmocka_unit_test(test_json_of_what_could_be_read),
                cmocka_unit_test(test_language_is_detected_on_the_first_words),
                cmocka_unit_test(test_windows_vote_for_a_language),
                cmocka_unit_test(test_silence_gives_no_job),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
