#include "load/live.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "audio/pcm.h"
#include "load/talker.h"
#include "util/mem.h"
#include "util/usage.h"

#define PROGRESS_INTERVAL (NSEC_PER_SEC / 2)

struct client {
        struct live *live;
        struct schedule *schedule;
        struct talker *talker;  // NULL before its turn, or when it could not dial
};

struct live {
        struct loop *loop;
        const struct live_config *config;
        const struct corpus *corpus;
        struct client *clients;
        size_t n_dialled, n_ready, n_unheard, n_spoken, n_over;
        nsec_t began;
        struct loop_timer *ramp, *progress;
        struct monitor *monitor;
        struct levels *levels;
        struct error undialled;  // why a client could not even dial
        bool was_interrupted;
};

// --- the clients' calls --------------------------------------------------------------------

// The server's CPU is counted while all who could come are talking.
static void live_monitor(struct live *live) {
        if (live->n_dialled == live->config->n_clients &&
            live->n_ready + live->n_unheard == live->config->n_clients && live->n_spoken == 0)
                monitor_begin(live->monitor);
}

static void client_on_ready(void *context) {
        struct client *client = context;

        client->live->n_ready++;
        live_monitor(client->live);
}

static void client_on_spoken(void *context) {
        struct client *client = context;

        if (client->live->n_spoken++ == 0)
                monitor_end(client->live->monitor);
}

static void live_count_over(struct live *live) {
        live->n_over++;
        live_monitor(live);
        if (live->n_over == live->config->n_clients)
                loop_stop(live->loop);
}

static void client_on_over(void *context) {
        struct client *client = context;
        struct live *live = client->live;

        if (talker_started(client->talker) == 0)
                live->n_unheard++;
        live_count_over(live);
}

// --- the run -------------------------------------------------------------------------------

static int client_dial(struct live *live, struct client *client, struct error *error) {
        const struct live_config *config = live->config;
        struct talker_config talker = {
                .url = config->url,
                .language = config->language,
                .model = config->model,
                .schedule = client->schedule,
                .vocabulary = live->corpus->vocabulary,
                .number = (uint32_t)live->n_dialled,
                .settle = (nsec_t)(config->settle_seconds * NSEC_PER_SEC),
                .drain = (nsec_t)(config->drain_seconds * NSEC_PER_SEC),
                .on_ready = client_on_ready,
                .on_spoken = client_on_spoken,
                .on_over = client_on_over,
                .context = client,
        };

        return talker_open(&client->talker, live->loop, &talker, error);
}

static void live_on_ramp(void *context) {
        struct live *live = context;
        double interval = live->config->ramp_seconds / (double)live->config->n_clients;
        struct client *client = &live->clients[live->n_dialled];
        int r = client_dial(live, client, &live->undialled);

        live->n_dialled++;
        if (r < 0) {
                live->n_unheard++;
                live_count_over(live);
        }
        if (live->n_dialled < live->config->n_clients)
                loop_timer_set(live->ramp, (nsec_t)(interval * NSEC_PER_SEC));
}

static void live_on_progress(void *context) {
        struct live *live = context;
        struct live_progress progress = {
                .n_clients = live->config->n_clients,
                .n_talking = live->n_ready - live->n_spoken,
                .n_over = live->n_over,
                .seconds = (double)(loop_now(live->loop) - live->began) / NSEC_PER_SEC,
        };

        for (size_t i = 0; i < live->n_dialled; i++)
                if (live->clients[i].talker)
                        progress.n_words += talker_screen(live->clients[i].talker)->finals.n;
        if (live->config->on_progress)
                live->config->on_progress(live->config->context, &progress);
        loop_timer_set(live->progress, PROGRESS_INTERVAL);
}

static void live_on_signal(void *context) {
        struct live *live = context;

        live->was_interrupted = true;
        loop_stop(live->loop);
}

