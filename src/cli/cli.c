#include "cli/cli.h"
#include "util/complaint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/nearest.h"

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;
} verbs[] = {
        {"serve", cli_serve, "listen to cameras and clients, and tell what is said"},
        {"transcribe", cli_transcribe, "turn sound files into text"},
        {"search", cli_search, "find what was said"},
        {"export", cli_export, "write out what was said: text, JSON, subtitles"},
        {"tail", cli_tail, "show the last that was said, and follow"},
        {"alerts", cli_alerts, "try an alert on what was said"},
        {"forget", cli_forget, "remove what was said for good"},
        {"token", cli_token, "say who may do what: make, list and revoke tokens"},
        {"status", cli_status, "see how the running server is"},
        {"stream", cli_stream, "list, add, pause and remove the running server's streams"},
        {"model", cli_model, "list, fetch and inspect models"},
        {"check", cli_check, "look for mistakes in a configuration file"},
        {"certificate", cli_certificate, "make a certificate for this machine"},
        {"config", cli_config, "show the configuration, or the JSON Schema of its file"},
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
                if (strcmp(argv[1], verbs[i].name) == 0)
                        return verbs[i].run(argc - 1, argv + 1);
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
