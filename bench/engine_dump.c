// engine_dump: what the engine makes of sounds, for bench/parity.py to compare.
//
//     engine_dump MODEL tokens|log-mel|encoder [--threads N] [--compute WHICH] [--language
//     CODE] [--translate]
//                 [--together] [--without-timestamps] [--single-pass]
//                 [--no-fallback] [--beam N] [--patience X] [--context MARGIN,STRIDE,GROWTH] <
//                 SOUNDS
//
// SOUNDS is any number of: a count of samples (uint32, little endian), then so many float32.
// `tokens` prints one JSON object per sound: language, segments (tokens, text, begin, end, ...)
// and the seconds it took; with --together all sounds go in at once. `log-mel` and `encoder`
// write raw float32: the log-mel of each sound, or the encoder's output of its first window.
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "decode/engine.h"
#include "util/mem.h"
#include "whisper/cpu/encoder.h"
#include "whisper/model.h"
#include "whisper/whisper.h"

struct dump_options {
        const char *model, *what;
        int threads;
        enum compute compute;
        bool is_together;
        struct context_shape context;
        struct decode_options decode;
};

static void hypothesis_print(const struct job *job, int result,
                             const struct hypothesis *hypothesis, double seconds) {
        json_print(hypothesis_json(job, result, hypothesis, seconds));
}

// Step until all is done that was taken in.
static void drain(void *state, size_t n, double began) {
        while (n > 0) {
                const struct job *job = NULL;
                struct hypothesis hypothesis = {0};
                int result = 0;

                if (engine_whisper.collect(state, &job, &result, &hypothesis) == 0) {
                        hypothesis_print(job, result, &hypothesis, seconds_now() - began);
                        hypothesis_deinit(&hypothesis);
                        job_free((struct job *)(uintptr_t)job);
                        n--;
                } else if (engine_whisper.step(state) != 0) {
                        return;
                }
        }
}

static int dump_tokens(const struct dump_options *options, const struct whisper_model *model) {
        struct error error = {0};
        void *state = NULL;
        struct job *job;
        size_t n_inside = 0;
        uint64_t id = 0;
        double began = seconds_now();
        int r = engine_whisper.open(&state, model, &error);

        if (r < 0) {
                fprintf(stderr, "engine_dump: %s\n", error.text);
                return 1;
        }
        while ((job = job_read(stdin, &options->decode, id++)) != NULL) {
                if (!options->is_together)
                        began = seconds_now();
                r = engine_whisper.submit(state, job);
                if (r == ENGINE_E_FULL) {
                        drain(state, n_inside, began);
                        n_inside = 0;
                        r = engine_whisper.submit(state, job);
                }
                if (r < 0) {
                        hypothesis_print(job, r, &(struct hypothesis){0}, 0);
                        job_free(job);
                        continue;
                }
                n_inside++;
                if (!options->is_together) {
                        drain(state, n_inside, began);
                        n_inside = 0;
                }
        }
        drain(state, n_inside, began);
        engine_whisper.close(state);
        return 0;
}

static int dump_log_mel(const struct dump_options *options, const struct whisper_model *model) {
        struct job *job;

        while ((job = job_read(stdin, &options->decode, 0)) != NULL) {
                size_t n = log_mel_frames(job->n_samples) * (size_t)model->info.n_mels;
                float *ret = xcalloc(n, sizeof(*ret));

                log_mel_compute(model->log_mel, job->samples, job->n_samples, model->threads,
                                ret);
                fwrite(ret, sizeof(*ret), n, stdout);
                free(ret);
                job_free(job);
        }
        return 0;
}

