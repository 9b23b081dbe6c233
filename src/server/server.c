#include "server/server.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "auth/visitors.h"
#include "config/effective.h"
#include "decode/scheduler.h"
#include "dialect/dialects.h"
#include "dialect/rest.h"
#include "dialect/session.h"
#include "dialect/upgrade.h"
#include "manage/pulled.h"
#include "manage/reload.h"
#include "manage/rules.h"
#include "net/listener.h"
#include "pipeline/hub.h"
#include "pipeline/hub_admission.h"
#include "server/encryption.h"
#include "server/guard.h"
#include "server/local.h"
#include "server/overload.h"
#include "server/ports.h"
#include "server/recorder.h"
#include "server/stop.h"
#include "source/media_backend.h"
#include "transcription/scratch.h"
#include "transcription/transcriptions.h"
#include "util/budget.h"
#include "util/log.h"
#include "util/mem.h"

#define SERVER_TICK NSEC_PER_SEC

struct server {
        struct server_parts parts;
        char *state_dir;
        struct budget *budget;
        struct scheduler *scheduler;
        struct media_backend *media;
        struct upload_services uploads;
        struct recorder *recorder;
        struct hub *hub;  // streams and sessions
        struct guard *guard;
        struct state *state;
        struct pulled *pulled;
        struct rules *rules;
        struct reload *reload;
        struct transcriptions *transcriptions;
        struct scratches *scratches;
        struct api *api;
        struct listener *listener;
        struct listener *local;  // the unix socket; NULL: none could be had
        struct ports *ports;     // listeners of dialects that have one of their own
        struct overload *overload;
        struct stop *stop;         // NULL: not yet
        struct loop_timer *timer;  // the tick
};

// --- what comes in ---------------------------------------------------------------------------

static json_t *server_configuration(const void *context) {
        const struct server *server = context;

        return config_in_force(server->parts.config, reload_config(server->reload));
}

static void server_describe(const void *context, struct api_view *ret) {
        const struct server *server = context;
        struct hub_refusal refusal;

        ret->is_stopping = server->stop != NULL;
        if (!hub_has_room(server->hub, &refusal))
                ret->busy = budget_is_tight(server->budget)
                                    ? "busy: the memory for clients is used up\n"
                                    : "busy: decoding is too far behind for new clients\n";
        ret->tokens = guard_tokens(server->guard);
        ret->identity = listener_identity(server->listener);
        ret->figures = (struct metrics_sources){
                .hub = server->hub,
                .n_connections = listener_connections(server->listener) +
                                 ports_connections(server->ports) +
                                 (server->local ? listener_connections(server->local) : 0),
                .certificate_expiry = encryption_expiry(server->listener),
                .transcriptions = server->transcriptions,
        };
        recorder_describe(server->recorder, &ret->figures);
        ret->media = server->media;
        ret->trouble = recorder_trouble(server->recorder);
        ret->kept =
                (struct forget_place){.loop = server->parts.loop, .folder = server->state_dir};
        recorder_kept(server->recorder, &ret->kept);
        ret->configuration = server_configuration;
        ret->pulled = server->pulled;
        ret->rules = server->rules;
        ret->state = server->state;
        ret->reload = server->reload;
        ret->transcriptions = server->transcriptions;
}

// Where a WebSocket of some dialect's would be.
static const struct dialect *dialect_asked(const struct http_request *request) {
        return strcmp(request->method, "GET") == 0 ? dialect_of(dialects, request) : NULL;
}

static void server_on_request(void *context, struct exchange *exchange) {
        const struct server *server = context;
        const struct rest_place place = {
                .hub = server->hub,
                .scratches = server->scratches,
                .tickets = guard_tickets(server->guard),
                .model = server->parts.config->model,
                .is_stopping = server->stop != NULL,
        };
        const struct dialect *dialect = dialect_asked(exchange_request(exchange));

        if (dialect && dialect->phrase)
                upgrade_answer(server->hub, dialect, exchange);
        else if (!rest_answer(rest_dialects, &place, exchange))
                api_answer(server->api, exchange);
}

