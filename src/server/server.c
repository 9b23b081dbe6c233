#include "server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "decode/scheduler.h"
#include "net/listener.h"
#include "server/counts.h"
#include "server/session.h"
#include "server/visitors.h"
#include "transcript/observer.h"
#include "util/budget.h"
#include "util/log.h"
#include "util/mem.h"

// A client is told of an overload when it gets worse, and else so often at most.
#define SERVER_TELL_AGAIN (30 * NSEC_PER_SEC)

// The log says so often at most that memory is used up.
#define SERVER_TELL_MEMORY (10 * NSEC_PER_SEC)

// When it may be worth while to come back: it takes about as long to catch up as it took to
// fall behind.
#define SERVER_RETRY_DELAYS 2
#define SERVER_RETRY_LEAST  (30 * NSEC_PER_SEC)

#define SERVER_TICK      NSEC_PER_SEC
#define SERVER_STOP_TICK (50 * NSEC_PER_MSEC)
#define SERVER_GOODBYE   (5 * NSEC_PER_SEC)  // after the grace time, for the closing handshakes

// Final segments of a pulled stream kept for those who come late.
#define SERVER_HISTORY 2000

struct server {
        struct server_parts parts;
        struct stream_services services;
        struct upload_services uploads;
        struct server_counts counts;
        struct api *api;
        struct scheduler *scheduler;
        struct listener *listener;
        struct visitors *visitors;
        struct stream **streams;
        size_t n_streams;
        struct observer *log_observers;  // one per stream
        struct session *sessions;
        struct tally addresses;      // of the sessions
        enum load_level level;       // as last logged
        uint64_t n_budget_refusals;  // likewise
        nsec_t budget_told_at;       // when that was
        bool has_spool_trouble;      // likewise
        struct loop_timer *timer;    // the tick; while stopping, the look whether all is done
        bool is_stopping;
        bool is_late;  // the grace time is over
        nsec_t stop_deadline;
};

// --- what sessions ask -----------------------------------------------------------------------

void server_add_session(struct server *server, struct session *session) {
        session->next = server->sessions;
        server->sessions = session;
}

void server_remove_session(struct server *server, struct session *session) {
        struct session **place = &server->sessions;

        while (*place != session)
                place = &(*place)->next;
        *place = session->next;
}

const struct server_parts *server_parts(const struct server *server) {
        return &server->parts;
}

const struct stream_services *server_services(const struct server *server) {
        return &server->services;
}

const struct upload_services *server_uploads(const struct server *server) {
        return &server->uploads;
}

struct tally *server_addresses(struct server *server) {
        return &server->addresses;
}

struct server_counts *server_counts(struct server *server) {
        return &server->counts;
}

struct stream *server_find_stream(const struct server *server, const char *name) {
        for (size_t i = 0; i < server->n_streams; i++)
                if (strcmp(stream_name(server->streams[i]), name) == 0)
                        return server->streams[i];
        return NULL;
}

struct stream *const *server_streams(const struct server *server, size_t *ret_n) {
        *ret_n = server->n_streams;
        return server->streams;
}

bool server_admits(const struct server *server, struct server_wait *ret) {
        struct scheduler_stats stats = scheduler_stats(server->scheduler);

        ret->retry = SERVER_RETRY_DELAYS * stats.final_delay;
        if (ret->retry < SERVER_RETRY_LEAST)
                ret->retry = SERVER_RETRY_LEAST;
        if (budget_is_tight(server->services.budget)) {
                snprintf(ret->reason, sizeof(ret->reason), "the memory for clients is used up");
                return false;
        }
        snprintf(ret->reason, sizeof(ret->reason), "decoding is %.0f s behind",
                 (double)stats.final_delay / NSEC_PER_SEC);
        return stats.level < LOAD_FULL || !server->parts.config->has_admission;
}

// --- plain requests --------------------------------------------------------------------------

