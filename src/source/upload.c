#include "source/upload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "source/media.h"
#include "util/mem.h"
#include "util/number.h"

struct upload {
        const struct upload_services *services;
        struct upload_listener listener;
        struct upload_place place;
        struct media *media;  // NULL before its turn

        int descriptor;  // of a file that has all of it; -1: it is written
        uint8_t *held;   // before its turn
        size_t n_held;
        size_t charged;      // to the budget
        uint64_t n_bytes;    // that came
        uint64_t n_samples;  // that went
        struct loop_timer *period;
        uint64_t period_bytes, period_samples;  // at its begin
        nsec_t waited;                          // within it, for the client
        nsec_t waiting_since;                   // < 0: it waits for us

        bool is_wanted;  // the client is read
        bool is_full;    // its media takes no more for now
        bool is_complete;
        bool is_paused;
        bool is_over;
};

static size_t upload_kept(const struct upload *upload) {
        return upload->n_held + (upload->media ? media_pending(upload->media) : 0);
}

// Refund what was taken.
static void upload_refund(struct upload *upload) {
        size_t kept = upload_kept(upload);

        if (kept >= upload->charged)
                return;
        budget_refund(upload->services->budget, BUDGET_UPLOADS, upload->charged - kept);
        upload->charged = kept;
}

// What it waits for is its turn.
static bool upload_is_asking(const struct upload *upload) {
        return !upload->media && upload->n_held >= UPLOAD_READY;
}

// Keep count of the time in which nothing but the client's bytes is missing.
static void upload_clock(struct upload *upload) {
        bool is_waiting = upload->is_wanted && !upload->is_paused && !upload->is_complete &&
                          !upload_is_asking(upload);
        nsec_t now = loop_now(upload->services->loop);

        if (upload->waiting_since >= 0)
                upload->waited += now - upload->waiting_since;
        upload->waiting_since = is_waiting ? now : -1;
}

// It waits for its turn, with as much as may be held for that.
static bool upload_holds_enough(const struct upload *upload) {
        const struct budget *budget = upload->services->budget;

        if (!upload_is_asking(upload))
                return false;
        return upload->n_held >= UPLOAD_HELD_MAX ||
               budget_used(budget, BUDGET_UPLOADS) >= budget_total(budget) / 4;
}

static void upload_want(struct upload *upload) {
        bool was_wanted = upload->is_wanted;

        if (upload->is_over)
                return;
        upload->is_wanted =
                upload->is_complete || (!upload->is_full && !upload_holds_enough(upload));
        upload_clock(upload);
        if (upload->is_wanted != was_wanted && upload->listener.on_want)
                upload->listener.on_want(upload->listener.context, upload->is_wanted);
}

// --- the end --------------------------------------------------------------------------------

static void upload_release(struct upload *upload) {
        upload->media = media_close(upload->media);
        upload->held = mem_free(upload->held);
        upload->n_held = 0;
        if (upload->descriptor >= 0)
                close(upload->descriptor);
        upload->descriptor = -1;
        upload_refund(upload);
        upload->period = loop_timer_free(upload->period);
        upload_place_leave(&upload->place);
}

static void upload_over(struct upload *upload, enum upload_end end, const char *words) {
        if (upload->is_over)
                return;
        upload->is_over = true;
        upload_release(upload);
        // What still comes is dropped; but whether the client goes must be heard.
        if (!upload->is_wanted && upload->listener.on_want)
                upload->listener.on_want(upload->listener.context, true);
        upload->listener.on_end(upload->listener.context, end, words);
}

static void upload_over_size(struct upload *upload) {
        CLEANUP(mem_freep) char *limit = size_words(upload->services->bytes_max);
        CLEANUP(mem_freep)
        char *words = xasprintf("larger than %s, which is the limit (uploads.size): send it in "
                                "parts",
                                limit);

        upload_over(upload, UPLOAD_TOO_LARGE, words);
}

