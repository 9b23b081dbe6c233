#include "api/rows.h"

#include <stdlib.h>
#include <string.h>

#include "api/parameters.h"
#include "api/problem.h"
#include "auth/principal.h"
#include "decode/language.h"
#include "journal/row_json.h"
#include "net/exchange.h"
#include "util/mem.h"

#define JSON      "application/json"
#define LIMIT     100  // rows of a page, where the query does not say
#define NAMES_MAX 16   // of a list in the query

// A page on its way.
struct rows_page {
        struct reading reading;  // first
        struct query query;
        struct query_page page;
        size_t next;  // row of the page to be written
};

// --- what is asked for -----------------------------------------------------------------------

static char *text_of(const struct exchange *exchange, const char *name) {
        return http_request_query(exchange_request(exchange), name);
}

// Each name of the list in the query goes to `take`, which says what is wrong with it, or NULL.
static bool list_read(struct exchange *exchange, const char *name, struct query *query,
                      char *(*take)(struct query *query, const char *name)) {
        CLEANUP(mem_freep) char *text = text_of(exchange, name);
        CLEANUP(mem_freep) char *mistake = NULL;
        char *rest = text, *item;
        size_t n = 0;

        while (!mistake && rest && (item = strsep(&rest, ",")))
                mistake = ++n > NAMES_MAX ? xstrdup("too many of them") : take(query, item);
        if (mistake)
                parameters_refuse(exchange, name, mistake);
        return !mistake;
}

static char *kind_take(struct query *query, const char *name) {
        for (int kind = 0; kind < ROW_KINDS; kind++)
                if (strcmp(name, row_kind_names[kind]) == 0) {
                        query->kinds |= 1U << kind;
                        return NULL;
                }
        return xstrdup("a kind is segment, alert, status or forgotten, or several of them with "
                       "commas between");
}

static char *language_take(struct query *query, const char *name) {
        struct error error = {0};
        const char *code;
        size_t n = 0;

        if (language_wish(&code, name, &error) < 0)
                return xstrdup(error.text);
        if (!code[0])
                return xstrdup("a language is named here, such as en or de,fr");
        if (!query->languages)
                query->languages = xcalloc(NAMES_MAX + 1, sizeof(*query->languages));
        while (query->languages[n])
                n++;
        query->languages[n] = xstrdup(code);
        return NULL;
}

static bool order_read(struct exchange *exchange, bool *ret_newest) {
        CLEANUP(mem_freep) char *order = text_of(exchange, "order");

        if (!order)
                return true;
        *ret_newest = strcmp(order, "newest") == 0;
        if (*ret_newest || strcmp(order, "oldest") == 0)
                return true;
        parameters_refuse(exchange, "order",
                          "the order is newest or oldest: which comes first");
        return false;
}

static bool cursor_read(struct exchange *exchange, struct row_cursor *ret) {
        CLEANUP(mem_freep) char *after = text_of(exchange, "after");

        if (!after || row_cursor_parse(after, ret))
                return true;
        parameters_refuse(exchange, "after",
                          "a cursor is what a page has as \"next\", or a row as \"cursor\"");
        return false;
}

static bool words_read(struct exchange *exchange, struct query *query) {
        query->words = text_of(exchange, "q");
        query->has_marks = true;
        if (query->words && query->words[0])
                return true;
        parameters_refuse(exchange, "q", "the words to search for are missing");
        return false;
}

// The query may name a stream, or a glob. Who names what he may not read finds nothing.
static bool stream_read(struct exchange *exchange, struct query *query) {
        char *stream = text_of(exchange, "stream");

        if (!stream)
                return true;
        query->streams = xcalloc(2, sizeof(*query->streams));
        query->streams[0] = stream;
        if (stream[0])
                return true;
        parameters_refuse(exchange, "stream", "a stream's name is not empty");
        return false;
}

static bool page_of_read(struct exchange *exchange, struct query *query) {
        uint64_t limit = LIMIT;

        if (!parameters_count(exchange, "limit", 1, QUERY_PAGE_MAX, &limit) ||
            !order_read(exchange, &query->is_newest_first) ||
            !cursor_read(exchange, &query->after))
                return false;
        query->limit = limit;
        return true;
}

static bool wish_read(struct exchange *exchange, enum rows_of which, const char *stream,
                      struct query *query) {
        static const char *const names[][10] = {
                [ROWS_HISTORY] = {"from", "to", "language", "kind", "order", "after", "limit",
                                  "stream", NULL},
                [ROWS_FOUND] = {"q", "from", "to", "language", "order", "after", "limit",
                                "stream", NULL},
                [ROWS_ALERTS] = {"from", "to", "order", "after", "limit", "stream", NULL},
        };
        static const char *const names_of_one[] = {"from",  "to",    "language", "kind",
                                                   "order", "after", "limit",    NULL};

        query->is_newest_first = which != ROWS_HISTORY;
        query->kinds = which == ROWS_ALERTS ? 1U << ROW_ALERT : 0;
        query->readable = reading_readable(exchange);
        if (!parameters_known(exchange, stream ? names_of_one : names[which]) ||
            !parameters_stretch(exchange, &query->since, &query->until) ||
            !list_read(exchange, "kind", query, kind_take) ||
            !list_read(exchange, "language", query, language_take) ||
            !page_of_read(exchange, query))
                return false;
        if (query->kinds == 0)
                query->kinds = 1U << ROW_SEGMENT;
        if (stream)
                query->streams = reading_only(stream);
        else if (!stream_read(exchange, query))
                return false;
        return which != ROWS_FOUND || words_read(exchange, query);
}

