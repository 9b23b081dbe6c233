#pragma once
// Samples: what decoders give, in any of their twelve formats, as floats within about -1..1.
//
// Threads: any; no state.

#include <libavutil/frame.h>
#include <stddef.h>

// Write the samples `first` to `first + n` of one channel to ret[0], ret[stride], ... They are
// finite, whatever the frame holds.
void media_samples_read(const AVFrame *frame, unsigned channel, size_t first, size_t n,
                        float *ret, size_t stride);
