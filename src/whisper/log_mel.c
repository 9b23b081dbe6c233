#include "whisper/log_mel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"
#include "whisper/cpu/vectors_avx2.h"

/* The spectrum of a frame is a Fourier transform of 400 = 4 * 4 * 5 * 5 points, in double: the
 * quietest bins that count are 40 dB below the loudest, and in float their error would show in
 * the fourth decimal. Two real frames make one complex transform (one as real, the other as
 * imaginary part, parted afterwards by symmetry), and a vector holds four of those, so eight
 * frames go through at once and the plain mixed-radix recursion needs no tricks. */

#define N_FFT        400
#define N_LANES      4                   // transforms in a vector of doubles
#define BLOCK_FRAMES (2 * N_LANES)       // frames in one pass
#define MEL_MAX      45.245640471924965  // mel of 8000 Hz, as written in FeatureExtractor
#define SAMPLE_RATE  16000.0

typedef double lanes __attribute__((vector_size(N_LANES * sizeof(double)), aligned(8)));
typedef float float_lanes __attribute__((vector_size(N_LANES * sizeof(float))));

struct points {  // of N_LANES transforms
        lanes re[N_FFT];
        lanes im[N_FFT];
};

struct mel_band {
        size_t first, n;  // bins with weight
        float weights[LOG_MEL_BINS];
};

struct log_mel {
        size_t n_mels;
        float window[N_FFT];
        double cosine[N_FFT], sine[N_FFT];  // of -2 pi i / N_FFT
        struct mel_band bands[];            // [n_mels]
};

// Slaney's mel scale: linear to 1000 Hz, logarithmic above.
static double mel_to_hertz(double mel) {
        const double linear_step = 200.0 / 3, log_begin = 1000.0;
        const double log_begin_mel = log_begin / linear_step;

        if (mel < log_begin_mel)
                return linear_step * mel;
        return log_begin * exp(log(6.4) / 27.0 * (mel - log_begin_mel));
}

// Triangles between neighbouring mel frequencies, of equal area.
static void slaney_filter(size_t n_mels, size_t mel, float *ret) {
        double step = MEL_MAX / (double)(n_mels + 1);
        double low = mel_to_hertz(step * (double)mel);
        double middle = mel_to_hertz(step * (double)(mel + 1));
        double high = mel_to_hertz(step * (double)(mel + 2));

        for (size_t bin = 0; bin < LOG_MEL_BINS; bin++) {
                double frequency = (double)bin * SAMPLE_RATE / N_FFT;
                double rising = (frequency - low) / (middle - low);
                double falling = (high - frequency) / (high - middle);
                double height = fmax(0, fmin(rising, falling));

                ret[bin] = (float)(height * 2.0 / (high - low));
        }
}

// Keep the stretch of bins that has weight.
static void mel_band_init(struct mel_band *band, const float *filter) {
        size_t first = 0, last = LOG_MEL_BINS;

        while (first < last && filter[first] == 0.0f)
                first++;
        while (last > first && filter[last - 1] == 0.0f)
                last--;
        band->first = first;
        band->n = last - first;
        memcpy(band->weights, filter + first, band->n * sizeof(float));
}

struct log_mel *log_mel_new(size_t n_mels, const float *filters) {
        struct log_mel *log_mel =
                xcalloc(1, sizeof(*log_mel) + n_mels * sizeof(log_mel->bands[0]));
        float filter[LOG_MEL_BINS];

        log_mel->n_mels = n_mels;
        for (size_t i = 0; i < N_FFT; i++) {
                double angle = 2 * M_PI * (double)i / N_FFT;

                log_mel->window[i] = (float)(0.5 - 0.5 * cos(angle));
                log_mel->cosine[i] = cos(angle);
                log_mel->sine[i] = -sin(angle);
        }
        for (size_t mel = 0; mel < n_mels; mel++) {
                if (!filters)
                        slaney_filter(n_mels, mel, filter);
                mel_band_init(&log_mel->bands[mel],
                              filters ? filters + mel * LOG_MEL_BINS : filter);
        }
        return log_mel;
}

struct log_mel *log_mel_free(struct log_mel *log_mel) {
        free(log_mel);
        return NULL;
}

size_t log_mel_frames(size_t n_samples) {
        return n_samples / LOG_MEL_HOP + 1;
}

