// eavesdrop transcribe: files in, text out, as fast as it goes.
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/batch_output.h"
#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/loaded.h"
#include "decode/scheduler.h"
#include "source/media_backend.h"
#include "transcript/transcript_writer.h"
#include "util/complaint.h"
#include "util/input.h"
#include "util/mem.h"
#include "util/progress.h"
#include "vad/vad_parameters.h"
#include "whisper/whisper.h"

static const struct option_entry entries[] = {
        {"format", "FORMAT",
         "format of the text: text, json (one object per file and line), srt or vtt [text]",
         NULL, 'f'},
        {"output", "FILE", "file that the text is written to, instead of standard output", NULL,
         'o'},
        {"clip-timestamps", "LIST",
         "parts of the file that are transcribed, in seconds: START,END,START,...", NULL, 0},
        {"vad-filter", "[=true|false]",
         "whether files are cut at pauses; false: windows of 30 s, one after the other [true]",
         NULL, 0},
        {"no-vad", NULL, "windows of 30 s, one after the other: short for --vad-filter=false",
         NULL, 0},
        {"vad-parameters", "LIST",
         "voice activity detection that finds the pauses: NAME=VALUE,NAME=VALUE,...", NULL, 0},
        {0},
};

static const struct options_verb verb = {
        .name = "transcribe",
        .operands = "FILE...",
        .about = "Turns sound files (any container, films too; - is standard input) into "
                 "text.\n"
                 "Exit code 1: some file could not be transcribed; the others were.\n",
        .entries = entries,
};

struct transcribe {
        struct cli_options command;
        enum transcript_format format;
        bool is_seeking;  // windows of 30 s, without voice activity
        struct clips clips;
        struct segmenter_config segmenting;
        struct decode_options decoding;
        struct config *config;
        struct loaded loaded;
        FILE *output;
};

static int usage_mistake(const char *text, const char *value) {
        complaint_print_value("transcribe", text, value);
        return EXIT_USAGE;
}

// --- wishes ----------------------------------------------------------------------------------

static int pauses_resolve(struct transcribe *run) {
        const char *filter = options_get(&run->command.options, "vad-filter");
        const char *parameters = options_get(&run->command.options, "vad-parameters");
        struct error error = {0};
        bool is_on = !filter || filter[0] == '\0' || strcmp(filter, "true") == 0;

        if (!is_on && strcmp(filter, "false") != 0)
                return usage_mistake("--vad-filter is true or false, not ", filter);
        run->is_seeking = !is_on || options_get(&run->command.options, "no-vad");
        if (filter && is_on && run->is_seeking)
                return usage_mistake("--vad-filter and --no-vad contradict each other", "");
        if (parameters && run->is_seeking)
                return usage_mistake("--vad-parameters say how pauses are found: they go "
                                     "without --no-vad",
                                     "");
        run->segmenting = segmenter_config_files();
        if (parameters && vad_parameters_apply(&run->segmenting, parameters, &error) < 0)
                return usage_mistake("--vad-parameters: ", error.text);
        return -1;
}

static int clips_resolve(struct transcribe *run) {
        const char *list = options_get(&run->command.options, "clip-timestamps");
        struct error error = {0};

        if (clips_parse(&run->clips, list ? list : "", &error) < 0)
                return usage_mistake("--clip-timestamps: ", error.text);
        return -1;
}

// Silences are skipped by the times of words, and there are long ones only where nothing cuts
// them out.
static int hallucinations_resolve(struct transcribe *run) {
        struct decode_options *decoding = &run->decoding;

        if (isinf(decoding->hallucination_silence_threshold))
                return -1;
        if (!run->is_seeking)
                return usage_mistake("--hallucination-silence-threshold skips silences between "
                                     "windows of 30 s: it goes with --no-vad",
                                     "");
        if (decoding->word_timestamps == DECODE_NO)
                return usage_mistake("--hallucination-silence-threshold needs "
                                     "--word-timestamps",
                                     "");
        decoding->word_timestamps = DECODE_YES;
        return -1;
}

