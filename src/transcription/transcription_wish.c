#include "transcription/transcription_wish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/language.h"
#include "util/mem.h"
#include "util/utf8.h"

// In the order of transcription_wish_names.
enum parameter { LANGUAGE, TASK, PROMPT, HOTWORDS, WORDS, BEAM_SIZE };

const char *const transcription_wish_names[] = {"language", "task",      "prompt", "hotwords",
                                                "words",    "beam_size", NULL};

static int task_set(struct transcription_wish *wish, const char *value, struct error *error) {
        wish->task = strcmp(value, "translate") == 0 ? DECODE_TRANSLATE : DECODE_TRANSCRIBE;
        wish->has_task = true;
        if (wish->task == DECODE_TRANSLATE || strcmp(value, "transcribe") == 0)
                return 0;
        return error_set(error, -EINVAL, "a task is transcribe or translate (into English)");
}

static bool is_utf8(const char *text) {
        size_t n = strlen(text);
        int step;

        for (size_t i = 0; i < n; i += (size_t)step) {
                step = utf8_step(text + i, n - i);
                if (step < 0)
                        return false;
        }
        return true;
}

static int text_set(char **text, const char *value, struct error *error) {
        if (!is_utf8(value))
                return error_set(error, -EINVAL, "it is no text in UTF-8");
        if (strlen(value) > DECODE_TEXT_MAX)
                return error_set(error, -EINVAL, "longer than %d bytes", DECODE_TEXT_MAX);
        *text = xstrdup(value);
        return 0;
}

static int words_set(struct transcription_wish *wish, const char *value, struct error *error) {
        wish->has_word_times = strcmp(value, "1") == 0;
        if (wish->has_word_times || strcmp(value, "0") == 0)
                return 0;
        return error_set(error, -EINVAL, "words is 1 (with the time of each word) or 0");
}

static int beam_size_set(struct transcription_wish *wish, const char *value,
                         struct error *error) {
        char *end;
        unsigned long size = strtoul(value, &end, 10);

        if (value[0] < '1' || value[0] > '9' || *end || size > DECODE_WIDTH_MAX)
                return error_set(error, -EINVAL, "a whole number from 1 to %d is expected",
                                 DECODE_WIDTH_MAX);
        wish->beam_size = (unsigned)size;
        return 0;
}

int transcription_wish_set(struct transcription_wish *wish, const char *name, const char *value,
                           struct error *error) {
        unsigned i = 0;

        while (transcription_wish_names[i] && strcmp(transcription_wish_names[i], name) != 0)
                i++;
        if (!transcription_wish_names[i])
                return -ENOENT;
        if (wish->seen & 1U << i)
                return error_set(error, -EINVAL, "it stands there twice");
        wish->seen |= 1U << i;
        switch ((enum parameter)i) {
        case LANGUAGE:
                return language_wish(&wish->language, value, error);
        case TASK:
                return task_set(wish, value, error);
        case PROMPT:
                return text_set(&wish->prompt, value, error);
        case HOTWORDS:
                return text_set(&wish->hotwords, value, error);
        case WORDS:
                return words_set(wish, value, error);
        case BEAM_SIZE:
                return beam_size_set(wish, value, error);
        }
        return -ENOENT;
}

int transcription_wish_check(const struct transcription_wish *wish, const char **ret_name,
                             struct error *error) {
        if (!wish->has_word_times || !wish->has_task || wish->task != DECODE_TRANSLATE)
                return 0;
        *ret_name = transcription_wish_names[WORDS];
        return error_set(error, -EINVAL, "the words of a translation have no times");
}

static void member_set(json_t *json, enum parameter parameter, const char *value) {
        if (value)
                json_object_set_new(json, transcription_wish_names[parameter],
                                    json_string(value));
}

json_t *transcription_wish_json(const struct transcription_wish *wish) {
        json_t *json = json_object();
        char number[16];

        if (wish->language)
                member_set(json, LANGUAGE, wish->language[0] ? wish->language : "auto");
        if (wish->has_task)
                member_set(json, TASK,
                           wish->task == DECODE_TRANSLATE ? "translate" : "transcribe");
        member_set(json, PROMPT, wish->prompt);
        member_set(json, HOTWORDS, wish->hotwords);
        if (wish->has_word_times)
                member_set(json, WORDS, "1");
        snprintf(number, sizeof(number), "%u", wish->beam_size);
        if (wish->beam_size)
                member_set(json, BEAM_SIZE, number);
        return json;
}

int transcription_wish_read(struct transcription_wish *ret, const json_t *json,
                            struct error *error) {
        const char *name;
        json_t *value;

        *ret = (struct transcription_wish){0};
        if (!json_is_object(json))
                return error_set(error, -EINVAL, "what was wished is no object");
        json_object_foreach((json_t *)json, name, value) {
                int r = json_is_string(value)
                                ? transcription_wish_set(ret, name, json_string_value(value),
                                                         error)
                                : error_set(error, -EINVAL, "no text");

                if (r == -ENOENT)
                        r = error_set(error, -EINVAL, "nobody knows it");
                if (r < 0) {
                        error_prefix(error, "%s", name);
                        return r;
                }
        }
        return 0;
}

void transcription_wish_deinit(struct transcription_wish *wish) {
        free(wish->prompt);
        free(wish->hotwords);
        *wish = (struct transcription_wish){0};
}