static void server_describe(const void *context, struct api_view *ret) {
        const struct server *server = context;
        struct server_wait wait;

        ret->is_stopping = server->is_stopping;
        if (!server_admits(server, &wait))
                ret->busy = budget_is_tight(server->services.budget)
                                    ? "busy: the memory for clients is used up\n"
                                    : "busy: decoding is too far behind for new clients\n";
        ret->figures = (struct metrics_sources){
                .loop = server->parts.loop,
                .counts = &server->counts,
                .budget = server->services.budget,
                .upload_slots = server->uploads.slots,
                .scheduler = server->scheduler,
                .streams = server->streams,
                .n_streams = server->n_streams,
                .sessions = server->sessions,
                .n_connections = listener_connections(server->listener),
        };
}

static void server_on_request(void *context, struct exchange *exchange) {
        struct server *server = context;

        api_answer(server->api, exchange);
}

static void server_on_websocket(void *context, const struct http_request *request,
                                struct websocket *socket) {
        session_open(context, request, socket);
}

static char *server_admit(void *context, struct http_request *request) {
        const struct server *server = context;

        return visitors_admit(server->visitors, request);
}

// --- overload --------------------------------------------------------------------------------

// What a client has to expect; the dialects put it into their own messages.
static char *load_words(const struct scheduler_stats *stats) {
        static const char *const words[] = {
                [LOAD_NORMAL] = "text is in time",
                [LOAD_SLOWED] = "text of what is being said comes less often",
                [LOAD_FINALS_ONLY] = "text comes at the end of an utterance only",
                [LOAD_FULL] = "text comes at the end of an utterance only, and late",
        };

        return xasprintf("%s (%.0f s behind)", words[stats->level],
                         (double)stats->final_delay / NSEC_PER_SEC);
}

static void session_tell(struct session *session, const struct scheduler_stats *stats,
                         const char *words) {
        struct server *server = session->server;
        nsec_t now = loop_now(server->parts.loop);

        if (stats->level == LOAD_NORMAL)
                session->told = LOAD_NORMAL;
        if (stats->level <= session->told || session->is_leaving || !session->stream ||
            !session->ops->on_overload)
                return;
        if (session->told_at > 0 && now - session->told_at < SERVER_TELL_AGAIN &&
            stats->level <= session->told_worst)
                return;
        session->ops->on_overload(session, words);
        session->told = session->told_worst = stats->level;
        session->told_at = now;
        server->counts.n_warned++;
}

static void load_log(struct server *server, const struct scheduler_stats *stats) {
        bool is_worse = stats->level > server->level;

        if (stats->level != server->level)
                log_line(is_worse ? LOG_WARNING : LOG_INFO, "server", "load-level",
                         "load is %s: live text is %.1f s behind",
                         load_level_name(stats->level),
                         (double)stats->final_delay / NSEC_PER_SEC);
        server->level = stats->level;
        if (stats->spool_trouble && !server->has_spool_trouble)
                log_error("server", "spool-failed",
                          "the backlog stays in memory, beyond its limit: %s",
                          stats->spool_trouble);
        server->has_spool_trouble = stats->spool_trouble != NULL;
}

// What was refused for want of memory, told together: a flood of it is one line.
static void budget_log(struct server *server) {
        const struct budget *budget = server->services.budget;
        nsec_t now = loop_now(server->parts.loop);
        uint64_t n = 0;

        for (int kind = 0; kind < BUDGET_KIND_COUNT; kind++)
                n += budget_refusals(budget, (enum budget_kind)kind);
        if (n == server->n_budget_refusals ||
            (server->n_budget_refusals > 0 &&
             now - server->budget_told_at < SERVER_TELL_MEMORY))
                return;
        log_warning("server", "memory-full",
                    "the %.0f MB for what clients send are used up: %" PRIu64
                    " requests, messages and uploads were refused (memory, "
                    "docs/operations.md)",
                    (double)budget_total(budget) / 1e6, n - server->n_budget_refusals);
        server->n_budget_refusals = n;
        server->budget_told_at = now;
}

static void load_tell(struct server *server) {
        struct scheduler_stats stats = scheduler_stats(server->scheduler);
        CLEANUP(mem_freep) char *words = load_words(&stats);

        load_log(server, &stats);
        budget_log(server);
        for (struct session *session = server->sessions; session; session = session->next)
                session_tell(session, &stats, words);
}