// Asked for timestamps, Whisper cuts its text into sentences but leaves more words out: over
// the windows of long files it errs nearly twice as often (docs/benchmarks.md). So it is not
// asked; subtitles are cut by the words' times. Only seeking needs its timestamps.
static int timestamps_resolve(struct transcribe *run) {
        bool is_subtitle = run->format == TRANSCRIPT_SRT || run->format == TRANSCRIPT_VTT;
        struct decode_options *decoding = &run->decoding;

        if (decoding->word_timestamps == DECODE_UNSET)
                decoding->word_timestamps = is_subtitle ? DECODE_YES : DECODE_NO;
        if (decoding->without_timestamps == DECODE_UNSET)
                decoding->without_timestamps =
                        run->is_seeking ||
                                        (is_subtitle && decoding->word_timestamps == DECODE_NO)
                                ? DECODE_NO
                                : DECODE_YES;
        if (decoding->without_timestamps == DECODE_YES && run->is_seeking)
                return usage_mistake(
                        "--no-vad seeks by the model's timestamps: it goes without "
                        "--without-timestamps",
                        "");
        return -1;
}

// A descriptor is read to its end: there is nothing for a second time.
static int files_check(const struct transcribe *run) {
        char **files = run->command.options.operands;

        for (size_t i = 0; i < run->command.options.n_operands; i++)
                for (size_t k = 0; k < i && input_descriptor(files[i]) >= 0; k++)
                        if (input_descriptor(files[i]) == input_descriptor(files[k]))
                                return usage_mistake("can be read only once, and is given "
                                                     "twice: ",
                                                     input_name(files[i]));
        return -1;
}

static int wishes_read(struct transcribe *run) {
        const char *format = options_get(&run->command.options, "format");
        int r;

        run->decoding = decode_options_copy(&run->config->defaults.decoding);
        if (run->command.options.n_operands == 0)
                return usage_mistake("no file given; try: eavesdrop transcribe --help", "");
        if ((r = files_check(run)) >= 0)
                return r;
        if (format && !transcript_writer_format(format, &run->format))
                return usage_mistake("--format is text, json, srt or vtt, not ", format);
        if (run->command.options.n_operands > 1 &&
            (run->format == TRANSCRIPT_SRT || run->format == TRANSCRIPT_VTT))
                return usage_mistake("subtitles are one file's: give one FILE with --format ",
                                     format);
        if ((r = pauses_resolve(run)) >= 0 || (r = clips_resolve(run)) >= 0 ||
            (r = hallucinations_resolve(run)) >= 0)
                return r;
        return timestamps_resolve(run);
}

static void language_set(struct transcribe *run) {
        // An English-only model has nothing to detect.
        if (!run->decoding.language[0] &&
            !whisper_model_info(run->loaded.model).is_multilingual)
                snprintf(run->decoding.language, sizeof(run->decoding.language), "en");
}

// --- output ----------------------------------------------------------------------------------

static int input_stat(const char *path, struct stat *ret) {
        int descriptor = input_descriptor(path);

        return descriptor >= 0 ? fstat(descriptor, ret) : stat(path, ret);
}

// Writing over a file that is to be read would destroy it.
static bool output_is_input(const struct options *options, const char *path) {
        struct stat output, input;

        if (stat(path, &output) < 0)
                return false;
        for (size_t i = 0; i < options->n_operands; i++)
                if (input_stat(options->operands[i], &input) == 0 &&
                    input.st_dev == output.st_dev && input.st_ino == output.st_ino)
                        return true;
        return false;
}

static int output_open(struct transcribe *run) {
        const char *path = options_get(&run->command.options, "output");

        run->output = stdout;
        if (!path)
                return -1;
        if (output_is_input(&run->command.options, path))
                return usage_mistake("--output would write over an input: ", path);
        run->output = fopen(path, "we");
        if (run->output)
                return -1;
        complaint_print("transcribe", "cannot write '%s': %s", path, strerrordesc_np(errno));
        return EXIT_TROUBLE;
}

// Close the file and tell what could not be written (disk full).
static int output_close(struct transcribe *run) {
        bool has_failed;

        // Standard output is everybody's: cli_main() tells.
        if (!run->output || run->output == stdout)
                return EXIT_OK;
        has_failed = fflush(run->output) != 0 || ferror(run->output);
        if (fclose(run->output) != 0)
                has_failed = true;
        run->output = NULL;
        if (!has_failed)
                return EXIT_OK;
        fputs("eavesdrop transcribe: the text could not be written completely\n", stderr);
        return EXIT_TROUBLE;
}

// --- running ---------------------------------------------------------------------------------

struct transcribing {
        struct loop *loop;
        struct batch *batch;
        bool is_interrupted;
        size_t n_failed;
};

static void transcribing_on_done(void *context, size_t n_failed) {
        struct transcribing *transcribing = context;

        transcribing->n_failed = n_failed;
        loop_stop(transcribing->loop);
}

