#include "audio/plausibility.h"

#include <endian.h>
#include <string.h>

// Magnitudes as the bits of an IEEE 754 single, which order like the numbers that they stand
// for, infinities and NaN last.
#define MAGNITUDE_MASK UINT32_C(0x7fffffff)
#define MAGNITUDE_ONE  UINT32_C(0x3f800000)
#define MAGNITUDE_TINY UINT32_C(0x30000000)  // 2^-31

static void sample_count(struct plausibility *plausibility, const uint8_t *bytes) {
        uint32_t magnitude;

        memcpy(&magnitude, bytes, sizeof(magnitude));
        magnitude = le32toh(magnitude) & MAGNITUDE_MASK;
        // -1 and 1 may be clipped sound, or the faintest noise of int16.
        if (magnitude == 0 || magnitude == MAGNITUDE_ONE)
                return;
        plausibility->n++;
        plausibility->n_beyond += magnitude > MAGNITUDE_ONE;
        plausibility->n_tiny += magnitude < MAGNITUDE_TINY;
}

static bool piece_is_odd(const struct plausibility *piece) {
        double n = (double)piece->n;

        return (double)(piece->n_beyond + piece->n_tiny) > PLAUSIBILITY_ODD * n &&
               (double)piece->n_beyond > PLAUSIBILITY_BEYOND * n;
}

bool plausibility_add(struct plausibility *plausibility, const uint8_t *bytes, size_t n) {
        for (size_t i = 0; i < n && plausibility->n_pieces < PLAUSIBILITY_PIECES; i++) {
                bool is_odd;

                sample_count(plausibility, bytes + i * sizeof(float));
                if (plausibility->n < PLAUSIBILITY_PIECE)
                        continue;
                is_odd = piece_is_odd(plausibility);
                *plausibility = (struct plausibility){
                        .n_pieces = is_odd ? PLAUSIBILITY_PIECES : plausibility->n_pieces + 1};
                if (is_odd)
                        return true;
        }
        return false;
}
