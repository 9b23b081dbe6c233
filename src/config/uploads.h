#pragma once
// Uploads: what is set of files that clients send.
//
// Threads: any; plain data.

#include <stdint.h>

// What clients may upload.
struct uploads_config {
        int at_once;     // files that are decoded at a time; 0: one per core
        int waiting;     // and that wait for that
        uint64_t size;   // bytes of one
        double seconds;  // of its sound
};

// Files that clients bring to be made text while they do other things.
struct transcriptions_config {
        int waiting;    // that are not text yet
        uint64_t disk;  // bytes of files and results
        double keep;    // seconds, of results
};