static void transcribing_on_signal(void *context) {
        struct transcribing *transcribing = context;

        transcribing->is_interrupted = true;
        loop_stop(transcribing->loop);
}

// Once for all windows of all files.
static void texts_prepare(struct transcribe *run, struct scheduler *scheduler) {
        CLEANUP(mem_freep) char *cuts = scheduler_prepare(scheduler, &run->decoding);

        if (cuts)
                fprintf(stderr,
                        "eavesdrop transcribe: longer than the model has room for: %s\n", cuts);
}

static int files_transcribe(struct transcribe *run, struct loop *loop,
                            struct scheduler *scheduler) {
        CLEANUP(progress_freep) struct progress *progress = progress_new();
        CLEANUP(transcript_writer_freep)
        struct transcript_writer *writer = transcript_writer_new(
                run->output, run->format, run->command.options.n_operands > 1);
        struct batch_output output = {writer, progress};
        struct transcribing transcribing = {.loop = loop};
        struct media_backend *media = media_backend_new(loop, run->config->media);
        struct batch_parts parts = {
                .services = {.loop = loop, .scheduler = scheduler, .vad = run->loaded.vad},
                .media = media,
                .track = run->config->defaults.track,
                .file =
                        {
                                .options = &run->decoding,
                                .filters = &run->config->defaults.filters,
                                .pauses = run->is_seeking ? NULL : &run->segmenting,
                                .clips = &run->clips,
                                .awaits_language = true,
                        },
                .files = run->command.options.operands,
                .n_files = run->command.options.n_operands,
                .listener = batch_output_listener(&output),
                .on_done = transcribing_on_done,
                .context = &transcribing,
        };
        struct loop_signal *interrupt =
                loop_signal_new(loop, SIGINT, transcribing_on_signal, &transcribing);
        struct loop_signal *terminate =
                loop_signal_new(loop, SIGTERM, transcribing_on_signal, &transcribing);

        texts_prepare(run, scheduler);
        transcribing.batch = batch_open(&parts);
        loop_run(loop);
        batch_close(transcribing.batch);
        media_backend_free(media);
        loop_signal_free(interrupt);
        loop_signal_free(terminate);
        if (transcribing.is_interrupted) {
                progress_clear(progress);
                fputs("eavesdrop transcribe: interrupted\n", stderr);
                return EXIT_TROUBLE;
        }
        return transcribing.n_failed > 0 ? EXIT_TROUBLE : EXIT_OK;
}

static int transcribe_run(struct transcribe *run) {
        struct loop *loop = loop_new();
        struct scheduler_config config = {
                .engine = &engine_whisper,
                .model = run->loaded.model,
                .n_engines = (unsigned)run->config->engines,
        };
        struct scheduler *scheduler = NULL;
        struct error error = {0};
        int result = EXIT_TROUBLE;

        if (scheduler_open(&scheduler, loop, &config, &error) < 0)
                fprintf(stderr, "eavesdrop transcribe: %s\n", error.text);
        else
                result = files_transcribe(run, loop, scheduler);
        scheduler_close(scheduler);
        loop_free(loop);
        return result;
}

static int transcribe_prepare(struct transcribe *run, int argc, char **argv) {
        struct error error = {0};
        int r;

        r = cli_options_parse(&run->command, &verb, SETTING_TRANSCRIBE, argc, argv);
        if (r >= 0)
                return r;
        if (cli_options_config(&run->config, &run->command, NULL) < 0)
                return EXIT_USAGE;
        if ((r = wishes_read(run)) >= 0)
                return r;
        log_configure(run->config->log_level, run->config->log_format);
        if (loaded_open(&run->loaded, run->config, !run->is_seeking, &error) < 0) {
                fprintf(stderr, "eavesdrop transcribe: %s\n", error.text);
                return EXIT_MODEL;
        }
        if (loaded_check_model(&run->loaded, run->decoding.language, run->decoding.task,
                               &error) < 0)
                return usage_mistake(error.text, "");
        language_set(run);
        return output_open(run);
}

int cli_transcribe(int argc, char **argv) {
        struct transcribe run = {0};
        int r = transcribe_prepare(&run, argc, argv), closed;

        if (r < 0)
                r = transcribe_run(&run);
        closed = output_close(&run);
        clips_deinit(&run.clips);
        decode_options_deinit(&run.decoding);
        loaded_close(&run.loaded);
        config_free(run.config);
        return r == EXIT_OK ? closed : r;
}
