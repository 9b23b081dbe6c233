#include "journal/age_clock.h"

#include <time.h>

#include "util/log.h"

#define HOUR_MS (3600 * INT64_C(1000))
#define DAY_MS  (24 * HOUR_MS)

static void age_clock_doubt(struct age_clock *clock, nsec_t now) {
        if (clock->doubted_until <= now)
                log_warning(clock->who, "clock-doubted",
                            "the clock has jumped: nothing is removed for its age by the new "
                            "time before that has stood for a day");
        clock->doubted_until = now + DAY_MS * NSEC_PER_MSEC;
}

struct age_time age_clock_time(const struct loop *loop) {
        struct timespec awake, all;
        nsec_t slept;

        clock_gettime(CLOCK_MONOTONIC, &awake);
        clock_gettime(CLOCK_BOOTTIME, &all);
        slept = (all.tv_sec - awake.tv_sec) * NSEC_PER_SEC + all.tv_nsec - awake.tv_nsec;
        return (struct age_time){loop_wall(loop) / NSEC_PER_MSEC, loop_now(loop) + slept};
}

void age_clock_begin(struct age_clock *clock, const char *who, int64_t newest_ms,
                     struct age_time time) {
        *clock = (struct age_clock){
                .who = who,
                .base_ms = time.wall_ms,
                .base_at = time.steady,
                .offset_ms = time.wall_ms - time.steady / NSEC_PER_MSEC,
                .doubted_until = time.steady,
        };
        if (newest_ms == 0 || time.wall_ms - newest_ms <= DAY_MS)
                return;
        clock->base_ms = newest_ms + DAY_MS;
        age_clock_doubt(clock, time.steady);
}

int64_t age_clock_read(struct age_clock *clock, struct age_time time) {
        int64_t offset_ms = time.wall_ms - time.steady / NSEC_PER_MSEC;
        int64_t jump_ms = offset_ms - clock->offset_ms;
        int64_t own_ms;

        clock->offset_ms = offset_ms;
        if (jump_ms > HOUR_MS || jump_ms < -HOUR_MS)
                age_clock_doubt(clock, time.steady);
        if (time.steady >= clock->doubted_until) {
                clock->base_ms = time.wall_ms;
                clock->base_at = time.steady;
        }
        own_ms = clock->base_ms + (time.steady - clock->base_at) / NSEC_PER_MSEC;
        return own_ms < time.wall_ms ? own_ms : time.wall_ms;
}
