#include "vad/safetensors.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "util/mem.h"

#define LENGTH_SIZE 8  // bytes of the header's length in front of it

// An IEEE 754 single with all exponent bits set is an infinity or a NaN.
#define EXPONENT_MASK UINT32_C(0x7f800000)

// The file's numbers are used as they lie there.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "written for little-endian machines");

struct safetensors {
        char *name;           // for error texts
        json_t *header;       // object: tensor name -> object
        const uint8_t *data;  // behind the header, inside `bytes`
        size_t data_size;     // bytes
        uint8_t *bytes;       // the whole file
};

struct safetensors *safetensors_free(struct safetensors *tensors) {
        if (!tensors)
                return NULL;
        free(tensors->name);
        json_decref(tensors->header);
        free(tensors->bytes);
        free(tensors);
        return NULL;
}

// Takes `bytes`, also on failure.
static int safetensors_parse_take(struct safetensors **ret, uint8_t *bytes, size_t n,
                                  const char *name, struct error *error) {
        CLEANUP(safetensors_freep) struct safetensors *tensors = xnew(struct safetensors);
        json_error_t json_error;
        uint64_t header_size;

        tensors->bytes = bytes;
        tensors->name = xstrdup(name);
        if (n < LENGTH_SIZE)
                return error_set(error, -EINVAL,
                                 "%s: %zu bytes are too few for a safetensors file", name, n);
        memcpy(&header_size, bytes, LENGTH_SIZE);
        if (header_size > n - LENGTH_SIZE || header_size > SAFETENSORS_HEADER_MAX)
                return error_set(error, -EINVAL,
                                 "%s: no safetensors file (a header of %llu bytes in %zu)",
                                 name, (unsigned long long)header_size, n);
        tensors->header = json_loadb((const char *)bytes + LENGTH_SIZE, (size_t)header_size,
                                     JSON_REJECT_DUPLICATES, &json_error);
        if (!json_is_object(tensors->header))
                return error_set(error, -EINVAL,
                                 "%s: no safetensors file (its header is no JSON object)",
                                 name);
        tensors->data = bytes + LENGTH_SIZE + header_size;
        tensors->data_size = n - LENGTH_SIZE - (size_t)header_size;
        *ret = TAKE(tensors);
        return 0;
}

int safetensors_parse(struct safetensors **ret, const uint8_t *bytes, size_t n,
                      const char *name, struct error *error) {
        uint8_t *copy;

        if (n > SAFETENSORS_BYTES_MAX)
                return error_set(error, -EFBIG, "%s: more than %zu bytes", name,
                                 SAFETENSORS_BYTES_MAX);
        copy = try_calloc(n, 1);
        if (!copy)
                return error_set(error, -ENOMEM, "%s: no memory for %zu bytes", name, n);
        if (n > 0)
                memcpy(copy, bytes, n);
        return safetensors_parse_take(ret, copy, n, name, error);
}

static int safetensors_read(uint8_t **ret, size_t *ret_n, int fd, const char *path,
                            struct error *error) {
        CLEANUP(mem_freep) char *bytes = NULL;
        struct stat status;
        size_t n;

        if (fstat(fd, &status) < 0)
                return error_set(error, -errno, "%s: %m", path);
        if (!S_ISREG(status.st_mode))
                return error_set(error, -EINVAL, "%s: no regular file", path);
        if ((uint64_t)status.st_size > SAFETENSORS_BYTES_MAX)
                return error_set(error, -EFBIG, "%s: more than %zu bytes", path,
                                 SAFETENSORS_BYTES_MAX);
        n = (size_t)status.st_size;
        bytes = try_calloc(n, 1);
        if (!bytes)
                return error_set(error, -ENOMEM, "%s: no memory for %zu bytes", path, n);
        for (size_t have = 0; have < n;) {
                ssize_t r = read(fd, bytes + have, n - have);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return error_set(error, -errno, "%s: %m", path);
                if (r == 0)
                        return error_set(error, -EINVAL, "%s: shrank while it was read", path);
                have += (size_t)r;
        }
        *ret = (uint8_t *)TAKE(bytes);
        *ret_n = n;
        return 0;
}