static void upload_over_seconds(struct upload *upload) {
        CLEANUP(mem_freep)
        char *limit = seconds_words((double)upload->services->seconds_max);
        CLEANUP(mem_freep)
        char *words = xasprintf("longer than %s, which is the limit (uploads.seconds): send it "
                                "in parts",
                                limit);

        upload_over(upload, UPLOAD_TOO_LARGE, words);
}

// --- what becomes of it -------------------------------------------------------------------

bool upload_bytes_inflate(uint64_t n_written, uint64_t n_unread, uint64_t n_samples) {
        uint64_t taken = n_written > n_unread ? n_written - n_unread : 0;

        return n_samples / AUDIO_RATE > UPLOAD_FREE_SECONDS + taken / UPLOAD_SECOND_BYTES;
}

static bool upload_is_inflated(const struct upload *upload) {
        uint64_t written = upload->n_bytes - media_pending(upload->media);

        return upload_bytes_inflate(written, upload->descriptor < 0 ? UPLOAD_PIPE_BYTES : 0,
                                    upload->n_samples);
}

static void media_on_samples(void *context, const float *samples, size_t n) {
        struct upload *upload = context;

        upload->n_samples += n;
        if (upload->n_samples / AUDIO_RATE >= upload->services->seconds_max)
                upload_over_seconds(upload);
        else if (upload_is_inflated(upload))
                upload_over(upload, UPLOAD_TOO_LARGE,
                            "more sound than so few bytes can hold: is its rate right?");
        else
                upload->listener.on_samples(upload->listener.context, samples, n);
}

static void media_on_length(void *context, double seconds) {
        struct upload *upload = context;

        if (upload->listener.on_length)
                upload->listener.on_length(upload->listener.context, seconds);
}

static void media_on_warning(void *context, const char *words) {
        struct upload *upload = context;

        if (upload->listener.on_warning)
                upload->listener.on_warning(upload->listener.context, words);
}

static void media_on_end(void *context, const struct error *error) {
        if (!error)
                upload_over(context, UPLOAD_DONE, NULL);
        else
                upload_over(context, error->code == -EAGAIN ? UPLOAD_LOST : UPLOAD_DAMAGED,
                            error->text);
}

static void media_on_drain(void *context) {
        struct upload *upload = context;

        upload->is_full = false;
        upload_refund(upload);
        upload_want(upload);
}

// --- its turn -------------------------------------------------------------------------------

static void upload_pass(struct upload *upload, const uint8_t *bytes, size_t n) {
        upload->is_full = !media_write(upload->media, bytes, n);
        upload_refund(upload);
}

static int turn_begin(struct upload *upload, struct error *error) {
        const struct media_listener listener = {
                .on_length = media_on_length,
                .on_samples = media_on_samples,
                .on_warning = media_on_warning,
                .on_end = media_on_end,
                .on_drain = media_on_drain,
                .context = upload,
        };

        if (upload->descriptor >= 0)
                return media_open_uploaded(&upload->media, upload->services->media,
                                           upload->descriptor, &listener, error);
        return media_open_upload(&upload->media, upload->services->media, &listener, error);
}

static void upload_on_turn(void *context) {
        struct upload *upload = context;
        size_t n = upload->n_held;
        struct error error = {0};

        // Nothing of the file was looked at yet: what is wrong is ours.
        if (turn_begin(upload, &error) < 0) {
                upload_over(upload, UPLOAD_NO_ROOM, error.text);
                return;
        }
        upload->n_held = 0;
        if (upload->is_paused)
                media_pause(upload->media);
        if (n > 0)
                upload_pass(upload, upload->held, n);
        upload->held = mem_free(upload->held);
        if (upload->is_complete)
                media_write_end(upload->media);
        upload_want(upload);
}

// --- what the client sends ------------------------------------------------------------------

static bool upload_hold(struct upload *upload, const uint8_t *bytes, size_t n) {
        uint8_t *held = realloc(upload->held, upload->n_held + n);

        if (!held)
                return false;
        memcpy(held + upload->n_held, bytes, n);
        upload->held = held;
        upload->n_held += n;
        if (upload_is_asking(upload))
                upload_place_ask(&upload->place);
        return true;
}

