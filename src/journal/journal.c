#include "journal/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/checkup.h"
#include "journal/lag_marks.h"
#include "journal/pace.h"
#include "journal/reader_pool.h"
#include "journal/writer.h"
#include "util/folder.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/wake.h"

// How long a row waits for the disk before it is shown without, how often the time is told to
// the writer, and how long closing waits for what is written, and for what is read.
#define SHOW_AFTER    NSEC_PER_SEC
#define TICK_INTERVAL NSEC_PER_SEC
#define CLOSE_MAX     (5 * NSEC_PER_SEC)
#define READ_MAX      (2 * NSEC_PER_SEC)

#define WAITING_MAX ((size_t)64 << 20)

// Text that is being forgotten.
struct journal_forgetting {
        struct writer_erasure erasure;  // first
        void (*on_done)(void *context, uint64_t n_rows, const char *trouble);
        void *context;
        LIST_ENTRY(journal_forgetting) link;
};

// A row that is not shown, or not written, or neither.
struct journal_entry {
        struct writer_item item;  // first: what the writer gives back is an entry
        struct row *row;
        size_t bytes;
        nsec_t appended_at;
        void (*on_shown)(void *context, const struct row *row);
        void *context;
        struct journal_forgetting *forgetting;  // which this row says is done
        bool is_shown, is_written, is_lost;
        TAILQ_ENTRY(journal_entry) link;
};
TAILQ_HEAD(journal_entries, journal_entry);

struct journal {
        struct loop *loop;
        char *folder;
        size_t waiting_max;
        struct wake *wake;
        struct writer *writer;
        struct reader_pool *readers;
        struct checkup *checkup;
        struct loop_timer *show_timer, *tick_timer;
        struct row_ids ids;
        uint64_t sequence;
        struct journal_entries unshown;    // in the order of appending
        struct journal_entries unwritten;  // shown already, likewise
        bool is_showing, is_closing, is_abandoned;
        TAILQ_HEAD(, journal_watcher) watchers;
        struct journal_watcher *watcher_next;  // while they are told
        LIST_HEAD(, journal_forgetting) forgettings;
        struct row_cursor end;
        bool is_replacement;
        unsigned generation;
        struct lag_marks marks;
        struct journal_state state;
        uint64_t n_lost_told;
};

// --- entries ---------------------------------------------------------------------------------

static struct journal_entry *entry_free(struct journal_entry *entry) {
        row_free(entry->row);
        return mem_free(entry);
}

// Neither list may hold it.
static void entry_leave_memory(struct journal *journal, struct journal_entry *entry) {
        journal->state.n_waiting--;
        journal->state.waiting_bytes -= entry->bytes;
}

static void forgetting_end(struct journal_forgetting *forgetting, const char *trouble) {
        if (forgetting->on_done)
                forgetting->on_done(forgetting->context, forgetting->erasure.n_rows, trouble);
        LIST_REMOVE(forgetting, link);
        free(forgetting->erasure.stream);
        free(forgetting);
}

// What only its being written ends.
static void entry_end(struct journal_entry *entry) {
        if (!entry->forgetting)
                return;
        forgetting_end(entry->forgetting,
                       entry->is_written ? entry->forgetting->erasure.trouble
                                         : "it is forgotten, but that could not be written "
                                           "down");
}

// --- showing ---------------------------------------------------------------------------------

static void watchers_tell(struct journal *journal, const struct row *row, bool is_durable) {
        struct journal_watcher *watcher = TAILQ_FIRST(&journal->watchers);

        for (; watcher; watcher = journal->watcher_next) {
                void (*on)(void *context, const struct row *row) =
                        is_durable ? watcher->on_durable : watcher->on_row;

                journal->watcher_next = TAILQ_NEXT(watcher, link);
                if (on)
                        on(watcher->context, row);
        }
}

static bool entry_may_show(const struct journal *journal, const struct journal_entry *entry) {
        return entry->is_written || entry->is_lost || !journal->state.can_write ||
               journal->is_closing ||
               loop_now(journal->loop) - entry->appended_at >= SHOW_AFTER;
}

static void entry_show(struct journal *journal, struct journal_entry *entry) {
        TAILQ_REMOVE(&journal->unshown, entry, link);
        entry->is_shown = true;
        if (!entry->is_written && !entry->is_lost)
                TAILQ_INSERT_TAIL(&journal->unwritten, entry, link);
        if (entry->on_shown)
                entry->on_shown(entry->context, entry->row);
        watchers_tell(journal, entry->row, false);
        if (!entry->is_written && !entry->is_lost)
                return;
        entry_end(entry);
        entry_free(entry);
}

