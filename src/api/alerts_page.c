#include "api/alerts_page.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "alert/alerts.h"
#include "api/body.h"
#include "api/parameters.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/route.h"
#include "manage/rules.h"
#include "manage/state.h"
#include "net/exchange.h"
#include "util/mem.h"

#define ALERTS_PATH "/api/v1/alerts/"

// One whose change is on its way to the disk.
struct changing {
        struct exchange *exchange;  // NULL: who asked has gone
        int status;                 // of the answer
        json_t *json;               // NULL: there is nothing to show
        char *headers;
        LIST_ENTRY(changing) link;
};

struct alerts_page {
        struct alerts_place place;  // of the last request
        bool is_stopping;
        LIST_HEAD(, changing) list;
};

// --- what there is ---------------------------------------------------------------------------

// How it fared is told with it.
static void figures_add(json_t *json, const struct alerts *alerts) {
        struct alert_figures figures = {0};
        const char *name = json_string_value(json_object_get(json, "name"));

        if (alerts && !alerts_figures_of(alerts, name, &figures))
                figures = (struct alert_figures){0};
        json_object_set_new(json, "fired", json_integer((json_int_t)figures.n_fired));
        json_object_set_new(json, "last_fired",
                            figures.last ? reply_time(figures.last * NSEC_PER_MSEC)
                                         : json_null());
}

static json_t *shown(const struct alerts_place *place, const char *name) {
        json_t *json = rules_show(place->rules, name);

        if (json)
                figures_add(json, place->alerts);
        return json;
}

static void list_answer(struct exchange *exchange, const struct alerts_place *place) {
        json_t *list = rules_list(place->rules), *json;
        size_t i;

        json_array_foreach(list, i, json) figures_add(json, place->alerts);
        reply_json(exchange, 200, json_pack("{so}", "alerts", list), NULL);
}

static void alert_answer(struct exchange *exchange, const struct alerts_place *place,
                         const char *name) {
        json_t *json = shown(place, name);

        if (json)
                reply_json(exchange, 200, json, NULL);
        else
                problem_refuse(exchange, 404, NULL, "there is no alert of this name");
}

// --- who waits -------------------------------------------------------------------------------

static void changing_on_gone(void *context) {
        struct changing *changing = context;

        changing->exchange = NULL;
}

static void changing_free(struct changing *changing) {
        LIST_REMOVE(changing, link);
        json_decref(changing->json);
        free(changing->headers);
        free(changing);
}

static void changing_answer(struct changing *changing, const char *trouble) {
        CLEANUP(mem_freep) char *detail = NULL;

        if (trouble) {
                detail = xasprintf("it is done, but a restart of the server undoes it: %s",
                                   trouble);
                problem_refuse(changing->exchange, 503, NULL, detail);
        } else if (changing->json) {
                reply_json(changing->exchange, changing->status, TAKE(changing->json),
                           changing->headers);
        } else {
                reply_done(changing->exchange);
        }
}

static void changing_on_kept(void *context, const char *trouble) {
        struct changing *changing = context;

        if (changing->exchange)
                changing_answer(changing, trouble);
        changing_free(changing);
}

// It is done: answer when it is on disk, with the alert of that name (NULL: it is no more, and
// the request had no body).
static void answer_when_kept(struct alerts_page *page, struct exchange *exchange, int status,
                             const char *name) {
        struct changing *changing = xnew(struct changing);
        struct exchange_handler handler = {.on_gone = changing_on_gone, .context = changing};

        changing->exchange = exchange;
        changing->status = status;
        changing->json = name ? shown(&page->place, name) : NULL;
        if (status == 201)
                changing->headers = xasprintf("Location: " ALERTS_PATH "%s\r\n", name);
        LIST_INSERT_HEAD(&page->list, changing, link);
        if (name)
                exchange_hand_over(exchange, &handler);
        else
                exchange_set_handler(exchange, &handler);
        state_keep(page->place.state, changing_on_kept, changing);
}

// --- what changes something ------------------------------------------------------------------

static void refusal_reply(struct exchange *exchange, const struct refusal *refusal) {
        problem_refuse(exchange, refusal->status, refusal->field, refusal->text);
}

// The server may have begun to stop while the body came.
static bool is_too_late(const struct alerts_page *page, struct exchange *exchange) {
        if (page->is_stopping)
                problem_refuse(exchange, 503, NULL, "the server is stopping");
        return page->is_stopping;
}

static void add_on_json(void *context, struct exchange *exchange, json_t *json) {
        struct alerts_page *page = context;
        struct refusal refusal;

        if (is_too_late(page, exchange))
                return;
        if (rules_add(page->place.rules, json, &refusal) < 0)
                refusal_reply(exchange, &refusal);
        else
                answer_when_kept(page, exchange, 201,
                                 json_string_value(json_object_get(json, "name")));
}

static void put_on_json(void *context, struct exchange *exchange, json_t *json) {
        struct alerts_page *page = context;
        const char *path = exchange_request(exchange)->path + strlen(ALERTS_PATH);
        CLEANUP(mem_freep) char *name = route_text(path, strlen(path));
        struct refusal refusal;
        bool is_new;

        if (is_too_late(page, exchange))
                return;
        if (rules_put(page->place.rules, name, json, &is_new, &refusal) < 0)
                refusal_reply(exchange, &refusal);
        else
                answer_when_kept(page, exchange, is_new ? 201 : 200, name);
}

static void remove_answer(struct alerts_page *page, struct exchange *exchange,
                          const char *name) {
        struct refusal refusal;

        if (rules_remove(page->place.rules, name, &refusal) < 0)
                refusal_reply(exchange, &refusal);
        else
                answer_when_kept(page, exchange, 204, NULL);
}

// --- requests --------------------------------------------------------------------------------

static void change_answer(struct alerts_page *page, struct exchange *exchange,
                          const struct alerts_place *place, const char *name) {
        page->place = *place;
        if (place->is_stopping)
                problem_refuse(exchange, 503, NULL, "the server is stopping");
        else if (!name)
                body_read(exchange, add_on_json, page);
        else if (strcmp(exchange_request(exchange)->method, "PUT") == 0)
                body_read(exchange, put_on_json, page);
        else
                remove_answer(page, exchange, name);
}

void alerts_page_answer(struct alerts_page *page, struct exchange *exchange,
                        const struct alerts_place *place, const char *name) {
        const char *method = exchange_request(exchange)->method;

        if (!parameters_none(exchange))
                return;
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
                change_answer(page, exchange, place, name);
        else if (name)
                alert_answer(exchange, place, name);
        else
                list_answer(exchange, place);
}

// --- life ------------------------------------------------------------------------------------

struct alerts_page *alerts_page_new(void) {
        return xnew(struct alerts_page);
}

void alerts_page_stop(struct alerts_page *page) {
        page->is_stopping = true;
}

struct alerts_page *alerts_page_free(struct alerts_page *page) {
        if (!page)
                return NULL;
        for (struct changing *changing = LIST_FIRST(&page->list), *next; changing;
             changing = next) {
                next = LIST_NEXT(changing, link);
                changing_free(changing);
        }
        return mem_free(page);
}
