// Eavesdrop: any text as a client's message and as a list of stream names, and any bytes as the
// text of a segment, which must come out as valid JSON.

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/eavesdrop/messages.h"
#include "fuzz.h"

static void message_check(const uint8_t *bytes, size_t n) {
        struct eavesdrop_message message;
        struct error error = {0};
        int result = eavesdrop_message_parse(&message, (const char *)bytes, n, &error);

        if (result == 0) {
                if (!message.type_name ||
                    (message.type == EAVESDROP_RECORDING_STARTED && !message.recording_id))
                        abort();
                eavesdrop_message_deinit(&message);
        } else if (!error.text[0]) {
                abort();
        }
}

static void names_check(const char *list) {
        struct eavesdrop_names names;
        enum eavesdrop_role role;

        (void)eavesdrop_role_from_name(list, &role);
        if (eavesdrop_names_parse(&names, list) != 0)
                return;
        for (size_t i = 0; i < names.n; i++)
                if (!names.items[i][0] || strchr(names.items[i], ','))
                        abort();
        eavesdrop_names_deinit(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        char *text = malloc(n + 1), *message;
        struct eavesdrop_transcription transcription = {0};
        struct segment tail = {0};
        json_t *object;
        size_t length;

        if (!text)
                return 0;
        message_check(bytes, n);
        memcpy(text, bytes, n);
        text[n] = '\0';
        names_check(text);
        tail.text = text;
        memcpy(&tail.avg_logprob, bytes, n < sizeof(float) ? n : sizeof(float));
        transcription.stream = text;
        transcription.tail = &tail;
        message = eavesdrop_encode_transcription((nsec_t)n, &transcription, &length);
        // jansson has no unsigned 64-bit integers, which ids are.
        object = json_loadb(message, length, JSON_DECODE_INT_AS_REAL, NULL);
        if (!object || json_array_size(json_object_get(object, "segments")) != 1)
                abort();
        json_decref(object);
        free(message);
        free(text);
        return 0;
}
