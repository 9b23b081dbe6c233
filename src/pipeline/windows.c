#include "pipeline/windows.h"

#include <string.h>

#include "audio/ring.h"
#include "util/budget.h"
#include "util/mem.h"

// Sound is fed in pieces of at most this, so that a window is copied before the ring drops it.
#define PIECE_SAMPLES ((size_t)AUDIO_RATE / 2)

// --- memory ----------------------------------------------------------------------------------

// Memory for the sound of the open window: what people say is never refused.
static void ring_charge(struct windows *windows) {
        size_t bytes = ring_size(windows->ring) * sizeof(float);

        if (bytes == windows->bytes_charged)
                return;
        budget_refund(windows->services.budget, BUDGET_SOUND, windows->bytes_charged);
        budget_charge_always(windows->services.budget, BUDGET_SOUND, bytes);
        windows->bytes_charged = bytes;
}

// Nobody spoke from the last window, or from what was counted before, up to here.
static void silence_count(struct windows *windows, int64_t until) {
        if (until <= windows->judged_until)
                return;
        if (windows->services.counts)
                windows->services.counts->samples_silent +=
                        (uint64_t)(until - windows->judged_until);
        windows->judged_until = until;
}

// --- windows ---------------------------------------------------------------------------------

// Leave out what the ring had no room for. False when nothing is left.
static bool window_trim(const struct windows *windows, struct window *window) {
        int64_t n_gone = ring_begin(windows->ring) - window->begin;

        if (n_gone > 0) {
                window->speech = activity_from(&window->speech, n_gone);
                window->begin += n_gone;
        }
        return window->begin < window->end;
}

static void windows_take(struct windows *windows) {
        struct window window;

        while (segmenter_next(windows->segmenter, &window)) {
                if (!window_trim(windows, &window))
                        continue;
                silence_count(windows, window.begin);
                windows->judged_until = window.end;
                windows->on_window(windows->context, &window);
        }
}

// Sound of a clip goes to the segmenter, of what lies between two only its length.
static void clips_hear(struct windows *windows, const float *samples, int64_t n) {
        struct segmenter *segmenter = windows->segmenter;

        while (n > 0 && windows->clip < windows->clips->n) {
                const struct clip *clip = &windows->clips->items[windows->clip];
                int64_t position = segmenter_position(segmenter);
                bool is_inside = position >= clip->begin;
                int64_t n_left = (is_inside ? clip->end : clip->begin) - position;
                int64_t n_heard = n < n_left ? n : n_left;

                if (is_inside)
                        segmenter_feed(segmenter, samples, (size_t)n_heard);
                else
                        segmenter_feed_silence(segmenter, n_heard);
                if (is_inside && n_heard == n_left) {
                        segmenter_flush(segmenter);
                        windows->clip++;
                } else if (n_heard == n_left) {
                        segmenter_reset(segmenter);  // no window's padding reaches before it
                }
                windows_take(windows);
                samples += n_heard;
                n -= n_heard;
        }
}

// What no window can want any more goes.
static void windows_settle(struct windows *windows) {
        if (windows->segmenter) {
                int64_t needed = segmenter_oldest_needed(windows->segmenter);

                ring_release(windows->ring, needed);
                silence_count(windows, needed);
        }
        ring_charge(windows);
}

void windows_feed(struct windows *windows, const float *samples, size_t n) {
        while (n > 0) {
                size_t piece = n < PIECE_SAMPLES ? n : PIECE_SAMPLES;

                ring_append(windows->ring, samples, piece);
                if (windows->segmenter)
                        clips_hear(windows, samples, (int64_t)piece);
                samples += piece;
                n -= piece;
        }
        windows_settle(windows);
}

void windows_flush(struct windows *windows) {
        if (!windows->segmenter)
                return;
        segmenter_flush(windows->segmenter);
        windows_take(windows);
        windows_settle(windows);
}

void windows_forget(struct windows *windows) {
        segmenter_reset(windows->segmenter);
        windows->judged_until = windows_end(windows);
}

void windows_release(struct windows *windows) {
        ring_release(windows->ring, windows_end(windows));
        ring_charge(windows);
}

bool windows_open_one(const struct windows *windows, struct window *ret) {
        return windows->segmenter && segmenter_open_window(windows->segmenter, ret) &&
               window_trim(windows, ret);
}

int64_t windows_open_samples(const struct windows *windows) {
        struct window window;

        return windows_open_one(windows, &window) ? windows_end(windows) - window.begin : 0;
}

int64_t windows_end(const struct windows *windows) {
        return ring_end(windows->ring);
}

// --- jobs ------------------------------------------------------------------------------------

static struct job *job_begin(struct windows *windows, struct job *job, int64_t begin) {
        job->id = ++windows->job_id_last;
        job->begin = begin;
        job->hints = job_hints_copy(&windows->hints);
        return job;
}

float *windows_sound(const struct windows *windows, int64_t begin, int64_t end) {
        size_t n = (size_t)(end - begin);
        CLEANUP(floats_freep) float *samples = try_calloc(n, sizeof(*samples));

        if (!samples || ring_copy(windows->ring, begin, n, samples) != 0)
                return NULL;
        return TAKE(samples);
}

struct job *windows_job(struct windows *windows, int64_t begin, int64_t end) {
        size_t n = (size_t)(end - begin);
        struct job *job = job_new(windows->settings, n);

        if (!job || ring_copy(windows->ring, begin, n, job->samples) != 0)
                return job_free(job);
        return job_begin(windows, job, begin);
}

struct job *windows_job_again(struct windows *windows, const struct job *job) {
        struct job *again = job_new(windows->settings, job->n_samples);

        if (!again)
                return NULL;
        memcpy(again->samples, job->samples, job->n_samples * sizeof(*job->samples));
        return job_begin(windows, again, job->begin);
}

// --- life ------------------------------------------------------------------------------------

// What all jobs have in common: all that is left open is decided now.
static const struct decode_settings *settings_make(const struct windows_settings *settings) {
        struct decode_options options = decode_options_copy(settings->options);

        // A window is a sentence or two; its place is known from the sound, and asked for
        // timestamps Whisper leaves more words out (docs/benchmarks.md).
        if (options.without_timestamps == DECODE_UNSET)
                options.without_timestamps = DECODE_YES;
        if (options.multilingual == DECODE_UNSET)
                options.multilingual = settings->is_many_voices && options.language[0] == '\0'
                                               ? DECODE_YES
                                               : DECODE_NO;
        return decode_settings_new(&options);
}

int windows_init(struct windows *windows, const struct stream_services *services,
                 const struct windows_settings *settings) {
        int r;

        *windows = (struct windows){
                .settings = settings_make(settings),
                .services = *services,
                .clips = settings->clips,
                .on_window = settings->on_window,
                .context = settings->context,
        };
        windows->hints = job_hints_of(&windows->settings->options);
        windows->hints.is_single_pass = !settings->pauses;
        r = ring_new(&windows->ring, settings->capacity);
        if (r < 0)
                return r;
        ring_charge(windows);
        if (settings->pauses)
                windows->segmenter = segmenter_new(services->vad, settings->pauses);
        return 0;
}

void windows_deinit(struct windows *windows) {
        windows->segmenter = segmenter_free(windows->segmenter);
        windows->ring = ring_free(windows->ring);
        budget_refund(windows->services.budget, BUDGET_SOUND, windows->bytes_charged);
        windows->bytes_charged = 0;
        job_hints_deinit(&windows->hints);
        windows->settings = decode_settings_unref(windows->settings);
}
