#include "media/library_log.h"

#include <libavutil/log.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "util/line_text.h"
#include "util/mem.h"
#include "util/redact.h"

#define LINE_MAX 2048

// Lines of one child that are printed: broken sound brings one a frame.
#define PRINTED_MAX 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct media_faults *listener;
static unsigned n_printed;

static void line_print(const char *line) {
        CLEANUP(mem_freep) char *redacted = redact_urls(line);
        CLEANUP(mem_freep) char *fit = line_text_copy(redacted);

        if (n_printed++ < PRINTED_MAX)
                fprintf(stderr, "%s\n", fit);
}

// Our own lists, which it quotes, tell nobody anything.
static void line_shorten(char *line) {
        static const char list[] = "not on whitelist";
        char *place = strstr(line, list);

        line[strcspn(line, "\n")] = '\0';
        if (place)
                place[strlen(list)] = '\0';
}

__attribute__((format(printf, 3, 0))) static void
on_line(void *object, int level, const char *format, va_list arguments) {
        char line[LINE_MAX];
        int is_prefixed = 0;

        if (level > AV_LOG_WARNING)
                return;
        av_log_format_line2(object, level, format, arguments, line, sizeof(line), &is_prefixed);
        line_shorten(line);
        pthread_mutex_lock(&lock);
        if (listener && line[0])
                media_faults_note(listener, level <= AV_LOG_ERROR, line);
        if (line[0])
                line_print(line);
        pthread_mutex_unlock(&lock);
}

void media_library_log_set(struct media_faults *faults) {
        pthread_mutex_lock(&lock);
        listener = faults;
        pthread_mutex_unlock(&lock);
        av_log_set_callback(on_line);
}
