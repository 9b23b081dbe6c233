#pragma once
// Demuxer: a container open for reading, of which only the sound tracks are read; from a
// descriptor or from the network.
//
// Threads: any one at a time.

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>

#include "media/control.h"
#include "media/descriptor.h"
#include "media/faults.h"
#include "media/patience.h"
#include "media/records.h"

struct media_demuxer {
        AVFormatContext *format;
        int streams[MEDIA_TRACKS_MAX];  // of the sound tracks that can be heard, by number
        unsigned n_tracks;
        bool is_finite;
        bool is_playlist;  // HLS: its sound comes in segments, with pauses between
        int64_t zero;      // where its clock begins, in samples at 16 kHz; INT64_MIN: unknown
};

// Open what is asked for: `descriptor` for files and uploads, NULL for the network. 0 or an
// AVERROR, with what is known beyond it in *faults. To be closed after a success.
int media_demuxer_open(struct media_demuxer *ret, const struct media_request *request,
                       struct media_descriptor *descriptor, struct media_patience *patience,
                       struct media_faults *faults);
void media_demuxer_close(struct media_demuxer *demuxer, struct media_patience *patience);

// The number (from 0) of the track that a packet belongs to; -1: none.
int media_demuxer_track(const struct media_demuxer *demuxer, const AVPacket *packet);

// What the container says of itself and its tracks; levels, the choice and its reason are not
// set.
void media_demuxer_describe(const struct media_demuxer *demuxer, struct media_opened *ret);

// What is playing, if that changed since it was last asked. False: it did not.
bool media_demuxer_title(struct media_demuxer *demuxer, char ret[MEDIA_TITLE_MAX]);

// How long a track is by its container's own account, in seconds; NAN: it says nothing that can
// be relied on.
double media_demuxer_duration(const struct media_demuxer *demuxer, unsigned track);
