#include "manage/pulled_stream.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/mem.h"

// Final segments of a stream that are kept for those who come late.
#define PULLED_HISTORY 2000

// --- the list --------------------------------------------------------------------------------

static int name_compare(const void *left, const void *right) {
        const struct pulled_stream *a = left, *b = right;

        return strcmp(a->name, b->name);
}

struct pulled_stream *pulled_stream_find(const struct pulled *pulled, const char *name) {
        struct pulled_stream key = {.name = (char *)(uintptr_t)name};
        void *found = tfind(&key, &pulled->by_name, name_compare);

        return found ? *(struct pulled_stream **)found : NULL;
}

struct pulled_stream *pulled_stream_new(struct pulled *pulled, const char *name) {
        struct pulled_stream *stream = xnew(struct pulled_stream);

        stream->pulled = pulled;
        stream->name = xstrdup(name);
        stream->is_paused = json_object_get(pulled->paused, name) != NULL;
        stream->since = loop_wall(hub_parts(pulled->parts.hub)->loop);
        TAILQ_INSERT_TAIL(&pulled->streams, stream, link);
        if (!tsearch(stream, &pulled->by_name, name_compare))
                abort();
        pulled->n++;
        return stream;
}

// Its hub's stream is retired, or the hub closes it.
void pulled_stream_free(struct pulled_stream *stream) {
        struct pulled *pulled = stream->pulled;

        tdelete(stream, &pulled->by_name, name_compare);
        TAILQ_REMOVE(&pulled->streams, stream, link);
        pulled->n--;
        config_stream_free(stream->api);
        json_decref(stream->settings);
        free(stream->trouble);
        free(stream->last_text);
        free(stream->name);
        free(stream);
}

const struct pulled_stream *pulled_first(const struct pulled *pulled) {
        return TAILQ_FIRST(&pulled->streams);
}

const struct pulled_stream *pulled_next(const struct pulled_stream *stream) {
        return TAILQ_NEXT(stream, link);
}

const struct pulled_stream *pulled_find(const struct pulled *pulled, const char *name) {
        return pulled_stream_find(pulled, name);
}

size_t pulled_count(const struct pulled *pulled) {
        return pulled->n;
}

const char *pulled_name(const struct pulled_stream *stream) {
        return stream->name;
}

// --- what a stream tells ---------------------------------------------------------------------

// What a retired one still has to say is told by name, too.
static void pulled_on_update(void *state, const struct stream_facts *facts,
                             const struct update *update) {
        struct pulled_stream *stream =
                update->n_finals > 0 ? pulled_stream_find(state, facts->name) : NULL;
        const struct segment *last;

        if (!stream)
                return;
        last = &update->finals[update->n_finals - 1];
        stream->n_segments += update->n_finals;
        free(stream->last_text);
        stream->last_text = xstrdup(last->text + strspn(last->text, " "));
        stream->last_at = observer_wall(facts, last->end);
}

static const struct observer_ops pulled_observer = {
        .name = "pulled",
        .on_update = pulled_on_update,
};

// --- opening and closing ---------------------------------------------------------------------

const struct stream_config *pulled_stream_config(const struct pulled_stream *stream) {
        return stream->file ? stream->file : stream->api;
}

static int prepare(struct pulled *pulled, const struct request_defaults *defaults,
                   struct error *error) {
        if (!pulled->parts.on_prepare)
                return 0;
        return pulled->parts.on_prepare(pulled->parts.context, defaults->has_journal,
                                        defaults->has_archive, error);
}

int pulled_stream_begin(struct pulled_stream *stream, struct error *error) {
        struct pulled *pulled = stream->pulled;
        const struct stream_config *config = pulled_stream_config(stream);
        CLEANUP(request_defaults_deinit)
        struct request_defaults defaults = config_stream_defaults(pulled->parts.config, config);
        struct source_config source = {
                .name = config->name,
                .url = config->url,
                .media = pulled->parts.media,
                .track = defaults.track,
                .transport = config->transport,
                .is_looped = config->is_looped,
                .is_untrusted = !stream->file,
        };
        struct request request = {
                .name = config->name,
                .source = &source,
                .defaults = &defaults,
                .history = PULLED_HISTORY,
        };
        struct stream_listener listener = {.on_idle = pulled->parts.on_idle,
                                           .context = pulled->parts.context};
        int r = prepare(pulled, &defaults, error);

        if (r == 0)
                r = hub_open(&stream->stream, pulled->parts.hub, &request, NULL, &listener,
                             error);
        if (r != 0) {
                error_prefix(error, "stream '%s'", stream->name);
                return r;
        }
        stream->stream->owner = (struct observer){.ops = &pulled_observer, .state = pulled};
        stream_add_observer(stream->stream->stream, &stream->stream->owner);
        return 0;
}

static void since_now(struct pulled_stream *stream) {
        stream->since = loop_wall(hub_parts(stream->pulled->parts.hub)->loop);
        free(stream->trouble);
        stream->trouble = NULL;
}

// Unless it is paused. What cannot be had is told of, and listed as failed.
void pulled_stream_try(struct pulled_stream *stream) {
        struct error error = {0};

        since_now(stream);
        if (stream->is_paused || pulled_stream_begin(stream, &error) == 0)
                return;
        stream->trouble = xstrdup(error.text);
        log_error(stream->name, "stream-failed", "%s", error.text);
}

void pulled_stream_end(struct pulled_stream *stream, const char *reason) {
        struct hub_stream *opened = stream->stream;

        if (!opened)
                return;
        stream->n_samples += stream_position(opened->stream);
        stream->n_restarts += source_restarts(stream_source(opened->stream));
        stream->stream = NULL;
        hub_retire(stream->pulled->parts.hub, opened, reason);
}

void pulled_stream_renew(struct pulled_stream *stream, const char *reason) {
        pulled_stream_end(stream, reason);
        pulled_stream_try(stream);
}
