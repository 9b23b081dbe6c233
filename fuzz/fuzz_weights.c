// Weights: model files from strangers. The first byte says which format the rest is in.

#include <stdlib.h>

#include "fuzz.h"
#include "whisper/weights/formats.h"

// What a made-up model may have: real ones would only make the fuzzer slow.
#define ELEMENTS_MAX 100000

enum input_kind { KIND_GGML, KIND_CTRANSLATE2, KIND_LINES, KIND_JSON, N_KINDS };

static void tensors_copy(const struct weights *weights) {
        for (size_t i = 0; i < weights->n_tensors; i++) {
                const struct weights_tensor *tensor = &weights->tensors[i];
                int64_t n = shape_elements(tensor->shape, tensor->n_dimensions);
                float *values;

                if (n > ELEMENTS_MAX)
                        continue;
                values = malloc((size_t)n * sizeof(*values));
                if (!values || weights_copy(weights, tensor->name, values, (size_t)n) < 0)
                        abort();
                free(values);
        }
}

static void tokens_read(const struct weights *weights) {
        volatile char sum = 0;

        for (int32_t id = 0; id < weights_info(weights)->n_vocabulary; id++) {
                size_t length;
                const char *bytes = weights_token(weights, id, &length);

                for (size_t i = 0; i < length; i++)
                        sum = (char)(sum ^ bytes[i]);
        }
}

static void model_read(enum input_kind kind, const uint8_t *bytes, size_t n) {
        static const uint8_t vocabulary[] = "a\nb\nc\n";
        struct weights_source source = {.model_name = "model", .model = bytes, .n_model = n};
        struct weights *weights;
        struct error error;

        if (kind == KIND_CTRANSLATE2) {
                source.vocabulary_name = "vocabulary";
                source.vocabulary = vocabulary;
                source.n_vocabulary = sizeof(vocabulary) - 1;
        }
        if (weights_from_memory(&weights, &source, &error) < 0)
                return;
        tensors_copy(weights);
        tokens_read(weights);
        weights_close(weights);
}

static void vocabulary_try(enum input_kind kind, const uint8_t *bytes, size_t n) {
        struct weights_source source = {.vocabulary_name = "vocabulary",
                                        .vocabulary = bytes,
                                        .n_vocabulary = n,
                                        .vocabulary_is_json = kind == KIND_JSON};
        struct vocabulary vocabulary = {0};
        struct error error;

        vocabulary_read(&vocabulary, &source, &error);
        vocabulary_deinit(&vocabulary);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        enum input_kind kind;

        if (n == 0)
                return 0;
        kind = bytes[0] % N_KINDS;
        if (kind == KIND_GGML || kind == KIND_CTRANSLATE2)
                model_read(kind, bytes + 1, n - 1);
        else
                vocabulary_try(kind, bytes + 1, n - 1);
        return 0;
}
