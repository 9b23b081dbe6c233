#include "api/timeline.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/parameters.h"
#include "api/problem.h"
#include "api/timeline_bins.h"
#include "journal/row_json.h"
#include "net/exchange.h"
#include "util/loop.h"
#include "util/mem.h"

#define MSEC         INT64_C(1000)
#define DAY          (24 * 3600 * MSEC)
#define BINS         100  // where the query does not say
#define STEP_MAX     ((uint64_t)366 * 24 * 3600)
#define JSON_DIGITS  14
#define SPOKEN_KINDS (1U << ROW_SEGMENT | 1U << ROW_ALERT | 1U << ROW_STATUS)

struct timeline {
        struct reading reading;  // first
        struct timeline_bins bins;
        struct query query;  // of the next page
        bool has_state;      // how the stream was before it is known
};

// --- the answer ------------------------------------------------------------------------------

static json_t *bin_json(const struct timeline_bin *bin) {
        char start[ROW_TIME_MAX];

        row_time_format(bin->start, start);
        return json_pack("{s:s, s:f, s:f, s:i}", "start", start,        //
                         "speech", (double)bin->speech / (double)MSEC,  //
                         "outage", (double)bin->outage / (double)MSEC,  //
                         "alerts", (int)bin->n_alerts);
}

static void timeline_reply(struct timeline *timeline) {
        const struct timeline_bins *bins = &timeline->bins;
        json_t *list = json_array(), *json;
        char from[ROW_TIME_MAX], to[ROW_TIME_MAX];
        CLEANUP(mem_freep) char *text = NULL;
        struct http_response response = {.status = 200, .content_type = "application/json"};

        for (size_t i = 0; i < bins->n; i++)
                json_array_append_new(list, bin_json(&bins->bins[i]));
        row_time_format(bins->from, from);
        row_time_format(bins->to, to);
        json = json_pack("{s:s, s:s, s:I, s:o}", "from", from, "to", to,  //
                         "step", (json_int_t)(bins->step / MSEC), "bins", list);
        text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(JSON_DIGITS));
        json_decref(json);
        response.body = text;
        response.body_length = text ? strlen(text) : 0;
        reading_reply(&timeline->reading, &response);
}

// --- pages -----------------------------------------------------------------------------------

// The last state before it comes first: how the stream was when it begins. (An end at 0 would
// be none.)
static void timeline_on_stream(struct reading *reading) {
        struct timeline *timeline = (struct timeline *)reading;
        struct query query = {
                .kinds = 1U << ROW_STATUS,
                .streams = timeline->query.streams,
                .until = timeline->bins.from ? timeline->bins.from : 1,
                .is_newest_first = true,
                .limit = 1,
        };

        reading_query(reading, &query);
}

static void timeline_on_page(struct reading *reading, struct query_page *page) {
        struct timeline *timeline = (struct timeline *)reading;
        bool is_end = timeline->has_state && page->is_end;

        for (size_t i = 0; i < page->n; i++)
                timeline_bins_add(&timeline->bins, &page->rows[i]);
        if (timeline->has_state)
                timeline->query.after = page->next;
        timeline->has_state = true;
        query_page_deinit(page);
        if (!is_end) {
                reading_query(reading, &timeline->query);
                return;
        }
        timeline_bins_end(&timeline->bins, loop_wall(reading->place.loop) / NSEC_PER_MSEC);
        timeline_reply(timeline);
}

static void timeline_free(struct reading *reading) {
        struct timeline *timeline = (struct timeline *)reading;

        timeline_bins_deinit(&timeline->bins);
        query_deinit(&timeline->query);
        free(timeline);
}

// --- what is asked for -----------------------------------------------------------------------

static bool bins_wanted(struct exchange *exchange, int64_t now, struct timeline_bins *ret) {
        int64_t from = -1, to = -1;
        uint64_t step = 0;

        if (!parameters_stretch(exchange, &from, &to) ||
            !parameters_count(exchange, "step", 1, STEP_MAX, &step))
                return false;
        to = to >= 0 ? to : now;
        from = from >= 0 ? from : to > DAY ? to - DAY : 0;
        if (to <= from) {
                parameters_refuse(exchange, "from", "the beginning is not before the end");
                return false;
        }
        if (step == 0)
                step = (uint64_t)((to - from - 1) / (BINS * MSEC)) + 1;
        if (timeline_bins_count(from, to, (int64_t)step * MSEC) > TIMELINE_BINS_MAX) {
                parameters_refuse(exchange, "step",
                                  "there would be more than 2000 bins: take a longer step");
                return false;
        }
        timeline_bins_init(ret, from, to, (int64_t)step * MSEC);
        return true;
}

void timeline_answer(struct readings *readings, struct exchange *exchange,
                     const struct reading_place *place, const char *stream) {
        static const char *const names[] = {"from", "to", "step", NULL};
        static const struct reading_ops ops = {.on_stream = timeline_on_stream,
                                               .on_page = timeline_on_page,
                                               .free = timeline_free};
        int64_t now = loop_wall(place->loop) / NSEC_PER_MSEC;
        struct timeline_bins bins;
        struct timeline *timeline;

        if (!reading_admits(exchange, stream) || !parameters_known(exchange, names) ||
            !readings_admit(readings, exchange, place, false) ||
            !bins_wanted(exchange, now, &bins))
                return;
        timeline = xnew(struct timeline);
        timeline->bins = bins;
        timeline->query = (struct query){
                .kinds = SPOKEN_KINDS,
                .streams = reading_only(stream),
                .since = bins.from,
                .until = bins.to,
        };
        reading_begin(&timeline->reading, readings, exchange, place, &ops, false);
        reading_look(&timeline->reading, stream);
}
