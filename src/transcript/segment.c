#include "transcript/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// CRC-64/ECMA-182: polynomial 0x42F0E1EBA9EA3693, most significant bit first, no reflection,
// initial value and final xor 0 (check value of "123456789": 0x6C40DF5F0B497347).
static uint64_t crc64_add(uint64_t crc, const char *bytes, size_t n) {
        for (size_t i = 0; i < n; i++) {
                crc ^= (uint64_t)(unsigned char)bytes[i] << 56;
                for (int bit = 0; bit < 8; bit++)
                        crc = (crc << 1) ^ ((crc >> 63) * UINT64_C(0x42F0E1EBA9EA3693));
        }
        return crc;
}

uint64_t segment_id_first(void) {
        return crc64_add(0, "0", 1);
}

uint64_t segment_id_next(uint64_t previous, const char *text) {
        char digits[24];
        int n = snprintf(digits, sizeof(digits), "%" PRIu64, previous);

        return crc64_add(crc64_add(0, digits, (size_t)n), text, strlen(text));
}

void segment_copy(struct segment *ret, const struct segment *segment) {
        struct segment copy = *segment;

        copy.text = xstrdup(segment->text);
        copy.tokens = NULL;
        if (segment->n_tokens) {
                copy.tokens = xcalloc(segment->n_tokens, sizeof(*copy.tokens));
                memcpy(copy.tokens, segment->tokens, segment->n_tokens * sizeof(*copy.tokens));
        }
        copy.words = hypothesis_words_copy(segment->words, segment->n_words);
        *ret = copy;
}

void segment_deinit(struct segment *segment) {
        free(segment->text);
        free(segment->tokens);
        hypothesis_words_free(segment->words, segment->n_words);
        *segment = (struct segment){0};
}