static int dump_encoder(const struct dump_options *options, const struct whisper_model *model) {
        CLEANUP(linear_context_freep) struct linear_context *context = NULL;
        CLEANUP(encoder_freep) struct encoder *encoder = NULL;
        size_t n_mels = (size_t)model->info.n_mels;
        struct job *job;

        if (linear_context_new(&context, NULL) < 0 || encoder_new(&encoder, model, context) < 0)
                return 1;
        while ((job = job_read(stdin, &options->decode, 0)) != NULL) {
                float *frames = xcalloc(log_mel_frames(job->n_samples) * n_mels, sizeof(float));
                struct audio_context full;
                struct encoder_window window = {.log_mel = frames,
                                                .n_frames = job->n_samples / LOG_MEL_HOP,
                                                .context = &full};
                const float *features = NULL;
                double began = seconds_now();

                log_mel_compute(model->log_mel, job->samples, job->n_samples, model->threads,
                                frames);
                fprintf(stderr, "log_mel %.1f ms ", (seconds_now() - began) * 1e3);
                audio_context_init(&full, window.n_frames, &context_shape_full);
                began = seconds_now();
                if (encoder_run(encoder, &window, 1, &features) == 0)
                        fwrite(features, sizeof(float),
                               CONTEXT_ROWS * (size_t)model->info.n_audio_state, stdout);
                fprintf(stderr, "encoder %.1f ms\n", (seconds_now() - began) * 1e3);
                free(frames);
                job_free(job);
        }
        return 0;
}

// "MARGIN,STRIDE,GROWTH" of struct context_shape.
static bool context_parse(struct context_shape *ret, const char *text) {
        size_t *numbers[] = {&ret->margin, &ret->stride, &ret->growth};
        char *end = NULL;

        for (size_t i = 0; i < 3; i++, text = end + 1) {
                *numbers[i] = strtoul(text, &end, 10);
                if (end == text || *end != (i < 2 ? ',' : '\0'))
                        return false;
        }
        return ret->stride > 0;
}

static bool options_parse(struct dump_options *ret, int argc, char **argv) {
        if (argc < 3)
                return false;
        *ret = (struct dump_options){.model = argv[1],
                                     .what = argv[2],
                                     .threads = 2,
                                     .compute = COMPUTE_FLOAT32,
                                     .decode = decode_options_default()};
        for (int i = 3; i < argc; i++) {
                if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
                        ret->threads = (int)strtol(argv[++i], NULL, 10);
                else if (strcmp(argv[i], "--compute") == 0 && i + 1 < argc &&
                         compute_parse(&ret->compute, argv[i + 1]))
                        i++;
                else if (strcmp(argv[i], "--language") == 0 && i + 1 < argc)
                        snprintf(ret->decode.language, LANGUAGE_CODE_MAX, "%s", argv[++i]);
                else if (strcmp(argv[i], "--translate") == 0)
                        ret->decode.task = DECODE_TRANSLATE;
                else if (strcmp(argv[i], "--together") == 0)
                        ret->is_together = true;
                else if (strcmp(argv[i], "--without-timestamps") == 0)
                        ret->decode.without_timestamps = true;
                else if (strcmp(argv[i], "--context") == 0 && i + 1 < argc &&
                         context_parse(&ret->context, argv[i + 1]))
                        ret->decode.context = &ret->context, i++;
                else if (strcmp(argv[i], "--no-fallback") == 0)
                        ret->decode.n_temperatures = 1;
                else if (strcmp(argv[i], "--beam") == 0 && i + 1 < argc)
                        ret->decode.beam_size = (unsigned)strtoul(argv[++i], NULL, 10);
                else if (strcmp(argv[i], "--patience") == 0 && i + 1 < argc)
                        ret->decode.patience = strtof(argv[++i], NULL);
                else if (strcmp(argv[i], "--single-pass") == 0)
                        ret->decode.is_single_pass = true;
                else
                        return false;
        }
        return true;
}

int main(int argc, char **argv) {
        CLEANUP(whisper_model_freep) struct whisper_model *model = NULL;
        struct error error = {0};
        struct dump_options options;

        if (!options_parse(&options, argc, argv)) {
                fprintf(stderr,
                        "usage: engine_dump MODEL tokens|log-mel|encoder [OPTION...]\n");
                return 2;
        }
        if (whisper_model_load(&model, options.model, options.threads, options.compute,
                               &error) < 0) {
                fprintf(stderr, "engine_dump: %s\n", error.text);
                return 3;
        }
        if (strcmp(options.what, "log-mel") == 0)
                return dump_log_mel(&options, model);
        if (strcmp(options.what, "encoder") == 0)
                return dump_encoder(&options, model);
        return dump_tokens(&options, model);
}
