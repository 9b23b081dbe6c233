// The settings of a stream by API, and a patch of them: any JSON gives a stream or mistakes
// that say what is wrong, never both; what is shown of a stream is no secret's.
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/stream_json.h"
#include "fuzz.h"
#include "manage/merge_patch.h"
#include "util/mem.h"

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static void stream_try(json_t *settings) {
        CLEANUP(config_stream_freep) struct stream_config *stream = NULL;
        struct config_mistakes mistakes;
        int r = config_stream_read(&stream, "hall", settings, &mistakes);

        require((r == 0) == (stream != NULL));
        require((r == 0) == (mistakes.n == 0));
        for (size_t i = 0; i < mistakes.n; i++)
                require(mistakes.items[i].text[0] != '\0');
        config_mistakes_deinit(&mistakes);
        if (stream) {
                json_t *shown = config_stream_json(stream);

                require(json_is_string(json_object_get(shown, "url")));
                require(!strstr(json_string_value(json_object_get(shown, "url")), "s3cr3t@"));
                json_decref(shown);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        json_t *json = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
        json_t *target, *patched;

        if (!json_is_object(json)) {
                json_decref(json);
                return 0;
        }
        stream_try(json);
        target = json_pack("{sss{ss}}", "url", "rtsp://user:s3cr3t@host/x", "decoding",
                           "beam_size", "2");
        patched = merge_patch(target, json);
        stream_try(patched);
        json_decref(patched);
        json_decref(target);
        json_decref(json);
        return 0;
}
