#include "whisper/cpu/fused_encoder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"
#include "whisper/cpu/gemm/tall_layer.h"
#include "whisper/cpu/self_attention.h"
#include "whisper/cpu/vectors.h"

#define ROWS_MAX   ENCODER_ROWS_MAX
#define FRAMES_MAX ((size_t)2 * ROWS_MAX)  // into the first convolution

// Each window's frames have a row of zeros in front, and its log-mel one behind.
#define FRAME_ROWS_MAX (FRAMES_MAX + (size_t)2 * ENCODER_WINDOWS_MAX)

// What a thread works in.
struct chunk_space {
        struct tall_chunk chunk;  // a layer's input
        float *normalized;        // [TALL_LAYER_ROWS_MAX, n_state]
        float *wide;              // [TALL_LAYER_ROWS_MAX, 4 * n_state]
};

// Where a window's rows lie.
struct window_rows {
        const struct encoder_window *window;
        size_t first_row;    // among all windows' rows
        size_t first_frame;  // its row of zeros, in `frames` and in `convolved`
        size_t n_frames;     // that the first convolution makes
};

struct fused_encoder {
        const struct whisper_model *model;
        struct team *team;
        size_t n_mels, n_state;
        struct self_attention attention;
        struct window_rows windows[ENCODER_WINDOWS_MAX];
        size_t n_windows, n_rows;
        bool is_blocked;  // whether a head lies in one block of project()'s

        float *frames;        // log-mel, the windows' frames with rows of zeros
        uint16_t *convolved;  // bf16 after the first convolution
        float *silence;       // [n_state], what the convolutions make of silence
        float *residual;      // [rows, n_state]
        uint16_t *projected;  // bf16 queries, keys and values, as project() lays them out
        uint16_t *attended;   // bf16 [rows, n_state]
        float *features;      // [rows, n_state]
        float *memory;        // [rows, 2 * n_text_state]: what fused_encoder_project() lends
        struct chunk_space *workspaces;  // of each thread
};

static void learn_silence(struct fused_encoder *encoder);

static int workspace_init(struct chunk_space *space, size_t n_state) {
        space->chunk.elements = try_aligned(tall_chunk_size(4 * n_state));
        space->normalized = try_aligned(TALL_LAYER_ROWS_MAX * n_state * sizeof(float));
        space->wide = try_aligned(TALL_LAYER_ROWS_MAX * 4 * n_state * sizeof(float));
        return space->chunk.elements && space->normalized && space->wide ? 0 : -ENOMEM;
}

static void workspace_deinit(struct chunk_space *space) {
        free(space->chunk.elements);
        free(space->normalized);
        free(space->wide);
}

int fused_encoder_new(struct fused_encoder **ret, const struct whisper_model *model,
                      struct team *team) {
        CLEANUP(fused_encoder_freep) struct fused_encoder *encoder = xnew(struct fused_encoder);
        size_t n = (size_t)model->info.n_audio_state, n_mels = (size_t)model->info.n_mels;
        size_t n_heads = (size_t)model->info.n_audio_heads;
        int r;

        encoder->model = model;
        encoder->team = team;
        encoder->n_mels = n_mels;
        encoder->n_state = n;
        r = self_attention_init(&encoder->attention, n_heads, n / n_heads,
                                (struct self_attention_limits){ROWS_MAX, ENCODER_WINDOWS_MAX},
                                team);
        encoder->workspaces = xcalloc(team_size(team), sizeof(*encoder->workspaces));
        for (size_t i = 0; r == 0 && i < team_size(team); i++)
                r = workspace_init(&encoder->workspaces[i], n);
        encoder->frames = try_aligned(FRAME_ROWS_MAX * n_mels * sizeof(float));
        encoder->convolved = try_aligned(FRAME_ROWS_MAX * n * sizeof(uint16_t));
        encoder->silence = try_aligned(n * sizeof(float));
        encoder->residual = try_aligned(ROWS_MAX * n * sizeof(float));
        encoder->is_blocked = TALL_TILE_COLUMNS % (n / n_heads) == 0;
        encoder->projected =
                try_aligned(ROWS_MAX * (3 * n + TALL_TILE_COLUMNS) * sizeof(uint16_t));
        encoder->attended = try_aligned(ROWS_MAX * n * sizeof(uint16_t));
        encoder->features = try_aligned(ROWS_MAX * n * sizeof(float));
        encoder->memory =
                try_aligned(ROWS_MAX * 2 * (size_t)model->info.n_text_state * sizeof(float));
        if (r < 0 || !encoder->frames || !encoder->convolved || !encoder->silence ||
            !encoder->residual || !encoder->projected || !encoder->attended ||
            !encoder->features || !encoder->memory)
                return -ENOMEM;
        learn_silence(encoder);
        *ret = TAKE(encoder);
        return 0;
}

