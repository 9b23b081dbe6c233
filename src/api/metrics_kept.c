#include "api/metrics_kept.h"

#include "alert/alerts.h"
#include "audio/pcm.h"
#include "journal/archive.h"
#include "journal/journal.h"
#include "sink/sink.h"
#include "transcription/transcriptions.h"

static void rows_write(struct metrics *metrics, const struct journal_state *state) {
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_journal_rows_total",
                       "Rows that were written, by kind.");
        for (int kind = 0; kind < ROW_KINDS; kind++)
                metrics_value(metrics, METRICS_LABELS({"kind", row_kind_names[kind]}),
                              (double)state->n_written[kind]);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_journal_rows_lost_total",
                       "Rows that were given up since too many waited for the disk.",
                       (double)state->n_lost);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_journal_rows_removed_total",
                       "Rows that were removed for their age, or for want of room.",
                       (double)state->n_removed);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_journal_rows_damaged_total",
                       "Rows whose checksum was wrong when they were read.",
                       (double)state->n_damaged);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_journal_rows_waiting",
                       "Rows that are not written yet.", (double)state->n_waiting);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_journal_waiting_bytes",
                       "Memory that rows which are not written yet take.",
                       (double)state->waiting_bytes);
}

static void journal_write(struct metrics *metrics, const struct journal *journal) {
        struct journal_state state;

        journal_state(journal, &state);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_journal_up",
                       "1 while the journal can be written, else 0.", state.can_write);
        rows_write(metrics, &state);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_journal_commits_total",
                       "Groups of rows that were committed.", (double)state.n_commits);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_journal_commit_seconds_total",
                       "Time that all commits took together.", state.commit_seconds);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_journal_bytes",
                       "Size of the journal's database.", (double)state.file_bytes);
}

static void archive_write(struct metrics *metrics, const struct archive *archive) {
        struct archive_state state;

        archive_state(archive, &state);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_archive_bytes",
                       "Size of all sound that is kept.", (double)state.n_bytes);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_archive_kept_seconds_total",
                       "Sound that was kept.", (double)state.samples_kept / AUDIO_RATE);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_archive_lost_seconds_total",
                       "Sound that was to be kept and was not: the disk, or the processor, was "
                       "not fast enough.",
                       (double)state.samples_lost / AUDIO_RATE);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_archive_encode_seconds_total",
                       "Processor time that encoding took.",
                       (double)state.encode_nanoseconds / (double)NSEC_PER_SEC);
}

static void alerts_write(struct metrics *metrics, const struct alerts *alerts) {
        struct alert_figures figures;

        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_alerts_total",
                       "How often the alert fired.");
        for (size_t i = 0; alerts_figures(alerts, i, &figures); i++)
                metrics_value(metrics, METRICS_LABELS({"alert", figures.name}),
                              (double)figures.n_fired);
        metrics_single(metrics, METRICS_COUNTER, "eavesdrop_alert_patterns_limited_total",
                       "How often a pattern ran into its limit and did not match for that.",
                       (double)alerts_limited(alerts));
}

static void transcriptions_write(struct metrics *metrics, const struct transcriptions *all) {
        struct transcriptions_figures figures = transcriptions_figures(all);

        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_transcriptions_up",
                       "1 while files are taken to be made text, else 0.", !figures.trouble[0]);
        metrics_family(metrics, METRICS_GAUGE, "eavesdrop_transcriptions",
                       "Files that were brought to be made text, by state.");
        for (int i = 0; i < TRANSCRIPTION_STATES; i++)
                metrics_value(metrics,
                              METRICS_LABELS({"state", transcription_state_name(
                                                               (enum transcription_state)i)}),
                              (double)figures.n[i]);
        metrics_family(metrics, METRICS_COUNTER, "eavesdrop_transcriptions_total",
                       "Files that became text, or failed to.");
        metrics_value(metrics, METRICS_LABELS({"end", "done"}), (double)figures.n_done);
        metrics_value(metrics, METRICS_LABELS({"end", "failed"}), (double)figures.n_failed);
        metrics_single(metrics, METRICS_GAUGE, "eavesdrop_transcriptions_bytes",
                       "Size of the files that wait, and of results.", (double)figures.bytes);
}

// --- sinks -----------------------------------------------------------------------------------

// A family with a line for each sink.
static void sinks_family(struct metrics *metrics, const struct sinks *sinks,
                         enum metrics_type type, const char *name, const char *help,
                         double (*value)(const struct sink_state *state)) {
        metrics_family(metrics, type, name, help);
        for (size_t i = 0; i < sinks_count(sinks); i++) {
                struct sink_state state;

                sinks_get(sinks, i, &state);
                metrics_value(metrics,
                              METRICS_LABELS({"sink", state.name}, {"type", state.type}),
                              value(&state));
        }
}

static double sink_is_up(const struct sink_state *state) {
        return state->health == SINK_WELL;
}

static double sink_lag_rows(const struct sink_state *state) {
        return (double)state->lag_rows;
}

static double sink_lag_seconds(const struct sink_state *state) {
        return state->lag_seconds;
}

static double sink_delivered(const struct sink_state *state) {
        return (double)state->n_delivered;
}

static double sink_retries(const struct sink_state *state) {
        return (double)state->n_retries;
}

static double sink_set_aside(const struct sink_state *state) {
        return (double)state->n_set_aside;
}

static double sink_lost(const struct sink_state *state) {
        return (double)state->n_lost;
}

static void sinks_write(struct metrics *metrics, const struct sinks *sinks) {
        sinks_family(metrics, sinks, METRICS_GAUGE, "eavesdrop_sink_up",
                     "1 while the sink takes what it is given, else 0.", sink_is_up);
        sinks_family(metrics, sinks, METRICS_GAUGE, "eavesdrop_sink_lag_rows",
                     "Rows of the journal that the sink has not taken, at most.",
                     sink_lag_rows);
        sinks_family(metrics, sinks, METRICS_GAUGE, "eavesdrop_sink_lag_seconds",
                     "Age of the oldest row that the sink has not taken.", sink_lag_seconds);
        sinks_family(metrics, sinks, METRICS_COUNTER, "eavesdrop_sink_delivered_total",
                     "Rows that the sink acknowledged.", sink_delivered);
        sinks_family(metrics, sinks, METRICS_COUNTER, "eavesdrop_sink_retries_total",
                     "Sends that had to be made again.", sink_retries);
        sinks_family(metrics, sinks, METRICS_COUNTER, "eavesdrop_sink_set_aside_total",
                     "Rows that the sink refused for good.", sink_set_aside);
        sinks_family(metrics, sinks, METRICS_COUNTER, "eavesdrop_sink_lost_total",
                     "Rows that the journal removed before the sink took them.", sink_lost);
}

void metrics_kept_write(struct metrics *metrics, const struct metrics_sources *sources) {
        if (sources->journal)
                journal_write(metrics, sources->journal);
        if (sources->archive)
                archive_write(metrics, sources->archive);
        if (sources->alerts)
                alerts_write(metrics, sources->alerts);
        if (sources->transcriptions)
                transcriptions_write(metrics, sources->transcriptions);
        if (sources->sinks && sinks_count(sources->sinks) > 0)
                sinks_write(metrics, sources->sinks);
}
