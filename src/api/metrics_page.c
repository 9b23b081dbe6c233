#include "api/metrics_page.h"

#include <math.h>

#include "api/metrics_kept.h"
#include "audio/pcm.h"
#include "decode/scheduler.h"
#include "dialect/dialects.h"
#include "transcription/transcription_run.h"
#include "util/budget.h"
#include "util/metrics.h"
#include "util/usage.h"

static const char *const kind_names[] = {
        [JOB_PARTIAL] = "partial",
        [JOB_FINAL] = "final",
        [JOB_FILE] = "file",
};

// --- decoding --------------------------------------------------------------------------------

static void kinds_write(struct metrics *metrics, const struct scheduler_counts *counts) {
        metrics_family(metrics, METRICS_HISTOGRAM, "eavesdrop_queue_delay_seconds",
                       "How long windows waited for the engine.");
        for (size_t i = 0; i < JOB_KIND_COUNT; i++)
                metrics_histogram(metrics, METRICS_LABELS({"kind", kind_names[i]}),
                                  &histogram_seconds, &counts->kinds[i].queue_seconds);
        metrics_family(metrics, METRICS_HISTOGRAM, "eavesdrop_decode_seconds",
                       "How long windows were in the engine.");
        for (size_t i = 0; i < JOB_KIND_COUNT; i++)
                metrics_histogram(metrics, METRICS_LABELS({"kind", kind_names[i]}),
                                  &histogram_seconds, &counts->kinds[i].decode_seconds);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_audio_decoded_seconds_total",
                       "Sound that was decoded; partial text decodes it again and again.");
        for (size_t i = 0; i < JOB_KIND_COUNT; i++)
                metrics_value(metrics, METRICS_LABELS({"kind", kind_names[i]}),
                              counts->kinds[i].audio_seconds);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_decode_failures_total",
                       "Windows that could not be decoded.");
        for (size_t i = 0; i < JOB_KIND_COUNT; i++)
                metrics_value(metrics, METRICS_LABELS({"kind", kind_names[i]}),
                              (double)counts->kinds[i].n_failed);
}

static void filters_write(struct metrics *metrics, const struct filter_counts *counts) {
        static const enum filter refusing[] = {FILTER_NO_SPEECH, FILTER_COMPRESSION_RATIO,
                                               FILTER_REPETITION, FILTER_WORDS_PER_SECOND};
        static const enum filter retrying[] = {FILTER_LOG_PROB, FILTER_COMPRESSION_RATIO};

        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_filter_refusals_total",
                       "Windows (no_speech) and segments whose text was refused.");
        for (size_t i = 0; i < sizeof(refusing) / sizeof(refusing[0]); i++)
                metrics_value(metrics, METRICS_LABELS({"filter", filter_name(refusing[i])}),
                              (double)counts->n_refused[refusing[i]]);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_filter_retries_total",
                       "Attempts at a window that were given up for a higher temperature.");
        for (size_t i = 0; i < sizeof(retrying) / sizeof(retrying[0]); i++)
                metrics_value(metrics, METRICS_LABELS({"filter", filter_name(retrying[i])}),
                              (double)counts->n_retried[retrying[i]]);
}

// Each level is a line, so that a graph can stack them; one of them is 1.
static void load_write(struct metrics *metrics, const struct scheduler_counts *counts,
                       const struct scheduler_stats *stats) {
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_load_level",
                       "1 for the present level of load, else 0.");
        for (int level = 0; level < LOAD_LEVEL_COUNT; level++)
                metrics_value(metrics, METRICS_LABELS({"level", load_level_name(level)}),
                              (int)stats->level == level);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_load_level_entered_total",
                       "How often a level of load was entered from a lower one.");
        for (int level = LOAD_SLOWED; level < LOAD_LEVEL_COUNT; level++)
                metrics_value(metrics, METRICS_LABELS({"level", load_level_name(level)}),
                              (double)counts->n_levels[level]);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_partial_interval_seconds",
                       "How long a stream waits from one partial text to the next.",
                       (double)stats->partial_interval / (double)NSEC_PER_SEC);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_final_delay_seconds",
                       "How long the oldest live window has been waiting for the engine.",
                       (double)stats->final_delay / (double)NSEC_PER_SEC);
}

