#pragma once
// UTF-8: is this text well-formed (RFC 3629)? No surrogates, nothing overlong.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_is_valid(const uint8_t *bytes, size_t n);
