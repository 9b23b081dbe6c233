#pragma once
// Pattern: a regular expression (PCRE2) that is looked for in a text as it was written: accents
// count, case does not unless it says so, (?-i). What a pattern may cost is limited: one that
// goes astray on a text does not match it.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

#define PATTERN_BYTES_MAX 1000  // of an expression

// What a pattern may do in a text: steps of the expression, and so many more for each byte. A
// step is an item of it that is tried, or PATTERN_STEP_BYTES bytes that one runs over. Some 30
// ns each: about a millisecond in an ordinary segment.
#define PATTERN_STEPS      20000
#define PATTERN_BYTE_STEPS 20
#define PATTERN_STEP_BYTES 16

struct pattern;

// -EINVAL with words that say at which character.
int pattern_new(struct pattern **ret, const char *text, size_t n, struct error *error);

// NULL is fine. Returns NULL.
struct pattern *pattern_free(struct pattern *pattern);

// The expression.
const char *pattern_text(const struct pattern *pattern);

// Tell each place in the `n` bytes of UTF-8 at which it matches; matches of nothing do not
// count. `*steps`, what it may do at most, is lessened by what it did. False when it ran into a
// limit: its places before that were told.
bool pattern_find(struct pattern *pattern, const char *text, size_t n, uint64_t *steps,
                  void (*on_found)(void *context, size_t begin, size_t end), void *context);

// What it may do in a text of so many bytes.
static inline uint64_t pattern_steps_max(size_t n_bytes) {
        return PATTERN_STEPS + PATTERN_BYTE_STEPS * (uint64_t)n_bytes;
}

DEFINE_CLEANUP(struct pattern *, pattern_free);