static void backlog_write(struct metrics *metrics, const struct scheduler_counts *counts,
                          const struct scheduler_stats *stats) {
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_backlog_finals",
                       "Windows that are closed and not yet text.");
        metrics_value(metrics, METRICS_LABELS({"kind", "final"}),
                      (double)(stats->n_final - stats->n_file));
        metrics_value(metrics, METRICS_LABELS({"kind", "file"}), (double)stats->n_file);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_backlog_audio_seconds",
                       "Sound of the windows that are closed and not yet text.",
                       stats->backlog_seconds);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_finals_spooled",
                       "Windows of the backlog whose sound is on disk.",
                       (double)stats->n_spooled);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_spool_bytes",
                       "Bytes on disk that the sound of the backlog takes.",
                       (double)stats->spool_bytes);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_finals_spooled_total",
                       "Windows whose sound went to disk.", (double)counts->n_spooled);
}

static void decoding_write(struct metrics *metrics, struct scheduler *scheduler) {
        const struct scheduler_counts *counts = scheduler_counts(scheduler);
        struct scheduler_stats stats = scheduler_stats(scheduler);

        kinds_write(metrics, counts);
        filters_write(metrics, &counts->filters);
        metrics_family(metrics, METRICS_HISTOGRAM, "eavesdrop_batch_jobs",
                       "Windows that were in the engine together, at each of its steps.");
        metrics_histogram(metrics, NULL, &histogram_jobs, &counts->engine_steps);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_partials_coalesced_total",
                       "Partial windows that a newer one of their stream replaced.",
                       (double)counts->n_coalesced);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_partials_shed_total",
                       "Partial windows that were not decoded to spare the engine.",
                       (double)counts->n_shed);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_partials_promoted_total",
                       "Partial answers that became final, with nothing decoded again.",
                       (double)counts->n_promoted);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_jobs_searched_total",
                       "Windows decoded with beams since there was time for it.",
                       (double)counts->n_searched);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_retries_given_up_total",
                       "Live windows whose doubtful text stands since what may be spent on "
                       "retries was spent.",
                       (double)counts->n_given_up);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_jobs_cancelled_total",
                       "Windows that were given up after the engine had taken them.",
                       (double)counts->n_cancelled);
        load_write(metrics, counts, &stats);
        backlog_write(metrics, counts, &stats);
}

// --- streams ---------------------------------------------------------------------------------

static void sound_write(struct metrics *metrics, const struct stream_counts *counts) {
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_audio_received_seconds_total",
                       "Sound that arrived, of all streams and clients.",
                       (double)counts->samples_in / AUDIO_RATE);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_audio_silent_seconds_total",
                       "Sound that was never decoded since nobody spoke.",
                       (double)counts->samples_silent / AUDIO_RATE);
}

#define FOR_EACH_PULLED(stream, hub)                                          \
        for (const struct hub_stream *stream = hub_first_pulled(hub); stream; \
             stream = hub_next_pulled(stream))

static void states_write(struct metrics *metrics, const struct hub *hub) {
        size_t n[SOURCE_STATE_COUNT] = {0};

        FOR_EACH_PULLED (stream, hub)
                n[source_state(stream_source(stream->stream))]++;
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_streams",
                       "Configured streams by their state.");
        for (int i = 0; i < SOURCE_STATE_COUNT; i++)
                metrics_value(metrics, METRICS_LABELS({"state", source_state_name(i)}),
                              (double)n[i]);
}

static void restarts_write(struct metrics *metrics, const struct hub *hub) {
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_source_restarts_total",
                       "Runs of what reads streams that were begun again, by what ended the "
                       "last one.");
        for (int cause = 0; cause < SOURCE_CAUSE_COUNT; cause++) {
                double sum = 0;

                FOR_EACH_PULLED (stream, hub)
                        sum += source_restarts_by(stream_source(stream->stream), cause);
                metrics_value(metrics, METRICS_LABELS({"reason", source_cause_name(cause)}),
                              sum);
        }
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_stream_restarts_total",
                       "Runs of what reads the stream that were begun again, by stream.");
        FOR_EACH_PULLED (stream, hub)
                metrics_value(metrics, METRICS_LABELS({"stream", stream_name(stream->stream)}),
                              source_restarts(stream_source(stream->stream)));
}

