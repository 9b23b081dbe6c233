// engine_bench: the engine as a child of bench/engine: one command a line, one JSON object a
// line in answer, so that its rounds can take turns with those of other engines.
//
//     engine_bench MODEL [--threads N] [--engines N] [--slots N] [--compute WHICH]
//     engine_bench roofline [THREADS]
//
// The second is without an engine: see roofline.h. When the model is loaded and the engines are
// open the first says {"load": seconds, "compute": name, "info": sizes}. Then (a SHAPE, of
// whisper/context.h, is short, full, MARGIN,STRIDE,GROWTH, or - for what the engine takes):
//
//     options [NAME=VALUE...]        what the sounds that are read from now on are decoded
//     with:
//                                    language, patience, and without_timestamps, no_fallback,
//                                    is_single_pass, is_translated with true or false; at first
//                                    language=en without_timestamps=true
//     sounds PATH                    what is meant below: a count of samples (uint32, little
//                                    endian), then so many float32, again and again: {"n"}
//     decode FIRST N BEAM BUSY SHAPE
//                                    sounds FIRST to FIRST + N - 1 at once, as engines_run()
//                                    says
//     tell I PREVIOUS N LEAD         {}: sound I was preceded by the text PREVIOUS, and its
//     first
//                                    N samples are a lead with the text LEAD (job.h); both are
//                                    tokens, separated by commas, or - for none
//     draft I                        {"plain", "drafted": as engines_run() says}: sound I as
//                                    it is, and with its own text as a draft
//     encode I FRAMES SHAPE          {"seconds"}: the encoder for the first frames of sound I
//     step N TOKENS short|full       {"seconds", "n_keys"}: one decoder step for N sequences
//     first I                        {"seconds"}: to the first token of sound I
//     log-mel I PATH                 {}: into PATH, as stages_log_mel() says
//     features I SHAPE PATH          {"n_plain"}: into PATH, as stages_features() says
//     logits I TOKENS PATH           {"tokens"}: into PATH, as stages_logits() says; the tokens
//                                    are separated by commas, or - for what it chooses
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "engines.h"
#include "roofline.h"
#include "stages.h"
#include "util/array.h"
#include "util/mem.h"
#include "whisper/cpu/encoder.h"
#include "whisper/model.h"
#include "whisper/whisper.h"

#define WORDS_MAX 12
#define FULL_MAX  8  // different sounds that steps listen to in full: more than any cache

struct bench {
        struct whisper_model *model;
        struct engines *engines;
        struct stages *stages;          // made when a stage is asked for
        struct decode_options options;  // of the sounds that are read next
        bool is_single_pass;            // of the sounds that are read next
        struct context_shape shape;     // the one that the last command spelled out
        struct job **sounds;
        size_t n_sounds, capacity;
};

static json_t *mistake(const char *text) {
        return json_pack("{s:s}", "error", text);
}

static json_t *seconds_json(double seconds) {
        if (seconds < 0)
                return mistake("the engine refused");
        return json_pack("{s:f}", "seconds", seconds);
}

static void sounds_free(struct bench *bench) {
        stages_forget(bench->stages);
        while (bench->n_sounds > 0)
                job_free(bench->sounds[--bench->n_sounds]);
        bench->sounds = mem_free(bench->sounds);
        bench->capacity = 0;
}

// A line, split at its spaces.
struct command {
        char *words[WORDS_MAX];
        size_t numbers[WORDS_MAX];  // what the words say as numbers; 0 for others
        size_t n;
};

static void command_parse(struct command *ret, char *line) {
        char *rest = line, *word;

        *ret = (struct command){0};
        while (ret->n < WORDS_MAX && (word = strsep(&rest, " \n")) != NULL) {
                if (!word[0])
                        continue;
                ret->numbers[ret->n] = strtoul(word, NULL, 10);
                ret->words[ret->n++] = word;
        }
}

static bool option_set(struct bench *bench, const char *name, const char *value) {
        struct decode_options *options = &bench->options;
        bool is_on = strcmp(value, "true") == 0;

        if (strcmp(name, "language") == 0)
                snprintf(options->language, sizeof(options->language), "%s", value);
        else if (strcmp(name, "is_translated") == 0)
                options->task = is_on ? DECODE_TRANSLATE : DECODE_TRANSCRIBE;
        else if (strcmp(name, "without_timestamps") == 0)
                options->without_timestamps = is_on ? DECODE_YES : DECODE_NO;
        else if (strcmp(name, "no_fallback") == 0 && is_on)
                options->n_temperatures = 1;
        else if (strcmp(name, "is_single_pass") == 0)
                bench->is_single_pass = is_on;
        else if (strcmp(name, "patience") == 0)
                options->patience = strtof(value, NULL);
        else
                return false;
        return true;
}

