#include "transcript/history.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// Most streams are quiet and never fill their history: its places are made as they are needed.
#define HISTORY_FIRST 8

struct history {
        struct segment *segments;  // a ring of `size` places
        size_t size, segments_max, bytes_max;
        size_t first, length;
        size_t bytes;      // of text
        uint64_t n_total;  // that were ever appended
};

struct history *history_new(size_t segments_max, size_t bytes_max) {
        struct history *history = xnew(struct history);

        history->segments_max = segments_max;
        history->bytes_max = bytes_max;
        return history;
}

static void history_drop_oldest(struct history *history) {
        struct segment *oldest = &history->segments[history->first];

        history->bytes -= strlen(oldest->text);
        segment_deinit(oldest);
        history->first = (history->first + 1) % history->size;
        history->length--;
}

void history_clear(struct history *history) {
        while (history->length > 0)
                history_drop_oldest(history);
}

struct history *history_free(struct history *history) {
        if (!history)
                return NULL;
        history_clear(history);
        free(history->segments);
        free(history);
        return NULL;
}

// Room for one more: twice the places, the segments in order from the first.
static void history_grow(struct history *history) {
        size_t size = history->size > 0 ? 2 * history->size : HISTORY_FIRST;
        struct segment *segments;

        if (size > history->segments_max)
                size = history->segments_max;
        segments = xcalloc(size, sizeof(*segments));
        for (size_t i = 0; i < history->length; i++)
                segments[i] = *history_get(history, i);
        free(history->segments);
        history->segments = segments;
        history->size = size;
        history->first = 0;
}

void history_append(struct history *history, const struct segment *segment) {
        size_t bytes = strlen(segment->text);

        history->n_total++;
        if (history->segments_max == 0)
                return;
        while (history->length > 0 && (history->length == history->segments_max ||
                                       history->bytes + bytes > history->bytes_max))
                history_drop_oldest(history);
        if (history->length == history->size)
                history_grow(history);
        segment_copy(&history->segments[(history->first + history->length) % history->size],
                     segment);
        history->length++;
        history->bytes += bytes;
}

size_t history_length(const struct history *history) {
        return history->length;
}

const struct segment *history_get(const struct history *history, size_t i) {
        return &history->segments[(history->first + i) % history->size];
}

uint64_t history_total(const struct history *history) {
        return history->n_total;
}
