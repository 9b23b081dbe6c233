#pragma once
// Refusal: why something that was asked for is not done, as an answer of HTTP has it.
//
// Threads: any; plain data.

#include "util/error.h"

struct refusal {
        int status;       // 400, 404, 409, 503
        char field[128];  // of what was asked for; "": it is about none
        char text[ERROR_TEXT_MAX];
};

// Fill it; the text is made without secrets. Returns -EINVAL.
int refusal_set(struct refusal *ret, int status, const char *field, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
