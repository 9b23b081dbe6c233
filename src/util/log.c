#include "util/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "util/line_text.h"
#include "util/log_limit.h"
#include "util/log_writer.h"
#include "util/mem.h"
#include "util/redact.h"
#include "util/utf8.h"

// Bytes of a message and of what it is about; what is longer is cut.
#define LOG_MESSAGE_MAX 4096
#define LOG_ABOUT_MAX   256

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static _Atomic enum log_level level_least = LOG_INFO;
static enum log_format format_current = LOG_TEXT;
static struct log_writer *writer;  // NULL: lines are written at once
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_limit limit;  // under that lock

void log_configure(enum log_level level, enum log_format format) {
        level_least = level;
        format_current = format;
}

enum log_format log_format_current(void) {
        return format_current;
}

void log_set_level(enum log_level level) {
        level_least = level;
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

// --- lines leave -------------------------------------------------------------------------

static void line_write(const char *line, size_t n) {
        struct iovec parts[2] = {{(void *)(uintptr_t)line, n}, {(char[]){'\n'}, 1}};
        ssize_t written = writev(STDERR_FILENO, parts, 2);

        (void)written;  // nowhere left to complain
}

void log_raw(const char *line) {
        CLEANUP(mem_freep) char *fit = line_text_copy(line);

        if (writer)
                log_writer_put(writer, fit, strlen(fit));
        else
                line_write(fit, strlen(fit));
}

void log_last_words(const char *line) {
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

        if (writer && !log_writer_flush(writer, LOG_FLUSH_MAX))
                return;
        if (poll(&ready, 1, (int)(LOG_FLUSH_MAX / NSEC_PER_MSEC)) > 0)
                line_write(line, strlen(line));
}

// --- a line is made ----------------------------------------------------------------------

static void time_format(char text[static 32]) {
        struct timespec now;
        struct tm utc;
        size_t length;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        length = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(text + length, 32 - length, ".%03ldZ", now.tv_nsec / 1000000);
}

// `about` and `message` are fit for a line.
static void line_log(enum log_level level, const char *about, const char *event,
                     const char *message) {
        CLEANUP(mem_freep) char *line = NULL;
        char time_text[32];

        time_format(time_text);
        if (format_current == LOG_JSON) {
                json_t *object = json_pack("{ss ss ss ss ss}", "time", time_text, "level",
                                           level_names[level], "about", about, "event", event,
                                           "message", message);

                line = json_dumps(object, JSON_COMPACT);
                json_decref(object);
        } else {
                line = xasprintf("%s %-7s %s: %s [%s]", time_text, level_names[level], about,
                                 message, event);
        }
        if (line)
                log_raw(line);
}

static nsec_t now_monotonic(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static bool event_admit(const char *event) {
        bool is_admitted;

        pthread_mutex_lock(&limit_lock);
        is_admitted = log_limit_admit(&limit, event, now_monotonic());
        pthread_mutex_unlock(&limit_lock);
        return is_admitted;
}

static void left_out_tell(bool all) {
        uint64_t n = writer ? log_writer_take_dropped(writer) : 0;
        const char *event;
        char message[80];

        if (n > 0) {
                snprintf(message, sizeof(message),
                         "%" PRIu64 " lines were lost: this log's reader did not take them", n);
                line_log(LOG_WARNING, "log", "log-stalled", message);
        }
        do {
                pthread_mutex_lock(&limit_lock);
                event = log_limit_report(&limit, now_monotonic(), all, &n);
                pthread_mutex_unlock(&limit_lock);
                if (event) {
                        snprintf(message, sizeof(message),
                                 "%" PRIu64 " more of these were left out", n);
                        line_log(LOG_WARNING, "log", event, message);
                }
        } while (event);
}

void log_tell_left_out(void) {
        left_out_tell(false);
}

void log_line(enum log_level level, const char *about, const char *event, const char *format,
              ...) {
        CLEANUP(mem_freep) char *redacted = NULL;
        char message[LOG_MESSAGE_MAX], about_fit[LOG_ABOUT_MAX];
        va_list arguments;
        int length;

        if (!log_is_on(level) || !event_admit(event))
                return;
        va_start(arguments, format);
        length = vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        if (length >= (int)sizeof(message))
                message[utf8_cut(message, sizeof(message) - 1)] = '\0';
        redacted = redact_urls(message);
        line_text_write(message, sizeof(message), redacted, strlen(redacted));
        line_text_write(about_fit, sizeof(about_fit), about, strlen(about));
        line_log(level, about_fit, event, message);
}

// --- life --------------------------------------------------------------------------------

void log_start(void) {
        writer = log_writer_new(STDERR_FILENO, LOG_QUEUE_BYTES);
}

void log_stop(void) {
        left_out_tell(true);
        writer = log_writer_stop(writer, LOG_FLUSH_MAX);
}
