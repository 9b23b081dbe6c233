#include "journal/archive_codec.h"

#include <errno.h>
#include <opus.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"

#define PACKET_MAX 1275  // bytes, by RFC 6716

// The encoder has forgotten what it heard before.
#define SILENT_FRAMES 10

struct archive_codec {
        OpusEncoder *encoder;
        OpusDecoder *decoder;
        opus_int32 lookahead;  // samples that the decoder is behind
        uint8_t silence[PACKET_MAX];
        size_t n_silence;
};

static int encoder_set(struct archive_codec *codec) {
        int r;

        codec->encoder = opus_encoder_create(AUDIO_RATE, 1, OPUS_APPLICATION_VOIP, &r);
        codec->decoder = opus_decoder_create(AUDIO_RATE, 1, &r);
        if (!codec->encoder || !codec->decoder)
                return -1;
        if (opus_encoder_ctl(codec->encoder, OPUS_SET_BITRATE(ARCHIVE_BIT_RATE)) < 0 ||
            opus_encoder_ctl(codec->encoder, OPUS_SET_COMPLEXITY(ARCHIVE_COMPLEXITY)) < 0 ||
            opus_encoder_ctl(codec->encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) < 0)
                return -1;
        return opus_encoder_ctl(codec->encoder, OPUS_GET_LOOKAHEAD(&codec->lookahead));
}

struct archive_codec *archive_codec_new(void) {
        static const float silence[ARCHIVE_FRAME_SAMPLES];
        CLEANUP(archive_codec_freep) struct archive_codec *codec = xnew(struct archive_codec);

        if (encoder_set(codec) < 0)
                return NULL;
        for (int i = 0; i < SILENT_FRAMES; i++) {
                opus_int32 n = opus_encode_float(codec->encoder, silence, ARCHIVE_FRAME_SAMPLES,
                                                 codec->silence, PACKET_MAX);

                if (n <= 0)
                        return NULL;
                codec->n_silence = (size_t)n;
        }
        return TAKE(codec);
}

struct archive_codec *archive_codec_free(struct archive_codec *codec) {
        if (!codec)
                return NULL;
        if (codec->encoder)
                opus_encoder_destroy(codec->encoder);
        if (codec->decoder)
                opus_decoder_destroy(codec->decoder);
        return mem_free(codec);
}

int archive_codec_encode(struct archive_codec *codec, const float *samples, size_t n,
                         struct archive_window *ret) {
        // The last samples come out of the decoder behind what it is late.
        size_t n_frames = (n + (size_t)codec->lookahead + ARCHIVE_FRAME_SAMPLES - 1) /
                          ARCHIVE_FRAME_SAMPLES;

        opus_encoder_ctl(codec->encoder, OPUS_RESET_STATE);
        archive_window_clear(ret);
        for (size_t i = 0; i < n_frames; i++) {
                float frame[ARCHIVE_FRAME_SAMPLES] = {0};
                uint8_t packet[PACKET_MAX];
                size_t begin = i * ARCHIVE_FRAME_SAMPLES;
                opus_int32 n_packet;

                for (size_t k = 0; k < ARCHIVE_FRAME_SAMPLES && begin + k < n; k++)
                        frame[k] = samples[begin + k];
                n_packet = opus_encode_float(codec->encoder, frame, ARCHIVE_FRAME_SAMPLES,
                                             packet, sizeof(packet));
                if (n_packet <= 0)
                        return -EINVAL;
                archive_window_add(ret, packet, (size_t)n_packet);
        }
        ret->n_samples = (int64_t)n;
        ret->pre_skip = archive_codec_pre_skip(codec);
        return 0;
}

int archive_codec_decode(struct archive_codec *codec, const struct archive_window *window,
                         int16_t *ret) {
        int64_t at = -(int64_t)(window->pre_skip / ARCHIVE_GRANULES);

        opus_decoder_ctl(codec->decoder, OPUS_RESET_STATE);
        memset(ret, 0, (size_t)window->n_samples * sizeof(*ret));
        for (size_t i = 0; i < window->n; i++) {
                int16_t frame[ARCHIVE_FRAME_SAMPLES];
                size_t n;
                const uint8_t *packet = archive_window_packet(window, i, &n);
                int n_decoded = opus_decode(codec->decoder, packet, (opus_int32)n, frame,
                                            ARCHIVE_FRAME_SAMPLES, 0);

                if (n_decoded < 0)
                        return -EINVAL;
                for (int k = 0; k < n_decoded; k++, at++)
                        if (at >= 0 && at < window->n_samples)
                                ret[at] = frame[k];
        }
        return 0;
}

const uint8_t *archive_codec_silence(const struct archive_codec *codec, size_t *ret_n) {
        *ret_n = codec->n_silence;
        return codec->silence;
}

uint32_t archive_codec_pre_skip(const struct archive_codec *codec) {
        return (uint32_t)codec->lookahead * ARCHIVE_GRANULES;
}