// Sample `i` of the sound followed by one hop of zeros, mirrored at both ends.
static float mirrored_sample(const float *samples, size_t n, ptrdiff_t i) {
        ptrdiff_t last = (ptrdiff_t)(n + LOG_MEL_HOP) - 1;

        while (i < 0 || i > last)
                i = i < 0 ? -i : 2 * last - i;
        return (size_t)i < n ? samples[i] : 0.0f;
}

// Fill a block's transforms with the windowed frames [first, first + BLOCK_FRAMES).
static void block_load(const struct log_mel *log_mel, const float *samples, size_t n,
                       size_t first, struct points *ret) {
        for (size_t frame = 0; frame < BLOCK_FRAMES; frame++) {
                ptrdiff_t begin = (ptrdiff_t)((first + frame) * LOG_MEL_HOP) - N_FFT / 2;
                double *to = (double *)(frame < N_LANES ? ret->re : ret->im) + frame % N_LANES;
                float outside[N_FFT];
                const float *from = outside;

                if (begin >= 0 && (size_t)begin + N_FFT <= n)
                        from = samples + begin;
                else
                        for (ptrdiff_t i = 0; i < N_FFT; i++)
                                outside[i] = mirrored_sample(samples, n, begin + i);
                for (size_t i = 0; i < N_FFT; i++)
                        to[i * N_LANES] = (double)(from[i] * log_mel->window[i]);
        }
}

// One level of the recursion: `radix` transforms of n / radix points, lying end to end in
// `from`, become one of n points in `to`.
INLINE_AVX2 void fourier_combine(const struct log_mel *log_mel, const size_t n,
                                 const size_t radix, const struct points *from, size_t offset,
                                 struct points *to) {
        const size_t m = n / radix, scale = N_FFT / n;

        for (size_t k = 0; k < n; k++) {
                size_t at = offset + k % m, twiddle = 0;
                lanes re = from->re[at], im = from->im[at];

                UNROLL
                for (size_t q = 1; q < radix; q++) {
                        twiddle += k * scale;
                        twiddle -= twiddle >= N_FFT ? N_FFT : 0;
                        at += m;

                        double c = log_mel->cosine[twiddle], s = log_mel->sine[twiddle];
                        lanes a = from->re[at], b = from->im[at];

                        re += a * c - b * s;
                        im += a * s + b * c;
                }
                to->re[offset + k] = re;
                to->im[offset + k] = im;
        }
}

// Transform `points`, which are lost; the result is in `ret`.
TARGET_AVX2 static void fourier_transform(const struct log_mel *log_mel, struct points *points,
                                          struct points *ret) {
        // Order of the input for radices 4, 4, 5, 5 from the outside in: digits reversed.
        for (size_t i = 0; i < N_FFT; i++) {
                size_t a = i / 100, b = i / 25 % 4, c = i / 5 % 5, d = i % 5;
                size_t from = a + 4 * b + 16 * c + 80 * d;

                ret->re[i] = points->re[from];
                ret->im[i] = points->im[from];
        }
        for (size_t offset = 0; offset < N_FFT; offset += 5)
                fourier_combine(log_mel, 5, 5, ret, offset, points);
        for (size_t offset = 0; offset < N_FFT; offset += 25)
                fourier_combine(log_mel, 25, 5, points, offset, ret);
        for (size_t offset = 0; offset < N_FFT; offset += 100)
                fourier_combine(log_mel, 100, 4, ret, offset, points);
        fourier_combine(log_mel, 400, 4, points, 0, ret);
}

INLINE_AVX2 void lanes_store(lanes x, float *ret) {
        float_lanes narrow = __builtin_convertvector(x, float_lanes);

        memcpy(ret, &narrow, sizeof(narrow));
}

// The power spectra of a block's frames: each transform is of two, parted by symmetry.
TARGET_AVX2 static void block_power(const struct points *points,
                                    float ret[LOG_MEL_BINS][BLOCK_FRAMES]) {
        for (size_t bin = 0; bin < LOG_MEL_BINS; bin++) {
                size_t mirror = (N_FFT - bin) % N_FFT;
                lanes a = points->re[bin], b = points->im[bin];
                lanes c = points->re[mirror], d = points->im[mirror];
                lanes even_re = (a + c) / 2, even_im = (b - d) / 2;
                lanes odd_re = (b + d) / 2, odd_im = (c - a) / 2;
                lanes even = even_re * even_re + even_im * even_im;
                lanes odd = odd_re * odd_re + odd_im * odd_im;

                lanes_store(even, ret[bin]);
                lanes_store(odd, ret[bin] + N_LANES);
        }
}

