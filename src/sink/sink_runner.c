#include "sink/sink_runner.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sink/sink_filter.h"
#include "util/line_text.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/redact.h"

// What is waited before it is tried again: between half of it and all, twice as much each time.
#define BACKOFF_FIRST (2 * NSEC_PER_SEC)
#define BACKOFF_MOST  (60 * NSEC_PER_SEC)

// However late a peer says that it wants to be asked again.
#define RETRY_MOST (24 * 3600 * NSEC_PER_SEC)

// How often a journal that is not open is asked where the sink is.
#define EARLY_INTERVAL (2 * NSEC_PER_SEC)

enum sink_phase {
        SINK_EARLY,    // the journal could not be opened yet: its place is not known
        SINK_IDLE,     // it has all there is
        SINK_READING,  // the journal is asked for rows
        SINK_PROBING,  // the journal is asked for its oldest row
        SINK_SENDING,  // rows are with the type
        SINK_RESTING,  // until the timer
        SINK_ENDED,    // for good
};

struct sink {
        struct loop *loop;
        struct journal *journal;
        const struct sink_config *config;
        const struct sink_ops *ops;
        void *state;  // of the type; NULL: it could not be started
        struct sink_filter filter;
        enum sink_phase phase;
        struct loop_timer *timer;
        unsigned n_failures;  // in a row
        bool is_apart;        // the type said that its connection is lost
        bool is_new;          // it begins with whatever the journal has

        struct row_cursor cursor;  // of the last row that it is done with
        int64_t since;             // where it began with a date: Unix ms; 0: any
        struct row_cursor last;    // the journal's last row that is known
        struct row_cursor end;     // the journal's end, when it was asked for rows
        struct query_page page;    // that is at hand
        struct row_cursor behind;  // where the sink is when all of it is taken

        // A send that failed is made again with the same rows: what tells a peer that it has
        // them already (webhook-id) names all of them. Row 0: none.
        struct row_cursor until;
        uint8_t refused[ROW_ID_BYTES];
        int n_refusals;  // of that row

        struct sink_state told;  // without what changes by itself
};

static void sink_read(struct sink *sink);

// --- what is told ---------------------------------------------------------------------------

const char *sink_name(const struct sink *sink) {
        return sink->config->name;
}

// Remember the trouble. Returns whether there is news in it.
static bool sink_remember(struct sink *sink, const char *trouble) {
        CLEANUP(mem_freep) char *redacted = redact_urls(trouble);
        char line[sizeof(sink->told.trouble)];

        line_text_write(line, sizeof(line), redacted, strlen(redacted));
        if (sink->told.health != SINK_WELL && strcmp(line, sink->told.trouble) == 0)
                return false;
        memcpy(sink->told.trouble, line, sizeof(line));
        return true;
}

static void sink_note(struct sink *sink, const char *trouble) {
        if (sink_remember(sink, trouble))
                log_warning(sink_name(sink), "sink-trouble", "%s: %s", sink->ops->type,
                            sink->told.trouble);
}

static void sink_update_health(struct sink *sink) {
        enum sink_health health = SINK_WELL;

        if (sink->phase == SINK_ENDED)
                health = SINK_STOPPED;
        else if (sink->n_failures > 0 || sink->is_apart)
                health = SINK_WAITING;
        if (health == SINK_WELL && sink->told.health != SINK_WELL)
                log_info(sink_name(sink), "sink-well", "%s: all is well again",
                         sink->ops->type);
        sink->told.health = health;
}

void sink_tell(struct sink *sink, const char *trouble) {
        if (sink->phase == SINK_ENDED)
                return;
        if (trouble)
                sink_note(sink, trouble);
        sink->is_apart = trouble;
        sink_update_health(sink);
}

static void sink_end(struct sink *sink, const char *trouble) {
        sink_remember(sink, trouble);
        log_error(sink_name(sink), "sink-stopped", "%s: nothing more until a restart: %s",
                  sink->ops->type, sink->told.trouble);
        sink->phase = SINK_ENDED;
        sink_update_health(sink);
}

// --- its cursor -----------------------------------------------------------------------------

static bool cursor_is_behind(struct row_cursor cursor, struct row_cursor end) {
        return cursor.epoch != end.epoch || cursor.row < end.row;
}

static void sink_move(struct sink *sink, struct row_cursor cursor) {
        if (!cursor_is_behind(sink->cursor, cursor))
                return;
        sink->cursor = cursor;
        sink->is_new = false;
        journal_cursor_set(sink->journal, sink_name(sink), cursor);
}

