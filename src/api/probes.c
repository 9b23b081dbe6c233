#include "api/probes.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/body.h"
#include "api/problem.h"
#include "api/reply.h"
#include "net/exchange.h"
#include "source/probe.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/redact.h"

struct probing {
        struct probes *probes;
        struct media_backend *media;
        struct exchange *exchange;
        char *bytes;  // of the body
        size_t n;
        char *url;  // redacted
        struct probe *probe;
        LIST_ENTRY(probing) link;
};

struct probes {
        struct loop *loop;
        LIST_HEAD(, probing) list;
        size_t n;
        bool is_stopping;
};

static struct probing *probing_free(struct probing *probing) {
        LIST_REMOVE(probing, link);
        probing->probes->n--;
        probe_close(probing->probe);
        free(probing->url);
        free(probing->bytes);
        return mem_free(probing);
}

static void probing_refuse(struct probing *probing, int status, const char *field,
                           const char *detail) {
        problem_refuse(probing->exchange, status, field, detail);
        probing_free(probing);
}

// --- what was found
// ----------------------------------------------------------------------------

// A number; null where it is none.
static json_t *number_json(double number) {
        return isfinite(number) ? json_real(round(number * 10) / 10) : json_null();
}

// A text; null where it is empty.
static json_t *text_json(const char *text) {
        return text[0] ? json_string(text) : json_null();
}

static json_t *count_json(unsigned count) {
        return count ? json_integer(count) : json_null();
}

static json_t *answer_json(enum probe_answer answer) {
        return answer == PROBE_UNKNOWN ? json_null() : json_boolean(answer == PROBE_YES);
}

static json_t *tracks_json(const struct media_opened *opened) {
        json_t *list = json_array();

        for (unsigned i = 0; i < opened->n_tracks; i++) {
                const struct media_track *track = &opened->tracks[i];

                json_array_append_new(list, json_pack("{sI so so so so so sb so}", "number",
                                                      (json_int_t)i + 1, "codec",
                                                      text_json(track->codec), "rate",
                                                      count_json(track->rate), "channels",
                                                      count_json(track->channels), "language",
                                                      text_json(track->language), "title",
                                                      text_json(track->title), "chosen",
                                                      (int)(opened->chosen == i + 1),
                                                      "level_dbfs", number_json(track->level)));
        }
        return list;
}

static json_t *report_json(const struct probing *probing, const struct probe_report *report) {
        const struct media_opened *opened = report->opened;
        const char *verdict =
                report->fault == MEDIA_FAULT_NONE ? "ok" : probe_fault_name(report->fault);

        return json_pack(
                "{ss ss so so so so so so so so so so}", "url", probing->url, "verdict",
                verdict, "reason", text_json(report->reason), "reachable",
                answer_json(report->is_reachable), "admitted", answer_json(report->is_admitted),
                "container", opened ? text_json(opened->container) : json_null(), "live",
                opened ? json_boolean(!opened->is_finite) : json_null(), "duration",
                opened ? number_json(opened->duration) : json_null(), "tracks",
                opened ? tracks_json(opened) : json_null(), "seconds",
                number_json(report->seconds), "level_dbfs", number_json(report->level.rms),
                "peak_dbfs", number_json(report->level.peak));
}

static void probing_on_done(void *context, const struct probe_report *report) {
        struct probing *probing = context;

        log_info("api", "probed", "%s had %s looked at: %s",
                 exchange_request(probing->exchange)->peer, probing->url,
                 report->fault == MEDIA_FAULT_NONE ? "there is sound" : report->reason);
        reply_json(probing->exchange, 200, report_json(probing, report), NULL);
        probing_free(probing);
}

// --- what is asked for
// -------------------------------------------------------------------------

static const char *const transports[] = {
        [SOURCE_TRANSPORT_TCP] = "tcp", [SOURCE_TRANSPORT_UDP] = "udp"};

// A member that is a text or absent (NULL then). False: it is something else.
static bool text_read(const json_t *json, const char *name, const char **ret) {
        const json_t *member = json_object_get(json, name);

        *ret = json_string_value(member);
        return !member || *ret;
}

