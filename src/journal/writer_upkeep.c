#include "journal/writer_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "journal/pace.h"
#include "util/log.h"
#include "util/wake.h"

// What waits for a reader to end is tried again.
#define READER_INTERVAL (100 * NSEC_PER_MSEC)

static void erasure_end(struct writer *writer, const char *trouble) {
        struct writer_erasure *erasing = writer->erasing;

        if (writer->erasure)
                erasing->n_rows = erasure_count(writer->erasure);
        snprintf(erasing->trouble, sizeof(erasing->trouble), "%s", trouble);
        writer->erasure = erasure_free(writer->erasure);
        writer->erasing = NULL;
        pthread_mutex_lock(&writer->lock);
        TAILQ_INSERT_TAIL(&writer->news.erased, erasing, link);
        writer_news_update(writer);
        pthread_mutex_unlock(&writer->lock);
        wake_up(writer->config.wake);
}

// The next that is asked for, once all rows before it are written; or at once, if it is to
// fail.
static void erasure_begin(struct writer *writer, bool is_failing) {
        const struct writer_item *item;
        struct writer_erasure *erasing;

        pthread_mutex_lock(&writer->lock);
        erasing = TAILQ_FIRST(&writer->asked);
        item = TAILQ_FIRST(&writer->queue);
        if (erasing && item && item->sequence <= erasing->sequence && !is_failing)
                erasing = NULL;
        if (erasing)
                TAILQ_REMOVE(&writer->asked, erasing, link);
        pthread_mutex_unlock(&writer->lock);
        if (!erasing)
                return;
        writer->erasing = erasing;
        writer->erasure =
                erasure_new(&writer->ledger, erasing->stream, erasing->since, erasing->until);
}

void writer_upkeep_fail(struct writer *writer, const char *trouble) {
        do {
                if (writer->erasing)
                        erasure_end(writer, trouble);
                erasure_begin(writer, true);
        } while (writer->erasing);
}

static int erasure_work(struct writer *writer) {
        struct error error = {0};
        int r;

        if (pace_now() < writer->erase_at)
                return 0;
        r = erasure_step(writer->erasure, &writer->ledger, &writer->erasing->is_done, &error);
        if (r == -EINPROGRESS)
                writer->erase_at = pace_now() + READER_INTERVAL;
        else if (r != 0 || writer->erasing->is_done)
                erasure_end(writer, error.text);
        return r == DATABASE_E_DAMAGED ? r : 0;
}

static int keeping_work(struct writer *writer) {
        struct error error = {0};
        uint64_t n_removed = writer->keeping.n_removed;
        struct age_time time;
        int64_t now_ms = 0;
        int r;

        pthread_mutex_lock(&writer->lock);
        time = writer->time;
        pthread_mutex_unlock(&writer->lock);
        if (writer->keeping.age > 0)
                now_ms = age_clock_read(&writer->clock, time);
        r = keeping_step(&writer->keeping, &writer->ledger, pace_now(), now_ms, &error);
        if (r < 0)
                log_warning("journal", "journal-keeping", "old text cannot be removed: %s",
                            error.text);
        if (writer->keeping.n_removed != n_removed) {
                pthread_mutex_lock(&writer->lock);
                writer_news_update(writer);
                pthread_mutex_unlock(&writer->lock);
                wake_up(writer->config.wake);
        }
        return r == DATABASE_E_DAMAGED ? r : 0;
}

int writer_upkeep(struct writer *writer, struct error *error) {
        bool may_move = !(writer->erasure && erasure_keeps_wal(writer->erasure));
        int r;

        if (may_move && ledger_checkpoint_is_due(&writer->ledger)) {
                r = ledger_checkpoint(&writer->ledger, false, error);
        } else {
                if (!writer->erasing)
                        erasure_begin(writer, false);
                r = writer->erasing ? erasure_work(writer) : keeping_work(writer);
        }
        if (r != DATABASE_E_DAMAGED)
                return 0;
        return error->text[0] ? r : error_set(error, r, "found while old text was removed");
}
