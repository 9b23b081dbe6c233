// A day of arrivals, in simulated time.
#include "pipeline/stream_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audio/pcm.h"

#define PIECE      1024  // samples that arrive together: 64 ms
#define WALL_START (1700000000 * NSEC_PER_SEC)

// A source whose clock runs off by `ppm`, and the network between.
struct source {
        struct stream_clock clock;
        double ppm;
        int64_t position;
        nsec_t now;       // true time since the start
        nsec_t wall_set;  // how much the machine's clock was set by
        uint32_t random;
};

static nsec_t jitter(struct source *source) {
        source->random = source->random * 1664525 + 1013904223;
        return (nsec_t)(source->random >> 8) % (40 * NSEC_PER_MSEC);
}

// Let the source speak for so long.
static void play(struct source *source, nsec_t duration) {
        const nsec_t nominal = PIECE * (NSEC_PER_SEC / AUDIO_RATE);
        double piece = (double)nominal / (1 + source->ppm * 1e-6);
        nsec_t begin = source->now;

        for (int64_t i = 1; (double)i * piece <= (double)duration; i++) {
                nsec_t at = begin + (nsec_t)((double)i * piece);
                nsec_t arrival = at + jitter(source);

                stream_clock_hear(&source->clock, source->position, PIECE,
                                  WALL_START + source->wall_set + arrival, arrival);
                source->position += PIECE;
                source->now = at;
        }
}

// What the clock says of the last sample, against the truth.
static nsec_t error_of(const struct source *source) {
        struct clock_anchor anchor =
                stream_clock_anchor(&source->clock, source->clock.generation);
        nsec_t wall = anchor.wall_epoch +
                      (source->position - anchor.epoch) * (NSEC_PER_SEC / AUDIO_RATE);

        return llabs(wall - (WALL_START + source->wall_set + source->now));
}

static struct source source_new(double ppm) {
        struct source source = {.ppm = ppm};

        source.clock.is_followed = true;
        stream_clock_begin(&source.clock, 0, WALL_START);
        return source;
}

static void a_day_of_a_fast_and_of_a_slow_camera(void **state) {
        static const double ppms[] = {-100, 0, 100};

        (void)state;
        for (size_t i = 0; i < sizeof(ppms) / sizeof(ppms[0]); i++) {
                struct source source = source_new(ppms[i]);

                for (int hour = 0; hour < 24; hour++) {
                        play(&source, 3600 * NSEC_PER_SEC);
                        assert_true(error_of(&source) <= 50 * NSEC_PER_MSEC);
                }
                // A good clock is left alone, but for the jitter of its first second.
                if (ppms[i] == 0)
                        assert_true(source.clock.generation <= 3);
        }
}

static void a_gap_in_the_sound_is_one_in_the_times(void **state) {
        struct source source = source_new(0);
        uint32_t before;
        struct clock_anchor old;

        (void)state;
        play(&source, 300 * NSEC_PER_SEC);
        before = source.clock.generation;
        old = stream_clock_anchor(&source.clock, before);
        source.now += 7 * NSEC_PER_SEC;  // sound that never comes
        play(&source, 2 * NSEC_PER_SEC);
        assert_true(error_of(&source) <= 50 * NSEC_PER_MSEC);
        assert_int_equal(source.clock.generation, before + 1);
        // What was said before keeps its times.
        assert_true(stream_clock_anchor(&source.clock, before).wall_epoch == old.wall_epoch);
}

static void sound_that_was_only_late_is_no_gap(void **state) {
        struct source source = source_new(0);
        uint32_t before;

        (void)state;
        play(&source, 300 * NSEC_PER_SEC);
        before = source.clock.generation;
        // Five seconds arrive at once, after five seconds without any.
        for (int i = 0; i < 5 * AUDIO_RATE / PIECE; i++) {
                nsec_t late = source.now + 5 * NSEC_PER_SEC;

                stream_clock_hear(&source.clock, source.position, PIECE, WALL_START + late,
                                  late);
                source.position += PIECE;
        }
        source.now += (int64_t)(5 * AUDIO_RATE / PIECE) * PIECE * (NSEC_PER_SEC / AUDIO_RATE);
        play(&source, 300 * NSEC_PER_SEC);
        assert_int_equal(source.clock.generation, before);
}

static void a_clock_that_is_set_is_followed(void **state) {
        static const nsec_t jumps[] = {3600 * NSEC_PER_SEC, -7200 * NSEC_PER_SEC};

        (void)state;
        for (int i = 0; i < 2; i++) {
                struct source source = source_new(0);

                play(&source, 300 * NSEC_PER_SEC);
                source.wall_set = jumps[i];
                play(&source, 150 * NSEC_PER_SEC);
                assert_true(error_of(&source) <= 50 * NSEC_PER_MSEC);
        }
}

static void anchors_that_are_forgotten_have_the_oldest_for_them(void **state) {
        struct stream_clock clock = {0};

        (void)state;
        for (int i = 1; i <= 20; i++)
                stream_clock_begin(&clock, i, i);
        assert_int_equal(stream_clock_anchor(&clock, 20).epoch, 20);
        assert_int_equal(stream_clock_anchor(&clock, 14).epoch, 14);
        assert_int_equal(stream_clock_anchor(&clock, 3).epoch, 13);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_day_of_a_fast_and_of_a_slow_camera),
                cmocka_unit_test(a_gap_in_the_sound_is_one_in_the_times),
                cmocka_unit_test(sound_that_was_only_late_is_no_gap),
                cmocka_unit_test(a_clock_that_is_set_is_followed),
                cmocka_unit_test(anchors_that_are_forgotten_have_the_oldest_for_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
