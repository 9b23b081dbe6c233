#pragma once
// ffmpeg command: the argument vector and the script that make ffmpeg print mono s16 samples
// at AUDIO_RATE. For source/ only.
//
// A network URL may carry a password and never stands in the arguments, which every user of
// the machine can read: ffmpeg gets it on its standard input, as an ffconcat script of one
// entry. `option` lines in it reach the inner demuxer and its protocol (ffmpeg 5.0 or newer).
//
// Threads: any; no state.

#include <stdbool.h>

#include "source/media_run.h"

#define FFMPEG_ARGV_MAX 40

struct ffmpeg_command {
        const char *argv[FFMPEG_ARGV_MAX];  // NULL-terminated
        char *input;                        // "file:PATH", in argv; owned
        char *map;                          // "0:a:1", in argv; owned; NULL: ffmpeg chooses
        char *script;                       // for standard input; owned; NULL: none
        int descriptor;                     // of ours, lent: its standard input; 0: none
        bool has_input;                     // standard input is what the caller writes
        const char *const *variables;       // of the environment, besides PROCESS_VARIABLES
        unsigned cpu_limit;                 // seconds; 0: none
        int niceness;
        bool is_killed;  // when it is stopped: it holds no session with a peer
};

// For a run of that program, a path or a name that is looked up in PATH.
void ffmpeg_command_init(struct ffmpeg_command *command, const char *ffmpeg,
                         const struct media_run_config *config);

void ffmpeg_command_deinit(struct ffmpeg_command *command);
