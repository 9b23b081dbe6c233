#pragma once
// Spool: sound of the backlog that finds no room in memory, on disk. One file for all streams,
// without a name from the moment it is made, so that no crash leaves anything behind. Samples
// are kept as 16-bit integers, as most sources deliver them; what is taken out is given back to
// the file system at once.
//
// Threads: loop thread. Writing and reading go through the page cache.

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct spool;

// Where a stretch of sound lies. Zeroed is nowhere.
struct spool_place {
        int64_t offset;
        size_t n_samples;
};

// A spool that makes its file in `folder` (created when it is not there) with the first sound
// that comes, and keeps at most `bytes_max`. A folder that is another user's (but root's), or
// that others may write in, is refused then (-EPERM).
struct spool *spool_new(const char *folder, uint64_t bytes_max);
struct spool *spool_free(struct spool *spool);

// Keep `n` samples. 0, -ENOSPC beyond the limit, or another negative error of the file system.
int spool_put(struct spool *spool, const float *samples, size_t n, struct spool_place *ret,
              struct error *error);

// Read them back into `ret` (place->n_samples). The place stays taken until spool_drop().
int spool_get(const struct spool *spool, const struct spool_place *place, float *ret);

// Give the place up; it becomes nowhere. Nowhere is fine.
void spool_drop(struct spool *spool, struct spool_place *place);

// Bytes that are kept.
uint64_t spool_bytes(const struct spool *spool);
