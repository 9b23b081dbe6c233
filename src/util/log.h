#pragma once
// Log: one call, one line, on standard error.
//
// As text:        2026-11-22T21:40:01.123Z info  office: camera online
// As JSON lines:
// {"time":"…","level":"info","about":"office","event":"source-online","message":"…"}
//
// `about` names the object that speaks (a stream, a session, "server"), `event` is a stable,
// kebab-case id that a reader can search for. Stages do not log (they return errors); source,
// net, sink, server and cli do. Secrets never get here: redact first (util/redact.h).
//
// Threads: any; each line is written with one write().

#include <stdbool.h>

#include "util/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

// Set once before any thread starts. Default: LOG_INFO, LOG_TEXT.
void log_configure(enum log_level level, enum log_format format);

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
// (sink_log). `line` carries no newline.
void log_raw(const char *line);

// Which format is on.
enum log_format log_format_current(void);
