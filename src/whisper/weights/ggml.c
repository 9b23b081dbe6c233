/* whisper.cpp's ggml file, all integers little-endian 32 bits:
 *
 *      magic; 11 shapes; n_mels, n_bins, the mel filters as f32
 *      n, then n tokens: count of bytes, bytes
 *      tensors until the end of the file:
 *              rank, bytes of the name, type, the shape with the fastest dimension first,
 *              name, numbers
 *
 * Only the text tokens are listed: those above them are specials, whose order is known.
 */
#include "whisper/weights/formats.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "util/mem.h"

#define MAGIC    0x67676d6c  // "ggml"
#define RANK_MAX 4

// ggml's numbers for what it writes into Whisper files.
static const struct {
        int32_t number;
        enum element_type element;
} ggml_types[] = {
        {0, ELEMENT_F32},  {1, ELEMENT_F16},  {2, ELEMENT_Q4_0}, {3, ELEMENT_Q4_1},
        {6, ELEMENT_Q5_0}, {7, ELEMENT_Q5_1}, {8, ELEMENT_Q8_0}, {30, ELEMENT_BF16},
};

static int shapes_read(struct whisper_info *info, struct cursor *cursor, struct error *error) {
        if (cursor_u32(cursor) != MAGIC)
                return error_set(error, -EBADMSG,
                                 "neither a ggml Whisper model nor a CTranslate2 folder");
        info->n_vocabulary = cursor_i32(cursor);
        info->n_audio_context = cursor_i32(cursor);
        info->n_audio_state = cursor_i32(cursor);
        info->n_audio_heads = cursor_i32(cursor);
        info->n_audio_layers = cursor_i32(cursor);
        info->n_text_context = cursor_i32(cursor);
        info->n_text_state = cursor_i32(cursor);
        info->n_text_heads = cursor_i32(cursor);
        info->n_text_layers = cursor_i32(cursor);
        info->n_mels = cursor_i32(cursor);
        cursor_i32(cursor);  // the overall type; each tensor says its own
        if (cursor->is_short)
                return error_set(error, -EBADMSG, "the file ends within its head: truncated?");
        return 0;
}

static int mel_filters_read(struct weights *weights, struct cursor *cursor,
                            struct error *error) {
        int32_t n_mels = cursor_i32(cursor), n_bins = cursor_i32(cursor);
        const uint8_t *bytes;
        size_t n;

        if (cursor->is_short || n_mels != weights->info.n_mels || n_bins != WEIGHTS_MEL_BINS)
                return error_set(error, -EBADMSG,
                                 "mel filters of %" PRId32 " by %" PRId32 ", expected %d by %d",
                                 n_mels, n_bins, weights->info.n_mels, WEIGHTS_MEL_BINS);
        n = (size_t)n_mels * WEIGHTS_MEL_BINS;
        bytes = cursor_take(cursor, n * sizeof(float));
        if (!bytes)
                return error_set(error, -EBADMSG,
                                 "the file ends within the mel filters: truncated?");
        // A copy, since the file's may lie at any alignment.
        weights->mel_filters = xcalloc(n, sizeof(float));
        memcpy(weights->mel_filters, bytes, n * sizeof(float));
        return 0;
}

static int tokens_read(struct weights *weights, struct cursor *cursor, struct error *error) {
        int32_t n = cursor_i32(cursor);

        if (cursor->is_short || n < 1 || n > weights->info.n_vocabulary)
                return error_set(error, -EBADMSG,
                                 "a vocabulary of %" PRId32 " tokens, expected 1 to %d", n,
                                 weights->info.n_vocabulary);
        for (int32_t i = 0; i < n; i++) {
                uint32_t length = cursor_u32(cursor);
                const uint8_t *bytes = cursor_take(cursor, length);
                int r;

                if (!bytes)
                        return error_set(error, -EBADMSG,
                                         "the file ends within the vocabulary: truncated?");
                r = vocabulary_append(&weights->vocabulary, (const char *)bytes, length, error);
                if (r < 0)
                        return r;
        }
        // What is above the text tokens has no bytes.
        while (weights->vocabulary.n < (size_t)weights->info.n_vocabulary) {
                int r = vocabulary_append(&weights->vocabulary, "", 0, error);

                if (r < 0)
                        return r;
        }
        return 0;
}

// The head of a tensor: its shape slowest dimension first, without dimensions of 1 (biases of
// the convolutions are [state, 1] there).
struct ggml_header {
        char name[WEIGHTS_NAME_MAX];
        int64_t shape[RANK_MAX];
        int n_dimensions;
        int32_t type;
};

