#include "api/reading.h"

#include <stdlib.h>
#include <string.h>

#include "api/errands.h"
#include "api/problem.h"
#include "auth/principal.h"
#include "net/exchange.h"
#include "pipeline/hub.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/mem.h"
#include "util/word_list.h"

// Written at once: a quarter of what may be unsent.
#define PIECE_MAX (EXCHANGE_UNSENT_MAX / 4)

#define NO_STREAM  "there is no such stream, and nothing is kept of one"
#define NO_JOURNAL "nothing is kept: the configuration's \"journal: on\" keeps what is heard"
#define NO_TOKEN   "the token has expired or was revoked"
#define NO_ROOM    "too many others read what is kept; ask again later"
#define NO_SHARE   "too much is read for you at once; let some of it end first"

struct readings {
        LIST_HEAD(, reading) list;
        size_t n, n_live;  // of which the latter are not among the former
        struct errands *errands;
};

// --- before it begins ------------------------------------------------------------------------

bool readings_same_asker(const struct exchange *a, const struct exchange *b) {
        const struct http_request *one = exchange_request(a), *other = exchange_request(b);
        const struct principal *principal = one->principal;
        bool has_token = principal && !principal->stranger && principal->life;

        return principal == other->principal &&
               (has_token || strcmp(one->address, other->address) == 0);
}

// What one asker has at once.
struct reading_share {
        size_t n, n_live;
        size_t sound;  // bytes, those that it may get included
};

static struct reading_share share_of(const struct readings *readings,
                                     const struct exchange *exchange) {
        struct reading_share share = {0};
        struct reading *reading;

        LIST_FOREACH(reading, &readings->list, link) {
                if (!readings_same_asker(reading->exchange, exchange))
                        continue;
                *(reading->is_live ? &share.n_live : &share.n) += 1;
                share.sound += reading->sound_bytes + reading->sound_asked;
        }
        return share;
}

bool readings_admit(const struct readings *readings, struct exchange *exchange,
                    const struct reading_place *place, bool is_live) {
        struct reading_share share = share_of(readings, exchange);
        size_t most = is_live ? READINGS_LIVE_MAX : READINGS_MAX;

        if (place->is_stopping)
                problem_refuse(exchange, 503, NULL, "the server is stopping");
        else if (!place->journal)
                problem_refuse(exchange, 404, NULL, NO_JOURNAL);
        else if ((is_live ? readings->n_live : readings->n) >= most)
                problem_refuse(exchange, 503, NULL, NO_ROOM);
        else if ((is_live ? share.n_live : share.n) >= most / READINGS_SHARE)
                problem_refuse(exchange, 503, NULL, NO_SHARE);
        else
                return true;
        return false;
}

bool reading_admits(struct exchange *exchange, const char *stream) {
        if (principal_may_read(exchange_request(exchange)->principal, stream))
                return true;
        problem_refuse(exchange, 404, NULL, NO_STREAM);
        return false;
}

// --- life ------------------------------------------------------------------------------------

// Nobody hears of it any more.
static void reading_free(struct reading *reading) {
        LIST_REMOVE(reading, link);
        *(reading->is_live ? &reading->readings->n_live : &reading->readings->n) -= 1;
        errands_drop(reading->readings->errands, reading);
        errands_give_back(reading->readings->errands, reading->sound_bytes);
        free(reading->bytes);
        reading->ops->free(reading);
}

static void reading_on_gone(void *context) {
        reading_free(context);
}

static void reading_on_drained(void *context) {
        reading_pump(context);
}

// Who listens to the exchange from now on.
static struct exchange_handler reading_init(struct reading *reading, struct readings *readings,
                                            struct exchange *exchange,
                                            const struct reading_place *place,
                                            const struct reading_ops *ops, bool is_live) {
        reading->ops = ops;
        reading->readings = readings;
        reading->exchange = exchange;
        reading->place = *place;
        reading->is_live = is_live;
        LIST_INSERT_HEAD(&readings->list, reading, link);
        *(is_live ? &readings->n_live : &readings->n) += 1;
        return (struct exchange_handler){.on_gone = reading_on_gone,
                                         .on_drained = reading_on_drained,
                                         .context = reading};
}

void reading_begin(struct reading *reading, struct readings *readings,
                   struct exchange *exchange, const struct reading_place *place,
                   const struct reading_ops *ops, bool is_live) {
        struct exchange_handler handler =
                reading_init(reading, readings, exchange, place, ops, is_live);

        exchange_set_handler(exchange, &handler);
}

void reading_begin_read(struct reading *reading, struct readings *readings,
                        struct exchange *exchange, const struct reading_place *place,
                        const struct reading_ops *ops) {
        struct exchange_handler handler =
                reading_init(reading, readings, exchange, place, ops, false);

        exchange_hand_over(exchange, &handler);
}

void readings_look(struct readings *readings) {
        struct reading *reading = LIST_FIRST(&readings->list), *next;

        for (; reading; reading = next) {
                int64_t now = loop_wall(reading->place.loop) / NSEC_PER_MSEC;

                next = LIST_NEXT(reading, link);
                if (principal_is_over(exchange_request(reading->exchange)->principal, now))
                        reading_refuse(reading, &(struct problem){401, .detail = NO_TOKEN});
        }
}

struct readings *readings_new(void) {
        struct readings *readings = xnew(struct readings);

        readings->errands = errands_new();
        return readings;
}