// --- a page ----------------------------------------------------------------------------------

static void rows_on_stream(struct reading *reading) {
        reading_query(reading, &((struct rows_page *)reading)->query);
}

static void rows_on_page(struct reading *reading, struct query_page *page) {
        struct rows_page *rows = (struct rows_page *)reading;
        struct http_response response = {
                .status = 200, .content_type = JSON, .body_length = EXCHANGE_LENGTH_UNKNOWN};

        rows->page = *page;
        reading_put(reading, "{\"rows\":[", 9);
        reading_answer(reading, &response);
}

// Newest first there is nothing behind the end; oldest first there will be.
static void tail_put(struct rows_page *rows) {
        const struct query_page *page = &rows->page;
        char cursor[ROW_CURSOR_MAX];
        CLEANUP(mem_freep) char *text = NULL;
        const char *quote = rows->query.is_newest_first && page->is_end ? "" : "\"";

        row_cursor_format(page->next, cursor);
        text = xasprintf("],\"next\":%s%s%s,\"is_end\":%s,\"is_other_epoch\":%s}", quote,
                         quote[0] ? cursor : "null", quote, page->is_end ? "true" : "false",
                         page->is_other_epoch ? "true" : "false");
        reading_put(&rows->reading, text, strlen(text));
}

static enum reading_progress rows_write(struct reading *reading) {
        struct rows_page *rows = (struct rows_page *)reading;
        size_t i = rows->next;
        CLEANUP(mem_freep) char *json = NULL;

        if (i == rows->page.n) {
                tail_put(rows);
                return READING_DONE;
        }
        json = row_json(&rows->page.rows[i], rows->page.marked ? rows->page.marked[i] : NULL);
        if (i > 0)
                reading_put(reading, ",", 1);
        reading_put(reading, json, strlen(json));
        rows->next++;
        return READING_MORE;
}

static void rows_free(struct reading *reading) {
        struct rows_page *rows = (struct rows_page *)reading;

        query_deinit(&rows->query);
        query_page_deinit(&rows->page);
        free(rows);
}

void rows_answer(struct readings *readings, struct exchange *exchange,
                 const struct reading_place *place, enum rows_of which, const char *stream) {
        static const struct reading_ops ops = {.on_stream = rows_on_stream,
                                               .on_page = rows_on_page,
                                               .write = rows_write,
                                               .free = rows_free};
        CLEANUP(query_deinit) struct query query = {0};
        struct rows_page *rows;

        if ((stream && !reading_admits(exchange, stream)) ||
            !wish_read(exchange, which, stream, &query) ||
            !readings_admit(readings, exchange, place, false))
                return;
        rows = xnew(struct rows_page);
        rows->query = query;
        query = (struct query){0};
        reading_begin(&rows->reading, readings, exchange, place, &ops, false);
        if (stream)
                reading_look(&rows->reading, stream);
        else
                reading_query(&rows->reading, &rows->query);
}

// --- one row ---------------------------------------------------------------------------------

static void one_on_page(struct reading *reading, struct query_page *page) {
        CLEANUP(mem_freep) char *json = page->n ? row_json(&page->rows[0], NULL) : NULL;
        struct http_response response = {.status = 200, .content_type = JSON, .body = json};

        query_page_deinit(page);
        if (!json) {
                reading_refuse(reading, &(struct problem){404, .detail = ROWS_NO_SEGMENT});
                return;
        }
        response.body_length = strlen(json);
        reading_reply(reading, &response);
}

static void one_free(struct reading *reading) {
        free(reading);
}

bool rows_id_read(struct exchange *exchange, const char *text, uint8_t ret[ROW_ID_BYTES]) {
        static const uint8_t none[ROW_ID_BYTES];
        if (row_id_parse(text, ret) && memcmp(ret, none, sizeof(none)) != 0)
                return true;
        problem_refuse(exchange, 404, NULL, ROWS_NO_SEGMENT);
        return false;
}

void rows_answer_one(struct readings *readings, struct exchange *exchange,
                     const struct reading_place *place, const char *id) {
        static const struct reading_ops ops = {.on_page = one_on_page, .free = one_free};
        CLEANUP(query_deinit) struct query query = {.kinds = 1U << ROW_SEGMENT, .limit = 1};
        struct reading *reading;

        if (!parameters_none(exchange) || !readings_admit(readings, exchange, place, false))
                return;
        if (!rows_id_read(exchange, id, query.id))
                return;
        query.readable = reading_readable(exchange);
        reading = xnew(struct reading);
        reading_begin(reading, readings, exchange, place, &ops, false);
        reading_query(reading, &query);
}
