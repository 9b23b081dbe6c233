#include "api/captions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/parameters.h"
#include "api/problem.h"
#include "journal/journal.h"
#include "journal/subtitles.h"
#include "net/exchange.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/mem.h"

#define ROWS_AT_ONCE 100

struct captions {
        struct reading reading;  // first
        enum transcript_format format;
        char *stream;
        struct subtitles *subtitles;
        FILE *printed;  // where they write, which is `text`
        char *text;
        size_t n_text;
        // What was said:
        struct query query;
        bool is_end, is_asked;
        // What is said:
        struct journal_watcher watcher;
        bool is_watching;
};

// --- text ------------------------------------------------------------------------------------

// What was printed is to be written; the print begins anew.
static void printed_put(struct captions *captions) {
        fflush(captions->printed);
        reading_put(&captions->reading, captions->text, captions->n_text);
        rewind(captions->printed);
}

static void captions_begin(struct captions *captions, int64_t zero) {
        captions->printed = open_memstream(&captions->text, &captions->n_text);
        captions->subtitles = subtitles_new(captions->printed, captions->format, zero);
        printed_put(captions);
}

static void captions_reply(struct captions *captions) {
        static const char *const types[] = {
                [TRANSCRIPT_TEXT] = "text/plain; charset=utf-8",
                [TRANSCRIPT_SRT] = "application/x-subrip; charset=utf-8",
                [TRANSCRIPT_VTT] = "text/vtt; charset=utf-8",
        };
        const struct http_response response = {
                .status = 200,
                .content_type = types[captions->format],
                .headers = captions->reading.is_live ? "Cache-Control: no-store\r\n" : NULL,
                .body_length = EXCHANGE_LENGTH_UNKNOWN,
        };

        reading_answer(&captions->reading, &response);
}

static void captions_free(struct reading *reading) {
        struct captions *captions = (struct captions *)reading;

        if (captions->is_watching)
                journal_unwatch(reading->place.journal, &captions->watcher);
        subtitles_free(captions->subtitles);
        if (captions->printed)
                fclose(captions->printed);
        free(captions->text);
        query_deinit(&captions->query);
        free(captions->stream);
        free(captions);
}

// --- what was said ---------------------------------------------------------------------------

static void said_on_stream(struct reading *reading) {
        reading_query(reading, &((struct captions *)reading)->query);
}

// The first page comes before anything is written, so that a journal that cannot be read is
// told as that.
static void said_on_page(struct reading *reading, struct query_page *page) {
        struct captions *captions = (struct captions *)reading;
        bool is_first = !captions->subtitles;

        if (is_first)
                captions_begin(captions, captions->query.since);
        for (size_t i = 0; i < page->n; i++)
                subtitles_add(captions->subtitles, &page->rows[i]);
        printed_put(captions);
        captions->query.after = page->next;
        captions->is_end = page->is_end;
        captions->is_asked = false;
        query_page_deinit(page);
        if (is_first)
                captions_reply(captions);
        else
                reading_pump(reading);
}

// The next page is asked for once the client has taken this one.
static enum reading_progress said_write(struct reading *reading) {
        struct captions *captions = (struct captions *)reading;

        if (captions->is_end)
                return READING_DONE;
        if (!captions->is_asked) {
                captions->is_asked = true;
                reading_query(reading, &captions->query);
        }
        return READING_WAITS;
}

// --- what is said ----------------------------------------------------------------------------

static void live_on_row(void *context, const struct row *row) {
        struct captions *captions = context;
        struct reading *reading = &captions->reading;

        if (row->kind != ROW_SEGMENT || strcmp(row->stream, captions->stream) != 0)
                return;
        subtitles_add(captions->subtitles, row);
        printed_put(captions);
        if (reading_waiting(reading) <= CAPTIONS_WAITING_MAX) {
                reading_pump(reading);
                return;
        }
        log_warning("api", "captions-slow", "%s reads the captions of %s too slowly: dropped",
                    exchange_request(reading->exchange)->peer, captions->stream);
        reading_refuse(reading, &(struct problem){.status = 503});
}

static void live_on_stream(struct reading *reading) {
        struct captions *captions = (struct captions *)reading;

        captions->watcher =
                (struct journal_watcher){.on_row = live_on_row, .context = captions};
        captions->is_watching = true;
        journal_watch(reading->place.journal, &captions->watcher);
        captions_begin(captions, loop_wall(reading->place.loop) / NSEC_PER_MSEC);
        captions_reply(captions);
}

static enum reading_progress live_write(struct reading *reading) {
        (void)reading;
        return READING_WAITS;
}

// --- what is asked for -----------------------------------------------------------------------

static bool live_wanted(struct exchange *exchange, bool *ret) {
        CLEANUP(mem_freep) char *live = http_request_query(exchange_request(exchange), "live");

        *ret = live && strcmp(live, "1") == 0;
        if (!live || *ret)
                return true;
        parameters_refuse(exchange, "live", "live=1 is for what is said from now on");
        return false;
}

static bool wish_read(struct exchange *exchange, struct query *query, bool *ret_live) {
        static const char *const names[] = {"from", "to", "live", NULL};

        if (!parameters_known(exchange, names) ||
            !parameters_stretch(exchange, &query->since, &query->until) ||
            !live_wanted(exchange, ret_live))
                return false;
        if (!*ret_live || (!query->since && !query->until))
                return true;
        parameters_refuse(exchange, "live",
                          "live=1 begins now and has no end: leave out from and to");
        return false;
}

void captions_answer(struct readings *readings, struct exchange *exchange,
                     const struct reading_place *place, enum transcript_format format,
                     const char *stream) {
        static const struct reading_ops said = {.on_stream = said_on_stream,
                                                .on_page = said_on_page,
                                                .write = said_write,
                                                .free = captions_free};
        static const struct reading_ops live = {
                .on_stream = live_on_stream, .write = live_write, .free = captions_free};
        struct query query = {.kinds = 1U << ROW_SEGMENT, .limit = ROWS_AT_ONCE};
        struct captions *captions;
        bool is_live;

        if (!reading_admits(exchange, stream) || !wish_read(exchange, &query, &is_live) ||
            !readings_admit(readings, exchange, place, is_live))
                return;
        captions = xnew(struct captions);
        captions->format = format;
        captions->stream = xstrdup(stream);
        captions->query = query;
        captions->query.streams = reading_only(stream);
        reading_begin(&captions->reading, readings, exchange, place, is_live ? &live : &said,
                      is_live);
        reading_look(&captions->reading, stream);
}
