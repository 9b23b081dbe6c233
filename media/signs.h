#pragma once
// Signs: what the lines that FFmpeg's libraries print tell of what went wrong. Both ways to
// read media go by them: our own children, and those who read what the ffmpeg program prints.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/records.h"

#define MEDIA_SIGN_NONE SIZE_MAX

// Which sign is in a line: of several lines the one with the lowest tells most. An error in
// which there is none comes behind all others; MEDIA_SIGN_NONE: the line says nothing.
size_t media_signs_find(const char *line, bool is_error);

// What a sign stands for.
enum media_fault media_signs_fault(size_t sign);

// The lowest sign that stands for a fault.
size_t media_signs_of(enum media_fault fault);
