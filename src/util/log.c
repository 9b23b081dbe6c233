#include "util/log.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "util/mem.h"

#define LOG_LINE_MAX 4096

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static enum log_level level_least = LOG_INFO;
static enum log_format format_current = LOG_TEXT;

void log_configure(enum log_level level, enum log_format format) {
        level_least = level;
        format_current = format;
}

enum log_format log_format_current(void) {
        return format_current;
}

bool log_level_from_name(const char *name, enum log_level *ret) {
        for (int i = 0; i <= LOG_ERROR; i++)
                if (strcmp(name, level_names[i]) == 0) {
                        *ret = (enum log_level)i;
                        return true;
                }
        return false;
}

bool log_is_on(enum log_level level) {
        return level >= level_least;
}

void log_raw(const char *line) {
        struct iovec parts[2] = {{(void *)(uintptr_t)line, strlen(line)}, {(char[]){'\n'}, 1}};
        ssize_t written = writev(STDERR_FILENO, parts, 2);

        (void)written;  // nowhere left to complain
}

static void time_format(char text[static 32]) {
        struct timespec now;
        struct tm utc;
        size_t length;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        length = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(text + length, 32 - length, ".%03ldZ", now.tv_nsec / 1000000);
}

static void line_break_replace(char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < 0x20)
                        *text = ' ';
}

void log_line(enum log_level level, const char *about, const char *event, const char *format,
              ...) {
        char message[LOG_LINE_MAX], line[LOG_LINE_MAX + 256], time_text[32];
        va_list arguments;

        if (!log_is_on(level))
                return;
        va_start(arguments, format);
        vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        time_format(time_text);

        if (format_current == LOG_JSON) {
                json_t *object = json_pack("{ss ss ss ss ss}", "time", time_text, "level",
                                           level_names[level], "about", about, "event", event,
                                           "message", message);
                CLEANUP(mem_freep)
                char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

                json_decref(object);
                if (text) {
                        log_raw(text);
                        return;
                }
        }
        line_break_replace(message);
        snprintf(line, sizeof(line), "%s %-7s %s: %s [%s]", time_text, level_names[level],
                 about, message, event);
        log_raw(line);
}
