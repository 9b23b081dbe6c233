#pragma once
// Stream rig: whole flows in one process. Real speech detection on a real recording, a scripted
// engine, a capturing observer and a fake clock. Only in tests.
//
// Threads: main thread; what is atomic is written by the engine's.

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "decode/engine_scripted.h"
#include "pipeline/stream.h"
#include "transcript/observer_capture.h"
#include "util/budget.h"

#define RIG_PIECE 1600  // samples pushed at a time: 0.1 s

#define RIG_BUDGET ((size_t)256000000)  // bytes

struct stream_rig {
        struct loop *loop;
        struct engine_script *script;  // says where the job's sound lies: " [begin,end)"
        struct scheduler *scheduler;
        struct budget *budget;
        struct vad_model *vad;
        struct stream *stream;  // NULL where the network or the recording is not there
        struct observer_capture capture;
        const struct journaling_services *journaling;  // of the next stream; NULL: none
        struct observer observer;
        struct observer_counts observer_counts;
        struct stream_counts counts;
        unsigned n_finished, n_relieved, n_failed;
        char failure[128];  // the last one's words
        atomic_uint n_partial;
        atomic_uint n_drafted;  // jobs that brought the tokens of the one before
        atomic_bool is_drafted_wrong;
        atomic_uint n_led;       // jobs that brought what was heard before their window
        atomic_uint n_detected;  // jobs that named no language
        bool is_broken;          // the engine fails
        bool says_words;         // the script's answers are words, not places
        struct sound speech;     // eleven seconds of a man speaking
};

// A test with a rig of its own.
#define STREAM_TEST(function) \
        cmocka_unit_test_setup_teardown(function, stream_rig_setup, stream_rig_teardown)

int stream_rig_setup(void **state);
int stream_rig_teardown(void **state);

// The rig, or the test is skipped.
struct stream_rig *stream_rig_need(void **state);

// A new stream instead of the rig's: live or of a file.
void stream_rig_open(struct stream_rig *rig, bool is_file);

// A new stream instead of the rig's, of a source.
void stream_rig_fetch(struct stream_rig *rig, const struct source_config *source);

// Let the decoder answer all that it has.
void stream_rig_wait(struct stream_rig *rig);

// Push sound at the pace of the clock, letting the decoder keep up.
void stream_rig_push(struct stream_rig *rig, const float *samples, size_t n);
void stream_rig_push_silence(struct stream_rig *rig, double seconds);