// --- stopping --------------------------------------------------------------------------------

static size_t server_backlog(const struct server *server) {
        size_t backlog = 0;

        for (size_t i = 0; i < server->n_streams; i++)
                backlog += stream_backlog(server->streams[i]);
        return backlog;
}

// The grace time is over: nobody waits for the backlog any longer, but everybody is told.
static void server_grace_end(struct server *server) {
        struct session *next;

        log_warning("server", "grace-over",
                    "grace time is over: %zu windows of cameras not decoded",
                    server_backlog(server));
        for (struct session *session = server->sessions; session; session = next) {
                next = session->next;
                session->ops->goodbye(session, 1001);
        }
}

static void server_stop_consider(struct server *server) {
        nsec_t late = loop_now(server->parts.loop) - server->stop_deadline;
        bool is_done =
                !server->sessions && server_backlog(server) == 0 && source_children() == 0;

        if (is_done || late >= SERVER_GOODBYE) {
                server->parts.on_stopped(server->parts.context);
                return;
        }
        if (late >= 0 && !server->is_late) {
                server->is_late = true;
                server_grace_end(server);
        }
        loop_timer_set(server->timer, SERVER_STOP_TICK);
}

static void server_on_timer(void *context) {
        struct server *server = context;

        if (server->is_stopping) {
                server_stop_consider(server);
                return;
        }
        load_tell(server);
        log_tell_left_out();
        for (struct session *session = server->sessions; session; session = session->next)
                session_release(session);
        loop_timer_set(server->timer, SERVER_TICK);
}

void server_stop(struct server *server) {
        struct session *next;

        if (server->is_stopping)
                return;
        listener_stop(server->listener);
        for (size_t i = 0; i < server->n_streams; i++)
                stream_stop(server->streams[i]);
        // From here on a stream that falls idle sends the readers home: all are flushed by now.
        server->is_stopping = true;
        server->stop_deadline = loop_now(server->parts.loop) + SERVER_GRACE;
        for (struct session *session = server->sessions; session; session = next) {
                next = session->next;
                if (session->stream || server_backlog(server) == 0)
                        session_leave(session, 1001);
        }
        loop_timer_set(server->timer, SERVER_STOP_TICK);
}

// A stream has no backlog any more: while stopping, its readers may go.
static void server_on_idle(void *context) {
        struct server *server = context;
        struct session *next;

        if (!server->is_stopping || server_backlog(server) > 0)
                return;
        for (struct session *session = server->sessions; session; session = next) {
                next = session->next;
                session_leave(session, 1001);
        }
}

// --- life ------------------------------------------------------------------------------------

static int server_stream_open(struct server *server, const struct stream_config *config,
                              struct error *error) {
        CLEANUP(stream_request_deinit)
        struct stream_request request = config_stream_request(server->parts.config, config);
        struct source_config source = {
                .name = config->name,
                .url = config->url,
                .transport = config->transport,
                .is_looped = config->is_looped,
        };
        struct stream_settings settings = {
                .name = config->name,
                .options = &request.decoding,
                .source = &source,
                .history_segments = SERVER_HISTORY,
                .pause = request.pause,
                .window_max = request.window_max,
        };
        struct stream_listener listener = {.on_idle = server_on_idle, .context = server};
        struct observer *observer = &server->log_observers[server->n_streams];
        int r = server->parts.check_wishes(server->parts.context, request.decoding.language,
                                           request.decoding.task, error);

        if (r == 0)
                r = stream_open(&server->streams[server->n_streams], &server->services,
                                &settings, &listener, error);
        if (r < 0) {
                error_prefix(error, "stream '%s'", config->name);
                return r;
        }
        *observer = (struct observer){
                .ops = &observer_log,
                .state = &server->counts.observers[READER_LOG],
                .counts = &server->counts.observers[READER_LOG],
        };
        stream_add_observer(server->streams[server->n_streams++], observer);
        return 0;
}

// The backlog's sound leaves the other half to messages.
static size_t backlog_bytes_max(const struct config *config) {
        size_t half = config_memory(config) / 2;

        return config->backlog_memory < half ? config->backlog_memory : half;
}