static json_t *answer_options(struct bench *bench, const struct command *command) {
        decode_options_deinit(&bench->options);
        bench->options = decode_options_default();
        bench->is_single_pass = false;
        for (size_t i = 1; i < command->n; i++) {
                char *value = strchr(command->words[i], '=');

                if (!value)
                        return mistake("no NAME=VALUE");
                *value++ = '\0';
                if (!option_set(bench, command->words[i], value))
                        return mistake("no such option");
        }
        return json_object();
}

static json_t *answer_sounds(struct bench *bench, const struct command *command) {
        FILE *file = fopen(command->words[1], "rb");
        struct decode_options options;
        const struct decode_settings *settings;
        struct job *job;

        if (!file)
                return mistake("no such file");
        sounds_free(bench);
        options = decode_options_copy(&bench->options);
        settings = decode_settings_new(&options);
        while ((job = job_read(file, settings, bench->n_sounds)) != NULL) {
                job->hints.is_single_pass = bench->is_single_pass;
                bench->sounds = array_grow(bench->sounds, bench->n_sounds, &bench->capacity,
                                           sizeof(struct job *));
                bench->sounds[bench->n_sounds++] = job;
        }
        decode_settings_unref(settings);
        fclose(file);
        return json_pack("{s:I}", "n", (json_int_t)bench->n_sounds);
}

// NULL: what the engine takes.
static const struct context_shape *shape_of(struct bench *bench, const char *name) {
        struct context_shape *shape = &bench->shape;
        size_t *const numbers[] = {&shape->margin, &shape->stride, &shape->growth};
        const char *at = name;
        char *end = NULL;
        size_t n = 0;

        if (strcmp(name, "full") == 0)
                return &context_shape_full;
        for (; n < 3; n++, at = end + 1) {
                *numbers[n] = strtoul(at, &end, 10);
                if (end == at || *end != (n < 2 ? ',' : '\0'))
                        break;
        }
        if (n == 3 && shape->stride > 0)
                return shape;
        return strcmp(name, "-") == 0 ? NULL : &context_shape_short;
}

static bool needs_stages(struct bench *bench) {
        struct error error;

        return bench->stages || stages_new(&bench->stages, bench->model, &error) == 0;
}

// The sound that the first argument names, or NULL.
static struct job *sound_of(const struct bench *bench, const struct command *command) {
        return command->numbers[1] < bench->n_sounds ? bench->sounds[command->numbers[1]]
                                                     : NULL;
}

static json_t *answer_encode(struct bench *bench, const struct command *command) {
        struct job *sound = sound_of(bench, command);

        if (!sound || !needs_stages(bench))
                return mistake("no such sound");
        return seconds_json(stages_encode(bench->stages, sound, command->numbers[2],
                                          shape_of(bench, command->words[3])));
}

static json_t *answer_first(struct bench *bench, const struct command *command) {
        struct job *sound = sound_of(bench, command);

        if (!sound || !needs_stages(bench))
                return mistake("no such sound");
        return seconds_json(stages_first_token(bench->stages, sound));
}

static json_t *answer_step(struct bench *bench, const struct command *command) {
        const struct context_shape *shape = shape_of(bench, command->words[3]);
        bool is_full = shape == &context_shape_full;
        size_t n_jobs = bench->n_sounds;
        struct steps_plan plan = {.jobs = bench->sounds,
                                  .n_jobs = is_full && n_jobs > FULL_MAX ? FULL_MAX : n_jobs,
                                  .n_sequences = command->numbers[1],
                                  .n_tokens = command->numbers[2],
                                  .shape = shape};
        double n_keys = 0;
        json_t *ret;

        if (n_jobs == 0 || !needs_stages(bench))
                return mistake("no sounds");
        ret = seconds_json(stages_steps(bench->stages, &plan, &n_keys));
        json_object_set_new(ret, "n_keys", json_real(n_keys));
        return ret;
}

static json_t *answer_decode(struct bench *bench, const struct command *command) {
        size_t first = command->numbers[1], n = command->numbers[2];
        unsigned busy_percent = (unsigned)command->numbers[4];
        const struct context_shape *shape;

        if (first >= bench->n_sounds || n > bench->n_sounds - first || busy_percent >= 100)
                return mistake("no such sounds");
        shape = shape_of(bench, command->words[5]);
        for (size_t i = first; i < first + n; i++) {
                bench->sounds[i]->hints.beam_size = (unsigned)command->numbers[3];
                bench->sounds[i]->hints.context = shape ? *shape : (struct context_shape){0};
        }
        return engines_run(bench->engines, bench->sounds + first, n, busy_percent);
}

