#include "transcription/transcriptions_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/hub_admission.h"
#include "transcription/shelf_chores.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/number.h"

// So often it is looked at what is due: a turn, a removal, the folder.
#define TICK (NSEC_PER_SEC)

// One that could not be begun, or a result that could not be written, is tried again after so
// long, each time after twice as long.
#define AGAIN_LEAST (NSEC_PER_SEC)
#define AGAIN_MOST  (3600 * NSEC_PER_SEC)

// A file at which what reads media broke down so often, alone but for the first time, has
// failed.
#define LOSSES_MOST 3

// What came of one, on its way to the disk.
struct finishing {
        struct transcription *transcription;  // NULL: it was removed meanwhile
        struct transcriptions *all;
        char *folder, *record;
        char id[TRANSCRIPTION_ID_DIGITS + 1];
        struct shelf_text texts[SHELF_FORMATS];
        bool has_texts;
        bool is_unwritten;  // the disk did not take it: it waits for another try
        struct error error;
};

static int64_t now_ms(const struct transcriptions *all) {
        return loop_wall(all->loop) / NSEC_PER_MSEC;
}

static bool is_over(const struct transcription *transcription) {
        return transcription->record.state >= TRANSCRIPTION_DONE;
}

static uint64_t bytes_of(const struct transcription *transcription) {
        const struct transcription_record *record = &transcription->record;

        return is_over(transcription) ? record->result_size : record->size;
}

// --- who waits -------------------------------------------------------------------------------

void transcription_tell(struct transcription *transcription, bool is_removed) {
        struct transcription_waiter *waiter;

        while ((waiter = LIST_FIRST(&transcription->waiters))) {
                LIST_REMOVE(waiter, link);
                waiter->on_end(waiter->context, is_removed ? NULL : transcription);
        }
}

void transcription_wait(struct transcription *transcription,
                        struct transcription_waiter *waiter) {
        LIST_INSERT_HEAD(&transcription->waiters, waiter, link);
}

void transcription_leave(struct transcription_waiter *waiter) {
        LIST_REMOVE(waiter, link);
}

// --- removing --------------------------------------------------------------------------------

static void transcription_free(struct transcription *transcription) {
        transcription_record_deinit(&transcription->record);
        free(transcription);
}

static void run_end(struct transcription *transcription) {
        if (!transcription->run)
                return;
        transcription->run = transcription_run_free(transcription->run);
        transcription->all->n_running--;
}

static void finishing_free(struct finishing *finishing) {
        for (size_t i = 0; i < SHELF_FORMATS; i++)
                free(finishing->texts[i].bytes);
        free(finishing->folder);
        free(finishing->record);
        free(finishing);
}

// It is not to be written any more.
static void finishing_drop(struct transcription *transcription) {
        struct finishing *finishing = transcription->finishing;

        if (!finishing || !finishing->is_unwritten)
                return;
        transcription->finishing = NULL;
        transcription->all->n_unwritten--;
        finishing_free(finishing);
}

void transcription_remove(struct transcription *transcription) {
        struct transcriptions *all = transcription->all;

        run_end(transcription);
        TAILQ_REMOVE(&all->list, transcription, link);
        all->used -= bytes_of(transcription);
        all->n_unfinished -= !is_over(transcription);
        transcription_tell(transcription, true);
        finishing_drop(transcription);
        // What is being written goes when it is there.
        if (transcription->finishing)
                transcription->finishing->transcription = NULL;
        else
                shelf_chore_remove(all->chores, all->folder, transcription->record.id);
        transcription_free(transcription);
}

// Of results that a principal has beyond what it may have the oldest goes.
static void oldest_remove(struct transcriptions *all, const char *principal) {
        struct transcription *transcription, *oldest = NULL;
        size_t n = 0;

        TAILQ_FOREACH (transcription, &all->list, link)
                if (is_over(transcription) &&
                    strcmp(transcription->record.principal, principal) == 0) {
                        oldest = transcription;
                        n++;
                }
        if (n > TRANSCRIPTIONS_KEPT)
                transcription_remove(oldest);
}