struct fused_encoder *fused_encoder_free(struct fused_encoder *encoder) {
        if (!encoder)
                return NULL;
        for (size_t i = 0; encoder->workspaces && i < team_size(encoder->team); i++)
                workspace_deinit(&encoder->workspaces[i]);
        free(encoder->workspaces);
        self_attention_deinit(&encoder->attention);
        free(encoder->frames);
        free(encoder->convolved);
        free(encoder->silence);
        free(encoder->residual);
        free(encoder->projected);
        free(encoder->attended);
        free(encoder->features);
        free(encoder->memory);
        free(encoder);
        return NULL;
}

// --- Chunks ----------------------------------------------------------------------------------

// Rows of a chunk so that all threads get as many chunks, of about the same size.
static size_t chunk_rows(const struct fused_encoder *encoder, size_t n_rows) {
        size_t threads = team_size(encoder->team);
        size_t most = threads * tall_layer_rows(), rounds = (n_rows + most - 1) / most;
        size_t rows = (n_rows + threads * rounds - 1) / (threads * rounds);

        return (rows + TALL_TILE_ROWS - 1) / TALL_TILE_ROWS * TALL_TILE_ROWS;
}

// --- Convolutions ----------------------------------------------------------------------------

/* A convolution over three frames is a product with rows that overlap: each is three frames
 * long and begins one frame (the first convolution) or two (the second) after the one before.
 */

// Where the windows' rows lie; returns how many frame rows there are.
static size_t place_windows(struct fused_encoder *encoder, const struct encoder_window *windows,
                            size_t n) {
        size_t n_frames = 0;

        encoder->n_windows = n;
        encoder->n_rows = 0;
        for (size_t i = 0; i < n; i++) {
                struct window_rows *rows = &encoder->windows[i];

                *rows = (struct window_rows){.window = &windows[i],
                                             .first_row = encoder->n_rows,
                                             .first_frame = n_frames,
                                             .n_frames = 2 * windows[i].context->n_convolved};
                encoder->n_rows += windows[i].context->n_rows;
                n_frames += rows->n_frames + 2;
        }
        return n_frames;
}

// The window's log-mel between its rows of zeros.
static void take_log_mel(const struct fused_encoder *encoder, const struct window_rows *rows) {
        size_t n_mels = encoder->n_mels;
        size_t n_given = MIN(rows->window->n_frames, rows->n_frames);
        float *frames = encoder->frames + rows->first_frame * n_mels;

        memset(frames, 0, n_mels * sizeof(*frames));
        frames += n_mels;
        memcpy(frames, rows->window->log_mel, n_given * n_mels * sizeof(*frames));
        memset(frames + n_given * n_mels, 0,
               (rows->n_frames + 1 - n_given) * n_mels * sizeof(*frames));
}

// Some of a window's frames through the first convolution.
static void convolve_frames(const struct fused_encoder *encoder, struct chunk_space *space,
                            const struct window_rows *rows, size_t first, size_t n) {
        size_t n_mels = encoder->n_mels, n_state = encoder->n_state;
        uint16_t *ret = encoder->convolved + rows->first_frame * n_state;
        const struct tall_layer *dense = linear_tall(encoder->model->convolution_1);
        struct tall_input input = tall_take_floats(
                &space->chunk, encoder->frames + (rows->first_frame + first) * n_mels, n_mels,
                n, dense->n_in);

        if (first == 0)
                memset(ret, 0, n_state * sizeof(*ret));
        tall_layer_multiply(dense, &input, n, ret + (first + 1) * n_state, n_state,
                            TALL_GELU | TALL_TO_BF16);
}

