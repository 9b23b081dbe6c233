#include "dialect/deepgram/packets.h"

#include <ogg/ogg.h>
#include <opus/opus.h>
#include <stdbool.h>
#include <string.h>

#include "util/mem.h"

#define OPUS_RATE   48000  // of its clock, whatever its sound has
#define OPUS_FRAME  960    // samples at that rate in the usual packet: 20 ms
#define SPEEX_FRAME 160    // samples at 8 kHz, in a packet of 20 ms

#define OPUS_HEAD_BYTES  19
#define SPEEX_HEAD_BYTES 80

struct packets {
        enum packet_codec codec;
        unsigned rate, channels;
        void (*on_bytes)(void *context, const uint8_t *bytes, size_t n);
        void *context;
        ogg_stream_state stream;
        bool has_headers;
        int64_t n_packets, granule;
};

struct packets *packets_new(enum packet_codec codec, unsigned rate, unsigned channels,
                            void (*on_bytes)(void *context, const uint8_t *bytes, size_t n),
                            void *context) {
        struct packets *packets = xnew(struct packets);
        unsigned usual = codec == PACKETS_OPUS ? OPUS_RATE : 16000;

        packets->codec = codec;
        packets->rate = rate ? rate : usual;
        packets->channels = channels ? channels : 1;
        packets->on_bytes = on_bytes;
        packets->context = context;
        ogg_stream_init(&packets->stream, 1);
        return packets;
}

struct packets *packets_free(struct packets *packets) {
        if (!packets)
                return NULL;
        ogg_stream_clear(&packets->stream);
        return mem_free(packets);
}

// A page for each packet: nothing waits for the next one.
static void packet_write(struct packets *packets, const uint8_t *bytes, size_t n) {
        ogg_packet packet = {
                .packet = (unsigned char *)(uintptr_t)bytes,
                .bytes = (long)n,
                .b_o_s = packets->n_packets == 0,
                .granulepos = packets->granule,
                .packetno = packets->n_packets,
        };
        ogg_page page;

        packets->n_packets++;
        (void)ogg_stream_packetin(&packets->stream, &packet);
        while (ogg_stream_flush(&packets->stream, &page)) {
                packets->on_bytes(packets->context, page.header, (size_t)page.header_len);
                packets->on_bytes(packets->context, page.body, (size_t)page.body_len);
        }
}

// --- headers ---------------------------------------------------------------------------------

static void number_put(uint8_t *place, uint32_t number) {
        for (int i = 0; i < 4; i++)
                place[i] = (uint8_t)(number >> (8 * i));
}

// RFC 7845: at most two channels, nothing to skip, no gain.
static void opus_headers_write(struct packets *packets) {
        uint8_t head[OPUS_HEAD_BYTES] = "OpusHead\1";
        static const uint8_t tags[] = "OpusTags\0\0\0\0\0\0\0";

        head[9] = (uint8_t)(packets->channels > 2 ? 2 : packets->channels);
        number_put(head + 12, packets->rate);
        packet_write(packets, head, sizeof(head));
        packet_write(packets, tags, sizeof(tags));
}

// The manual of Speex, "Ogg file format": 13 numbers behind the name and the version.
static void speex_headers_write(struct packets *packets) {
        uint8_t head[SPEEX_HEAD_BYTES] = "Speex   1.2";
        static const uint8_t comments[8] = {0};
        uint32_t mode = packets->rate > 12500 ? packets->rate > 25000 ? 2 : 1 : 0;
        uint32_t numbers[] = {1,
                              SPEEX_HEAD_BYTES,
                              packets->rate,
                              mode,
                              4,
                              packets->channels,
                              (uint32_t)-1,
                              SPEEX_FRAME << mode,
                              0,
                              1,
                              0,
                              0,
                              0};

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                number_put(head + 28 + 4 * i, numbers[i]);
        packet_write(packets, head, sizeof(head));
        packet_write(packets, comments, sizeof(comments));
}

// --- packets ---------------------------------------------------------------------------------

static int packet_samples(const struct packets *packets, const uint8_t *bytes, size_t n) {
        int n_samples;

        if (packets->codec == PACKETS_SPEEX)
                return SPEEX_FRAME * (int)(packets->rate / 8000);
        n_samples = opus_packet_get_nb_samples(bytes, (opus_int32)n, OPUS_RATE);
        return n_samples > 0 ? n_samples : OPUS_FRAME;
}

void packets_add(struct packets *packets, const uint8_t *bytes, size_t n) {
        if (n == 0 || n > PACKET_MAX)
                return;
        if (!packets->has_headers && packets->codec == PACKETS_OPUS)
                opus_headers_write(packets);
        else if (!packets->has_headers)
                speex_headers_write(packets);
        packets->has_headers = true;
        packets->granule += packet_samples(packets, bytes, n);
        packet_write(packets, bytes, n);
}