// All that may be, in the order of appending. Whoever is shown a row may append another: it
// stands behind.
static void rows_show(struct journal *journal) {
        struct journal_entry *entry;

        if (journal->is_showing)
                return;
        journal->is_showing = true;
        while ((entry = TAILQ_FIRST(&journal->unshown)) && entry_may_show(journal, entry))
                entry_show(journal, entry);
        journal->is_showing = false;
        if (entry)
                loop_timer_set(journal->show_timer,
                               entry->appended_at + SHOW_AFTER - loop_now(journal->loop));
        else
                loop_timer_cancel(journal->show_timer);
}

static void on_show_timer(void *context) {
        rows_show(context);
}

// --- news of the writer ----------------------------------------------------------------------

static void entry_on_written(struct journal *journal, struct journal_entry *entry) {
        entry->is_written = true;
        entry->row->cursor = entry->item.cursor;
        entry->row->is_durable = true;
        journal->state.n_written[entry->row->kind]++;
        entry_leave_memory(journal, entry);
        if (!entry->is_shown)
                return;
        TAILQ_REMOVE(&journal->unwritten, entry, link);
        watchers_tell(journal, entry->row, true);
        entry_end(entry);
        entry_free(entry);
}

static struct journal_entry *entry_append(struct journal *journal, struct row *row);

static void on_erased(struct journal *journal, struct journal_forgetting *forgetting) {
        const struct writer_erasure *erasure = &forgetting->erasure;
        struct row *row;

        if (!erasure->is_done || journal->is_closing) {
                forgetting_end(forgetting, erasure->trouble[0] ? erasure->trouble
                                                               : "the journal is closed");
                return;
        }
        row = xnew(struct row);
        row->kind = ROW_FORGOTTEN;
        row->stream = xstrdup(erasure->stream);
        row->start = erasure->since;  // it is not as old as that (keeping.c)
        row->end = erasure->until;
        row->confidence = ROW_CONFIDENCE_NO;
        entry_append(journal, row)->forgetting = forgetting;
}

// A database is open for the first time: when were its rows made?
static void marks_take(struct journal *journal, struct writer_news *news) {
        if (news->marks && news->end.epoch) {
                journal->marks = *news->marks;
                journal->end = (struct row_cursor){news->end.epoch, news->marks_end};
        }
        news->marks = mem_free(news->marks);
}

static void state_update(struct journal *journal, const struct writer_news *news) {
        struct journal_state *state = &journal->state;

        state->can_write = news->code == 0;
        state->is_full = news->code == -ENOSPC || news->code == -EDQUOT;
        snprintf(state->trouble, sizeof(state->trouble), "%s", news->trouble);
        state->n_commits = news->n_commits;
        state->n_removed = news->n_removed;
        state->file_bytes = news->file_bytes;
        state->commit_seconds = news->commit_seconds;
        journal->is_replacement = news->is_replacement;
        if (journal->end.epoch != news->end.epoch)
                journal->marks.n = 0;
        if (journal->end.epoch != news->end.epoch || journal->end.row < news->end.row)
                lag_marks_add(&journal->marks, news->end.row,
                              loop_wall(journal->loop) / NSEC_PER_MSEC);
        journal->end = news->end;
        if (journal->generation != news->generation) {
                journal->generation = news->generation;
                reader_pool_renew(journal->readers, news->generation);
        }
}

static void on_news(void *context) {
        struct journal *journal = context;
        struct writer_news news;
        struct writer_item *item;
        struct writer_erasure *erasure;

        if (journal->is_abandoned)
                return;
        writer_take_news(journal->writer, &news);
        marks_take(journal, &news);
        state_update(journal, &news);
        // Rows that were shown already come first, then those that are shown for it.
        while ((item = TAILQ_FIRST(&news.written))) {
                TAILQ_REMOVE(&news.written, item, link);
                entry_on_written(journal, (struct journal_entry *)item);
        }
        while ((erasure = TAILQ_FIRST(&news.erased))) {
                TAILQ_REMOVE(&news.erased, erasure, link);
                on_erased(journal, (struct journal_forgetting *)erasure);
        }
        rows_show(journal);
}

// --- appending -------------------------------------------------------------------------------

// Too much waits for the disk: the oldest are not going to be written.
static void waiting_bound(struct journal *journal) {
        while (journal->state.waiting_bytes > journal->waiting_max) {
                struct writer_item *item = writer_give_up(journal->writer);
                struct journal_entry *entry = (struct journal_entry *)item;

                if (!item)
                        return;
                entry->is_lost = true;
                journal->state.n_lost++;
                entry_leave_memory(journal, entry);
                if (!entry->is_shown)
                        continue;
                TAILQ_REMOVE(&journal->unwritten, entry, link);
                entry_end(entry);
                entry_free(entry);
        }
}

