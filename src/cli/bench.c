// eavesdrop bench: how much can a server take, ours or another that speaks WhisperLive?
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/live.h"
#include "bench/report.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/nearest.h"

static const struct option_entry live_entries[] = {
        {"url", "URL", "the server: ws://HOST:PORT", NULL, 0},
        {"clients", "N", "how many talk at once", NULL, 'n'},
        {"audio", "DIR", "recordings, with transcripts.tsv or NAME.txt beside NAME.wav", NULL,
         0},
        {"seconds", "S", "how long each talks, about [60]", NULL, 0},
        {"pause", "S", "between two utterances, give or take a quarter [1]", NULL, 0},
        {"ramp", "S", "in which the clients come, one after the other [5]", NULL, 0},
        {"settle", "S", "without news after the last word, before END_OF_AUDIO [15]", NULL, 0},
        {"drain", "S", "for the server to finish then [60]", NULL, 0},
        {"language", "CODE", "what is spoken; the server detects it when absent", NULL, 0},
        {"model", "NAME", "the model that clients name [base]", NULL, 0},
        {"pid", "PID", "the server's process, for CPU time and memory; else its /metrics", NULL,
         0},
        {"word-times", "FILE", "TSV of when each word ends, as bench/word_times.py writes it",
         NULL, 0},
        {"offline", "FILE", "`transcribe --format json` of DIR's files: what must not be lost",
         NULL, 0},
        {"json", "FILE", "write the figures there too", NULL, 0},
        {"transcripts-out", "FILE", "write what came of each utterance, as JSON lines", NULL,
         0},
        {0},
};

static const struct options_verb live_verb = {
        .name = "bench live",
        .about =
                "Plays recordings to a server over the WhisperLive protocol, as N clients who "
                "talk at\nreal-time pace, and tells how late, how wrong and how lossy the text "
                "is.\nExit code 1: the server could not be reached, or did not serve all "
                "clients.\n",
        .entries = live_entries,
};

// What one invocation has open.
struct bench {
        struct options options;
        struct live_config live;
        struct corpus_config corpus_config;
        struct progress *progress;
        struct loop *loop;
        struct corpus *corpus;
        FILE *json;
};

static int complain(const struct bench *bench, int code, const char *text) {
        if (bench->progress)
                progress_clear(bench->progress);
        fprintf(stderr, "eavesdrop %s: %s\n", bench->options.verb->name, text);
        return code;
}

// --- options -------------------------------------------------------------------------------

// A number option within its limits; false after a complaint.
static bool number_read(const struct bench *bench, const char *name, double least, double most,
                        double *ret) {
        const char *text = options_get(&bench->options, name);
        CLEANUP(mem_freep) char *words = NULL;
        char *end = NULL;
        double value;

        if (!text)
                return true;
        value = strtod(text, &end);
        if (end != text && !*end && value >= least && value <= most) {
                *ret = value;
                return true;
        }
        words = xasprintf("--%s is %g to %g, not %s", name, least, most, text);
        complain(bench, EXIT_USAGE, words);
        return false;
}

static bool count_read(const struct bench *bench, const char *name, double least, double most,
                       double *ret) {
        if (!number_read(bench, name, least, most, ret))
                return false;
        if (*ret == floor(*ret))
                return true;
        complain(bench, EXIT_USAGE, "a number of clients or processes is whole");
        return false;
}

static bool text_require(const struct bench *bench, const char *name, const char **ret) {
        CLEANUP(mem_freep) char *words = NULL;

        *ret = options_get(&bench->options, name);
        if (*ret)
                return true;
        words = xasprintf("--%s is missing; try: eavesdrop %s --help", name,
                          bench->options.verb->name);
        complain(bench, EXIT_USAGE, words);
        return false;
}

static bool output_open(const struct bench *bench, const char *name, FILE **ret) {
        const char *path = options_get(&bench->options, name);
        CLEANUP(mem_freep) char *words = NULL;

        if (!path || (*ret = fopen(path, "we")))
                return true;
        words = xasprintf("cannot write '%s': %s", path, strerrordesc_np(errno));
        complain(bench, EXIT_TROUBLE, words);
        return false;
}

static bool talk_read(struct bench *bench) {
        struct live_config *live = &bench->live;
        const char *model = options_get(&bench->options, "model");
        double pid = 0;

        live->seconds = 60;
        live->pause_seconds = 1;
        live->ramp_seconds = 5;
        live->settle_seconds = 15;
        live->drain_seconds = 60;
        live->model = model ? model : "base";
        live->language = options_get(&bench->options, "language");
        bench->corpus_config.word_times = options_get(&bench->options, "word-times");
        bench->corpus_config.offline = options_get(&bench->options, "offline");
        if (!text_require(bench, "url", &live->url) ||
            !text_require(bench, "audio", &bench->corpus_config.folder) ||
            !number_read(bench, "seconds", 1, 86400, &live->seconds) ||
            !number_read(bench, "pause", 0, 3600, &live->pause_seconds) ||
            !number_read(bench, "ramp", 0, 3600, &live->ramp_seconds) ||
            !number_read(bench, "settle", 0, 3600, &live->settle_seconds) ||
            !number_read(bench, "drain", 0, 3600, &live->drain_seconds) ||
            !count_read(bench, "pid", 1, 4194304, &pid))
                return false;
        live->pid = (int)pid;
        return true;
}

// --- running -------------------------------------------------------------------------------