static void live_turn(struct live *live) {
        struct loop_signal *interrupt =
                loop_signal_new(live->loop, SIGINT, live_on_signal, live);
        struct loop_signal *terminate =
                loop_signal_new(live->loop, SIGTERM, live_on_signal, live);

        live->began = loop_now(live->loop);
        live->ramp = loop_timer_new(live->loop, live_on_ramp, live);
        live->progress = loop_timer_new(live->loop, live_on_progress, live);
        loop_timer_set(live->ramp, 0);
        loop_timer_set(live->progress, 0);
        loop_run(live->loop);
        loop_timer_free(live->ramp);
        loop_timer_free(live->progress);
        loop_signal_free(interrupt);
        loop_signal_free(terminate);
}

// --- the figures ---------------------------------------------------------------------------

static void client_add(struct live_result *result, const struct live *live,
                       const struct client *client, uint32_t number) {
        const struct talker *talker = client->talker;
        struct score_session session = {
                .corpus = live->corpus,
                .schedule = client->schedule,
                .talker = number,
        };
        int64_t sent;

        if (!talker || talker_outcome(talker) == TALKER_REFUSED)
                result->n_refused++;
        else if (talker_outcome(talker) == TALKER_BROKEN)
                result->n_broken++;
        if (talker && talker_error(talker)->code != 0 && result->trouble.code == 0)
                result->trouble = *talker_error(talker);
        if (!talker || talker_started(talker) == 0)
                return;
        sent = talker_position(talker);
        if (sent > client->schedule->end)
                sent = client->schedule->end;
        result->talk_seconds += (double)sent / AUDIO_RATE;
        result->n_messages += talker_messages(talker);
        if (talker_lateness(talker) > result->lateness)
                result->lateness = talker_lateness(talker);
        session.started = talker_started(talker);
        session.screen = talker_screen(talker);
        score_add(&result->score, &session, live->config->transcripts);
}

static void clients_new(struct live *live) {
        live->clients = xcalloc(live->config->n_clients, sizeof(*live->clients));
        for (size_t i = 0; i < live->config->n_clients; i++) {
                struct schedule_config schedule = {
                        .seconds = live->config->seconds,
                        .pause_seconds = live->config->pause_seconds,
                        .talker = (uint32_t)i,
                };

                live->clients[i].live = live;
                live->clients[i].schedule = schedule_new(live->corpus, &schedule);
        }
}

static void clients_free(struct live *live) {
        for (size_t i = 0; i < live->config->n_clients; i++) {
                talker_close(live->clients[i].talker);
                schedule_free(live->clients[i].schedule);
        }
        free(live->clients);
}

int live_run(struct live_result *ret, struct loop *loop, const struct corpus *corpus,
             const struct live_config *config, struct error *error) {
        struct live live = {.loop = loop, .config = config, .corpus = corpus};
        struct live_result result = {.n_clients = config->n_clients};
        double cpu = usage_now().cpu_seconds;
        int r = monitor_open(&live.monitor, loop, config->url, config->pid, error);

        if (r < 0)
                return r;
        live.levels = levels_open(loop, config->url);
        clients_new(&live);
        live_turn(&live);
        result.score.end_pause = config->end_pause;
        result.own_cpu = (usage_now().cpu_seconds - cpu) * NSEC_PER_SEC /
                         (double)(loop_now(loop) - live.began + 1);
        result.was_interrupted = live.was_interrupted;
        result.server = monitor_figures(live.monitor);
        result.levels = levels_figures(live.levels);
        result.trouble = live.undialled;
        for (size_t i = 0; i < config->n_clients && !live.was_interrupted; i++)
                client_add(&result, &live, &live.clients[i], (uint32_t)i);
        monitor_close(live.monitor);
        levels_close(live.levels);
        clients_free(&live);
        // What was closed goes away in the background.
        loop_turn(loop);
        *ret = result;
        return 0;
}

void live_result_deinit(struct live_result *result) {
        score_deinit(&result->score);
        free(result->levels.changes);
}
