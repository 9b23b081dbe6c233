#pragma once
// Descriptor: the input that a child of a file or an upload was given, for libavformat to read:
// a regular file, in which it may seek, or a pipe that is read through.
//
// Joined files (cat a.wav b.wav) whose containers say where they end (WAV, AIFF) are read as
// one part after the other: libavformat would skip all that follows the first.
//
// Threads: any one at a time.

#include <libavformat/avio.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"

struct media_descriptor;

// Reads `input` (lent) from where it stands. Waits for a pipe's writer.
struct media_descriptor *media_descriptor_new(int input);
struct media_descriptor *media_descriptor_free(struct media_descriptor *descriptor);

// The part that is read, from its begin; one at a time, the descriptor's own. NULL: no memory.
AVIOContext *media_descriptor_open(struct media_descriptor *descriptor);

// Live sound: what has been read is to be handed on when so long nothing has come.
#define MEDIA_DESCRIPTOR_IDLE_MS 80
void media_descriptor_on_idle(struct media_descriptor *descriptor,
                              void (*on_idle)(void *context), void *context);

// The first bytes of a pipe, at most MEDIA_JOINT_HEAD, before any was read; the descriptor's.
// Returns how many.
size_t media_descriptor_head(const struct media_descriptor *descriptor,
                             const uint8_t **ret_bytes);

bool media_descriptor_is_seekable(const struct media_descriptor *descriptor);

// Go to the part behind the one that was read to its end. False: that was the last.
bool media_descriptor_next(struct media_descriptor *descriptor);

// Go back to the first part. False: it is a pipe.
bool media_descriptor_rewind(struct media_descriptor *descriptor);

// From now on at most so many bytes may be read; 0: any number. Beyond, reading fails with
// AVERROR(EFBIG).
void media_descriptor_limit(struct media_descriptor *descriptor, uint64_t n_bytes);

// Was more wanted than the limit?
bool media_descriptor_is_beyond(const struct media_descriptor *descriptor);

// How many bytes there are less than the container of the part that was read to its end says
// (or its last page of Ogg); 0: none, or it does not say.
int64_t media_descriptor_missing(struct media_descriptor *descriptor);

// Has no byte come?
bool media_descriptor_is_empty(const struct media_descriptor *descriptor);

DEFINE_CLEANUP(struct media_descriptor *, media_descriptor_free);
