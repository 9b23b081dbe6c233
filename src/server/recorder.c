#include "server/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "journal/archive.h"
#include "journal/journal.h"
#include "server/relay.h"
#include "sink/sink.h"
#include "util/log.h"
#include "util/mem.h"

struct recorder {
        struct loop *loop;
        const struct config *config;
        struct hub *hub;  // that the sinks are told of; NULL: not yet
        struct journal *journal;
        struct archive *archive;
        struct alerts *alerts;
        struct sinks *sinks;
        struct sink_config *sink_configs;  // as configured, but for paths
        size_t n_sinks;
        struct relay *relay;
        struct row_ids ids;
        struct journaling_services journaling;
};

// --- alerts ----------------------------------------------------------------------------------

static void alert_on_fired(void *context, struct row *row, uint8_t ret_id[ROW_ID_BYTES]) {
        struct recorder *recorder = context;

        row_id_make(&recorder->ids, loop_wall(recorder->loop) / NSEC_PER_MSEC, row->id);
        memcpy(ret_id, row->id, sizeof(row->id));
        log_info(row->stream, "alert", "alert '%s' %s: %s", row->alert,
                 row_phase_names[row->phase], row->found);
        journal_append(recorder->journal, row, NULL, NULL);
}

static void recorder_on_segment(void *context, const struct row *segment) {
        const struct recorder *recorder = context;

        alerts_on_segment(recorder->alerts, segment);
}

static bool recorder_wants_stable(void *context) {
        const struct recorder *recorder = context;

        return alerts_want_stable(recorder->alerts);
}

static void recorder_on_stable(void *context, const struct row *tail) {
        const struct recorder *recorder = context;

        alerts_on_stable(recorder->alerts, tail);
}

static void recorder_on_break(void *context, const char *name) {
        const struct recorder *recorder = context;

        alerts_on_break(recorder->alerts, name);
}

// Each was checked before.
void recorder_set_alerts(struct recorder *recorder, const struct alert_config *alerts,
                         size_t n) {
        struct error error = {0};

        if (alerts_set(recorder->alerts, alerts, n, &error) < 0)
                log_error("server", "alerts-kept", "the alerts stay as they were: %s",
                          error.text);
}

// --- what is asked for -----------------------------------------------------------------------

// Whether any stream wants that: text to be kept, or sound.
static void wishes_of(const struct config *config, bool *ret_text, bool *ret_sound) {
        // Calls are kept.
        *ret_text = config->defaults.has_journal &&
                    (config->journal.has_sessions || config->listeners.audiosocket);
        *ret_sound = *ret_text && config->defaults.has_archive;
        for (size_t i = 0; i < config->n_streams; i++) {
                CLEANUP(request_defaults_deinit)
                struct request_defaults defaults =
                        config_stream_defaults(config, &config->streams[i]);

                *ret_text |= defaults.has_journal;
                *ret_sound |= defaults.has_archive;
        }
}

static int journal_start(struct recorder *recorder, const struct config *config,
                         const char *folder, struct error *error) {
        const struct journal_config wanted = {
                .folder = folder,
                .keep_age = config->journal.keep_age,
                .keep_bytes = config->journal.keep_bytes,
        };
        int r = journal_open(&recorder->journal, recorder->loop, &wanted, error);

        if (r < 0)
                return r;
        recorder->journaling = (struct journaling_services){
                .loop = recorder->loop,
                .journal = recorder->journal,
                .ids = &recorder->ids,
                .model = config->model,
                .has_sessions = config->journal.has_sessions,
                .on_segment = recorder_on_segment,
                .wants_stable = recorder_wants_stable,
                .on_stable = recorder_on_stable,
                .on_break = recorder_on_break,
                .context = recorder,
        };
        return 0;
}

static int archive_start(struct recorder *recorder, const struct config *config,
                         const char *folder, struct error *error) {
        const struct archive_config wanted = {
                .folder = folder,
                .keep_age = config->journal.sound_age,
                .keep_bytes = config->journal.sound_bytes,
        };

        return archive_open(&recorder->archive, recorder->loop, &wanted, error);
}

// A relative path starts from the state folder.
static void sinks_start(struct recorder *recorder, const struct config *config,
                        const char *folder) {
        recorder->n_sinks = config->n_sinks;
        recorder->sink_configs = xcalloc(config->n_sinks, sizeof(*recorder->sink_configs));
        for (size_t i = 0; i < config->n_sinks; i++) {
                struct sink_config *sink = &recorder->sink_configs[i];

                *sink = config->sinks[i];
                if (sink->path)
                        sink->path = sink->path[0] == '/'
                                             ? xstrdup(sink->path)
                                             : xasprintf("%s/%s", folder, sink->path);
        }
        recorder->sinks = sinks_open(recorder->loop, recorder->journal, recorder->sink_configs,
                                     recorder->n_sinks);
}

