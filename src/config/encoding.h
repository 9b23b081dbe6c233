#pragma once
// Encoding: a file's bytes as the UTF-8 that all the rest reads. Private to config/.
//
// Editors on Windows put a byte order mark in front ("UTF-8 with BOM") or write UTF-16
// ("Unicode"). The mark is no part of the text: columns are counted behind it.
//
// Threads: any; no state.

#include <stddef.h>

// The text of `n` bytes, without a byte order mark, *ret_n bytes of it; the caller frees it.
// Bytes without a mark are copied as they are. NULL, with errno, when they are not the UTF-16
// that their mark says they are (EILSEQ), or memory is short (ENOMEM).
char *config_text_decode(const char *bytes, size_t n, size_t *ret_n);
