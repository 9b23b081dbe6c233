#include "whisper/weights/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/weights/weights_rig.h"

static struct model_bytes bytes_free(struct model_bytes bytes) {
        free(bytes.at);
        return (struct model_bytes){0};
}

DEFINE_CLEANUP(struct model_bytes, bytes_free);

static int model_read(struct weights **ret, const struct model_bytes *model,
                      bool is_ctranslate2, struct error *error) {
        struct weights_source source = {
                .model_name = "the-model", .model = model->at, .n_model = model->n};

        if (is_ctranslate2) {
                source.vocabulary_name = "the-vocabulary";
                source.vocabulary = (const uint8_t *)tiny_vocabulary;
                source.n_vocabulary = strlen(tiny_vocabulary);
        }
        return weights_from_memory(ret, &source, error);
}

// --- what is read is what was written -----------------------------------------------------

static void assert_values(const struct weights *weights) {
        CLEANUP(mem_freep) char *block = xcalloc(4 * 32 * 32, sizeof(float));
        struct weights plan = tiny_plan();
        float *values = (float *)(void *)block;

        for (size_t t = 0; t < plan.n_tensors; t++) {
                const struct weights_tensor *tensor = &plan.tensors[t];
                int64_t n = shape_elements(tensor->shape, tensor->n_dimensions);

                assert_int_equal(weights_copy(weights, tensor->name, values, (size_t)n), 0);
                for (int64_t i = 0; i < n; i++) {
                        float expected = *tensor->ctranslate2 ? tiny_value(tensor->name, i) : 0;

                        if (values[i] != expected)
                                fail_msg("%s[%d] is %f, not %f", tensor->name, (int)i,
                                         values[i], expected);
                }
        }
        free(plan.tensors);
}

static void assert_shapes(const struct weights *weights, const char *format) {
        const struct whisper_info *info = weights_info(weights);

        assert_string_equal(info->format, format);
        assert_int_equal(info->n_mels, tiny_shapes.n_mels);
        assert_int_equal(info->n_audio_context, tiny_shapes.n_audio_context);
        assert_int_equal(info->n_audio_state, tiny_shapes.n_audio_state);
        assert_int_equal(info->n_audio_heads, tiny_shapes.n_audio_heads);
        assert_int_equal(info->n_audio_layers, tiny_shapes.n_audio_layers);
        assert_int_equal(info->n_text_context, tiny_shapes.n_text_context);
        assert_int_equal(info->n_text_heads, tiny_shapes.n_text_heads);
        assert_int_equal(info->n_text_layers, tiny_shapes.n_text_layers);
        assert_int_equal(info->n_vocabulary, TINY_VOCABULARY);
}

static void ctranslate2_values_are_read(void **state) {
        static const int types[] = {TYPE_F32, TYPE_F16, TYPE_BF16, TYPE_I8, TYPE_I16};

        (void)state;
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                CLEANUP(bytes_freep)
                struct model_bytes model = ctranslate2_build("WhisperSpec", types[i]);
                CLEANUP(weights_closep) struct weights *weights = NULL;
                struct error error;

                if (model_read(&weights, &model, true, &error) < 0)
                        fail_msg("type %d: %s", types[i], error.text);
                assert_shapes(weights, "ctranslate2");
                assert_values(weights);
                assert_null(weights_mel_filters(weights));
        }
}

static void assert_token(const struct weights *weights, int32_t id, const char *expected) {
        size_t length;
        const char *bytes = weights_token(weights, id, &length);

        assert_int_equal(length, strlen(expected));
        assert_memory_equal(bytes, expected, length);
}

static void ctranslate2_tokens_are_bytes(void **state) {
        CLEANUP(bytes_freep)
        struct model_bytes model = ctranslate2_build("WhisperSpec", TYPE_F16);
        CLEANUP(weights_closep) struct weights *weights = NULL;

        (void)state;
        assert_int_equal(model_read(&weights, &model, true, NULL), 0);
        assert_token(weights, 0, "!");
        assert_token(weights, 1, " the");
        assert_token(weights, 2, "");
        assert_token(weights, 3, "\xf1");
        assert_token(weights, 4, "<|a|>");
        assert_token(weights, 5, "\n");
}

