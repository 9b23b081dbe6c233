#pragma once
// Listeners: where clients of the dialects come that have a listener of their own, by the
// settings listeners.NAME.
//
// Threads: any; plain data.

struct listeners_config {
        char *vosk, *wyoming, *audiosocket;  // HOST:PORT; NULL: nowhere
};
