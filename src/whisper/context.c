#include "whisper/context.h"

#include <math.h>
#include <sys/param.h>

const struct context_shape context_shape_short = {.margin = 25, .stride = 8, .growth = 0};
const struct context_shape context_shape_full = {.margin = CONTEXT_ROWS, .stride = 1};

void context_init(struct audio_context *ret, size_t n_frames,
                  const struct context_shape *shape) {
        size_t row, stride = shape->stride, n_alike = 0;

        // Each of the two convolutions reaches one frame further; the second halves them.
        ret->n_convolved = MIN((n_frames + 1) / 2 + 1, CONTEXT_ROWS);
        ret->n_plain = MIN(ret->n_convolved + shape->margin, CONTEXT_ROWS);
        for (row = 0; row < ret->n_plain; row++) {
                ret->positions[row] = (uint16_t)row;
                ret->biases[row] = 0;
        }
        ret->n_rows = ret->n_plain;
        while (row < CONTEXT_ROWS) {
                size_t n = MIN(stride, CONTEXT_ROWS - row);

                // The middle one of those that it stands for.
                ret->positions[ret->n_rows] = (uint16_t)(row + n / 2);
                ret->biases[ret->n_rows++] = logf((float)n);
                row += n;
                if (++n_alike == shape->growth) {
                        stride *= 2;
                        n_alike = 0;
                }
        }
}
