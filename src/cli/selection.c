#include "cli/selection.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/complaint.h"
#include "util/date.h"
#include "util/mem.h"
#include "util/number.h"

const struct option_entry selection_entries[] = {
        {"stream", "NAME",
         "only of this stream, or of those that a glob matches; may be given several times",
         NULL, 's'},
        {"since", "TIME",
         "what was said from then on: 2h (before now), 2026-11-30 or 2026-11-30T12:00, which "
         "is "
         "local time unless Z or an offset is behind it",
         NULL, 0},
        {"until", "TIME", "what was said before then, written as for --since", NULL, 0},
        {"language", "CODE", "only in this language; may be given several times", NULL, 0},
        {"limit", "N", "at most so many rows; 0: all [search: 100, export: all]", NULL, 'n'},
        {"format", "FORMAT",
         "text, json (a row per line), or subtitles of one stream: srt or vtt [text]", NULL,
         'f'},
        {0},
};

static int usage_mistake(const struct options *options, const char *text, const char *value) {
        complaint_print_value(options->verb->name, text, value);
        return EXIT_USAGE;
}

// A list with NULL at its end; NULL when the option was not given.
static char **list_read(const struct options *options, const char *name) {
        const char *value;
        char **list = NULL;
        size_t at = 0, n = 0, capacity = 0;

        while ((value = options_next(options, name, &at)) != NULL) {
                list = array_grow(list, n, &capacity, sizeof(*list));
                list[n++] = xstrdup(value);
        }
        if (!list)
                return NULL;
        list = array_grow(list, n, &capacity, sizeof(*list));
        list[n] = NULL;
        return list;
}

// A date, or how long ago, in which there is a unit: "2026" is neither.
int selection_time(const struct options *options, const char *name, int64_t now, int64_t *ret) {
        const char *value = options_get(options, name);
        CLEANUP(mem_freep) char *text = NULL;
        double seconds;

        if (!value || date_read(value, ret))
                return -1;
        if (!isalpha((unsigned char)value[value[0] ? strlen(value) - 1 : 0]) ||
            !seconds_read(value, &seconds) || seconds < 0 || seconds * 1e3 >= (double)now) {
                text = xasprintf("--%s is a time such as 2h, 2026-11-30 or 2026-11-30T12:00, "
                                 "not ",
                                 name);
                return usage_mistake(options, text, value);
        }
        *ret = now - (int64_t)(seconds * 1e3);
        return -1;
}

static int limit_read(const struct options *options, uint64_t limit, uint64_t *ret) {
        const char *value = options_get(options, "limit");
        char *end;

        *ret = limit;
        if (!value)
                return -1;
        errno = 0;
        *ret = strtoull(value, &end, 10);
        if (errno == 0 && isdigit((unsigned char)value[0]) && *end == '\0')
                return -1;
        return usage_mistake(options, "--limit is a whole number, not ", value);
}

// The words as one text: quotes of the shell's are no quotes of ours.
static char *words_join(const struct options *options) {
        char *words = NULL;

        for (size_t i = 0; i < options->n_operands; i++) {
                CLEANUP(mem_freep) char *before = words;

                words = before ? xasprintf("%s %s", before, options->operands[i])
                               : xstrdup(options->operands[i]);
        }
        return words;
}

const char *selection_stream(const struct selection *selection) {
        char **streams = selection->query.streams;

        return streams && !streams[1] && !strpbrk(streams[0], "*?[\\") ? streams[0] : NULL;
}

static int format_read(const struct options *options, struct selection *selection) {
        const char *format = options_get(options, "format");

        if (format && !transcript_writer_format(format, &selection->format))
                return usage_mistake(options, "--format is text, json, srt or vtt, not ",
                                     format);
        if ((selection->format == TRANSCRIPT_SRT || selection->format == TRANSCRIPT_VTT) &&
            !selection_stream(selection))
                return usage_mistake(options,
                                     "subtitles are one stream's: name it (--stream NAME) with "
                                     "--format ",
                                     format);
        return -1;
}

static int selection_fill(struct selection *selection, const struct options *options,
                          uint64_t limit, int64_t now) {
        struct query *query = &selection->query;
        int r;

        query->streams = list_read(options, "stream");
        query->languages = list_read(options, "language");
        query->words = words_join(options);
        if ((r = selection_time(options, "since", now, &query->since)) >= 0 ||
            (r = selection_time(options, "until", now, &query->until)) >= 0 ||
            (r = limit_read(options, limit, &selection->limit)) >= 0)
                return r;
        if (query->until && query->since >= query->until)
                return usage_mistake(options, "--until is not after --since: ",
                                     options_get(options, "until"));
        return format_read(options, selection);
}

int selection_read(struct selection *ret, const struct options *options, uint64_t limit,
                   int64_t now) {
        struct selection selection = {0};
        int r = selection_fill(&selection, options, limit, now);

        if (r >= 0)
                selection_deinit(&selection);
        *ret = selection;
        return r;
}

void selection_deinit(struct selection *selection) {
        query_deinit(&selection->query);
        *selection = (struct selection){0};
}
