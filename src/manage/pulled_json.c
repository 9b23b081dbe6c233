#include <math.h>
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
static json_t *counters_json(int64_t n_samples, uint64_t n_segments, unsigned n_restarts) {
        int64_t n_whole = n_samples - n_samples % (AUDIO_RATE / 100);

        return json_pack("{s:f, s:I, s:I}", "seconds", (double)n_whole / AUDIO_RATE, "segments",
                         (json_int_t)n_segments, "restarts", (json_int_t)n_restarts);
}

static json_t *pulled_counters_json(const struct pulled_stream *stream) {
        int64_t n_samples = stream->n_samples;
        unsigned n_restarts = stream->n_restarts;

        if (stream->stream) {
                n_samples += stream_position(stream->stream->stream);
                n_restarts += source_restarts(stream_source(stream->stream->stream));
        }
        return counters_json(n_samples, stream->n_segments, n_restarts);
}

static json_t *last_json(const char *text, nsec_t at) {
        return text ? json_pack("{s:o, s:o}", "text", text_json(text), "at", time_json(at))
                    : json_null();
}

// In dBFS, to a hundredth; null while no sound arrives.
static json_t *level_json(const struct hub_stream *stream) {
        double level = stream ? (double)stream_level(stream->stream).rms : (double)NAN;

        return isnan(level) ? json_null() : json_real(round(level * 100) / 100);
}

// What is told first of any stream.
static json_t *stream_json(const char *name, const char *owner,
                           const struct stream_notice *state, nsec_t since,
                           const struct hub_stream *stream) {
        return json_pack("{s:s, s:s, s:b, s:b, s:s, s:o, s:o, s:b, s:o}", "name", name, "owner",
                         owner, "is_shadowed", 0, "is_paused", 0, "state", state->state,
                         "reason", text_json(state->reason), "since", time_json(since),
                         "is_speaking", stream && stream_is_speaking(stream->stream), "level",
                         level_json(stream));
}

json_t *pulled_json(const struct pulled_stream *stream) {
        struct stream_notice state = state_of(stream);
        json_t *json = stream_json(stream->name, stream->file ? "file" : "api", &state,
                                   stream->stream ? stream_since(stream->stream->stream)
                                                  : stream->since,
                                   stream->stream);

        json_object_set_new(json, "is_shadowed", json_boolean(stream->file && stream->api));
        json_object_set_new(json, "is_paused", json_boolean(stream->is_paused));
        json_object_set_new(json, "settings",
                            config_stream_json(stream->file ? stream->file : stream->api));
        json_object_set_new(json, "counters", pulled_counters_json(stream));
        json_object_set_new(json, "last", last_json(stream->last_text, stream->last_at));
        return json;
}

// The last final segment; NULL: there is none.
static const struct segment *last_segment(const struct stream *stream) {
        const struct history *history = stream_history(stream);
        size_t n = history_length(history);

        return n > 0 ? history_get(history, n - 1) : NULL;
}

json_t *pulled_json_of_client(const struct hub_stream *stream) {
        struct stream_notice state = stream_state(stream->stream);
        const struct segment *last = last_segment(stream->stream);
        struct stream_facts facts = stream_facts(stream->stream);
        json_t *json;

        if (stream->parking)
                state = (struct stream_notice){
                        .state = "offline",
                        .reason = "its client went without a word, and may come back"};
        // Its name may be any text.
        json = stream_json("", "client", &state, stream_since(stream->stream), stream);
        json_object_set_new(json, "name", text_json(stream_name(stream->stream)));
        json_object_set_new(json, "settings", json_object());
        json_object_set_new(json, "counters",
                            counters_json(stream_position(stream->stream),
                                          history_total(stream_history(stream->stream)), 0));
        json_object_set_new(json, "last",
                            last_json(last ? last->text + strspn(last->text, " ") : NULL,
                                      last ? observer_wall(&facts, last->end) : 0));
        return json;
}
