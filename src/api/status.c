#include "api/status.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "alert/alerts.h"
#include "api/api.h"
#include "api/parameters.h"
#include "api/reply.h"
#include "api/status_history.h"
#include "audio/pcm.h"
#include "journal/archive.h"
#include "journal/journal.h"
#include "sink/sink.h"
#include "transcription/transcriptions.h"
#include "util/budget.h"
#include "util/mem.h"
#include "util/usage.h"

struct status {
        struct loop *loop;
        nsec_t wall;         // of the start
        nsec_t begin;        // likewise, monotonic
        nsec_t stepped_at;   // when the present step began, monotonic
        double cpu_seconds;  // until then
        struct status_history history;
};

static json_t *count_json(uint64_t n) {
        return json_integer((json_int_t)n);
}

// --- the history -----------------------------------------------------------------------------

bool status_is_due(const struct status *status) {
        return loop_now(status->loop) - status->stepped_at >= STATUS_STEP;
}

static void streams_count(const struct hub *hub, struct status_sample *ret) {
        for (const struct hub_stream *stream = hub_first(hub); stream;
             stream = hub_next(hub, stream)) {
                const struct source *source = stream_source(stream->stream);

                ret->n_streams++;
                ret->n_online += !source || source_state(source) == SOURCE_ONLINE;
                ret->n_speaking += stream_is_speaking(stream->stream);
        }
}

static size_t sessions_count(const struct hub *hub) {
        size_t n = 0;

        for (const struct hub_session *session = hub_first_session(hub); session;
             session = hub_next_session(session))
                n++;
        return n;
}

void status_tick(struct status *status, const struct api_view *view) {
        const struct hub *hub = view->figures.hub;
        struct scheduler_stats stats = scheduler_stats(hub_parts(hub)->scheduler);
        nsec_t now = loop_now(status->loop);
        struct usage usage = usage_now();
        struct status_sample sample = {
                .wall = loop_wall(status->loop),
                .cores = (usage.cpu_seconds - status->cpu_seconds) * (double)NSEC_PER_SEC /
                         (double)(now - status->stepped_at),
                .memory = usage.resident_bytes,
                .level = stats.level,
                .final_delay = (double)stats.final_delay / (double)NSEC_PER_SEC,
                .backlog_seconds = stats.backlog_seconds,
                .n_sessions = sessions_count(hub),
        };

        streams_count(hub, &sample);
        status_history_add(&status->history, &sample);
        status->stepped_at = now;
        status->cpu_seconds = usage.cpu_seconds;
}

void status_answer_history(const struct status *status, struct exchange *exchange) {
        if (parameters_none(exchange))
                reply_json(exchange, 200, status_history_json(&status->history), NULL);
}

// --- what is heard ---------------------------------------------------------------------------

static json_t *load_json(const struct hub *hub) {
        struct scheduler_stats stats = scheduler_stats(hub_parts(hub)->scheduler);

        return json_pack(
                "{s:s, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o}}", "level",
                load_level_name(stats.level), "final_delay", reply_seconds(stats.final_delay),
                "partial_interval", reply_seconds(stats.partial_interval), "backlog", "windows",
                count_json(stats.n_final - stats.n_file), "file_windows",
                count_json(stats.n_file), "seconds", reply_number(stats.backlog_seconds),
                "windows_on_disk", count_json(stats.n_spooled), "disk_bytes",
                count_json(stats.spool_bytes));
}

static json_t *stream_json(const struct hub_stream *stream) {
        struct stream_notice notice = stream_state(stream->stream);

        return json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:b, s:o}", "name",
                         reply_string(stream_name(stream->stream)), "kind",
                         stream_source(stream->stream) ? "pulled" : "pushed", "dialect",
                         stream->session ? stream->session->reader->name : "", "state",
                         notice.state, "reason", reply_string(notice.reason), "since",
                         reply_time(stream_since(stream->stream)), "is_speaking",
                         stream_is_speaking(stream->stream), "backlog",
                         count_json(stream_backlog(stream->stream)));
}

static json_t *streams_json(const struct hub *hub) {
        json_t *list = json_array();

        for (const struct hub_stream *stream = hub_first(hub); stream;
             stream = hub_next(hub, stream))
                json_array_append_new(list, stream_json(stream));
        return list;
}

// How many there are of each dialect.
static json_t *sessions_json(const struct hub *hub) {
        json_t *json = json_object();

        for (const struct hub_session *session = hub_first_session(hub); session;
             session = hub_next_session(session))
                json_object_set_new(json, session->reader->name,
                                    count_json(session->reader->n_present));
        return json;
}

// --- what is kept, and handed on -------------------------------------------------------------

// A text that is empty while all is well.
static const char *health_of(const char *trouble) {
        return trouble[0] ? "trouble" : "ok";
}

static json_t *journal_json(const struct journal *journal) {
        struct journal_state state;

        if (!journal)
                return json_null();
        journal_state(journal, &state);
        return json_pack("{s:s, s:o, s:o, s:o, s:o}", "state",
                         state.can_write ? "ok" : "trouble", "reason",
                         reply_string(state.trouble), "rows_waiting",
                         count_json(state.n_waiting), "rows_lost", count_json(state.n_lost),
                         "bytes", count_json(state.file_bytes));
}

static json_t *archive_json(const struct archive *archive) {
        struct archive_state state;

        if (!archive)
                return json_null();
        archive_state(archive, &state);
        return json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", health_of(state.trouble),
                         "reason", reply_string(state.trouble), "files",
                         count_json(state.n_files), "bytes", count_json(state.n_bytes),
                         "seconds_lost", reply_number((double)state.samples_lost / AUDIO_RATE));
}