static void ggml_values_are_read(void **state) {
        CLEANUP(bytes_freep) struct model_bytes model = ggml_build();
        CLEANUP(weights_closep) struct weights *weights = NULL;
        struct error error;

        (void)state;
        if (model_read(&weights, &model, false, &error) < 0)
                fail_msg("%s", error.text);
        assert_shapes(weights, "ggml");
        assert_values(weights);
        assert_non_null(weights_mel_filters(weights));
        assert_true(weights_mel_filters(weights)[1004] == 1004);
        assert_token(weights, 1, " the");
        assert_token(weights, 6, "");
}

static void unknown_names_and_sizes_are_refused(void **state) {
        CLEANUP(bytes_freep) struct model_bytes model = ggml_build();
        CLEANUP(weights_closep) struct weights *weights = NULL;
        float values[32] = {7};

        (void)state;
        assert_int_equal(model_read(&weights, &model, false, NULL), 0);
        assert_int_equal(weights_copy(weights, "decoder.ln.wait", values, 32), -ENOENT);
        assert_int_equal(weights_copy(weights, "decoder.ln.weight", values, 31), -EINVAL);
        assert_true(values[0] == 7);
}

// --- ggml's blocks ------------------------------------------------------------------------

// A block whose quanta are 0, 1, 2 ... (modulo their range), scale 0.5 and minimum -1.
static void block_is_read(enum element_type type, int bits, bool has_minimum, int offset) {
        uint8_t block[40] = {0x00, 0x38, 0x00, 0xbc};  // f16 0.5, f16 -1
        uint8_t *at = block + (has_minimum ? 4 : 2);
        struct weights_tensor tensor = {
                .shape = {1, 32}, .n_dimensions = 2, .type = type, .bytes = block};
        float values[32];

        if (!has_minimum)
                memset(at, 0, 2);
        for (int i = 0; i < 32; i++) {
                int quantum = i % (1 << bits);

                if (bits == 8) {
                        at[i] = (uint8_t)(i - 16);
                        continue;
                }
                if (bits == 5)
                        at[i / 8] |= (uint8_t)(quantum >> 4 << i % 8);
                at[(bits == 5 ? 4 : 0) + i % 16] |=
                        (uint8_t)((quantum & 15) << (i < 16 ? 0 : 4));
        }
        assert_int_equal(element_bytes(type, 32, 32),
                         (has_minimum ? 4 : 2) + (bits == 8   ? 32
                                                  : bits == 5 ? 20
                                                              : 16));
        elements_to_float(&tensor, values, 32);
        for (int i = 0; i < 32; i++) {
                int quantum = bits == 8 ? i - 16 : i % (1 << bits) - offset;

                assert_true(values[i] == (float)quantum * 0.5F - (has_minimum ? 1.0F : 0));
        }
}

static void ggml_blocks_are_read(void **state) {
        (void)state;
        block_is_read(ELEMENT_Q4_0, 4, false, 8);
        block_is_read(ELEMENT_Q4_1, 4, true, 0);
        block_is_read(ELEMENT_Q5_0, 5, false, 16);
        block_is_read(ELEMENT_Q5_1, 5, true, 0);
        block_is_read(ELEMENT_Q8_0, 8, false, 0);
        assert_int_equal(element_bytes(ELEMENT_Q4_0, 33, 33), -1);
}

// All 65536 half floats against the compiler's own conversion by way of long double powers.
static void halves_are_read(void **state) {
        (void)state;
        for (unsigned bits = 0; bits < 0x10000; bits++) {
                uint16_t half = (uint16_t)bits;
                struct weights_tensor tensor = {.shape = {1},
                                                .n_dimensions = 1,
                                                .type = ELEMENT_F16,
                                                .bytes = (const uint8_t *)&half};
                int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 0x3ff);
                float magnitude = exponent ? ldexpf((float)(1024 + fraction), exponent - 25)
                                           : ldexpf((float)fraction, -24);
                float value;

                elements_to_float(&tensor, &value, 1);
                if (exponent == 31 && fraction)
                        assert_true(isnan(value));
                else if (exponent == 31)
                        assert_true(value == (bits & 0x8000 ? -INFINITY : INFINITY));
                else
                        assert_true(value == (bits & 0x8000 ? -magnitude : magnitude));
        }
}