// The log10 of one mel bin of a block's frames, before clamping.
INLINE_AVX2 __m256 mel_log(const struct mel_band *band,
                           const float power[LOG_MEL_BINS][BLOCK_FRAMES]) {
        __m256 sum = _mm256_setzero_ps();

        for (size_t i = 0; i < band->n; i++)
                sum = _mm256_fmadd_ps(_mm256_set1_ps(band->weights[i]),
                                      _mm256_loadu_ps(power[band->first + i]), sum);
        return log10_avx2(_mm256_max_ps(sum, _mm256_set1_ps(1e-10f)));
}

// Frames [first, first + BLOCK_FRAMES), as far as there are so many; returns the largest bin.
TARGET_AVX2 static float block_compute(const struct log_mel *log_mel, const float *samples,
                                       size_t n, size_t first, float *ret) {
        struct points points, transformed;
        float power[LOG_MEL_BINS][BLOCK_FRAMES], bins[BLOCK_FRAMES], largest = -10.0f;
        size_t n_frames = log_mel_frames(n) - first;
        __m256 most = _mm256_set1_ps(-10.0f);

        if (n_frames > BLOCK_FRAMES)
                n_frames = BLOCK_FRAMES;
        block_load(log_mel, samples, n, first, &points);
        fourier_transform(log_mel, &points, &transformed);
        block_power(&transformed, power);
        ret += first * log_mel->n_mels;
        for (size_t mel = 0; mel < log_mel->n_mels; mel++) {
                __m256 bin = mel_log(&log_mel->bands[mel], power);

                most = _mm256_max_ps(most, bin);
                _mm256_storeu_ps(bins, bin);
                for (size_t frame = 0; frame < n_frames; frame++)
                        ret[frame * log_mel->n_mels + mel] = bins[frame];
        }
        _mm256_storeu_ps(bins, most);
        for (size_t frame = 0; frame < n_frames; frame++)
                largest = fmaxf(largest, bins[frame]);
        return largest;
}

// x[i] = (max(x[i], floor) + 4) / 4
TARGET_AVX2 static void clamp(float *x, size_t n, float floor) {
        const __m256 least = _mm256_set1_ps(floor), four = _mm256_set1_ps(4);
        size_t i = 0;

        for (; i + BLOCK_FRAMES <= n; i += BLOCK_FRAMES) {
                __m256 y = _mm256_max_ps(_mm256_loadu_ps(x + i), least);

                _mm256_storeu_ps(x + i, _mm256_div_ps(_mm256_add_ps(y, four), four));
        }
        for (; i < n; i++)
                x[i] = (fmaxf(x[i], floor) + 4.0f) / 4.0f;
}

// Frames that are a piece of the team's work: a fifth of a millisecond's.
#define PIECE_FRAMES ((size_t)16 * BLOCK_FRAMES)

struct computation {
        const struct log_mel *log_mel;
        const float *samples;
        size_t n, n_frames;
        float *ret;
        float *largest;  // of each piece
};

static void compute_piece(void *context, size_t piece, size_t thread) {
        const struct computation *all = context;
        size_t first = piece * PIECE_FRAMES, end = MIN(first + PIECE_FRAMES, all->n_frames);
        float largest = -10.0f;

        (void)thread;
        for (; first < end; first += BLOCK_FRAMES)
                largest = fmaxf(largest, block_compute(all->log_mel, all->samples, all->n,
                                                       first, all->ret));
        all->largest[piece] = largest;
}

void log_mel_compute(const struct log_mel *log_mel, const float *samples, size_t n,
                     struct team *team, float *ret) {
        size_t n_frames = log_mel_frames(n);
        size_t n_pieces = (n_frames + PIECE_FRAMES - 1) / PIECE_FRAMES;
        CLEANUP(floats_freep) float *largest = xcalloc(n_pieces, sizeof(*largest));
        struct computation all = {log_mel, samples, n, n_frames, ret, largest};
        float floor = -10.0f;

        team_run(team, n_pieces, compute_piece, &all);
        for (size_t i = 0; i < n_pieces; i++)
                floor = fmaxf(floor, largest[i]);
        clamp(ret, n_frames * log_mel->n_mels, floor - 8.0f);
}