static bool id_is_none(const uint8_t *id) {
        static const uint8_t none[ROW_ID_BYTES];

        return memcmp(id, none, ROW_ID_BYTES) == 0;
}

static struct journal_entry *entry_append(struct journal *journal, struct row *row) {
        struct journal_entry *entry = xnew(struct journal_entry);

        if (id_is_none(row->id))
                row_id_make(&journal->ids, loop_wall(journal->loop) / NSEC_PER_MSEC, row->id);
        row->cursor = (struct row_cursor){0};
        row->is_durable = false;
        entry->row = row;
        entry->bytes = sizeof(*entry) + row_bytes(row);
        entry->appended_at = loop_now(journal->loop);
        entry->item.row = row;
        entry->item.sequence = ++journal->sequence;
        journal->state.n_waiting++;
        journal->state.waiting_bytes += entry->bytes;
        TAILQ_INSERT_TAIL(&journal->unshown, entry, link);
        writer_put(journal->writer, &entry->item);
        return entry;
}

void journal_append(struct journal *journal, struct row *row,
                    void (*on_shown)(void *context, const struct row *row), void *context) {
        struct journal_entry *entry = entry_append(journal, row);

        entry->on_shown = on_shown;
        entry->context = context;
        waiting_bound(journal);
        rows_show(journal);
}

void journal_detach(struct journal *journal, const void *context) {
        struct journal_entry *entry;
        struct journal_forgetting *forgetting;

        TAILQ_FOREACH (entry, &journal->unshown, link)
                if (entry->context == context)
                        entry->on_shown = NULL;
        LIST_FOREACH(forgetting, &journal->forgettings, link)
        if (forgetting->context == context)
                forgetting->on_done = NULL;
        reader_pool_detach(journal->readers, context);
}

void journal_watch(struct journal *journal, struct journal_watcher *watcher) {
        TAILQ_INSERT_TAIL(&journal->watchers, watcher, link);
}

void journal_unwatch(struct journal *journal, struct journal_watcher *watcher) {
        if (journal->watcher_next == watcher)
                journal->watcher_next = TAILQ_NEXT(watcher, link);
        TAILQ_REMOVE(&journal->watchers, watcher, link);
}

void journal_forget(struct journal *journal, const char *stream, int64_t since, int64_t until,
                    void (*on_done)(void *context, uint64_t n_rows, const char *trouble),
                    void *context) {
        struct journal_forgetting *forgetting = xnew(struct journal_forgetting);

        forgetting->erasure.stream = xstrdup(stream);
        forgetting->erasure.since = since;
        forgetting->erasure.until = until;
        forgetting->erasure.sequence = journal->sequence;
        forgetting->on_done = on_done;
        forgetting->context = context;
        LIST_INSERT_HEAD(&journal->forgettings, forgetting, link);
        writer_erase(journal->writer, &forgetting->erasure);
}

// --- reading, and where others are -----------------------------------------------------------

void journal_read(struct journal *journal, const struct query *query,
                  void (*on_page)(void *context, struct query_page *page), void *context) {
        reader_pool_read(journal->readers, query, on_page, context);
}

struct row_cursor journal_end(const struct journal *journal) {
        return journal->end;
}

bool journal_cursor(const struct journal *journal, const char *sink, struct row_cursor *ret) {
        if (writer_cursor(journal->writer, sink, ret))
                return true;
        *ret = journal->end;
        if (journal->is_replacement)
                ret->row = 0;
        return false;
}

void journal_cursor_set(struct journal *journal, const char *sink, struct row_cursor cursor) {
        writer_cursor_set(journal->writer, sink, cursor);
}

void journal_lag(const struct journal *journal, struct row_cursor cursor, uint64_t *ret_rows,
                 double *ret_seconds) {
        int64_t row = cursor.epoch == journal->end.epoch ? cursor.row : 0;
        int64_t ms = lag_marks_get(&journal->marks, row + 1);
        int64_t now = loop_wall(journal->loop) / NSEC_PER_MSEC;

        *ret_rows = journal->end.row > row ? (uint64_t)(journal->end.row - row) : 0;
        *ret_seconds = *ret_rows && ms && now > ms ? (double)(now - ms) / 1e3 : 0.0;
}

void journal_state(const struct journal *journal, struct journal_state *ret) {
        *ret = journal->state;
        ret->n_damaged = reader_pool_damaged(journal->readers);
}

// --- opening and closing ---------------------------------------------------------------------

static void on_damage(void *context, unsigned generation, const char *words) {
        struct journal *journal = context;

        writer_suspect(journal->writer, generation, words);
}

