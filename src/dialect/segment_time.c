#include "dialect/segment_time.h"

#include "audio/pcm.h"

#define MS_SAMPLES (AUDIO_RATE / 1000)

static int64_t milliseconds(int64_t position, int64_t origin) {
        return position > origin ? (position - origin) / MS_SAMPLES : 0;
}

struct segment_time segment_time_after(const struct segment *segment, int64_t origin,
                                       int64_t previous_end_ms) {
        struct segment_time time = {milliseconds(segment->begin, origin),
                                    milliseconds(segment->end, origin)};
        int64_t length_least = segment->is_final ? 1 : 0;

        if (time.begin_ms < previous_end_ms)
                time.begin_ms = previous_end_ms;
        if (time.end_ms < time.begin_ms + length_least)
                time.end_ms = time.begin_ms + length_least;
        return time;
}
