#include "journal/row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/mem.h"

const char *const row_kind_names[ROW_KINDS + 1] = {
        [ROW_SEGMENT] = "segment",
        [ROW_ALERT] = "alert",
        [ROW_STATUS] = "status",
        [ROW_FORGOTTEN] = "forgotten",
};

const char *const row_phase_names[ROW_PHASES + 1] = {
        [ROW_FIRED] = "fired",
        [ROW_CONFIRMED] = "confirmed",
        [ROW_WITHDRAWN] = "withdrawn",
};

// --- what it holds ---------------------------------------------------------------------------

// All of its texts, for what is done with each.
#define ROW_TEXTS 12
static const size_t text_offsets[ROW_TEXTS] = {
        offsetof(struct row, stream),    offsetof(struct row, session),
        offsetof(struct row, dialect),   offsetof(struct row, channel),
        offsetof(struct row, principal), offsetof(struct row, language),
        offsetof(struct row, text),      offsetof(struct row, model),
        offsetof(struct row, state),     offsetof(struct row, reason),
        offsetof(struct row, alert),     offsetof(struct row, found),
};

static char **row_text(struct row *row, size_t i) {
        return (char **)((char *)row + text_offsets[i]);
}

static const char *row_text_const(const struct row *row, size_t i) {
        return *(char *const *)((const char *)row + text_offsets[i]);
}

struct row *row_copy(const struct row *row) {
        struct row *copy = xnew(struct row);

        *copy = *row;
        for (size_t i = 0; i < ROW_TEXTS; i++)
                *row_text(copy, i) = xstrdup(row_text_const(row, i));
        copy->words = NULL;
        if (row->n_words) {
                copy->words = xcalloc(row->n_words, sizeof(*copy->words));
                for (size_t i = 0; i < row->n_words; i++) {
                        copy->words[i] = row->words[i];
                        copy->words[i].text = xstrdup(row->words[i].text);
                }
        }
        return copy;
}

void row_deinit(struct row *row) {
        for (size_t i = 0; i < ROW_TEXTS; i++)
                free(*row_text(row, i));
        for (size_t i = 0; i < row->n_words; i++)
                free(row->words[i].text);
        free(row->words);
        *row = (struct row){0};
}

struct row *row_free(struct row *row) {
        if (!row)
                return NULL;
        row_deinit(row);
        return mem_free(row);
}

size_t row_bytes(const struct row *row) {
        size_t bytes = sizeof(*row);

        for (size_t i = 0; i < ROW_TEXTS; i++)
                bytes += row_text_const(row, i) ? strlen(row_text_const(row, i)) + 1 : 0;
        for (size_t i = 0; i < row->n_words; i++)
                bytes += sizeof(row->words[i]) + strlen(row->words[i].text) + 1;
        return bytes;
}

// --- ids -------------------------------------------------------------------------------------

// A hyphen stands before these bytes.
static bool is_hyphen_before(size_t byte) {
        return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void row_id_format(const uint8_t id[ROW_ID_BYTES], char ret[ROW_ID_TEXT_MAX]) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < ROW_ID_BYTES; i++) {
                if (is_hyphen_before(i))
                        *ret++ = '-';
                *ret++ = digits[id[i] >> 4];
                *ret++ = digits[id[i] & 15];
        }
        *ret = '\0';
}

static int hex_value(char digit) {
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        if (digit >= 'a' && digit <= 'f')
                return digit - 'a' + 10;
        if (digit >= 'A' && digit <= 'F')
                return digit - 'A' + 10;
        return -1;
}

bool row_id_parse(const char *text, uint8_t ret[ROW_ID_BYTES]) {
        uint8_t id[ROW_ID_BYTES];

        for (size_t i = 0; i < ROW_ID_BYTES; i++) {
                int high, low;

                if (is_hyphen_before(i) && *text++ != '-')
                        return false;
                high = hex_value(text[0]);
                low = high < 0 ? -1 : hex_value(text[1]);
                if (low < 0)
                        return false;
                id[i] = (uint8_t)(high << 4 | low);
                text += 2;
        }
        if (*text != '\0')
                return false;
        memcpy(ret, id, sizeof(id));
        return true;
}

void row_id_make(struct row_ids *ids, int64_t now_ms, uint8_t ret[ROW_ID_BYTES]) {
        uint64_t now = now_ms > 0 ? (uint64_t)now_ms << 12 : 0;

        ids->last = now > ids->last ? now : ids->last + 1;
        for (size_t i = 0; i < 6; i++)
                ret[i] = (uint8_t)(ids->last >> (12 + 40 - 8 * i));
        // Where there is no randomness the counter alone still tells rows of one server apart.
        if (getrandom(ret + 8, 8, 0) != 8)
                memset(ret + 8, 0, 8);
        ret[6] = (uint8_t)(0x70 | (ids->last >> 8 & 0x0F));
        ret[7] = (uint8_t)ids->last;
        ret[8] = (uint8_t)(0x80 | (ret[8] & 0x3F));
}

// --- cursors ---------------------------------------------------------------------------------

void row_cursor_format(struct row_cursor cursor, char ret[ROW_CURSOR_MAX]) {
        snprintf(ret, ROW_CURSOR_MAX, "%" PRIx64 "-%" PRId64, cursor.epoch, cursor.row);
}

bool row_cursor_parse(const char *text, struct row_cursor *ret) {
        struct row_cursor cursor;
        char again[ROW_CURSOR_MAX];
        char *end;

        cursor.epoch = strtoull(text, &end, 16);
        if (*end != '-')
                return false;
        cursor.row = strtoll(end + 1, NULL, 10);
        // Only what row_cursor_format() writes: no blanks, signs, zeros in front, or overflow.
        row_cursor_format(cursor, again);
        if (cursor.row < 0 || strcmp(text, again) != 0)
                return false;
        *ret = cursor;
        return true;
}
