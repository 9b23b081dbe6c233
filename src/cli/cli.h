#pragma once
// CLI: the verbs. Each takes its own arguments (argv[0] is the verb) and returns the exit code.
//
// Threads: main thread.

enum {
        EXIT_OK = 0,
        EXIT_TROUBLE = 1,  // something outside failed: port in use, no ffmpeg, a file not read
        EXIT_USAGE = 2,    // the command line or the configuration is wrong
        EXIT_MODEL = 3,    // the model is missing or broken
};

int cli_main(int argc, char **argv);

int cli_serve(int argc, char **argv);
int cli_transcribe(int argc, char **argv);
int cli_model(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_bench(int argc, char **argv);
