#include "api/forgetting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/problem.h"
#include "net/exchange.h"
#include "util/date.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/number.h"

#define SECONDS_MAX 253402300799.0  // the year 9999 ends

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

static void refuse(struct exchange *exchange, int status, const char *field,
                   const char *detail) {
        struct problem problem = {.status = status, .field = field, .detail = detail};

        problem_reply(exchange, &problem);
}

// What stands before the "=" of the query's parameter at `at`.
static bool name_is(const char *at, const char *name) {
        size_t n = strlen(name);

        return strncmp(at, name, n) == 0 && (at[n] == '=' || at[n] == '&' || at[n] == '\0');
}

// Each once at most, and nothing else: who writes "til" for "to" must not lose more than he
// meant to.
static bool query_is_known(const char *query, bool has_stream) {
        unsigned n_from = 0, n_to = 0, n_stream = 0;

        for (const char *at = query; *at;) {
                if (name_is(at, "from"))
                        n_from++;
                else if (name_is(at, "to"))
                        n_to++;
                else if (has_stream && name_is(at, "stream"))
                        n_stream++;
                else
                        return false;
                at += strcspn(at, "&");
                at += *at == '&';
        }
        return n_from <= 1 && n_to <= 1 && n_stream <= 1;
}

static bool time_read(const char *text, int64_t *ret) {
        double seconds;
        const char *end = number_read(text, &seconds);

        if (!end || *end)
                return date_read(text, ret);
        if (seconds < 0 || seconds > SECONDS_MAX)
                return false;
        *ret = (int64_t)(seconds * 1000);
        return true;
}

// What is asked for, all its own.
struct forgetting_wish {
        char *from, *to, *stream;
        struct forget_stretch stretch;
};

static void wish_deinit(struct forgetting_wish *wish) {
        free(wish->from);
        free(wish->to);
        free(wish->stream);
}

// `stream` is the path's; NULL: the query may have one. False: it is refused.
static bool wish_read(struct exchange *exchange, const char *stream, int64_t now,
                      struct forgetting_wish *ret) {
        static const char expected[] =
                "a time is written as 2026-11-30T12:00:00Z (a + in it as "
                "%2B) or in Unix seconds";
        const struct http_request *request = exchange_request(exchange);
        struct forget_stretch *stretch = &ret->stretch;

        ret->from = http_request_query(request, "from");
        ret->to = http_request_query(request, "to");
        ret->stream = stream ? xstrdup(stream) : http_request_query(request, "stream");
        stretch->stream = ret->stream;
        stretch->until = now;
        if (!query_is_known(request->query, !stream))
                refuse(exchange, 400, NULL,
                       stream ? "the query has from and to, each once, and nothing else"
                              : "the query has from, to and stream, each once, and nothing "
                                "else");
        else if (ret->stream && !ret->stream[0])
                refuse(exchange, 400, "stream", "a stream's name is not empty");
        else if (!ret->from)
                refuse(exchange, 400, "from",
                       "from which time on is missing: from=0 is all there is");
        else if (!time_read(ret->from, &stretch->since))
                refuse(exchange, 400, "from", expected);
        else if (ret->to && !time_read(ret->to, &stretch->until))
                refuse(exchange, 400, "to", expected);
        else if (stretch->until <= stretch->since)
                refuse(exchange, 400, ret->to ? "to" : "from",
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

static void removed_reply(struct exchange *exchange, uint64_t n_rows) {
        CLEANUP(mem_freep) char *text = xasprintf("{\"removed\":%" PRIu64 "}", n_rows);
        struct http_response response = {.status = 200,
                                         .content_type = "application/json",
                                         .body = text,
                                         .body_length = strlen(text)};

        exchange_reply(exchange, &response);
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
                refuse(forgetting->exchange, 500, NULL, trouble);
        else if (forgetting->exchange)
                removed_reply(forgetting->exchange, n_rows);
        forgetting_free(forgetting);
}

static int status_of(int code) {
        if (code == -ENOENT)
                return 404;
        return code == -EBUSY ? 409 : 500;
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
                refuse(exchange, status_of(r), NULL, error.text);
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
