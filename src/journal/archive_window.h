#pragma once
// Archive window: a stretch of sound as Opus packets, and its form in a file: one link of an
// Ogg file (RFC 7845, RFC 3533), which says in its comments when it began. Links stand one
// behind the other, so that a file is added to without touching what is there, and can be
// played as it is.
//
// Threads: any one at a time.

#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_FRAME_MSEC     20
#define ARCHIVE_FRAME_SAMPLES  320  // of ours; Ogg counts at 48 kHz, three for each
#define ARCHIVE_GRANULES       3
#define ARCHIVE_WINDOW_SECONDS 60  // of one window; longer sound is cut into some

// Zeroed is empty.
struct archive_window {
        int64_t start;      // Unix ms of its first sample
        int64_t n_samples;  // at AUDIO_RATE
        uint32_t pre_skip;  // granules that a decoder makes before its first sample
        uint8_t *bytes;     // of all packets, each of ARCHIVE_FRAME_MSEC
        size_t n_bytes, bytes_capacity;
        size_t *ends;  // of each packet, in bytes
        size_t n, ends_capacity;
};

// Bytes that grow. Zeroed is empty.
struct archive_bytes {
        uint8_t *items;
        size_t n, capacity;
};

void archive_bytes_add(struct archive_bytes *bytes, const void *from, size_t n);

void archive_window_add(struct archive_window *window, const uint8_t *packet, size_t n);

// Without packets, for the next.
void archive_window_clear(struct archive_window *window);
void archive_window_deinit(struct archive_window *window);

// The i-th packet.
const uint8_t *archive_window_packet(const struct archive_window *window, size_t i,
                                     size_t *ret_n);

// Write it as a link. The same window gives the same bytes.
void archive_window_write(const struct archive_window *window, struct archive_bytes *to);

// Read the links of a file, one window after the other; windows are lent. Returns where the
// last whole link ends: what is behind it was being written when the writer died.
size_t archive_windows_read(const uint8_t *bytes, size_t n,
                            void (*on_window)(void *context,
                                              const struct archive_window *window),
                            void *context);
