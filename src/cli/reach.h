#pragma once
// Reach: which server a verb talks to: the one of this machine, by its unix socket, or one
// elsewhere, by --url and a token.
//
// Threads: main thread.

#include <jansson.h>

#include "cli/cli_options.h"
#include "cli/running.h"

// The options of a verb that talks to a server, for its table. Those of SETTING_READ go with
// them.
// clang-format off: rows of a table
#define REACH_OPTIONS                                                                          \
        {"url", "URL",                                                                         \
         "address of a server elsewhere, such as https://cameras.example:9090 [the server on " \
         "this machine, by its unix socket]",                                                  \
         NULL, 0},                                                                             \
                {"token", "TOKEN",                                                             \
                 "token for --url; --token-file, or EAVESDROP_TOKEN in the environment, "      \
                 "keeps it from "                                                              \
                 "the shell's history",                                                        \
                 NULL, 0},                                                                     \
                {"token-file", "FILE", "file with the token for --url; - is standard input",   \
                 NULL, 0},                                                                     \
        {                                                                                      \
                "authority", "FILE",                                                           \
                        "file of certificates (PEM) that are trusted for --url, in place of "  \
                        "the system's",                                                        \
                        NULL, 0                                                                \
        }
// clang-format on

// The server that the options name. Returns -1 to go on, else the exit code; why is told.
int reach_server(struct running **ret, const struct cli_options *options);

// Ask it and read the answer, of JSON; `body`, which is taken, goes with the request (NULL:
// none). *ret is the caller's, NULL where the answer has nothing in it. Fails with words.
int reach_ask(const struct running *running, const char *method, const char *target,
              json_t *body, json_t **ret, struct error *error);

// A secret on the command line, which other users can see, is made unreadable there. Call it
// once the text has been copied.
void reach_hide(const char *argument);
