#pragma once
// Row words: a row's words as bytes. A word is said as a stretch of the row's text where it is
// one, so that nothing is stored twice; times are differences.
//
// Threads: any.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"
#include "util/cleanup.h"
#include "util/mem.h"

// The words of the row; NULL and *ret_n 0 if it has none. The caller frees it.
uint8_t *row_words_encode(const struct row *row, size_t *ret_n);

// Set the row's words; its text and position are those at encoding. False, and no words, when
// the bytes are none that were encoded with it.
bool row_words_decode(struct row *row, const uint8_t *bytes, size_t n);

static inline uint8_t *row_words_free(uint8_t *bytes) {
        return mem_free(bytes);
}

DEFINE_CLEANUP(uint8_t *, row_words_free);
