#include "manage/pulled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/changes.h"
#include "manage/merge_patch.h"
#include "manage/pulled_stream.h"
#include "pipeline/hub_names.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/redact.h"

// Sections of the state.
#define SECTION_STREAMS "streams"
#define SECTION_PAUSED  "paused"

// --- what is kept ----------------------------------------------------------------------------

void pulled_state_tell(struct pulled *pulled) {
        state_set(pulled->parts.state, SECTION_STREAMS, json_incref(pulled->added));
        state_set(pulled->parts.state, SECTION_PAUSED, json_incref(pulled->paused));
}

// Settings are taken.
static void api_set(struct pulled_stream *stream, struct stream_config *api, json_t *settings) {
        config_stream_free(stream->api);
        json_decref(stream->settings);
        stream->api = api;
        stream->settings = settings;
        json_object_set(stream->pulled->added, stream->name, settings);
}

// One of the state. False: it makes no sense any more.
static bool added_read(struct pulled *pulled, const char *name, json_t *settings) {
        struct config_mistakes mistakes = {0};
        struct stream_config *config = NULL;
        struct pulled_stream *stream;

        if (!json_is_object(settings) || pulled->n >= CONFIG_STREAMS_MAX ||
            config_stream_read(&config, name, settings, &mistakes) < 0) {
                log_error("server", "state-broken", "the stream '%s' in it is left out: %s%s%s",
                          name, mistakes.n > 0 ? mistakes.items[0].key : "",
                          mistakes.n > 0 ? " " : "",
                          mistakes.n > 0 ? mistakes.items[0].text : "it is none");
                config_mistakes_deinit(&mistakes);
                return false;
        }
        stream = pulled_stream_find(pulled, name);
        if (!stream)
                stream = pulled_stream_new(pulled, name);
        api_set(stream, config, json_incref(settings));
        if (stream->file)
                log_warning(name, "stream-shadowed",
                            "the configuration file has a stream of this name: the one that "
                            "was added by API is kept, and not heard");
        return true;
}

static void added_read_all(struct pulled *pulled) {
        const json_t *added = state_get(pulled->parts.state, SECTION_STREAMS);
        const char *name;
        json_t *settings;
        bool is_whole = !added || json_is_object(added);

        json_object_foreach((json_t *)(uintptr_t)added, name, settings) is_whole &=
                added_read(pulled, name, settings);
        if (is_whole)
                return;
        state_set_aside(pulled->parts.state, "not all in it makes sense");
        pulled_state_tell(pulled);
}

static void paused_read(struct pulled *pulled) {
        const json_t *paused = state_get(pulled->parts.state, SECTION_PAUSED);
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)paused, name, value)
                json_object_set(pulled->paused, name, value);
}

// --- refusals --------------------------------------------------------------------------------

// Whether a client listens with a stream of that name.
static bool is_brought(const struct pulled *pulled, const char *name) {
        const struct hub_stream *stream = hub_find(pulled->parts.hub, name);

        return stream && stream->is_listed && !stream_source(stream->stream);
}

static int absent_refuse(const struct pulled *pulled, const char *name, struct refusal *ret) {
        if (is_brought(pulled, name))
                return refusal_set(ret, 409, "",
                                   "a client brings the stream: close its session instead");
        return refusal_set(ret, 404, "", "there is no stream of this name");
}

// The stream, of which something is to be changed and kept; NULL: it is refused.
static struct pulled_stream *stream_want(struct pulled *pulled, const char *name,
                                         struct refusal *ret) {
        struct pulled_stream *stream = pulled_stream_find(pulled, name);
        const char *trouble = state_trouble(pulled->parts.state);

        if (!stream)
                (void)absent_refuse(pulled, name, ret);
        else if (trouble)
                (void)refusal_set(ret, 503, "",
                                  "nothing can be changed, as it could not be kept: %s",
                                  trouble);
        return stream && !trouble ? stream : NULL;
}

// One of the API: the file's are changed in the file.
static struct pulled_stream *stream_want_own(struct pulled *pulled, const char *name,
                                             struct refusal *ret) {
        struct pulled_stream *stream = stream_want(pulled, name, ret);

        if (!stream || !stream->file)
                return stream;
        (void)refusal_set(
                ret, 409, "",
                "the stream is the configuration file's: change it there, and reload");
        return NULL;
}

// --- what is done with them ------------------------------------------------------------------

