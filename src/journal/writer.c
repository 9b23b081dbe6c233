#include "journal/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/lag_marks.h"
#include "journal/pace.h"
#include "journal/writer_private.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/thread.h"
#include "util/wake.h"

// How often it looks whether the files are there, and how long until it tries again what
// failed.
#define LOOK_INTERVAL NSEC_PER_SEC
#define RETRY_LEAST   (100 * NSEC_PER_MSEC)
#define RETRY_MOST    (2 * NSEC_PER_SEC)

// --- cursors ---------------------------------------------------------------------------------

bool writer_cursor(struct writer *writer, const char *sink, struct row_cursor *ret) {
        const struct row_cursor *cursor;

        pthread_mutex_lock(&writer->lock);
        cursor = cursor_table_find(&writer->cursors, sink);
        if (cursor)
                *ret = *cursor;
        pthread_mutex_unlock(&writer->lock);
        return cursor != NULL;
}

void writer_cursor_set(struct writer *writer, const char *sink, struct row_cursor cursor) {
        pthread_mutex_lock(&writer->lock);
        // A page of a database that is no more may still be on somebody's way; and no place is
        // known before one is open.
        if (cursor.epoch && cursor.epoch == writer->news.end.epoch &&
            cursor_table_set(&writer->cursors, sink, cursor))
                pthread_cond_signal(&writer->is_changed);
        pthread_mutex_unlock(&writer->lock);
}

// --- groups ----------------------------------------------------------------------------------

// With the lock held: what waits is to be written.
static void group_take(struct writer *writer) {
        struct writer_group *group = &writer->group;
        struct writer_item *item;

        group->all.n = group->all.n_cursors = 0;
        while (group->all.n < GROUP_MAX && (item = TAILQ_FIRST(&writer->queue))) {
                TAILQ_REMOVE(&writer->queue, item, link);
                group->items[group->all.n] = item;
                group->rows[group->all.n++] = item->row;
        }
        if (writer->cursors.n == 0 || writer->cursors.due == 0)
                return;
        group->all.n_cursors = writer->cursors.n;
        group->cursors =
                xrealloc_array(group->cursors, group->all.n_cursors, sizeof(*group->cursors));
        group->all.cursors = group->cursors;
        memcpy(group->cursors, writer->cursors.items,
               group->all.n_cursors * sizeof(*group->cursors));
}

// With the lock held: it was not written, and comes first the next time.
static void group_return(struct writer *writer) {
        struct writer_group *group = &writer->group;

        for (size_t i = group->all.n; i > 0; i--)
                TAILQ_INSERT_HEAD(&writer->queue, group->items[i - 1], link);
        group->all.n = 0;
}

static int group_commit(struct writer *writer, struct error *error) {
        struct writer_group *group = &writer->group;
        nsec_t began = pace_now();
        uint64_t file_bytes;
        int r;

        if (group->all.n == 0 && group->all.n_cursors == 0)
                return 0;
        r = ledger_commit(&writer->ledger, &group->all, error);
        if (r != 0)
                return r;
        // Nobody waits for the lock while the disk is asked.
        file_bytes = ledger_bytes(&writer->ledger);
        pthread_mutex_lock(&writer->lock);
        for (size_t i = 0; i < group->all.n; i++) {
                group->items[i]->cursor =
                        (struct row_cursor){writer->ledger.database.epoch, group->numbers[i]};
                TAILQ_INSERT_TAIL(&writer->news.written, group->items[i], link);
        }
        group->all.n = 0;
        if (group->all.n_cursors)
                cursor_table_settle(&writer->cursors, group->cursors, group->all.n_cursors);
        writer->news.n_commits++;
        writer->news.commit_seconds += (double)(pace_now() - began) / 1e9;
        writer->news.file_bytes = file_bytes;
        pthread_mutex_unlock(&writer->lock);
        return 0;
}

// --- trouble ---------------------------------------------------------------------------------

// All sinks begin at the beginning of the database that is there now.
static void cursors_restart(struct writer *writer) {
        size_t n;

        pthread_mutex_lock(&writer->lock);
        n = writer->cursors.n;
        cursor_table_restart(&writer->cursors, writer->ledger.database.epoch);
        pthread_mutex_unlock(&writer->lock);
        if (n)
                log_warning("journal", "cursors-restarted",
                            "%zu sinks go on from the beginning of the new database", n);
}

