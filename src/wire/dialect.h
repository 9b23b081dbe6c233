#pragma once
// Dialect: which protocol does a client's first text frame speak? And what all dialects share:
// the outcomes of parsing and the limits on what is parsed.
//
// Threads: any; no state.

#include <stddef.h>

#include "decode/job.h"

enum wire_dialect { WIRE_UNKNOWN, WIRE_EAVESDROP, WIRE_WHISPERLIVE };

// Outcomes of the parsers in this folder; their *error says which field and what was expected.
enum {
        WIRE_E_JSON = 1,  // not a JSON object, too long, too deep, a key twice
        WIRE_E_MISSING,   // a required field is absent
        WIRE_E_TYPE,      // a field has the wrong JSON type
        WIRE_E_VALUE,     // right type, but not a value that is allowed
        WIRE_E_UNKNOWN,   // eavesdrop: no such message `type`
};

#define WIRE_TEXT_MAX   (1024 * 1024)    // bytes of one JSON text; the original's message limit
#define WIRE_DEPTH_MAX  16               // nesting; real clients use 3
#define WIRE_STRING_MAX DECODE_TEXT_MAX  // bytes of one string that we keep (prompt, hotwords)
#define WIRE_NAME_MAX   256              // bytes of a uid, stream name, recording id, model

// A JSON object with a string `type` is eavesdrop's, one with `uid` WhisperLive's, anything
// else unknown. Both: eavesdrop, whose setup has no uid.
enum wire_dialect wire_dialect_of(const char *text, size_t n);