void upload_write(struct upload *upload, const uint8_t *bytes, size_t n) {
        if (upload->is_over || upload->is_complete || n == 0)
                return;
        upload->n_bytes += n;
        if (upload->n_bytes > upload->services->bytes_max) {
                upload_over_size(upload);
                return;
        }
        // The last quarter is for those who are heard now.
        if ((!upload->media && budget_is_tight(upload->services->budget)) ||
            !budget_charge(upload->services->budget, BUDGET_UPLOADS, n)) {
                upload_over(upload, UPLOAD_NO_ROOM, "no memory left for it");
                return;
        }
        upload->charged += n;
        if (upload->media)
                upload_pass(upload, bytes, n);
        else if (!upload_hold(upload, bytes, n)) {
                upload_over(upload, UPLOAD_NO_ROOM, "no memory left for it");
                return;
        }
        upload_want(upload);
}

void upload_write_end(struct upload *upload) {
        if (upload->is_over || upload->is_complete)
                return;
        upload->is_complete = true;
        upload_clock(upload);
        if (upload->media)
                media_write_end(upload->media);
        else
                upload_place_ask(&upload->place);
        upload_want(upload);
}

void upload_pause(struct upload *upload) {
        upload->is_paused = true;
        upload_clock(upload);
        if (upload->media)
                media_pause(upload->media);
}

void upload_resume(struct upload *upload) {
        upload->is_paused = false;
        upload_clock(upload);
        if (upload->media)
                media_resume(upload->media);
}

// --- does it go on? -------------------------------------------------------------------------

// The client's pace in the period that ends now, if it was the client that we waited for.
static bool upload_is_stalled(const struct upload *upload) {
        return upload->waited >= UPLOAD_PERIOD / 2 &&
               upload->n_bytes - upload->period_bytes < UPLOAD_PERIOD_BYTES;
}

static bool upload_is_slow(const struct upload *upload) {
        double heard = (double)(upload->n_samples - upload->period_samples) / AUDIO_RATE;
        double waited = (double)upload->waited / NSEC_PER_SEC;

        return upload->media && upload->waited >= UPLOAD_PERIOD / 2 &&
               heard * 100 < waited * UPLOAD_SPEED;
}

static void upload_on_period(void *context) {
        struct upload *upload = context;

        upload_clock(upload);
        if (upload_is_stalled(upload)) {
                upload_over(upload, UPLOAD_STALLED, "its bytes do not come any more");
                return;
        }
        if (upload_is_slow(upload) && upload_slots_are_wanted(upload->services->slots)) {
                upload_over(upload, UPLOAD_TOO_SLOW,
                            "it comes no faster than it is spoken, and others wait: send it "
                            "faster, or as a live stream");
                return;
        }
        upload->period_bytes = upload->n_bytes;
        upload->period_samples = upload->n_samples;
        upload->waited = 0;
        loop_timer_set(upload->period, UPLOAD_PERIOD);
}

// --- life -----------------------------------------------------------------------------------

bool upload_open(struct upload **ret, const struct upload_services *services,
                 const struct upload_listener *listener) {
        CLEANUP(upload_closep) struct upload *upload = xnew(struct upload);

        upload->services = services;
        upload->listener = *listener;
        upload->descriptor = -1;
        upload->is_wanted = true;
        upload->waiting_since = loop_now(services->loop);
        if (!upload_slots_enter(services->slots, &upload->place, upload_on_turn, upload))
                return false;
        upload->period = loop_timer_new(services->loop, upload_on_period, upload);
        loop_timer_set(upload->period, UPLOAD_PERIOD);
        *ret = TAKE(upload);
        return true;
}

bool upload_open_file(struct upload **ret, const struct upload_services *services,
                      int descriptor, uint64_t n_bytes,
                      const struct upload_listener *listener) {
        if (!upload_open(ret, services, listener))
                return false;
        (*ret)->descriptor = descriptor;
        (*ret)->n_bytes = n_bytes;
        upload_write_end(*ret);
        return true;
}

struct upload *upload_close(struct upload *upload) {
        if (!upload)
                return NULL;
        upload->is_over = true;
        upload_release(upload);
        return mem_free(upload);
}
