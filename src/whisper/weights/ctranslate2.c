/* CTranslate2's model.bin, all integers little-endian:
 *
 *      u32 version, name of the specification, u32 its revision   (name since version 2)
 *      u32 n, then n variables:
 *              name, u8 rank, rank times u32, type, u32 size, bytes
 *      u32 n, then n pairs of alias and name                      (since version 3)
 *
 * A name is a u16 count of bytes, the last of which is zero. Since version 4 the type is one of
 * enum ctranslate2_type and the size counts bytes; before, the type was the bytes of one
 * element and the size counted elements. Matrices are [out, in], as here; integers come with a
 * variable NAME_scale by which they are to be divided.
 */
#include "whisper/weights/formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define VERSION_MAX    6
#define RANK_MAX       8
#define VARIABLES_MAX  16384
#define NAME_BYTES_MAX 256

// Numbers as in the file.
enum ctranslate2_type {
        TYPE_F32 = 0,
        TYPE_I8 = 1,
        TYPE_I16 = 2,
        TYPE_I32 = 3,
        TYPE_F16 = 4,
        TYPE_BF16 = 5,
        N_TYPES
};

static const enum element_type type_elements[N_TYPES] = {
        [TYPE_F32] = ELEMENT_F32, [TYPE_I8] = ELEMENT_I8,     [TYPE_I16] = ELEMENT_I16,
        [TYPE_I32] = ELEMENT_F32,  // only ever counted, never read: vectors of integers
        [TYPE_F16] = ELEMENT_F16, [TYPE_BF16] = ELEMENT_BF16,
};

struct variable {
        const char *name;  // in the file, zero-terminated
        int64_t shape[RANK_MAX];
        int rank;
        unsigned type;
        int64_t n;  // elements
        const uint8_t *bytes;
};

struct variables {
        struct variable *items;  // sorted by name
        size_t n;
        uint32_t version;
};

static void variables_deinit(struct variables *variables) {
        free(variables->items);
}

// A string of the file, in place; NULL when it does not fit or has no end.
static const char *name_read(struct cursor *cursor) {
        uint16_t n = cursor_u16(cursor);
        const uint8_t *bytes = cursor_take(cursor, n);

        if (!bytes || n == 0 || n > NAME_BYTES_MAX || bytes[n - 1] != 0 ||
            memchr(bytes, 0, n) != bytes + n - 1)
                return NULL;
        return (const char *)bytes;
}

static int variable_read_type(struct variable *variable, struct cursor *cursor,
                              uint32_t version, struct error *error) {
        uint8_t type = cursor_u8(cursor);
        int64_t size = cursor_u32(cursor), element;

        if (version < 4) {
                size *= type;
                type = type == 4 ? TYPE_F32 : type == 2 ? TYPE_I16 : type == 1 ? TYPE_I8 : 255;
        }
        if (type >= N_TYPES && !cursor->is_short) {
                error_set(error, -EBADMSG, "%s has an unknown type of numbers, %u",
                          variable->name, type);
                return -EBADMSG;
        }
        variable->bytes = cursor_take(cursor, (size_t)size);
        if (!variable->bytes || type >= N_TYPES) {
                error_set(error, -EBADMSG, "the file ends within %s: truncated?",
                          variable->name);
                return -EBADMSG;
        }
        variable->type = type;
        element = element_bytes(type_elements[type], 1, 1);
        if (variable->n > size / element || variable->n * element != size)
                return error_set(error, -EBADMSG,
                                 "%s has %" PRId64 " bytes, which is not its shape's size",
                                 variable->name, size);
        return 0;
}

static int variable_read(struct variable *variable, struct cursor *cursor, uint32_t version,
                         struct error *error) {
        uint8_t rank;

        variable->name = name_read(cursor);
        if (!variable->name) {
                error_set(error, -EBADMSG,
                          "a variable's name is broken: truncated or damaged file");
                return -EBADMSG;
        }
        rank = cursor_u8(cursor);
        if (rank > RANK_MAX)
                return error_set(error, -EBADMSG, "%s has %u dimensions, more than %d",
                                 variable->name, rank, RANK_MAX);
        variable->rank = rank;
        variable->n = 1;
        for (int i = 0; i < rank; i++) {
                variable->shape[i] = cursor_u32(cursor);
                if (__builtin_mul_overflow(variable->n, variable->shape[i], &variable->n))
                        return error_set(error, -EBADMSG, "the shape of %s overflows",
                                         variable->name);
        }
        return variable_read_type(variable, cursor, version, error);
}