static void warn_of_idle(const struct config *config) {
        if (config->n_sinks > 0)
                log_warning("server", "nothing-journaled",
                            "nothing is journaled, so that the sinks have nothing to tell: add "
                            "a stream, or set journal.sessions");
        if (config->n_alerts > 0)
                log_warning("server", "nothing-journaled",
                            "nothing is journaled, so that no alert fires: add a stream, or "
                            "set journal.sessions");
}

static void relay_start(struct recorder *recorder) {
        if (recorder->sinks && recorder->hub && !recorder->relay)
                recorder->relay = relay_new(recorder->hub, recorder->sinks);
}

static int text_start(struct recorder *recorder, const char *folder, struct error *error) {
        const struct config *config = recorder->config;
        int r = journal_start(recorder, config, folder, error);

        if (r < 0)
                return r;
        sinks_start(recorder, config, folder);
        relay_start(recorder);
        return 0;
}

int recorder_prepare(struct recorder *recorder, bool has_text, bool has_sound,
                     struct error *error) {
        CLEANUP(mem_freep) char *folder = config_state_dir(recorder->config);
        int r = 0;

        if (has_sound && !recorder->archive)
                r = archive_start(recorder, recorder->config, folder, error);
        if (r == 0 && has_text && !recorder->journal)
                r = text_start(recorder, folder, error);
        return r;
}

// --- what others see of it -------------------------------------------------------------------

const struct journaling_services *recorder_journaling(const struct recorder *recorder) {
        return recorder->journal ? &recorder->journaling : NULL;
}

struct archive *recorder_archive(const struct recorder *recorder) {
        return recorder->archive;
}

void recorder_watch(struct recorder *recorder, struct hub *hub) {
        recorder->hub = hub;
        relay_start(recorder);
}

static struct journal_state journal_state_now(const struct recorder *recorder) {
        struct journal_state state = {.can_write = true};

        if (recorder->journal)
                journal_state(recorder->journal, &state);
        return state;
}

void recorder_tick(struct recorder *recorder) {
        if (recorder->archive && journal_state_now(recorder).is_full)
                archive_make_room(recorder->archive);
}

const char *recorder_trouble(const struct recorder *recorder) {
        return journal_state_now(recorder).can_write
                       ? NULL
                       : "ready, but text is not kept: the journal cannot be written (see the "
                         "log)\n";
}

void recorder_reopen(struct recorder *recorder) {
        if (recorder->sinks)
                sinks_reopen(recorder->sinks);
}

void recorder_describe(const struct recorder *recorder, struct metrics_sources *ret) {
        ret->journal = recorder->journal;
        ret->archive = recorder->archive;
        ret->alerts = recorder->alerts;
        ret->sinks = recorder->sinks;
}

void recorder_kept(const struct recorder *recorder, struct forget_place *ret) {
        ret->journal = recorder->journal;
        ret->archive = recorder->archive;
}

// --- life ------------------------------------------------------------------------------------

int recorder_open(struct recorder **ret, struct loop *loop, const struct config *config,
                  struct error *error) {
        CLEANUP(recorder_closep) struct recorder *recorder = xnew(struct recorder);
        bool has_text, has_sound;
        int r;

        recorder->loop = loop;
        recorder->config = config;
        r = alerts_new(&recorder->alerts, NULL, 0, alert_on_fired, recorder, error);
        if (r < 0)
                return r;
        wishes_of(config, &has_text, &has_sound);
        r = recorder_prepare(recorder, has_text, has_sound, error);
        if (r < 0)
                return r;
        if (!has_text)
                warn_of_idle(config);
        *ret = TAKE(recorder);
        return 0;
}

struct recorder *recorder_close(struct recorder *recorder) {
        if (!recorder)
                return NULL;
        recorder->relay = relay_free(recorder->relay);
        recorder->sinks = sinks_close(recorder->sinks);
        for (size_t i = 0; i < recorder->n_sinks; i++)
                free(recorder->sink_configs[i].path);
        free(recorder->sink_configs);
        recorder->alerts = alerts_free(recorder->alerts);
        // Text first, should the disk not answer.
        recorder->journal = journal_close(recorder->journal);
        recorder->archive = archive_close(recorder->archive);
        return mem_free(recorder);
}