static void sink_lose(struct sink *sink, uint64_t n) {
        sink->told.n_lost += n;
        log_warning(sink_name(sink), "sink-lost",
                    "rows removed from the journal before the sink took them: %" PRIu64, n);
}

// The rows of the old database that it had not taken, where the new one's are not known yet.
static void sink_count_old(struct sink *sink) {
        if (sink->last.epoch == sink->cursor.epoch && sink->last.row > sink->cursor.row)
                sink->told.n_lost += (uint64_t)(sink->last.row - sink->cursor.row);
}

// The database is another one, of which this sink has nothing yet.
static void sink_begin_anew(struct sink *sink) {
        struct row_cursor end = journal_end(sink->journal);

        log_warning(sink_name(sink), "sink-lost",
                    "the journal was begun anew: what the sink had not taken of the old one is "
                    "lost to it, and it begins at the new one's first row");
        sink_count_old(sink);
        sink_move(sink, (struct row_cursor){.epoch = end.epoch});
}

// Where it begins; if that is now, behind this row.
static void sink_place(struct sink *sink, struct row_cursor now) {
        struct journal *journal = sink->journal;
        enum sink_from from = SINK_FROM_NOW;

        if (journal_cursor(journal, sink_name(sink), &sink->cursor))
                return;
        (void)sink_from_read(sink->config->from, &from, &sink->since);
        sink->is_new = from != SINK_FROM_NOW;
        if (sink->cursor.row > now.row)
                sink->cursor.row = now.row;
        if (sink->is_new)
                sink->cursor.row = 0;
        // A date is looked at again after a restart, until something was taken.
        if (from != SINK_FROM_DATE)
                journal_cursor_set(journal, sink_name(sink), sink->cursor);
}

// --- trying again ---------------------------------------------------------------------------

static nsec_t backoff_draw(unsigned n_failures) {
        nsec_t most = BACKOFF_FIRST;
        uint32_t chance = 0;

        for (unsigned i = 1; i < n_failures && most < BACKOFF_MOST; i++)
                most *= 2;
        if (most > BACKOFF_MOST)
                most = BACKOFF_MOST;
        // Without randomness all sinks come at once; they are few.
        if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
                chance = 0;
        return most / 2 + most / 2 / UINT32_MAX * chance;
}

static void sink_rest(struct sink *sink, nsec_t retry) {
        nsec_t delay = backoff_draw(++sink->n_failures);

        if (retry > RETRY_MOST)
                retry = RETRY_MOST;
        query_page_deinit(&sink->page);
        sink->phase = SINK_RESTING;
        sink_update_health(sink);
        loop_timer_set(sink->timer, retry > delay ? retry : delay);
}

// Begin, once the journal is open. `now` is behind what was there before.
static void sink_begin(struct sink *sink, struct row_cursor now) {
        if (now.epoch == 0) {
                loop_timer_set(sink->timer, EARLY_INTERVAL);
                return;
        }
        loop_timer_cancel(sink->timer);
        sink->phase = SINK_IDLE;
        sink_place(sink, now);
        if (cursor_is_behind(sink->cursor, journal_end(sink->journal)))
                sink_read(sink);
}

static void sink_on_timer(void *context) {
        struct sink *sink = context;

        if (sink->phase == SINK_EARLY)
                sink_begin(sink, journal_end(sink->journal));
        else
                sink_read(sink);
}

// --- sending --------------------------------------------------------------------------------

// What it was busy with is done: is there more?
static void sink_go_on(struct sink *sink) {
        query_page_deinit(&sink->page);
        sink->phase = SINK_IDLE;
        sink_update_health(sink);
        if (cursor_is_behind(sink->cursor, journal_end(sink->journal)))
                sink_read(sink);
}

// Leave the first `n` rows of the page.
static void page_cut(struct query_page *page, size_t n) {
        while (page->n > n)
                row_deinit(&page->rows[--page->n]);
}

// Leave what the sink hears of.
static void sink_filter_page(struct sink *sink) {
        struct query_page *page = &sink->page;
        size_t n = 0;

        for (size_t i = 0; i < page->n; i++) {
                if (!sink_filter_row(&sink->filter, &page->rows[i])) {
                        row_deinit(&page->rows[i]);
                        continue;
                }
                if (n < i) {
                        page->rows[n] = page->rows[i];
                        page->rows[i] = (struct row){0};
                }
                n++;
        }
        page->n = n;
}

