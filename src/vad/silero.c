#include "vad/silero.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "vad/safetensors.h"

/*
 * The network (Silero VAD v6, 16 kHz; https://github.com/snakers4/silero-vad):
 *
 *   64 samples of context + 512 new ones, the last 64 mirrored             640 samples
 *   short-time Fourier transform as a convolution: 256 wide, step 128      4 frames x 129 bins
 *   magnitude; then four convolutions, 3 wide, each with ReLU:
 *     129 -> 128 step 1,  128 -> 64 step 2,  64 -> 64 step 2,  64 -> 128   4, 2, 1, 1 frames
 *   LSTM 128 -> 128, ReLU, a dot product, sigmoid                          1 probability
 *
 * Nearly all of it is one operation: rows of inputs times a matrix. A convolution over frames
 * that lie one behind the other reads its three frames as one row, and so does the transform
 * with its samples; the rows of neighbours overlap. dense() does them all. The weights are laid
 * out for it in panels of PANEL outputs, so that registers full of outputs take in one input
 * after the other, and each weight is read once per step.
 */

#define CONTEXT      64   // samples of the chunk before
#define SAMPLES      640  // CONTEXT + VAD_CHUNK, and 64 mirrored
#define TRANSFORM    256  // samples per frame of the transform
#define HOP          128  // samples between frames
#define FRAMES       4    // (SAMPLES - TRANSFORM) / HOP + 1
#define BINS         129  // TRANSFORM / 2 + 1
#define STFT_PARTS   258  // real, then imaginary parts of BINS
#define STFT_OUTPUTS 272  // the same, rounded up to whole panels
#define TAPS         3    // width of the convolutions
#define CHANNELS_1   128  // out of the first convolution
#define CHANNELS_2   64
#define CHANNELS_3   64
#define HIDDEN       128  // out of the last one, and width of the LSTM
#define LSTM_INPUTS  256  // HIDDEN from the convolutions, HIDDEN from its own past
#define GATES        4    // input, forget, cell, output: in this order in the file
#define GATE_OUTPUTS 512  // GATES * HIDDEN

// Floats in a vector: what a register holds, since sums in wider ones would be in memory.
#ifdef __x86_64__
#define LANES 8
#else
#define LANES 4
#endif
#define PANEL   16  // outputs side by side: one cache line
#define VECTORS (PANEL / LANES)

// Eight floats wherever floats lie, hence no alignment and may_alias.
typedef float lanes
        __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

// One matrix: panels[outputs / PANEL][depth][PANEL] and a bias[outputs].
struct layer {
        size_t depth;
        size_t outputs;  // a multiple of PANEL times the panels that dense() takes at once
        float *panels;
        float *bias;
};

// Rows of a layer's inputs, `step` floats apart; they may overlap.
struct rows {
        const float *first;
        size_t step;
};

// Multiply `n_rows` (1, 2 or 4) rows by the layer. Row i's outputs go to ret + i * outputs.
typedef void dense_function(const struct layer *layer, struct rows rows, size_t n_rows,
                            float *ret);

struct vad_model {
        dense_function *dense;  // for the CPU found
        struct layer stft;
        struct layer convolutions[4];
        struct layer lstm;
        float output[HIDDEN];  // weights of the dot product
        float output_bias;
};

struct vad {
        const struct vad_model *model;
        float context[CONTEXT];
        float hidden[HIDDEN];
        float cell[HIDDEN];
};