int pulled_model_check(const struct pulled *pulled, const struct config *config,
                       const struct stream_config *stream, struct error *error) {
        CLEANUP(request_defaults_deinit)
        struct request_defaults defaults = config_stream_defaults(config, stream);
        const struct hub_parts *parts = hub_parts(pulled->parts.hub);

        return parts->check_model(parts->context, defaults.decoding.language,
                                  defaults.decoding.task, error);
}

// Settings of the API, checked.
static int settings_read(const struct pulled *pulled, struct stream_config **ret,
                         const char *name, json_t *settings, struct refusal *refusal) {
        CLEANUP(config_stream_freep) struct stream_config *config = NULL;
        struct config_mistakes mistakes = {0};
        struct error error = {0};

        if (config_stream_read(&config, name, settings, &mistakes) < 0) {
                (void)refusal_set(refusal, 400, mistakes.items[0].key, "%s",
                                  mistakes.items[0].text);
                config_mistakes_deinit(&mistakes);
                return -EINVAL;
        }
        if (pulled_model_check(pulled, pulled->parts.config, config, &error) < 0)
                return refusal_set(refusal, 400, "language", "%s", error.text);
        *ret = TAKE(config);
        return 0;
}

// The settings in a wish, the caller's; its name, lent by the wish, in *ret_name.
static json_t *wish_split(const json_t *wish, const char **ret_name) {
        json_t *settings = merge_patch(NULL, wish);

        *ret_name = json_string_value(json_object_get(wish, "name"));
        json_object_del(settings, "name");
        return settings;
}

static int added_begin(struct pulled *pulled, const char *name, struct stream_config *config,
                       json_t *settings, struct pulled_stream **ret, struct refusal *refusal) {
        struct pulled_stream *stream;
        struct error error = {0};

        // One of this name was paused and is no more: that was another.
        json_object_del(pulled->paused, name);
        stream = pulled_stream_new(pulled, name);
        api_set(stream, config, json_incref(settings));
        if (pulled_stream_begin(stream, &error) < 0) {
                json_object_del(pulled->added, name);
                pulled_stream_free(stream);
                return refusal_set(refusal, 503, "", "%s", error.text);
        }
        pulled_state_tell(pulled);
        *ret = stream;
        return 0;
}

int pulled_add(struct pulled *pulled, const json_t *wish, const struct pulled_stream **ret,
               struct refusal *ret_refusal) {
        const char *trouble = state_trouble(pulled->parts.state);
        struct stream_config *config = NULL;
        struct pulled_stream *stream;
        const char *name;
        json_t *settings;
        int r;

        if (trouble)
                return refusal_set(ret_refusal, 503, "", "no stream can be added: %s", trouble);
        settings = wish_split(wish, &name);
        if (!name)
                r = refusal_set(ret_refusal, 400, "name",
                                "a stream needs a name, which is a text");
        else if (pulled_stream_find(pulled, name) || is_brought(pulled, name))
                r = refusal_set(ret_refusal, 409, "name", "there is a stream of this name");
        else if (pulled->n >= CONFIG_STREAMS_MAX)
                r = refusal_set(ret_refusal, 409, "",
                                "there are %d streams, which is the limit", CONFIG_STREAMS_MAX);
        else
                r = settings_read(pulled, &config, name, settings, ret_refusal);
        if (r == 0)
                r = added_begin(pulled, name, config, settings, &stream, ret_refusal);
        json_decref(settings);
        if (r < 0)
                return r;
        log_info(name, "stream-added", "added by API");
        *ret = stream;
        return 0;
}

// Whoever shows the settings to change one of them sends the URL as it was shown, without its
// password: it stays as it is.
static json_t *patched(const struct pulled_stream *stream, const json_t *patch) {
        const char *url = json_string_value(json_object_get(stream->settings, "url"));
        const char *sent = json_string_value(json_object_get(patch, "url"));
        CLEANUP(mem_freep) char *shown = redact_value(url);
        json_t *settings = merge_patch(stream->settings, patch);

        if (sent && strcmp(sent, shown) == 0)
                json_object_set_new(settings, "url", json_string(url));
        json_object_del(settings, "name");
        return settings;
}

