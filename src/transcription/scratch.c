#include "transcription/scratch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include "transcription/chore.h"
#include "transcription/shelf.h"
#include "util/log.h"
#include "util/mem.h"

// Memory is charged in such steps.
#define CHARGE_STEP ((size_t)64 * 1024)

// Bytes on their way to the disk: so many are written, while as many are gathered.
#define GATHERED_MAX ((size_t)256 * 1024)

#define RETRY (60 * NSEC_PER_SEC)

struct scratches {
        struct hub *hub;
        struct transcriptions *transcriptions;
        size_t most, n;
        LIST_HEAD(, scratch) list;
};

struct scratch {
        struct scratches *all;
        LIST_ENTRY(scratch) link;
        char *principal, *address;
        uint64_t n_bytes;    // that came,
        uint64_t n_on_disk;  // and of them those that count there
        struct scratch_listener listener;
        size_t charged;
        int memory;  // a descriptor; -1: it is on disk, or on its way there

        // On disk. The thread's while it is busy:
        char *folder, id[TRANSCRIPTION_ID_DIGITS + 1];
        int disk, reading;  // to be written, and to be read; -1: not made yet
        uint8_t *writing;
        size_t n_writing;
        struct error mistake;

        uint8_t *gathered;  // NULL: it is in memory
        size_t n_gathered;
        bool is_busy;    // a thread writes
        bool is_choked;  // on_room is due
        bool is_ending;
        bool is_whole;
        bool is_over;  // whole or refused, and told
        bool is_freed;
};

static struct budget *budget_of(const struct scratch *scratch) {
        return hub_parts(scratch->all->hub)->budget;
}

// It holds so much memory from now on. False: there is not so much left.
static bool charge_set(struct scratch *scratch, size_t n) {
        if (n > scratch->charged &&
            !budget_charge(budget_of(scratch), BUDGET_UPLOADS, n - scratch->charged))
                return false;
        if (n < scratch->charged)
                budget_refund(budget_of(scratch), BUDGET_UPLOADS, scratch->charged - n);
        scratch->charged = n;
        return true;
}

static void refuse(struct scratch *scratch, const struct transcription_refusal *refusal) {
        if (scratch->is_over)
                return;
        scratch->is_over = true;
        scratch->listener.on_refused(scratch->listener.context, refusal);
}

static void refuse_disk(struct scratch *scratch, const char *words) {
        struct transcription_refusal refusal = {.status = 503, .retry = RETRY};

        snprintf(refusal.words, sizeof(refusal.words), "%s", words);
        refuse(scratch, &refusal);
}

static void whole_tell(struct scratch *scratch, int *descriptor) {
        int whole = *descriptor;

        *descriptor = -1;
        scratch->is_over = scratch->is_whole = true;
        if (lseek(whole, 0, SEEK_SET) < 0)
                abort();  // it is a file
        scratch->listener.on_whole(scratch->listener.context, whole, scratch->n_bytes);
}

// --- on disk ---------------------------------------------------------------------------------

static void descriptor_close(int *descriptor) {
        if (*descriptor >= 0)
                close(*descriptor);
        *descriptor = -1;
}

static void scratch_destroy(struct scratch *scratch) {
        descriptor_close(&scratch->memory);
        descriptor_close(&scratch->disk);
        descriptor_close(&scratch->reading);
        free(scratch->folder);
        free(scratch->writing);
        free(scratch->gathered);
        free(scratch->principal);
        free(scratch->address);
        free(scratch);
}

// What was held in memory goes before all else.
static int memory_copy(struct scratch *scratch) {
        uint8_t *bytes = scratch->writing;
        off_t at = 0;
        ssize_t n;

        while ((n = pread(scratch->memory, bytes, GATHERED_MAX, at)) > 0) {
                int r = shelf_append(scratch->disk, bytes, (size_t)n, &scratch->mistake);

                if (r < 0)
                        return r;
                at += n;
        }
        return n < 0 ? error_set(&scratch->mistake, -errno, "cannot read what was held: %m")
                     : 0;
}

static void scratch_work(void *context) {
        struct scratch *scratch = context;

        if (scratch->disk < 0) {
                if (shelf_scratch(&scratch->disk, &scratch->reading, scratch->folder,
                                  scratch->id, &scratch->mistake) == 0)
                        (void)memory_copy(scratch);
                return;
        }
        (void)shelf_append(scratch->disk, scratch->writing, scratch->n_writing,
                           &scratch->mistake);
}

static void scratch_on_done(void *context, bool is_orphan);

