#pragma once
// Archive stretch: any stretch of a stream's sound as one file, in which gaps are silence.
//
// Packets are handed on as they were encoded: each stands at the slot of 20 ms that is nearest
// to its time, so that times hold to 10 ms, and nothing is encoded anew. A decoder makes 80 ms
// that are not heard first, for it needs them to get going.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/archive.h"
#include "journal/archive_codec.h"
#include "journal/archive_window.h"
#include "util/cleanup.h"

#define ARCHIVE_STRETCH_MAX (3600 * INT64_C(1000))  // ms

struct archive_stretch;

// [since, until) in Unix ms, at most ARCHIVE_STRETCH_MAX. The codec is lent.
struct archive_stretch *archive_stretch_new(int64_t since, int64_t until,
                                            enum archive_format format,
                                            struct archive_codec *codec);

// NULL is fine. Returns NULL.
struct archive_stretch *archive_stretch_free(struct archive_stretch *stretch);

// Put the window where it belongs, over what is there; one that lies outside changes nothing.
void archive_stretch_add(struct archive_stretch *stretch, const struct archive_window *window);

// The whole file, which the caller frees; NULL when no window lay within.
void *archive_stretch_finish(struct archive_stretch *stretch, size_t *ret_n);

DEFINE_CLEANUP(struct archive_stretch *, archive_stretch_free);
