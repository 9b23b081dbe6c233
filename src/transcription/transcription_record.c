#include "transcription/transcription_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/language.h"
#include "util/mem.h"
#include "util/utf8.h"

// No file is larger, and no time later, than what these say: sums and dates stay sound.
#define SIZE_MOST ((int64_t)1000000000000000)
#define TIME_MOST ((int64_t)253402300799999)  // the year 9999 ends

static const char *const state_names[] = {
        [TRANSCRIPTION_COMING] = "coming",   [TRANSCRIPTION_WAITING] = "waiting",
        [TRANSCRIPTION_RUNNING] = "running", [TRANSCRIPTION_DONE] = "done",
        [TRANSCRIPTION_FAILED] = "failed",
};

const char *transcription_state_name(enum transcription_state state) {
        return state_names[state];
}

bool transcription_id_is_good(const char *text) {
        return strlen(text) == TRANSCRIPTION_ID_DIGITS &&
               strspn(text, "0123456789abcdef") == TRANSCRIPTION_ID_DIGITS;
}

// What a client calls its file, or a library says of it, may be no UTF-8.
static json_t *text_json(const char *text) {
        CLEANUP(mem_freep) char *repaired = text ? utf8_repair(text, strlen(text)) : NULL;

        return repaired ? json_string(repaired) : json_null();
}

char *transcription_record_text(const struct transcription_record *record) {
        bool is_over = record->state >= TRANSCRIPTION_DONE;
        json_t *json = json_pack(
                "{ss ss so so so sI sI sI sI so sI ss so so si}", "id", record->id, "state",
                state_names[is_over ? record->state : TRANSCRIPTION_WAITING], "principal",
                text_json(record->principal), "address", text_json(record->address), "file",
                text_json(record->file), "size", (json_int_t)record->size, "result_size",
                (json_int_t)record->result_size, "created", (json_int_t)record->created,
                "ended", (json_int_t)record->ended, "wish",
                transcription_wish_json(&record->wish), "samples",
                (json_int_t)record->n_samples, "language", record->language, "warning",
                text_json(record->warning), "reason", text_json(record->reason), "status",
                record->status);
        char *text = json_dumps(json, JSON_COMPACT);

        json_decref(json);
        if (!text)
                abort();
        return text;
}

// --- reading ---------------------------------------------------------------------------------

static int text_read(char **ret, const json_t *json, const char *key, bool is_needed,
                     struct error *error) {
        const json_t *value = json_object_get(json, key);

        if (!is_needed && json_is_null(value))
                return 0;
        if (!json_is_string(value) || json_string_length(value) > TRANSCRIPTION_TEXT_MAX ||
            (is_needed && !json_string_value(value)[0]))
                return error_set(error, -EINVAL, "%s is no text that was written there", key);
        *ret = xstrdup(json_string_value(value));
        return 0;
}

static int number_take(int64_t *ret, const json_t *json, const char *key, int64_t most,
                       struct error *error) {
        const json_t *value = json_object_get(json, key);

        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) > most)
                return error_set(error, -EINVAL, "%s is no number that was written there", key);
        *ret = json_integer_value(value);
        return 0;
}

static int state_read(enum transcription_state *ret, const json_t *json, struct error *error) {
        const char *name = json_string_value(json_object_get(json, "state"));

        for (int i = TRANSCRIPTION_WAITING; name && i <= TRANSCRIPTION_FAILED; i++)
                if (i != TRANSCRIPTION_RUNNING && strcmp(name, state_names[i]) == 0) {
                        *ret = (enum transcription_state)i;
                        return 0;
                }
        return error_set(error, -EINVAL, "state is none that was written there");
}

static int names_read(struct transcription_record *ret, const json_t *json,
                      struct error *error) {
        const char *id = json_string_value(json_object_get(json, "id"));
        const char *language = json_string_value(json_object_get(json, "language"));
        const char *code = language && language[0] ? language_resolve(language) : "";

        if (!id || !transcription_id_is_good(id))
                return error_set(error, -EINVAL, "id is none");
        if (!language || !code || strcmp(code, language) != 0)
                return error_set(error, -EINVAL, "language is none");
        snprintf(ret->id, sizeof(ret->id), "%s", id);
        snprintf(ret->language, sizeof(ret->language), "%s", code);
        return 0;
}

static int texts_read(struct transcription_record *ret, const json_t *json,
                      struct error *error) {
        bool has_failed = ret->state == TRANSCRIPTION_FAILED;
        int r = text_read(&ret->principal, json, "principal", true, error);

        if (r == 0)
                r = text_read(&ret->address, json, "address", true, error);
        if (r == 0)
                r = text_read(&ret->file, json, "file", false, error);
        if (r == 0)
                r = text_read(&ret->warning, json, "warning", false, error);
        if (r == 0)
                r = text_read(&ret->reason, json, "reason", has_failed, error);
        return r;
}

static int numbers_read(struct transcription_record *ret, const json_t *json,
                        struct error *error) {
        int64_t size = 0, result_size = 0, status = 0;
        int r = number_take(&size, json, "size", SIZE_MOST, error);

        if (r == 0)
                r = number_take(&result_size, json, "result_size", SIZE_MOST, error);
        if (r == 0)
                r = number_take(&ret->created, json, "created", TIME_MOST, error);
        if (r == 0)
                r = number_take(&ret->ended, json, "ended", TIME_MOST, error);
        if (r == 0)
                r = number_take(&ret->n_samples, json, "samples", SIZE_MOST, error);
        if (r == 0)
                r = number_take(&status, json, "status", 599, error);
        if (r == 0 && ret->state == TRANSCRIPTION_FAILED && status < 400)
                r = error_set(error, -EINVAL, "status is none of a failure");
        ret->size = (uint64_t)size;
        ret->result_size = (uint64_t)result_size;
        ret->status = (int)status;
        return r;
}

int transcription_record_read(struct transcription_record *ret, const char *text, size_t n,
                              struct error *error) {
        json_error_t mistake;
        json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &mistake);
        int r;

        *ret = (struct transcription_record){0};
        if (!json_is_object(json)) {
                json_decref(json);
                return error_set(error, -EINVAL, "it is no JSON object");
        }
        r = state_read(&ret->state, json, error);
        if (r == 0)
                r = names_read(ret, json, error);
        if (r == 0)
                r = texts_read(ret, json, error);
        if (r == 0)
                r = numbers_read(ret, json, error);
        if (r == 0)
                r = transcription_wish_read(&ret->wish, json_object_get(json, "wish"), error);
        json_decref(json);
        return r;
}

void transcription_record_deinit(struct transcription_record *record) {
        free(record->principal);
        free(record->address);
        free(record->file);
        free(record->warning);
        free(record->reason);
        transcription_wish_deinit(&record->wish);
        *record = (struct transcription_record){0};
}
