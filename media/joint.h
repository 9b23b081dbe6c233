#pragma once
// Joint: where one file ends and the next begins, in files that were joined (cat a b).
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIA_JOINT_HEAD 64  // bytes of a file's begin that tell all that is asked here

// Do these bytes begin a file whose container says how long it is (WAV, AIFF)? Others go on
// with the next file by themselves.
bool media_joint_is_head(const uint8_t *bytes, size_t n);

// The length that the file which begins so has by its own account (WAV, AIFF, Matroska); -1:
// unknown, as of one that was written to a pipe.
int64_t media_joint_length(const uint8_t *bytes, size_t n);

// Does a packet begin with what stands at the begin or the end of a file, and is no sound: tags
// (ID3, APE), magic numbers, the headers of codecs?
bool media_joint_is_tag(const uint8_t *bytes, size_t n);
