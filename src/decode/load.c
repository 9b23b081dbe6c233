#include "decode/load.h"

// The delay of waiting finals that begins a level; half of it ends the level. In full health a
// final is answered within a few tenths of a second. Text is promised within three seconds of
// its end, of which the pause that closes its window takes 0.6: when finals lag by 2.5 seconds
// there is nothing left to spend on what is only partial.
static const nsec_t level_delays[] = {
        [LOAD_NORMAL] = 0,
        [LOAD_SLOWED] = 1 * NSEC_PER_SEC,
        [LOAD_FINALS_ONLY] = 5 * NSEC_PER_SEC / 2,
        [LOAD_FULL] = 6 * NSEC_PER_SEC,
};

// Partial passes come as often as this when the engine is idle. It follows the time that
// their answers take: at three times that no stream has more than a third of its time in the
// engine, and with more streams than fit in there the intervals grow with their number.
#define INTERVAL_LEAST   (250 * NSEC_PER_MSEC)
#define INTERVAL_MOST    (3 * NSEC_PER_SEC)
#define INTERVAL_ANSWERS 3

// And so much longer when slowed, and at least that.
#define SLOWED_FACTOR 3
#define SLOWED_LEAST  (2 * NSEC_PER_SEC)

// Beams are for an engine that answers a partial job within this, and has so few others to
// answer.
#define TURNAROUND_FAST (400 * NSEC_PER_MSEC)
#define FEW_JOBS        4

// The last eight answers or so count.
#define TURNAROUND_WEIGHT 8

// So many seconds of sound are answered in a second (a busy two-core machine of 2020 with
// `base`) until it was measured for about so many seconds; which count for a few seconds of
// work.
#define SPEED_GUESS 50.0
#define SPEED_DOUBT 0.1
#define SPEED_LASTS 4.0

// Partial jobs are let in beside finals that take less than this: two or three sentences. How
// many exactly matters little, that there is a limit does (docs/decisions/0056).
#define PARTIALS_DRAIN (150 * NSEC_PER_MSEC)

void load_observe(struct load *load, nsec_t now, nsec_t delay, nsec_t drain) {
        load->delay = delay;
        if (delay < drain / 2)  // on the average one of them waits for half of them
                delay = drain / 2;
        while (load->level < LOAD_FULL && delay >= level_delays[load->level + 1]) {
                load->level++;
                load->calm_since = 0;
        }
        if (load->level == LOAD_NORMAL || delay >= level_delays[load->level] / 2) {
                load->calm_since = 0;
                return;
        }
        if (load->calm_since == 0)
                load->calm_since = now;
        if (now - load->calm_since >= LOAD_CALM) {
                load->level--;
                load->calm_since = now;
        }
}

void load_observe_partial(struct load *load, nsec_t turnaround) {
        load->turnaround += (turnaround - load->turnaround) / TURNAROUND_WEIGHT;
}

void load_observe_answer(struct load *load, double seconds, nsec_t busy) {
        load->sound += seconds;
        load->busy += (double)busy / (double)NSEC_PER_SEC;
        if (load->busy >= SPEED_LASTS) {
                load->sound /= 2;
                load->busy /= 2;
        }
}

nsec_t load_drain(const struct load *load, double seconds) {
        double speed = (SPEED_GUESS * SPEED_DOUBT + load->sound) / (SPEED_DOUBT + load->busy);

        return (nsec_t)(seconds / speed * (double)NSEC_PER_SEC);
}

bool load_has_room_for_partials(nsec_t drain) {
        return drain < PARTIALS_DRAIN;
}

bool load_has_time(const struct load *load, size_t n_jobs) {
        return load->level == LOAD_NORMAL && load->turnaround <= TURNAROUND_FAST &&
               n_jobs <= FEW_JOBS;
}

nsec_t load_interval(const struct load *load) {
        nsec_t interval = load->turnaround * INTERVAL_ANSWERS;

        if (interval < INTERVAL_LEAST)
                interval = INTERVAL_LEAST;
        if (interval > INTERVAL_MOST)
                interval = INTERVAL_MOST;
        if (load->level == LOAD_NORMAL)
                return interval;
        interval *= SLOWED_FACTOR;
        return interval < SLOWED_LEAST ? SLOWED_LEAST : interval;
}

const char *load_level_name(enum load_level level) {
        static const char *const names[] = {
                [LOAD_NORMAL] = "normal",
                [LOAD_SLOWED] = "slowed",
                [LOAD_FINALS_ONLY] = "finals_only",
                [LOAD_FULL] = "full",
        };

        return names[level];
}
