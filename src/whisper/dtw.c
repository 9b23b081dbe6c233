#include "whisper/dtw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define MEDIAN_WIDTH 7

static float *head_of(float *weights, const struct dtw_shape *shape, size_t row, size_t head) {
        return weights + (row * shape->n_heads + head) * shape->stride;
}

// Attention to the padding does not count: the frames of the sound sum up to 1.
static void keep_sound(float *frames, size_t n) {
        double total = 0;

        for (size_t i = 0; i < n; i++)
                total += (double)frames[i];
        for (size_t i = 0; i < n && total > 0; i++)
                frames[i] = (float)((double)frames[i] / total);
}

// Over all rows each frame gets the mean 0 and the deviation 1.
static void normalize_head(float *weights, const struct dtw_shape *shape, size_t head) {
        for (size_t i = 0; i < shape->n_frames; i++) {
                double sum = 0, squares = 0, mean, deviation;

                for (size_t row = 0; row < shape->n_rows; row++)
                        sum += (double)head_of(weights, shape, row, head)[i];
                mean = sum / (double)shape->n_rows;
                for (size_t row = 0; row < shape->n_rows; row++) {
                        double x = (double)head_of(weights, shape, row, head)[i] - mean;

                        squares += x * x;
                }
                deviation = sqrt(squares / (double)shape->n_rows);
                for (size_t row = 0; row < shape->n_rows; row++) {
                        float *x = &head_of(weights, shape, row, head)[i];

                        *x = deviation > 0 ? (float)(((double)*x - mean) / deviation) : 0;
                }
        }
}

// The middle one of the frames around `at`; beyond the ends they are mirrored.
static float median_at(const float *frames, size_t n, size_t at) {
        float sorted[MEDIAN_WIDTH];

        for (size_t i = 0; i < MEDIAN_WIDTH; i++) {
                long place = (long)(at + i) - MEDIAN_WIDTH / 2;
                size_t k = i;
                float x;

                place = place < 0 ? -place : place;
                place = place >= (long)n ? 2 * (long)n - 2 - place : place;
                x = frames[place];
                for (; k > 0 && sorted[k - 1] > x; k--)
                        sorted[k] = sorted[k - 1];
                sorted[k] = x;
        }
        return sorted[MEDIAN_WIDTH / 2];
}

// Add a row's frames to `ret`, smoothed.
static void add_smoothed(const float *frames, size_t n, float *ret) {
        // Too short to mirror: as it is.
        for (size_t i = 0; i < n; i++)
                ret[i] += n > MEDIAN_WIDTH / 2 ? median_at(frames, n, i) : frames[i];
}

struct alignment {
        float *weights;
        const struct dtw_shape *shape;
        float *matrix;  // [rows that are kept, n_frames]
};

static void keep_sound_piece(void *context, size_t piece, size_t thread) {
        const struct alignment *alignment = context;

        (void)thread;
        keep_sound(alignment->weights + piece * alignment->shape->stride,
                   alignment->shape->n_frames);
}

static void normalize_piece(void *context, size_t head, size_t thread) {
        const struct alignment *alignment = context;

        (void)thread;
        normalize_head(alignment->weights, alignment->shape, head);
}

// A sum instead of the mean: the path is the same.
static void smooth_piece(void *context, size_t row, size_t thread) {
        const struct alignment *alignment = context;
        const struct dtw_shape *shape = alignment->shape;

        (void)thread;
        for (size_t head = 0; head < shape->n_heads; head++)
                add_smoothed(head_of(alignment->weights, shape, row + shape->n_skipped, head),
                             shape->n_frames, alignment->matrix + row * shape->n_frames);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the pieces write there
void dtw_align(float *weights, const struct dtw_shape *shape, struct team *team,
               uint32_t *ret) {
        size_t n = shape->n_frames, n_kept = shape->n_rows - shape->n_skipped - 1;
        struct alignment alignment = {weights, shape, xcalloc(n_kept * n + 1, sizeof(float))};

        team_run(team, shape->n_rows * shape->n_heads, keep_sound_piece, &alignment);
        team_run(team, shape->n_heads, normalize_piece, &alignment);
        team_run(team, n_kept, smooth_piece, &alignment);
        dtw_path(alignment.matrix, n_kept, n, ret);
        free(alignment.matrix);
}

// --- Warping ------------------------------------------------------------------------------

enum dtw_step { STEP_BOTH, STEP_ROW, STEP_FRAME };

// The best way into a place from its three neighbours; where two are alike, the row stays.
static enum dtw_step step_choose(float both, float row, float frame) {
        if (frame <= both && frame <= row)
                return STEP_FRAME;
        return both <= row ? STEP_BOTH : STEP_ROW;
}

void dtw_path(const float *matrix, size_t n_rows, size_t n_frames, uint32_t *ret) {
        size_t row = n_rows, frame = n_frames;
        // Costs of the row above and of this one; place 0 is before the first frame.
        float *above = xcalloc(n_frames + 1, sizeof(*above));
        float *here = xcalloc(n_frames + 1, sizeof(*here));
        unsigned char *steps = xcalloc(n_rows * n_frames + 1, 1);

        for (size_t i = 1; i <= n_frames; i++)
                above[i] = INFINITY;
        for (size_t i = 0; i < n_rows; i++) {
                float *swapped = above;

                here[0] = INFINITY;
                for (size_t k = 1; k <= n_frames; k++) {
                        enum dtw_step step = step_choose(above[k - 1], above[k], here[k - 1]);
                        float cost = step == STEP_BOTH  ? above[k - 1]
                                     : step == STEP_ROW ? above[k]
                                                        : here[k - 1];

                        here[k] = cost - matrix[i * n_frames + k - 1];
                        steps[i * n_frames + k - 1] = (unsigned char)step;
                }
                above = here;
                here = swapped;
        }
        while (row > 0 && frame > 0) {
                enum dtw_step step = steps[(row - 1) * n_frames + frame - 1];

                ret[row - 1] = (uint32_t)(frame - 1);
                row -= step != STEP_FRAME;
                frame -= step != STEP_ROW;
        }
        // More rows than frames before them: all begin at once.
        for (; row > 0; row--)
                ret[row - 1] = 0;
        free(above);
        free(here);
        free(steps);
}
