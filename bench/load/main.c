// eavesdrop-bench: how much can a server take, ours or another that speaks WhisperLive?
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "load/bench.h"
#include "load/capacity.h"
#include "load/report.h"
#include "util/complaint.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/nearest.h"

// --- live ----------------------------------------------------------------------------------

static const struct option_entry live_entries[] = {
        BENCH_TALK_OPTIONS,
        {"clients", "N", "how many talk at once", NULL, 'n'},
        {"transcripts-out", "FILE", "write what came of each utterance, as JSON lines", NULL,
         0},
        {0},
};

static const struct options_verb live_verb = {
        .name = "live",
        .about =
                "Plays recordings to a server over the WhisperLive protocol, as N clients who "
                "talk at\nreal-time pace, and tells how late, how wrong and how lossy the text "
                "is.\nExit code 1: the server could not be reached, or did not serve all "
                "clients.\n",
        .entries = live_entries,
};

static int live_measure(struct bench *bench) {
        struct live_result result;
        int r = bench_open(bench);

        if (r < 0)
                r = bench_measure(bench, &result);
        if (r >= 0)
                return r;
        if (result.n_refused == result.n_clients) {
                live_result_deinit(&result);
                return bench_complain(bench, EXIT_TROUBLE, result.trouble.text);
        }
        report_head(stdout);
        report_line(stdout, &result);
        report_notes(stdout, bench->corpus, &result);
        r = bench_json(bench, report_json(bench->corpus, &result));
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
        if (!bench_talk(&bench) || !bench_text(&bench, "clients", &clients) ||
            !bench_count(&bench, "clients", 1, LIVE_CLIENTS_MAX, &n_clients))
                return EXIT_USAGE;
        bench.live.n_clients = (size_t)n_clients;
        if (bench_output(&bench, "json", &bench.json) &&
            bench_output(&bench, "transcripts-out", &bench.live.transcripts))
                r = live_measure(&bench);
        else
                r = EXIT_TROUBLE;
        return bench_close(&bench, r);
}

// --- capacity ------------------------------------------------------------------------------

static const struct option_entry capacity_entries[] = {
        BENCH_TALK_OPTIONS,
        {"from", "N", "clients to begin with [1]", NULL, 0},
        {"most", "N", "clients to stop at [1024]", NULL, 0},
        {"max-last", "S", "last word of an utterance on screen, p95 [3]", NULL, 0},
        {"max-final", "S", "last word of an utterance final, p95 [3]", NULL, 0},
        {"max-lost", "PERCENT", "words lost [1]", NULL, 0},
        {"max-wer", "PERCENT", "word error rate [no limit]", NULL, 0},
        {0},
};

static const struct options_verb capacity_verb = {
        .name = "capacity",
        .about = "Lets more and more clients talk at once until the text comes too late or "
                 "words "
                 "are lost,\nand tells the largest number that held. Each line takes --seconds "
                 "and --settle.\nExit code 1: not even the first number held.\n",
        .entries = capacity_entries,
};

// Measure one number of clients. Returns -1 to go on, else the exit code.
static int capacity_step(struct bench *bench, const struct capacity_limits *limits,
                         struct capacity_search *search, json_t *lines) {
        struct live_result result = {0};
        char broken[256];
        int r;

        bench->live.n_clients = search->next;
        r = bench_measure(bench, &result);
        if (r >= 0)
                return r;
        if (result.n_refused == result.n_clients && search->held == 0) {
                live_result_deinit(&result);
                return bench_complain(bench, EXIT_TROUBLE, result.trouble.text);
        }
        report_line(stdout, &result);
        capacity_tell(search, !capacity_is_broken(limits, &result, broken, sizeof(broken)));
        if (broken[0])
                printf("         %s\n", broken);
        (void)fflush(stdout);
        json_array_append_new(lines, report_json(bench->corpus, &result));
        live_result_deinit(&result);
        return -1;
}

static int capacity_search_run(struct bench *bench, const struct capacity_limits *limits,
                               struct capacity_search search) {
        json_t *lines = json_array();
        size_t from = search.next;
        int r = bench_open(bench);

        if (r < 0)
                report_head(stdout);
        while (r < 0 && search.next > 0)
                r = capacity_step(bench, limits, &search, lines);
        if (r >= 0) {
                json_decref(lines);
                return r;
        }
        if (search.held == 0)
                printf("\nNot even %s.\n", from == 1 ? "one client held" : "fewer held");
        else
                printf("\n%zu clients held%s.\n", search.held,
                       search.broke == 0 ? ", the most that were tried" : "");
        r = bench_json(bench, json_pack("{s:I, s:I, s:o}", "held", (json_int_t)search.held,
                                        "broke", (json_int_t)search.broke, "runs", lines));
        return r == EXIT_OK && search.held == 0 ? EXIT_TROUBLE : r;
}

static int bench_capacity(int argc, char **argv) {
        struct bench bench = {0};
        struct capacity_limits limits = {3, 3, 1, INFINITY};
        double from = 1, most = 1024;
        int r = options_parse(&bench.options, &capacity_verb, argc, argv);

        if (r >= 0)
                return r;
        if (!bench_talk(&bench) || !bench_count(&bench, "from", 1, LIVE_CLIENTS_MAX, &from) ||
            !bench_count(&bench, "most", 1, LIVE_CLIENTS_MAX, &most) ||
            !bench_number(&bench, "max-last", 0, 3600, &limits.last_word_p95) ||
            !bench_number(&bench, "max-final", 0, 3600, &limits.final_p95) ||
            !bench_number(&bench, "max-lost", 0, 100, &limits.lost_percent) ||
            !bench_number(&bench, "max-wer", 0, 1000, &limits.wer_percent))
                return EXIT_USAGE;
        if (bench_output(&bench, "json", &bench.json))
                r = capacity_search_run(&bench, &limits,
                                        capacity_begin((size_t)from, (size_t)most));
        else
                r = EXIT_TROUBLE;
        return bench_close(&bench, r);
}

// --- the verbs -----------------------------------------------------------------------------

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;
} verbs[] = {
        {"live", bench_live, "N clients who talk at once: delay, errors, loss, CPU, memory"},
        {"capacity", bench_capacity, "the largest number of clients that a server holds"},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int help_print(void) {
        puts("Usage: eavesdrop-bench WHAT [OPTION...]\n\n"
             "Measures how much a server can take, ours or another that speaks WhisperLive.\n\n"
             "What:");
        for (size_t i = 0; i < N_VERBS; i++)
                printf("  %-12s%s\n", verbs[i].name, verbs[i].help);
        return EXIT_OK;
}

static int verb_run(int argc, char **argv) {
        const char *names[N_VERBS + 1] = {0};
        const char *nearest;

        if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
                return help_print();
        for (size_t i = 0; i < N_VERBS; i++) {
                if (argc > 1 && strcmp(argv[1], verbs[i].name) == 0)
                        return verbs[i].run(argc - 1, argv + 1);
                names[i] = verbs[i].name;
        }
        nearest = argc > 1 ? nearest_find(argv[1], names) : NULL;
        complaint_print(NULL, "%s%s%s%s; try: eavesdrop-bench --help",
                        argc > 1 ? "unknown: " : "what?", argc > 1 ? argv[1] : "",
                        nearest ? "; did you mean " : "", nearest ? nearest : "");
        return EXIT_USAGE;
}

int main(int argc, char **argv) {
        mem_setup(log_last_words);
        // A reader that leaves is an error of writing, which is told, and not our end.
        signal(SIGPIPE, SIG_IGN);
        return complaint_flush_output(verb_run(argc, argv));
}
