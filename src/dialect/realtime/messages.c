#include "dialect/realtime/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/json_text.h"
#include "util/mem.h"
#include "util/utf8.h"

static const char *const kinds[] = {
        [REALTIME_APPEND] = "input_audio_buffer.append",
        [REALTIME_COMMIT] = "input_audio_buffer.commit",
        [REALTIME_CLEAR] = "input_audio_buffer.clear",
        [REALTIME_UPDATE] = "session.update",
        [REALTIME_FLAT_UPDATE] = "transcription_session.update",
};

int realtime_command_read(struct realtime_command *ret, const char *text, size_t n,
                          struct realtime_mistake *mistake) {
        const char *type;
        struct error error;

        *ret = (struct realtime_command){0};
        *mistake = (struct realtime_mistake){.code = "invalid_json"};
        if (json_object_parse(&ret->json, text, n, &error) != 0) {
                snprintf(mistake->words, sizeof(mistake->words), "%s", error.text);
                return -EINVAL;
        }
        ret->event_id = json_string_value(json_object_get(ret->json, "event_id"));
        ret->session = json_object_get(ret->json, "session");
        type = json_string_value(json_object_get(ret->json, "type"));
        while (ret->kind < REALTIME_UNKNOWN && !(type && strcmp(type, kinds[ret->kind]) == 0))
                ret->kind++;
        if (ret->kind < REALTIME_UNKNOWN)
                return 0;
        *mistake = (struct realtime_mistake){.code = "invalid_value", .param = "type"};
        snprintf(mistake->words, sizeof(mistake->words),
                 "'%.100s' is no event that a transcription takes: there are "
                 "input_audio_buffer.append, .commit and .clear, session.update and "
                 "transcription_session.update",
                 type ? type : "");
        return -EINVAL;
}

void realtime_command_deinit(struct realtime_command *command) {
        json_decref(command->json);
        command->json = NULL;
}

// --- ours ------------------------------------------------------------------------------------

char *realtime_event(uint64_t number, const char *type, json_t *members) {
        char id[32];
        json_t *event;
        char *text;

        snprintf(id, sizeof(id), "event_%06llu", (unsigned long long)number);
        event = json_pack("{ssss}", "type", type, "event_id", id);
        json_object_update(event, members);
        json_decref(members);
        text = json_dumps(event, JSON_COMPACT);
        json_decref(event);
        return text;
}

static json_t *id_json(int64_t item) {
        char id[32];

        if (item < 0)
                return json_null();
        snprintf(id, sizeof(id), "item_%06lld", (long long)item);
        return json_string(id);
}

json_t *realtime_item(int64_t item) {
        return json_pack("{so}", "item_id", id_json(item));
}

json_t *realtime_committed(int64_t item, int64_t previous) {
        return json_pack("{soso}", "item_id", id_json(item), "previous_item_id",
                         id_json(previous));
}

json_t *realtime_item_added(int64_t item, int64_t previous) {
        return json_pack("{sos{sosssssssss[{ssso}]}}", "previous_item_id", id_json(previous),
                         "item", "id", id_json(item), "object", "realtime.item", "type",
                         "message", "status", "completed", "role", "user", "content", "type",
                         "input_audio", "transcript", json_null());
}

// Texts of ours that quote the client may be cut within a letter.
static json_t *repaired(const char *text) {
        CLEANUP(mem_freep) char *whole = utf8_repair(text, strlen(text));

        return json_string(whole ? whole : "");
}

json_t *realtime_error(const struct realtime_mistake *mistake, const char *event_id) {
        json_t *error = json_pack("{sssssoso}", "type", "invalid_request_error", "code",
                                  mistake->code, "message", repaired(mistake->words), "param",
                                  mistake->param[0] ? repaired(mistake->param) : json_null());

        json_object_set_new(error, "event_id", event_id ? json_string(event_id) : json_null());
        return json_pack("{so}", "error", error);
}

// --- by HTTP ---------------------------------------------------------------------------------

bool realtime_phrase(const struct http_request *request, int status, const char *words,
                     struct http_phrase *phrase) {
        const char *code = status == 401   ? "invalid_api_key"
                           : status == 429 ? "rate_limit_exceeded"
                                           : NULL;
        json_t *json = json_pack("{s{sossso?sn}}", "error", "message", repaired(words), "type",
                                 status >= 500 ? "server_error" : "invalid_request_error",
                                 "code", code ? json_string(code) : json_null(), "param");

        (void)request;
        phrase->status = status;
        phrase->content_type = "application/json";
        phrase->body = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        return true;
}
