#include "media/sound.h"

#include <errno.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mathematics.h>
#include <libavutil/samplefmt.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <string.h>

#include "media/channels.h"
#include "media/records.h"
#include "media/samples.h"
#include "util/mem.h"

#define RATE  MEDIA_TIMELINE_RATE
#define PIECE 1024  // samples of each channel that are converted at once

struct media_sound {
        unsigned n_channels;
        struct media_sink sink;
        struct media_timeline timeline;
        int64_t position;  // handed on

        // What the frames are; all below depends on it.
        int rate, channels;
        enum AVSampleFormat format;
        int64_t base;                  // where `n_in` began
        int64_t n_in;                  // samples that went into the filters
        struct media_channels *mixer;  // several to one; else NULL
        float *planes;                 // a piece of each channel, or of interleaved ones
        float *mixed;
        SwrContext *resampler;
        int16_t *out;
        int out_room;  // samples of each channel
};

struct media_sound *media_sound_new(unsigned n_channels, bool is_live, int64_t zero,
                                    const struct media_sink *sink) {
        struct media_sound *sound = xnew(struct media_sound);

        sound->n_channels = n_channels;
        sound->sink = *sink;
        sound->format = AV_SAMPLE_FMT_NONE;
        media_timeline_init(&sound->timeline, is_live, zero);
        return sound;
}

static void filters_free(struct media_sound *sound) {
        sound->mixer = media_channels_free(sound->mixer);
        sound->planes = floats_free(sound->planes);
        sound->mixed = floats_free(sound->mixed);
        sound->out = mem_free(sound->out);
        swr_free(&sound->resampler);
}

struct media_sound *media_sound_free(struct media_sound *sound) {
        if (!sound)
                return NULL;
        filters_free(sound);
        free(sound);
        return NULL;
}

int64_t media_sound_position(const struct media_sound *sound) {
        return sound->position;
}

unsigned media_sound_rate(const struct media_sound *sound) {
        return (unsigned)sound->rate;
}

unsigned media_sound_channels(const struct media_sound *sound) {
        return (unsigned)sound->channels;
}

// --- filters --------------------------------------------------------------------

// One channel goes to the resampler as it is.
static bool is_plain(const struct media_sound *sound) {
        return sound->n_channels == 1 && sound->channels == 1;
}

static int resampler_open(struct media_sound *sound) {
        enum AVSampleFormat format = is_plain(sound) ? sound->format : AV_SAMPLE_FMT_FLT;
        AVChannelLayout layout;
        int code;

        // Without names of loudspeakers, beyond those that have any.
        av_channel_layout_default(&layout, (int)sound->n_channels);
        code = swr_alloc_set_opts2(&sound->resampler, &layout, AV_SAMPLE_FMT_S16, RATE, &layout,
                                   format, sound->rate, 0, NULL);
        av_channel_layout_uninit(&layout);
        return code < 0 ? code : swr_init(sound->resampler);
}

static int filters_open(struct media_sound *sound) {
        size_t n_planes = is_plain(sound) ? 0 : (size_t)sound->channels;
        size_t piece = PIECE;
        int code;

        filters_free(sound);
        if (sound->n_channels == 1 && n_planes > 0) {
                sound->mixer =
                        media_channels_new((unsigned)sound->channels, (unsigned)sound->rate);
                piece = media_channels_room(sound->mixer, PIECE);
                sound->mixed = xcalloc(piece, sizeof(*sound->mixed));
        } else if (n_planes > 0) {
                n_planes = sound->n_channels;
        }
        if (n_planes > 0)
                sound->planes = xcalloc(n_planes * PIECE, sizeof(*sound->planes));
        code = resampler_open(sound);
        if (code < 0)
                return code;
        sound->out_room = swr_get_out_samples(sound->resampler, (int)piece);
        if (sound->out_room < 0)
                return sound->out_room;
        sound->out =
                try_calloc((size_t)sound->out_room * sound->n_channels, sizeof(*sound->out));
        return sound->out ? 0 : -ENOMEM;
}

// --- samples through the filters -------------------------------------------------

// `n` = 0 with no samples: as much as the resampler holds back. Returns what came of it.
static int piece_resample(struct media_sound *sound, const uint8_t *samples, size_t n) {
        uint8_t *out = (uint8_t *)sound->out;
        const uint8_t *in = samples;
        int n_out = swr_convert(sound->resampler, &out, sound->out_room, samples ? &in : NULL,
                                (int)n);
        int code;

        if (n_out <= 0)
                return n_out;
        code = sound->sink.on_samples(sound->sink.context, sound->out, (size_t)n_out);
        if (code < 0)
                return code;
        sound->position += n_out;
        return n_out;
}

static int mixed_resample(struct media_sound *sound, size_t n) {
        return n == 0 ? 0 : piece_resample(sound, (const uint8_t *)sound->mixed, n);
}