int safetensors_open(struct safetensors **ret, const char *path, struct error *error) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        uint8_t *bytes = NULL;
        size_t n = 0;
        int r;

        if (fd < 0)
                return error_set(error, -errno, "%s: %m", path);
        r = safetensors_read(&bytes, &n, fd, path, error);
        close(fd);
        if (r < 0)
                return r;
        return safetensors_parse_take(ret, bytes, n, path, error);
}

// Does the JSON list hold just these sizes?
static bool shape_is(const json_t *list, const size_t *shape, size_t rank) {
        if (!json_is_array(list) || json_array_size(list) != rank)
                return false;
        for (size_t i = 0; i < rank; i++) {
                const json_t *size = json_array_get(list, i);

                if (!json_is_integer(size) || json_integer_value(size) < 0 ||
                    (uint64_t)json_integer_value(size) != shape[i])
                        return false;
        }
        return true;
}

// Is data_offsets a stretch of just `size` bytes inside the data? Then where it begins.
static bool offsets_are(const json_t *list, size_t size, size_t data_size, size_t *ret_begin) {
        const json_t *begin = json_array_get(list, 0);
        const json_t *end = json_array_get(list, 1);
        json_int_t from;
        json_int_t to;

        if (json_array_size(list) != 2 || !json_is_integer(begin) || !json_is_integer(end))
                return false;
        from = json_integer_value(begin);
        to = json_integer_value(end);
        if (from < 0 || to < from || (uint64_t)to > data_size || (uint64_t)(to - from) != size)
                return false;
        *ret_begin = (size_t)from;
        return true;
}

int safetensors_copy_f32(const struct safetensors *tensors, const char *name,
                         const size_t *shape, size_t rank, float *ret, struct error *error) {
        const json_t *entry = json_object_get(tensors->header, name);
        const char *dtype = json_string_value(json_object_get(entry, "dtype"));
        size_t count = 1;
        size_t begin = 0;
        const uint8_t *data;

        for (size_t i = 0; i < rank; i++) {
                if (__builtin_mul_overflow(count, shape[i], &count))
                        return error_set(error, -EINVAL, "%s: shape of '%s' overflows",
                                         tensors->name, name);
        }
        if (count > SAFETENSORS_BYTES_MAX / sizeof(float))
                return error_set(error, -EINVAL, "%s: shape of '%s' is larger than any file",
                                 tensors->name, name);
        if (!entry)
                return error_set(error, -EINVAL, "%s: has no tensor '%s'", tensors->name, name);
        if (!dtype || strcmp(dtype, "F32") != 0)
                return error_set(error, -EINVAL, "%s: tensor '%s' is not of type F32",
                                 tensors->name, name);
        if (!shape_is(json_object_get(entry, "shape"), shape, rank))
                return error_set(error, -EINVAL, "%s: tensor '%s' has another shape",
                                 tensors->name, name);
        if (!offsets_are(json_object_get(entry, "data_offsets"), count * sizeof(float),
                         tensors->data_size, &begin))
                return error_set(error, -EINVAL,
                                 "%s: tensor '%s' lies outside the file (cut short?)",
                                 tensors->name, name);
        data = tensors->data + begin;
        for (size_t i = 0; i < count; i++) {
                uint32_t bits;

                memcpy(&bits, data + i * sizeof(bits), sizeof(bits));
                if ((bits & EXPONENT_MASK) == EXPONENT_MASK)
                        return error_set(error, -EINVAL,
                                         "%s: tensor '%s' holds numbers that are not finite",
                                         tensors->name, name);
        }
        // Written only now, when nothing can fail any more.
        memcpy(ret, data, count * sizeof(float));
        return 0;
}
