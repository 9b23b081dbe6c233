#include "whisper/weights/formats.h"

#include <string.h>

size_t cursor_left(const struct cursor *cursor) {
        return (size_t)(cursor->end - cursor->at);
}

const uint8_t *cursor_take(struct cursor *cursor, size_t n) {
        const uint8_t *taken = cursor->at;

        if (cursor->is_short || n > cursor_left(cursor)) {
                cursor->is_short = true;
                return NULL;
        }
        cursor->at += n;
        return taken;
}

uint8_t cursor_u8(struct cursor *cursor) {
        const uint8_t *bytes = cursor_take(cursor, 1);

        return bytes ? bytes[0] : 0;
}

uint16_t cursor_u16(struct cursor *cursor) {
        const uint8_t *bytes = cursor_take(cursor, sizeof(uint16_t));
        uint16_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return value;
}

uint32_t cursor_u32(struct cursor *cursor) {
        const uint8_t *bytes = cursor_take(cursor, sizeof(uint32_t));
        uint32_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return value;
}

int32_t cursor_i32(struct cursor *cursor) {
        return (int32_t)cursor_u32(cursor);
}