static void work_begin(struct scratch *scratch) {
        scratch->is_busy = true;
        chores_do(transcriptions_chores(scratch->all->transcriptions), scratch_work,
                  scratch_on_done, scratch);
}

// What was gathered is written, and room is made for more.
static void gathered_write(struct scratch *scratch) {
        uint8_t *written = scratch->writing;

        scratch->writing = scratch->gathered;
        scratch->n_writing = scratch->n_gathered;
        scratch->gathered = written;
        scratch->n_gathered = 0;
        work_begin(scratch);
        if (!scratch->is_choked)
                return;
        scratch->is_choked = false;
        scratch->listener.on_room(scratch->listener.context);
}

// All of it is written, and memory needed no longer.
static void disk_end(struct scratch *scratch) {
        descriptor_close(&scratch->disk);
        scratch->gathered = mem_free(scratch->gathered);
        scratch->writing = mem_free(scratch->writing);
        (void)charge_set(scratch, 0);
        whole_tell(scratch, &scratch->reading);
}

static void scratch_advance(struct scratch *scratch) {
        if (scratch->is_busy || scratch->is_over)
                return;
        if (scratch->n_gathered > 0)
                gathered_write(scratch);
        else if (scratch->is_ending)
                disk_end(scratch);
}

static void scratch_on_done(void *context, bool is_orphan) {
        struct scratch *scratch = context;

        scratch->is_busy = false;
        if (scratch->is_freed || is_orphan) {
                scratch_destroy(scratch);
                return;
        }
        if (scratch->memory >= 0) {
                descriptor_close(&scratch->memory);
                (void)charge_set(scratch, 2 * GATHERED_MAX);
        }
        if (scratch->mistake.code) {
                log_error("server", "upload-not-kept", "%s", scratch->mistake.text);
                refuse_disk(scratch, "the server cannot keep the file: its log says why");
                return;
        }
        scratch_advance(scratch);
}

static bool disk_take(struct scratch *scratch, uint64_t n) {
        struct transcription_refusal refusal;

        if (transcriptions_disk_take(scratch->all->transcriptions, n, &refusal)) {
                scratch->n_on_disk += n;
                return true;
        }
        refuse(scratch, &refusal);
        return false;
}

static bool disk_begin(struct scratch *scratch) {
        if (!disk_take(scratch, scratch->n_bytes))
                return false;
        if (!charge_set(scratch, scratch->charged + 2 * GATHERED_MAX)) {
                refuse_disk(scratch, "the memory for clients is used up: try again later");
                return false;
        }
        scratch->folder = xstrdup(transcriptions_folder(scratch->all->transcriptions));
        scratch->gathered = xcalloc(GATHERED_MAX, 1);
        scratch->writing = xcalloc(GATHERED_MAX, 1);
        work_begin(scratch);
        return true;
}

static bool disk_write(struct scratch *scratch, const uint8_t *bytes, size_t n) {
        if (!disk_take(scratch, n))
                return true;
        assert(n <= GATHERED_MAX - scratch->n_gathered);
        scratch->n_bytes += n;
        memcpy(scratch->gathered + scratch->n_gathered, bytes, n);
        scratch->n_gathered += n;
        scratch->is_choked = scratch->is_busy && scratch->n_gathered > GATHERED_MAX / 2;
        scratch_advance(scratch);
        return !scratch->is_choked;
}

// --- in memory -------------------------------------------------------------------------------

// False: no more of it may be held.
static bool memory_takes(struct scratch *scratch, size_t n) {
        const struct budget *budget = budget_of(scratch);
        size_t wanted = (size_t)scratch->n_bytes + n;

        if (wanted > SCRATCH_MEMORY)
                return false;
        if (wanted <= scratch->charged)
                return true;
        return budget_used(budget, BUDGET_UPLOADS) < budget_total(budget) / 4 &&
               charge_set(scratch, (wanted + CHARGE_STEP - 1) / CHARGE_STEP * CHARGE_STEP);
}

static void memory_write(struct scratch *scratch, const uint8_t *bytes, size_t n) {
        struct error error = {0};

        if (shelf_append(scratch->memory, bytes, n, &error) < 0)
                refuse_disk(scratch, "no memory is left for it: try again later");
        scratch->n_bytes += n;
}

