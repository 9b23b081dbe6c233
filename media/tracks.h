#pragma once
// Tracks: which of several sound tracks is meant?
//
// Threads: any; no state.

#include "media/records.h"
#include "util/error.h"

#define MEDIA_TRACKS_BY_EAR (-1)

// The index of the track that is wished for ("2": number from 1; "de": the first in that
// language), or of the only one there is, with the reason in `ret->why`. MEDIA_TRACKS_BY_EAR:
// nothing is wished, and there are several. -ENOENT: there is no such track, with words.
int media_tracks_find(struct media_opened *ret, unsigned n_tracks, const char *wish,
                      struct error *error);

// What was heard of a track while it was to be chosen.
struct media_track_heard {
        bool is_speech;
        double level;  // dBFS; NAN: nothing came
};

// The index of the first with speech, or -1.
int media_tracks_speaking(const struct media_track_heard *heard, unsigned n);

// When time is up and none spoke: the loudest, or the first where all are silent (below -60
// dBFS), which *ret_silent tells.
int media_tracks_loudest(const struct media_track_heard *heard, unsigned n, bool *ret_silent);