// The tokens of an engines_run()'s first answer become the job's draft.
static void draft_set(struct job *job, const json_t *run) {
        const json_t *answer = json_array_get(json_object_get(run, "answers"), 0);
        const json_t *segments = json_object_get(answer, "segments");
        const json_t *tokens = json_object_get(json_array_get(segments, 0), "tokens");
        size_t n = json_array_size(tokens);

        job->hints.draft_tokens = xcalloc(n + 1, sizeof(int32_t));
        job->hints.n_draft_tokens = n;
        for (size_t i = 0; i < n; i++)
                job->hints.draft_tokens[i] =
                        (int32_t)json_integer_value(json_array_get(tokens, i));
}

// "1,2,3" as tokens on the heap; none of "-".
static int32_t *tokens_parse(char *text, size_t *ret_n) {
        int32_t *tokens = xcalloc(strlen(text) + 1, sizeof(*tokens));
        char *rest = text, *word;

        *ret_n = 0;
        while (strcmp(text, "-") != 0 && (word = strsep(&rest, ",")) != NULL)
                tokens[(*ret_n)++] = (int32_t)strtol(word, NULL, 10);
        return tokens;
}

static json_t *answer_tell(struct bench *bench, const struct command *command) {
        struct job *job = sound_of(bench, command);
        size_t n = command->numbers[3];
        struct job_lead *lead;

        if (!job || n >= job->n_samples)
                return mistake("no such sound, or nothing of it is left");
        job->hints.previous_tokens =
                tokens_parse(command->words[2], &job->hints.n_previous_tokens);
        lead = &job->hints.lead;
        lead->tokens = tokens_parse(command->words[4], &lead->n_tokens);
        lead->samples = xcalloc(n + 1, sizeof(*lead->samples));
        lead->n_samples = n;
        memcpy(lead->samples, job->samples, n * sizeof(*lead->samples));
        job->n_samples -= n;
        memmove(job->samples, job->samples + n, job->n_samples * sizeof(*job->samples));
        return json_object();
}

static json_t *answer_draft(struct bench *bench, const struct command *command) {
        struct job *job = sound_of(bench, command);
        json_t *plain, *drafted;

        if (!job)
                return mistake("no such sound");
        plain = engines_run(bench->engines, &job, 1, 0);
        draft_set(job, plain);
        drafted = engines_run(bench->engines, &job, 1, 0);
        free(job->hints.draft_tokens);
        job->hints.draft_tokens = NULL;
        job->hints.n_draft_tokens = 0;
        return json_pack("{s:o,s:o}", "plain", plain, "drafted", drafted);
}

// --- What comes out -----------------------------------------------------------------------

static json_t *answer_log_mel(struct bench *bench, const struct command *command) {
        struct job *sound = sound_of(bench, command);
        FILE *file;

        if (!sound || !needs_stages(bench) || !(file = fopen(command->words[2], "wb")))
                return mistake("no such sound or file");
        stages_log_mel(bench->stages, sound, file);
        return fclose(file) == 0 ? json_object() : mistake("the file is not complete");
}

static json_t *answer_features(struct bench *bench, const struct command *command) {
        const struct context_shape *shape = shape_of(bench, command->words[2]);
        struct job *sound = sound_of(bench, command);
        size_t n_plain = 0;
        FILE *file;
        int r;

        if (!sound || !shape || !needs_stages(bench) ||
            !(file = fopen(command->words[3], "wb")))
                return mistake("no such sound, shape or file");
        r = stages_features(bench->stages, sound, shape, file, &n_plain);
        if (fclose(file) != 0 || r < 0)
                return mistake("the engine refused, or the file is not complete");
        return json_pack("{s:I}", "n_plain", (json_int_t)n_plain);
}

static json_t *answer_logits(struct bench *bench, const struct command *command) {
        struct job *sound = sound_of(bench, command);
        int32_t tokens[STAGES_TOKENS_MAX];
        json_t *chosen;
        size_t n = 0;
        FILE *file;
        int r;

        if (!sound || !needs_stages(bench) || !(file = fopen(command->words[3], "wb")))
                return mistake("no such sound or file");
        for (char *rest = command->words[2], *word; n < STAGES_TOKENS_MAX &&
                                                    strcmp(command->words[2], "-") != 0 &&
                                                    (word = strsep(&rest, ",")) != NULL;)
                tokens[n++] = (int32_t)strtol(word, NULL, 10);
        r = stages_logits(bench->stages, sound, tokens, &n, file);
        if (fclose(file) != 0 || r < 0)
                return mistake("the engine refused, or the file is not complete");
        chosen = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(chosen, json_integer(tokens[i]));
        return json_pack("{s:o}", "tokens", chosen);
}