// The second convolution of n rows, whose first frame is at `frames`.
static void convolve_again(const struct fused_encoder *encoder, struct chunk_space *space,
                           const uint16_t *frames, size_t n, float *ret) {
        const struct tall_layer *dense = linear_tall(encoder->model->convolution_2);
        struct tall_input input = tall_take_bf16(&space->chunk, frames, 2 * encoder->n_state, n,
                                                 dense->n_in, space->wide);

        tall_layer_multiply(dense, &input, n, ret, encoder->n_state, TALL_GELU);
}

// Some of its rows through the second one, and to their positions.
static void convolve_rows(const struct fused_encoder *encoder, struct chunk_space *space,
                          const struct window_rows *rows, size_t first, size_t n) {
        size_t n_state = encoder->n_state;
        const struct audio_context *context = rows->window->context;
        float *residual = encoder->residual + (rows->first_row + first) * n_state;
        size_t n_convolved = first < context->n_convolved ? context->n_convolved - first : 0;

        if (n_convolved > 0)
                convolve_again(encoder, space,
                               encoder->convolved + (rows->first_frame + 2 * first) * n_state,
                               MIN(n, n_convolved), residual);
        for (size_t row = 0; row < n; row++, residual += n_state) {
                if (row >= n_convolved)
                        memcpy(residual, encoder->silence, n_state * sizeof(*residual));
                vector_add(residual,
                           encoder->model->audio_positions +
                                   context->positions[first + row] * n_state,
                           n_state);
        }
}

// Chunks of so many rows of a window.
static size_t count_chunks(size_t n_rows) {
        return (n_rows + tall_layer_rows() - 1) / tall_layer_rows();
}

// The windows' chunks one after the other: the chunk number *index becomes a chunk of the
// window that is returned.
static const struct window_rows *find_chunk(const struct fused_encoder *encoder, size_t *index,
                                            bool are_frames) {
        const struct window_rows *rows = encoder->windows;

        for (;; rows++) {
                size_t n = are_frames ? rows->n_frames : rows->window->context->n_rows;
                size_t n_chunks = count_chunks(n);

                if (*index < n_chunks)
                        return rows;
                *index -= n_chunks;
        }
}

static void take_window(void *context, size_t index, size_t thread) {
        const struct fused_encoder *encoder = context;

        (void)thread;
        take_log_mel(encoder, &encoder->windows[index]);
}

static void run_frame_chunk(void *context, size_t index, size_t thread) {
        const struct fused_encoder *encoder = context;
        const struct window_rows *rows = find_chunk(encoder, &index, true);
        size_t first = index * tall_layer_rows();

        convolve_frames(encoder, &encoder->workspaces[thread], rows, first,
                        MIN(tall_layer_rows(), rows->n_frames - first));
}

static void run_row_chunk(void *context, size_t index, size_t thread) {
        const struct fused_encoder *encoder = context;
        const struct window_rows *rows = find_chunk(encoder, &index, false);
        size_t first = index * tall_layer_rows();

        convolve_rows(encoder, &encoder->workspaces[thread], rows, first,
                      MIN(tall_layer_rows(), rows->window->context->n_rows - first));
}

// From log-mels to the residual stream.
static void convolve(struct fused_encoder *encoder) {
        size_t n_frame_chunks = 0, n_row_chunks = 0;

        for (size_t i = 0; i < encoder->n_windows; i++) {
                const struct window_rows *rows = &encoder->windows[i];

                n_frame_chunks += count_chunks(rows->n_frames);
                n_row_chunks += count_chunks(rows->window->context->n_rows);
        }
        team_run(encoder->team, encoder->n_windows, take_window, encoder);
        team_run(encoder->team, n_frame_chunks, run_frame_chunk, encoder);
        team_run(encoder->team, n_row_chunks, run_row_chunk, encoder);
}