// One that is not online has none.
static void levels_write(struct metrics *metrics, const struct hub *hub) {
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_stream_level_dbfs",
                       "Level (RMS) of the last second of the configured stream's sound, in "
                       "decibels below full scale; -100 is silence.");
        FOR_EACH_PULLED (stream, hub) {
                double level = stream_level(stream->stream).rms;

                if (!isnan(level))
                        metrics_value(metrics,
                                      METRICS_LABELS({"stream", stream_name(stream->stream)}),
                                      level);
        }
}

static void streams_write(struct metrics *metrics, const struct hub *hub) {
        states_write(metrics, hub);
        restarts_write(metrics, hub);
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_stream_online",
                       "1 while sound of the configured stream arrives, else 0.");
        FOR_EACH_PULLED (stream, hub)
                metrics_value(metrics, METRICS_LABELS({"stream", stream_name(stream->stream)}),
                              source_state(stream_source(stream->stream)) == SOURCE_ONLINE);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_stream_audio_seconds_total",
                       "Sound of the configured stream that arrived.");
        FOR_EACH_PULLED (stream, hub)
                metrics_value(metrics, METRICS_LABELS({"stream", stream_name(stream->stream)}),
                              (double)stream_position(stream->stream) / AUDIO_RATE);
        levels_write(metrics, hub);
}

// --- readers ---------------------------------------------------------------------------------

#define FOR_EACH_DIALECT(name) for (size_t i_ = 0; (name = dialects_name(i_)); i_++)

// Clients of no dialect: the API's, and files that are being made text.
static const char *const other_readers[] = {"events", "listen", TRANSCRIPTION_READER};

static void present_write(struct metrics *metrics, struct hub *hub, const char *name) {
        metrics_value(metrics, METRICS_LABELS({"dialect", name}),
                      (double)hub_reader(hub, name)->n_present);
}

static void sessions_write(struct metrics *metrics, struct hub *hub, size_t n_connections) {
        const struct hub_counts *counts = hub_counts(hub);
        const char *name;

        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_sessions",
                       "Clients that are connected, by dialect.");
        present_write(metrics, hub, HUB_READER_UNKNOWN);
        FOR_EACH_DIALECT (name)
                present_write(metrics, hub, name);
        for (size_t i = 0; i < sizeof(other_readers) / sizeof(other_readers[0]); i++)
                present_write(metrics, hub, other_readers[i]);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_sessions_total",
                       "Clients that were set up, by dialect.");
        FOR_EACH_DIALECT (name)
                metrics_value(metrics, METRICS_LABELS({"dialect", name}),
                              (double)hub_reader(hub, name)->n_sessions);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_sessions_refused_total",
                       "Clients that were sent away: the server was too far behind, or what "
                       "they asked for made no sense.");
        metrics_value(metrics, METRICS_LABELS({"reason", "busy"}),
                      (double)counts->n_refused_busy);
        metrics_value(metrics, METRICS_LABELS({"reason", "invalid"}),
                      (double)counts->n_refused_invalid);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_sessions_warned_total",
                       "Clients that were told that text comes late.",
                       (double)counts->n_warned);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_connections",
                       "Open connections, whatever for.", (double)n_connections);
}

static void certificate_write(struct metrics *metrics, int64_t expiry) {
        if (expiry)
                metrics_single(metrics, METRICS_GAUGE,
                               "eavesdrop_tls_certificate_expiry_timestamp_seconds",
                               "Unix time at which the port's certificate ends.",
                               (double)expiry);
}

static void uploads_write(struct metrics *metrics, const struct upload_slots *slots) {
        struct upload_slots_counts counts = upload_slots_counts(slots);

        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_uploads",
                       "Files that clients upload: their bytes are coming, they wait for their "
                       "turn, or they are decoded.");
        metrics_value(metrics, METRICS_LABELS({"stage", "coming"}), (double)counts.n_coming);
        metrics_value(metrics, METRICS_LABELS({"stage", "waiting"}), (double)counts.n_asking);
        metrics_value(metrics, METRICS_LABELS({"stage", "decoded"}), (double)counts.n_decoded);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_upload_turns_total",
                       "Uploads whose turn to be decoded has come.", (double)counts.n_turns);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_uploads_refused_total",
                       "Uploads that were sent away since all places were taken.",
                       (double)counts.n_refused);
}