int pulled_change(struct pulled *pulled, const char *name, const json_t *patch,
                  struct refusal *ret_refusal) {
        struct pulled_stream *stream = stream_want_own(pulled, name, ret_refusal);
        const json_t *renamed = json_object_get(patch, "name");
        struct stream_config *config = NULL;
        json_t *settings;
        bool is_equal;

        if (!stream)
                return -EINVAL;
        if (renamed &&
            (!json_is_string(renamed) || strcmp(json_string_value(renamed), name) != 0))
                return refusal_set(ret_refusal, 400, "name",
                                   "a stream keeps its name: remove it, and add another");
        settings = patched(stream, patch);
        if (settings_read(pulled, &config, name, settings, ret_refusal) < 0) {
                json_decref(settings);
                return -EINVAL;
        }
        is_equal = config_stream_is_equal(pulled->parts.config, stream->api,
                                          pulled->parts.config, config);
        api_set(stream, config, settings);
        pulled_state_tell(pulled);
        if (!is_equal) {
                log_info(name, "stream-changed", "changed by API: it begins anew");
                pulled_stream_renew(stream, "changed");
        }
        return 0;
}

int pulled_remove(struct pulled *pulled, const char *name, struct refusal *ret_refusal) {
        struct pulled_stream *stream = stream_want_own(pulled, name, ret_refusal);

        if (!stream)
                return -EINVAL;
        log_info(name, "stream-removed", "removed by API");
        json_object_del(pulled->added, name);
        json_object_del(pulled->paused, name);
        pulled_stream_end(stream, "removed");
        pulled_stream_free(stream);
        pulled_state_tell(pulled);
        return 0;
}

int pulled_pause(struct pulled *pulled, const char *name, struct refusal *ret_refusal) {
        struct pulled_stream *stream = stream_want(pulled, name, ret_refusal);

        if (!stream)
                return -EINVAL;
        if (stream->is_paused)
                return 0;
        log_info(name, "stream-paused", "paused by API");
        stream->is_paused = true;
        json_object_set_new(pulled->paused, name, json_true());
        pulled_state_tell(pulled);
        pulled_stream_renew(stream, "paused");
        return 0;
}

int pulled_resume(struct pulled *pulled, const char *name, struct refusal *ret_refusal) {
        struct pulled_stream *stream = stream_want(pulled, name, ret_refusal);

        if (!stream)
                return -EINVAL;
        if (!stream->is_paused)
                return 0;
        log_info(name, "stream-resumed", "resumed by API");
        stream->is_paused = false;
        json_object_del(pulled->paused, name);
        pulled_state_tell(pulled);
        pulled_stream_renew(stream, "resumed");
        return 0;
}

int pulled_restart(struct pulled *pulled, const char *name, struct refusal *ret_refusal) {
        struct pulled_stream *stream = pulled_stream_find(pulled, name);

        if (!stream)
                return absent_refuse(pulled, name, ret_refusal);
        if (stream->is_paused)
                return refusal_set(ret_refusal, 409, "", "the stream is paused: resume it");
        log_info(name, "stream-restarted", "begun anew by API");
        pulled_stream_renew(stream, "begun anew");
        return 0;
}

// --- life ------------------------------------------------------------------------------------

// Whatever became of the stream: it may be paused, or failed.
static bool is_pulled(const void *context, const char *name) {
        return pulled_stream_find(context, name) != NULL;
}

static int file_begin(struct pulled *pulled, struct error *error) {
        const struct config *config = pulled->parts.config;

        for (size_t i = 0; i < config->n_streams; i++) {
                struct pulled_stream *stream =
                        pulled_stream_new(pulled, config->streams[i].name);
                int r;

                stream->file = &config->streams[i];
                r = stream->is_paused ? 0 : pulled_stream_begin(stream, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int pulled_open(struct pulled **ret, const struct pulled_parts *parts, struct error *error) {
        CLEANUP(pulled_closep) struct pulled *pulled = xnew(struct pulled);
        struct pulled_stream *stream;
        int r;

        pulled->parts = *parts;
        TAILQ_INIT(&pulled->streams);
        hub_reserve(parts->hub, is_pulled, pulled);
        pulled->added = json_object();
        pulled->paused = json_object();
        paused_read(pulled);
        r = file_begin(pulled, error);
        if (r < 0)
                return r;
        added_read_all(pulled);
        TAILQ_FOREACH (stream, &pulled->streams, link)
                if (!stream->file)
                        pulled_stream_try(stream);
        *ret = TAKE(pulled);
        return 0;
}

struct pulled *pulled_close(struct pulled *pulled) {
        struct pulled_stream *stream, *next;

        if (!pulled)
                return NULL;
        hub_reserve(pulled->parts.hub, NULL, NULL);
        for (stream = TAILQ_FIRST(&pulled->streams); stream; stream = next) {
                next = TAILQ_NEXT(stream, link);
                pulled_stream_free(stream);
        }
        json_decref(pulled->added);
        json_decref(pulled->paused);
        return mem_free(pulled);
}