static void server_on_session(void *context) {
        const struct server *server = context;

        if (server->stop)
                stop_turn_away(server->stop);
}

static void server_on_websocket(void *context, const struct http_request *request,
                                struct websocket *socket) {
        const struct server *server = context;

        if (!api_take(server->api, request, socket))
                session_open(server->hub, dialects, request, socket);
        server_on_session(context);
}

static bool server_upgrades(void *context, const struct http_request *request) {
        const struct server *server = context;
        const struct dialect *dialect = dialect_asked(request);

        return api_upgrades(server->api, request) &&
               (!dialect || upgrade_may(server->hub, dialect, request));
}

static char *server_upgrade_headers(void *context, const struct http_request *request) {
        const struct dialect *dialect = dialect_asked(request);

        (void)context;
        return dialect && dialect->headers ? dialect->headers(request) : NULL;
}

static char *server_admit(void *context, struct http_request *request, int *ret_status) {
        const struct server *server = context;

        return visitors_admit(guard_visitors(server->guard), request, ret_status);
}

static void server_dismiss(void *context, struct http_request *request) {
        (void)context;
        visitors_dismiss(request);
}

// --- while it runs ---------------------------------------------------------------------------

static void server_on_tick(void *context) {
        struct server *server = context;

        overload_tell(server->overload);
        recorder_tick(server->recorder);
        api_tick(server->api);
        guard_patrol(server->guard, server->hub);
        log_tell_left_out();
        for (struct hub_session *session = hub_first_session(server->hub); session;
             session = hub_next_session(session))
                session->ops->release(session);
        loop_timer_set(server->timer, SERVER_TICK);
}

static void server_on_idle(void *context) {
        struct server *server = context;

        if (server->stop)
                stop_on_idle(server->stop);
}

void server_stop(struct server *server) {
        if (server->stop)
                return;
        loop_timer_cancel(server->timer);
        reload_stop(server->reload);
        listener_stop(server->listener);
        ports_stop(server->ports);
        if (server->local)
                listener_stop(server->local);
        api_stop(server->api);
        transcriptions_stop(server->transcriptions);
        server->stop = stop_begin(server->hub, server->parts.on_stopped, server->parts.context);
}

// --- life ------------------------------------------------------------------------------------

// Each stream needs descriptors that clients may not have.
static void limits_set(struct server *server, size_t n_streams) {
        const struct config *config = server->parts.config;
        struct listener_limits limits = {
                .per_address = (size_t)config->address_connections,
                .n_children = n_streams + config_uploads_at_once(config),
        };

        ports_limit(server->ports, &limits);
        listener_limit(server->listener, &limits);
}

static int ports_start(struct server *server, struct error *error) {
        const struct ports_parts parts = {
                .loop = server->parts.loop,
                .config = server->parts.config,
                .dialects = dialects_apart,
                .guard = server->guard,
                .budget = server->budget,
                .on_session = server_on_session,
                .context = server,
        };

        return ports_open(&server->ports, &parts, error);
}

static int listen_start(struct server *server, struct error *error) {
        const struct config *config = server->parts.config;
        struct listener_handler handler = {
                .on_request = server_on_request,
                .on_websocket = server_on_websocket,
                .upgrades = server_upgrades,
                .admit = server_admit,
                .dismiss = server_dismiss,
                .upgrade_headers = server_upgrade_headers,
                .phrase = dialects_phrase,
                .context = server,
                .budget = server->budget,
        };
        const struct guard_address place = {"listen", config->listen, true, NULL};
        int r = guard_open(&server->guard, server->parts.loop, config, error);

        if (r < 0)
                return r;
        server->api = api_new(server->parts.loop, server_describe, server);
        r = listener_open(&server->listener, server->parts.loop, config->listen, &handler,
                          error);
        if (r < 0)
                return r;
        r = guard_check_address(server->guard, &place, listener_is_loopback(server->listener),
                                error);
        if (r == 0)
                r = ports_start(server, error);
        if (r < 0)
                return r;
        limits_set(server, config->n_streams);
        r = encryption_set(server->listener, server->parts.loop, config, error);
        if (r < 0)
                return r;
        server->local = local_listen(server->parts.loop, config, &handler);
        return 0;
}

