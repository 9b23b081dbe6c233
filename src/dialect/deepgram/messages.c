#include "dialect/deepgram/messages.h"

#include <string.h>

#include "dialect/deepgram/wish.h"
#include "dialect/json_text.h"

static const struct {
        const char *name;
        enum deepgram_message_type type;
} types[] = {
        {"KeepAlive", DEEPGRAM_KEEP_ALIVE},
        {"Finalize", DEEPGRAM_FINALIZE},
        {"CloseStream", DEEPGRAM_CLOSE_STREAM},
        {"Configure", DEEPGRAM_CONFIGURE},
};

static int type_read(const json_t *object, enum deepgram_message_type *ret,
                     struct error *error) {
        const json_t *type = json_object_get(object, "type");

        if (!json_is_string(type))
                return error_set(error, DIALECT_E_MISSING, "type: a string is expected");
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(types[i].name, json_string_value(type)) == 0) {
                        *ret = types[i].type;
                        return 0;
                }
        return error_set(error, DIALECT_E_UNKNOWN,
                         "type: KeepAlive, Finalize, CloseStream or Configure is expected");
}

static int object_read(struct deepgram_message *ret, const json_t *object,
                       struct error *error) {
        int64_t channel = DEEPGRAM_ALL_CHANNELS;
        int code = type_read(object, &ret->type, error);

        if (code == 0 && ret->type == DEEPGRAM_FINALIZE)
                code = json_read_integer(object, "channel", 0, DEEPGRAM_CHANNELS_MAX - 1,
                                         &channel, error);
        ret->channel = (int)channel;
        ret->has_keyterms = json_array_size(json_object_get(object, "keyterms")) > 0;
        return code;
}

int deepgram_message_read(struct deepgram_message *ret, const char *text, size_t n,
                          struct error *error) {
        json_t *object;
        int code = json_object_parse(&object, text, n, error);

        *ret = (struct deepgram_message){.channel = DEEPGRAM_ALL_CHANNELS};
        if (code != 0)
                return code;
        code = object_read(ret, object, error);
        json_decref(object);
        return code;
}