// Leave what was to be sent before, if it was: a refused row alone, so that it alone is set
// aside; else the rows of the send that failed.
static void sink_cut_page(struct sink *sink) {
        struct query_page *page = &sink->page;
        size_t n = page->n;

        if (sink->n_refusals > 0 && n > 0) {
                if (memcmp(page->rows[0].id, sink->refused, ROW_ID_BYTES) == 0)
                        n = 1;
                else
                        sink->n_refusals = 0;
        }
        while (n > 1 && sink->until.epoch == sink->cursor.epoch &&
               page->rows[0].cursor.row <= sink->until.row &&
               page->rows[n - 1].cursor.row > sink->until.row)
                n--;
        if (n == page->n)
                return;
        page_cut(page, n);
        sink->behind = page->rows[n - 1].cursor;
}

static void sink_send(struct sink *sink) {
        sink->behind = sink->page.is_end ? sink->end : sink->page.next;
        // Rows were written since the journal was asked for its end.
        if (cursor_is_behind(sink->behind, sink->page.next))
                sink->behind = sink->page.next;
        sink_filter_page(sink);
        sink_cut_page(sink);
        if (sink->page.n == 0) {
                sink->n_failures = 0;
                sink_move(sink, sink->behind);
                sink_go_on(sink);
                return;
        }
        sink->phase = SINK_SENDING;
        sink->ops->send(sink->state, sink->page.rows, sink->page.n);
}

// The row behind those taken was refused. Returns whether it is tried again.
static bool sink_on_refusal(struct sink *sink, const struct row *row) {
        int most = sink->config->tries_max > 0 ? sink->config->tries_max : SINK_TRIES;
        char id[ROW_ID_TEXT_MAX], cursor[ROW_CURSOR_MAX];

        if (memcmp(row->id, sink->refused, ROW_ID_BYTES) != 0)
                sink->n_refusals = 0;
        memcpy(sink->refused, row->id, ROW_ID_BYTES);
        if (++sink->n_refusals < most)
                return true;
        row_id_format(row->id, id);
        row_cursor_format(row->cursor, cursor);
        log_error(sink_name(sink), "sink-set-aside",
                  "the row %s (cursor %s) was refused %d times and is set aside: %s", id,
                  cursor, most, sink->told.trouble);
        sink->told.n_set_aside++;
        sink->n_refusals = 0;
        sink->n_failures = 0;
        sink_move(sink, row->cursor);
        return false;
}

// The first `n` rows are acknowledged.
static void sink_on_taken(struct sink *sink, size_t n) {
        sink->told.n_delivered += n;
        if (n == 0)
                return;
        sink->n_failures = 0;
        sink->n_refusals = 0;
        sink_move(sink, n == sink->page.n ? sink->behind : sink->page.rows[n - 1].cursor);
}

void sink_answer(struct sink *sink, enum sink_outcome outcome, size_t n_taken,
                 const char *trouble, nsec_t retry) {
        size_t n = sink->page.n;

        if (outcome == SINK_TAKEN)
                n_taken = n;
        assert(sink->phase == SINK_SENDING && n_taken <= n);
        sink_on_taken(sink, n_taken);
        sink->until = n_taken < n ? sink->page.rows[n - 1].cursor : (struct row_cursor){0};
        if (outcome == SINK_BROKEN) {
                sink_end(sink, trouble);
                query_page_deinit(&sink->page);
                return;
        }
        if (outcome != SINK_TAKEN)
                sink_note(sink, trouble);
        if (outcome == SINK_TAKEN || (outcome == SINK_REFUSED && n_taken < n &&
                                      !sink_on_refusal(sink, &sink->page.rows[n_taken]))) {
                sink_go_on(sink);
                return;
        }
        sink->told.n_retries++;
        sink_rest(sink, retry);
}

// --- reading --------------------------------------------------------------------------------

static void sink_on_oldest(void *context, struct query_page *page) {
        struct sink *sink = context;
        int64_t begin = sink->page.n > 0 ? sink->page.rows[0].cursor.row : sink->end.row + 1;

        // What was removed since the page was read is in it, or did not pass.
        if (page->n > 0 && page->rows[0].cursor.row < begin)
                begin = page->rows[0].cursor.row;
        if (page->error[0] == '\0' && begin > sink->cursor.row + 1)
                sink_lose(sink, (uint64_t)(begin - sink->cursor.row - 1));
        query_page_deinit(page);
        sink_send(sink);
}