// The middle of three rows of zeros: it sees nothing else.
static void learn_silence(struct fused_encoder *encoder) {
        struct audio_context context = {.n_rows = 3, .n_convolved = 3};
        struct encoder_window window = {
                .log_mel = encoder->residual, .n_frames = 2 * 3, .context = &context};
        size_t n = encoder->n_state;

        place_windows(encoder, &window, 1);
        take_log_mel(encoder, &encoder->windows[0]);
        convolve_frames(encoder, &encoder->workspaces[0], &encoder->windows[0], 0,
                        encoder->windows[0].n_frames);
        convolve_again(encoder, &encoder->workspaces[0], encoder->convolved + 2 * n, 1,
                       encoder->silence);
}

// --- Layers ----------------------------------------------------------------------------------

// Rows [first, first + n) of all windows, and what the thread that has them works in.
struct row_chunk {
        size_t first, n;
        struct chunk_space *space;
};

static struct row_chunk chunk_of(const struct fused_encoder *encoder, size_t index,
                                 size_t thread) {
        size_t rows = chunk_rows(encoder, encoder->n_rows), first = index * rows;

        return (struct row_chunk){first, MIN(rows, encoder->n_rows - first),
                                  &encoder->workspaces[thread]};
}

static size_t count_row_chunks(const struct fused_encoder *encoder) {
        size_t rows = chunk_rows(encoder, encoder->n_rows);

        return (encoder->n_rows + rows - 1) / rows;
}

// y = layer(x) for the chunk's rows x of floats.
static void apply(const struct linear *linear, struct row_chunk chunk, const float *x, void *y,
                  unsigned flags) {
        const struct tall_layer *dense = linear_tall(linear);
        struct tall_input input =
                tall_take_floats(&chunk.space->chunk, x, dense->n_in, chunk.n, dense->n_in);

        tall_layer_multiply(dense, &input, chunk.n, y, dense->n_out, flags);
}

static void normalize(const struct fused_encoder *encoder, const struct norm *norm,
                      struct row_chunk chunk, float *ret) {
        size_t n = encoder->n_state;
        const float *x = encoder->residual + chunk.first * n;

        for (size_t row = 0; row < chunk.n; row++)
                vector_normalize(x + row * n, norm->weight, norm->bias, n, ret + row * n);
}

static void add_attended(const struct fused_encoder *encoder, const struct encoder_layer *layer,
                         struct row_chunk chunk) {
        struct chunk_space *space = chunk.space;
        size_t n = encoder->n_state;
        const uint16_t *attended = encoder->attended + chunk.first * n;
        float *residual = encoder->residual + chunk.first * n;

        tall_from_bf16(attended, chunk.n * n, space->normalized);
        apply(layer->attention_out, chunk, space->normalized, residual, TALL_ADD);
}

static void add_mlp(const struct fused_encoder *encoder, const struct encoder_layer *layer,
                    struct row_chunk chunk) {
        struct chunk_space *space = chunk.space;
        size_t n = encoder->n_state;
        float *residual = encoder->residual + chunk.first * n;

        normalize(encoder, &layer->mlp_norm, chunk, space->normalized);
        apply(layer->mlp_in, chunk, space->normalized, space->wide, TALL_GELU);
        apply(layer->mlp_out, chunk, space->wide, residual, TALL_ADD);
}

// Queries, keys and values of the normalised rows. Those of each 64 columns lie together, row
// behind row: attention reads them head by head.
static void project(const struct fused_encoder *encoder, const struct tall_layer *dense,
                    struct row_chunk chunk) {
        struct chunk_space *space = chunk.space;
        struct tall_input input = tall_take_floats(&space->chunk, space->normalized,
                                                   dense->n_in, chunk.n, dense->n_in);

        if (!encoder->is_blocked) {
                tall_layer_multiply(dense, &input, chunk.n,
                                    encoder->projected + chunk.first * dense->n_out,
                                    dense->n_out, TALL_TO_BF16);
                return;
        }
        for (size_t first = 0; first < dense->n_out; first += TALL_TILE_COLUMNS) {
                struct tall_layer part = tall_layer_part(dense, first);

                tall_layer_multiply(&part, &input, chunk.n,
                                    encoder->projected + first * encoder->n_rows +
                                            chunk.first * TALL_TILE_COLUMNS,
                                    TALL_TILE_COLUMNS, TALL_TO_BF16);
        }
}