bool scratch_write(struct scratch *scratch, const uint8_t *bytes, size_t n) {
        struct transcription_refusal refusal;

        if (scratch->is_over)
                return true;
        if (!transcriptions_size_is_fine(scratch->all->transcriptions, scratch->n_bytes + n,
                                         &refusal)) {
                refuse(scratch, &refusal);
                return true;
        }
        if (!scratch->gathered && memory_takes(scratch, n)) {
                memory_write(scratch, bytes, n);
                return true;
        }
        if (!scratch->gathered && !disk_begin(scratch))
                return true;
        return disk_write(scratch, bytes, n);
}

void scratch_end(struct scratch *scratch) {
        scratch->is_ending = true;
        if (scratch->is_over)
                return;
        if (scratch->gathered) {
                scratch_advance(scratch);
                return;
        }
        // Whoever reads it has no need to change it.
        (void)fcntl(scratch->memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
        whole_tell(scratch, &scratch->memory);
}

// --- life ------------------------------------------------------------------------------------

static bool refuse_busy(struct scratches *all, int status, const char *words,
                        struct transcription_refusal *ret) {
        *ret = (struct transcription_refusal){
                .status = status,
                .retry = upload_slots_retry(hub_parts(all->hub)->uploads->slots)};
        snprintf(ret->words, sizeof(ret->words), "%s", words);
        return false;
}

// Half of the places are for others: of other tokens, and of other addresses without one.
static bool scratches_have_room(struct scratches *all, const struct principal *principal,
                                const char *address, struct transcription_refusal *ret) {
        const struct scratch *scratch;
        size_t n = 0, most = all->most / 2;

        if (all->n >= all->most)
                return refuse_busy(all, 503,
                                   "too many uploads wait to be made text (uploads.waiting)",
                                   ret);
        LIST_FOREACH(scratch, &all->list, link)
        n += strcmp(scratch->principal, principal->name) == 0 &&
             (principal->life || strcmp(scratch->address, address) == 0);
        return n < (most > 1 ? most : 1) ||
               refuse_busy(all, 429,
                           "too many uploads of yours at once: wait for some, or have "
                           "uploads.waiting raised",
                           ret);
}

struct scratch *scratch_new(struct scratches *all, const struct principal *principal,
                            const char *address, uint64_t size,
                            const struct scratch_listener *listener,
                            struct transcription_refusal *ret) {
        struct scratch *scratch;
        char id[TRANSCRIPTION_ID_DIGITS + 1];
        int memory;

        if ((size != UINT64_MAX &&
             !transcriptions_size_is_fine(all->transcriptions, size, ret)) ||
            !scratches_have_room(all, principal, address, ret))
                return NULL;
        memory = memfd_create("eavesdrop-upload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (memory < 0 || !transcription_id_make(id)) {
                log_error("server", "upload-not-kept", "nothing to hold a file in: %m");
                (void)refuse_busy(all, 503,
                                  "the server has nothing to hold the file in: try again later",
                                  ret);
                if (memory >= 0)
                        close(memory);
                return NULL;
        }
        scratch = xnew(struct scratch);
        scratch->all = all;
        scratch->listener = *listener;
        scratch->memory = memory;
        scratch->disk = scratch->reading = -1;
        memcpy(scratch->id, id, sizeof(id));
        scratch->principal = xstrdup(principal->name);
        scratch->address = xstrdup(address);
        LIST_INSERT_HEAD(&all->list, scratch, link);
        all->n++;
        return scratch;
}

struct scratch *scratch_free(struct scratch *scratch) {
        if (!scratch)
                return NULL;
        LIST_REMOVE(scratch, link);
        scratch->all->n--;
        transcriptions_disk_give(scratch->all->transcriptions, scratch->n_on_disk);
        (void)charge_set(scratch, 0);
        scratch->is_over = scratch->is_freed = true;
        if (!scratch->is_busy)
                scratch_destroy(scratch);
        return NULL;
}

double scratches_waiting(const struct scratches *all, const char *principal) {
        const struct scratch *scratch;
        double n_bytes = 0;

        // Of those that are whole, streams have the sound.
        LIST_FOREACH(scratch, &all->list, link)
        if (!scratch->is_whole && strcmp(scratch->principal, principal) == 0)
                n_bytes += (double)scratch->n_bytes;
        return n_bytes / TRANSCRIPTION_SECOND_BYTES;
}

struct scratches *scratches_new(struct hub *hub, struct transcriptions *transcriptions,
                                size_t most) {
        struct scratches *all = xnew(struct scratches);

        all->hub = hub;
        all->transcriptions = transcriptions;
        all->most = most;
        return all;
}

struct scratches *scratches_free(struct scratches *all) {
        assert(!all || LIST_EMPTY(&all->list));
        return mem_free(all);
}
