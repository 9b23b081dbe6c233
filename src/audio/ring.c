#include "audio/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// Ten minutes. The longest that anybody needs is a window, its padding and what a slow decoder
// has not copied yet; a size beyond this is a mistake.
#define RING_CAPACITY_MAX ((size_t)600 * AUDIO_RATE)

struct ring {
        size_t capacity;  // samples
        int64_t begin;    // position of the oldest kept sample
        int64_t end;      // position of the next one; its slot is end % capacity
        float samples[];
};

int ring_new(struct ring **ret, size_t capacity) {
        struct ring *ring;

        if (capacity > RING_CAPACITY_MAX)
                return -E2BIG;
        if (capacity == 0)
                capacity = 1;
        ring = try_calloc(1, sizeof(*ring) + capacity * sizeof(ring->samples[0]));
        if (!ring)
                return -ENOMEM;
        ring->capacity = capacity;
        *ret = ring;
        return 0;
}

struct ring *ring_free(struct ring *ring) {
        free(ring);
        return NULL;
}

static size_t ring_slot(const struct ring *ring, int64_t position) {
        return (size_t)(position % (int64_t)ring->capacity);
}

// How many of `n` samples fit from `slot` to the end of the memory; the rest goes to its start.
static size_t ring_first_piece(const struct ring *ring, size_t slot, size_t n) {
        size_t room = ring->capacity - slot;

        return n < room ? n : room;
}

static void ring_advance(struct ring *ring, int64_t n) {
        ring->end += n;
        if (ring->end - ring->begin > (int64_t)ring->capacity)
                ring->begin = ring->end - (int64_t)ring->capacity;
}

void ring_append(struct ring *ring, const float *samples, size_t n) {
        size_t slot;
        size_t first;

        if (n > ring->capacity) {
                size_t excess = n - ring->capacity;

                ring_advance(ring, (int64_t)excess);
                samples += excess;
                n = ring->capacity;
        }
        if (n == 0)
                return;
        slot = ring_slot(ring, ring->end);
        first = ring_first_piece(ring, slot, n);
        memcpy(ring->samples + slot, samples, first * sizeof(*samples));
        memcpy(ring->samples, samples + first, (n - first) * sizeof(*samples));
        ring_advance(ring, (int64_t)n);
}

void ring_append_silence(struct ring *ring, int64_t n) {
        size_t slot;
        size_t first;

        if (n <= 0)
                return;
        if (n > (int64_t)ring->capacity) {
                int64_t excess = n - (int64_t)ring->capacity;

                ring_advance(ring, excess);
                n = (int64_t)ring->capacity;
        }
        slot = ring_slot(ring, ring->end);
        first = ring_first_piece(ring, slot, (size_t)n);
        memset(ring->samples + slot, 0, first * sizeof(ring->samples[0]));
        memset(ring->samples, 0, ((size_t)n - first) * sizeof(ring->samples[0]));
        ring_advance(ring, n);
}

int ring_copy(const struct ring *ring, int64_t from, size_t n, float *ret) {
        size_t slot;
        size_t first;

        if (from < ring->begin)
                return RING_E_DROPPED;
        if (from > ring->end || n > (size_t)(ring->end - from))
                return RING_E_AHEAD;
        if (n == 0)
                return 0;
        slot = ring_slot(ring, from);
        first = ring_first_piece(ring, slot, n);
        memcpy(ret, ring->samples + slot, first * sizeof(*ret));
        memcpy(ret + first, ring->samples, (n - first) * sizeof(*ret));
        return 0;
}

int64_t ring_begin(const struct ring *ring) {
        return ring->begin;
}

int64_t ring_end(const struct ring *ring) {
        return ring->end;
}