static void updates_write(struct metrics *metrics, struct hub *hub, const char *name) {
        metrics_value(metrics, METRICS_LABELS({"observer", name}),
                      (double)hub_reader(hub, name)->observers.n_updates);
}

static void bytes_write(struct metrics *metrics, struct hub *hub, const char *name) {
        metrics_value(metrics, METRICS_LABELS({"observer", name}),
                      (double)hub_reader(hub, name)->observers.n_bytes);
}

static void observers_write(struct metrics *metrics, struct hub *hub) {
        const char *name;

        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_observer_updates_total",
                       "Changes of text that were handed to readers of this kind.");
        FOR_EACH_DIALECT (name)
                updates_write(metrics, hub, name);
        updates_write(metrics, hub, HUB_READER_LOG);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_observer_bytes_total",
                       "Bytes of messages to readers of this kind, before compression.");
        bytes_write(metrics, hub, HUB_READER_UNKNOWN);
        FOR_EACH_DIALECT (name)
                bytes_write(metrics, hub, name);
        bytes_write(metrics, hub, HUB_READER_LOG);
}

// --- the process -----------------------------------------------------------------------------

static void budget_write(struct metrics *metrics, const struct budget *budget) {
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_budget_bytes",
                       "Memory that all that peers send may take together.",
                       (double)budget_total(budget));
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_budget_used_bytes",
                       "What of it is taken.");
        for (int kind = 0; kind < BUDGET_KIND_COUNT; kind++)
                metrics_value(metrics, METRICS_LABELS({"kind", budget_kind_name(kind)}),
                              (double)budget_used(budget, kind));
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_budget_refusals_total",
                       "What was refused since nothing was left of it.");
        for (int kind = 0; kind < BUDGET_KIND_COUNT; kind++)
                metrics_value(metrics, METRICS_LABELS({"kind", budget_kind_name(kind)}),
                              (double)budget_refusals(budget, kind));
}

static void loop_write(struct metrics *metrics, const struct loop *loop) {
        metrics_family(metrics, METRICS_HISTOGRAM, "eavesdrop_loop_turn_seconds",
                       "How long the loop worked without looking for what came meanwhile.");
        metrics_histogram(metrics, NULL, &histogram_turns, loop_turns(loop));
}

static void process_write(struct metrics *metrics) {
        struct usage usage = usage_now();

        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_resident_memory_bytes",
                       "Memory that the process holds, without its children.",
                       usage.resident_bytes);
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_heap_bytes",
                       "Memory that malloc has handed out, and that it keeps for later.");
        metrics_value(metrics, METRICS_LABELS({"state", "used"}), usage.heap_used_bytes);
        metrics_value(metrics, METRICS_LABELS({"state", "free"}), usage.heap_free_bytes);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_cpu_seconds_total",
                       "Processor time that the process used, without its children.",
                       usage.cpu_seconds);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_open_descriptors",
                       "Open files, sockets and pipes.", usage.descriptors);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_descriptors_limit",
                       "How many may be open.", usage.descriptor_limit);
        metrics_single(
                metrics, METRICS_GAUGE, "eavesdrop_media_children",
                "Children that live and read media, each of them one stream, file or upload.",
                source_children());
}

char *metrics_page(const struct metrics_sources *sources, size_t *ret_n) {
        const struct hub_parts *parts = hub_parts(sources->hub);
        struct metrics *metrics = metrics_new();

        decoding_write(metrics, parts->scheduler);
        sound_write(metrics, &hub_counts(sources->hub)->streams);
        streams_write(metrics, sources->hub);
        sessions_write(metrics, sources->hub, sources->n_connections);
        certificate_write(metrics, sources->certificate_expiry);
        uploads_write(metrics, parts->uploads->slots);
        observers_write(metrics, sources->hub);
        metrics_kept_write(metrics, sources);
        budget_write(metrics, parts->budget);
        loop_write(metrics, parts->loop);
        process_write(metrics);
        return metrics_finish(metrics, ret_n);
}