static int decoding_start(struct server *server, struct error *error) {
        const struct config *config = server->parts.config;
        struct scheduler_config scheduler = {
                .engine = server->parts.engine,
                .model = server->parts.model,
                .n_engines = server->parts.n_engines,
                .budget = server->budget,
                .backlog_bytes_max = config_backlog_memory(config),
                .spool_folder =
                        config->backlog_folder ? config->backlog_folder : server->state_dir,
                .spool_bytes_max = config->backlog_disk,
        };

        return scheduler_open(&server->scheduler, server->parts.loop, &scheduler, error);
}

static double server_waiting(const void *context, const char *principal) {
        const struct server *server = context;

        return server->transcriptions
                       ? transcriptions_waiting(server->transcriptions, principal) +
                                 scratches_waiting(server->scratches, principal)
                       : 0;
}

static const struct principal *server_identify(const void *context, const char *secret) {
        const struct server *server = context;

        return visitors_identify(guard_visitors(server->guard), secret);
}

static void hub_start(struct server *server) {
        const struct config *config = server->parts.config;
        const struct hub_parts parts = {
                .loop = server->parts.loop,
                .scheduler = server->scheduler,
                .vad = server->parts.vad,
                .budget = server->budget,
                .uploads = &server->uploads,
                .defaults = &config->defaults,
                .journaling = recorder_journaling(server->recorder),
                .archive = recorder_archive(server->recorder),
                .has_admission = config->has_admission,
                .address_sessions = config->address_sessions,
                .token_sessions = config->token_sessions,
                .token_backlog = config->token_backlog,
                .waiting = server_waiting,
                .waiting_context = server,
                .calls = config->calls,
                .identify = server_identify,
                .identify_context = server,
                .address_backlog = config->address_backlog,
                .check_model = server->parts.check_model,
                .context = server->parts.context,
        };

        server->uploads = (struct upload_services){
                .loop = server->parts.loop,
                .media = server->media,
                .slots = upload_slots_new(server->parts.loop, config_uploads_at_once(config),
                                          (unsigned)config->uploads.waiting),
                .budget = server->budget,
                .bytes_max = config->uploads.size,
                .seconds_max = (uint64_t)config->uploads.seconds,
        };
        server->hub = hub_new(&parts);
        recorder_watch(server->recorder, server->hub);
        api_set_hub(server->api, server->hub);
        ports_set_hub(server->ports, server->hub);
        server->overload = overload_new(server->hub);
}

static void transcriptions_start(struct server *server) {
        const struct config *config = server->parts.config;
        CLEANUP(mem_freep)
        char *folder = xasprintf("%s/transcriptions", server->state_dir);
        const struct transcriptions_parts parts = {
                .hub = server->hub,
                .folder = folder,
                .at_once = config_uploads_at_once(config),
                .waiting = (size_t)config->transcriptions.waiting,
                .disk = config->transcriptions.disk,
                .keep = (nsec_t)(config->transcriptions.keep * NSEC_PER_SEC),
        };

        server->transcriptions = transcriptions_new(&parts);
        server->scratches =
                scratches_new(server->hub, server->transcriptions,
                              (size_t)config->uploads.waiting + config_uploads_at_once(config));
}

static int server_on_prepare(void *context, bool has_text, bool has_sound,
                             struct error *error) {
        struct server *server = context;
        int r = recorder_prepare(server->recorder, has_text, has_sound, error);

        if (r < 0)
                return r;
        hub_set_keeping(server->hub, recorder_journaling(server->recorder),
                        recorder_archive(server->recorder));
        if (server->pulled)
                limits_set(server, pulled_count(server->pulled));
        return 0;
}

static int streams_start(struct server *server, struct error *error) {
        struct pulled_parts parts = {
                .hub = server->hub,
                .media = server->media,
                .config = server->parts.config,
                .on_prepare = server_on_prepare,
                .on_idle = server_on_idle,
                .context = server,
        };
        int r;

        parts.state = server->state = state_open(server->parts.loop, server->state_dir);
        r = pulled_open(&server->pulled, &parts, error);
        if (r == 0)
                limits_set(server, pulled_count(server->pulled));
        return r;
}

