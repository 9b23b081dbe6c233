#pragma once
// Safetensors: named arrays of numbers in one file: 8 bytes of header length, a JSON header
// (name -> dtype, shape, data_offsets), then the numbers, little-endian.
// Format: https://github.com/huggingface/safetensors (README, "Format").
//
// Nothing in the file is believed: every length, offset and shape is checked against the bytes
// that are there before one of them is used.
//
// Threads: any; immutable once opened.
// Memory:  holds the whole file, at most SAFETENSORS_BYTES_MAX.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

#define SAFETENSORS_BYTES_MAX  ((size_t)64 << 20)  // the one file we read has 1.2 MB
#define SAFETENSORS_HEADER_MAX ((size_t)1 << 20)   // its header has 1.2 kB
#define SAFETENSORS_RANK_MAX   8

struct safetensors;

// Read the file. Negative errno with the words when it cannot be read, -EINVAL when it is not
// a safetensors file, -EFBIG when it is longer than SAFETENSORS_BYTES_MAX.
int safetensors_open(struct safetensors **ret, const char *path, struct error *error);

// Read `n` bytes in memory, which are copied, as such a file. `name` stands in error texts.
int safetensors_parse(struct safetensors **ret, const uint8_t *bytes, size_t n,
                      const char *name, struct error *error);

struct safetensors *safetensors_free(struct safetensors *tensors);

// Copy the float32 tensor `name` to `ret`, row-major as in the file. `shape` has `rank` sizes,
// and the tensor must have just these; `ret` has room for their product. -EINVAL, with words:
// no such tensor, other type or shape, offsets outside the file, numbers that are not finite.
int safetensors_copy_f32(const struct safetensors *tensors, const char *name,
                         const size_t *shape, size_t rank, float *ret, struct error *error);

DEFINE_CLEANUP(struct safetensors *, safetensors_free);
