#pragma once
// Trial wish: which alert somebody wants to try, and on what, as the body of a request says it:
// on a text, or on what was said.
//
// Threads: any; plain data.

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "alert/alerts.h"

#define TRIAL_TEXT_MAX 16384  // bytes
#define TRIAL_DAY      ((int64_t)24 * 3600 * 1000)

struct trial_wish {
        struct alert_config alert;
        char *text;        // NULL: what was said is meant:
        int64_t from, to;  // then, Unix ms
        char *stream;      // there: a name or a glob; NULL: everywhere
};

// What is wrong with a wish, as a problem has it (problem.h).
struct trial_mistake {
        char field[128];  // "alert.patterns"
        char detail[1024];
};

// {"alert": {...}, "text": ...} or {"alert": {...}, "from": ..., "to": ..., "stream": ...}; the
// day before `now` (Unix ms) where it says no time. False: *ret_mistake says what is wrong.
// trial_wish_deinit() it in any case.
bool trial_wish_read(json_t *json, int64_t now, struct trial_wish *ret,
                     struct trial_mistake *ret_mistake);

void trial_wish_deinit(struct trial_wish *wish);