// There is no password yet: who reaches the port is in.
static void exposure_log(const struct server *server) {
        if (!listener_is_loopback(server->listener))
                log_warning("server", "open-to-others",
                            "listening on %s: whoever reaches it can read every stream and "
                            "have sound decoded, without a password; keep it behind a "
                            "firewall, or listen on 127.0.0.1",
                            server->parts.config->listen);
}

static unsigned uploads_at_once(const struct uploads_config *config) {
        long n_cores = sysconf(_SC_NPROCESSORS_ONLN);

        if (config->at_once)
                return (unsigned)config->at_once;
        return n_cores > 0 ? (unsigned)n_cores : 1;
}

static int server_start(struct server *server, struct error *error) {
        const struct config *config = server->parts.config;
        CLEANUP(mem_freep) char *backlog_folder = config_default_backlog_folder();
        struct scheduler_config scheduler = {
                .engine = server->parts.engine,
                .model = server->parts.model,
                .n_engines = server->parts.n_engines,
                .budget = server->services.budget,
                .backlog_bytes_max = backlog_bytes_max(config),
                .spool_folder =
                        config->backlog_folder ? config->backlog_folder : backlog_folder,
                .spool_bytes_max = config->backlog_disk,
        };
        struct listener_handler handler = {
                .on_request = server_on_request,
                .on_websocket = server_on_websocket,
                .admit = server_admit,
                .context = server,
                .budget = server->services.budget,
        };
        int r;

        server->visitors = visitors_new(config);
        server->api = api_new(server->parts.loop, server_describe, server);
        r = listener_open(&server->listener, server->parts.loop, config->listen, &handler,
                          error);
        if (r == 0)
                r = scheduler_open(&server->scheduler, server->parts.loop, &scheduler, error);
        if (r < 0)
                return r;
        listener_limit(
                server->listener,
                &(struct listener_limits){
                        .per_address = (size_t)config->address_connections,
                        .n_children = config->n_streams + uploads_at_once(&config->uploads),
                });
        exposure_log(server);
        server->services.scheduler = server->scheduler;
        server->streams = xcalloc(config->n_streams, sizeof(*server->streams));
        server->log_observers = xcalloc(config->n_streams, sizeof(*server->log_observers));
        for (size_t i = 0; i < config->n_streams && r == 0; i++)
                r = server_stream_open(server, &config->streams[i], error);
        return r;
}

static void uploads_init(struct server *server) {
        const struct uploads_config *config = &server->parts.config->uploads;

        server->uploads = (struct upload_services){
                .loop = server->parts.loop,
                .slots = upload_slots_new(server->parts.loop, uploads_at_once(config),
                                          (unsigned)config->waiting),
                .budget = server->services.budget,
                .bytes_max = config->size,
                .seconds_max = (uint64_t)config->seconds,
        };
}

int server_open(struct server **ret, const struct server_parts *parts, struct error *error) {
        struct server *server = xnew(struct server);
        int r;

        server->parts = *parts;
        server->services = (struct stream_services){
                .loop = parts->loop,
                .vad = parts->vad,
                .counts = &server->counts.streams,
                .budget = budget_new(config_memory(parts->config)),
        };
        uploads_init(server);
        server->timer = loop_timer_new(parts->loop, server_on_timer, server);
        r = server_start(server, error);
        if (r < 0) {
                server_close(server);
                return r;
        }
        loop_timer_set(server->timer, SERVER_TICK);
        *ret = server;
        return 0;
}

struct server *server_close(struct server *server) {
        if (!server)
                return NULL;
        server->timer = loop_timer_free(server->timer);
        server->listener = listener_close(server->listener);  // frees the sessions
        server->visitors = visitors_free(server->visitors);
        for (size_t i = 0; i < server->n_streams; i++)
                stream_close(server->streams[i]);
        scheduler_close(server->scheduler);
        upload_slots_free(server->uploads.slots);
        budget_free(server->services.budget);
        free(server->streams);
        free(server->log_observers);
        tally_deinit(&server->addresses);
        api_free(server->api);
        free(server);
        return NULL;
}

int server_port(const struct server *server) {
        return listener_port(server->listener);
}