// Each second.
static void on_tick(void *context) {
        struct journal *journal = context;
        uint64_t n = journal->state.n_lost - journal->n_lost_told;

        writer_set_time(journal->writer, age_clock_time(journal->loop));
        if (n)
                log_error("journal", "journal-lost",
                          "%llu rows were given up: they cannot be written (%s), and more than "
                          "%zu bytes wait",
                          (unsigned long long)n, journal->state.trouble, journal->waiting_max);
        journal->n_lost_told = journal->state.n_lost;
        loop_timer_set(journal->tick_timer, TICK_INTERVAL);
}

static struct journal *journal_free(struct journal *journal) {
        reader_pool_free(journal->readers);
        if (journal->writer)
                writer_free(journal->writer);
        wake_free(journal->wake);
        loop_timer_free(journal->show_timer);
        loop_timer_free(journal->tick_timer);
        free(journal->folder);
        return mem_free(journal);
}

static int threads_start(struct journal *journal, const struct journal_config *config,
                         struct error *error) {
        struct writer_config writer = {
                .folder = journal->folder,
                .wake = journal->wake,
                .keep_age = config->keep_age,
                .keep_bytes = config->keep_bytes,
                .time = age_clock_time(journal->loop),
        };
        struct writer_news news;
        int r = folder_make(journal->folder);

        if (r < 0)
                return error_set(error, r, "cannot make the state folder %s: %s",
                                 journal->folder, strerrordesc_np(-r));
        r = writer_start(&journal->writer, &writer, error);
        if (r != 0)
                return r;
        journal->readers = reader_pool_open(journal->loop, journal->folder, on_damage, journal);
        if (!journal->readers)
                return error_set(error, -EAGAIN, "cannot start the journal's readers");
        writer_take_news(journal->writer, &news);
        marks_take(journal, &news);
        state_update(journal, &news);
        journal->checkup =
                checkup_start(journal->folder, journal->generation, on_damage, journal);
        return 0;
}

int journal_open(struct journal **ret, struct loop *loop, const struct journal_config *config,
                 struct error *error) {
        struct journal *journal = xnew(struct journal);
        int r;

        journal->loop = loop;
        journal->folder = xstrdup(config->folder);
        journal->waiting_max = config->waiting_max ? config->waiting_max : WAITING_MAX;
        journal->wake = wake_new(loop, on_news, journal);
        journal->show_timer = loop_timer_new(loop, on_show_timer, journal);
        journal->tick_timer = loop_timer_new(loop, on_tick, journal);
        TAILQ_INIT(&journal->unshown);
        TAILQ_INIT(&journal->unwritten);
        TAILQ_INIT(&journal->watchers);
        LIST_INIT(&journal->forgettings);
        r = threads_start(journal, config, error);
        if (r != 0) {
                if (journal->writer)
                        writer_stop(journal->writer, CLOSE_MAX);
                journal_free(journal);
                return r;
        }
        on_tick(journal);
        *ret = journal;
        return 0;
}

// What was not written is shown without, if it was not shown yet.
static void rows_give_up(struct journal *journal) {
        struct journal_entry *entry;
        size_t n = journal->state.n_waiting;

        while (writer_give_up(journal->writer))
                ;
        TAILQ_FOREACH (entry, &journal->unshown, link)
                entry->is_lost = !entry->is_written;
        rows_show(journal);
        while ((entry = TAILQ_FIRST(&journal->unwritten))) {
                TAILQ_REMOVE(&journal->unwritten, entry, link);
                entry_end(entry);
                entry_free(entry);
        }
        if (n)
                log_error("journal", "journal-lost", "%zu rows could not be written: %s", n,
                          journal->state.trouble);
        journal->state.n_lost += n;
}

// A thread has all that it was given, and the disk has the thread, which may come back when the
// loop is gone.
static struct journal *journal_abandon(struct journal *journal) {
        log_error("journal", "journal-stuck",
                  "the disk of %s does not answer: %zu rows may not be written",
                  journal->folder, journal->state.n_waiting);
        journal->is_abandoned = true;
        wake_abandon(journal->wake);
        loop_timer_free(journal->show_timer);
        loop_timer_free(journal->tick_timer);
        return NULL;
}

struct journal *journal_close(struct journal *journal) {
        nsec_t until = pace_now() + READ_MAX;
        bool is_stuck;

        if (!journal)
                return NULL;
        is_stuck = !checkup_stop(journal->checkup, until);
        is_stuck |= !reader_pool_stop(journal->readers, until);
        journal->is_closing = true;
        if (!writer_stop(journal->writer, CLOSE_MAX))
                return journal_abandon(journal);
        on_news(journal);
        rows_give_up(journal);
        return is_stuck ? journal_abandon(journal) : journal_free(journal);
}
