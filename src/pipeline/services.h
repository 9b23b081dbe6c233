#pragma once
// Services: what all streams and files share. Outlives them.
//
// Threads: loop thread only.

#include <stdint.h>

struct archive;
struct budget;
struct journaling_services;
struct loop;
struct scheduler;
struct vad_model;

// What arrived, of all streams; plain numbers that only grow, of whoever owns the streams.
struct stream_counts {
        uint64_t samples_in;
        uint64_t samples_silent;  // of these, what lay in no window
};

struct stream_services {
        struct loop *loop;
        struct scheduler *scheduler;
        const struct vad_model *vad;
        struct stream_counts *counts;  // NULL: nobody counts
        struct budget *budget;         // of what is kept of their sound; NULL: none
        struct archive *archive;       // NULL: no sound is kept
        const struct journaling_services *journaling;  // NULL: nothing is journaled
};
