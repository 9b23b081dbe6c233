#pragma once
// Complaint: what a verb says on standard error about what it was asked to do, and the code
// with which the program then ends.
//
// Threads: main thread only.

// Exit codes.
enum {
        EXIT_OK = 0,
        EXIT_TROUBLE = 1,  // something outside failed: port in use, no ffmpeg, a file not read
        EXIT_USAGE = 2,    // the command line or the configuration is wrong
        EXIT_MODEL = 3,    // the model is missing or broken
};

// Print "PROGRAM VERB: ..." ("PROGRAM: ..." when `verb` is NULL) as one line. What was
// formatted into it may hold anything that a user typed: its secrets are hidden
// (util/redact.h), and it is made fit for the terminal (util/line_text.h).
void complaint_print(const char *verb, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

// Print a line about something of the user's that is refused: TEXT and the value behind it, of
// which all may be one address, white space included.
void complaint_print_value(const char *verb, const char *text, const char *value);

// See that what was printed on standard output arrives: a list that a full disk or a reader who
// left has cut short is no success. `code` is the exit code so far; returns what it is now.
int complaint_flush_output(int code);