// --- The commands -------------------------------------------------------------------------

static const struct {
        const char *name;
        size_t n_words;  // 0: any number
        json_t *(*answer)(struct bench *bench, const struct command *command);
} commands[] = {
        {"options", 0, answer_options},   {"sounds", 2, answer_sounds},
        {"decode", 6, answer_decode},     {"draft", 2, answer_draft},
        {"encode", 4, answer_encode},     {"step", 4, answer_step},
        {"first", 2, answer_first},       {"log-mel", 3, answer_log_mel},
        {"features", 4, answer_features}, {"logits", 4, answer_logits},
        {"tell", 5, answer_tell},
};

static json_t *answer(struct bench *bench, char *line) {
        struct command command;

        command_parse(&command, line);
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
                if (command.words[0] &&
                    (commands[i].n_words == 0 || command.n == commands[i].n_words) &&
                    strcmp(command.words[0], commands[i].name) == 0)
                        return commands[i].answer(bench, &command);
        return mistake("no such command");
}

struct bench_options {
        const char *model;
        int threads;
        size_t n_engines, n_slots;
        enum compute compute;
};

static bool options_parse(struct bench_options *ret, int argc, char **argv) {
        if (argc < 2)
                return false;
        *ret = (struct bench_options){.model = argv[1], .threads = 2, .n_engines = 1};
        for (int i = 2; i + 1 < argc; i += 2) {
                if (strcmp(argv[i], "--threads") == 0)
                        ret->threads = (int)strtol(argv[i + 1], NULL, 10);
                else if (strcmp(argv[i], "--engines") == 0)
                        ret->n_engines = strtoul(argv[i + 1], NULL, 10);
                else if (strcmp(argv[i], "--slots") == 0)
                        ret->n_slots = strtoul(argv[i + 1], NULL, 10);
                else if (strcmp(argv[i], "--compute") == 0 &&
                         compute_parse(&ret->compute, argv[i + 1]))
                        continue;
                else
                        return false;
        }
        return argc % 2 == 0 && ret->threads > 0 && ret->n_engines > 0 &&
               ret->n_slots <= ENCODER_WINDOWS_MAX;
}

static json_t *greeting(const struct whisper_model *model, double seconds) {
        struct whisper_info info = whisper_model_info(model);

        return json_pack("{s:f,s:s,s:{s:i,s:i,s:i,s:i,s:i,s:i}}", "load", seconds, "compute",
                         compute_names[whisper_model_compute(model)], "info", "n_mels",
                         info.n_mels, "n_audio_state", info.n_audio_state, "n_audio_layers",
                         info.n_audio_layers, "n_text_state", info.n_text_state,
                         "n_text_layers", info.n_text_layers, "n_vocabulary",
                         info.n_vocabulary);
}

int main(int argc, char **argv) {
        struct bench bench = {0};
        struct bench_options options;
        struct error error = {0};
        double began = seconds_now();
        char line[5000];

        if (argc > 1 && strcmp(argv[1], "roofline") == 0)
                return roofline_serve(argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2);
        if (!options_parse(&options, argc, argv)) {
                fputs("usage: engine_bench MODEL [--threads N] [--engines N] [--slots N] "
                      "[--compute WHICH], or engine_bench roofline [THREADS]\n",
                      stderr);
                return 2;
        }
        if (whisper_model_load(&bench.model, options.model, options.threads, options.compute,
                               &error) == 0)
                bench.model->n_slots = options.n_slots;
        if (!bench.model ||
            engines_new(&bench.engines, bench.model, options.n_engines, &error) < 0) {
                fprintf(stderr, "engine_bench: %s\n", error.text);
                return 3;
        }
        bench.options = decode_options_default();
        snprintf(bench.options.language, sizeof(bench.options.language), "en");
        bench.options.without_timestamps = DECODE_YES;
        json_print(greeting(bench.model, seconds_now() - began));
        while (fgets(line, sizeof(line), stdin))
                json_print(answer(&bench, line));
        sounds_free(&bench);
        decode_options_deinit(&bench.options);
        stages_free(bench.stages);
        engines_free(bench.engines);
        whisper_model_free(bench.model);
        return 0;
}
