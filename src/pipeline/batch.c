#include "pipeline/batch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "source/media.h"
#include "util/input.h"
#include "util/mem.h"

// Sound that may wait in jobs, over all files: 4 minutes are 15 MB, and more than any engine
// takes in at a time. Reading goes on when half of it is gone.
#define HELD_MAX ((int64_t)240 * AUDIO_RATE)

// Files that may be under way at once: enough short ones to fill a batch.
#define ITEMS_MAX 16

// One file under way. Items form a list in the order of the files; the first one is told
// of as it comes, the segments of the others wait.
struct item {
        struct item *next;
        struct batch *batch;
        const char *path;
        struct media *media;  // brings its sound; NULL: it could not be opened
        struct file *file;    // likewise
        struct segment *segments;
        size_t n_segments;
        bool is_begun;      // told of
        bool has_speech;    // a segment has come
        bool is_held_back;  // reading waits
        bool is_read;       // all its sound has come
        bool is_done;
        struct error error;
};

struct batch {
        struct batch_parts parts;
        struct item *first;
        struct item **last;
        size_t n_items;
        size_t next_file;
        size_t n_failed;
        nsec_t started;
        int64_t n_finished;  // samples of files that are done
        bool is_posted;      // batch_advance() will be called
        bool is_done;
        bool is_closed;
};

// --- what is told ----------------------------------------------------------------------------

static void batch_post(struct batch *batch);

static void segment_tell(struct item *item, const struct segment *segment) {
        const struct batch_listener *listener = &item->batch->parts.listener;

        listener->on_segment(listener->context, segment);
        if (!listener->wants_more(listener->context))
                batch_post(item->batch);
}

static void item_begin(struct item *item) {
        const struct batch_listener *listener = &item->batch->parts.listener;

        item->is_begun = true;
        if (!item->file)
                return;
        listener->on_begin(listener->context, item->path);
        for (size_t i = 0; i < item->n_segments; i++) {
                segment_tell(item, &item->segments[i]);
                segment_deinit(&item->segments[i]);
        }
        item->n_segments = 0;
}

static void item_end(struct item *item) {
        struct batch *batch = item->batch;
        struct batch_file file = {
                .path = item->path,
                .error = item->error.code != 0 ? &item->error : NULL,
                .is_open = item->file != NULL,
                .has_speech = item->has_speech,
                .language = item->file ? file_language(item->file) : "",
                .duration = item->file ? file_duration(item->file) : 0,
        };

        batch->n_finished += file.duration;
        batch->n_failed += file.error != NULL;
        batch->parts.listener.on_end(batch->parts.listener.context, &file);
}

static void progress_tell(struct batch *batch) {
        const struct item *item = batch->first;
        struct batch_progress progress = {
                .number = batch->next_file - batch->n_items + 1,
                .n_files = batch->parts.n_files,
                .n_samples = batch->n_finished,
                .elapsed = loop_now(batch->parts.services.loop) - batch->started,
        };

        if (!item || !item->file)
                return;
        for (const struct item *each = item; each; each = each->next)
                if (each->file)
                        progress.n_samples += file_position(each->file);
        progress.path = item->path;
        progress.position = file_position(item->file);
        batch->parts.listener.on_progress(batch->parts.listener.context, &progress);
}

// --- what files tell -------------------------------------------------------------------------