// --- what is no model, and what is broken -------------------------------------------------

static void assert_refused(const struct model_bytes *model, bool is_ctranslate2,
                           const char *words) {
        struct weights *weights = NULL;
        struct error error = {0};

        assert_int_equal(model_read(&weights, model, is_ctranslate2, &error), -EBADMSG);
        assert_null(weights);
        if (!strstr(error.text, words) || !strstr(error.text, "the-"))
                fail_msg("'%s' lacks '%s' or the file's name", error.text, words);
}

static void other_models_are_refused(void **state) {
        CLEANUP(bytes_freep)
        struct model_bytes transformer = ctranslate2_build("TransformerSpec", TYPE_F32);
        CLEANUP(bytes_freep) struct model_bytes ggml = ggml_build();
        CLEANUP(bytes_freep)
        struct model_bytes whisper = ctranslate2_build("WhisperSpec", TYPE_F32);

        (void)state;
        assert_refused(&transformer, true, "not Whisper: it is a TransformerSpec");
        ggml.at[0] ^= 1;
        assert_refused(&ggml, false, "neither a ggml Whisper model nor a CTranslate2 folder");
        ggml.at[0] ^= 1;
        assert_refused(&ggml, true, "not a CTranslate2 model");
        assert_refused(&whisper, false, "neither a ggml");
        memcpy(whisper.at, &(uint32_t){7}, 4);
        assert_refused(&whisper, true, "a version (7)");
}

// Where the n-th 32-bit number of a ggml head is.
static void ggml_is_refused_with(size_t place, int32_t value, const char *words) {
        CLEANUP(bytes_freep) struct model_bytes model = ggml_build();

        memcpy(model.at + 4 * place, &value, sizeof(value));
        assert_refused(&model, false, words);
}

static void wrong_shapes_are_refused(void **state) {
        (void)state;
        ggml_is_refused_with(1, INT32_MAX, "size of the vocabulary");
        ggml_is_refused_with(2, 0, "audio context");
        ggml_is_refused_with(3, -32, "width of the encoder");
        ggml_is_refused_with(3, 64, "differ in width");
        ggml_is_refused_with(4, 3, "heads");
        ggml_is_refused_with(5, 1 << 30, "number of encoder layers");
        ggml_is_refused_with(5, 2, "missing");
        ggml_is_refused_with(9, 1, "not part of a Whisper of this size");
        ggml_is_refused_with(10, 6, "mel filters");
        ggml_is_refused_with(6, 4, "not part of");
}

static void every_truncation_is_refused(void **state) {
        CLEANUP(bytes_freep) struct model_bytes ggml = ggml_build();
        CLEANUP(bytes_freep)
        struct model_bytes ctranslate2 = ctranslate2_build("WhisperSpec", TYPE_I8);

        (void)state;
        for (size_t n = 0; n < ggml.n; n += n < 4400 || n + 300 > ggml.n ? 1 : 97)
                assert_refused(&(struct model_bytes){ggml.at, n, n}, false, "");
        for (size_t n = 0; n < ctranslate2.n; n += n < 300 || n + 300 > ctranslate2.n ? 1 : 97)
                assert_refused(&(struct model_bytes){ctranslate2.at, n, n}, true, "");
}