static json_t *transcriptions_json(const struct transcriptions *all) {
        struct transcriptions_figures figures;
        json_t *json;

        if (!all)
                return json_null();
        figures = transcriptions_figures(all);
        json = json_pack("{s:s, s:s, s:o}", "state", health_of(figures.trouble), "reason",
                         figures.trouble, "bytes", count_json(figures.bytes));
        for (int i = 0; i < TRANSCRIPTION_STATES; i++)
                json_object_set_new(json, transcription_state_name((enum transcription_state)i),
                                    count_json(figures.n[i]));
        return json;
}

static json_t *sink_json(const struct sink_state *state) {
        return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "name", state->name, "type",
                         state->type, "state", sink_health_names[state->health], "reason",
                         reply_string(state->trouble), "lag_rows", count_json(state->lag_rows),
                         "lag_seconds", reply_number(state->lag_seconds), "rows_set_aside",
                         count_json(state->n_set_aside));
}

static json_t *sinks_json(const struct sinks *sinks) {
        json_t *list = json_array();

        for (size_t i = 0; sinks && i < sinks_count(sinks); i++) {
                struct sink_state state;

                sinks_get(sinks, i, &state);
                json_array_append_new(list, sink_json(&state));
        }
        return list;
}

static json_t *alerts_json(const struct alerts *alerts) {
        json_t *list = json_array();
        struct alert_figures figures;

        for (size_t i = 0; alerts && alerts_figures(alerts, i, &figures); i++)
                json_array_append_new(list, json_pack("{s:s, s:o}", "name", figures.name,
                                                      "fired", count_json(figures.n_fired)));
        return list;
}

// --- the process -----------------------------------------------------------------------------

static json_t *memory_json(const struct budget *budget, const struct usage *usage) {
        json_t *used = json_object();

        for (int kind = 0; kind < BUDGET_KIND_COUNT; kind++)
                json_object_set_new(used, budget_kind_name(kind),
                                    count_json(budget_used(budget, kind)));
        return json_pack("{s:o, s:o, s:o, s:o}", "resident",
                         count_json((uint64_t)usage->resident_bytes), "heap",
                         count_json((uint64_t)usage->heap_used_bytes), "budget",
                         count_json(budget_total(budget)), "budget_used", used);
}

static json_t *processor_json(const struct status *status, const struct usage *usage) {
        const struct status_sample *last = status_history_last(&status->history);

        return json_pack("{s:o, s:o}", "seconds", reply_number(usage->cpu_seconds), "cores",
                         last ? reply_number(last->cores) : json_null());
}

static json_t *descriptors_json(const struct usage *usage) {
        return json_pack("{s:o, s:o}", "open", count_json((uint64_t)usage->descriptors),
                         "limit",
                         isfinite(usage->descriptor_limit)
                                 ? count_json((uint64_t)usage->descriptor_limit)
                                 : json_null());
}

// --- all of it -------------------------------------------------------------------------------

// How the server is, in a word and, where it is not well, a page's line.
static void health_set(json_t *json, const struct api_view *view) {
        const char *state = "ok", *line = "";

        if (view->is_stopping) {
                state = "stopping";
                line = "what was heard is made text; nobody new is let in";
        } else if (view->busy) {
                state = "busy";
                line = view->busy;
        } else if (view->trouble) {
                state = "trouble";
                line = view->trouble;
        }
        json_object_set_new(json, "state", json_string(state));
        json_object_set_new(json, "reason", json_stringn(line, strcspn(line, "\n")));
}

static void process_set(json_t *json, const struct status *status, const struct hub *hub) {
        struct usage usage = usage_now();

        json_object_set_new(json, "memory", memory_json(hub_parts(hub)->budget, &usage));
        json_object_set_new(json, "processor", processor_json(status, &usage));
        json_object_set_new(json, "descriptors", descriptors_json(&usage));
        json_object_set_new(json, "media_children", json_integer(source_children()));
}

void status_answer(const struct status *status, struct exchange *exchange,
                   const struct api_view *view) {
        const struct metrics_sources *figures = &view->figures;
        json_t *json;

        if (!parameters_none(exchange))
                return;
        json = json_pack("{s:s, s:i, s:o, s:o}", "version", EAVESDROP_VERSION, "process",
                         (int)getpid(), "started", reply_time(status->wall), "uptime",
                         reply_seconds(loop_now(status->loop) - status->begin));
        health_set(json, view);
        json_object_set_new(json, "load", load_json(figures->hub));
        json_object_set_new(json, "streams", streams_json(figures->hub));
        json_object_set_new(json, "sessions", sessions_json(figures->hub));
        json_object_set_new(json, "connections", count_json(figures->n_connections));
        json_object_set_new(json, "journal", journal_json(figures->journal));
        json_object_set_new(json, "archive", archive_json(figures->archive));
        json_object_set_new(json, "transcriptions",
                            transcriptions_json(figures->transcriptions));
        json_object_set_new(json, "sinks", sinks_json(figures->sinks));
        json_object_set_new(json, "alerts", alerts_json(figures->alerts));
        process_set(json, status, figures->hub);
        reply_json(exchange, 200, json, NULL);
}

// --- life ------------------------------------------------------------------------------------

struct status *status_new(struct loop *loop) {
        struct status *status = xnew(struct status);

        status->loop = loop;
        status->wall = loop_wall(loop);
        status->begin = status->stepped_at = loop_now(loop);
        status->cpu_seconds = usage_now().cpu_seconds;
        return status;
}

struct status *status_free(struct status *status) {
        return mem_free(status);
}
