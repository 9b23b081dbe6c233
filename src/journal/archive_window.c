#include "journal/archive_window.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <ogg/ogg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/array.h"
#include "util/mem.h"

#define HEAD_BYTES 19
#define VENDOR     "eavesdrop"
#define COMMENT    "EAVESDROP_START="  // Unix ms

void archive_bytes_add(struct archive_bytes *bytes, const void *from, size_t n) {
        while (bytes->n + n > bytes->capacity) {
                bytes->capacity = bytes->capacity ? 2 * bytes->capacity : 4096;
                bytes->items = xrealloc_array(bytes->items, bytes->capacity, 1);
        }
        if (n > 0)
                memcpy(bytes->items + bytes->n, from, n);
        bytes->n += n;
}

// --- packets ---------------------------------------------------------------------------------

void archive_window_add(struct archive_window *window, const uint8_t *packet, size_t n) {
        struct archive_bytes bytes = {window->bytes, window->n_bytes, window->bytes_capacity};

        archive_bytes_add(&bytes, packet, n);
        window->bytes = bytes.items;
        window->n_bytes = bytes.n;
        window->bytes_capacity = bytes.capacity;
        window->ends = array_grow(window->ends, window->n, &window->ends_capacity,
                                  sizeof(*window->ends));
        window->ends[window->n++] = window->n_bytes;
}

void archive_window_clear(struct archive_window *window) {
        window->n = window->n_bytes = 0;
        window->n_samples = 0;
}

void archive_window_deinit(struct archive_window *window) {
        free(window->bytes);
        free(window->ends);
        *window = (struct archive_window){0};
}

const uint8_t *archive_window_packet(const struct archive_window *window, size_t i,
                                     size_t *ret_n) {
        size_t begin = i ? window->ends[i - 1] : 0;

        *ret_n = window->ends[i] - begin;
        return window->bytes + begin;
}

// --- writing ---------------------------------------------------------------------------------

static void pages_write(ogg_stream_state *stream, struct archive_bytes *to, bool all) {
        ogg_page page;

        while (all ? ogg_stream_flush(stream, &page) : ogg_stream_pageout(stream, &page)) {
                archive_bytes_add(to, page.header, (size_t)page.header_len);
                archive_bytes_add(to, page.body, (size_t)page.body_len);
        }
}

// A packet of the headers, on a page of its own.
static void header_write(ogg_stream_state *stream, int64_t number, void *bytes, size_t n,
                         struct archive_bytes *to) {
        ogg_packet packet = {
                .packet = bytes, .bytes = (long)n, .b_o_s = number == 0, .packetno = number};

        ogg_stream_packetin(stream, &packet);
        pages_write(stream, to, true);
}

static void headers_write(const struct archive_window *window, ogg_stream_state *stream,
                          struct archive_bytes *to) {
        uint8_t head[HEAD_BYTES] = "OpusHead\x01\x01";
        struct archive_bytes tags = {0};
        char comment[64];
        uint32_t length = htole32(strlen(VENDOR)), one = htole32(1);
        uint16_t pre_skip = htole16((uint16_t)window->pre_skip);
        uint32_t rate = htole32(AUDIO_RATE);

        memcpy(head + 10, &pre_skip, sizeof(pre_skip));
        memcpy(head + 12, &rate, sizeof(rate));
        header_write(stream, 0, head, sizeof(head), to);
        snprintf(comment, sizeof(comment), COMMENT "%" PRId64, window->start);
        archive_bytes_add(&tags, "OpusTags", 8);
        archive_bytes_add(&tags, &length, sizeof(length));
        archive_bytes_add(&tags, VENDOR, strlen(VENDOR));
        archive_bytes_add(&tags, &one, sizeof(one));
        length = htole32((uint32_t)strlen(comment));
        archive_bytes_add(&tags, &length, sizeof(length));
        archive_bytes_add(&tags, comment, strlen(comment));
        header_write(stream, 1, tags.items, tags.n, to);
        free(tags.items);
}

void archive_window_write(const struct archive_window *window, struct archive_bytes *to) {
        int64_t end = window->pre_skip + ARCHIVE_GRANULES * window->n_samples;
        ogg_stream_state stream;

        if (window->n == 0)
                return;
        // Links of one file have different numbers, and the same at each request.
        ogg_stream_init(&stream, (int)(uint32_t)window->start);
        headers_write(window, &stream, to);
        for (size_t i = 0; i < window->n; i++) {
                int64_t granule = (int64_t)(i + 1) * ARCHIVE_FRAME_SAMPLES * ARCHIVE_GRANULES;
                ogg_packet packet = {.packetno = (int64_t)i + 2};
                size_t n;

                packet.packet = (uint8_t *)(uintptr_t)archive_window_packet(window, i, &n);
                packet.bytes = (long)n;
                packet.e_o_s = i + 1 == window->n;
                packet.granulepos = granule < end && !packet.e_o_s ? granule : end;
                ogg_stream_packetin(&stream, &packet);
                pages_write(&stream, to, false);
        }
        pages_write(&stream, to, true);
        ogg_stream_clear(&stream);
}