// --- the end of one --------------------------------------------------------------------------

static void delay_set(struct transcription *transcription) {
        transcription->delay = number_clamp(2 * transcription->delay, AGAIN_LEAST, AGAIN_MOST);
        transcription->due = loop_now(transcription->all->loop) + transcription->delay;
}

static void again_later(struct transcription *transcription, const char *why) {
        transcription->record.state = TRANSCRIPTION_WAITING;
        delay_set(transcription);
        if (!transcription->all->is_stopping)
                log_warning("server", "transcription-later",
                            "the file %s is not made text now: %s; it is begun again in %.0f s",
                            transcription->record.id, why,
                            (double)transcription->delay / NSEC_PER_SEC);
}

static void finishing_work(void *context) {
        struct finishing *finishing = context;

        (void)shelf_finish(finishing->folder, finishing->id,
                           finishing->has_texts ? finishing->texts : NULL, finishing->record,
                           &finishing->error);
}

static void finishing_on_done(void *context, bool is_orphan);

static void finishing_begin(struct finishing *finishing) {
        finishing->error = (struct error){0};
        chores_do(finishing->all->chores, finishing_work, finishing_on_done, finishing);
}

// The text is there, and only the disk is missing.
static void finishing_again_later(struct finishing *finishing) {
        struct transcription *transcription = finishing->transcription;

        finishing->is_unwritten = true;
        finishing->all->n_unwritten++;
        delay_set(transcription);
        log_error("server", "transcription-not-written", "%s; it is tried again in %.0f s",
                  finishing->error.text, (double)transcription->delay / NSEC_PER_SEC);
}

static void unwritten_begin(struct transcriptions *all) {
        struct transcription *transcription;

        TAILQ_FOREACH (transcription, &all->list, link) {
                struct finishing *finishing = transcription->finishing;

                if (!finishing || !finishing->is_unwritten ||
                    transcription->due > loop_now(all->loop))
                        continue;
                finishing->is_unwritten = false;
                all->n_unwritten--;
                finishing_begin(finishing);
        }
}

// It is over now that this is on disk.
static void finishing_end(struct transcription *transcription,
                          const struct finishing *finishing) {
        struct transcriptions *all = transcription->all;
        CLEANUP(mem_freep) char *principal = xstrdup(transcription->record.principal);

        transcription->finishing = NULL;
        all->used -= bytes_of(transcription);
        transcription->record.state =
                finishing->has_texts ? TRANSCRIPTION_DONE : TRANSCRIPTION_FAILED;
        all->used += bytes_of(transcription);
        all->n_unfinished--;
        if (finishing->has_texts)
                all->n_done++;
        else
                all->n_failed++;
        transcription_tell(transcription, false);
        oldest_remove(all, principal);
}

static void finishing_on_done(void *context, bool is_orphan) {
        struct finishing *finishing = context;

        if (!is_orphan && finishing->transcription && finishing->error.code) {
                finishing_again_later(finishing);
                return;
        }
        if (!is_orphan && finishing->transcription)
                finishing_end(finishing->transcription, finishing);
        else if (!is_orphan)
                shelf_chore_remove(finishing->all->chores, finishing->folder, finishing->id);
        else if (!finishing->transcription)
                shelf_remove(finishing->folder, finishing->id);
        finishing_free(finishing);
}