static int piece_mix(struct media_sound *sound, const AVFrame *frame, size_t first, size_t n) {
        const float *planes[MEDIA_CHANNELS_MAX];

        for (int c = 0; c < sound->channels; c++) {
                float *plane = sound->planes + (size_t)c * PIECE;

                media_samples_read(frame, (unsigned)c, first, n, plane, 1);
                planes[c] = plane;
        }
        return mixed_resample(sound,
                              media_channels_feed(sound->mixer, planes, n, sound->mixed));
}

// Channels that the source has not got stay silent, those beyond are left out.
static int piece_interleave(struct media_sound *sound, const AVFrame *frame, size_t first,
                            size_t n) {
        for (unsigned c = 0; c < sound->n_channels && (int)c < sound->channels; c++)
                media_samples_read(frame, c, first, n, sound->planes + c, sound->n_channels);
        return piece_resample(sound, (const uint8_t *)sound->planes, n);
}

static int piece_feed(struct media_sound *sound, const AVFrame *frame, size_t first, size_t n) {
        if (sound->mixer)
                return piece_mix(sound, frame, first, n);
        if (sound->planes)
                return piece_interleave(sound, frame, first, n);
        return piece_resample(sound,
                              frame->extended_data[0] +
                                      first * (size_t)av_get_bytes_per_sample(sound->format),
                              n);
}

int media_sound_flush(struct media_sound *sound) {
        int code = 1;

        if (!sound->resampler)
                return 0;
        if (sound->mixer)
                code = mixed_resample(sound, media_channels_flush(sound->mixer, sound->mixed));
        if (code >= 0)
                do
                        code = piece_resample(sound, NULL, 0);
                while (code > 0);
        if (code < 0)
                return code;
        sound->base = sound->position;
        sound->n_in = 0;
        return swr_init(sound->resampler);  // it may go on
}

void media_sound_restart(struct media_sound *sound, int64_t zero) {
        media_timeline_restart(&sound->timeline, zero, sound->position);
}

// --- frames ---------------------------------------------------------------------

static int frame_check(const AVFrame *frame) {
        int channels = frame->ch_layout.nb_channels;

        if (frame->sample_rate < MEDIA_SOUND_RATE_MIN ||
            frame->sample_rate > MEDIA_SOUND_RATE_MAX || channels < 1 ||
            channels > MEDIA_CHANNELS_MAX)
                return -ERANGE;
        return 0;
}

// What a track's sound is may change on the way.
static int frame_adapt(struct media_sound *sound, const AVFrame *frame) {
        int channels = frame->ch_layout.nb_channels;
        int code;

        if (sound->resampler && frame->sample_rate == sound->rate &&
            channels == sound->channels && frame->format == sound->format)
                return 0;
        code = media_sound_flush(sound);
        if (code < 0)
                return code;
        sound->rate = frame->sample_rate;
        sound->channels = channels;
        sound->format = frame->format;
        return filters_open(sound);
}

static int64_t frame_stamp(const AVFrame *frame, AVRational time_base) {
        const AVRational ours = {1, RATE};

        if (frame->best_effort_timestamp == AV_NOPTS_VALUE)
                return MEDIA_TIMELINE_NONE;
        return av_rescale_q(frame->best_effort_timestamp, time_base, ours);
}

// Where sound that is fed now begins, on our clock.
static int64_t position_expected(const struct media_sound *sound) {
        return sound->base + av_rescale(sound->n_in, RATE, sound->rate);
}

static int step_take(struct media_sound *sound, struct media_step step) {
        int64_t expected = position_expected(sound);
        int code = media_sound_flush(sound);

        if (code < 0)
                return code;
        // The filters may give a sample more or less than was counted.
        if (step.silence > 0)
                step.silence += expected - sound->position;
        code = sound->sink.on_step(sound->sink.context, &step);
        if (code < 0)
                return code;
        sound->position += step.silence;
        sound->base = sound->position;
        return 0;
}

int media_sound_feed(struct media_sound *sound, const AVFrame *frame, AVRational time_base) {
        struct media_step step;
        size_t n = (size_t)frame->nb_samples;
        int code = frame_check(frame);

        if (code == 0)
                code = frame_adapt(sound, frame);
        if (code < 0)
                return code;
        step = media_timeline_place(&sound->timeline, frame_stamp(frame, time_base),
                                    position_expected(sound));
        if (step.silence || step.jump || step.left_out) {
                code = step_take(sound, step);
                if (code < 0)
                        return code;
        }
        for (size_t first = 0; first < n; first += PIECE) {
                size_t part = n - first < PIECE ? n - first : PIECE;

                code = piece_feed(sound, frame, first, part);
                if (code < 0)
                        return code;
                sound->n_in += (int64_t)part;
        }
        return 0;
}
