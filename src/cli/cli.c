#include "cli/cli.h"
#include "util/complaint.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/nearest.h"

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        bool decodes;
        const char *help;
} verbs[] = {
        {"serve", cli_serve, true, "listen to cameras and clients, and tell what is said"},
        {"transcribe", cli_transcribe, true, "turn sound files into text"},
        {"search", cli_search, false, "find what was said"},
        {"export", cli_export, false, "write out what was said: text, JSON, subtitles"},
        {"tail", cli_tail, false, "show the last that was said, and follow"},
        {"alerts", cli_alerts, false, "try an alert on what was said"},
        {"forget", cli_forget, false, "remove what was said for good"},
        {"token", cli_token, false, "say who may do what: make, list and revoke tokens"},
        {"status", cli_status, false, "see how the running server is"},
        {"stream", cli_stream, false,
         "list, add, pause and remove the running server's streams"},
        {"model", cli_model, false, "list, fetch and inspect models"},
        {"check", cli_check, false, "look for mistakes in a configuration file"},
        {"certificate", cli_certificate, false, "make a certificate for this machine"},
        {"config", cli_config, false, "show the configuration, or the JSON Schema of its file"},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int help_print(void) {
        puts("Usage: eavesdrop VERB [OPTION...]\n\n"
             "Turns live speech from many streams into text, with one Whisper model.\n\n"
             "Verbs:");
        for (size_t i = 0; i < N_VERBS; i++)
                printf("  %-12s%s\n", verbs[i].name, verbs[i].help);
        puts("\n"
             "Options:\n"
             "  --help      print this; after a verb, that verb's options\n"
             "  --version   print the version");
        return EXIT_OK;
}

// GCC's OpenMP runtime lets waiting threads spin unless these variables say otherwise before
// the program starts; on a machine that does other things as well (ffmpeg, say) decoding then
// takes three times as long. Not spinning at all costs a quarter: a decoder step has dozens of
// barriers, most a few microseconds long. So start again, once, with a short spin before the
// sleep. Measured with base: 100000 turns are no better than 10000, 1000 no better than none.
static void openmp_prepare(char **argv) {
        if (getenv("OMP_WAIT_POLICY"))
                return;
        // There is one thread yet. NOLINTBEGIN(concurrency-mt-unsafe)
        if (setenv("GOMP_SPINCOUNT", "10000", 0) == 0 &&
            setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
                execv("/proc/self/exe", argv);
        // NOLINTEND(concurrency-mt-unsafe)
        // Without /proc it goes on, only slower.
}

static int verb_run(int argc, char **argv) {
        const char *names[N_VERBS + 1] = {0};
        const char *nearest;

        if (argc < 2) {
                fputs("eavesdrop: no verb; try: eavesdrop --help\n", stderr);
                return EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
            strcmp(argv[1], "help") == 0)
                return help_print();
        if (strcmp(argv[1], "--version") == 0) {
                puts("eavesdrop " EAVESDROP_VERSION);
                return EXIT_OK;
        }
        for (size_t i = 0; i < N_VERBS; i++) {
                if (strcmp(argv[1], verbs[i].name) == 0) {
                        if (verbs[i].decodes)
                                openmp_prepare(argv);
                        return verbs[i].run(argc - 1, argv + 1);
                }
                names[i] = verbs[i].name;
        }
        nearest = nearest_find(argv[1], names);
        if (nearest)
                complaint_print(NULL, "unknown verb %s; did you mean %s?", argv[1], nearest);
        else
                complaint_print(NULL, "unknown verb '%s'; try: eavesdrop --help", argv[1]);
        return EXIT_USAGE;
}

int cli_main(int argc, char **argv) {
        // A reader that leaves is an error of writing, which is told, and not our end.
        signal(SIGPIPE, SIG_IGN);
        return complaint_flush_output(verb_run(argc, argv));
}