static int head_read(struct ggml_header *head, struct cursor *cursor, struct error *error) {
        int32_t rank = cursor_i32(cursor), length = cursor_i32(cursor);
        int32_t fastest_first[RANK_MAX];
        const uint8_t *name;

        head->type = cursor_i32(cursor);
        if (cursor->is_short || rank < 1 || rank > RANK_MAX || length < 1 ||
            length >= WEIGHTS_NAME_MAX) {
                error_set(error, -EBADMSG,
                          "a tensor's head is broken: truncated or damaged file");
                return -EBADMSG;
        }
        for (int i = 0; i < rank; i++)
                fastest_first[i] = cursor_i32(cursor);
        name = cursor_take(cursor, (size_t)length);
        if (!name) {
                error_set(error, -EBADMSG, "the file ends within a tensor's head: truncated?");
                return -EBADMSG;
        }
        memcpy(head->name, name, (size_t)length);
        head->name[length] = 0;
        head->n_dimensions = 0;
        for (int i = rank; i-- > 0;)
                if (fastest_first[i] != 1)
                        head->shape[head->n_dimensions++] = fastest_first[i];
        return 0;
}

static bool head_fits(const struct ggml_header *head, const struct weights_tensor *tensor) {
        int n = 0;

        for (int i = 0; i < tensor->n_dimensions; i++) {
                if (tensor->shape[i] == 1)
                        continue;
                if (n == head->n_dimensions || head->shape[n] != tensor->shape[i])
                        return false;
                n++;
        }
        return n == head->n_dimensions;
}

static int type_find(const struct ggml_header *head, enum element_type *ret,
                     struct error *error) {
        for (size_t i = 0; i < sizeof(ggml_types) / sizeof(ggml_types[0]); i++)
                if (ggml_types[i].number == head->type) {
                        *ret = ggml_types[i].element;
                        return 0;
                }
        return error_set(error, -EBADMSG,
                         "%s has numbers of ggml's type %" PRId32
                         ", which is not read here: use f16, q8_0, q5_1, q5_0, q4_1 or q4_0",
                         head->name, head->type);
}

static int tensor_read(struct weights *weights, struct cursor *cursor, struct error *error) {
        struct weights_tensor *tensor;
        enum element_type element = ELEMENT_NONE;
        struct ggml_header head;
        int64_t n, size;
        int r;

        r = head_read(&head, cursor, error);
        if (r < 0)
                return r;
        tensor = weights_find(weights, head.name);
        if (!tensor || !head_fits(&head, tensor))
                return error_set(error, -EBADMSG, "%s is not part of a Whisper of this size",
                                 head.name);
        if (tensor->bytes)
                return error_set(error, -EBADMSG, "%s is there twice", head.name);
        r = type_find(&head, &element, error);
        if (r < 0)
                return r;
        n = shape_elements(tensor->shape, tensor->n_dimensions);
        size = element_bytes(element, n, tensor->shape[tensor->n_dimensions - 1]);
        if (size < 0)
                return error_set(error, -EBADMSG, "the rows of %s cannot be of its type",
                                 head.name);
        tensor->type = element;
        tensor->bytes = cursor_take(cursor, (size_t)size);
        if (!tensor->bytes)
                return error_set(error, -EBADMSG, "the file ends within %s: truncated?",
                                 head.name);
        return 0;
}

static int tensors_check(const struct weights *weights, struct error *error) {
        for (size_t i = 0; i < weights->n_tensors; i++) {
                const struct weights_tensor *tensor = &weights->tensors[i];

                if (!tensor->bytes && *tensor->ctranslate2)
                        return error_set(error, -EBADMSG,
                                         "%s is missing: truncated or damaged file",
                                         tensor->name);
        }
        return 0;
}

int weights_read_ggml(struct weights *weights, const struct weights_source *source,
                      struct error *error) {
        struct cursor cursor = {source->model, source->model + source->n_model, false};
        int r;

        weights->info.format = "ggml";
        r = shapes_read(&weights->info, &cursor, error);
        if (r < 0)
                return r;
        r = weights_plan(weights, error);
        if (r < 0)
                return r;
        r = mel_filters_read(weights, &cursor, error);
        if (r < 0)
                return r;
        r = tokens_read(weights, &cursor, error);
        if (r < 0)
                return r;
        while (cursor_left(&cursor)) {
                r = tensor_read(weights, &cursor, error);
                if (r < 0)
                        return r;
        }
        return tensors_check(weights, error);
}