static int ledger_restart(struct writer *writer, const char *reason, struct error *error) {
        int r = ledger_replace(&writer->ledger, reason, error);

        if (r == 0)
                cursors_restart(writer);
        return r;
}

// What the database knows of sinks, of when its rows were made, and so of what time it can be.
// None has a cursor yet.
static void database_meet(struct writer *writer) {
        struct cursor_table cursors = {0};
        struct lag_marks *marks = xnew(struct lag_marks);
        struct age_time time;

        cursors.items = ledger_cursors(&writer->ledger, &cursors.n, &cursors.capacity);
        ledger_marks(&writer->ledger, marks);
        pthread_mutex_lock(&writer->lock);
        cursor_table_deinit(&writer->cursors);
        writer->cursors = cursors;
        free(writer->news.marks);
        writer->news.marks = marks;
        writer->news.marks_end = writer->ledger.last;
        time = writer->time;
        pthread_mutex_unlock(&writer->lock);
        if (writer->keeping.age > 0)
                age_clock_begin(&writer->clock, "journal", ledger_newest(&writer->ledger),
                                time);
}

// For the first time, or after an opening failed, or it was closed. It may be another database
// now.
static int database_have(struct writer *writer, struct error *error) {
        int r = ledger_open(&writer->ledger, error);

        if (r != 0)
                return r;
        // Only this thread writes what the news say.
        if (writer->news.end.epoch == 0)
                database_meet(writer);
        else if (writer->news.end.epoch != writer->ledger.database.epoch)
                cursors_restart(writer);
        return 0;
}

// With the lock held: what is said of how it went.
static void trouble_update(struct writer *writer, int r, const char *words) {
        struct writer_news *news = &writer->news;

        news->code = r;
        snprintf(news->trouble, sizeof(news->trouble), "%s", r == 0 ? "" : words);
        group_return(writer);
        writer_news_update(writer);
}

static void retry_later(struct writer *writer) {
        writer->backoff = writer->backoff ? 2 * writer->backoff : RETRY_LEAST;
        if (writer->backoff > RETRY_MOST)
                writer->backoff = RETRY_MOST;
        writer->retry_at = pace_now() + writer->backoff;
}

// Whether what was tried went well; if not, when it is tried again, and what is said of it.
static void outcome_settle(struct writer *writer, int r, const struct error *error) {
        struct error why = *error;
        bool was_well = !writer->backoff;

        if (r == DATABASE_E_DAMAGED)
                r = ledger_restart(writer, error->text, &why);
        // The file was opened for reading only, or was none: another opening may do better.
        if (r == -EROFS)
                ledger_close(&writer->ledger);
        if (r == 0)
                writer->backoff = writer->retry_at = 0;
        else
                retry_later(writer);
        pthread_mutex_lock(&writer->lock);
        trouble_update(writer, r, why.text);
        pthread_mutex_unlock(&writer->lock);
        wake_up(writer->config.wake);
        if (r != 0 && was_well)
                log_error("journal", "journal-waiting",
                          "text cannot be written, and waits in memory: %s", why.text);
        if (r == 0 && !was_well)
                log_info("journal", "journal-well", "text is written again");
}

// --- the files -------------------------------------------------------------------------------

// Each second and before each commit: are they there? Else what is open is written there again.
static int files_look(struct writer *writer, struct error *error) {
        nsec_t now = pace_now();
        int r = 0;

        if (writer->state_lock && writer->ledger.database.sqlite &&
            (now >= writer->look_at || writer->group.all.n)) {
                if (ledger_is_lost(&writer->ledger))
                        r = ledger_rescue(&writer->ledger, error);
                if (r == 0 && state_lock_is_lost(writer->state_lock))
                        writer->state_lock = state_lock_release(writer->state_lock);
                writer->look_at = r == 0 ? now + LOOK_INTERVAL : 0;
        }
        if (r == 0 && !writer->state_lock)
                r = state_lock_take(&writer->state_lock, writer->config.folder, error);
        return r;
}

