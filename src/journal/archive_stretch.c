#include "journal/archive_stretch.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"

#define SAMPLES_PER_MSEC (AUDIO_RATE / 1000)
#define LEAD_FRAMES      4  // 80 ms, as RFC 7845 advises
#define WAV_HEAD_BYTES   44

// A packet's place among the stretch's bytes; no bytes: silence.
struct stretch_slot {
        size_t begin, n;
};

struct archive_stretch {
        int64_t since, until;
        enum archive_format format;
        struct archive_codec *codec;
        bool has_sound;
        // Ogg:
        struct stretch_slot *slots;
        int64_t n_slots;
        struct archive_bytes packets;
        // WAV: the samples, little-endian as they are written.
        int16_t *samples;
        int64_t n_samples;
};

struct archive_stretch *archive_stretch_new(int64_t since, int64_t until,
                                            enum archive_format format,
                                            struct archive_codec *codec) {
        struct archive_stretch *stretch = xnew(struct archive_stretch);

        stretch->since = since;
        stretch->until = until;
        stretch->format = format;
        stretch->codec = codec;
        stretch->n_samples = (until - since) * SAMPLES_PER_MSEC;
        // What the decoder is late takes less than a slot more.
        stretch->n_slots =
                LEAD_FRAMES + 1 + (until - since + ARCHIVE_FRAME_MSEC - 1) / ARCHIVE_FRAME_MSEC;
        if (format == ARCHIVE_OGG)
                stretch->slots = xcalloc((size_t)stretch->n_slots, sizeof(*stretch->slots));
        else
                stretch->samples = xcalloc((size_t)stretch->n_samples + 1, sizeof(int16_t));
        return stretch;
}

struct archive_stretch *archive_stretch_free(struct archive_stretch *stretch) {
        if (!stretch)
                return NULL;
        free(stretch->slots);
        free(stretch->packets.items);
        free(stretch->samples);
        return mem_free(stretch);
}

// --- windows ---------------------------------------------------------------------------------

static int64_t divide_nearest(int64_t value, int64_t by) {
        int64_t shifted = value + by / 2;

        return shifted / by - (shifted % by < 0);
}

static void slots_fill(struct archive_stretch *stretch, const struct archive_window *window) {
        int64_t first = LEAD_FRAMES +
                        divide_nearest(window->start - stretch->since, ARCHIVE_FRAME_MSEC);

        for (size_t i = 0; i < window->n; i++) {
                int64_t slot = first + (int64_t)i;
                const uint8_t *packet;
                size_t n;

                if (slot < 0 || slot >= stretch->n_slots)
                        continue;
                packet = archive_window_packet(window, i, &n);
                stretch->slots[slot] = (struct stretch_slot){stretch->packets.n, n};
                archive_bytes_add(&stretch->packets, packet, n);
        }
}

static bool samples_fill(struct archive_stretch *stretch, const struct archive_window *window) {
        int64_t begin = (window->start - stretch->since) * SAMPLES_PER_MSEC;
        int64_t from = begin < 0 ? -begin : 0;
        int64_t to = begin + window->n_samples > stretch->n_samples ? stretch->n_samples - begin
                                                                    : window->n_samples;
        CLEANUP(mem_freep)
        char *room = try_calloc((size_t)window->n_samples, sizeof(int16_t));
        int16_t *decoded = (int16_t *)(void *)room;

        if (!decoded || archive_codec_decode(stretch->codec, window, decoded) < 0)
                return false;
        for (int64_t i = from; i < to; i++)
                stretch->samples[begin + i] = (int16_t)htole16((uint16_t)decoded[i]);
        return true;
}

void archive_stretch_add(struct archive_stretch *stretch, const struct archive_window *window) {
        int64_t end = window->start + window->n_samples / SAMPLES_PER_MSEC;

        if (window->start >= stretch->until || end <= stretch->since)
                return;
        if (stretch->format == ARCHIVE_OGG)
                slots_fill(stretch, window);
        else if (!samples_fill(stretch, window))
                return;
        stretch->has_sound = true;
}

// --- files -----------------------------------------------------------------------------------

static void *ogg_finish(struct archive_stretch *stretch, size_t *ret_n) {
        struct archive_window whole = {
                .start = stretch->since,
                .n_samples = stretch->n_samples,
                .pre_skip = archive_codec_pre_skip(stretch->codec) +
                            LEAD_FRAMES * ARCHIVE_FRAME_SAMPLES * ARCHIVE_GRANULES,
        };
        struct archive_bytes bytes = {0};
        size_t n_silence;
        const uint8_t *silence = archive_codec_silence(stretch->codec, &n_silence);

        for (int64_t i = 0; i < stretch->n_slots; i++) {
                const struct stretch_slot *slot = &stretch->slots[i];

                if (slot->n)
                        archive_window_add(&whole, stretch->packets.items + slot->begin,
                                           slot->n);
                else
                        archive_window_add(&whole, silence, n_silence);
        }
        archive_window_write(&whole, &bytes);
        archive_window_deinit(&whole);
        *ret_n = bytes.n;
        return bytes.items;
}

static void number_put(uint8_t *at, uint32_t number, size_t n) {
        number = htole32(number);
        memcpy(at, &number, n);
}

static void *wav_finish(struct archive_stretch *stretch, size_t *ret_n) {
        size_t n = (size_t)stretch->n_samples * sizeof(int16_t);
        static const char head[16] = "RIFF....WAVEfmt ", data[4] = "data";
        uint8_t *bytes = xcalloc(WAV_HEAD_BYTES + n, 1);

        memcpy(bytes, head, sizeof(head));
        number_put(bytes + 4, (uint32_t)(WAV_HEAD_BYTES - 8 + n), 4);
        number_put(bytes + 16, 16, 4);
        number_put(bytes + 20, 1, 2);  // PCM
        number_put(bytes + 22, 1, 2);  // one channel
        number_put(bytes + 24, AUDIO_RATE, 4);
        number_put(bytes + 28, AUDIO_RATE * sizeof(int16_t), 4);
        number_put(bytes + 32, sizeof(int16_t), 2);
        number_put(bytes + 34, 16, 2);
        memcpy(bytes + 36, data, sizeof(data));
        number_put(bytes + 40, (uint32_t)n, 4);
        memcpy(bytes + WAV_HEAD_BYTES, stretch->samples, n);
        *ret_n = WAV_HEAD_BYTES + n;
        return bytes;
}

void *archive_stretch_finish(struct archive_stretch *stretch, size_t *ret_n) {
        if (!stretch->has_sound)
                return NULL;
        return stretch->format == ARCHIVE_OGG ? ogg_finish(stretch, ret_n)
                                              : wav_finish(stretch, ret_n);
}
