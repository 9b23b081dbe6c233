#pragma once
// Merge patch: JSON changed by JSON (RFC 7396).
//
// Threads: any; no state.

#include <jansson.h>

// What the target is after the patch, the caller's; both are left as they are. The target may
// be NULL: it is what the patch alone makes, which is the patch without its nulls.
json_t *merge_patch(const json_t *target, const json_t *patch);
