#include "sink/sink_filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define BLANKS " \t\n"

// The words between blanks, with NULL at the end; NULL when there are none.
static char **words_split(const char *text) {
        char **words = NULL;
        size_t n = 0;

        for (; text && *text; text += strcspn(text, BLANKS)) {
                size_t length;

                text += strspn(text, BLANKS);
                length = strcspn(text, BLANKS);
                if (length == 0)
                        break;
                words = xrealloc_array(words, n + 2, sizeof(*words));
                words[n] = xcalloc(length + 1, 1);
                memcpy(words[n++], text, length);
                words[n] = NULL;
        }
        return words;
}

static char **words_free(char **words) {
        for (size_t i = 0; words && words[i]; i++)
                free(words[i]);
        free(words);
        return NULL;
}

DEFINE_CLEANUP(char **, words_free);

static int kinds_read(unsigned *ret, const char *text, struct error *error) {
        CLEANUP(words_freep) char **words = words_split(text);

        *ret = words ? 1U << ROW_FORGOTTEN : 0;
        for (size_t i = 0; words && words[i]; i++) {
                size_t kind = 0;

                while (kind < ROW_KINDS && strcmp(words[i], row_kind_names[kind]) != 0)
                        kind++;
                if (kind == ROW_KINDS)
                        return error_set(error, -EINVAL,
                                         "what: %s is not one of segment, alert, status",
                                         words[i]);
                *ret |= 1U << kind;
        }
        return 0;
}

int sink_filter_init(struct sink_filter *filter, const struct sink_config *config,
                     struct error *error) {
        int r;

        *filter = (struct sink_filter){.has_sessions = config->wants_sessions};
        r = kinds_read(&filter->kinds, config->kinds, error);
        if (r < 0)
                return r;
        filter->streams = words_split(config->streams);
        filter->languages = words_split(config->languages);
        return 0;
}

void sink_filter_deinit(struct sink_filter *filter) {
        words_free(filter->streams);
        words_free(filter->languages);
        *filter = (struct sink_filter){0};
}

static bool stream_passes(const struct sink_filter *filter, const char *stream) {
        if (!filter->streams)
                return true;
        for (size_t i = 0; filter->streams[i]; i++)
                if (fnmatch(filter->streams[i], stream, 0) == 0)
                        return true;
        return false;
}

static bool language_passes(const struct sink_filter *filter, const char *language) {
        if (!filter->languages)
                return true;
        for (size_t i = 0; filter->languages[i]; i++)
                if (strcmp(filter->languages[i], language) == 0)
                        return true;
        return false;
}

bool sink_filter_row(const struct sink_filter *filter, const struct row *row) {
        if (filter->kinds && !(filter->kinds & 1U << row->kind))
                return false;
        if (row->session && !filter->has_sessions)
                return false;
        if (row->stream && !stream_passes(filter, row->stream))
                return false;
        return !row->language || language_passes(filter, row->language);
}

bool sink_filter_event(const struct sink_filter *filter, const struct sink_event *event) {
        if (event->is_session && !filter->has_sessions)
                return false;
        if (!stream_passes(filter, event->stream))
                return false;
        return !event->language || language_passes(filter, event->language);
}
