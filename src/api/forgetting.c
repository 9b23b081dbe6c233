#include "api/forgetting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/parameters.h"
#include "api/problem.h"
#include "api/reply.h"
#include "net/exchange.h"
#include "util/log.h"
#include "util/mem.h"

struct forgetting {
        struct forget *forget;
        struct exchange *exchange;  // NULL: who asked has gone
        char *who;                  // asked
        char *stream;               // NULL: all
        LIST_ENTRY(forgetting) link;
};

struct forgettings {
        LIST_HEAD(, forgetting) list;
};

// --- what is asked for -----------------------------------------------------------------------

// What is asked for, all its own.
struct forgetting_wish {
        char *stream;
        struct forget_stretch stretch;
};

static void wish_deinit(struct forgetting_wish *wish) {
        free(wish->stream);
}

// `stream` is the path's; NULL: the query may have one. False: it is refused.
static bool wish_read(struct exchange *exchange, const char *stream, int64_t now,
                      struct forgetting_wish *ret) {
        static const char *const names[] = {"from", "to", "stream", NULL};
        static const char *const names_of_one[] = {"from", "to", NULL};
        const struct http_request *request = exchange_request(exchange);
        struct forget_stretch *stretch = &ret->stretch;

        if (!parameters_known(exchange, stream ? names_of_one : names))
                return false;
        ret->stream = stream ? xstrdup(stream) : http_request_query(request, "stream");
        stretch->stream = ret->stream;
        stretch->since = -1;
        stretch->until = now;
        if (!parameters_time(exchange, "from", &stretch->since) ||
            !parameters_time(exchange, "to", &stretch->until))
                return false;
        if (ret->stream && !ret->stream[0])
                parameters_refuse(exchange, "stream", "a stream's name is not empty");
        else if (stretch->since < 0)
                parameters_refuse(exchange, "from",
                                  "from which time on is missing: from=0 is all there is");
        else if (stretch->until <= stretch->since)
                parameters_refuse(exchange, stretch->until == now ? "from" : "to",
                                  "the end is not after the beginning");
        else
                return true;
        return false;
}

// --- life ------------------------------------------------------------------------------------

static struct forgetting *forgetting_free(struct forgetting *forgetting) {
        LIST_REMOVE(forgetting, link);
        forget_free(forgetting->forget);
        free(forgetting->who);
        free(forgetting->stream);
        return mem_free(forgetting);
}

static void forgetting_on_gone(void *context) {
        struct forgetting *forgetting = context;

        forgetting->exchange = NULL;
}

static void forgetting_on_done(void *context, uint64_t n_rows, const char *trouble) {
        struct forgetting *forgetting = context;
        const char *stream = forgetting->stream ? forgetting->stream : "all streams";

        if (trouble[0])
                log_error("api", "forget-failed", "%s had %s forgotten, which failed: %s",
                          forgetting->who, stream, trouble);
        else
                log_info("api", "forgotten", "%s had %s forgotten: %" PRIu64 " rows",
                         forgetting->who, stream, n_rows);
        if (forgetting->exchange && trouble[0])
                problem_refuse(forgetting->exchange, 503, NULL, trouble);
        else if (forgetting->exchange)
                reply_json(forgetting->exchange, 200,
                           json_pack("{sI}", "removed", (json_int_t)n_rows), NULL);
        forgetting_free(forgetting);
}

static int status_of(int code) {
        if (code == -ENOENT)
                return 404;
        return code == -EBUSY ? 409 : 503;
}

void forgettings_answer(struct forgettings *forgettings, struct exchange *exchange,
                        const struct forget_place *place, const char *stream) {
        CLEANUP(wish_deinit) struct forgetting_wish wish = {0};
        struct exchange_handler handler = {.on_gone = forgetting_on_gone};
        int64_t now = loop_wall(place->loop) / NSEC_PER_MSEC;
        struct forgetting *forgetting;
        struct error error = {0};
        int r;

        if (!wish_read(exchange, stream, now, &wish))
                return;
        forgetting = xnew(struct forgetting);
        LIST_INSERT_HEAD(&forgettings->list, forgetting, link);
        r = forget_begin(&forgetting->forget, place, &wish.stretch, forgetting_on_done,
                         forgetting, &error);
        if (r < 0) {
                problem_refuse(exchange, status_of(r), NULL, error.text);
                forgetting_free(forgetting);
                return;
        }
        forgetting->who = xstrdup(exchange_request(exchange)->peer);
        forgetting->stream = TAKE(wish.stream);
        forgetting->exchange = exchange;
        handler.context = forgetting;
        exchange_set_handler(exchange, &handler);
}

struct forgettings *forgettings_new(void) {
        return xnew(struct forgettings);
}

struct forgettings *forgettings_free(struct forgettings *forgettings) {
        if (!forgettings)
                return NULL;
        while (!LIST_EMPTY(&forgettings->list))
                forgetting_free(LIST_FIRST(&forgettings->list));
        return mem_free(forgettings);
}