static void item_take_segment(struct item *item, const struct segment *segment) {
        item->has_speech = true;
        if (item->is_begun) {
                segment_tell(item, segment);
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

static void item_on_update(void *context, const struct update *update) {
        for (size_t i = 0; i < update->n_finals; i++)
                item_take_segment(context, &update->finals[i]);
}

// The first mistake is told, with the file's name.
static void item_fail(struct item *item, const struct error *error) {
        CLEANUP(mem_freep) char *label = input_label(item->path);

        if (item->error.code != 0)
                return;
        item->error = *error;
        error_prefix(&item->error, "%s", label);
}

static void item_on_failure(void *context, int64_t begin, int64_t end, int result) {
        struct error error = {0};

        error_set(&error, result, "the sound from %.1f s to %.1f s cannot be decoded: %s",
                  pcm_seconds(begin), pcm_seconds(end), strerrordesc_np(-result));
        item_fail(context, &error);
}

static void reading_consider(struct item *item, int64_t n_held) {
        if (n_held >= HELD_MAX)
                item->is_held_back = true;
        else if (n_held <= HELD_MAX / 2)
                item->is_held_back = false;
        if (item->is_read)
                return;
        if (item->is_held_back || file_is_ahead(item->file))
                media_pause(item->media);
        else
                media_resume(item->media);
}

static void item_on_progress(void *context) {
        struct item *item = context;
        struct batch *batch = item->batch;
        int64_t n_held = 0;

        for (const struct item *each = batch->first; each; each = each->next)
                if (each->file)
                        n_held += file_held(each->file);
        for (struct item *each = batch->first; each; each = each->next)
                if (each->file)
                        reading_consider(each, n_held);
        progress_tell(batch);
        item->is_done = file_is_done(item->file);
        if (item->is_read)
                batch_post(batch);
}

// --- what is read ----------------------------------------------------------------------------

static void item_on_samples(void *context, const float *samples, size_t n) {
        struct item *item = context;

        file_feed(item->file, samples, n);
}

static void item_on_warning(void *context, const char *words) {
        const struct item *item = context;
        const struct batch_listener *listener = &item->batch->parts.listener;

        listener->on_warning(listener->context, item->path, words);
}

static void item_on_read(void *context, const struct error *error) {
        struct item *item = context;
        struct error mistake = {0};

        if (!error &&
            clips_check(item->batch->parts.file.clips, file_duration(item->file), &mistake) < 0)
                error = &mistake;
        if (error)
                item_fail(item, error);
        item->is_read = true;
        file_end(item->file);
}

// --- the order of things ---------------------------------------------------------------------

static int item_read(struct item *item) {
        const struct batch_parts *parts = &item->batch->parts;
        struct file_listener file_listener = {
                .on_update = item_on_update,
                .on_failure = item_on_failure,
                .on_progress = item_on_progress,
                .context = item,
        };
        struct media_listener media_listener = {
                .on_samples = item_on_samples,
                .on_warning = item_on_warning,
                .on_end = item_on_read,
                .context = item,
        };
        int r = file_open(&item->file, &parts->services, &parts->file, &file_listener);

        if (r < 0)
                return error_set(&item->error, r, "out of memory");
        r = media_open_file(&item->media, parts->media, item->path, parts->track,
                            &media_listener, &item->error);
        if (r < 0)
                item->file = file_close(item->file);
        return r;
}

static void item_open(struct batch *batch) {
        struct item *item = xnew(struct item);

        item->batch = batch;
        item->path = batch->parts.files[batch->next_file++];
        *batch->last = item;
        batch->last = &item->next;
        batch->n_items++;
        item->is_done = item_read(item) < 0;
}

static void item_remove_first(struct batch *batch) {
        struct item *item = batch->first;

        batch->first = item->next;
        if (!batch->first)
                batch->last = &batch->first;
        batch->n_items--;
        media_close(item->media);
        file_close(item->file);
        for (size_t i = 0; i < item->n_segments; i++)
                segment_deinit(&item->segments[i]);
        free(item->segments);
        free(item);
}

// One file is read at a time: reading is far faster than decoding.
static bool may_open(const struct batch *batch) {
        int64_t n_held = 0;

        if (batch->next_file == batch->parts.n_files || batch->n_items == ITEMS_MAX)
                return false;
        for (const struct item *item = batch->first; item; item = item->next) {
                if (item->file && !item->is_read)
                        return false;
                if (item->file)
                        n_held += file_held(item->file);
        }
        return n_held < HELD_MAX;
}

static void batch_advance(void *context) {
        struct batch *batch = context;

        batch->is_posted = false;
        if (batch->is_closed) {
                free(batch);
                return;
        }
        while (batch->parts.listener.wants_more(batch->parts.listener.context)) {
                while (may_open(batch))
                        item_open(batch);
                if (!batch->first)
                        break;
                if (!batch->first->is_begun)
                        item_begin(batch->first);
                if (!batch->first->is_done)
                        return;
                item_end(batch->first);
                item_remove_first(batch);
        }
        if (!batch->is_done) {
                batch->is_done = true;
                batch->parts.on_done(batch->parts.context, batch->n_failed);
        }
}

// Files must not be closed from inside their calls: everything that may do so is posted.
static void batch_post(struct batch *batch) {
        if (batch->is_posted)
                return;
        batch->is_posted = true;
        loop_post(batch->parts.services.loop, batch_advance, batch);
}

struct batch *batch_open(const struct batch_parts *parts) {
        struct batch *batch = xnew(struct batch);

        batch->parts = *parts;
        batch->last = &batch->first;
        batch->started = loop_now(parts->services.loop);
        batch_post(batch);
        return batch;
}

struct batch *batch_close(struct batch *batch) {
        if (!batch)
                return NULL;
        while (batch->first)
                item_remove_first(batch);
        batch->is_closed = true;
        // A post that is under way still points here: it frees.
        if (!batch->is_posted)
                free(batch);
        return NULL;
}
