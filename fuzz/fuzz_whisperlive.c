// WhisperLive: any text as a hello, and any bytes as the text of a segment, which must come out
// as valid JSON.

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/whisperlive/messages.h"
#include "fuzz.h"

static void hello_check(const uint8_t *bytes, size_t n) {
        struct whisperlive_hello hello;
        struct error error = {0};
        int result = whisperlive_hello_parse(&hello, (const char *)bytes, n, &error);

        if (result == 0) {
                if (!hello.uid || !hello.model || hello.send_last_n_segments < 1)
                        abort();
                whisperlive_hello_deinit(&hello);
        } else if (!error.text[0]) {
                abort();
        }
        if (result == 0 && !whisperlive_is_hello((const char *)bytes, n))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        char *text = malloc(n + 1), *message;
        struct segment segments[2];
        const struct segment *finals[2] = {&segments[0], &segments[1]};
        json_t *object;
        size_t length;

        if (!text)
                return 0;
        hello_check(bytes, n);
        memcpy(text, bytes, n);
        text[n] = '\0';
        segments[0] = (struct segment){.end = (int64_t)n, .text = text, .is_final = true};
        segments[1] = segments[0];
        message = whisperlive_encode_segments(text, finals, 2, NULL, 0, &length);
        object = json_loadb(message, length, 0, NULL);
        if (!object || json_array_size(json_object_get(object, "segments")) != 2)
                abort();
        json_decref(object);
        free(message);
        free(text);
        return 0;
}
