// The effective configuration as YAML, by libyaml's emitter.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "config/effective.h"
#include "util/mem.h"

// Digits of a number: as many as settings are given with.
#define NUMBER_DIGITS 10

struct yaml_writer {
        yaml_emitter_t yaml;
        FILE *file;
};

static int writer_write(void *context, unsigned char *bytes, size_t n) {
        const struct yaml_writer *writer = context;

        return fwrite(bytes, 1, n, writer->file) == n;
}

// The emitter takes the event, whatever comes of it: what it cannot write is a want of memory.
static void event_emit(struct yaml_writer *writer, yaml_event_t *event) {
        if (!yaml_emitter_emit(&writer->yaml, event))
                abort();
}

// Texts that stand for themselves without quotes, whichever YAML is read: a letter or a slash
// first, no sign that means something, and not what YAML 1.1 takes for a switch or for nothing.
static bool is_plain(const char *text) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
        static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "/0123456789._-";
        static const char *const taken[] = {"true", "false", "yes", "no", "on",
                                            "off",  "null",  "y",   "n"};

        for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
                if (strcasecmp(text, taken[i]) == 0)
                        return false;
        return text[0] && strchr(letters, text[0]) && text[strspn(text, more)] == '\0';
}

static void scalar_emit(struct yaml_writer *writer, const char *text, bool is_quoted) {
        yaml_event_t event;

        yaml_scalar_event_initialize(
                &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
                is_quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
        event_emit(writer, &event);
}

// A dollar sign that would begin a variable is doubled.
static char *dollars_double(const char *text) {
        char *doubled = xcalloc(2 * strlen(text) + 1, 1), *place = doubled;

        for (; *text; *place++ = *text++)
                if (text[0] == '$' && (text[1] == '$' || text[1] == '{'))
                        *place++ = '$';
        return doubled;
}

static void string_emit(struct yaml_writer *writer, const char *text) {
        CLEANUP(mem_freep) char *doubled = dollars_double(text);

        scalar_emit(writer, doubled, !is_plain(doubled));
}

static void value_emit(struct yaml_writer *writer, const json_t *json);

// NOLINTNEXTLINE(misc-no-recursion)
static void list_emit(struct yaml_writer *writer, const json_t *json) {
        const json_t *item;
        yaml_event_t event;
        size_t i;

        yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE);
        event_emit(writer, &event);
        json_array_foreach(json, i, item) value_emit(writer, item);
        yaml_sequence_end_event_initialize(&event);
        event_emit(writer, &event);
}

// NOLINTNEXTLINE(misc-no-recursion)
static void mapping_emit(struct yaml_writer *writer, const json_t *json) {
        yaml_event_t event;

        yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
        event_emit(writer, &event);
        for (void *at = json_object_iter((json_t *)json); at;
             at = json_object_iter_next((json_t *)json, at)) {
                string_emit(writer, json_object_iter_key(at));
                value_emit(writer, json_object_iter_value(at));
        }
        yaml_mapping_end_event_initialize(&event);
        event_emit(writer, &event);
}

// NOLINTNEXTLINE(misc-no-recursion)
static void value_emit(struct yaml_writer *writer, const json_t *json) {
        CLEANUP(mem_freep) char *number = NULL;

        if (json_is_object(json)) {
                mapping_emit(writer, json);
        } else if (json_is_array(json)) {
                list_emit(writer, json);
        } else if (json_is_string(json)) {
                string_emit(writer, json_string_value(json));
        } else {
                number = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(NUMBER_DIGITS));
                scalar_emit(writer, number, false);
        }
}

char *config_effective_text(const json_t *effective) {
        struct yaml_writer writer = {0};
        char *text = NULL;
        size_t n = 0;
        yaml_event_t event;

        writer.file = open_memstream(&text, &n);
        if (!writer.file || !yaml_emitter_initialize(&writer.yaml))
                abort();
        yaml_emitter_set_output(&writer.yaml, writer_write, &writer);
        yaml_emitter_set_unicode(&writer.yaml, 1);
        yaml_emitter_set_width(&writer.yaml, -1);
        yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
        event_emit(&writer, &event);
        yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
        event_emit(&writer, &event);
        mapping_emit(&writer, effective);
        yaml_document_end_event_initialize(&event, 1);
        event_emit(&writer, &event);
        yaml_stream_end_event_initialize(&event);
        event_emit(&writer, &event);
        yaml_emitter_delete(&writer.yaml);
        (void)fclose(writer.file);
        return text;
}