// Any byte may be anything: no crash, no hang, no read outside (the sanitizers' builds see).
static void damaged_files_never_crash(void **state) {
        struct model_bytes whole[7];  // CTranslate2's of each type, then ggml's
        uint32_t seed = 1;

        (void)state;
        for (int type = 0; type < 6; type++)
                whole[type] = ctranslate2_build("WhisperSpec", type);
        whole[6] = ggml_build();
        for (int round = 0; round < 2000; round++) {
                bool is_ctranslate2 = round % 2;
                const struct model_bytes *from = &whole[is_ctranslate2 ? round / 2 % 6 : 6];
                // As many bytes as it has, so that a read behind them is seen.
                CLEANUP(bytes_freep)
                struct model_bytes model = {xcalloc(from->n, 1), from->n, from->n};
                struct weights *weights = NULL;
                struct error error;

                memcpy(model.at, from->at, from->n);
                for (int i = 0; i < 4; i++) {
                        seed = seed * 1664525u + 1013904223u;
                        // Mostly near the beginning: that is where the sizes are.
                        model.at[(seed >> 8) % (i < 2 ? 300 : model.n)] = (uint8_t)(seed >> 3);
                }
                if (model_read(&weights, &model, is_ctranslate2, &error) == 0) {
                        float values[32];

                        weights_copy(weights, "decoder.ln.weight", values, 32);
                        weights_close(weights);
                }
        }
        for (int i = 0; i < 7; i++)
                free(whole[i].at);
}

// --- files --------------------------------------------------------------------------------

static void file_write(const char *path, const void *bytes, size_t n) {
        FILE *file = fopen(path, "wbe");

        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        fclose(file);
}

static void assert_open_fails(const char *path, int code, const char *words) {
        struct weights *weights = NULL;
        struct error error = {0};

        assert_int_equal(weights_open(&weights, path, &error), code);
        if (!strstr(error.text, words))
                fail_msg("'%s' lacks '%s'", error.text, words);
}

static void files_and_folders_are_opened(void **state) {
        char folder[] = "/tmp/weights-test-XXXXXX";
        CLEANUP(bytes_freep) struct model_bytes ggml = ggml_build();
        CLEANUP(bytes_freep)
        struct model_bytes ctranslate2 = ctranslate2_build("WhisperSpec", TYPE_F16);
        CLEANUP(weights_closep) struct weights *first = NULL;
        CLEANUP(weights_closep) struct weights *second = NULL;
        CLEANUP(weights_closep) struct weights *third = NULL;
        static const char json[] = "[\"!\", \"Ġthe\", \"\", \"ñ\", \"<|a|>\", \"Ċ\", \"z\"]";

        (void)state;
        assert_non_null(mkdtemp(folder));
        assert_int_equal(chdir(folder), 0);
        assert_open_fails("absent", -ENOENT, "absent: No such file");
        assert_open_fails(".", -ENOENT, "./model.bin: No such file");
        file_write("model.bin", "", 0);
        file_write("vocabulary.txt", tiny_vocabulary, strlen(tiny_vocabulary) - 2);
        assert_open_fails(".", -EBADMSG, "./model.bin: the file is empty");
        file_write("model.bin", ctranslate2.at, ctranslate2.n);
        assert_open_fails(".", -EBADMSG,
                          "vocabulary.txt has 6 tokens, the model's embedding 7");
        file_write("vocabulary.txt", tiny_vocabulary, strlen(tiny_vocabulary));
        file_write("ggml.bin", ggml.at, ggml.n);
        assert_int_equal(weights_open(&first, ".", NULL), 0);
        assert_int_equal(weights_open(&second, "ggml.bin", NULL), 0);
        assert_values(first);
        assert_values(second);
        file_write("vocabulary.json", json, strlen(json));
        assert_int_equal(weights_open(&third, ".", NULL), 0);
        assert_token(third, 1, " the");
        unlink("vocabulary.json");
        unlink("vocabulary.txt");
        unlink("model.bin");
        unlink("ggml.bin");
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ctranslate2_values_are_read),
                cmocka_unit_test(ctranslate2_tokens_are_bytes),
                cmocka_unit_test(ggml_values_are_read),
                cmocka_unit_test(unknown_names_and_sizes_are_refused),
                cmocka_unit_test(ggml_blocks_are_read),
                cmocka_unit_test(halves_are_read),
                cmocka_unit_test(other_models_are_refused),
                cmocka_unit_test(wrong_shapes_are_refused),
                cmocka_unit_test(every_truncation_is_refused),
                cmocka_unit_test(damaged_files_never_crash),
                cmocka_unit_test(files_and_folders_are_opened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