// --- reading ---------------------------------------------------------------------------------

struct link_reader {
        ogg_stream_state stream;
        struct archive_window window;
        int64_t n_packets;  // of the link so far, headers counted; -1: there is none
        int64_t granule;
};

static uint32_t number_at(const uint8_t *bytes) {
        uint32_t number;

        memcpy(&number, bytes, sizeof(number));
        return le32toh(number);
}

static bool head_read(struct archive_window *window, const ogg_packet *packet) {
        if (packet->bytes < HEAD_BYTES || memcmp(packet->packet, "OpusHead", 8) != 0 ||
            packet->packet[9] != 1)
                return false;
        window->pre_skip = (uint32_t)packet->packet[10] | (uint32_t)packet->packet[11] << 8;
        return true;
}

static bool tags_read(struct archive_window *window, const ogg_packet *packet) {
        // "OpusTags", vendor and its length, one comment and its length.
        const size_t before = 8 + 4 + strlen(VENDOR) + 4;
        const uint8_t *comment = packet->packet + before + 4;
        size_t n = (size_t)packet->bytes;
        char text[64] = "", *end;

        if (n < before + 4 || memcmp(packet->packet, "OpusTags", 8) != 0 ||
            memcmp(packet->packet + 12, VENDOR, strlen(VENDOR)) != 0)
                return false;
        if (number_at(packet->packet + before) != n - before - 4 ||
            n - before - 4 >= sizeof(text))
                return false;
        memcpy(text, comment, n - before - 4);
        if (strncmp(text, COMMENT, strlen(COMMENT)) != 0)
                return false;
        errno = 0;
        window->start = strtoll(text + strlen(COMMENT), &end, 10);
        return errno == 0 && *end == '\0' && end > text + strlen(COMMENT);
}

static void packet_read(struct link_reader *reader, const ogg_packet *packet) {
        struct archive_window *window = &reader->window;
        bool is_good = true;

        if (reader->n_packets == 0)
                is_good = head_read(window, packet);
        else if (reader->n_packets == 1)
                is_good = tags_read(window, packet);
        else if (reader->n_packets > 1)
                archive_window_add(window, packet->packet, (size_t)packet->bytes);
        if (packet->granulepos >= 0)
                reader->granule = packet->granulepos;
        reader->n_packets = is_good && reader->n_packets >= 0 ? reader->n_packets + 1 : -1;
}

// True when the page ends a whole link, which is in the reader's window then.
static bool page_read(struct link_reader *reader, ogg_page *page) {
        ogg_packet packet;
        int r;

        if (ogg_page_bos(page)) {
                ogg_stream_reset_serialno(&reader->stream, ogg_page_serialno(page));
                archive_window_clear(&reader->window);
                reader->n_packets = 0;
        }
        if (reader->n_packets < 0 || ogg_stream_pagein(&reader->stream, page) < 0) {
                reader->n_packets = -1;
                return false;
        }
        while ((r = ogg_stream_packetout(&reader->stream, &packet)) != 0) {
                if (r < 0)  // a page is missing
                        reader->n_packets = -1;
                else
                        packet_read(reader, &packet);
        }
        if (!ogg_page_eos(page) || reader->n_packets < 3)
                return false;
        reader->window.n_samples =
                (reader->granule - reader->window.pre_skip) / ARCHIVE_GRANULES;
        return reader->window.n_samples > 0 &&
               reader->window.n_samples <= (int64_t)reader->window.n * ARCHIVE_FRAME_SAMPLES;
}

size_t archive_windows_read(const uint8_t *bytes, size_t n,
                            void (*on_window)(void *context,
                                              const struct archive_window *window),
                            void *context) {
        struct link_reader reader = {.n_packets = -1};
        ogg_sync_state sync;
        ogg_page page;
        size_t whole = 0, at = 0;
        char *room;

        ogg_sync_init(&sync);
        ogg_stream_init(&reader.stream, 0);
        room = ogg_sync_buffer(&sync, (long)n);
        if (room && n > 0) {
                memcpy(room, bytes, n);
                ogg_sync_wrote(&sync, (long)n);
        }
        while (room && at < n) {
                long step = ogg_sync_pageseek(&sync, &page);

                if (step == 0)  // no whole page is left
                        break;
                at += (size_t)labs(step);
                if (step > 0 && page_read(&reader, &page)) {
                        if (on_window)
                                on_window(context, &reader.window);
                        whole = at;
                        reader.n_packets = -1;
                }
        }
        archive_window_deinit(&reader.window);
        ogg_stream_clear(&reader.stream);
        ogg_sync_clear(&sync);
        return whole;
}
