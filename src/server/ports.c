#include "server/ports.h"

#include <stdlib.h>
#include <string.h>

#include "auth/visitors.h"
#include "dialect/session.h"
#include "net/announcement.h"
#include "net/exchange.h"
#include "util/log.h"
#include "util/mem.h"

struct port {
        struct ports *ports;
        const struct dialect *dialects[2];  // the one, and the end of the table
        struct listener *listener;
        struct announcement *announcement;  // NULL: it is not made known
};

struct ports {
        struct ports_parts parts;
        struct hub *hub;
        struct port *items;
        size_t n;
};

// --- who comes -------------------------------------------------------------------------------

static void port_on_websocket(void *context, const struct http_request *request,
                              struct websocket *socket) {
        const struct port *port = context;

        session_open(port->ports->hub, port->dialects, request, socket);
        port->ports->parts.on_session(port->ports->parts.context);
}

static void port_on_raw(void *context, const struct http_request *request, struct raw *raw) {
        const struct port *port = context;

        session_open_raw(port->ports->hub, port->dialects, request, raw);
        port->ports->parts.on_session(port->ports->parts.context);
}

static void port_on_request(void *context, struct exchange *exchange) {
        const struct port *port = context;
        CLEANUP(mem_freep)
        char *words = xasprintf("this port is for clients of the dialect %s, by WebSocket\n",
                                port->dialects[0]->name);
        const struct http_response response = {426, "text/plain; charset=utf-8",
                                               "Upgrade: websocket\r\n", words, strlen(words)};

        exchange_reply(exchange, &response);
}

static char *port_admit(void *context, struct http_request *request, int *ret_status) {
        const struct port *port = context;

        return visitors_admit(guard_visitors(port->ports->parts.guard), request, ret_status);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static char *port_admit_raw(void *context, struct http_request *request, int *ret_status) {
        const struct port *port = context;

        (void)ret_status;
        visitors_admit_raw(guard_visitors(port->ports->parts.guard), request);
        return NULL;
}

static void port_dismiss(void *context, struct http_request *request) {
        (void)context;
        visitors_dismiss(request);
}

// --- life ------------------------------------------------------------------------------------

static int port_open(struct port *port, const char *address, struct error *error) {
        const struct ports_parts *parts = &port->ports->parts;
        const struct dialect *dialect = port->dialects[0];
        struct listener_handler handler = {
                .admit = port_admit,
                .dismiss = port_dismiss,
                .context = port,
                .budget = parts->budget,
        };
        CLEANUP(mem_freep) char *setting = xasprintf("listeners.%s", dialect->name);
        const struct guard_address place = {setting, address, !dialect->on_bytes,
                                            dialect->name};
        int r;

        if (dialect->on_bytes) {
                handler.admit = port_admit_raw;
                handler.on_raw = port_on_raw;
        } else {
                handler.on_request = port_on_request;
                handler.on_websocket = port_on_websocket;
        }
        r = listener_open(&port->listener, parts->loop, address, &handler, error);
        if (r < 0)
                return error_prefix(error, "%s", setting);
        r = guard_check_address(parts->guard, &place, listener_is_loopback(port->listener),
                                error);
        if (r < 0)
                return r;
        log_info("server", "port-opened", "clients of the dialect %s at port %d (%s)",
                 dialect->name, listener_port(port->listener), address);
        if (parts->config->tls.certificate && !listener_is_loopback(port->listener))
                log_warning("server", "port-plain",
                            "%s: what comes to %s is not encrypted, although tls is set: its "
                            "clients know no TLS; keep it to networks that you trust",
                            setting, address);
        // What only this machine reaches is nobody else's business.
        if (dialect->service && !listener_is_loopback(port->listener))
                port->announcement = announcement_new("eavesdrop", dialect->service,
                                                      listener_port(port->listener));
        return 0;
}

int ports_open(struct ports **ret, const struct ports_parts *parts, struct error *error) {
        struct ports *ports = xnew(struct ports);
        int r = 0;

        ports->parts = *parts;
        while (parts->dialects[ports->n])
                ports->n++;
        ports->items = xcalloc(ports->n, sizeof(struct port));
        for (size_t i = 0; i < ports->n && r == 0; i++) {
                const char *address = config_listener(parts->config, parts->dialects[i]->name);

                ports->items[i].ports = ports;
                ports->items[i].dialects[0] = parts->dialects[i];
                if (address)
                        r = port_open(&ports->items[i], address, error);
        }
        if (r < 0)
                ports_close(ports);
        else
                *ret = ports;
        return r;
}

void ports_set_hub(struct ports *ports, struct hub *hub) {
        ports->hub = hub;
}

void ports_limit(struct ports *ports, struct listener_limits *limits) {
        struct listener_limits theirs = *limits;

        theirs.parts = 1;
        limits->parts = LISTENER_PARTS;
        for (size_t i = 0; i < ports->n; i++) {
                if (!ports->items[i].listener)
                        continue;
                listener_limit(ports->items[i].listener, &theirs);
                limits->parts -= limits->parts > 1;
        }
}

void ports_stop(struct ports *ports) {
        for (size_t i = 0; i < ports->n; i++) {
                const struct port *port = &ports->items[i];

                if (port->listener)
                        listener_stop(port->listener);
        }
}

size_t ports_connections(const struct ports *ports) {
        size_t n = 0;

        for (size_t i = 0; i < ports->n; i++)
                if (ports->items[i].listener)
                        n += listener_connections(ports->items[i].listener);
        return n;
}

struct ports *ports_close(struct ports *ports) {
        if (!ports)
                return NULL;
        ports_stop(ports);
        for (size_t i = 0; i < ports->n; i++)
                listener_close(ports->items[i].listener);
        // At last: who announces may wait for a daemon that does not answer, and with it all.
        for (size_t i = 0; i < ports->n; i++)
                announcement_free(ports->items[i].announcement);
        free(ports->items);
        return mem_free(ports);
}
