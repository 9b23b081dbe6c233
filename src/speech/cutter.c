#include "speech/cutter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

/*
 * Hysteresis as in Silero's own get_speech_timestamps(): a chunk at `threshold` starts speech;
 * a chunk below `threshold_low` starts a silence that the next chunk at `threshold` ends; a
 * silence of `pause` closes the window.
 *
 * A window that would outgrow `window_max` is cut where its speech was weakest. What lies
 * behind the cut goes through the same judgement again, as the start of the next window; so its
 * chunks are kept for as long as the window is open. If the cut lies in a weak pause, both
 * sides get their padding and what is between them belongs to nobody. If nobody paused, the
 * windows touch and the next one is open from its first sample.
 */

// Chunks on both sides of a cut whose weakness counts: 160 ms each. A cut in the middle of a
// pause of 0.3 s scores best; a stop consonant (50 to 100 ms) does not look like a pause.
#define CUT_REACH 5

// How much 10 dB less level weighs against probability when nobody pauses at all.
#define CUT_LEVEL 0.05f

// How much later is better, over the whole stretch from window_min to window_max: of pauses
// that are equally good, the last one, for longer windows are decoded better.
#define CUT_LATE 0.1f

// What is kept of a chunk while its window is open.
struct judged {
        struct chunk chunk;
        bool is_speech;
};

struct cutter {
        struct segmenter_config config;
        int64_t free_from;  // no window may begin before: end of the last one, or a reset

        // The open window.
        bool is_open;
        int64_t begin;          // with padding
        int64_t speech_end;     // end of the last chunk judged speech
        int64_t silence_begin;  // -1 while speech goes on
        int64_t speech_samples;
        struct activity speech;  // from `begin` on
        struct judged *judged;   // [capacity], from the first chunk of the window
        size_t n_judged;
        size_t capacity;

        struct window *queue;  // [queue_head, queue_end) wait; queue_size are allocated
        size_t queue_head;
        size_t queue_end;
        size_t queue_size;
};

static int64_t min_i64(int64_t a, int64_t b) {
        return a < b ? a : b;
}

static int64_t max_i64(int64_t a, int64_t b) {
        return a > b ? a : b;
}

struct cutter *cutter_new(const struct segmenter_config *config) {
        struct cutter *cutter = xnew(struct cutter);
        struct segmenter_config *c = &cutter->config;

        *c = *config;
        c->window_max = max_i64(c->window_max, (int64_t)16 * VAD_CHUNK);
        c->window_min =
                min_i64(max_i64(c->window_min, 0), c->window_max / 2 + c->window_max / 4);
        c->padding = min_i64(max_i64(c->padding, 0), c->window_max / 8);
        c->pause = max_i64(c->pause, 1);
        cutter->capacity = (size_t)(c->window_max / VAD_CHUNK + 2);
        cutter->judged = xcalloc(cutter->capacity, sizeof(*cutter->judged));
        cutter->silence_begin = -1;
        return cutter;
}

struct cutter *cutter_free(struct cutter *cutter) {
        if (!cutter)
                return NULL;
        free(cutter->judged);
        free(cutter->queue);
        free(cutter);
        return NULL;
}

// --- the queue -------------------------------------------------------------------------------

static void queue_push(struct cutter *cutter, const struct window *window) {
        if (cutter->queue_end - cutter->queue_head == CUTTER_QUEUE_MAX)
                cutter->queue_head++;
        if (cutter->queue_end == cutter->queue_size) {
                const size_t n = cutter->queue_end - cutter->queue_head;
                const size_t size = n < 4 ? 8 : 2 * n;
                struct window *queue = xcalloc(size, sizeof(*queue));

                if (n > 0)
                        memcpy(queue, cutter->queue + cutter->queue_head, n * sizeof(*queue));
                free(cutter->queue);
                cutter->queue = queue;
                cutter->queue_head = 0;
                cutter->queue_end = n;
                cutter->queue_size = size;
        }
        cutter->queue[cutter->queue_end++] = *window;
}

bool cutter_next(struct cutter *cutter, struct window *ret) {
        if (cutter->queue_head == cutter->queue_end)
                return false;
        *ret = cutter->queue[cutter->queue_head++];
        if (cutter->queue_head == cutter->queue_end)
                cutter->queue_head = cutter->queue_end = 0;
        return true;
}

// --- the open window -------------------------------------------------------------------------

static void window_open(struct cutter *cutter, int64_t begin) {
        cutter->is_open = true;
        cutter->begin = begin;
        cutter->speech_end = begin;
        cutter->silence_begin = -1;
        cutter->speech_samples = 0;
        cutter->speech = (struct activity){0};
        cutter->n_judged = 0;
}

// The open window as it would be if it ended at `end_max` at the latest.
static struct window window_now(const struct cutter *cutter, int64_t end_max) {
        return (struct window){
                .begin = cutter->begin,
                .end = min_i64(cutter->speech_end + cutter->config.padding, end_max),
                .speech_end = cutter->speech_end,
                .speech_samples = (float)cutter->speech_samples,
                .speech = cutter->speech,
        };
}

// Close the open window; bursts too short to be speech leave no trace.
static void window_close(struct cutter *cutter, int64_t end_max, bool is_cut) {
        struct window window = window_now(cutter, end_max);

        cutter->is_open = false;
        if (cutter->speech_samples < max_i64(cutter->config.speech_min, 1))
                return;
        window.is_closed = true;
        window.is_cut = is_cut;
        cutter->free_from = window.end;
        queue_push(cutter, &window);
}

