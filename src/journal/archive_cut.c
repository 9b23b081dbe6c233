#include "journal/archive_cut.h"

#include <stdlib.h>

#include "audio/pcm.h"

#define SAMPLES_PER_MSEC (AUDIO_RATE / 1000)

struct cutting {
        int64_t since, until;
        struct archive_bytes kept;
        bool has_cut;
};

// The window's packets [begin, end), as a window.
static void part_write(struct cutting *cutting, const struct archive_window *window,
                       size_t begin, size_t end) {
        struct archive_window part = {.start = window->start +
                                               (int64_t)begin * ARCHIVE_FRAME_MSEC,
                                      .pre_skip = window->pre_skip};

        for (size_t i = begin; i < end; i++) {
                size_t n;
                const uint8_t *packet = archive_window_packet(window, i, &n);

                archive_window_add(&part, packet, n);
        }
        part.n_samples = (int64_t)(end - begin) * ARCHIVE_FRAME_SAMPLES -
                         (int64_t)(part.pre_skip / ARCHIVE_GRANULES);
        if (end == window->n)
                part.n_samples = window->n_samples - (int64_t)begin * ARCHIVE_FRAME_SAMPLES;
        if (part.n_samples > 0)
                archive_window_write(&part, &cutting->kept);
        archive_window_deinit(&part);
}

static void window_cut(void *context, const struct archive_window *window) {
        struct cutting *cutting = context;
        int64_t end = window->start + window->n_samples / SAMPLES_PER_MSEC + 1;
        size_t before = 0, behind = window->n;

        if (window->start >= cutting->until || end <= cutting->since) {
                archive_window_write(window, &cutting->kept);
                return;
        }
        cutting->has_cut = true;
        // A decoder hears of what is to come in the packet before; it gets one frame less.
        for (size_t i = 0; i < window->n; i++) {
                int64_t at = window->start + (int64_t)i * ARCHIVE_FRAME_MSEC;

                if (at + ARCHIVE_FRAME_MSEC <= cutting->since)
                        before = i + 1;
                if (at - ARCHIVE_FRAME_MSEC >= cutting->until && behind == window->n)
                        behind = i;
        }
        if (before > 0)
                part_write(cutting, window, 0, before);
        if (behind < window->n)
                part_write(cutting, window, behind, window->n);
}

bool archive_cut(const struct archive_bytes *file, int64_t since, int64_t until,
                 struct archive_bytes *kept) {
        struct cutting cutting = {.since = since, .until = until};

        size_t whole = archive_windows_read(file->items, file->n, window_cut, &cutting);

        cutting.has_cut |= whole < file->n;
        if (cutting.has_cut)
                *kept = cutting.kept;
        else
                free(cutting.kept.items);
        return cutting.has_cut;
}
