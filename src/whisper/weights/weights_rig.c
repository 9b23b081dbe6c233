#include "whisper/weights/weights_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

const struct whisper_info tiny_shapes = {
        .n_vocabulary = TINY_VOCABULARY,
        .n_audio_context = 4,
        .n_audio_state = 32,
        .n_audio_heads = 2,
        .n_audio_layers = 1,
        .n_text_context = 3,
        .n_text_state = 32,
        .n_text_heads = 2,
        .n_text_layers = 2,
        .n_mels = 5,
};

const char tiny_vocabulary[] = "!\nĠthe\n\nñ\n<|a|>\nĊ\nz\n";

static void bytes_put(struct model_bytes *bytes, const void *from, size_t n) {
        if (bytes->n + n > bytes->n_allocated) {
                bytes->n_allocated = 2 * (bytes->n + n);
                bytes->at = xrealloc_array(bytes->at, bytes->n_allocated, 1);
        }
        memcpy(bytes->at + bytes->n, from, n);
        bytes->n += n;
}

static void bytes_u32(struct model_bytes *bytes, uint32_t value) {
        bytes_put(bytes, &value, sizeof(value));
}

static void bytes_u8(struct model_bytes *bytes, uint8_t value) {
        bytes_put(bytes, &value, sizeof(value));
}

// CTranslate2's strings count their final zero.
static void bytes_string(struct model_bytes *bytes, const char *text) {
        uint16_t n = (uint16_t)(strlen(text) + 1);

        bytes_put(bytes, &n, sizeof(n));
        bytes_put(bytes, text, n);
}

float tiny_value(const char *name, int64_t i) {
        uint32_t hash = 2166136261u;

        for (const char *at = name; *at; at++)
                hash = (hash ^ (unsigned char)*at) * 16777619u;
        hash = (hash ^ (uint32_t)i) * 2654435761u;
        return (float)((int)(hash >> 24) - 128) / 64;
}

struct weights tiny_plan(void) {
        struct weights plan = {.info = tiny_shapes};

        if (weights_plan(&plan, NULL) < 0)
                abort();
        return plan;
}

// --- ggml ---------------------------------------------------------------------------------

static void ggml_put_head(struct model_bytes *bytes) {
        const struct whisper_info *info = &tiny_shapes;
        const int32_t head[] = {
                0x67676d6c,           info->n_vocabulary,  info->n_audio_context,
                info->n_audio_state,  info->n_audio_heads, info->n_audio_layers,
                info->n_text_context, info->n_text_state,  info->n_text_heads,
                info->n_text_layers,  info->n_mels,        0,
                info->n_mels,         WEIGHTS_MEL_BINS};

        bytes_put(bytes, head, sizeof(head));
        for (int i = 0; i < info->n_mels * WEIGHTS_MEL_BINS; i++)
                bytes_put(bytes, &(float){(float)i}, sizeof(float));
        bytes_u32(bytes, 2);
        bytes_u32(bytes, 1);
        bytes_put(bytes, "!", 1);
        bytes_u32(bytes, 4);
        bytes_put(bytes, " the", 4);
}

static void ggml_put_tensor(struct model_bytes *bytes, const struct weights_tensor *tensor) {
        int64_t n = shape_elements(tensor->shape, tensor->n_dimensions);

        bytes_u32(bytes, (uint32_t)tensor->n_dimensions);
        bytes_u32(bytes, (uint32_t)strlen(tensor->name));
        bytes_u32(bytes, 0);  // f32
        for (int i = tensor->n_dimensions; i-- > 0;)
                bytes_u32(bytes, (uint32_t)tensor->shape[i]);
        bytes_put(bytes, tensor->name, strlen(tensor->name));
        for (int64_t i = 0; i < n; i++)
                bytes_put(bytes, &(float){tiny_value(tensor->name, i)}, sizeof(float));
}

struct model_bytes ggml_build(void) {
        struct weights plan = tiny_plan();
        struct model_bytes bytes = {0};

        ggml_put_head(&bytes);
        for (size_t i = 0; i < plan.n_tensors; i++)
                if (*plan.tensors[i].ctranslate2)
                        ggml_put_tensor(&bytes, &plan.tensors[i]);
        free(plan.tensors);
        return bytes;
}

// --- CTranslate2 --------------------------------------------------------------------------

// Of the multiples of 1/64 that tiny_value() gives.
static uint16_t half_from_float(float value) {
        int exponent;
        float fraction = frexpf(fabsf(value), &exponent);
        uint16_t sign = value < 0 ? 0x8000 : 0;

        if (value == 0)
                return 0;
        return (uint16_t)(sign | (exponent + 14) << 10 | ((int)(fraction * 2048) & 0x3ff));
}

