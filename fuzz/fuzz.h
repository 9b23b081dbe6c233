#pragma once
// Fuzz: the one function every target defines, under the name that libFuzzer calls.
//
// Threads: main thread.

#include <stddef.h>
#include <stdint.h>

// Run the parser on `n` bytes that may be anything. Returns 0; a fault is a crash.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
