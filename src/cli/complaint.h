#pragma once
// Complaint: what a verb says on standard error about what it was asked to do.
//
// Threads: main thread only.

// Print "eavesdrop VERB: ..." ("eavesdrop: ..." when `verb` is NULL) as one line. What was
// formatted into it may hold anything that a user typed: its secrets are hidden
// (util/redact.h), and it is made fit for the terminal (util/line_text.h).
void complaint_print(const char *verb, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

// The same for something of the user's that is refused: TEXT and the value behind it, of which
// all may be one address, white space included.
void complaint_print_value(const char *verb, const char *text, const char *value);
