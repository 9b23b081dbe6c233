#include "sink/postgresql_link.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "util/mem.h"

#define RESULTS_MAX 1024  // taken in one go: more than a transaction of rows has

struct postgresql_link {
        struct loop *loop;
        struct postgresql_address *address;
        struct postgresql_link_listener listener;
        PGconn *connection;  // NULL: the address is being looked up
        uv_poll_t *watch;    // on its socket; NULL: none
        unsigned n_syncs;    // that are still to come
        bool has_begun, is_open;
        bool is_calling;  // the listener may be called: it is freed afterwards
        bool is_closed;
};

// --- its socket ------------------------------------------------------------------------

static void watch_on_closed(uv_handle_t *handle) {
        free(handle);
}

static void link_unwatch(struct postgresql_link *link) {
        if (!link->watch)
                return;
        link->watch->data = NULL;
        uv_close((uv_handle_t *)link->watch, watch_on_closed);
        link->watch = NULL;
}

static void link_on_event(uv_poll_t *watch, int status, int events);

static void link_watch(struct postgresql_link *link, int events) {
        if (!link->watch) {
                link->watch = xnew(uv_poll_t);
                link->watch->data = link;
                if (uv_poll_init(loop_uv(link->loop), link->watch, PQsocket(link->connection)) <
                    0)
                        abort();  // the loop's own memory is at its end
        }
        if (uv_poll_start(link->watch, events, link_on_event) < 0)
                abort();  // the loop's own memory is at its end
}

// --- its end ---------------------------------------------------------------------------

static void link_release(struct postgresql_link *link) {
        link_unwatch(link);
        PQfinish(link->connection);
        free(link);
}

// The first line of what libpq says, which names the server, or `words` where it says nothing.
static char *trouble_copy(const struct postgresql_link *link, const char *words) {
        const char *text = link->connection ? PQerrorMessage(link->connection) : "";
        size_t n = strcspn(text, "\n");

        return n > 0 ? xasprintf("%.*s", (int)n, text) : xstrdup(words);
}

// Tell that it is no more. The last that is done with it in a call.
static void link_lose(struct postgresql_link *link, const char *words) {
        CLEANUP(mem_freep) char *trouble = trouble_copy(link, words);

        link_unwatch(link);
        link->listener.on_lost(link->listener.context, trouble);
}

// --- results ---------------------------------------------------------------------------

// A server that wants to copy answers so for ever, whatever is asked.
static bool is_copy(ExecStatusType status) {
        return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

// Hand on what has come; false when that lost the link.
static bool link_take_results(struct postgresql_link *link) {
        for (unsigned n = 0;
             link->n_syncs > 0 && !link->is_closed && !PQisBusy(link->connection); n++) {
                PGresult *result = PQgetResult(link->connection);
                ExecStatusType status = PQresultStatus(result);

                if (!result && PQstatus(link->connection) == CONNECTION_BAD)
                        return true;
                if (n >= RESULTS_MAX || (result && is_copy(status))) {
                        PQclear(result);
                        link_lose(link, "the server answers what it was not asked");
                        return false;
                }
                if (!result)
                        continue;  // between two commands
                if (status == PGRES_PIPELINE_SYNC) {
                        link->n_syncs--;
                        link->listener.on_sync(link->listener.context);
                } else {
                        link->listener.on_result(link->listener.context, result);
                }
                PQclear(result);
        }
        return true;
}

static void link_serve(struct postgresql_link *link, int events) {
        int left;

        if (events & UV_READABLE && !PQconsumeInput(link->connection)) {
                if (link_take_results(link) && !link->is_closed)  // what came before
                        link_lose(link, "the connection is lost");
                return;
        }
        if (!link_take_results(link) || link->is_closed)
                return;
        left = PQflush(link->connection);
        if (left < 0 || PQstatus(link->connection) == CONNECTION_BAD)
                link_lose(link, "the connection is lost");
        else
                link_watch(link, UV_READABLE | (left > 0 ? UV_WRITABLE : 0));
}

PGconn *postgresql_link_connection(struct postgresql_link *link) {
        return link->connection;
}

void postgresql_link_flush(struct postgresql_link *link, unsigned n_syncs) {
        link->n_syncs += n_syncs;
        // Sent by link_serve(): errors come later, not from within.
        link_watch(link, UV_READABLE | UV_WRITABLE);
}

// --- connecting ------------------------------------------------------------------------

// A notice would be printed on standard error.
static void on_notice(void *context, const PGresult *result) {
        (void)context;
        (void)result;
}

static void link_ready(struct postgresql_link *link) {
        link->is_open = true;
        if (PQsetnonblocking(link->connection, 1) < 0 ||
            !PQenterPipelineMode(link->connection)) {
                link_lose(link, "the connection cannot be used");
                return;
        }
        link_watch(link, UV_READABLE);
        link->listener.on_open(link->listener.context);
}

// Wait for what libpq wants. Its socket may be another one after each call of PQconnectPoll().
static void link_connect(struct postgresql_link *link, PostgresPollingStatusType wanted) {
        switch (wanted) {
        case PGRES_POLLING_READING:
                link_watch(link, UV_READABLE);
                return;
        case PGRES_POLLING_WRITING:
                link_watch(link, UV_WRITABLE);
                return;
        case PGRES_POLLING_OK:
                link_ready(link);
                return;
        default:
                link_lose(link, "no connection");
        }
}

static void link_on_event(uv_poll_t *watch, int status, int events) {
        struct postgresql_link *link = watch->data;

        // Whatever was wrong with the socket, libpq finds it.
        if (status < 0)
                events = UV_READABLE | UV_WRITABLE;
        link->is_calling = true;
        if (link->is_open) {
                link_serve(link, events);
        } else {
                link_unwatch(link);
                link_connect(link, PQconnectPoll(link->connection));
        }
        link->is_calling = false;
        if (link->is_closed)
                link_release(link);
}

static void link_on_resolved(void *context, const char *const *keywords,
                             const char *const *values, const char *trouble) {
        struct postgresql_link *link = context;

        link->is_calling = true;
        if (trouble) {
                link_lose(link, trouble);
        } else {
                link->connection = PQconnectStartParams(keywords, values, 0);
                if (!link->connection)
                        abort();  // out of memory
                PQsetNoticeReceiver(link->connection, on_notice, NULL);
                link_connect(link, PQstatus(link->connection) == CONNECTION_BAD
                                           ? PGRES_POLLING_FAILED
                                           : PGRES_POLLING_WRITING);
        }
        link->is_calling = false;
        if (link->is_closed)
                link_release(link);
}

static void link_begin(void *context) {
        struct postgresql_link *link = context;

        link->has_begun = true;
        if (link->is_closed)
                free(link);
        else
                postgresql_address_resolve(link->address, link->loop, link_on_resolved, link);
}

struct postgresql_link *postgresql_link_open(struct loop *loop,
                                             struct postgresql_address *address,
                                             const struct postgresql_link_listener *listener) {
        struct postgresql_link *link = xnew(struct postgresql_link);

        link->loop = loop;
        link->address = address;
        link->listener = *listener;
        // Later: the listener is not called from within.
        loop_post(loop, link_begin, link);
        return link;
}

struct postgresql_link *postgresql_link_close(struct postgresql_link *link) {
        if (!link)
                return NULL;
        link->is_closed = true;
        if (!link->connection)
                postgresql_address_cancel(link->address);
        if (link->has_begun && !link->is_calling)
                link_release(link);
        return NULL;
}
