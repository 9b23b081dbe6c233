#pragma once
// Log: one call, one line, on standard error.
//
// As text:        2026-11-22T21:40:01.123Z info  office: camera online
// As JSON lines:
// {"time":"…","level":"info","about":"office","event":"source-online","message":"…"}
//
// `about` names the object that speaks (a stream, a session, "server"), `event` is a stable,
// kebab-case id that a reader can search for. Stages do not log (they return errors); source,
// net, observer, server and cli do.
//
// Whatever a peer, a file or a program gave may be in `about` and in the message: both are made
// fit for one line (util/line_text.h) and the message is redacted (util/redact.h). Lines of one
// event are limited (util/log_limit.h); how many were left out is told in a line of its own.
//
// Threads: any, but for what is said below.

#include <stdbool.h>

#include "util/error.h"
#include "util/loop.h"

// How long the end of the process waits for the log's reader.
#define LOG_FLUSH_MAX (1000 * NSEC_PER_MSEC)

// Lines that wait for their reader: a few thousand, some minutes of a busy server's
// transcripts.
#define LOG_QUEUE_BYTES ((size_t)512 << 10)

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

// Set once before any thread starts. Default: LOG_INFO, LOG_TEXT.
void log_configure(enum log_level level, enum log_format format);

// The level alone, at any time. Main thread.
void log_set_level(enum log_level level);

// From here on lines are written by a thread of the log's own: nobody waits for the log's
// reader (util/log_writer.h). What it does not take is dropped, and a line says how much. Main
// thread, once; without it, or when there is no thread to be had, every line waits until it is
// written.
void log_start(void);

// Write what is left, waiting at most LOG_FLUSH_MAX for a reader that stands still, and end the
// thread. Main thread, before the process ends.
void log_stop(void);

// Tell what was left out a while ago, if anything: the server asks every second.
void log_tell_left_out(void);

// The last words of a process that is about to abort: out after all other lines, whatever the
// level, in the format it already has. Needs no memory, and waits for no reader for long.
void log_last_words(const char *line);

// "debug", "info", "warning", "error" to level; false if it is none of them.
bool log_level_from_name(const char *name, enum log_level *ret);

// True when lines of this level are written; for callers whose line costs work to make.
bool log_is_on(enum log_level level);

void log_line(enum log_level level, const char *about, const char *event, const char *format,
              ...) __attribute__((format(printf, 4, 5)));

#define log_debug(about, event, ...)   log_line(LOG_DEBUG, about, event, __VA_ARGS__)
#define log_info(about, event, ...)    log_line(LOG_INFO, about, event, __VA_ARGS__)
#define log_warning(about, event, ...) log_line(LOG_WARNING, about, event, __VA_ARGS__)
#define log_error(about, event, ...)   log_line(LOG_ERROR, about, event, __VA_ARGS__)

// One line that is written whatever the level, in the format it already has: transcripts
// (observer_log). It is made fit for one line.
void log_raw(const char *line);

// Which format is on.
enum log_format log_format_current(void);