// One tile: `n_rows` rows times `n_panels` panels. Both are constants where this is inlined, so
// that the sums stay in registers; eight of them hide the latency of the multiply-adds.
static inline __attribute__((always_inline)) void dense_tile(const struct layer *layer,
                                                             size_t panel, size_t n_panels,
                                                             struct rows rows, size_t n_rows,
                                                             float *ret) {
        const size_t panel_size = layer->depth * PANEL;
        const float *weights = layer->panels + panel * panel_size;
        lanes sums[4][VECTORS];

#pragma GCC unroll 4
        for (size_t t = 0; t < n_panels * n_rows; t++) {
                const float *bias = layer->bias + (panel + t / n_rows) * PANEL;

#pragma GCC unroll 4
                for (size_t v = 0; v < VECTORS; v++)
                        sums[t][v] = *(const lanes *)(bias + v * LANES);
        }
        for (size_t k = 0; k < layer->depth; k++) {
#pragma GCC unroll 4
                for (size_t t = 0; t < n_panels * n_rows; t++) {
                        const float *w = weights + t / n_rows * panel_size + k * PANEL;
                        const float input = rows.first[t % n_rows * rows.step + k];

#pragma GCC unroll 4
                        for (size_t v = 0; v < VECTORS; v++)
                                sums[t][v] += *(const lanes *)(w + v * LANES) * input;
                }
        }
#pragma GCC unroll 4
        for (size_t t = 0; t < n_panels * n_rows; t++) {
                float *outputs = ret + t % n_rows * layer->outputs;

                outputs += (panel + t / n_rows) * PANEL;
#pragma GCC unroll 4
                for (size_t v = 0; v < VECTORS; v++)
                        *(lanes *)(outputs + v * LANES) = sums[t][v];
        }
}

static inline __attribute__((always_inline)) void
dense_body(const struct layer *layer, struct rows rows, size_t n_rows, float *ret) {
        const size_t n_panels = layer->outputs / PANEL;

        if (n_rows == 4) {
                for (size_t panel = 0; panel < n_panels; panel++)
                        dense_tile(layer, panel, 1, rows, 4, ret);
        } else if (n_rows == 2) {
                for (size_t panel = 0; panel < n_panels; panel += 2)
                        dense_tile(layer, panel, 2, rows, 2, ret);
        } else {
                for (size_t panel = 0; panel < n_panels; panel += 4)
                        dense_tile(layer, panel, 4, rows, 1, ret);
        }
}

