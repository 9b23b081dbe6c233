#include "api/discoveries.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "api/parameters.h"
#include "api/problem.h"
#include "api/reply.h"
#include "net/exchange.h"
#include "source/discovery.h"
#include "source/ws_discovery.h"
#include "util/mem.h"

// For how long answers are waited for: cameras may take half a second before they answer.
#define SECONDS_USUAL 3
#define SECONDS_MAX   10

struct asking {
        struct discoveries *discoveries;
        struct exchange *exchange;
        struct discovery *discovery;
        LIST_ENTRY(asking) link;
};

struct discoveries {
        struct loop *loop;
        LIST_HEAD(, asking) list;
        size_t n;
};

static struct asking *asking_free(struct asking *asking) {
        LIST_REMOVE(asking, link);
        asking->discoveries->n--;
        discovery_close(asking->discovery);
        return mem_free(asking);
}

// --- what was found
// ----------------------------------------------------------------------------

static json_t *text_json(const char *text) {
        return text[0] ? json_string(text) : json_null();
}

static json_t *texts_json(const char (*texts)[WS_DISCOVERY_TEXT_MAX], size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_string(texts[i]));
        return list;
}

// What of a stream's URL is still to be filled in.
static json_t *camera_json(const struct discovery_camera *camera) {
        const struct ws_match *match = camera->match;
        CLEANUP(mem_freep)
        char *url = xasprintf("rtsp://USER:PASSWORD@%s:554/PATH", camera->address);

        return json_pack("{ss so so so so so so ss s[sss]}", "address", camera->address, "name",
                         text_json(match->name), "hardware", text_json(match->hardware),
                         "location", text_json(match->location), "endpoint",
                         text_json(match->endpoint), "xaddrs",
                         texts_json(match->urls, match->n_urls), "scopes",
                         texts_json(match->scopes, match->n_scopes), "url", url, "needs",
                         "user", "password", "path");
}

static void asking_on_done(void *context, const struct discovery_report *report) {
        struct asking *asking = context;
        json_t *interfaces = json_array(), *cameras = json_array();

        for (size_t i = 0; i < report->n_interfaces; i++)
                json_array_append_new(interfaces, json_string(report->interfaces[i]));
        for (size_t i = 0; i < report->n_cameras; i++)
                json_array_append_new(cameras, camera_json(&report->cameras[i]));
        reply_json(
                asking->exchange, 200,
                json_pack("{so so ss}", "interfaces", interfaces, "cameras", cameras, "note",
                          "cameras tell neither their credentials nor the path of their RTSP "
                          "stream this way: fill both into the url (the camera's manual has "
                          "the path) and try it with /api/v1/probe"),
                NULL);
        asking_free(asking);
}

// --- what is asked for
// -------------------------------------------------------------------------

static void asking_on_gone(void *context) {
        asking_free(context);
}

static void asking_begin(struct discoveries *discoveries, struct exchange *exchange,
                         nsec_t duration) {
        const struct discovery_config config = {.duration = duration};
        struct asking *asking = xnew(struct asking);
        const struct exchange_handler handler = {.on_gone = asking_on_gone, .context = asking};
        struct error error = {0};

        asking->discoveries = discoveries;
        asking->exchange = exchange;
        LIST_INSERT_HEAD(&discoveries->list, asking, link);
        discoveries->n++;
        if (discovery_open(&asking->discovery, discoveries->loop, &config, asking_on_done,
                           asking, &error) < 0) {
                problem_refuse(exchange, 503, NULL, error.text);
                asking_free(asking);
                return;
        }
        exchange_set_handler(exchange, &handler);
}

void discoveries_answer(struct discoveries *discoveries, struct exchange *exchange) {
        static const char *const names[] = {"seconds", NULL};
        uint64_t seconds = SECONDS_USUAL;

        if (!parameters_known(exchange, names) ||
            !parameters_count(exchange, "seconds", 1, SECONDS_MAX, &seconds))
                return;
        if (discoveries->n >= DISCOVERIES_MAX)
                problem_refuse(exchange, 503, NULL, "the network is being asked already");
        else
                asking_begin(discoveries, exchange, (nsec_t)seconds * NSEC_PER_SEC);
}

// --- life
// --------------------------------------------------------------------------------------

struct discoveries *discoveries_new(struct loop *loop) {
        struct discoveries *discoveries = xnew(struct discoveries);

        discoveries->loop = loop;
        return discoveries;
}

struct discoveries *discoveries_free(struct discoveries *discoveries) {
        if (!discoveries)
                return NULL;
        while (!LIST_EMPTY(&discoveries->list))
                asking_free(LIST_FIRST(&discoveries->list));
        return mem_free(discoveries);
}
