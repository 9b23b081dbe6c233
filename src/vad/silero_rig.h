#pragma once
// VAD rig: the voice activity network of the tests. Only in tests.
//
// Threads: main thread.

#include "vad/silero.h"

// The fetched network; NULL, told, where it is not on this machine.
struct vad_model *rig_load_vad(void);

// The fetched network; the test that calls this is skipped where it is not on this machine.
struct vad_model *rig_need_vad(void);
