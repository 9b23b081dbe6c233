#include "whisper/weights/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"
#include "whisper/weights/formats.h"

// A vocabulary with more tokens than this is multilingual: the English one has 51864.
#define ENGLISH_VOCABULARY 51864

// A file mapped read-only. Private: a change of the file by others is not ours to see.
struct mapping {
        void *bytes;
        size_t n;
};

static int mapping_open(struct mapping *ret, const char *path, struct error *error) {
        struct stat status;
        void *bytes;
        int fd, r;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_set(error, -errno, "%s: %m", path);
        if (fstat(fd, &status) < 0) {
                r = error_set(error, -errno, "%s: %m", path);
                close(fd);
                return r;
        }
        if (!S_ISREG(status.st_mode) || status.st_size == 0) {
                close(fd);
                return error_set(error, -EBADMSG, "%s: %s", path,
                                 S_ISREG(status.st_mode) ? "the file is empty"
                                                         : "not a regular file");
        }
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        r = -errno;
        close(fd);
        if (bytes == MAP_FAILED)
                return error_set(error, r, "%s: cannot be mapped: %s", path,
                                 strerrordesc_np(-r));
        *ret = (struct mapping){bytes, (size_t)status.st_size};
        return 0;
}

static void mapping_close(struct mapping *mapping) {
        if (mapping->bytes)
                munmap(mapping->bytes, mapping->n);
        *mapping = (struct mapping){0};
}

int weights_from_memory(struct weights **ret, const struct weights_source *source,
                        struct error *error) {
        CLEANUP(weights_closep) struct weights *weights = xnew(struct weights);
        int r;

        r = source->vocabulary_name ? weights_read_ctranslate2(weights, source, error)
                                    : weights_read_ggml(weights, source, error);
        if (r < 0) {
                error_prefix(error, "%s", source->model_name);
                return r;
        }
        r = source->vocabulary_name ? vocabulary_read(&weights->vocabulary, source, error) : 0;
        if (r < 0)
                return r;
        if (weights->vocabulary.n != (size_t)weights->info.n_vocabulary)
                return error_set(error, -EBADMSG,
                                 "%s has %zu tokens, the model's embedding %d: they do not "
                                 "belong together",
                                 source->vocabulary_name, weights->vocabulary.n,
                                 weights->info.n_vocabulary);
        weights->info.is_multilingual = weights->info.n_vocabulary > ENGLISH_VOCABULARY;
        *ret = TAKE(weights);
        return 0;
}

// model.bin, and vocabulary.json (large-v3 and newer) or vocabulary.txt.
static int folder_open(struct weights **ret, const char *path, struct error *error) {
        CLEANUP(mem_freep) char *model_path = xasprintf("%s/model.bin", path);
        CLEANUP(mem_freep) char *vocabulary_path = xasprintf("%s/vocabulary.json", path);
        CLEANUP(mapping_close) struct mapping model = {0}, vocabulary = {0};
        bool is_json = access(vocabulary_path, F_OK) == 0;
        struct weights_source source;
        int r;

        if (!is_json) {
                free(vocabulary_path);
                vocabulary_path = xasprintf("%s/vocabulary.txt", path);
        }
        r = mapping_open(&model, model_path, error);
        if (r < 0)
                return r;
        r = mapping_open(&vocabulary, vocabulary_path, error);
        if (r < 0)
                return r;
        source = (struct weights_source){
                .model_name = model_path,
                .model = model.bytes,
                .n_model = model.n,
                .vocabulary_name = vocabulary_path,
                .vocabulary = vocabulary.bytes,
                .n_vocabulary = vocabulary.n,
                .vocabulary_is_json = is_json,
        };
        r = weights_from_memory(ret, &source, error);
        if (r < 0)
                return r;
        (*ret)->mapping = TAKE(model.bytes);
        (*ret)->n_mapping = model.n;
        return 0;
}

static int file_open(struct weights **ret, const char *path, struct error *error) {
        CLEANUP(mapping_close) struct mapping model = {0};
        int r;

        r = mapping_open(&model, path, error);
        if (r < 0)
                return r;
        r = weights_from_memory(ret,
                                &(struct weights_source){.model_name = path,
                                                         .model = model.bytes,
                                                         .n_model = model.n},
                                error);
        if (r < 0)
                return r;
        (*ret)->mapping = TAKE(model.bytes);
        (*ret)->n_mapping = model.n;
        return 0;
}

int weights_open(struct weights **ret, const char *path, struct error *error) {
        struct stat status;

        if (stat(path, &status) < 0)
                return error_set(error, -errno, "%s: %m", path);
        return S_ISDIR(status.st_mode) ? folder_open(ret, path, error)
                                       : file_open(ret, path, error);
}

struct weights *weights_close(struct weights *weights) {
        if (!weights)
                return NULL;
        if (weights->mapping)
                munmap(weights->mapping, weights->n_mapping);
        vocabulary_deinit(&weights->vocabulary);
        free(weights->mel_filters);
        free(weights->tensors);
        free(weights);
        return NULL;
}

const struct whisper_info *weights_info(const struct weights *weights) {
        return &weights->info;
}

int weights_copy(const struct weights *weights, const char *name, float *ret, size_t n) {
        const struct weights_tensor *tensor = weights_find(weights, name);

        if (!tensor)
                return -ENOENT;
        if (shape_elements(tensor->shape, tensor->n_dimensions) != (int64_t)n)
                return -EINVAL;
        elements_to_float(tensor, ret, (int64_t)n);
        return 0;
}

const float *weights_mel_filters(const struct weights *weights) {
        return weights->mel_filters;
}

const char *weights_token(const struct weights *weights, int32_t id, size_t *ret_length) {
        const struct vocabulary *vocabulary = &weights->vocabulary;
        size_t begin = id > 0 ? vocabulary->ends[id - 1] : 0;

        *ret_length = vocabulary->ends[id] - begin;
        return vocabulary->bytes + begin;
}