// What others found wrong with the database, if it is that of now.
static int suspicion_look(struct writer *writer, struct error *error) {
        char words[WRITER_TROUBLE_MAX];

        pthread_mutex_lock(&writer->lock);
        snprintf(words, sizeof(words), "%s", writer->suspicion);
        writer->suspicion[0] = '\0';
        pthread_mutex_unlock(&writer->lock);
        return words[0] ? error_set(error, DATABASE_E_DAMAGED, "%s", words) : 0;
}

// --- the thread ------------------------------------------------------------------------------

// With the lock held: when there is something to do.
static nsec_t next_work(const struct writer *writer) {
        nsec_t at = writer->look_at;

        if (writer->retry_at)
                return writer->retry_at;
        if (!TAILQ_EMPTY(&writer->queue) || writer->suspicion[0])
                return 0;
        if (writer->cursors.due && writer->cursors.due < at)
                at = writer->cursors.due;
        if (writer->erasing)
                return writer->erase_at < at ? writer->erase_at : at;
        if (!TAILQ_EMPTY(&writer->asked))
                return 0;
        return writer->keeping.next_at < at ? writer->keeping.next_at : at;
}

// With the lock held: whether it ends now.
static bool is_over(const struct writer *writer, nsec_t now) {
        return writer->is_ending && (now >= writer->end_at ||
                                     (TAILQ_EMPTY(&writer->queue) && writer->cursors.due == 0));
}

static void writer_wait(struct writer *writer, nsec_t until) {
        struct timespec deadline = {.tv_sec = (time_t)(until / NSEC_PER_SEC),
                                    .tv_nsec = (long)(until % NSEC_PER_SEC)};

        pthread_cond_timedwait(&writer->is_changed, &writer->lock, &deadline);
}

// Wait for something to do, and take it. False: end.
static bool writer_next(struct writer *writer) {
        bool is_on;

        pthread_mutex_lock(&writer->lock);
        for (;;) {
                nsec_t now = pace_now(), at = next_work(writer);

                is_on = !is_over(writer, now);
                if (writer->is_ending && at > now + RETRY_LEAST)
                        at = now + RETRY_LEAST;
                if (writer->is_ending && !writer->retry_at)
                        at = now;
                if (!is_on || at <= now)
                        break;
                writer_wait(writer, at);
        }
        if (is_on)
                group_take(writer);
        pthread_mutex_unlock(&writer->lock);
        return is_on;
}

static void upkeep_work(struct writer *writer) {
        struct error error = {0};
        int r = writer_upkeep(writer, &error);

        if (r != 0)
                outcome_settle(writer, r, &error);
}

static void writer_work(struct writer *writer) {
        struct error error = {0};
        bool has_work = writer->group.all.n || writer->group.all.n_cursors || writer->retry_at;
        int r = files_look(writer, &error);

        if (r == 0 && !writer->ledger.database.sqlite)
                r = database_have(writer, &error);
        if (r == 0)
                r = suspicion_look(writer, &error);
        if (r == 0)
                r = group_commit(writer, &error);
        if (r != 0 || has_work)
                outcome_settle(writer, r, &error);
        if (r == 0)
                upkeep_work(writer);
        else if (r != DATABASE_E_DAMAGED)
                writer_upkeep_fail(writer, error.text);
}

static void *writer_run(void *context) {
        struct writer *writer = context;

        while (writer_next(writer))
                writer_work(writer);
        writer_upkeep_fail(writer, "the journal is closed");
        ledger_close(&writer->ledger);
        pthread_mutex_lock(&writer->lock);
        writer->is_ended = true;
        pthread_cond_broadcast(&writer->is_changed);
        pthread_mutex_unlock(&writer->lock);
        return NULL;
}

// --- the loop --------------------------------------------------------------------------------

void writer_put(struct writer *writer, struct writer_item *item) {
        pthread_mutex_lock(&writer->lock);
        TAILQ_INSERT_TAIL(&writer->queue, item, link);
        pthread_cond_signal(&writer->is_changed);
        pthread_mutex_unlock(&writer->lock);
}

struct writer_item *writer_give_up(struct writer *writer) {
        struct writer_item *item;

        pthread_mutex_lock(&writer->lock);
        item = TAILQ_FIRST(&writer->queue);
        if (item)
                TAILQ_REMOVE(&writer->queue, item, link);
        pthread_mutex_unlock(&writer->lock);
        return item;
}

