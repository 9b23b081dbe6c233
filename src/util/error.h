#pragma once
// Errors: one convention for the whole program.
//
//   0                    success
//   negative errno       unexpected. It travels up; nobody matches on its value.
//   positive MODULE_E_*  an outcome that the function's header documents. The caller
//                        handles it at once and never passes it on.
//
// Functions that touch the outside world also fill a `struct error` with words a user can act
// on: what was wrong, where, and what to do. It is born with error_set(); whoever passes it up
// puts its own place in front with error_prefix(). `error` may be NULL: the words are dropped.
// Both redact what they are given (util/redact.h) and make it one line (util/line_text.h),
// since it often holds what a user, a file or a peer wrote.
//
// Threads: any; a struct error belongs to its caller.

#define ERROR_TEXT_MAX 1024

struct error {
        int code;                   // as returned; 0 means none
        char text[ERROR_TEXT_MAX];  // UTF-8, one line, no trailing full stop; cut if longer
};

// Fill *error and return `code`, so that `return error_set(error, -EINVAL, "...")` reads well.
int error_set(struct error *error, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

// Put "context: " before the text and return the code it already has; 0 when `error` is NULL,
// so that whoever may be called without one returns a code of its own.
int error_prefix(struct error *error, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