static int variable_compare(const void *a, const void *b) {
        const struct variable *first = a, *second = b;

        return strcmp(first->name, second->name);
}

static int variable_name_compare(const void *name, const void *variable) {
        return strcmp(name, ((const struct variable *)variable)->name);
}

static const struct variable *variables_find(const struct variables *variables,
                                             const char *name) {
        return bsearch(name, variables->items, variables->n, sizeof(*variables->items),
                       variable_name_compare);
}

static int header_read(struct cursor *cursor, uint32_t *ret_version, struct error *error) {
        uint32_t version = cursor_u32(cursor);
        const char *specification;

        if (cursor->is_short || version < 2 || version > VERSION_MAX) {
                error_set(error, -EBADMSG,
                          "not a CTranslate2 model, or of a version (%" PRIu32
                          ") that is not between 2 and %d",
                          version, VERSION_MAX);
                return -EBADMSG;
        }
        specification = name_read(cursor);
        cursor_u32(cursor);
        if (!specification || cursor->is_short) {
                error_set(error, -EBADMSG, "not a CTranslate2 model: no name inside");
                return -EBADMSG;
        }
        if (strcmp(specification, "WhisperSpec") != 0) {
                error_set(error, -EBADMSG, "a CTranslate2 model, but not Whisper: it is a %s",
                          specification);
                return -EBADMSG;
        }
        *ret_version = version;
        return 0;
}

static int variables_sort(struct variables *variables, struct error *error) {
        qsort(variables->items, variables->n, sizeof(*variables->items), variable_compare);
        for (size_t i = 1; i < variables->n; i++)
                if (strcmp(variables->items[i - 1].name, variables->items[i].name) == 0)
                        return error_set(error, -EBADMSG, "%s is there twice",
                                         variables->items[i].name);
        return 0;
}

// Variables of equal values are kept once; the others are aliases of the first. They become
// variables that point at the same bytes.
static int aliases_read(struct variables *variables, struct cursor *cursor,
                        struct error *error) {
        size_t n_variables = variables->n;
        uint32_t n = cursor_u32(cursor);

        if (cursor->is_short || n > VARIABLES_MAX) {
                error_set(error, -EBADMSG,
                          "the file ends before its aliases, or has more than %d: "
                          "truncated?",
                          VARIABLES_MAX);
                return -EBADMSG;
        }
        variables->items =
                xrealloc_array(variables->items, n_variables + n, sizeof(*variables->items));
        for (uint32_t i = 0; i < n; i++) {
                const char *alias = name_read(cursor);
                const char *name = alias ? name_read(cursor) : NULL;
                const struct variable *variable =
                        name ? bsearch(name, variables->items, n_variables,
                                       sizeof(*variables->items), variable_name_compare)
                             : NULL;

                if (!variable)
                        return error_set(error, -EBADMSG,
                                         "an alias is broken: truncated or damaged file");
                variables->items[variables->n] = *variable;
                variables->items[variables->n++].name = alias;
        }
        return variables_sort(variables, error);
}

static int variables_read(struct variables *variables, struct cursor *cursor,
                          struct error *error) {
        uint32_t n;
        int r;

        r = header_read(cursor, &variables->version, error);
        if (r < 0)
                return r;
        n = cursor_u32(cursor);
        if (cursor->is_short || n > VARIABLES_MAX) {
                error_set(error, -EBADMSG, "%" PRIu32 " variables, more than %d", n,
                          VARIABLES_MAX);
                return -EBADMSG;
        }
        variables->items = xcalloc(n, sizeof(*variables->items));
        for (uint32_t i = 0; i < n; i++) {
                r = variable_read(&variables->items[i], cursor, variables->version, error);
                if (r < 0)
                        return r;
                variables->n++;
        }
        r = variables_sort(variables, error);
        if (r < 0 || variables->version < 3)
                return r;
        return aliases_read(variables, cursor, error);
}

static const struct variable *variables_need(const struct variables *variables,
                                             const char *name, struct error *error) {
        const struct variable *variable = variables_find(variables, name);

        if (!variable)
                error_set(error, -EBADMSG, "not a whole Whisper model: %s is missing", name);
        return variable;
}

static int dimension_get(const struct variables *variables, const char *name, int rank,
                         int dimension, int *ret, struct error *error) {
        const struct variable *variable = variables_need(variables, name, error);

        if (!variable)
                return -EBADMSG;
        if (variable->rank != rank || variable->shape[dimension] > INT32_MAX)
                return error_set(error, -EBADMSG, "%s has the wrong shape", name);
        *ret = (int)variable->shape[dimension];
        return 0;
}

