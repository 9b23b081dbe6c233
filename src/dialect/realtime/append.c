#include "dialect/realtime/append.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// Bytes that were decoded and are to be handed on.
struct decoded {
        uint8_t bytes[APPEND_STEP];
        size_t n;
        append_sink *sink;
        void *context;
};

static void decoded_flush(struct decoded *decoded) {
        if (decoded->n)
                decoded->sink(decoded->context, decoded->bytes, decoded->n);
        decoded->n = 0;
}

// --- base64 ----------------------------------------------------------------------------------

// 0..63, or -1.
static int letter_value(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == '+' || c == '-')
                return 62;
        return c == '/' || c == '_' ? 63 : -1;
}

// Four letters are three bytes, less those that are padded.
static void group_end(struct append *append, struct decoded *decoded) {
        unsigned n = 3 - append->n_padding;

        if (decoded->n + 3 > APPEND_STEP)
                decoded_flush(decoded);
        for (unsigned i = 0; i < n; i++)
                decoded->bytes[decoded->n++] = (uint8_t)(append->bits >> (16 - 8 * i));
        append->bits = 0;
        append->n_letters = 0;
}

static void letter_take(struct append *append, char c, struct decoded *decoded) {
        int value = letter_value(c);

        if (c == '=' && append->n_letters >= 2 && append->n_padding < 2) {
                append->n_padding++;
                value = 0;
        } else if (value < 0 || append->n_padding) {
                append->is_damaged = true;  // nothing comes behind padding
        }
        if (append->is_damaged)
                return;
        append->bits = append->bits << 6 | (uint32_t)value;
        if (++append->n_letters == 4)
                group_end(append, decoded);
}

// --- the string with the sound ---------------------------------------------------------------

static int hex_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Some encoders escape "/" and "+": as \/ and \u002B.
static void escape_take(struct append *append, char c, struct decoded *decoded) {
        int value = hex_value(c);
        char letter = '\0';  // which is none

        if (append->n_hex == 0) {
                append->is_escaped = c == 'u';
                append->n_hex = c == 'u' ? 4 : 0;
                append->escape = 0;
                if (c == '/')
                        letter = c;
                if (c != 'u')
                        letter_take(append, letter, decoded);
                return;
        }
        append->escape = append->escape << 4 | (unsigned)(value < 0 ? 0xfff : value);
        if (--append->n_hex > 0)
                return;
        append->is_escaped = false;
        if (append->escape < 128)
                letter = (char)append->escape;
        letter_take(append, letter, decoded);
}

// The padding that is left out is no damage: there is but one way to read that.
static void sound_end(struct append *append, struct decoded *decoded) {
        if (append->n_letters == 1)
                append->is_damaged = true;
        while (append->n_letters > 1 && !append->is_damaged) {
                append->n_padding++;
                append->bits <<= 6;
                if (++append->n_letters == 4)
                        group_end(append, decoded);
        }
        append->n_letters = append->n_padding = 0;
        append->bits = 0;
        append->is_in_sound = append->is_in_string = false;
}

static void sound_take(struct append *append, char c, struct decoded *decoded) {
        if (append->is_escaped)
                escape_take(append, c, decoded);
        else if (c == '\\')
                append->is_escaped = true;
        else if (c == '"')
                sound_end(append, decoded);
        else
                letter_take(append, c, decoded);
}

// --- the rest --------------------------------------------------------------------------------

static void text_add(struct append *append, char c) {
        if (append->n == APPEND_TEXT_MAX) {
                append->is_too_long = true;
                return;
        }
        if (append->n + 1 >= append->capacity) {
                append->capacity = append->capacity ? 2 * append->capacity : 512;
                append->text = xrealloc_array(append->text, append->capacity, 1);
        }
        append->text[append->n++] = c;
}

static void string_begin(struct append *append) {
        append->is_in_string = true;
        append->string_at = append->n;
        append->is_in_sound =
                append->depth == 1 && !append->is_key_next && append->is_audio_key;
        append->has_sound = append->has_sound || append->is_in_sound;
}

static void string_take(struct append *append, char c) {
        static const char audio[] = {'a', 'u', 'd', 'i', 'o', '"'};

        if (append->is_escaped)
                append->is_escaped = false;
        else if (c == '\\')
                append->is_escaped = true;
        else if (c == '"')
                append->is_in_string = false;
        if (!append->is_in_string && append->depth == 1 && append->is_key_next)
                append->is_audio_key =
                        append->n - append->string_at == sizeof(audio) &&
                        memcmp(append->text + append->string_at, audio, sizeof(audio)) == 0;
}

static void structure_take(struct append *append, char c) {
        if (c == '{' || c == '[') {
                append->depth++;
                append->is_key_next = append->depth == 1 && c == '{';
        } else if (c == '}' || c == ']') {
                append->depth -= append->depth > 0;
        } else if (append->depth == 1 && c == ':') {
                append->is_key_next = false;
        } else if (append->depth == 1 && c == ',') {
                append->is_key_next = true;
                append->is_audio_key = false;
        }
}

static void character_take(struct append *append, char c, struct decoded *decoded) {
        if (append->is_in_sound && c != '"') {
                sound_take(append, c, decoded);
                return;
        }
        if (append->is_in_sound && append->is_escaped) {
                escape_take(append, c, decoded);
                return;
        }
        text_add(append, c);
        if (append->is_in_sound)
                sound_end(append, decoded);
        else if (append->is_in_string)
                string_take(append, c);
        else if (c == '"')
                string_begin(append);
        else
                structure_take(append, c);
}

void append_take(struct append *append, const char *piece, size_t n, append_sink *sink,
                 void *context) {
        struct decoded decoded;

        decoded.n = 0;
        decoded.sink = sink;
        decoded.context = context;
        for (size_t i = 0; i < n && !append->is_too_long; i++)
                character_take(append, piece[i], &decoded);
        decoded_flush(&decoded);
}

void append_end(struct append *append) {
        if (append->is_in_sound)
                append->is_damaged = true;
        text_add(append, '\0');
        append->n -= append->n > 0;
}

void append_clear(struct append *append) {
        char *text = append->text;
        size_t capacity = append->capacity;

        *append = (struct append){.text = text, .capacity = capacity};
}

void append_deinit(struct append *append) {
        free(append->text);
        *append = (struct append){0};
}