static void server_on_alerts(void *context, const struct alert_config *alerts, size_t n) {
        const struct server *server = context;

        recorder_set_alerts(server->recorder, alerts, n);
}

static void alerts_start(struct server *server) {
        const struct rules_parts parts = {
                .state = server->state,
                .config = server->parts.config,
                .on_change = server_on_alerts,
                .context = server,
        };

        server->rules = rules_open(&parts);
}

static void server_on_config(void *owner, const struct config *config, json_t *warnings) {
        struct server *server = owner;
        struct error error = {0};

        media_backend_allow(server->media, config->source_allow);
        if (guard_take_tokens(server->guard, config, &error) < 0) {
                log_warning("server", "tokens-kept", "the tokens stay as they were: %s",
                            error.text);
                json_array_append_new(warnings, json_sprintf("auth: the tokens stay as they "
                                                             "were: %s",
                                                             error.text));
        }
        if (encryption_set(server->listener, server->parts.loop, config, &error) < 0) {
                log_error("server", "certificate-refused",
                          "%s; new connections get the one that was there before", error.text);
                json_array_append_new(warnings,
                                      json_sprintf("%s; new connections get the certificate "
                                                   "that was there before",
                                                   error.text));
        }
}

static void reload_start(struct server *server) {
        const struct reload_parts parts = {
                .loop = server->parts.loop,
                .hub = server->hub,
                .pulled = server->pulled,
                .rules = server->rules,
                .config = server->parts.config,
                .load = server->parts.load,
                .unloadable = server->parts.unloadable,
                .context = server->parts.context,
                .on_config = server_on_config,
                .owner = server,
        };

        server->reload = reload_new(&parts);
}

static int server_start(struct server *server, struct error *error) {
        const struct config *config = server->parts.config;
        int r = listen_start(server, error);

        if (r == 0)
                r = decoding_start(server, error);
        if (r == 0)
                r = recorder_open(&server->recorder, server->parts.loop, config, error);
        if (r < 0)
                return r;
        hub_start(server);
        r = streams_start(server, error);
        if (r < 0)
                return r;
        alerts_start(server);
        reload_start(server);
        transcriptions_start(server);
        return 0;
}

int server_open(struct server **ret, const struct server_parts *parts, struct error *error) {
        struct server *server = xnew(struct server);
        int r;

        server->parts = *parts;
        server->state_dir = config_state_dir(parts->config);
        server->budget = budget_new(config_memory(parts->config));
        server->media = media_backend_new(parts->loop, parts->config->media);
        media_backend_allow(server->media, parts->config->source_allow);
        server->timer = loop_timer_new(parts->loop, server_on_tick, server);
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
        server->stop = stop_free(server->stop);
        server->listener = listener_close(server->listener);  // frees the sessions
        server->local = listener_close(server->local);
        server->ports = ports_close(server->ports);
        server->state = state_close(server->state);  // tells whoever waits
        server->api = api_free(server->api);
        server->rules = rules_close(server->rules);
        server->pulled = pulled_close(server->pulled);
        server->overload = overload_free(server->overload);
        server->scratches = scratches_free(server->scratches);
        server->transcriptions = transcriptions_free(server->transcriptions);
        server->hub = hub_free(server->hub);
        server->reload = reload_free(server->reload);
        server->recorder = recorder_close(server->recorder);
        server->guard = guard_close(server->guard);
        scheduler_close(server->scheduler);
        upload_slots_free(server->uploads.slots);
        media_backend_free(server->media);
        budget_free(server->budget);
        free(server->state_dir);
        return mem_free(server);
}

static void server_on_reloaded(void *context, const struct reload_result *result) {
        const struct server *server = context;

        (void)result;
        server->parts.on_reloaded(server->parts.context);
}

void server_reload(struct server *server) {
        recorder_reopen(server->recorder);
        reload_ask(server->reload, server_on_reloaded, server);
}

int server_port(const struct server *server) {
        return listener_port(server->listener);
}
