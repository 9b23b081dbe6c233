#include "vad/endpointer.h"

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

struct endpointer {
        struct segmenter_config config;
        int64_t free_from;  // no window may begin before: end of the last one, or a reset
        unsigned n_closed;  // windows, as far as they count (SEGMENTER_EARLY)

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

struct endpointer *endpointer_new(const struct segmenter_config *config) {
        struct endpointer *endpointer = xnew(struct endpointer);
        struct segmenter_config *c = &endpointer->config;

        *c = *config;
        c->window_max = max_i64(c->window_max, (int64_t)16 * VAD_CHUNK);
        c->window_min =
                min_i64(max_i64(c->window_min, 0), c->window_max / 2 + c->window_max / 4);
        if (c->window_early <= 0)
                c->window_early = c->window_max;
        c->window_early =
                min_i64(max_i64(c->window_early, (int64_t)16 * VAD_CHUNK), c->window_max);
        c->padding = min_i64(max_i64(c->padding, 0), c->window_early / 8);
        c->pause = max_i64(c->pause, 1);
        endpointer->capacity = (size_t)(c->window_max / VAD_CHUNK + 2);
        endpointer->judged = xcalloc(endpointer->capacity, sizeof(*endpointer->judged));
        endpointer->silence_begin = -1;
        return endpointer;
}

struct endpointer *endpointer_free(struct endpointer *endpointer) {
        if (!endpointer)
                return NULL;
        free(endpointer->judged);
        free(endpointer->queue);
        free(endpointer);
        return NULL;
}

// How long the open window may become, and where it may be cut at the earliest.
static int64_t window_limit(const struct endpointer *endpointer) {
        return endpointer->n_closed < SEGMENTER_EARLY ? endpointer->config.window_early
                                                      : endpointer->config.window_max;
}

static int64_t cut_earliest(const struct endpointer *endpointer) {
        const int64_t limit = window_limit(endpointer);

        return endpointer->begin +
               min_i64(endpointer->config.window_min, limit / 2 + limit / 4);
}

// --- the queue -------------------------------------------------------------------------------

static void queue_push(struct endpointer *endpointer, const struct window *window) {
        if (endpointer->queue_end - endpointer->queue_head == ENDPOINTER_QUEUE_MAX)
                endpointer->queue_head++;
        if (endpointer->queue_end == endpointer->queue_size) {
                const size_t n = endpointer->queue_end - endpointer->queue_head;
                const size_t size = n < 4 ? 8 : 2 * n;
                struct window *queue = xcalloc(size, sizeof(*queue));

                if (n > 0)
                        memcpy(queue, endpointer->queue + endpointer->queue_head,
                               n * sizeof(*queue));
                free(endpointer->queue);
                endpointer->queue = queue;
                endpointer->queue_head = 0;
                endpointer->queue_end = n;
                endpointer->queue_size = size;
        }
        endpointer->queue[endpointer->queue_end++] = *window;
}

bool endpointer_next(struct endpointer *endpointer, struct window *ret) {
        if (endpointer->queue_head == endpointer->queue_end)
                return false;
        *ret = endpointer->queue[endpointer->queue_head++];
        if (endpointer->queue_head == endpointer->queue_end)
                endpointer->queue_head = endpointer->queue_end = 0;
        return true;
}

// --- the open window -------------------------------------------------------------------------

static void window_open(struct endpointer *endpointer, int64_t begin) {
        endpointer->is_open = true;
        endpointer->begin = begin;
        endpointer->speech_end = begin;
        endpointer->silence_begin = -1;
        endpointer->speech_samples = 0;
        endpointer->speech = (struct activity){0};
        endpointer->n_judged = 0;
}

// The open window as it would be if it ended at `end_max` at the latest.
static struct window window_now(const struct endpointer *endpointer, int64_t end_max) {
        return (struct window){
                .begin = endpointer->begin,
                .end = min_i64(endpointer->speech_end + endpointer->config.padding, end_max),
                .speech_end = endpointer->speech_end,
                .speech_samples = (float)endpointer->speech_samples,
                .speech = endpointer->speech,
        };
}

// Close the open window; bursts too short to be speech leave no trace.
static void window_close(struct endpointer *endpointer, int64_t end_max, bool is_cut) {
        struct window window = window_now(endpointer, end_max);

        endpointer->is_open = false;
        if (endpointer->speech_samples < max_i64(endpointer->config.speech_min, 1))
                return;
        window.is_closed = true;
        window.is_cut = is_cut;
        endpointer->free_from = window.end;
        endpointer->n_closed += endpointer->n_closed < SEGMENTER_EARLY;
        queue_push(endpointer, &window);
}

static void window_add(struct endpointer *endpointer, const struct chunk *chunk) {
        bool is_speech;

        if (chunk->probability >= endpointer->config.threshold)
                endpointer->silence_begin = -1;
        else if (chunk->probability < endpointer->config.threshold_low &&
                 endpointer->silence_begin < 0)
                endpointer->silence_begin = chunk->begin;
        is_speech = endpointer->silence_begin < 0;
        if (is_speech) {
                endpointer->speech_end = chunk->end;
                endpointer->speech_samples += chunk->end - chunk->begin;
                activity_add(&endpointer->speech, chunk->begin - endpointer->begin,
                             chunk->end - endpointer->begin);
        }
        endpointer->judged[endpointer->n_judged++] = (struct judged){*chunk, is_speech};
}

static void endpointer_judge(struct endpointer *endpointer, const struct chunk *chunk) {
        if (!endpointer->is_open) {
                if (chunk->probability < endpointer->config.threshold)
                        return;
                window_open(endpointer, max_i64(chunk->begin - endpointer->config.padding,
                                                endpointer->free_from));
        }
        window_add(endpointer, chunk);
        if (endpointer->silence_begin >= 0 &&
            chunk->end - endpointer->silence_begin >= endpointer->config.pause)
                window_close(endpointer, chunk->end, false);
}

// --- cutting ---------------------------------------------------------------------------------

// How bad a cut right before chunk `k` would be.
static float cut_score(const struct endpointer *endpointer, size_t k) {
        const size_t from = k < CUT_REACH ? 0 : k - CUT_REACH;
        const size_t to =
                k + CUT_REACH < endpointer->n_judged ? k + CUT_REACH : endpointer->n_judged;
        const float late = (float)(endpointer->judged[k].chunk.begin - endpointer->begin) /
                           (float)window_limit(endpointer);
        float sum = 0;
        float weights = 0;

        for (size_t i = from; i < to; i++) {
                const struct chunk *chunk = &endpointer->judged[i].chunk;
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
static size_t cut_find(const struct endpointer *endpointer) {
        const int64_t earliest = cut_earliest(endpointer);
        size_t best = endpointer->n_judged - 1;
        float best_score = INFINITY;

        for (size_t k = 1; k < endpointer->n_judged; k++) {
                float score;

                if (endpointer->judged[k].chunk.begin < earliest)
                        continue;
                score = cut_score(endpointer, k);
                if (score < best_score) {
                        best_score = score;
                        best = k;
                }
        }
        return best;
}

// Close the window before chunk `k` and judge the rest again.
static void window_cut(struct endpointer *endpointer, size_t k) {
        const struct judged *judged = endpointer->judged;
        const size_t n = endpointer->n_judged;
        const int64_t position = judged[k].chunk.begin;
        const bool is_in_speech = judged[k].is_speech || judged[k - 1].is_speech;

        for (size_t i = k; i < n; i++) {
                if (judged[i].is_speech)
                        endpointer->speech_samples -=
                                judged[i].chunk.end - judged[i].chunk.begin;
        }
        endpointer->speech_end = endpointer->begin;
        endpointer->speech = (struct activity){0};
        for (size_t i = 0; i < k; i++) {
                if (!judged[i].is_speech)
                        continue;
                endpointer->speech_end = judged[i].chunk.end;
                activity_add(&endpointer->speech, judged[i].chunk.begin - endpointer->begin,
                             judged[i].chunk.end - endpointer->begin);
        }
        window_close(endpointer, position, true);
        endpointer->n_judged = 0;
        if (is_in_speech) {
                endpointer->free_from = position;
                window_open(endpointer, position);
        }
        // In place: a chunk is never written in front of where it is read.
        for (size_t i = k; i < n; i++) {
                const struct chunk chunk = judged[i].chunk;

                endpointer_judge(endpointer, &chunk);
        }
}

void endpointer_add(struct endpointer *endpointer, struct chunk chunk) {
        endpointer_judge(endpointer, &chunk);
        // Cut before the next chunk would make it too long.
        if (endpointer->is_open &&
            chunk.end + VAD_CHUNK - endpointer->begin > window_limit(endpointer))
                window_cut(endpointer, cut_find(endpointer));
}

void endpointer_close(struct endpointer *endpointer, int64_t position) {
        if (endpointer->is_open)
                window_close(endpointer, position, false);
}

void endpointer_reset(struct endpointer *endpointer, int64_t position) {
        endpointer->is_open = false;
        endpointer->free_from = position;
        endpointer->queue_head = endpointer->queue_end = 0;
}

bool endpointer_open_window(const struct endpointer *endpointer, int64_t position,
                            struct window *ret) {
        if (!endpointer->is_open ||
            endpointer->speech_samples < max_i64(endpointer->config.speech_min, 1))
                return false;
        *ret = window_now(endpointer, position);
        ret->is_paused = endpointer->silence_begin >= 0 &&
                         position >= endpointer->speech_end + endpointer->config.padding;
        return true;
}

bool endpointer_is_open(const struct endpointer *endpointer) {
        return endpointer->is_open;
}

int64_t endpointer_oldest_needed(const struct endpointer *endpointer, int64_t position) {
        if (endpointer->queue_head < endpointer->queue_end)
                return endpointer->queue[endpointer->queue_head].begin;
        if (endpointer->is_open)
                return endpointer->begin;
        return min_i64(max_i64(position - endpointer->config.padding, endpointer->free_from),
                       position);
}
