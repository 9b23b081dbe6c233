#include "cli/transcription.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/complaint.h"
#include "util/input.h"
#include "util/mem.h"

// Sound that may wait in jobs, over all files: 4 minutes are 15 MB, and more than any engine
// takes in at a time. Reading goes on when half of it is gone.
#define HELD_MAX ((int64_t)240 * AUDIO_RATE)

// Files that may be under way at once: enough short ones to fill a batch.
#define ITEMS_MAX 16

// One file under way. Items form a list in the order of the files; the first one is written
// as it comes, the segments of the others wait.
struct item {
        struct item *next;
        struct transcription *transcription;
        const char *path;
        struct track *track;  // NULL: it could not be opened
        struct segment *segments;
        size_t n_segments;
        bool is_begun;    // written from
        bool has_speech;  // a segment has come
        bool is_done;
        struct error error;
};

struct transcription {
        struct transcription_parts parts;
        struct item *first;
        struct item **last;
        size_t n_items;
        size_t next_file;
        size_t n_failed;
        nsec_t started;
        int64_t n_finished;  // samples of files that are written
        bool is_posted;      // transcription_advance() will be called
        bool is_done;
        bool is_closed;
};

// --- output ----------------------------------------------------------------------------------

static void transcription_post(struct transcription *transcription);

static void segment_write(struct item *item, const struct segment *segment) {
        struct transcription *transcription = item->transcription;

        progress_clear(transcription->parts.progress);
        transcript_writer_segment(transcription->parts.writer, segment);
        // Hours of decoding that nobody will read are spared.
        if (transcript_writer_has_failed(transcription->parts.writer))
                transcription_post(transcription);
}

static void item_begin(struct item *item) {
        item->is_begun = true;
        if (!item->track)
                return;
        transcript_writer_begin(item->transcription->parts.writer, input_name(item->path));
        for (size_t i = 0; i < item->n_segments; i++) {
                segment_write(item, &item->segments[i]);
                segment_deinit(&item->segments[i]);
        }
        item->n_segments = 0;
}

// An empty output looks like a fault, and may be one: the wrong track, say.
static void item_tell_silence(const struct item *item) {
        const struct transcript_writer *writer = item->transcription->parts.writer;

        if (item->error.code == 0 && !item->has_speech &&
            !transcript_writer_shows_nothing_said(writer))
                complaint_print("transcribe", "'%s': no speech was found", item->path);
}

static void item_end(struct item *item) {
        struct transcription *transcription = item->transcription;
        struct transcript_writer *writer = transcription->parts.writer;

        progress_clear(transcription->parts.progress);
        if (item->track)
                transcription->n_finished += track_duration(item->track);
        if (item->error.code != 0) {
                transcription->n_failed++;
                fprintf(stderr, "eavesdrop transcribe: %s\n", item->error.text);
        }
        item_tell_silence(item);
        // A damaged file has its say all the same, as far as it could be read.
        if (item->track && (item->error.code == 0 || track_duration(item->track) > 0))
                transcript_writer_end(writer, track_language(item->track),
                                      track_duration(item->track));
        else
                transcript_writer_break(writer);
}

static void progress_tell(struct transcription *transcription) {
        const struct item *item = transcription->first;
        double elapsed = (double)(loop_now(transcription->parts.services.loop) -
                                  transcription->started) /
                         (double)NSEC_PER_SEC;
        int64_t settled = transcription->n_finished;
        long seconds;

        if (!item || !item->track)
                return;
        for (const struct item *each = item; each; each = each->next)
                if (each->track)
                        settled += track_position(each->track);
        seconds = (long)(track_position(item->track) / AUDIO_RATE);
        progress_show(transcription->parts.progress,
                      "file %zu of %zu, %ld:%02ld:%02ld transcribed, %.1f times real time: %s",
                      transcription->next_file - transcription->n_items + 1,
                      transcription->parts.n_files, seconds / 3600, seconds / 60 % 60,
                      seconds % 60, (double)settled / AUDIO_RATE / (elapsed > 0 ? elapsed : 1),
                      input_name(item->path));
}

// --- what tracks tell ------------------------------------------------------------------------

