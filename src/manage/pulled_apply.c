// Another configuration takes the place of the one in force.
#include "config/changes.h"
#include "manage/pulled_stream.h"
#include "pipeline/hub_parking.h"

static int streams_check(const struct pulled *pulled, const struct config *config,
                         struct error *error) {
        for (size_t i = 0; i < config->n_streams; i++) {
                int r = pulled_model_check(pulled, config, &config->streams[i], error);

                if (r < 0) {
                        error_prefix(error, "stream '%s'", config->streams[i].name);
                        return r;
                }
        }
        return 0;
}

static void fate_decide(struct pulled_stream *stream, const struct config *config,
                        const struct stream_config *file) {
        const struct config *before = stream->pulled->parts.config;
        const struct stream_config *old = pulled_stream_config(stream),
                                   *young = file ? file : stream->api;

        if (!old)
                stream->fate = PULLED_COMES;
        else if (!young)
                stream->fate = PULLED_GOES;
        else if (!stream->file == !file && config_stream_is_equal(config, young, before, old))
                stream->fate = PULLED_STAYS;
        else
                stream->fate = PULLED_CHANGES;
}

static void to_the_end(struct pulled_stream *stream) {
        struct pulled_streams *streams = &stream->pulled->streams;

        TAILQ_REMOVE(streams, stream, link);
        TAILQ_INSERT_TAIL(streams, stream, link);
}

// The order of the list is the file's, with the API's behind.
static void fates_decide(struct pulled *pulled, const struct config *config) {
        struct pulled_stream *stream, *next;
        size_t n_others;

        for (size_t i = 0; i < config->n_streams; i++) {
                stream = pulled_stream_find(pulled, config->streams[i].name);
                if (!stream)
                        stream = pulled_stream_new(pulled, config->streams[i].name);
                fate_decide(stream, config, &config->streams[i]);
                stream->file = &config->streams[i];
                to_the_end(stream);
        }
        n_others = pulled->n - config->n_streams;
        for (stream = TAILQ_FIRST(&pulled->streams); n_others > 0; stream = next, n_others--) {
                next = TAILQ_NEXT(stream, link);
                fate_decide(stream, config, NULL);
                stream->file = NULL;
                to_the_end(stream);
        }
}

static void fate_tell(const struct pulled_stream *stream, json_t *told) {
        static const char *const lists[] = {[PULLED_COMES] = "added",
                                            [PULLED_CHANGES] = "changed",
                                            [PULLED_GOES] = "removed"};

        if (stream->fate != PULLED_STAYS)
                json_array_append_new(json_object_get(told, lists[stream->fate]),
                                      json_string(stream->name));
}

static void fate_fulfil(struct pulled_stream *stream) {
        switch (stream->fate) {
        case PULLED_STAYS:
                break;
        case PULLED_COMES:
                hub_evict(stream->pulled->parts.hub, stream->name,
                          "the name is a stream's of the configuration now: choose another");
                pulled_stream_try(stream);
                break;
        case PULLED_CHANGES:
                pulled_stream_renew(stream, "changed in the configuration");
                break;
        case PULLED_GOES:
                pulled_stream_end(stream, "removed from the configuration");
                json_object_del(stream->pulled->paused, stream->name);
                pulled_stream_free(stream);
                break;
        }
}

int pulled_apply(struct pulled *pulled, const struct config *config, json_t **ret,
                 struct error *error) {
        int r = streams_check(pulled, config, error);
        struct pulled_stream *stream, *next;
        json_t *told;

        if (r < 0)
                return r;
        told = json_pack("{s[]s[]s[]}", "added", "changed", "removed");
        fates_decide(pulled, config);
        pulled->parts.config = config;
        for (stream = TAILQ_FIRST(&pulled->streams); stream; stream = next) {
                next = TAILQ_NEXT(stream, link);
                fate_tell(stream, told);
                fate_fulfil(stream);
        }
        if (json_array_size(json_object_get(told, "removed")) > 0)
                pulled_state_tell(pulled);
        *ret = told;
        return 0;
}
