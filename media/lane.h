#pragma once
// Lane: one sound track on its way: decoded, put on the clock, and then handed on; or, while
// it is not known which track is to be heard, listened to and kept.
//
// Threads: any one at a time.

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>

#include "media/sound.h"
#include "media/tracks.h"
#include "util/cleanup.h"

struct media_lane;

struct media_lane_config {
        unsigned n_channels;
        bool is_live;
        int64_t zero;  // as of media_sound_new()
        // While it is listened to: so many samples of each channel are kept, the newest of live
        // sound, the first of a file's. 0: it is chosen from the begin.
        int64_t n_kept;
        struct media_sink sink;
};

int media_lane_new(struct media_lane **ret, const AVStream *stream,
                   const struct media_lane_config *config);
struct media_lane *media_lane_free(struct media_lane *lane);

// As media_decoder_feed(); NULL: the end, or the end of a part.
int media_lane_feed(struct media_lane *lane, const AVPacket *packet, int *ret_code);

// Its track goes on in another container (the next of joined files, or the same file again),
// whose clock begins at `zero`. 0 or an AVERROR.
int media_lane_reopen(struct media_lane *lane, const AVStream *stream, int64_t zero);

// What was heard of it while it was listened to.
struct media_track_heard media_lane_heard(const struct media_lane *lane);

// No more can be kept of it.
bool media_lane_is_full(const struct media_lane *lane);

// Choose it: what was kept goes to its sink now, and then all that comes. Returns what the sink
// did.
int media_lane_choose(struct media_lane *lane);

// What its frames are; NULL is fine for either.
void media_lane_describe(const struct media_lane *lane, struct media_track *ret);

DEFINE_CLEANUP(struct media_lane *, media_lane_free);