static void item_on_segment(void *context, const struct segment *segment) {
        struct item *item = context;

        item->has_speech = true;
        if (item->is_begun) {
                segment_write(item, segment);
                return;
        }
        // Room grows at powers of two.
        if ((item->n_segments & (item->n_segments - 1)) == 0) {
                size_t room = item->n_segments > 0 ? 2 * item->n_segments : 1;
                struct segment *segments = xcalloc(room, sizeof(*segments));

                if (item->n_segments > 0)
                        memcpy(segments, item->segments, item->n_segments * sizeof(*segments));
                free(item->segments);
                item->segments = segments;
        }
        segment_copy(&item->segments[item->n_segments++], segment);
}

static void item_on_progress(void *context) {
        struct item *item = context;
        struct transcription *transcription = item->transcription;
        int64_t n_held = 0;

        for (const struct item *each = transcription->first; each; each = each->next)
                if (each->track)
                        n_held += track_held(each->track);
        for (const struct item *each = transcription->first; each; each = each->next)
                if (each->track && n_held >= HELD_MAX)
                        track_hold_back(each->track, true);
                else if (each->track && n_held <= HELD_MAX / 2)
                        track_hold_back(each->track, false);
        progress_tell(transcription);
        if (!item->track || track_is_read(item->track))
                transcription_post(transcription);
}

static void item_on_done(void *context, const struct error *error) {
        struct item *item = context;

        item->is_done = true;
        if (error) {
                CLEANUP(mem_freep) char *label = input_label(item->path);

                item->error = *error;
                error_prefix(&item->error, "%s", label);
        }
        transcription_post(item->transcription);
}

// --- the order of things ---------------------------------------------------------------------

static void item_open(struct transcription *transcription) {
        struct item *item = xnew(struct item);
        struct track_listener listener = {
                .on_segment = item_on_segment,
                .on_progress = item_on_progress,
                .on_done = item_on_done,
                .context = item,
        };

        item->transcription = transcription;
        item->path = transcription->parts.files[transcription->next_file++];
        *transcription->last = item;
        transcription->last = &item->next;
        transcription->n_items++;
        if (track_open(&item->track, &transcription->parts.services, item->path, &listener,
                       &item->error) < 0)
                item->is_done = true;
}

static void item_remove_first(struct transcription *transcription) {
        struct item *item = transcription->first;

        transcription->first = item->next;
        if (!transcription->first)
                transcription->last = &transcription->first;
        transcription->n_items--;
        track_close(item->track);
        for (size_t i = 0; i < item->n_segments; i++)
                segment_deinit(&item->segments[i]);
        free(item->segments);
        free(item);
}

// One file is read at a time: reading is far faster than decoding.
static bool may_open(const struct transcription *transcription) {
        int64_t n_held = 0;

        if (transcription->next_file == transcription->parts.n_files ||
            transcription->n_items == ITEMS_MAX)
                return false;
        for (const struct item *item = transcription->first; item; item = item->next) {
                if (item->track && !track_is_read(item->track))
                        return false;
                if (item->track)
                        n_held += track_held(item->track);
        }
        return n_held < HELD_MAX;
}

static void transcription_advance(void *context) {
        struct transcription *transcription = context;

        transcription->is_posted = false;
        if (transcription->is_closed) {
                free(transcription);
                return;
        }
        while (!transcript_writer_has_failed(transcription->parts.writer)) {
                while (may_open(transcription))
                        item_open(transcription);
                if (!transcription->first)
                        break;
                if (!transcription->first->is_begun)
                        item_begin(transcription->first);
                if (!transcription->first->is_done)
                        return;
                item_end(transcription->first);
                item_remove_first(transcription);
        }
        if (!transcription->is_done) {
                transcription->is_done = true;
                transcription->parts.on_done(transcription->parts.context,
                                             transcription->n_failed);
        }
}

// Tracks must not be closed from inside their calls: everything that may do so is posted.
static void transcription_post(struct transcription *transcription) {
        if (transcription->is_posted)
                return;
        transcription->is_posted = true;
        loop_post(transcription->parts.services.loop, transcription_advance, transcription);
}

struct transcription *transcription_open(const struct transcription_parts *parts) {
        struct transcription *transcription = xnew(struct transcription);

        transcription->parts = *parts;
        transcription->last = &transcription->first;
        transcription->started = loop_now(parts->services.loop);
        transcription_post(transcription);
        return transcription;
}

struct transcription *transcription_close(struct transcription *transcription) {
        if (!transcription)
                return NULL;
        while (transcription->first)
                item_remove_first(transcription);
        transcription->is_closed = true;
        // A post that is under way still points here: it frees.
        if (!transcription->is_posted)
                free(transcription);
        return NULL;
}
