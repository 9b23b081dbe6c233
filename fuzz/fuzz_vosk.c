// Vosk: any text as a message, and any bytes as the text of segments and words, which must come
// out as valid JSON.

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/vosk/messages.h"
#include "fuzz.h"

static void message_check(const char *text, size_t n, struct vosk_config *config) {
        enum vosk_type type = VOSK_OTHER;
        struct error error = {0};
        int r = vosk_message_parse(&type, config, text, n, &error);

        if ((r != 0 && !error.text[0]) || config->rate < VOSK_RATE_MIN ||
            config->rate > VOSK_RATE_MAX)
                abort();
}

static void json_check(char *text) {
        json_t *object = json_loads(text, 0, NULL);

        if (!json_is_object(object))
                abort();
        json_decref(object);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct vosk_config config = VOSK_CONFIG_USUAL;
        char *text = malloc(n + 1);
        struct hypothesis_word words[2] = {{.end = (int64_t)n, .probability = 0.5F}, {0}};
        struct segment segments[2] = {{.words = words, .n_words = 2}, {0}};
        const struct segment *const finals[2] = {&segments[0], &segments[1]};
        size_t length;

        if (!text)
                return 0;
        memcpy(text, bytes, n);
        text[n] = '\0';
        message_check(text, n, &config);
        words[0].text = words[1].text = segments[0].text = segments[1].text = text;
        json_check(vosk_encode_result(&config, finals, 2, (int64_t)n / 2, &length));
        json_check(vosk_encode_partial(text, &length));
        vosk_config_deinit(&config);
        free(text);
        return 0;
}