// What is known of it from now on; it is running until that is on disk.
static void outcome_take(struct transcription *transcription,
                         const struct transcription_outcome *outcome) {
        struct transcription_record *record = &transcription->record;
        bool is_whole = outcome->end == TRANSCRIPTION_WHOLE;
        struct finishing *finishing = xnew(struct finishing);

        free(record->warning);
        free(record->reason);
        record->warning = is_whole ? xstrdup(outcome->words) : NULL;
        record->reason = is_whole ? NULL : xstrdup(outcome->words);
        record->status = is_whole ? 0 : outcome->status;
        record->n_samples = outcome->n_samples;
        record->ended = now_ms(transcription->all);
        record->result_size = 0;
        snprintf(record->language, sizeof(record->language), "%s", outcome->language);
        for (size_t i = 0; is_whole && i < SHELF_FORMATS; i++) {
                record->result_size += outcome->texts[i].n;
                finishing->texts[i] = outcome->texts[i];
        }
        record->state = is_whole ? TRANSCRIPTION_DONE : TRANSCRIPTION_FAILED;
        finishing->record = transcription_record_text(record);
        record->state = TRANSCRIPTION_RUNNING;
        finishing->has_texts = is_whole;
        finishing->transcription = transcription;
        finishing->all = transcription->all;
        finishing->folder = xstrdup(transcription->all->folder);
        snprintf(finishing->id, sizeof(finishing->id), "%s", record->id);
        transcription->finishing = finishing;
        finishing_begin(finishing);
}

// Others that were read beside it are not begun again with it, but one after the other.
static void loss_take(struct transcription *transcription, const char *why) {
        struct transcription_outcome lost = {
                .end = TRANSCRIPTION_REFUSED, .status = 422, .language = ""};
        CLEANUP(mem_freep) char *words = NULL;

        if (++transcription->n_losses < LOSSES_MOST) {
                again_later(transcription, why);
                return;
        }
        words = xasprintf(
                "what reads files broke down at it %d times (%s): convert it, such as "
                "by 'ffmpeg -i FILE file.flac', and send that",
                LOSSES_MOST, why);
        lost.words = words;
        outcome_take(transcription, &lost);
}

static void run_on_end(void *context, const struct transcription_outcome *outcome) {
        struct transcription *transcription = context;

        if (outcome->end == TRANSCRIPTION_LATER)
                again_later(transcription, outcome->words);
        else if (outcome->end == TRANSCRIPTION_LOST)
                loss_take(transcription, outcome->words);
        else
                outcome_take(transcription, outcome);
        run_end(transcription);
}

// --- turns -----------------------------------------------------------------------------------

static void transcription_begin(struct transcription *transcription) {
        struct transcriptions *all = transcription->all;
        const struct transcription_run_listener listener = {.on_end = run_on_end,
                                                            .context = transcription};
        int descriptor = shelf_sound(all->folder, transcription->record.id);
        struct transcription_outcome lost = {.end = TRANSCRIPTION_REFUSED,
                                             .status = 410,
                                             .words = "its file is no longer on the disk",
                                             .language = ""};

        if (descriptor == -ENOENT) {
                outcome_take(transcription, &lost);
                return;
        }
        // Whatever else keeps it from us may pass.
        if (descriptor < 0) {
                again_later(transcription, strerrordesc_np(-descriptor));
                return;
        }
        transcription->record.state = TRANSCRIPTION_RUNNING;
        transcription->run = transcription_run_new(all->parts.hub, &transcription->record,
                                                   descriptor, &listener);
        if (transcription->run)
                all->n_running++;
        else
                again_later(transcription, "too many uploads wait for their turn");
}

static size_t running_of(const struct transcriptions *all, const char *principal) {
        const struct transcription *transcription;
        size_t n = 0;

        TAILQ_FOREACH (transcription, &all->list, link)
                n += transcription->run &&
                     strcmp(transcription->record.principal, principal) == 0;
        return n;
}

// Whose turn is next: of those whose principals have the fewest under way, the one that came
// first.
static struct transcription *next_find(struct transcriptions *all) {
        struct transcription *transcription, *next = NULL;
        size_t fewest = SIZE_MAX;

