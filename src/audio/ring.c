#include "audio/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// Ten minutes. The longest that anybody needs is a window, its padding and what a slow decoder
// has not copied yet; a size beyond this is a mistake.
#define RING_CAPACITY_MAX ((size_t)600 * AUDIO_RATE)

// Half a second and a bit: what a stream keeps on which nobody speaks. Sizes are powers of two
// times this, so that a long window moves its sound a few times only.
#define RING_SIZE_MIN ((size_t)12288)

struct ring {
        size_t capacity;  // samples kept at most
        size_t size;      // samples there is memory for
        int64_t begin;    // position of the oldest kept sample
        int64_t end;      // position of the next one; its slot is end % size
        float *samples;
};

int ring_new(struct ring **ret, size_t capacity) {
        CLEANUP(ring_freep) struct ring *ring = NULL;

        if (capacity > RING_CAPACITY_MAX)
                return -E2BIG;
        if (capacity == 0)
                capacity = 1;
        ring = try_calloc(1, sizeof(*ring));
        if (!ring)
                return -ENOMEM;
        ring->capacity = capacity;
        ring->size = capacity < RING_SIZE_MIN ? capacity : RING_SIZE_MIN;
        ring->samples = try_calloc(ring->size, sizeof(*ring->samples));
        if (!ring->samples)
                return -ENOMEM;
        *ret = TAKE(ring);
        return 0;
}

struct ring *ring_free(struct ring *ring) {
        if (!ring)
                return NULL;
        free(ring->samples);
        free(ring);
        return NULL;
}

// Where samples of some positions lie: from one slot on, then at the start of the memory.
struct place {
        size_t slot;
        size_t n_first;
        size_t n_second;
};

static struct place place_of(const struct ring *ring, int64_t position, size_t n) {
        const size_t slot = (size_t)(position % (int64_t)ring->size);
        const size_t room = ring->size - slot;
        const size_t n_first = n < room ? n : room;

        return (struct place){slot, n_first, n - n_first};
}

static void ring_read(const struct ring *ring, int64_t from, size_t n, float *ret) {
        const struct place place = place_of(ring, from, n);

        memcpy(ret, ring->samples + place.slot, place.n_first * sizeof(*ret));
        memcpy(ret + place.n_first, ring->samples, place.n_second * sizeof(*ret));
}

static void ring_write(struct ring *ring, int64_t from, const float *samples, size_t n) {
        const struct place place = place_of(ring, from, n);

        memcpy(ring->samples + place.slot, samples, place.n_first * sizeof(*samples));
        memcpy(ring->samples, samples + place.n_first, place.n_second * sizeof(*samples));
}

static size_t ring_kept(const struct ring *ring) {
        return (size_t)(ring->end - ring->begin);
}

// The smallest size that holds `n` samples.
static size_t size_for(const struct ring *ring, size_t n) {
        size_t size = RING_SIZE_MIN;

        while (size < n && size < ring->capacity)
                size *= 2;
        return size < ring->capacity ? size : ring->capacity;
}

// Move what is kept to memory for `size` samples; all stays as it is if there is none.
static void ring_resize(struct ring *ring, size_t size) {
        float *samples = try_calloc(size, sizeof(*samples));
        float *former = ring->samples;
        struct place place;

        if (!samples)
                return;
        place = place_of(ring, ring->begin, ring_kept(ring));
        ring->samples = samples;
        ring->size = size;
        ring_write(ring, ring->begin, former + place.slot, place.n_first);
        ring_write(ring, ring->begin + (int64_t)place.n_first, former, place.n_second);
        free(former);
}

void ring_append(struct ring *ring, const float *samples, size_t n) {
        const size_t wanted = ring_kept(ring) + n;

        if (wanted > ring->size && ring->size < ring->capacity)
                ring_resize(ring, size_for(ring, wanted));
        if (n > ring->size) {  // only the end of it will be kept
                ring->end += (int64_t)(n - ring->size);
                samples += n - ring->size;
                n = ring->size;
                ring->begin = ring->end;
        }
        ring_write(ring, ring->end, samples, n);
        ring->end += (int64_t)n;
        if (ring_kept(ring) > ring->size)
                ring->begin = ring->end - (int64_t)ring->size;
}

void ring_release(struct ring *ring, int64_t from) {
        size_t size;

        if (from > ring->end)
                from = ring->end;
        if (from > ring->begin)
                ring->begin = from;
        // With twice what is kept as room to grow again.
        size = size_for(ring, 2 * ring_kept(ring));
        if (size < ring->size / 2)
                ring_resize(ring, size);
}

int ring_copy(const struct ring *ring, int64_t from, size_t n, float *ret) {
        if (from < ring->begin)
                return RING_E_DROPPED;
        if (from > ring->end || n > (size_t)(ring->end - from))
                return RING_E_AHEAD;
        if (n > 0)
                ring_read(ring, from, n, ret);
        return 0;
}

int64_t ring_begin(const struct ring *ring) {
        return ring->begin;
}

int64_t ring_end(const struct ring *ring) {
        return ring->end;
}

size_t ring_size(const struct ring *ring) {
        return ring->size;
}