// The field that is wrong, with what is expected; NULL: none is.
static const char *wish_read(json_t *json, struct probe_config *ret, const char **ret_detail) {
        const char *transport, *name;
        json_t *member;

        *ret_detail = "a text is expected";
        if (!text_read(json, "url", &ret->url) || !ret->url)
                return "url";
        if (!text_read(json, "track", &ret->track))
                return "track";
        if (ret->track && strlen(ret->track) > SOURCE_TRACK_MAX) {
                *ret_detail = "a sound track's number, or a language's code, is expected";
                return "track";
        }
        *ret_detail = "tcp or udp is expected";
        if (!text_read(json, "transport", &transport))
                return "transport";
        if (transport && strcmp(transport, transports[SOURCE_TRANSPORT_UDP]) == 0)
                ret->transport = SOURCE_TRANSPORT_UDP;
        else if (transport && strcmp(transport, transports[SOURCE_TRANSPORT_TCP]) != 0)
                return "transport";
        *ret_detail = "there is no such field; those known here are url, transport and track";
        json_object_foreach(json, name, member) if (strcmp(name, "url") != 0 &&
                                                    strcmp(name, "transport") != 0 &&
                                                    strcmp(name, "track") != 0) return name;
        return NULL;
}

static int status_of(int code) {
        switch (code) {
        case -EINVAL:
                return 400;
        case -EPERM:  // the configuration has to be changed first
                return 409;
        default:
                return 503;
        }
}

static void probing_begin(struct probing *probing, json_t *json) {
        struct probe_config config = {.media = probing->media, .is_untrusted = true};
        const char *detail;
        const char *field = wish_read(json, &config, &detail);
        struct error error = {0};
        int code;

        if (field) {
                probing_refuse(probing, 400, field, detail);
                return;
        }
        probing->url = redact_value(config.url);
        code = probe_open(&probing->probe, probing->probes->loop, &config, probing_on_done,
                          probing, &error);
        if (code < 0)
                probing_refuse(probing, status_of(code), "url", error.text);
}

static void probing_on_body(void *context, const uint8_t *bytes, size_t n) {
        struct probing *probing = context;

        probing->bytes = xrealloc_array(probing->bytes, probing->n + n, 1);
        memcpy(probing->bytes + probing->n, bytes, n);
        probing->n += n;
}

static void probing_on_body_end(void *context) {
        struct probing *probing = context;
        json_t *json = body_parse(probing->exchange, probing->bytes, probing->n);

        if (json)
                probing_begin(probing, json);
        else
                probing_free(probing);
        json_decref(json);
}

static void probing_on_gone(void *context) {
        probing_free(context);
}

void probes_answer(struct probes *probes, struct media_backend *media,
                   struct exchange *exchange) {
        struct exchange_handler handler = {
                .on_body = probing_on_body,
                .on_body_end = probing_on_body_end,
                .on_gone = probing_on_gone,
                .body_max = BODY_BYTES_MAX,
        };
        struct probing *probing;

        if (probes->is_stopping) {
                problem_refuse(exchange, 503, NULL, "the server is stopping");
                return;
        }
        if (probes->n >= PROBES_MAX) {
                problem_refuse(exchange, 503, NULL,
                               "as many addresses are being looked at as may be at a time (4)");
                return;
        }
        probing = xnew(struct probing);
        probing->probes = probes;
        probing->media = media;
        probing->exchange = exchange;
        LIST_INSERT_HEAD(&probes->list, probing, link);
        probes->n++;
        handler.context = probing;
        exchange_set_handler(exchange, &handler);
}

// --- life
// --------------------------------------------------------------------------------------

struct probes *probes_new(struct loop *loop) {
        struct probes *probes = xnew(struct probes);

        probes->loop = loop;
        return probes;
}

void probes_stop(struct probes *probes) {
        probes->is_stopping = true;
        while (!LIST_EMPTY(&probes->list))
                probing_refuse(LIST_FIRST(&probes->list), 503, NULL, "the server is stopping");
}

struct probes *probes_free(struct probes *probes) {
        if (!probes)
                return NULL;
        while (!LIST_EMPTY(&probes->list))
                probing_free(LIST_FIRST(&probes->list));
        return mem_free(probes);
}
