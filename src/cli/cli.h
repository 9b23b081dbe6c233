#pragma once
// CLI: the verbs. Each takes its own arguments (argv[0] is the verb) and returns the exit code.
//
// Threads: main thread.

#include "util/complaint.h"

int cli_main(int argc, char **argv);

int cli_serve(int argc, char **argv);
int cli_transcribe(int argc, char **argv);
int cli_model(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_certificate(int argc, char **argv);
int cli_search(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_tail(int argc, char **argv);
int cli_alerts(int argc, char **argv);
int cli_forget(int argc, char **argv);
int cli_token(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_stream(int argc, char **argv);