        TAILQ_FOREACH_REVERSE(transcription, &all->list, transcription_list, link) {
                const struct transcription_record *record = &transcription->record;
                size_t n;

                if (record->state != TRANSCRIPTION_WAITING ||
                    transcription->due > loop_now(all->loop))
                        continue;
                n = running_of(all, record->principal);
                if (n < fewest) {
                        fewest = n;
                        next = transcription;
                }
        }
        return next;
}

// One at which what reads media broke down is read alone: nothing else is lost with it again.
static bool is_suspect_running(const struct transcriptions *all) {
        const struct transcription *transcription;

        TAILQ_FOREACH (transcription, &all->list, link)
                if (transcription->run && transcription->n_losses > 0)
                        return true;
        return false;
}

static void turns_give(struct transcriptions *all) {
        struct transcription *next;
        struct hub_refusal refusal;

        // A text that the disk does not take yet keeps its place: of such there are only so
        // many.
        while (!all->is_stopping && all->n_running + all->n_unwritten < all->parts.at_once &&
               hub_has_room(all->parts.hub, &refusal) && !is_suspect_running(all) &&
               (next = next_find(all)) && (next->n_losses == 0 || all->n_running == 0))
                transcription_begin(next);
}

int64_t transcription_goes(const struct transcription *transcription) {
        if (!is_over(transcription))
                return 0;
        return transcription->record.ended + transcription->all->parts.keep / NSEC_PER_MSEC;
}

static void old_remove(struct transcriptions *all) {
        struct transcription *transcription, *next;

        for (transcription = TAILQ_FIRST(&all->list); transcription; transcription = next) {
                next = TAILQ_NEXT(transcription, link);
                if (is_over(transcription) && now_ms(all) >= transcription_goes(transcription))
                        transcription_remove(transcription);
        }
}

// --- the folder ------------------------------------------------------------------------------

// In the order of time, the latest first.
static void list_insert(struct transcriptions *all, struct transcription *transcription) {
        struct transcription *after = TAILQ_FIRST(&all->list);

        while (after && after->record.created > transcription->record.created)
                after = TAILQ_NEXT(after, link);
        if (after)
                TAILQ_INSERT_BEFORE(after, transcription, link);
        else
                TAILQ_INSERT_TAIL(&all->list, transcription, link);
}

static bool folder_on_record(void *context, const char *id, const char *text, size_t n) {
        struct transcriptions *all = context;
        struct transcription *transcription = xnew(struct transcription);
        struct transcription_record *record = &transcription->record;
        struct error error;

        if (transcription_record_read(record, text, n, &error) < 0 ||
            strcmp(record->id, id) != 0) {
                transcription_free(transcription);
                return false;
        }
        transcription->all = all;
        list_insert(all, transcription);
        all->used += bytes_of(transcription);
        all->n_unfinished += !is_over(transcription);
        return true;
}

// Begin with the folder, unless it is ours already. What cannot be is said once, in the log
// alone: it names paths.
static void folder_take(struct transcriptions *all) {
        struct error error = {0};

        if (all->lock >= 0)
                return;
        if (shelf_lock(&all->lock, all->folder, &error) == 0) {
                if (shelf_look_through(all->folder, folder_on_record, all, &error) == 0) {
                        all->trouble = mem_free(all->trouble);
                        return;
                }
                close(all->lock);
        }
        all->lock = -1;
        if (!all->trouble || strcmp(all->trouble, error.text) != 0)
                log_warning("server", "transcriptions-off",
                            "files that clients send to be made text are not taken: %s",
                            error.text);
        free(all->trouble);
        all->trouble = xstrdup(error.text);
}

// --- what is due -----------------------------------------------------------------------------

static void all_on_tick(void *context) {
        struct transcriptions *all = context;

        folder_take(all);
        unwritten_begin(all);
        turns_give(all);
        old_remove(all);
        loop_timer_set(all->tick, TICK);
}

// --- what there is ---------------------------------------------------------------------------

struct transcription *transcriptions_first(const struct transcriptions *all) {
        return TAILQ_FIRST(&all->list);
}