static void sink_on_page(void *context, struct query_page *page) {
        struct sink *sink = context;
        struct query oldest = {.limit = 1};
        bool is_gap;

        sink->page = *page;
        *page = (struct query_page){0};
        if (sink->page.error[0] != '\0') {
                sink_note(sink, sink->page.error);
                sink_rest(sink, 0);
                return;
        }
        if (sink->page.is_other_epoch) {
                sink_begin_anew(sink);
                sink->end = sink->cursor;
                if (sink->page.n == 0)
                        sink->page.next = sink->cursor;
        }
        is_gap = sink->page.n > 0 ? sink->page.rows[0].cursor.row > sink->cursor.row + 1
                                  : sink->end.row > sink->cursor.row;
        // Rows that are not there did not pass, or are gone.
        if (!is_gap || sink->is_new) {
                sink_send(sink);
                return;
        }
        sink->phase = SINK_PROBING;
        journal_read(sink->journal, &oldest, sink_on_oldest, sink);
}

static void sink_read(struct sink *sink) {
        struct query query = {
                .kinds = sink->filter.kinds,
                .is_without_sessions = !sink->filter.has_sessions,
                .since = sink->since,
                .after = sink->cursor,
                .limit = sink->ops->batch_max,
        };

        sink->phase = SINK_READING;
        sink->end = journal_end(sink->journal);
        journal_read(sink->journal, &query, sink_on_page, sink);
}

// There is a new row. A sink that has all before it and does not hear of this one need not
// read.
void sink_on_row(struct sink *sink, const struct row *row) {
        if (row->cursor.epoch != sink->last.epoch)
                sink_count_old(sink);
        sink->last = row->cursor;
        if (sink->phase == SINK_EARLY)
                sink_begin(sink, (struct row_cursor){row->cursor.epoch, row->cursor.row - 1});
        if (sink->phase != SINK_IDLE)
                return;
        if (row->cursor.epoch == sink->cursor.epoch &&
            row->cursor.row == sink->cursor.row + 1 && !sink_filter_row(&sink->filter, row))
                sink_move(sink, row->cursor);
        else
                sink_read(sink);
}

// --- life -----------------------------------------------------------------------------------

static int sink_start(struct sink *sink, const struct sink_ops *const *types,
                      struct error *error) {
        int r = sink_type_check(types, sink->config, error);

        if (r < 0)
                return r;
        r = sink_filter_init(&sink->filter, sink->config, error);
        if (r < 0)
                return r;
        sink->ops = types[sink->config->type];
        return sink->ops->open(&sink->state, sink, sink->loop, sink->config, error);
}

struct sink *sink_open(const struct sink_ops *const *types, struct loop *loop,
                       struct journal *journal, const struct sink_config *config) {
        struct sink *sink = xnew(struct sink);
        struct error error = {0};

        sink->loop = loop;
        sink->journal = journal;
        sink->config = config;
        sink->last = journal_end(journal);
        sink->timer = loop_timer_new(loop, sink_on_timer, sink);
        sink->told.name = config->name;
        sink->told.type = config->type >= 0 && config->type < SINK_TYPES
                                  ? sink_type_names[config->type]
                                  : "";
        if (sink_start(sink, types, &error) < 0) {
                sink->phase = SINK_ENDED;
                sink->told.health = SINK_STOPPED;
                // How far it is behind is told all the same.
                (void)journal_cursor(journal, config->name, &sink->cursor);
                snprintf(sink->told.trouble, sizeof(sink->told.trouble), "%s", error.text);
                log_error(config->name, "sink-stopped", "the sink is not started: %s",
                          error.text);
                return sink;
        }
        sink_begin(sink, sink->last);
        return sink;
}

struct sink *sink_close(struct sink *sink) {
        journal_detach(sink->journal, sink);
        if (sink->state)
                sink->ops->close(sink->state);
        loop_timer_free(sink->timer);
        query_page_deinit(&sink->page);
        sink_filter_deinit(&sink->filter);
        return mem_free(sink);
}

// --- what else it is told of ----------------------------------------------------------------

void sink_on_event(struct sink *sink, const struct sink_event *event) {
        if (sink->phase != SINK_ENDED && sink->ops->on_event &&
            sink_filter_event(&sink->filter, event))
                sink->ops->on_event(sink->state, event);
}

bool sink_wants_partials(const struct sink *sink) {
        return sink->phase != SINK_ENDED && sink->config->wants_partials;
}

void sink_reopen(struct sink *sink) {
        if (sink->phase != SINK_ENDED && sink->ops->reopen)
                sink->ops->reopen(sink->state);
}

void sink_get(const struct sink *sink, struct sink_state *ret) {
        *ret = sink->told;
        journal_lag(sink->journal, sink->cursor, &ret->lag_rows, &ret->lag_seconds);
}
