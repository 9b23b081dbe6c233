#include "api/trials.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/body.h"
#include "api/parameters.h"
#include "api/problem.h"
#include "api/trial_hearing.h"
#include "api/trial_wish.h"
#include "net/exchange.h"
#include "util/mem.h"

// Rows that are looked at in one go: patterns at their limits take seconds for them, for which
// a thread is nobody else's.
#define PAGE_ROWS 200

struct trials {
        struct readings *readings;
        struct reading_place place;  // of the last request
        LIST_HEAD(, trial) list;
};

// One that is under way.
struct trial {
        struct reading reading;  // first
        struct trials *trials;
        struct query query;
        struct trial_hearing *hearing;
        bool is_end;  // there is no more to be looked at
        LIST_ENTRY(trial) link;
};

// --- while it lasts --------------------------------------------------------------------------

static void trial_reply(struct trial *trial) {
        json_t *json = trial_hearing_json(trial->hearing);
        CLEANUP(mem_freep) char *text = json_dumps(json, JSON_COMPACT);
        struct http_response response = {.status = 200,
                                         .content_type = "application/json",
                                         .body = text,
                                         .body_length = strlen(text)};

        json_decref(json);
        reading_reply(&trial->reading, &response);
}

static void trial_on_heard(void *context) {
        struct trial *trial = context;

        if (trial->is_end || trial_hearing_is_full(trial->hearing))
                trial_reply(trial);
        else
                reading_query(&trial->reading, &trial->query);
}

static void trial_on_page(struct reading *reading, struct query_page *page) {
        struct trial *trial = (struct trial *)reading;

        trial->is_end = page->is_end;
        trial->query.after = page->next;
        trial_hearing_hear(trial->hearing, page, trial_on_heard, trial);
}

static void trial_free(struct reading *reading) {
        struct trial *trial = (struct trial *)reading;

        LIST_REMOVE(trial, link);
        trial_hearing_leave(trial->hearing);
        query_deinit(&trial->query);
        free(trial);
}

// --- what is asked for -----------------------------------------------------------------------

// The text as a row of what was said.
static void text_hear(struct trial *trial, const char *text) {
        struct query_page page = {.rows = xcalloc(1, sizeof(*page.rows)), .n = 1};

        page.rows[0] = (struct row){
                .kind = ROW_SEGMENT, .stream = xstrdup("test"), .text = xstrdup(text)};
        trial->is_end = true;
        trial_hearing_hear(trial->hearing, &page, trial_on_heard, trial);
}

static void said_hear(struct trial *trial, const struct trial_wish *wish) {
        struct query *query = &trial->query;

        query->kinds = 1U << ROW_SEGMENT;
        query->since = wish->from;
        query->until = wish->to;
        query->limit = PAGE_ROWS;
        query->readable = reading_readable(trial->reading.exchange);
        if (wish->stream) {
                query->streams = xcalloc(2, sizeof(*query->streams));
                query->streams[0] = xstrdup(wish->stream);
        }
        reading_query(&trial->reading, query);
}

// Whether there is room, and what is asked for can be looked at. Else it is answered.
static bool admit(const struct trials *trials, struct exchange *exchange,
                  const struct trial_wish *wish) {
        const struct trial *trial;
        bool is_alone = true;
        size_t n = 0;

        LIST_FOREACH(trial, &trials->list, link) {
                is_alone &= !readings_same_asker(trial->reading.exchange, exchange);
                n++;
        }
        if (is_alone && n < TRIALS_MAX)
                return wish->text ||
                       readings_admit(trials->readings, exchange, &trials->place, false);
        problem_refuse(exchange, 503, NULL,
                       is_alone ? "others try alerts at the moment; ask again later"
                                : "you are trying an alert already; wait for its answer");
        return false;
}

static void trials_on_json(void *context, struct exchange *exchange, json_t *json) {
        static const struct reading_ops ops = {.on_page = trial_on_page, .free = trial_free};
        struct trials *trials = context;
        int64_t now = loop_wall(trials->place.loop) / NSEC_PER_MSEC;
        CLEANUP(trial_wish_deinit) struct trial_wish wish;
        struct trial_mistake mistake;
        struct trial *trial;

        if (!trial_wish_read(json, now, &wish, &mistake)) {
                problem_refuse(exchange, 400, mistake.field, mistake.detail);
                return;
        }
        if (!admit(trials, exchange, &wish))
                return;
        trial = xnew(struct trial);
        trial->trials = trials;
        trial->hearing = trial_hearing_new(trials->place.loop, &wish.alert);
        LIST_INSERT_HEAD(&trials->list, trial, link);
        reading_begin_read(&trial->reading, trials->readings, exchange, &trials->place, &ops);
        if (wish.text)
                text_hear(trial, wish.text);
        else
                said_hear(trial, &wish);
}

void trials_answer(struct trials *trials, struct readings *readings, struct exchange *exchange,
                   const struct reading_place *place) {
        if (!parameters_none(exchange))
                return;
        trials->readings = readings;
        trials->place = *place;
        body_read(exchange, trials_on_json, trials);
}

struct trials *trials_new(void) {
        return xnew(struct trials);
}

struct trials *trials_free(struct trials *trials) {
        return mem_free(trials);
}
