// Transcriptions, the part of them that takes files in.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "pipeline/hub_admission.h"
#include "transcription/transcriptions_private.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/number.h"
#include "util/utf8.h"

// When it is worth while to come again after a disk that did not take a file, or a limit.
#define RETRY_DISK (60 * NSEC_PER_SEC)

#define FILE_NAME_MAX 255  // bytes of what a client calls its file

static bool refuse(struct transcription_refusal *ret, int status, nsec_t retry,
                   const char *words) {
        ret->status = status;
        ret->retry = retry;
        snprintf(ret->words, sizeof(ret->words), "%s", words);
        return false;
}

static bool refuse_size(const struct transcriptions *all, struct transcription_refusal *ret) {
        CLEANUP(mem_freep)
        char *limit = size_words(hub_parts(all->parts.hub)->uploads->bytes_max);
        CLEANUP(mem_freep)
        char *words = xasprintf("larger than %s, which is the limit (uploads.size): send it in "
                                "parts",
                                limit);

        return refuse(ret, 413, 0, words);
}

static bool refuse_disk(const struct transcriptions *all, struct transcription_refusal *ret) {
        CLEANUP(mem_freep) char *limit = size_words(all->parts.disk);
        CLEANUP(mem_freep)
        char *words = xasprintf("the %s that files and results may take are used up "
                                "(transcriptions.disk): delete results, or come again later",
                                limit);

        return refuse(ret, 503, RETRY_DISK, words);
}

bool transcriptions_size_is_fine(const struct transcriptions *all, uint64_t size,
                                 struct transcription_refusal *ret) {
        return size <= hub_parts(all->parts.hub)->uploads->bytes_max || refuse_size(all, ret);
}

bool transcriptions_disk_take(struct transcriptions *all, uint64_t n_bytes,
                              struct transcription_refusal *ret) {
        if (all->lock < 0)
                return refuse(ret, 503, RETRY_DISK,
                              "the server cannot keep files at the moment; its log says why");
        if (all->used > all->parts.disk || n_bytes > all->parts.disk - all->used)
                return refuse_disk(all, ret);
        all->used += n_bytes;
        return true;
}

void transcriptions_disk_give(struct transcriptions *all, uint64_t n_bytes) {
        all->used -= n_bytes;
}

const char *transcriptions_folder(const struct transcriptions *all) {
        return all->folder;
}

struct chores *transcriptions_chores(const struct transcriptions *all) {
        return all->chores;
}

bool transcriptions_admit(struct transcriptions *all, uint64_t size,
                          struct transcription_refusal *ret) {
        const struct upload_services *uploads = hub_parts(all->parts.hub)->uploads;

        if (all->is_stopping)
                return refuse(ret, 503, RETRY_DISK, "the server is stopping");
        if (size != UINT64_MAX && size > uploads->bytes_max)
                return refuse_size(all, ret);
        if (all->lock < 0)
                return refuse(ret, 503, RETRY_DISK,
                              "the server cannot keep files at the moment; its log says why");
        if (all->n_unfinished >= all->parts.waiting + all->parts.at_once)
                return refuse(ret, 503, upload_slots_retry(uploads->slots),
                              "too many files wait to be made text (transcriptions.waiting)");
        if (all->used >= all->parts.disk ||
            (size != UINT64_MAX && size > all->parts.disk - all->used))
                return refuse_disk(all, ret);
        return true;
}

static bool refuse_backlog(struct transcription_refusal *ret) {
        return refuse(
                ret, 429, RETRY_DISK,
                "too much sound of your token is not text yet: try again when some is, or "
                "have per_token.backlog raised");
}

// Half of the places are for others: of other tokens, and of other addresses without one.
static bool has_too_many_coming(const struct transcriptions *all,
                                const struct transcription_bringer *bringer) {
        const struct principal *principal = bringer->principal;
        const struct transcription *one;
        size_t n = 0, most = all->parts.waiting / 2;

        TAILQ_FOREACH (one, &all->coming, link)
                n += strcmp(one->record.principal, principal->name) == 0 &&
                     (principal->life || strcmp(one->record.address, bringer->address) == 0);
        return n >= (most > 1 ? most : 1);
}

// Whether whoever brings it may bring one more.
static bool bringer_admit(const struct transcriptions *all,
                          const struct transcription_bringer *bringer,
                          struct transcription_refusal *ret) {
        const struct hub_parts *parts = hub_parts(all->parts.hub);

        if (budget_is_tight(parts->budget))
                return refuse(ret, 503, upload_slots_retry(parts->uploads->slots),
                              "the memory for clients is used up: try again later");
        if (hub_token_is_full(all->parts.hub, bringer->principal))
                return refuse_backlog(ret);
        if (has_too_many_coming(all, bringer))
                return refuse(ret, 429, upload_slots_retry(parts->uploads->slots),
                              "too many files of yours are coming at once: send one after the "
                              "other, or have transcriptions.waiting raised");
        return true;
}

