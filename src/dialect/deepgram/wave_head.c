#include "dialect/deepgram/wave_head.h"

#include <stddef.h>
#include <string.h>

// As numbers of WAV's registry.
static uint32_t tag_of(enum pcm_format format) {
        switch (format) {
        case PCM_F32:
                return 3;
        case PCM_ALAW:
                return 6;
        case PCM_MULAW:
                return 7;
        default:
                return 1;
        }
}

static void number_put(uint8_t *place, uint32_t number, int n_bytes) {
        for (int i = 0; i < n_bytes; i++)
                place[i] = (uint8_t)(number >> (8 * i));
}

void wave_head_write(const struct deepgram_wish *wish, uint8_t ret[WAVE_HEAD_BYTES]) {
        static const uint8_t plain[WAVE_HEAD_BYTES] =
                "RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                "data\xff\xff\xff";
        uint32_t size = (uint32_t)pcm_sample_size(wish->format);
        uint32_t channels = wish->channels ? wish->channels : 1;

        memcpy(ret, plain, WAVE_HEAD_BYTES);
        ret[WAVE_HEAD_BYTES - 1] = 0xff;
        number_put(ret + 20, tag_of(wish->format), 2);
        number_put(ret + 22, channels, 2);
        number_put(ret + 24, wish->rate, 4);
        number_put(ret + 28, wish->rate * channels * size, 4);
        number_put(ret + 32, channels * size, 2);
        number_put(ret + 34, 8 * size, 2);
}
