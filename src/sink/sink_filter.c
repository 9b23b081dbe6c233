#include "sink/sink_filter.h"

#include <errno.h>
#include <string.h>

#include "util/word_list.h"

static int kinds_read(unsigned *ret, const char *text, struct error *error) {
        CLEANUP(word_list_freep) char **words = word_list_split(text);

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
        filter->streams = word_list_split(config->streams);
        filter->languages = word_list_split(config->languages);
        return 0;
}

void sink_filter_deinit(struct sink_filter *filter) {
        word_list_free(filter->streams);
        word_list_free(filter->languages);
        *filter = (struct sink_filter){0};
}

static bool stream_passes(const struct sink_filter *filter, const char *stream) {
        return !filter->streams || word_list_matches(filter->streams, stream);
}

static bool language_passes(const struct sink_filter *filter, const char *language) {
        return !filter->languages || word_list_has(filter->languages, language);
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