void writer_erase(struct writer *writer, struct writer_erasure *erasure) {
        pthread_mutex_lock(&writer->lock);
        TAILQ_INSERT_TAIL(&writer->asked, erasure, link);
        pthread_cond_signal(&writer->is_changed);
        pthread_mutex_unlock(&writer->lock);
}

void writer_set_time(struct writer *writer, struct age_time time) {
        pthread_mutex_lock(&writer->lock);
        writer->time = time;
        pthread_mutex_unlock(&writer->lock);
}

void writer_suspect(struct writer *writer, unsigned generation, const char *words) {
        pthread_mutex_lock(&writer->lock);
        if (generation == writer->news.generation)
                snprintf(writer->suspicion, sizeof(writer->suspicion), "%s", words);
        pthread_cond_signal(&writer->is_changed);
        pthread_mutex_unlock(&writer->lock);
}

void writer_take_news(struct writer *writer, struct writer_news *ret) {
        pthread_mutex_lock(&writer->lock);
        *ret = writer->news;
        writer->news.marks = NULL;
        TAILQ_INIT(&ret->written);
        TAILQ_INIT(&ret->erased);
        TAILQ_CONCAT(&ret->written, &writer->news.written, link);
        TAILQ_CONCAT(&ret->erased, &writer->news.erased, link);
        pthread_mutex_unlock(&writer->lock);
}

bool writer_stop(struct writer *writer, nsec_t patience) {
        nsec_t until = pace_now() + patience;
        bool is_ended;

        pthread_mutex_lock(&writer->lock);
        writer->is_ending = true;
        writer->end_at = until;
        pthread_cond_broadcast(&writer->is_changed);
        // What it is at when time is up may take a little longer.
        until += patience / 4;
        while (!writer->is_ended && pace_now() < until)
                writer_wait(writer, until);
        is_ended = writer->is_ended;
        pthread_mutex_unlock(&writer->lock);
        if (is_ended)
                pthread_join(writer->thread, NULL);
        else
                pthread_detach(writer->thread);
        return is_ended;
}

void writer_free(struct writer *writer) {
        cursor_table_deinit(&writer->cursors);
        free(writer->news.marks);
        free(writer->group.cursors);
        ledger_close(&writer->ledger);
        state_lock_release(writer->state_lock);
        pthread_cond_destroy(&writer->is_changed);
        pthread_mutex_destroy(&writer->lock);
        free(writer);
}

static struct writer *writer_new(const struct writer_config *config) {
        struct writer *writer = xnew(struct writer);
        pthread_condattr_t attributes;

        writer->config = *config;
        writer->ledger.folder = config->folder;
        writer->keeping.age = config->keep_age;
        writer->keeping.bytes = config->keep_bytes;
        writer->time = config->time;
        writer->group.all.rows = writer->group.rows;
        writer->group.all.numbers = writer->group.numbers;
        TAILQ_INIT(&writer->queue);
        TAILQ_INIT(&writer->asked);
        TAILQ_INIT(&writer->news.written);
        TAILQ_INIT(&writer->news.erased);
        pthread_mutex_init(&writer->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&writer->is_changed, &attributes);
        pthread_condattr_destroy(&attributes);
        return writer;
}

// Whether it is the disk's trouble, which can pass: then rows wait, and nobody refuses to
// start.
static bool may_pass(int r) {
        return r == -ENOSPC || r == -EDQUOT || r == -EIO || r == -EROFS;
}

// The database, unless it cannot be had just now.
static int writer_open(struct writer *writer, struct error *error) {
        struct error why = {0};
        int r = state_lock_take(&writer->state_lock, writer->config.folder, &why);

        if (r == 0)
                r = database_have(writer, &why);
        if (r != 0 && !may_pass(r))
                return error_set(error, r, "%s", why.text);
        outcome_settle(writer, r, &why);
        return 0;
}

int writer_start(struct writer **ret, const struct writer_config *config, struct error *error) {
        struct writer *writer = writer_new(config);
        int r = writer_open(writer, error);

        if (r == 0) {
                r = thread_start(&writer->thread, "journal", writer_run, writer);
                if (r < 0)
                        error_set(error, r, "cannot start the journal's thread: %s",
                                  strerrordesc_np(-r));
        }
        if (r != 0)
                writer_free(writer);
        else
                *ret = writer;
        return r;
}
