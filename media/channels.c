#include "media/channels.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define BLOCKS_PER_SECOND 64
#define FALL_SECONDS      0.2  // in which a level falls by 8.7 dB (to 1/e^2 of the power)

#define SOUND_POWER  1e-8    // -80 dBFS: below is silence, or the last bit's noise
#define OPPOSED      0.2512  // -6 dB: so weak is an average that cancels itself out,
#define AGREED       0.4     // -4 dB: and so strong one that may be trusted again
#define LOUDER_POWER 2.0     // 3 dB: so much louder is another strongest channel

struct media_channels {
        unsigned n_channels;
        size_t block;      // samples
        double fall;       // what a level keeps after a block
        float *held;       // a plane of `block` samples for each channel
        size_t n_held;     // samples in each
        double *powers;    // of each channel in this block
        double *levels;    // and with its past
        double sum_level;  // of all channels added up
        bool is_single;    // the strongest is taken,
        unsigned single;   // this one
        bool has_gains;
        float *gains;    // at the end of the last block,
        float *targets;  // and of this one
};

struct media_channels *media_channels_new(unsigned n_channels, unsigned rate) {
        struct media_channels *channels = xnew(struct media_channels);

        channels->n_channels = n_channels;
        channels->block = rate > BLOCKS_PER_SECOND ? rate / BLOCKS_PER_SECOND : 1;
        channels->fall = exp(-2 * (double)channels->block / rate / FALL_SECONDS);
        channels->held = xcalloc(n_channels * channels->block, sizeof(float));
        channels->powers = xcalloc(n_channels, sizeof(double));
        channels->levels = xcalloc(n_channels, sizeof(double));
        channels->gains = xcalloc(n_channels, sizeof(float));
        channels->targets = xcalloc(n_channels, sizeof(float));
        for (unsigned c = 0; c < n_channels; c++)
                channels->targets[c] = 1.0F / (float)n_channels;
        return channels;
}

struct media_channels *media_channels_free(struct media_channels *channels) {
        if (!channels)
                return NULL;
        free(channels->held);
        free(channels->powers);
        free(channels->levels);
        free(channels->gains);
        free(channels->targets);
        free(channels);
        return NULL;
}

static float *plane(const struct media_channels *channels, unsigned channel) {
        return channels->held + channel * channels->block;
}

// --- the decision ---------------------------------------------------------------

static double level_next(double level, double power, double fall) {
        level *= fall;
        return power > level ? power : level;
}

static void levels_measure(struct media_channels *channels, size_t n, const float *sum) {
        double power = 0;

        for (unsigned c = 0; c < channels->n_channels; c++) {
                const float *samples = plane(channels, c);
                double energy = 0;

                for (size_t i = 0; i < n; i++)
                        energy += (double)samples[i] * samples[i];
                channels->powers[c] = energy / (double)n;
                channels->levels[c] =
                        level_next(channels->levels[c], channels->powers[c], channels->fall);
        }
        for (size_t i = 0; i < n; i++)
                power += (double)sum[i] * sum[i];
        channels->sum_level =
                level_next(channels->sum_level, power / (double)n, channels->fall);
}

static unsigned strongest(const double *powers, unsigned n) {
        unsigned best = 0;

        for (unsigned c = 1; c < n; c++)
                if (powers[c] > powers[best])
                        best = c;
        return best;
}

// Whoever talks now is heard now, though the one before was as loud a moment ago.
static unsigned single_next(const struct media_channels *channels, unsigned best) {
        unsigned old = channels->single;
        unsigned now = strongest(channels->powers, channels->n_channels);

        if (!channels->is_single ||
            channels->levels[best] > LOUDER_POWER * channels->levels[old])
                return best;
        if (channels->powers[now] > LOUDER_POWER * channels->powers[old] &&
            LOUDER_POWER * channels->levels[now] > channels->levels[old])
                return now;
        return old;
}

// Where the gains shall be at the block's end. In silence they stay.
static void targets_decide(struct media_channels *channels) {
        unsigned best = strongest(channels->levels, channels->n_channels);
        double most = channels->levels[best];
        double n_sounding = 0, mean;

        if (most < SOUND_POWER)
                return;
        for (unsigned c = 0; c < channels->n_channels; c++)
                n_sounding += channels->levels[c] >= SOUND_POWER;
        // Silent ones add nothing to the sum.
        mean = channels->sum_level / (n_sounding * n_sounding);
        channels->single = single_next(channels, best);
        channels->is_single = mean < (channels->is_single ? AGREED : OPPOSED) * most;
        for (unsigned c = 0; c < channels->n_channels; c++)
                if (channels->is_single)
                        channels->targets[c] = c == channels->single ? 1 : 0;
                else
                        channels->targets[c] = channels->levels[c] >= SOUND_POWER
                                                       ? (float)(1 / n_sounding)
                                                       : 0;
}

// --- mixing -----------------------------------------------------------------------

static void sum_write(const struct media_channels *channels, size_t n, float *ret) {
        memset(ret, 0, n * sizeof(*ret));
        for (unsigned c = 0; c < channels->n_channels; c++) {
                const float *samples = plane(channels, c);

                for (size_t i = 0; i < n; i++)
                        ret[i] += samples[i];
        }
}

static void mix_write(const struct media_channels *channels, size_t n, float *ret) {
        memset(ret, 0, n * sizeof(*ret));
        for (unsigned c = 0; c < channels->n_channels; c++) {
                const float *samples = plane(channels, c);
                float gain = channels->gains[c], target = channels->targets[c];
                float step = (target - gain) / (float)n;

                if (gain == 0 && target == 0)
                        continue;
                for (size_t i = 0; i < n; i++)
                        ret[i] += samples[i] * (gain + step * (float)(i + 1));
        }
}

// What is held becomes `n_held` samples of one sound.
static void block_mix(struct media_channels *channels, float *ret) {
        size_t n = channels->n_held;

        sum_write(channels, n, ret);
        levels_measure(channels, n, ret);
        targets_decide(channels);
        if (!channels->has_gains)
                memcpy(channels->gains, channels->targets,
                       channels->n_channels * sizeof(*channels->gains));
        channels->has_gains = true;
        mix_write(channels, n, ret);
        memcpy(channels->gains, channels->targets,
               channels->n_channels * sizeof(*channels->gains));
        channels->n_held = 0;
}

size_t media_channels_room(const struct media_channels *channels, size_t n) {
        return n + channels->block;
}

size_t media_channels_feed(struct media_channels *channels, const float *const *planes,
                           size_t n, float *ret) {
        size_t n_written = 0, taken = 0;

        while (taken < n) {
                size_t part = channels->block - channels->n_held;

                if (part > n - taken)
                        part = n - taken;
                for (unsigned c = 0; c < channels->n_channels; c++)
                        memcpy(plane(channels, c) + channels->n_held, planes[c] + taken,
                               part * sizeof(float));
                channels->n_held += part;
                taken += part;
                if (channels->n_held < channels->block)
                        break;
                block_mix(channels, ret + n_written);
                n_written += channels->block;
        }
        return n_written;
}

size_t media_channels_flush(struct media_channels *channels, float *ret) {
        size_t n = channels->n_held;

        if (n > 0)
                block_mix(channels, ret);
        return n;
}