static void dense_baseline(const struct layer *layer, struct rows rows, size_t n_rows,
                           float *ret) {
        dense_body(layer, rows, n_rows, ret);
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void
dense_avx2(const struct layer *layer, struct rows rows, size_t n_rows, float *ret) {
        dense_body(layer, rows, n_rows, ret);
}

static dense_function *choose_dense(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? dense_avx2
                                                                               : dense_baseline;
}
#else
static dense_function *choose_dense(void) {
        return dense_baseline;  // which has all that there is
}
#endif

// Zeroed floats that start on a cache line, so that no panel's row straddles two.
static float *lines_new(size_t n) {
        void *lines = NULL;

        if (posix_memalign(&lines, 64, n * sizeof(float)) != 0)
                abort();
        return memset(lines, 0, n * sizeof(float));
}

static void layer_init(struct layer *layer, size_t depth, size_t outputs) {
        layer->depth = depth;
        layer->outputs = outputs;
        layer->panels = lines_new(depth * outputs);
        layer->bias = xcalloc(outputs, sizeof(float));
}

static void layer_deinit(struct layer *layer) {
        free(layer->panels);
        free(layer->bias);
}

static void layer_put(struct layer *layer, size_t output, size_t input, float weight) {
        const size_t panel = output / PANEL;

        layer->panels[(panel * layer->depth + input) * PANEL + output % PANEL] = weight;
}

// Floats in the largest tensor: room for one on its way from the file to its layer.
#define SCRATCH ((size_t)STFT_PARTS * TRANSFORM)

static int stft_load(struct layer *layer, const struct safetensors *tensors, float *scratch,
                     struct error *error) {
        const size_t shape[] = {STFT_PARTS, 1, TRANSFORM};
        int r = safetensors_copy_f32(tensors, "stft_conv.weight", shape, 3, scratch, error);

        if (r < 0)
                return r;
        layer_init(layer, TRANSFORM, STFT_OUTPUTS);
        for (size_t o = 0; o < STFT_PARTS; o++)
                for (size_t i = 0; i < TRANSFORM; i++)
                        layer_put(layer, o, i, scratch[o * TRANSFORM + i]);
        return 0;
}

// A convolution and which of its taps ever see a frame; the others only see padding.
struct convolution {
        const char *weight;
        const char *bias;
        size_t inputs;
        size_t outputs;
        size_t first_tap;
        size_t n_taps;
};

static const struct convolution convolutions[] = {
        {"conv1.weight", "conv1.bias", BINS, CHANNELS_1, 0, 3},        // 4 frames to 4
        {"conv2.weight", "conv2.bias", CHANNELS_1, CHANNELS_2, 0, 3},  // every other: 2
        {"conv3.weight", "conv3.bias", CHANNELS_2, CHANNELS_3, 1, 2},  // padding, 2 frames: 1
        {"conv4.weight", "conv4.bias", CHANNELS_3, HIDDEN, 1, 1},      // padding on both sides
};

static int convolution_load(struct layer *layer, const struct convolution *convolution,
                            const struct safetensors *tensors, float *scratch,
                            struct error *error) {
        const size_t inputs = convolution->inputs;
        const size_t outputs = convolution->outputs;
        const size_t shape[] = {outputs, inputs, TAPS};
        int r;

        r = safetensors_copy_f32(tensors, convolution->weight, shape, 3, scratch, error);
        if (r < 0)
                return r;
        layer_init(layer, convolution->n_taps * inputs, outputs);
        for (size_t o = 0; o < outputs; o++)
                for (size_t t = 0; t < convolution->n_taps; t++)
                        for (size_t i = 0; i < inputs; i++)
                                layer_put(layer, o, t * inputs + i,
                                          scratch[(o * inputs + i) * TAPS +
                                                  convolution->first_tap + t]);
        return safetensors_copy_f32(tensors, convolution->bias, &outputs, 1, layer->bias,
                                    error);
}

// Both of the LSTM's matrices side by side: of its input, and of its own last output.
static int lstm_load(struct layer *layer, const struct safetensors *tensors, float *scratch,
                     struct error *error) {
        static const char *const weights[] = {"lstm_cell.weight_ih", "lstm_cell.weight_hh"};
        static const char *const biases[] = {"lstm_cell.bias_ih", "lstm_cell.bias_hh"};
        const size_t shape[] = {GATE_OUTPUTS, HIDDEN};

        layer_init(layer, LSTM_INPUTS, GATE_OUTPUTS);
        for (size_t m = 0; m < 2; m++) {
                int r = safetensors_copy_f32(tensors, weights[m], shape, 2, scratch, error);

                if (r < 0)
                        return r;
                for (size_t o = 0; o < GATE_OUTPUTS; o++)
                        for (size_t i = 0; i < HIDDEN; i++)
                                layer_put(layer, o, m * HIDDEN + i, scratch[o * HIDDEN + i]);
                r = safetensors_copy_f32(tensors, biases[m], shape, 1, scratch, error);
                if (r < 0)
                        return r;
                for (size_t o = 0; o < GATE_OUTPUTS; o++)
                        layer->bias[o] += scratch[o];
        }
        return 0;
}

static int vad_model_fill(struct vad_model *model, const struct safetensors *tensors,
                          float *scratch, struct error *error) {
        const size_t output_shape[] = {1, HIDDEN, 1};
        int r = stft_load(&model->stft, tensors, scratch, error);

        for (size_t i = 0; r == 0 && i < 4; i++)
                r = convolution_load(&model->convolutions[i], &convolutions[i], tensors,
                                     scratch, error);
        if (r == 0)
                r = lstm_load(&model->lstm, tensors, scratch, error);
        if (r == 0)
                r = safetensors_copy_f32(tensors, "final_conv.weight", output_shape, 3,
                                         model->output, error);
        if (r == 0)
                r = safetensors_copy_f32(tensors, "final_conv.bias", output_shape, 1,
                                         &model->output_bias, error);
        return r;
}

int vad_model_load(struct vad_model **ret, const char *path, struct error *error) {
        CLEANUP(safetensors_freep) struct safetensors *tensors = NULL;
        CLEANUP(vad_model_freep) struct vad_model *model = xnew(struct vad_model);
        float *scratch;
        int r;

        r = safetensors_open(&tensors, path, error);
        if (r < 0)
                return r;
        scratch = xcalloc(SCRATCH, sizeof(float));
        r = vad_model_fill(model, tensors, scratch, error);
        free(scratch);
        if (r < 0) {
                error_prefix(error, "not the Silero VAD v6 16 kHz weights");
                return r;
        }
        model->dense = choose_dense();
        *ret = TAKE(model);
        return 0;
}

struct vad_model *vad_model_free(struct vad_model *model) {
        if (!model)
                return NULL;
        layer_deinit(&model->stft);
        for (size_t i = 0; i < 4; i++)
                layer_deinit(&model->convolutions[i]);
        layer_deinit(&model->lstm);
        free(model);
        return NULL;
}

struct vad *vad_new(const struct vad_model *model) {
        struct vad *vad = xnew(struct vad);

        vad->model = model;
        return vad;
}

struct vad *vad_free(struct vad *vad) {
        free(vad);
        return NULL;
}

void vad_reset(struct vad *vad) {
        *vad = (struct vad){.model = vad->model};
}

static float sigmoid(float x) {
        return 1.0f / (1.0f + expf(-x));
}

// tanh by way of one exponential: a fifth of tanhf()'s time, and exact to 1e-7.
static float tanh_fast(float x) {
        return 2.0f * sigmoid(2.0f * x) - 1.0f;
}

static void relu(float *values, size_t n) {
        for (size_t i = 0; i < n; i++)
                values[i] = values[i] > 0 ? values[i] : 0;
}

// The context and the chunk, and their end mirrored; the chunk's end is the next context.
static void samples_assemble(struct vad *vad, const float chunk[VAD_CHUNK],
                             float ret[SAMPLES]) {
        const size_t n = CONTEXT + VAD_CHUNK;

        memcpy(ret, vad->context, sizeof(vad->context));
        memcpy(ret + CONTEXT, chunk, VAD_CHUNK * sizeof(float));
        for (size_t i = 0; i < SAMPLES - n; i++)
                ret[n + i] = ret[n - 2 - i];
        memcpy(vad->context, chunk + VAD_CHUNK - CONTEXT, sizeof(vad->context));
}

// Sound to the LSTM's input.
static void encode(const struct vad_model *model, const float samples[SAMPLES],
                   float ret[HIDDEN]) {
        float spectrum[FRAMES][STFT_OUTPUTS];
        // A zero frame in front and behind: the convolutions' padding.
        float magnitudes[1 + FRAMES + 1][BINS] = {0};
        float first[1 + FRAMES][CHANNELS_1] = {0};
        float second[2][CHANNELS_2];
        float third[CHANNELS_3];

        model->dense(&model->stft, (struct rows){samples, HOP}, FRAMES, spectrum[0]);
        for (size_t f = 0; f < FRAMES; f++)
                for (size_t b = 0; b < BINS; b++) {
                        const float real = spectrum[f][b];
                        const float imaginary = spectrum[f][BINS + b];

                        magnitudes[1 + f][b] = sqrtf(real * real + imaginary * imaginary);
                }
        model->dense(&model->convolutions[0], (struct rows){magnitudes[0], BINS}, FRAMES,
                     first[1]);
        relu(first[1], sizeof(first) / sizeof(float) - CHANNELS_1);
        model->dense(&model->convolutions[1], (struct rows){first[0], (size_t)2 * CHANNELS_1},
                     2, second[0]);
        relu(second[0], sizeof(second) / sizeof(float));
        model->dense(&model->convolutions[2], (struct rows){second[0], 0}, 1, third);
        relu(third, CHANNELS_3);
        model->dense(&model->convolutions[3], (struct rows){third, 0}, 1, ret);
        relu(ret, HIDDEN);
}

static float vad_step(struct vad *vad, const float samples[VAD_CHUNK]) {
        const struct vad_model *model = vad->model;
        float assembled[SAMPLES];
        float inputs[LSTM_INPUTS];
        float gates[GATES][HIDDEN];
        float score = model->output_bias;

        samples_assemble(vad, samples, assembled);
        encode(model, assembled, inputs);
        memcpy(inputs + HIDDEN, vad->hidden, sizeof(vad->hidden));
        model->dense(&model->lstm, (struct rows){inputs, 0}, 1, gates[0]);
        for (size_t i = 0; i < HIDDEN; i++) {
                vad->cell[i] = sigmoid(gates[1][i]) * vad->cell[i] +
                               sigmoid(gates[0][i]) * tanh_fast(gates[2][i]);
                vad->hidden[i] = sigmoid(gates[3][i]) * tanh_fast(vad->cell[i]);
                if (vad->hidden[i] > 0)
                        score += model->output[i] * vad->hidden[i];
        }
        return sigmoid(score);
}

void vad_steps(struct vad *vad, const float *samples, size_t n_chunks, float *ret) {
        for (size_t i = 0; i < n_chunks; i++)
                ret[i] = vad_step(vad, samples + i * VAD_CHUNK);
}
