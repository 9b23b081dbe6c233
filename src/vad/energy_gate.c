#include "vad/energy_gate.h"

#include <sys/param.h>

// Two seconds. The detector's memory has settled by then, and so has a recorder's gain control.
#define QUIET_CHUNKS 64

// How much louder than the loudest of two quiet seconds a chunk must be: 1 dB.
#define MARGIN 1.26f

// Less than the last bit of 16-bit sound moves.
#define LOUDNESS_MIN 1e-9f

#define LAG 16  // samples in a millisecond

void energy_gate_init(struct energy_gate *gate) {
        *gate = (struct energy_gate){.is_open = true};
}

static float mean_square_difference(const float *samples, size_t n, size_t lag) {
        float sum = 0;

        for (size_t i = lag; i < n; i++) {
                const float difference = samples[i] - samples[i - lag];

                sum += difference * difference;
        }
        return sum / (float)(n - lag);
}

struct loudness energy_gate_measure(const float samples[VAD_CHUNK]) {
        return (struct loudness){
                .treble = mean_square_difference(samples, VAD_CHUNK, 1),
                .whole = mean_square_difference(samples, VAD_CHUNK, LAG),
        };
}

// Another quiet chunk. True when there are enough of them in a row to know the noise; counting
// then starts again.
static bool quiet_add(struct energy_gate *gate, struct loudness loudness) {
        gate->loudest.treble = MAX(gate->loudest.treble, loudness.treble);
        gate->loudest.whole = MAX(gate->loudest.whole, loudness.whole);
        if (++gate->n_quiet < QUIET_CHUNKS)
                return false;
        gate->limit.treble = MAX(MARGIN * gate->loudest.treble, LOUDNESS_MIN);
        gate->limit.whole = MAX(MARGIN * gate->loudest.whole, LOUDNESS_MIN);
        gate->n_quiet = 0;
        gate->loudest = (struct loudness){0};
        return true;
}

bool energy_gate_is_passed(struct energy_gate *gate, struct loudness loudness) {
        if (gate->is_open)
                return true;
        if (loudness.treble > gate->limit.treble || loudness.whole > gate->limit.whole) {
                energy_gate_init(gate);
                return true;
        }
        // The limit follows noise that changes slowly, above all noise that becomes less.
        (void)quiet_add(gate, loudness);
        return false;
}

size_t energy_gate_chunks_to_close(const struct energy_gate *gate) {
        return QUIET_CHUNKS - gate->n_quiet;
}

void energy_gate_judge(struct energy_gate *gate, struct loudness loudness, float probability) {
        if (probability >= VAD_QUIET)
                energy_gate_init(gate);
        else if (quiet_add(gate, loudness))
                gate->is_open = false;
}