static void corpus_on_progress(void *context, size_t n_read, size_t n) {
        struct bench *bench = context;

        progress_show(bench->progress, "reading recordings: %zu of %zu", n_read, n);
}

static void live_on_progress(void *context, const struct live_progress *progress) {
        struct bench *bench = context;

        progress_show(bench->progress, "%zu of %zu talking, %zu done, %.0f s, %zu words",
                      progress->n_talking, progress->n_clients, progress->n_over,
                      progress->seconds, progress->n_words);
}

static int bench_open(struct bench *bench) {
        struct error error = {0};

        // Stray notes of the parts that are also a server's would break the table.
        log_configure(LOG_ERROR, LOG_TEXT);
        bench->progress = progress_new();
        bench->loop = loop_new();
        bench->corpus_config.on_progress = corpus_on_progress;
        bench->corpus_config.context = bench;
        bench->live.on_progress = live_on_progress;
        bench->live.context = bench;
        if (corpus_open(&bench->corpus, bench->loop, &bench->corpus_config, &error) < 0)
                return complain(bench, EXIT_TROUBLE, error.text);
        return -1;
}

// One measurement. Returns -1 to go on, else the exit code.
static int bench_measure(struct bench *bench, struct live_result *ret) {
        struct error error = {0};

        if (live_run(ret, bench->loop, bench->corpus, &bench->live, &error) < 0)
                return complain(bench, EXIT_TROUBLE, error.text);
        progress_clear(bench->progress);
        if (!ret->was_interrupted)
                return -1;
        live_result_deinit(ret);
        return complain(bench, EXIT_TROUBLE, "interrupted");
}

static int json_write(const struct bench *bench, json_t *object) {
        int r = 0;

        if (bench->json)
                r = json_dumpf(object, bench->json,
                               JSON_INDENT(2) | JSON_REAL_PRECISION(9) | JSON_PRESERVE_ORDER);
        if (bench->json && r == 0 && fputc('\n', bench->json) == EOF)
                r = -1;
        json_decref(object);
        return r == 0 ? EXIT_OK
                      : complain(bench, EXIT_TROUBLE, "the figures could not be written");
}

static int file_close(FILE *file) {
        return file && fclose(file) != 0 ? EXIT_TROUBLE : EXIT_OK;
}

static int bench_close(struct bench *bench, int result) {
        corpus_close(bench->corpus);
        loop_free(bench->loop);
        progress_free(bench->progress);
        if (file_close(bench->json) + file_close(bench->live.transcripts) == EXIT_OK)
                return result;
        fprintf(stderr, "eavesdrop %s: a file could not be written completely\n",
                bench->options.verb->name);
        return result == EXIT_OK ? EXIT_TROUBLE : result;
}

// --- the verbs -----------------------------------------------------------------------------

static int live_measure(struct bench *bench) {
        struct live_result result;
        int r = bench_open(bench);

        if (r < 0)
                r = bench_measure(bench, &result);
        if (r >= 0)
                return r;
        report_head(stdout);
        report_line(stdout, &result);
        report_notes(stdout, bench->corpus, &result);
        r = json_write(bench, report_json(bench->corpus, &result));
        if (r == EXIT_OK && result.n_refused + result.n_broken > 0)
                r = EXIT_TROUBLE;
        live_result_deinit(&result);
        return r;
}

static int bench_live(int argc, char **argv) {
        struct bench bench = {0};
        const char *clients;
        double n_clients = 0;
        int r = options_parse(&bench.options, &live_verb, argc, argv);

        if (r >= 0)
                return r;
        if (!talk_read(&bench) || !text_require(&bench, "clients", &clients) ||
            !count_read(&bench, "clients", 1, LIVE_CLIENTS_MAX, &n_clients))
                return EXIT_USAGE;
        bench.live.n_clients = (size_t)n_clients;
        if (output_open(&bench, "json", &bench.json) &&
            output_open(&bench, "transcripts-out", &bench.live.transcripts))
                r = live_measure(&bench);
        else
                r = EXIT_TROUBLE;
        return bench_close(&bench, r);
}

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;
} verbs[] = {
        {"live", bench_live, "N clients who talk at once: delay, errors, loss, CPU, memory"},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int help_print(void) {
        puts("Usage: eavesdrop bench WHAT [OPTION...]\n\n"
             "Measures how much a server can take, ours or another that speaks WhisperLive.\n\n"
             "What:");
        for (size_t i = 0; i < N_VERBS; i++)
                printf("  %-12s%s\n", verbs[i].name, verbs[i].help);
        return EXIT_OK;
}

int cli_bench(int argc, char **argv) {
        const char *names[N_VERBS + 1] = {0};
        const char *nearest;

        signal(SIGPIPE, SIG_IGN);
        if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
                return help_print();
        for (size_t i = 0; i < N_VERBS; i++) {
                if (argc > 1 && strcmp(argv[1], verbs[i].name) == 0)
                        return verbs[i].run(argc - 1, argv + 1);
                names[i] = verbs[i].name;
        }
        nearest = argc > 1 ? nearest_find(argv[1], names) : NULL;
        fprintf(stderr, "eavesdrop bench: %s%s%s%s; try: eavesdrop bench --help\n",
                argc > 1 ? "unknown: " : "what?", argc > 1 ? argv[1] : "",
                nearest ? "; did you mean " : "", nearest ? nearest : "");
        return EXIT_USAGE;
}
