#include "api/event_wish.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/event.h"
#include "net/http_request.h"
#include "util/mem.h"
#include "util/word_list.h"

#define ROWS ((1u << ROW_KINDS) - 1)

static bool mistake(struct event_wish_mistake *ret, const char *field, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static bool mistake(struct event_wish_mistake *ret, const char *field, const char *format,
                    ...) {
        va_list arguments;

        ret->field = field;
        va_start(arguments, format);
        vsnprintf(ret->detail, sizeof(ret->detail), format, arguments);
        va_end(arguments);
        return false;
}

static bool stream_add(struct event_wish *wish, const char *name,
                       struct event_wish_mistake *ret_mistake) {
        if (!name[0])
                return mistake(ret_mistake, "stream", "a stream's name is not empty");
        if (wish->n_streams == EVENT_WISH_STREAMS_MAX)
                return mistake(ret_mistake, "stream",
                               "at most %d streams can be named; a glob such as front-* names "
                               "several",
                               EVENT_WISH_STREAMS_MAX);
        if (!wish->streams)
                wish->streams = xcalloc(EVENT_WISH_STREAMS_MAX + 1, sizeof(*wish->streams));
        wish->streams[wish->n_streams++] = xstrdup(name);
        return true;
}

static bool kind_add(struct event_wish *wish, const char *name,
                     struct event_wish_mistake *ret_mistake) {
        for (unsigned kind = 0; kind < EVENT_KINDS_WANTED; kind++) {
                if (strcmp(event_kind_names[kind], name) == 0) {
                        wish->kinds |= 1u << kind;
                        return true;
                }
        }
        return mistake(ret_mistake, "kind",
                       "there are segment, alert, status, forgotten, tail, level and durable");
}

static bool list_read(struct event_wish *wish, char *list,
                      bool (*add)(struct event_wish *wish, const char *name,
                                  struct event_wish_mistake *ret_mistake),
                      struct event_wish_mistake *ret_mistake) {
        const char *name;

        while ((name = strsep(&list, ",")))
                if (!add(wish, name, ret_mistake))
                        return false;
        return true;
}

static bool cursor_read(struct event_wish *wish, const char *field, const char *text,
                        struct event_wish_mistake *ret_mistake) {
        if (!row_cursor_parse(text, &wish->after))
                return mistake(ret_mistake, field,
                               "a cursor is what a row has as \"cursor\", or an event as its "
                               "id");
        wish->has_after = true;
        return true;
}

static bool parameter_read(struct event_wish *wish, const char *name, char *value,
                           struct event_wish_mistake *ret_mistake) {
        if (strcmp(name, "stream") == 0)
                return list_read(wish, value, stream_add, ret_mistake);
        if (strcmp(name, "kind") == 0)
                return list_read(wish, value, kind_add, ret_mistake);
        if (strcmp(name, "after") == 0 && wish->has_after)
                return mistake(ret_mistake, "after", "one cursor is enough");
        if (strcmp(name, "after") == 0)
                return cursor_read(wish, "after", value, ret_mistake);
        if (strcmp(name, "token") == 0)
                return true;
        return mistake(ret_mistake, NULL,
                       "the query may have stream, kind and after, and nothing else");
}

bool event_wish_read(const char *query, const char *last_event_id, struct event_wish *ret,
                     struct event_wish_mistake *ret_mistake) {
        char *name, *value;
        bool is_well = true;

        *ret = (struct event_wish){0};
        while (is_well && http_request_query_next(&query, &name, &value)) {
                is_well = parameter_read(ret, name, value, ret_mistake);
                free(name);
                free(value);
        }
        // A browser that reconnects asks for the address that it was given at first.
        if (is_well && last_event_id && last_event_id[0])
                is_well = cursor_read(ret, "Last-Event-ID", last_event_id, ret_mistake);
        if (!ret->kinds)
                ret->kinds = (1u << EVENT_KINDS_WANTED) - 1;
        return is_well;
}

bool event_wish_has(const struct event_wish *wish, unsigned kind, const char *stream) {
        if (!(wish->kinds & (1u << kind)))
                return false;
        return !wish->streams || !stream || word_list_matches(wish->streams, stream);
}

bool event_wish_has_rows(const struct event_wish *wish) {
        return wish->kinds & ROWS;
}

void event_wish_deinit(struct event_wish *wish) {
        word_list_free(wish->streams);
        *wish = (struct event_wish){0};
}
