#include "load/bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode/language.h"
#include "util/complaint.h"
#include "util/log.h"
#include "util/mem.h"

int bench_complain(const struct bench *bench, int code, const char *text) {
        if (bench->progress)
                progress_clear(bench->progress);
        complaint_print(bench->options.verb->name, "%s", text);
        return code;
}

// --- options -------------------------------------------------------------------------------

// A number option within its limits; false after a complaint.
bool bench_number(const struct bench *bench, const char *name, double least, double most,
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
        bench_complain(bench, EXIT_USAGE, words);
        return false;
}

bool bench_count(const struct bench *bench, const char *name, double least, double most,
                 double *ret) {
        if (!bench_number(bench, name, least, most, ret))
                return false;
        if (*ret == floor(*ret))
                return true;
        bench_complain(bench, EXIT_USAGE, "a number of clients or processes is whole");
        return false;
}

bool bench_text(const struct bench *bench, const char *name, const char **ret) {
        CLEANUP(mem_freep) char *words = NULL;

        *ret = options_get(&bench->options, name);
        if (*ret)
                return true;
        words = xasprintf("--%s is missing; try: eavesdrop-bench %s --help", name,
                          bench->options.verb->name);
        bench_complain(bench, EXIT_USAGE, words);
        return false;
}

bool bench_output(const struct bench *bench, const char *name, FILE **ret) {
        const char *path = options_get(&bench->options, name);
        CLEANUP(mem_freep) char *words = NULL;

        if (!path || (*ret = fopen(path, "we")))
                return true;
        words = xasprintf("cannot write '%s': %s", path, strerrordesc_np(errno));
        bench_complain(bench, EXIT_TROUBLE, words);
        return false;
}

// Told to any server, which need not know more than Whisper's codes.
static bool bench_language(const struct bench *bench, const char **ret) {
        const char *text = options_get(&bench->options, "language"), *code = "";
        struct error error;

        if (text && language_wish(&code, text, &error) < 0) {
                bench_complain(bench, EXIT_USAGE, error.text);
                return false;
        }
        *ret = code[0] != '\0' ? code : NULL;
        return true;
}

bool bench_talk(struct bench *bench) {
        struct live_config *live = &bench->live;
        const char *model = options_get(&bench->options, "model");
        double pid = 0;

        live->seconds = 60;
        live->pause_seconds = 1;
        live->end_pause = 0.6;
        live->ramp_seconds = 5;
        live->settle_seconds = 15;
        live->drain_seconds = 60;
        live->model = model ? model : "base";
        bench->corpus_config.word_times = options_get(&bench->options, "word-times");
        bench->corpus_config.offline = options_get(&bench->options, "offline");
        if (!bench_text(bench, "url", &live->url) || !bench_language(bench, &live->language) ||
            !bench_text(bench, "audio", &bench->corpus_config.folder) ||
            !bench_number(bench, "seconds", 1, 86400, &live->seconds) ||
            !bench_number(bench, "pause", 0, 3600, &live->pause_seconds) ||
            !bench_number(bench, "end-pause", 0, 60, &live->end_pause) ||
            !bench_number(bench, "ramp", 0, 3600, &live->ramp_seconds) ||
            !bench_number(bench, "settle", 0, 3600, &live->settle_seconds) ||
            !bench_number(bench, "drain", 0, 3600, &live->drain_seconds) ||
            !bench_count(bench, "pid", 1, 4194304, &pid))
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

int bench_open(struct bench *bench) {
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
                return bench_complain(bench, EXIT_TROUBLE, error.text);
        return -1;
}

// One measurement. Returns -1 to go on, else the exit code.
int bench_measure(struct bench *bench, struct live_result *ret) {
        struct error error = {0};

        if (live_run(ret, bench->loop, bench->corpus, &bench->live, &error) < 0)
                return bench_complain(bench, EXIT_TROUBLE, error.text);
        progress_clear(bench->progress);
        if (!ret->was_interrupted)
                return -1;
        live_result_deinit(ret);
        return bench_complain(bench, EXIT_TROUBLE, "interrupted");
}

int bench_json(const struct bench *bench, json_t *object) {
        int r = 0;

        if (bench->json)
                r = json_dumpf(object, bench->json,
                               JSON_INDENT(2) | JSON_REAL_PRECISION(9) | JSON_PRESERVE_ORDER);
        if (bench->json && r == 0 && fputc('\n', bench->json) == EOF)
                r = -1;
        json_decref(object);
        return r == 0 ? EXIT_OK
                      : bench_complain(bench, EXIT_TROUBLE, "the figures could not be written");
}

static int file_close(FILE *file) {
        return file && fclose(file) != 0 ? EXIT_TROUBLE : EXIT_OK;
}

int bench_close(struct bench *bench, int result) {
        corpus_close(bench->corpus);
        loop_free(bench->loop);
        progress_free(bench->progress);
        if (file_close(bench->json) + file_close(bench->live.transcripts) == EXIT_OK)
                return result;
        fprintf(stderr, "eavesdrop-bench %s: a file could not be written completely\n",
                bench->options.verb->name);
        return result == EXIT_OK ? EXIT_TROUBLE : result;
}
