#include "dialect/wyoming/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "dialect/json_text.h"
#include "util/mem.h"

#define TYPE_MAX 64  // bytes; the longest there is has 16

static void text_add(struct wyoming_reader *reader, const uint8_t *bytes, size_t n) {
        if (n == 0)
                return;
        if (reader->n_text + n > reader->capacity) {
                reader->capacity = MAX(2 * reader->capacity, reader->n_text + n);
                reader->text = xrealloc_array(reader->text, reader->capacity, 1);
        }
        memcpy(reader->text + reader->n_text, bytes, n);
        reader->n_text += n;
}

// A long text's room is given back: most are short.
static void text_clear(struct wyoming_reader *reader) {
        reader->text = mem_free(reader->text);
        reader->n_text = reader->capacity = 0;
}

static void event_forget(struct wyoming_reader *reader) {
        reader->type = mem_free(reader->type);
        json_decref(reader->inline_data);
        reader->inline_data = NULL;
}

static int length_read(const json_t *line, const char *key, size_t most, size_t *ret,
                       struct error *error) {
        int64_t length = 0;
        int r = json_read_integer(line, key, 0, (int64_t)most, &length, error);

        *ret = (size_t)length;
        return r;
}

static int line_read(struct wyoming_reader *reader, const json_t *line, struct error *error) {
        const json_t *data = json_object_get(line, "data");
        int r = json_require(line, "type", false, error);

        if (r == 0)
                r = json_read_string(line, "type", TYPE_MAX, &reader->type, error);
        if (r == 0)
                r = length_read(line, "data_length", WYOMING_DATA_MAX, &reader->n_data, error);
        if (r == 0)
                r = length_read(line, "payload_length", WYOMING_PAYLOAD_MAX, &reader->n_payload,
                                error);
        if (r == 0 && data && !json_is_object(data) && !json_is_null(data))
                r = error_set(error, DIALECT_E_TYPE, "'data': expected an object");
        if (r == 0)
                reader->inline_data =
                        json_is_object(data) ? json_deep_copy(data) : json_object();
        return r;
}

// A whole line is there.
static int line_end(struct wyoming_reader *reader, struct error *error) {
        json_t *line = NULL;
        int r = json_object_parse(&line, reader->text ? reader->text : "", reader->n_text,
                                  error);

        text_clear(reader);
        if (r == 0)
                r = line_read(reader, line, error);
        json_decref(line);
        return r;
}

// And its data: what is there twice, the data says.
static int data_end(struct wyoming_reader *reader, struct error *error) {
        json_t *data = NULL;
        int r = json_object_parse(&data, reader->text, reader->n_text, error);

        text_clear(reader);
        if (r == 0)
                json_object_update(reader->inline_data, data);
        json_decref(data);
        return r;
}

// The line at hand, up to its end. Returns the bytes taken.
static size_t line_take(struct wyoming_reader *reader, const uint8_t *bytes, size_t n,
                        struct wyoming_piece *ret, struct error *error) {
        const uint8_t *end = memchr(bytes, '\n', n);
        size_t taken = end ? (size_t)(end - bytes) : n;

        event_forget(reader);  // the last one
        if (reader->n_text + taken > WYOMING_LINE_MAX) {
                error_set(error, DIALECT_E_JSON, "a line is longer than %zu bytes",
                          WYOMING_LINE_MAX);
                ret->found = WYOMING_BAD;
                return n;
        }
        text_add(reader, bytes, taken);
        if (!end)
                return n;
        if (line_end(reader, error) != 0)
                ret->found = WYOMING_BAD;
        else if (reader->n_data == 0)
                ret->found = WYOMING_EVENT;
        return taken + 1;
}

static size_t data_take(struct wyoming_reader *reader, const uint8_t *bytes, size_t n,
                        struct wyoming_piece *ret, struct error *error) {
        size_t taken = MIN(n, reader->n_data);

        text_add(reader, bytes, taken);
        reader->n_data -= taken;
        if (reader->n_data == 0)
                ret->found = data_end(reader, error) != 0 ? WYOMING_BAD : WYOMING_EVENT;
        return taken;
}

size_t wyoming_read(struct wyoming_reader *reader, const uint8_t *bytes, size_t n,
                    struct wyoming_piece *ret, struct error *error) {
        size_t taken;

        *ret = (struct wyoming_piece){.found = WYOMING_NOTHING};
        if (reader->n_data > 0) {
                taken = data_take(reader, bytes, n, ret, error);
        } else if (reader->n_payload > 0) {
                taken = MIN(n, reader->n_payload);
                reader->n_payload -= taken;
                ret->found = WYOMING_PAYLOAD;
                ret->bytes = bytes;
                ret->n = taken;
        } else {
                taken = line_take(reader, bytes, n, ret, error);
        }
        if (ret->found == WYOMING_EVENT) {
                ret->type = reader->type;
                ret->data = reader->inline_data;
        }
        return taken;
}

bool wyoming_reader_is_within(const struct wyoming_reader *reader) {
        return reader->n_text > 0 || reader->n_data > 0 || reader->n_payload > 0;
}

void wyoming_reader_deinit(struct wyoming_reader *reader) {
        text_clear(reader);
        event_forget(reader);
        *reader = (struct wyoming_reader){0};
}