struct readings *readings_free(struct readings *readings) {
        if (!readings)
                return NULL;
        while (!LIST_EMPTY(&readings->list))
                reading_free(LIST_FIRST(&readings->list));
        errands_free(readings->errands);
        return mem_free(readings);
}

// --- asking ----------------------------------------------------------------------------------

// What the journal's files are called is nobody's business; the log has it.
static void page_refuse(struct reading *reading, const struct query_page *page) {
        struct problem problem = {
                .status = 503,
                .detail = "the journal cannot be read at the moment; the server's log says why",
        };

        if (page->is_query_wrong)
                problem = (struct problem){400, .field = "q", .detail = page->error};
        else
                log_warning("api", "history-failed", "what is kept cannot be read: %s",
                            page->error);
        reading_refuse(reading, &problem);
}

static void reading_on_page(void *context, struct query_page *page) {
        struct reading *reading = context;
        bool is_looking = reading->is_looking;

        reading->is_looking = false;
        if (!page->error[0] && !is_looking) {
                reading->ops->on_page(reading, page);
                return;
        }
        if (page->error[0])
                page_refuse(reading, page);
        else if (page->n == 0)
                reading_refuse(reading, &(struct problem){404, .detail = NO_STREAM});
        else
                reading->ops->on_stream(reading);
        query_page_deinit(page);
}

void reading_query(struct reading *reading, const struct query *query) {
        errands_read(reading->readings->errands, reading->place.journal, query, reading_on_page,
                     reading);
}

void reading_look(struct reading *reading, const char *stream) {
        // Rows of what was forgotten may be of all streams.
        struct query query = {
                .kinds = 1U << ROW_SEGMENT | 1U << ROW_ALERT | 1U << ROW_STATUS,
                .is_newest_first = true,
                .limit = 1,
        };

        if (hub_find(reading->place.hub, stream)) {
                reading->ops->on_stream(reading);
                return;
        }
        query.streams = reading_only(stream);
        reading->is_looking = true;
        reading_query(reading, &query);
        query_deinit(&query);
}

static void reading_on_sound(void *context, struct archive_sound *sound, const char *trouble) {
        struct reading *reading = context;
        struct problem problem = {.status = sound->is_absent ? 404 : 503, .detail = trouble};

        reading->sound_asked = 0;
        reading->sound_bytes = sound->n;
        if (trouble)
                reading_refuse(reading, &problem);
        else
                reading->ops->on_sound(reading, sound);
}

void reading_sound(struct reading *reading, const struct archive_query *query, size_t n_most) {
        struct reading_share share = share_of(reading->readings, reading->exchange);

        if (share.sound + n_most > ERRANDS_SOUND_MAX / READINGS_SHARE) {
                reading_refuse(reading, &(struct problem){503, .detail = NO_SHARE});
                return;
        }
        reading->sound_asked = n_most;
        if (!errands_hear(reading->readings->errands, reading->place.archive, query, n_most,
                          reading_on_sound, reading))
                reading_refuse(reading, &(struct problem){503, .detail = NO_ROOM});
}

// --- answering -------------------------------------------------------------------------------

void reading_put(struct reading *reading, const void *bytes, size_t n) {
        while (reading->n + n > reading->capacity) {
                reading->capacity = reading->capacity ? 2 * reading->capacity : PIECE_MAX;
                reading->bytes = xrealloc_array(reading->bytes, reading->capacity, 1);
        }
        memcpy(reading->bytes + reading->n, bytes, n);
        reading->n += n;
}

size_t reading_waiting(const struct reading *reading) {
        return reading->n - reading->at;
}

// What was put, as far as the client takes it. False: it has yet to take more.
static bool bytes_write(struct reading *reading) {
        while (reading->at < reading->n) {
                size_t n = reading->n - reading->at;

                n = n < PIECE_MAX ? n : PIECE_MAX;
                if (!exchange_write(reading->exchange, reading->bytes + reading->at, n))
                        return false;
                reading->at += n;
        }
        reading->at = reading->n = 0;
        return true;
}

static void reading_end(struct reading *reading) {
        exchange_end(reading->exchange);
        reading_free(reading);
}

void reading_pump(struct reading *reading) {
        while (bytes_write(reading)) {
                enum reading_progress progress = reading->ops->write(reading);

                if (progress == READING_DONE && bytes_write(reading)) {
                        reading_end(reading);
                        return;
                }
                if (progress != READING_MORE)
                        return;
        }
}

void reading_answer(struct reading *reading, const struct http_response *response) {
        reading->is_begun = true;
        if (exchange_begin(reading->exchange, response))
                reading_pump(reading);
        else
                reading_end(reading);
}

void reading_reply(struct reading *reading, const struct http_response *response) {
        exchange_reply(reading->exchange, response);
        reading_free(reading);
}

void reading_refuse(struct reading *reading, const struct problem *problem) {
        if (reading->is_begun)
                exchange_cut(reading->exchange);
        else
                problem_reply(reading->exchange, problem);
        reading_free(reading);
}

// --- queries ---------------------------------------------------------------------------------

char **reading_only(const char *stream) {
        char **list = xcalloc(2, sizeof(*list));
        char *at = xcalloc(2 * strlen(stream) + 1, 1);

        list[0] = at;
        for (; *stream; stream++) {
                if (strchr("*?[\\", *stream))
                        *at++ = '\\';
                *at++ = *stream;
        }
        return list;
}

char **reading_readable(const struct exchange *exchange) {
        return word_list_copy(exchange_request(exchange)->principal->streams);
}
