#include "media/lane.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/decoder.h"
#include "media/speech.h"
#include "util/mem.h"

#define STRETCHES_MAX 64

// What a file's gap separates: so much sound, and what comes before it.
struct lane_stretch {
        struct media_step step;
        int64_t n;
};

struct media_lane {
        struct media_lane_config config;
        struct media_decoder *decoder;
        struct media_sound *sound;
        AVRational time_base;
        bool is_chosen;

        // While it is not:
        struct media_speech *speech;
        int16_t *kept;  // of all stretches, one behind the other
        struct lane_stretch stretches[STRETCHES_MAX];
        size_t n_stretches;
        int64_t n_kept, room;
        bool is_full;
};

// --- listening --------------------------------------------------------------------

// Live: the oldest half goes when the room is full.
static void kept_make_room(struct media_lane *lane) {
        int64_t half = lane->config.n_kept;
        size_t frame = lane->config.n_channels * sizeof(*lane->kept);

        if (!lane->config.is_live || lane->n_kept < 2 * half)
                return;
        memmove(lane->kept, lane->kept + (lane->n_kept - half) * lane->config.n_channels,
                (size_t)half * frame);
        lane->n_kept = half;
}

// NULL: silence.
static void kept_add(struct media_lane *lane, const int16_t *samples, int64_t n) {
        int64_t most = lane->config.is_live ? INT64_MAX : lane->config.n_kept;
        size_t frame = lane->config.n_channels * sizeof(*lane->kept);

        kept_make_room(lane);
        if (lane->n_kept + n > lane->room) {
                lane->room = 2 * lane->room + n;
                lane->kept = xrealloc_array(lane->kept, (size_t)lane->room, frame);
        }
        if (samples)
                memcpy(lane->kept + lane->n_kept * lane->config.n_channels, samples,
                       (size_t)n * frame);
        else
                memset(lane->kept + lane->n_kept * lane->config.n_channels, 0,
                       (size_t)n * frame);
        lane->n_kept += n;
        lane->is_full |= lane->n_kept >= most;
        if (lane->n_stretches == 0)
                lane->n_stretches = 1;
        lane->stretches[lane->n_stretches - 1].n += n;
}

// The last stretch takes what is left when there are too many.
static void lane_stretch_begin(struct media_lane *lane, const struct media_step *step) {
        if (lane->n_stretches == STRETCHES_MAX)
                return;
        lane->stretches[lane->n_stretches++] = (struct lane_stretch){.step = *step};
        lane->is_full |= lane->n_stretches == STRETCHES_MAX;
}

// Several channels are listened to as the loudest of them.
static void speech_listen(struct media_lane *lane, const int16_t *samples, size_t n) {
        unsigned n_channels = lane->config.n_channels;

        for (size_t i = 0; i < n; i++) {
                int16_t loudest = samples[i * n_channels];

                for (unsigned c = 1; c < n_channels; c++)
                        if (abs(samples[i * n_channels + c]) > abs(loudest))
                                loudest = samples[i * n_channels + c];
                media_speech_feed(lane->speech, &loudest, 1);
        }
}

static int lane_on_samples(void *context, const int16_t *samples, size_t n) {
        struct media_lane *lane = context;

        if (lane->is_chosen)
                return lane->config.sink.on_samples(lane->config.sink.context, samples, n);
        speech_listen(lane, samples, n);
        kept_add(lane, samples, (int64_t)n);
        return 0;
}

static int lane_on_step(void *context, const struct media_step *step) {
        struct media_lane *lane = context;

        if (lane->is_chosen)
                return lane->config.sink.on_step(lane->config.sink.context, step);
        if (step->jump)
                lane->n_kept = 0;
        else if (lane->config.is_live)
                kept_add(lane, NULL, step->silence);
        else
                lane_stretch_begin(lane, step);
        return 0;
}