// From one layer's attention to the next one's queries, keys and values: `before` is NULL ahead
// of the first layer, `next` behind the last one.
struct layer_seam {
        const struct fused_encoder *encoder;
        const struct encoder_layer *before, *next;
};

static void run_chunk(void *context, size_t index, size_t thread) {
        const struct layer_seam *seam = context;
        const struct fused_encoder *encoder = seam->encoder;
        const struct encoder_layer *next = seam->next;
        struct row_chunk chunk = chunk_of(encoder, index, thread);

        if (seam->before) {
                add_attended(encoder, seam->before, chunk);
                add_mlp(encoder, seam->before, chunk);
        }
        if (!next) {
                normalize(encoder, &encoder->model->encoder_norm, chunk,
                          encoder->features + chunk.first * encoder->n_state);
                return;
        }
        normalize(encoder, &next->attention_norm, chunk, chunk.space->normalized);
        project(encoder, linear_tall(next->query_key_value), chunk);
}

static void run_chunks(const struct fused_encoder *encoder, const struct encoder_layer *before,
                       const struct encoder_layer *next) {
        team_run(encoder->team, count_row_chunks(encoder), run_chunk,
                 &(struct layer_seam){encoder, before, next});
}

static void attend(struct fused_encoder *encoder) {
        size_t n = encoder->n_state, stride = encoder->is_blocked ? TALL_TILE_COLUMNS : 3 * n;
        struct self_attention_window windows[ENCODER_WINDOWS_MAX];

        for (size_t i = 0; i < encoder->n_windows; i++) {
                const struct window_rows *rows = &encoder->windows[i];
                const struct audio_context *context = rows->window->context;

                windows[i] = (struct self_attention_window){
                        .projected = encoder->projected + rows->first_row * stride,
                        .n_rows = context->n_rows,
                        .stride = stride,
                        .block = encoder->is_blocked ? encoder->n_rows * TALL_TILE_COLUMNS
                                                     : TALL_TILE_COLUMNS,
                        .biases = context->biases,
                        .n_unbiased = context->n_plain,
                        .ret = encoder->attended + rows->first_row * n};
        }
        self_attention_run(&encoder->attention, windows, encoder->n_windows);
}

const float *fused_encoder_run(struct fused_encoder *encoder,
                               const struct encoder_window *windows, size_t n) {
        const struct whisper_model *model = encoder->model;
        const struct encoder_layer *before = NULL;

        place_windows(encoder, windows, n);
        convolve(encoder);
        for (int i = 0; i < model->info.n_audio_layers; i++) {
                run_chunks(encoder, before, &model->encoder_layers[i]);
                attend(encoder);
                before = &model->encoder_layers[i];
        }
        run_chunks(encoder, before, NULL);
        return encoder->features;
}

// A layer of all rows.
struct projection {
        const struct fused_encoder *encoder;
        const struct tall_layer *layer;
};

static void project_chunk(void *context, size_t index, size_t thread) {
        const struct projection *projection = context;
        const struct fused_encoder *encoder = projection->encoder;
        const struct tall_layer *layer = projection->layer;
        struct row_chunk chunk = chunk_of(encoder, index, thread);
        size_t n = encoder->n_state;
        struct tall_input input = tall_take_floats(
                &chunk.space->chunk, encoder->features + chunk.first * n, n, chunk.n, n);

        tall_layer_multiply(layer, &input, chunk.n,
                            encoder->memory + chunk.first * layer->n_out, layer->n_out, 0);
}

const float *fused_encoder_project(struct fused_encoder *encoder,
                                   const struct tall_layer *layer) {
        team_run(encoder->team, count_row_chunks(encoder), project_chunk,
                 &(struct projection){encoder, layer});
        return encoder->memory;
}
