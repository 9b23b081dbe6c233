#pragma once
// History: the recent final segments of one stream, for those who come late.
//
// Threads: loop thread.
// Memory:  bounded by count and by bytes of text; the oldest go first.

#include <stddef.h>
#include <stdint.h>

#include "transcript/segment.h"

struct history;

// At most `segments_max` segments (0: none are kept) and `bytes_max` bytes of text, but always
// the newest one.
struct history *history_new(size_t segments_max, size_t bytes_max);
struct history *history_free(struct history *history);

void history_append(struct history *history, const struct segment *segment);
void history_clear(struct history *history);

// How many there ever were.
uint64_t history_total(const struct history *history);

// How many are kept, and the i-th of them, oldest first; lent until the next append.
size_t history_length(const struct history *history);
const struct segment *history_get(const struct history *history, size_t i);

DEFINE_CLEANUP(struct history *, history_free);
