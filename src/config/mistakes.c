#include "config/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/line_text.h"
#include "util/mem.h"
#include "util/redact.h"

// A mistake is one line without secrets, and nothing in a file gets to play with the reader's
// terminal.
static char *shown_copy(const char *text) {
        CLEANUP(mem_freep) char *redacted = redact_urls(text);

        return line_text_copy(redacted);
}

void config_mistake_add(struct config_mistakes *mistakes, int line, int column, const char *key,
                        const char *format, ...) {
        CLEANUP(mem_freep) char *text = NULL;
        struct config_mistake *mistake;
        va_list arguments;

        if (mistakes->n > CONFIG_MISTAKES_MAX)
                return;
        if (!mistakes->items)
                mistakes->items = xcalloc(CONFIG_MISTAKES_MAX + 1, sizeof(*mistakes->items));
        mistake = &mistakes->items[mistakes->n++];
        mistake->line = line;
        mistake->column = column;
        if (mistakes->n > CONFIG_MISTAKES_MAX) {
                mistake->key = xstrdup("");
                mistake->text =
                        xasprintf("there are more than %d mistakes; the rest is not told",
                                  CONFIG_MISTAKES_MAX);
                return;
        }
        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = xstrdup(format);
        va_end(arguments);
        mistake->key = shown_copy(key);
        mistake->text = shown_copy(text);
}

static int mistake_compare(const void *left, const void *right) {
        const struct config_mistake *a = left, *b = right;
        bool a_outside = a->line == 0, b_outside = b->line == 0;

        if (a_outside != b_outside)
                return a_outside - b_outside;
        if (a->line != b->line)
                return a->line < b->line ? -1 : 1;
        return (a->column > b->column) - (a->column < b->column);
}

void config_mistakes_sort(struct config_mistakes *mistakes) {
        // Insertion: stable, and there are at most a hundred.
        for (size_t i = 1; i < mistakes->n; i++) {
                struct config_mistake moved = mistakes->items[i];
                size_t place = i;

                while (place > 0 && mistake_compare(&mistakes->items[place - 1], &moved) > 0) {
                        mistakes->items[place] = mistakes->items[place - 1];
                        place--;
                }
                mistakes->items[place] = moved;
        }
}

char *config_mistake_format(const struct config_mistake *mistake, const char *path) {
        const char *separator = mistake->key[0] != '\0' ? ": " : "";
        CLEANUP(mem_freep) char *redacted = redact_value(path);
        CLEANUP(mem_freep) char *shown = line_text_copy(redacted);

        if (mistake->line == 0)
                return xasprintf("%s%s%s", mistake->key, separator, mistake->text);
        return xasprintf("%s:%d:%d: %s%s%s", shown, mistake->line, mistake->column,
                         mistake->key, separator, mistake->text);
}

void config_mistakes_deinit(struct config_mistakes *mistakes) {
        for (size_t i = 0; i < mistakes->n; i++) {
                free(mistakes->items[i].key);
                free(mistakes->items[i].text);
        }
        free(mistakes->items);
        *mistakes = (struct config_mistakes){0};
}
