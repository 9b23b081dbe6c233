#include "cli/batch_rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "decode/scheduler.h"
#include "source/media_backend.h"
#include "util/mem.h"

struct batch_rig *batch_rig_new(void) {
        struct batch_rig *rig = xnew(struct batch_rig);

        rig->folder = xstrdup("/tmp/batch_test.XXXXXX");
        assert_non_null(mkdtemp(rig->folder));
        rig->options = decode_options_default();
        rig->filters.words_per_second_max = INFINITY;  // the scripted engine talks fast
        rig->clips = &clips_whole;
        rig->n_engines = 1;
        pthread_mutex_init(&rig->lock, NULL);
        pthread_cond_init(&rig->change, NULL);
        return rig;
}

void batch_rig_free(struct batch_rig *rig) {
        for (size_t i = 0; i < rig->n_files; i++) {
                unlink(rig->files[i]);
                free(rig->files[i]);
        }
        rmdir(rig->folder);
        pthread_cond_destroy(&rig->change);
        pthread_mutex_destroy(&rig->lock);
        free(rig->folder);
        free(rig);
}

// --- files -----------------------------------------------------------------------------------

const char *rig_add_file(struct batch_rig *rig, const char *name) {
        return rig->files[rig->n_files++] = xasprintf("%s/%s", rig->folder, name);
}

static void little_endian_put(FILE *file, uint32_t value, int n_bytes) {
        for (int i = 0; i < n_bytes; i++)
                fputc((int)(value >> (8 * i) & 0xFF), file);
}

// A WAV file up to its samples.
static FILE *wav_begin(struct batch_rig *rig, const char *name, size_t n_samples) {
        FILE *file = fopen(rig_add_file(rig, name), "wb");
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
        return file;
}

void rig_add_wav(struct batch_rig *rig, const char *name, size_t n_samples, int16_t level) {
        FILE *file = wav_begin(rig, name, n_samples);

        for (size_t i = 0; i < n_samples; i++)
                little_endian_put(file, (uint16_t)level, 2);
        fclose(file);
}

void rig_add_clock(struct batch_rig *rig, const char *name, size_t n_seconds) {
        FILE *file = wav_begin(rig, name, n_seconds * AUDIO_RATE);

        for (size_t i = 0; i < n_seconds * AUDIO_RATE; i++)
                little_endian_put(file, (uint32_t)(i / AUDIO_RATE), 2);
        fclose(file);
}

// Ogg streams may be chained.
void rig_add_speech(struct batch_rig *rig) {
        FILE *file = fopen(rig_add_file(rig, "speech.opus"), "wb");

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

// --- the engine's answers --------------------------------------------------------------------

void rig_note(struct batch_rig *rig, const struct job *job) {
        struct seen *seen;

        pthread_mutex_lock(&rig->lock);
        assert_true(rig->n_seen < RIG_JOBS_MAX);
        seen = &rig->seen[rig->n_seen++];
        seen->begin = job->begin;
        seen->n_samples = job->n_samples;
        memcpy(seen->language, job->hints.language, sizeof(seen->language));
        seen->is_single_pass = job->hints.is_single_pass;
        seen->only_detects = job->hints.only_detects_language;
        seen->has_prompt = job->settings->options.prompt && !job->hints.is_prompt_over;
        seen->n_previous = job->hints.n_previous_tokens;
        if (seen->n_previous > 0)
                seen->previous_last = job->hints.previous_tokens[seen->n_previous - 1];
        pthread_cond_broadcast(&rig->change);
        pthread_mutex_unlock(&rig->lock);
}

struct hypothesis_segment *rig_put_segment(struct hypothesis *hypothesis, int64_t begin,
                                           int64_t end, char *text) {
        struct hypothesis_segment *segment = hypothesis_append(hypothesis);

        segment->begin = begin;
        segment->end = end;
        segment->text = text;
        segment->tokens = xcalloc(150, sizeof(int32_t));
        segment->n_tokens = 150;
        for (int32_t i = 0; i < 150; i++)
                segment->tokens[i] = i;
        return segment;
}

int rig_answer_plainly(void *context, const struct job *job, struct hypothesis *ret) {
        rig_note(context, job);
        rig_put_segment(ret, 0, (int64_t)job->n_samples,
                        xasprintf(" at %.2f level %.0f", (double)job->begin / AUDIO_RATE,
                                  (double)job->samples[0] * 32768));
        ret->n_consumed = (int64_t)job->n_samples;
        memcpy(ret->language, "de", 3);
        return 0;
}

// --- running ---------------------------------------------------------------------------------

struct stream_services rig_services(struct batch_rig *rig, struct scheduler *scheduler) {
        return (struct stream_services){
                .loop = rig->loop, .scheduler = scheduler, .vad = rig->vad};
}

struct file_settings rig_file_settings(struct batch_rig *rig) {
        rig->pauses = segmenter_config_files();
        return (struct file_settings){
                .options = &rig->options,
                .filters = &rig->filters,
                .pauses = rig->vad ? &rig->pauses : NULL,
                .clips = rig->clips,
                .awaits_language = true,
        };
}

struct loop *rig_begin(struct batch_rig *rig) {
        rig->loop = loop_new();
        rig->media = media_backend_new(rig->loop, "ffmpeg");
        return rig->loop;
}

void rig_end(struct batch_rig *rig) {
        rig->media = media_backend_free(rig->media);
        rig->loop = loop_free(rig->loop);
}

static void rig_on_done(void *context, size_t n_failed) {
        struct batch_rig *rig = context;

        rig->n_failed = n_failed;
        loop_stop(rig->loop);
}

char *batch_rig_run(struct batch_rig *rig, engine_answer answer) {
        CLEANUP(engine_script_freep)
        struct engine_script *script = engine_script_new(4, answer, rig);
        struct scheduler_config config = {
                .engine = &engine_scripted, .model = script, .n_engines = rig->n_engines};
        struct progress *progress = progress_new();
        struct scheduler *scheduler = NULL;
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);
        struct transcript_writer *writer =
                transcript_writer_new(stream, rig->format, rig->n_files > 1);
        struct batch_output output = {writer, progress};
        struct loop *loop = rig_begin(rig);
        struct batch_parts parts = {
                .files = rig->files,
                .n_files = rig->n_files,
                .listener = batch_output_listener(&output),
                .on_done = rig_on_done,
                .context = rig,
        };
        struct batch *batch;

        assert_int_equal(scheduler_open(&scheduler, loop, &config, NULL), 0);
        parts.media = rig->media;
        parts.services = rig_services(rig, scheduler);
        parts.file = rig_file_settings(rig);
        batch = batch_open(&parts);
        loop_run(loop);
        batch_close(batch);
        scheduler_close(scheduler);
        rig_end(rig);
        transcript_writer_free(writer);
        progress_free(progress);
        fclose(stream);
        return text;
}
