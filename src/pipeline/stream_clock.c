#include "pipeline/stream_clock.h"

#include "audio/pcm.h"

// How long arrivals are watched before the anchor is judged by them; and after samples were
// away for CLOCK_STALL, or at the beginning, when a server may send at once what it had kept.
#define CLOCK_LOOK   (60 * NSEC_PER_SEC)
#define CLOCK_SETTLE (1 * NSEC_PER_SEC)
#define CLOCK_STALL  (1 * NSEC_PER_SEC)

static nsec_t samples_last(int64_t n) {
        return n * (NSEC_PER_SEC / AUDIO_RATE);
}

static void anchor_set(struct stream_clock *clock, int64_t position, nsec_t wall) {
        clock->anchors[clock->generation % CLOCK_GENERATIONS] = (struct clock_anchor){
                .generation = clock->generation,
                .epoch = position,
                .wall_epoch = wall,
        };
}

void stream_clock_begin(struct stream_clock *clock, int64_t position, nsec_t wall) {
        clock->generation++;
        anchor_set(clock, position, wall);
        clock->is_anchored = false;
}

struct clock_anchor stream_clock_anchor(const struct stream_clock *clock, uint32_t generation) {
        if (clock->generation - generation >= CLOCK_GENERATIONS)
                generation = clock->generation - (CLOCK_GENERATIONS - 1);
        return clock->anchors[generation % CLOCK_GENERATIONS];
}

static nsec_t wall_of(const struct stream_clock *clock, int64_t position) {
        struct clock_anchor anchor = stream_clock_anchor(clock, clock->generation);

        return anchor.wall_epoch + samples_last(position - anchor.epoch);
}

static void watch_begin(struct stream_clock *clock, nsec_t look_at) {
        clock->lag_least = INT64_MAX;
        clock->look_at = look_at;
}

void stream_clock_hear(struct stream_clock *clock, int64_t position, size_t n, nsec_t wall,
                       nsec_t now) {
        int64_t end = position + (int64_t)n;
        nsec_t lag;

        if (!clock->is_anchored) {
                clock->is_anchored = true;
                anchor_set(clock, position, wall - samples_last((int64_t)n));
                watch_begin(clock, now + CLOCK_SETTLE);
        } else if (now - clock->heard_at > CLOCK_STALL) {
                watch_begin(clock, now + CLOCK_SETTLE);
        }
        clock->heard_at = now;
        lag = wall - wall_of(clock, end);
        if (lag < clock->lag_least)
                clock->lag_least = lag;
        if (!clock->is_followed || now < clock->look_at)
                return;
        if (clock->lag_least > CLOCK_TOLERANCE || clock->lag_least < -CLOCK_TOLERANCE) {
                nsec_t heard = wall_of(clock, end) + clock->lag_least;

                clock->generation++;
                anchor_set(clock, end, heard);
        }
        watch_begin(clock, now + CLOCK_LOOK);
}
