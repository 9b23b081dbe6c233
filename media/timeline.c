#include "media/timeline.h"

// Stamps beyond (18,000 years) are nonsense, and their differences would overflow.
#define STAMP_MAX (INT64_MAX / 4)

static bool is_usable(int64_t stamp) {
        return stamp > -STAMP_MAX && stamp < STAMP_MAX;
}

void media_timeline_restart(struct media_timeline *timeline, int64_t zero, int64_t position) {
        timeline->has_begun = is_usable(zero);
        timeline->offset = timeline->has_begun ? position - zero : 0;
}

void media_timeline_init(struct media_timeline *timeline, bool is_live, int64_t zero) {
        *timeline = (struct media_timeline){.is_live = is_live};
        media_timeline_restart(timeline, zero, 0);
}

struct media_step media_timeline_place(struct media_timeline *timeline, int64_t stamp,
                                       int64_t position) {
        struct media_step step = {0};
        int64_t ahead;

        if (!is_usable(stamp))
                return step;
        if (!timeline->has_begun)
                media_timeline_restart(timeline, stamp, position);
        ahead = stamp + timeline->offset - position;
        // A little behind: sound came twice, or its stamps are rough. They may catch up.
        if (ahead <= MEDIA_TIMELINE_TOLERANCE && ahead >= -MEDIA_TIMELINE_BACK)
                return step;
        if (timeline->is_live &&
            (ahead > MEDIA_TIMELINE_LIVE_GAP || ahead < -MEDIA_TIMELINE_LIVE_GAP))
                step.jump = ahead;
        else if (ahead > MEDIA_TIMELINE_FILE_GAP)
                step.left_out = ahead;
        else if (ahead > 0)
                step.silence = ahead;
        if (step.silence == 0)
                media_timeline_restart(timeline, stamp, position);
        return step;
}