static void window_add(struct cutter *cutter, const struct chunk *chunk) {
        bool is_speech;

        if (chunk->probability >= cutter->config.threshold)
                cutter->silence_begin = -1;
        else if (chunk->probability < cutter->config.threshold_low && cutter->silence_begin < 0)
                cutter->silence_begin = chunk->begin;
        is_speech = cutter->silence_begin < 0;
        if (is_speech) {
                cutter->speech_end = chunk->end;
                cutter->speech_samples += chunk->end - chunk->begin;
                activity_add(&cutter->speech, chunk->begin - cutter->begin,
                             chunk->end - cutter->begin);
        }
        cutter->judged[cutter->n_judged++] = (struct judged){*chunk, is_speech};
}

static void cutter_judge(struct cutter *cutter, const struct chunk *chunk) {
        if (!cutter->is_open) {
                if (chunk->probability < cutter->config.threshold)
                        return;
                window_open(cutter,
                            max_i64(chunk->begin - cutter->config.padding, cutter->free_from));
        }
        window_add(cutter, chunk);
        if (cutter->silence_begin >= 0 &&
            chunk->end - cutter->silence_begin >= cutter->config.pause)
                window_close(cutter, chunk->end, false);
}

// --- cutting ---------------------------------------------------------------------------------

// How bad a cut right before chunk `k` would be.
static float cut_score(const struct cutter *cutter, size_t k) {
        const size_t from = k < CUT_REACH ? 0 : k - CUT_REACH;
        const size_t to = k + CUT_REACH < cutter->n_judged ? k + CUT_REACH : cutter->n_judged;
        const float late = (float)(cutter->judged[k].chunk.begin - cutter->begin) /
                           (float)cutter->config.window_max;
        float sum = 0;
        float weights = 0;

        for (size_t i = from; i < to; i++) {
                const struct chunk *chunk = &cutter->judged[i].chunk;
                // The nearer the heavier, so that the middle of a pause wins.
                const float weight = (float)(CUT_REACH - (i < k ? k - 1 - i : i - k));

                // 1e-10 is -100 dB: digital silence scores no better than a quiet room.
                sum += weight *
                       (chunk->probability + CUT_LEVEL * log10f(chunk->level + 1e-10f));
                weights += weight;
        }
        return sum / weights - CUT_LATE * late;
}

// The chunk before which a cut does least harm.
static size_t cut_find(const struct cutter *cutter) {
        const int64_t earliest = cutter->begin + cutter->config.window_min;
        size_t best = cutter->n_judged - 1;
        float best_score = INFINITY;

        for (size_t k = 1; k < cutter->n_judged; k++) {
                float score;

                if (cutter->judged[k].chunk.begin < earliest)
                        continue;
                score = cut_score(cutter, k);
                if (score < best_score) {
                        best_score = score;
                        best = k;
                }
        }
        return best;
}

// Close the window before chunk `k` and judge the rest again.
static void window_cut(struct cutter *cutter, size_t k) {
        const struct judged *judged = cutter->judged;
        const size_t n = cutter->n_judged;
        const int64_t position = judged[k].chunk.begin;
        const bool is_in_speech = judged[k].is_speech || judged[k - 1].is_speech;

        for (size_t i = k; i < n; i++) {
                if (judged[i].is_speech)
                        cutter->speech_samples -= judged[i].chunk.end - judged[i].chunk.begin;
        }
        cutter->speech_end = cutter->begin;
        cutter->speech = (struct activity){0};
        for (size_t i = 0; i < k; i++) {
                if (!judged[i].is_speech)
                        continue;
                cutter->speech_end = judged[i].chunk.end;
                activity_add(&cutter->speech, judged[i].chunk.begin - cutter->begin,
                             judged[i].chunk.end - cutter->begin);
        }
        window_close(cutter, position, true);
        cutter->n_judged = 0;
        if (is_in_speech) {
                cutter->free_from = position;
                window_open(cutter, position);
        }
        // In place: a chunk is never written in front of where it is read.
        for (size_t i = k; i < n; i++) {
                const struct chunk chunk = judged[i].chunk;

                cutter_judge(cutter, &chunk);
        }
}

void cutter_add(struct cutter *cutter, struct chunk chunk) {
        cutter_judge(cutter, &chunk);
        // Cut before the next chunk would make it too long.
        if (cutter->is_open &&
            chunk.end + VAD_CHUNK - cutter->begin > cutter->config.window_max)
                window_cut(cutter, cut_find(cutter));
}

void cutter_close(struct cutter *cutter, int64_t position) {
        if (cutter->is_open)
                window_close(cutter, position, false);
}

void cutter_reset(struct cutter *cutter, int64_t position) {
        cutter->is_open = false;
        cutter->free_from = position;
        cutter->queue_head = cutter->queue_end = 0;
}

bool cutter_open_window(const struct cutter *cutter, int64_t position, struct window *ret) {
        if (!cutter->is_open || cutter->speech_samples < max_i64(cutter->config.speech_min, 1))
                return false;
        *ret = window_now(cutter, position);
        ret->is_paused = cutter->silence_begin >= 0 &&
                         position >= cutter->speech_end + cutter->config.padding;
        return true;
}

bool cutter_is_open(const struct cutter *cutter) {
        return cutter->is_open;
}

int64_t cutter_oldest_needed(const struct cutter *cutter, int64_t position) {
        if (cutter->queue_head < cutter->queue_end)
                return cutter->queue[cutter->queue_head].begin;
        if (cutter->is_open)
                return cutter->begin;
        return min_i64(max_i64(position - cutter->config.padding, cutter->free_from), position);
}
