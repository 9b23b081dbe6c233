#include "util/progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "util/line_text.h"
#include "util/mem.h"

#define TEXT_MAX      512
#define WIDTH_DEFAULT 80
#define INTERVAL_MS   100

struct progress {
        bool is_on;
        bool is_shown;
        int64_t shown_ms;  // monotonic
};

static int64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct progress *progress_new(void) {
        struct progress *progress = xnew(struct progress);

        progress->is_on = isatty(STDERR_FILENO) == 1;
        return progress;
}

struct progress *progress_free(struct progress *progress) {
        if (progress)
                progress_clear(progress);
        free(progress);
        return NULL;
}

static int terminal_width(void) {
        struct winsize size;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return WIDTH_DEFAULT;
        return size.ws_col < TEXT_MAX ? size.ws_col : TEXT_MAX - 1;
}

void progress_show(struct progress *progress, const char *format, ...) {
        char text[TEXT_MAX], fit[TEXT_MAX];
        va_list arguments;
        int64_t now;

        if (!progress->is_on)
                return;
        now = now_ms();
        if (progress->is_shown && now - progress->shown_ms < INTERVAL_MS)
                return;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        line_text_write(fit, (size_t)terminal_width(), text, strlen(text));
        // Back to the first column, erase the line (ECMA-48), and stay short of the last
        // column, where some terminals would wrap.
        fprintf(stderr, "\r\033[K%s", fit);
        fflush(stderr);
        progress->is_shown = true;
        progress->shown_ms = now;
}

void progress_clear(struct progress *progress) {
        if (!progress->is_shown)
                return;
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->is_shown = false;
}