struct transcription *transcription_next(const struct transcription *transcription) {
        return TAILQ_NEXT(transcription, link);
}

struct transcription *transcriptions_find(const struct transcriptions *all, const char *id) {
        struct transcription *transcription;

        TAILQ_FOREACH (transcription, &all->list, link)
                if (strcmp(transcription->record.id, id) == 0)
                        return transcription;
        return NULL;
}

struct transcriptions_figures transcriptions_figures(const struct transcriptions *all) {
        struct transcriptions_figures figures = {
                .n_done = all->n_done,
                .n_failed = all->n_failed,
                .bytes = all->used,
                .trouble =
                        all->lock >= 0 ? "" : "their folder cannot be used: the log says why",
        };
        const struct transcription *one;

        TAILQ_FOREACH (one, &all->coming, link)
                figures.n[TRANSCRIPTION_COMING]++;
        TAILQ_FOREACH (one, &all->list, link)
                figures.n[one->record.state]++;
        return figures;
}

const struct transcription_record *transcription_record(const struct transcription *one) {
        return &one->record;
}

int64_t transcription_done(const struct transcription *transcription) {
        if (transcription->run)
                return transcription_run_done(transcription->run);
        return transcription->record.n_samples;
}

double transcriptions_waiting(const struct transcriptions *all, const char *principal) {
        const struct transcription *one;
        double n_bytes = 0;

        TAILQ_FOREACH (one, &all->coming, link)
                if (strcmp(one->record.principal, principal) == 0)
                        n_bytes += (double)one->record.size;
        TAILQ_FOREACH (one, &all->list, link)
                if (one->record.state == TRANSCRIPTION_WAITING &&
                    strcmp(one->record.principal, principal) == 0)
                        n_bytes += (double)one->record.size;
        return n_bytes / TRANSCRIPTION_SECOND_BYTES;
}

int64_t transcription_length(const struct transcription *transcription) {
        if (transcription->run)
                return transcription_run_length(transcription->run);
        return transcription->record.n_samples;
}

// --- reading a result ------------------------------------------------------------------------

void transcription_read(struct transcription *transcription, enum transcript_format format,
                        void (*on_text)(void *context, struct shelf_text *text,
                                        const struct error *error),
                        void *context) {
        struct transcriptions *all = transcription->all;

        shelf_chore_read(all->chores, all->folder, transcription->record.id, format, on_text,
                         context);
}

// --- life ------------------------------------------------------------------------------------

struct transcriptions *transcriptions_new(const struct transcriptions_parts *parts) {
        struct transcriptions *all = xnew(struct transcriptions);

        all->parts = *parts;
        all->loop = hub_parts(parts->hub)->loop;
        all->folder = xstrdup(parts->folder);
        all->lock = -1;
        all->chores = chores_new(all->loop);
        TAILQ_INIT(&all->list);
        TAILQ_INIT(&all->coming);
        all->tick = loop_timer_new(all->loop, all_on_tick, all);
        folder_take(all);
        loop_timer_set(all->tick, 0);
        return all;
}

void transcriptions_stop(struct transcriptions *all) {
        struct transcription *transcription;

        all->is_stopping = true;
        loop_timer_cancel(all->tick);
        TAILQ_FOREACH (transcription, &all->list, link)
                transcription_tell(transcription, false);
}

struct transcriptions *transcriptions_free(struct transcriptions *all) {
        struct transcription *transcription;

        if (!all)
                return NULL;
        assert(TAILQ_EMPTY(&all->coming));
        while ((transcription = TAILQ_FIRST(&all->list))) {
                TAILQ_REMOVE(&all->list, transcription, link);
                transcription_tell(transcription, true);
                run_end(transcription);
                finishing_drop(transcription);
                transcription_free(transcription);
        }
        all->tick = loop_timer_free(all->tick);
        chores_free(all->chores);
        if (all->lock >= 0)
                close(all->lock);
        free(all->trouble);
        free(all->folder);
        return mem_free(all);
}