static int layers_count(const struct variables *variables, const char *side) {
        char name[NAME_BYTES_MAX];
        int n;

        for (n = 0; n <= WEIGHTS_LAYERS_MAX; n++) {
                snprintf(name, sizeof(name), "%s/layer_%d/ffn/linear_0/weight", side, n);
                if (!variables_find(variables, name))
                        break;
        }
        return n;
}

// Files of before version 3.0 do not say; every Whisper has heads of 64.
static int heads_count(const struct variables *variables, const char *name, int state) {
        const struct variable *variable = variables_find(variables, name);
        uint16_t count;

        if (!variable || variable->type != TYPE_I16 || variable->n != 1)
                return state / 64;
        memcpy(&count, variable->bytes, sizeof(count));
        return count;
}

static int shapes_read(struct whisper_info *info, const struct variables *variables,
                       struct error *error) {
        struct {
                const char *name;
                int rank, dimension, *ret;
        } wanted[] = {
                {"encoder/conv1/weight", 3, 1, &info->n_mels},
                {"encoder/position_encodings/encodings", 2, 0, &info->n_audio_context},
                {"encoder/position_encodings/encodings", 2, 1, &info->n_audio_state},
                {"decoder/position_encodings/encodings", 2, 0, &info->n_text_context},
                {"decoder/position_encodings/encodings", 2, 1, &info->n_text_state},
                {"decoder/embeddings/weight", 2, 0, &info->n_vocabulary},
        };

        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
                int r = dimension_get(variables, wanted[i].name, wanted[i].rank,
                                      wanted[i].dimension, wanted[i].ret, error);

                if (r < 0)
                        return r;
        }
        info->n_audio_layers = layers_count(variables, "encoder");
        info->n_text_layers = layers_count(variables, "decoder");
        info->n_audio_heads = heads_count(variables, "encoder/num_heads", info->n_audio_state);
        info->n_text_heads = heads_count(variables, "decoder/num_heads", info->n_text_state);
        return 0;
}

static int scales_find(struct weights_tensor *tensor, const struct variable *variable,
                       const struct variables *variables, struct error *error) {
        char name[NAME_BYTES_MAX + sizeof("_scale")];
        const struct variable *scale;

        snprintf(name, sizeof(name), "%s_scale", variable->name);
        scale = variables_need(variables, name, error);
        if (!scale)
                return -EBADMSG;
        if (scale->type != TYPE_F32 || (scale->n != 1 && scale->n != variable->shape[0]))
                return error_set(error, -EBADMSG, "%s has the wrong shape or type", name);
        tensor->has_row_scales = scale->n != 1;
        tensor->scales = scale->bytes;
        if (tensor->has_row_scales)
                tensor->scales += (size_t)(tensor->part * tensor->shape[0]) * sizeof(float);
        return 0;
}

static int tensor_find(struct weights_tensor *tensor, const struct variables *variables,
                       struct error *error) {
        const struct variable *variable = variables_need(variables, tensor->ctranslate2, error);
        int64_t elements, offset;

        if (!variable)
                return -EBADMSG;
        elements = shape_elements(tensor->shape, tensor->n_dimensions);
        if (variable->rank != tensor->n_dimensions || variable->type == TYPE_I32 ||
            variable->shape[0] != tensor->shape[0] * tensor->n_parts ||
            variable->n != elements * tensor->n_parts ||
            (tensor->n_dimensions == 3 && variable->shape[1] != tensor->shape[1]))
                return error_set(error, -EBADMSG, "%s has the wrong shape or type",
                                 variable->name);
        tensor->type = type_elements[variable->type];
        offset = element_bytes(tensor->type, elements * tensor->part, tensor->shape[0]);
        tensor->bytes = variable->bytes + offset;
        if (tensor->type == ELEMENT_I8 || tensor->type == ELEMENT_I16)
                return scales_find(tensor, variable, variables, error);
        return 0;
}

int weights_read_ctranslate2(struct weights *weights, const struct weights_source *source,
                             struct error *error) {
        CLEANUP(variables_deinit) struct variables variables = {0};
        struct cursor cursor = {source->model, source->model + source->n_model, false};
        int r;

        weights->info.format = "ctranslate2";
        r = variables_read(&variables, &cursor, error);
        if (r < 0)
                return r;
        r = shapes_read(&weights->info, &variables, error);
        if (r < 0)
                return r;
        r = weights_plan(weights, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < weights->n_tensors; i++) {
                if (!*weights->tensors[i].ctranslate2)
                        continue;
                r = tensor_find(&weights->tensors[i], &variables, error);
                if (r < 0)
                        return r;
        }
        return 0;
}
