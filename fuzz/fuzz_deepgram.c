// Deepgram: any bytes as a query, as a message, and as the text of a result, which must come
// out as valid JSON.

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/deepgram/messages.h"
#include "dialect/deepgram/packets.h"
#include "dialect/deepgram/results.h"
#include "dialect/deepgram/wish.h"
#include "fuzz.h"

static void query_check(const char *query) {
        struct deepgram_wish wish;
        struct error error = {0};
        int code = deepgram_wish_read(&wish, query, &error);

        if (code < 0 && !error.text[0])
                abort();
        if (code == 0 && wish.sound == DEEPGRAM_RAW && (wish.rate < 8000 || wish.rate > 96000))
                abort();
        if (wish.channels > DEEPGRAM_CHANNELS_MAX)
                abort();
        deepgram_wish_deinit(&wish);
}

static void message_check(const char *text, size_t n) {
        struct deepgram_message message;
        struct error error = {0};

        if (deepgram_message_read(&message, text, n, &error) != 0 && !error.text[0])
                abort();
        if (message.channel < DEEPGRAM_ALL_CHANNELS || message.channel >= DEEPGRAM_CHANNELS_MAX)
                abort();
}

static void result_check(char *text, size_t n) {
        struct hypothesis_word word = {.end = (int64_t)n, .text = text};
        struct segment segments[2] = {
                {.end = (int64_t)n * 160, .text = text},
                {.end = (int64_t)n, .text = text, .words = &word, .n_words = 1},
        };
        struct deepgram_result result = {.request_id = text,
                                         .n_channels = 1,
                                         .begin = (int64_t)n,
                                         .end = (int64_t)n * 160,
                                         .segments = segments,
                                         .n_segments = 2,
                                         .language = text};
        size_t length;
        char *encoded = deepgram_encode_result(&result, &length);
        json_t *object = json_loadb(encoded, length, 0, NULL);

        if (!object || !json_is_object(json_object_get(object, "channel")))
                abort();
        json_decref(object);
        free(encoded);
}

static void pages_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        (void)bytes;
        *(size_t *)context += n;
}

static void packets_check(const uint8_t *bytes, size_t n) {
        size_t written = 0;
        struct packets *packets = packets_new(n % 2 ? PACKETS_OPUS : PACKETS_SPEEX, 0, 0,
                                              pages_on_bytes, &written);

        packets_add(packets, bytes, n);
        packets_add(packets, bytes, n / 2);
        if (written < n)
                abort();
        packets_free(packets);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        char *text;

        if (n > PACKET_MAX)
                return 0;
        text = malloc(n + 1);
        if (!text)
                return 0;
        memcpy(text, bytes, n);
        text[n] = '\0';
        query_check(text);
        message_check(text, n);
        result_check(text, n);
        packets_check(bytes, n);
        free(text);
        return 0;
}
