#pragma once
// Sound rig: the recordings that tests hear. They are no part of the project, but lie in the
// folder EAVESDROP_TEST_DATA (default: ../shared/data beside it). Only in tests.
//
// Threads: main thread.

#include <stdbool.h>
#include <stddef.h>

#include "audio/pcm.h"

struct sound {
        float *samples;  // mono, AUDIO_RATE; whoever asked for the sound frees them
        size_t n;
};

// Where the file `name` lies in the folder that the environment's variable names, or else in
// the standard one; the caller frees it. NULL where it is not, and it is told what is missing
// there: "recording".
char *rig_find_file(const char *what, const char *variable, const char *standard,
                    const char *name);

// Where the file `name` of the test data lies; the caller frees it. NULL, told, where it is not
// on this machine: skip what needs it.
char *rig_find_data(const char *name);

// The sound in that file, by ffmpeg. False, told, where it is not on this machine.
bool rig_load_sound(const char *name, struct sound *ret);

// rig_load_sound(); the test that calls this is skipped where the file is not there.
struct sound rig_need_sound(const char *name);