bool transcription_fits(struct transcription *transcription, const struct principal *principal,
                        struct transcription_refusal *ret) {
        struct transcription_record *record = &transcription->record;
        uint64_t size = record->size;
        bool is_full;

        // It does not count itself, as it did not when it began.
        record->size = 0;
        is_full = hub_token_is_full(transcription->all->parts.hub, principal);
        record->size = size;
        return !is_full || refuse_backlog(ret);
}

static void bringing_refuse(struct transcription *transcription,
                            const struct transcription_refusal *refusal) {
        transcription->bringer.on_refused(transcription->bringer.context, refusal);
}

static void intake_on_room(void *context) {
        struct transcription *transcription = context;

        transcription->bringer.on_room(transcription->bringer.context);
}

static void intake_on_end(void *context, const struct error *error) {
        struct transcription *transcription = context;
        struct transcriptions *all = transcription->all;
        struct transcription_refusal refusal;

        if (error) {
                log_error("server", "transcription-not-taken", "%s", error->text);
                (void)refuse(&refusal, 503, RETRY_DISK, strerrordesc_np(-error->code));
                snprintf(refusal.words, sizeof(refusal.words),
                         "the server cannot keep the file: %s", strerrordesc_np(-error->code));
                bringing_refuse(transcription, &refusal);
                return;
        }
        transcription->intake = intake_close(transcription->intake);
        transcription->record.state = TRANSCRIPTION_WAITING;
        TAILQ_REMOVE(&all->coming, transcription, link);
        TAILQ_INSERT_HEAD(&all->list, transcription, link);
        transcription->bringer.on_taken(transcription->bringer.context, transcription);
        // Who came too late to be told by transcriptions_stop() is told now.
        if (all->is_stopping)
                transcription_tell(transcription, false);
        else
                loop_timer_set(all->tick, 0);
}

bool transcription_id_make(char ret[TRANSCRIPTION_ID_DIGITS + 1]) {
        uint8_t bytes[TRANSCRIPTION_ID_DIGITS / 2];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return false;
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
        return true;
}

struct transcription *transcription_bring(struct transcriptions *all,
                                          const struct transcription_bringer *bringer,
                                          struct transcription_refusal *ret) {
        struct transcription *transcription;
        struct intake_listener listener = {.on_room = intake_on_room, .on_end = intake_on_end};
        char id[TRANSCRIPTION_ID_DIGITS + 1];

        if (!transcriptions_admit(all, bringer->size, ret) || !bringer_admit(all, bringer, ret))
                return NULL;
        if (!transcription_id_make(id)) {
                (void)refuse(ret, 503, RETRY_DISK, "the system gives no random numbers");
                return NULL;
        }
        listener.context = transcription = xnew(struct transcription);
        transcription->intake = intake_new(all->chores, all->folder, id,
                                           hub_parts(all->parts.hub)->budget, &listener);
        if (!transcription->intake) {
                free(transcription);
                (void)refuse(ret, 503, RETRY_DISK, "no memory is left for it");
                return NULL;
        }
        transcription->all = all;
        transcription->bringer = *bringer;
        snprintf(transcription->record.id, sizeof(transcription->record.id), "%s", id);
        transcription->record.principal = xstrdup(bringer->principal->name);
        transcription->record.address = xstrdup(bringer->address);
        transcription->record.created = loop_wall(all->loop) / NSEC_PER_MSEC;
        TAILQ_INSERT_HEAD(&all->coming, transcription, link);
        all->n_unfinished++;
        return transcription;
}

bool transcription_write(struct transcription *transcription, const uint8_t *bytes, size_t n) {
        struct transcriptions *all = transcription->all;
        struct transcription_refusal refusal;

        transcription->record.size += n;
        all->used += n;
        if (transcription->record.size > hub_parts(all->parts.hub)->uploads->bytes_max)
                (void)refuse_size(all, &refusal);
        else if (all->used > all->parts.disk)
                (void)refuse_disk(all, &refusal);
        else
                return intake_write(transcription->intake, bytes, n);
        bringing_refuse(transcription, &refusal);
        return true;
}

void transcription_bring_end(struct transcription *transcription,
                             struct transcription_wish *wish, const char *file) {
        struct transcription_record *record = &transcription->record;

        record->wish = *wish;
        *wish = (struct transcription_wish){0};
        if (file) {
                size_t n = strlen(file);

                record->file = utf8_repair(file, n < FILE_NAME_MAX ? n : FILE_NAME_MAX);
        }
        intake_end(transcription->intake, transcription_record_text(record));
}

void transcription_give_up(struct transcription *transcription) {
        struct transcriptions *all = transcription->all;

        transcription->intake = intake_close(transcription->intake);
        TAILQ_REMOVE(&all->coming, transcription, link);
        all->used -= transcription->record.size;
        all->n_unfinished--;
        transcription_record_deinit(&transcription->record);
        free(transcription);
}