struct media_track_heard media_lane_heard(const struct media_lane *lane) {
        if (!lane->speech)
                return (struct media_track_heard){.level = NAN};
        return (struct media_track_heard){media_speech_is_heard(lane->speech),
                                          media_speech_level(lane->speech)};
}

bool media_lane_is_full(const struct media_lane *lane) {
        return lane->is_full;
}

static int live_hand_on(struct media_lane *lane) {
        const struct media_sink *sink = &lane->config.sink;
        int64_t first =
                lane->n_kept > lane->config.n_kept ? lane->n_kept - lane->config.n_kept : 0;

        return sink->on_samples(sink->context, lane->kept + first * lane->config.n_channels,
                                (size_t)(lane->n_kept - first));
}

static int file_hand_on(struct media_lane *lane) {
        const struct media_sink *sink = &lane->config.sink;
        const int16_t *samples = lane->kept;
        int code = 0;

        for (size_t i = 0; i < lane->n_stretches && code == 0; i++) {
                const struct lane_stretch *stretch = &lane->stretches[i];

                if (stretch->step.silence || stretch->step.left_out)
                        code = sink->on_step(sink->context, &stretch->step);
                if (code == 0 && stretch->n > 0)
                        code = sink->on_samples(sink->context, samples, (size_t)stretch->n);
                samples += stretch->n * lane->config.n_channels;
        }
        return code;
}

int media_lane_choose(struct media_lane *lane) {
        int code = 0;

        lane->is_chosen = true;
        if (lane->n_kept > 0 || lane->n_stretches > 0)
                code = lane->config.is_live ? live_hand_on(lane) : file_hand_on(lane);
        lane->kept = mem_free(lane->kept);
        lane->n_kept = lane->room = 0;
        return code;
}

// --- the way ----------------------------------------------------------------------

static int lane_on_frame(void *context, const AVFrame *frame) {
        struct media_lane *lane = context;

        return media_sound_feed(lane->sound, frame, lane->time_base);
}

static int decoder_open(struct media_lane *lane, const AVStream *stream) {
        lane->decoder = media_decoder_free(lane->decoder);
        lane->time_base = stream->time_base;
        return media_decoder_new(&lane->decoder, stream, lane_on_frame, lane);
}

int media_lane_new(struct media_lane **ret, const AVStream *stream,
                   const struct media_lane_config *config) {
        CLEANUP(media_lane_freep) struct media_lane *lane = xnew(struct media_lane);
        const struct media_sink sink = {lane_on_samples, lane_on_step, lane};
        int code;

        lane->config = *config;
        lane->is_chosen = config->n_kept == 0;
        if (!lane->is_chosen) {
                lane->speech = xnew(struct media_speech);
                media_speech_init(lane->speech);
        }
        lane->sound = media_sound_new(config->n_channels, config->is_live, config->zero, &sink);
        code = decoder_open(lane, stream);
        if (code < 0)
                return code;
        *ret = TAKE(lane);
        return 0;
}

struct media_lane *media_lane_free(struct media_lane *lane) {
        if (!lane)
                return NULL;
        lane->decoder = media_decoder_free(lane->decoder);
        lane->sound = media_sound_free(lane->sound);
        free(lane->speech);
        free(lane->kept);
        free(lane);
        return NULL;
}

int media_lane_feed(struct media_lane *lane, const AVPacket *packet, int *ret_code) {
        int bad = media_decoder_feed(lane->decoder, packet, ret_code);
        int code;

        if (packet || bad < 0)
                return bad;
        code = media_sound_flush(lane->sound);
        return code < 0 ? code : bad;
}

int media_lane_reopen(struct media_lane *lane, const AVStream *stream, int64_t zero) {
        media_sound_restart(lane->sound, zero);
        return decoder_open(lane, stream);
}

void media_lane_describe(const struct media_lane *lane, struct media_track *ret) {
        if (media_sound_rate(lane->sound)) {
                ret->rate = media_sound_rate(lane->sound);
                ret->channels = media_sound_channels(lane->sound);
        }
        ret->level = media_lane_heard(lane).level;
}
