#include <stdlib.h>
#include <string.h>

#include "journal/row_json.h"
#include "manage/pulled_stream.h"
#include "util/mem.h"
#include "util/utf8.h"

static json_t *time_json(nsec_t wall) {
        char text[ROW_TIME_MAX];

        row_time_format(wall / NSEC_PER_MSEC, text);
        return json_string(text);
}

static json_t *text_json(const char *text) {
        CLEANUP(mem_freep) char *repaired = utf8_repair(text, strlen(text));

        return json_string(repaired ? repaired : "");
}

static struct stream_notice state_of(const struct pulled_stream *stream) {
        if (stream->is_paused)
                return (struct stream_notice){.state = "paused", .reason = ""};
        if (!stream->stream)
                return (struct stream_notice){.state = "failed",
                                              .reason = stream->trouble ? stream->trouble : ""};
        return stream_state(stream->stream->stream);
}

// Since the server runs.
static json_t *counters_json(const struct pulled_stream *stream) {
        int64_t n_samples = stream->n_samples;
        unsigned n_restarts = stream->n_restarts;
        json_t *json = json_object();

        if (stream->stream) {
                n_samples += stream_position(stream->stream->stream);
                n_restarts += source_restarts(stream_source(stream->stream->stream));
        }
        n_samples -= n_samples % (AUDIO_RATE / 100);
        json_object_set_new(json, "seconds", json_real((double)n_samples / AUDIO_RATE));
        json_object_set_new(json, "segments", json_integer((json_int_t)stream->n_segments));
        json_object_set_new(json, "restarts", json_integer((json_int_t)n_restarts));
        return json;
}

static json_t *last_json(const struct pulled_stream *stream) {
        json_t *json;

        if (!stream->last_text)
                return json_null();
        json = json_object();
        json_object_set_new(json, "text", text_json(stream->last_text));
        json_object_set_new(json, "at", time_json(stream->last_at));
        return json;
}

json_t *pulled_json(const struct pulled_stream *stream) {
        struct stream_notice state = state_of(stream);
        json_t *json = json_object();

        json_object_set_new(json, "name", json_string(stream->name));
        json_object_set_new(json, "owner", json_string(stream->file ? "file" : "api"));
        json_object_set_new(json, "is_shadowed", json_boolean(stream->file && stream->api));
        json_object_set_new(json, "is_paused", json_boolean(stream->is_paused));
        json_object_set_new(json, "state", json_string(state.state));
        json_object_set_new(json, "reason", text_json(state.reason));
        json_object_set_new(json, "since",
                            time_json(stream->stream ? stream_since(stream->stream->stream)
                                                     : stream->since));
        json_object_set_new(
                json, "is_speaking",
                json_boolean(stream->stream && stream_is_speaking(stream->stream->stream)));
        json_object_set_new(json, "settings",
                            config_stream_json(stream->file ? stream->file : stream->api));
        json_object_set_new(json, "counters", counters_json(stream));
        json_object_set_new(json, "last", last_json(stream));
        return json;
}
