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

#include "source/source.h"

#define FFMPEG_ARGV_MAX 40

struct ffmpeg_command {
        const char *argv[FFMPEG_ARGV_MAX];  // NULL-terminated
        char *input;                        // "file:PATH", in argv; owned
        char *script;                       // for standard input; owned; NULL: none
        int descriptor;                     // of ours, lent: its standard input; 0: none
        const char *const *variables;       // of the environment, besides PROCESS_VARIABLES
        unsigned cpu_limit;                 // seconds; 0: none
        int niceness;
        bool is_killed;  // when it is stopped: it holds no session with a peer
};

// A network URL that source_url_check() has passed.
void ffmpeg_command_init_network(struct ffmpeg_command *command,
                                 const struct source_config *config);

// A file: in real time and over again, or as fast as it goes.
void ffmpeg_command_init_file(struct ffmpeg_command *command, const char *ffmpeg,
                              const char *path, bool is_paced, bool is_looped);

// Whatever comes on standard input.
void ffmpeg_command_init_upload(struct ffmpeg_command *command, const char *ffmpeg);

// What comes through this descriptor of ours, above the standard ones, which is lent.
void ffmpeg_command_init_descriptor(struct ffmpeg_command *command, const char *ffmpeg,
                                    int descriptor);

void ffmpeg_command_deinit(struct ffmpeg_command *command);