static void ctranslate2_put_value(struct model_bytes *bytes, int type, float value) {
        uint32_t bits;
        uint16_t half;

        memcpy(&bits, &value, sizeof(bits));
        switch (type) {
        case TYPE_I8:  // with a scale of 64, which holds it exactly
                bytes_u8(bytes, (uint8_t)(int8_t)(value * 64));
                return;
        case TYPE_I16:
                bytes_put(bytes, &(int16_t){(int16_t)(value * 64)}, sizeof(int16_t));
                return;
        case TYPE_F16:
                half = half_from_float(value);
                bytes_put(bytes, &half, sizeof(half));
                return;
        case TYPE_BF16:
                bytes_put(bytes, (uint8_t *)&bits + 2, 2);
                return;
        default:
                bytes_put(bytes, &value, sizeof(value));
        }
}

static void ctranslate2_put_head(struct model_bytes *bytes, const char *name, int rank,
                                 const int64_t *shape, int type, size_t size) {
        bytes_string(bytes, name);
        bytes_u8(bytes, (uint8_t)rank);
        for (int i = 0; i < rank; i++)
                bytes_u32(bytes, (uint32_t)shape[i]);
        bytes_u8(bytes, (uint8_t)type);
        bytes_u32(bytes, (uint32_t)size);
}

// The part of the plan's tensor `name` that is the given part of its CTranslate2 tensor; NULL
// for the keys' bias, which is zeros there.
static const struct weights_tensor *part_find(const struct weights *plan, const char *name,
                                              int part) {
        for (size_t i = 0; i < plan->n_tensors; i++)
                if (strcmp(plan->tensors[i].ctranslate2, name) == 0 &&
                    plan->tensors[i].part == part)
                        return &plan->tensors[i];
        return NULL;
}

// Only the multiplied matrices become integers, as in CTranslate2.
static int type_of(const struct weights_tensor *tensor, int type) {
        bool is_integer = type == TYPE_I8 || type == TYPE_I16;

        return is_integer && tensor->n_dimensions == 1 ? TYPE_F32 : type;
}

static void ctranslate2_put_tensor(struct model_bytes *bytes, const struct weights *plan,
                                   const struct weights_tensor *tensor, int wanted) {
        static const size_t sizes[] = {4, 1, 2, 4, 2, 2};
        int type = type_of(tensor, wanted);
        int64_t n = shape_elements(tensor->shape, tensor->n_dimensions);
        int64_t shape[WEIGHTS_DIMENSIONS_MAX];
        char scale[WEIGHTS_NAME_MAX + 8];

        memcpy(shape, tensor->shape, sizeof(shape));
        shape[0] *= tensor->n_parts;
        ctranslate2_put_head(bytes, tensor->ctranslate2, tensor->n_dimensions, shape, type,
                             (size_t)(n * tensor->n_parts) * sizes[type]);
        for (int part = 0; part < tensor->n_parts; part++) {
                const struct weights_tensor *own = part_find(plan, tensor->ctranslate2, part);

                for (int64_t i = 0; i < n; i++)
                        ctranslate2_put_value(bytes, type, own ? tiny_value(own->name, i) : 0);
        }
        if (type != TYPE_I8 && type != TYPE_I16)
                return;
        snprintf(scale, sizeof(scale), "%s_scale", tensor->ctranslate2);
        ctranslate2_put_head(bytes, scale, type == TYPE_I8, shape, TYPE_F32,
                             type == TYPE_I8 ? 4 * (size_t)shape[0] : 4);
        for (int64_t i = 0; i < (type == TYPE_I8 ? shape[0] : 1); i++)
                bytes_put(bytes, &(float){64}, sizeof(float));
}

static void ctranslate2_put_heads(struct model_bytes *bytes, const char *name) {
        ctranslate2_put_head(bytes, name, 0, NULL, TYPE_I16, sizeof(int16_t));
        bytes_put(bytes, &(int16_t){2}, sizeof(int16_t));
}

struct model_bytes ctranslate2_build(const char *specification, int type) {
        struct weights plan = tiny_plan();
        struct model_bytes bytes = {0};
        uint32_t n = 2;
        size_t at;

        bytes_u32(&bytes, 6);
        bytes_string(&bytes, specification);
        bytes_u32(&bytes, 3);
        at = bytes.n;
        bytes_u32(&bytes, 0);
        for (size_t i = 0; i < plan.n_tensors; i++) {
                const struct weights_tensor *tensor = &plan.tensors[i];

                // Once for all parts: with the first that has a tensor of its own.
                if (!*tensor->ctranslate2 ||
                    (tensor->part && part_find(&plan, tensor->ctranslate2, 0)))
                        continue;
                ctranslate2_put_tensor(&bytes, &plan, tensor, type);
                n += 1 +
                     (type_of(tensor, type) == TYPE_I8 || type_of(tensor, type) == TYPE_I16);
        }
        ctranslate2_put_heads(&bytes, "encoder/num_heads");
        ctranslate2_put_heads(&bytes, "decoder/num_heads");
        memcpy(bytes.at + at, &n, sizeof(n));
        bytes_u32(&bytes, 1);
        bytes_string(&bytes, "decoder/projection/weight");
        bytes_string(&bytes, "decoder/embeddings/weight");
        free(plan.tensors);
        return bytes;
}
