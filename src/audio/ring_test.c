#include "audio/ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNTOUCHED 12345.0f

static uint32_t random_next(uint32_t *seed) {
        *seed = *seed * 1664525u + 1013904223u;
        return *seed >> 8;
}

// The naive model: everything that was ever appended.
struct tape {
        float samples[1 << 16];
        int64_t n;
};

static struct tape tape;

static void assert_copy_agrees(const struct ring *ring, int64_t from, size_t n) {
        static float copy[1 << 16];
        int r;

        copy[0] = UNTOUCHED;
        r = ring_copy(ring, from, n, copy);
        if (from < ring_begin(ring)) {
                assert_int_equal(r, RING_E_DROPPED);
        } else if (from + (int64_t)n > tape.n) {
                assert_int_equal(r, RING_E_AHEAD);
        } else {
                assert_int_equal(r, 0);
                assert_memory_equal(copy, tape.samples + from, n * sizeof(float));
                return;
        }
        assert_true(copy[0] == UNTOUCHED);
}

static void random_operations_agree_with_a_tape(void **state) {
        const size_t capacities[] = {1, 2, 7, 64, 1000};
        uint32_t seed = 1;

        (void)state;
        for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
                CLEANUP(ring_freep) struct ring *ring = NULL;
                const size_t capacity = capacities[c];

                assert_int_equal(ring_new(&ring, capacity), 0);
                memset(&tape, 0, sizeof(tape));
                while (tape.n < (1 << 15)) {
                        size_t n = random_next(&seed) % (capacity * 5 / 2 + 2);
                        int64_t from;

                        for (size_t i = 0; i < n; i++)
                                tape.samples[tape.n + (int64_t)i] = (float)random_next(&seed);
                        ring_append(ring, tape.samples + tape.n, n);
                        tape.n += (int64_t)n;
                        assert_int_equal(ring_end(ring), tape.n);
                        assert_int_equal(ring_begin(ring), tape.n > (int64_t)capacity
                                                                   ? tape.n - (int64_t)capacity
                                                                   : 0);
                        from = tape.n + 2 - (int64_t)(random_next(&seed) % (capacity * 2 + 4));
                        assert_copy_agrees(ring, from, random_next(&seed) % (capacity + 2));
                        assert_copy_agrees(ring, ring_begin(ring),
                                           (size_t)(tape.n - ring_begin(ring)));
                }
        }
}

// What is kept is what the tape has from the last release on, as far as the capacity goes.
static void released_sound_is_gone_and_the_rest_stays(void **state) {
        CLEANUP(ring_freep) struct ring *ring = NULL;
        const size_t capacity = 40000;
        static float copy[1 << 16];
        int64_t released = 0;
        uint32_t seed = 7;

        (void)state;
        assert_int_equal(ring_new(&ring, capacity), 0);
        memset(&tape, 0, sizeof(tape));
        for (size_t n; tape.n + 9000 < (1 << 16); tape.n += (int64_t)n) {
                int64_t least;
                size_t kept;

                n = random_next(&seed) % 9000;
                for (size_t i = 0; i < n; i++)
                        tape.samples[tape.n + (int64_t)i] = (float)random_next(&seed);
                ring_append(ring, tape.samples + tape.n, n);
                if (random_next(&seed) % 3 == 0) {
                        const int64_t end = tape.n + (int64_t)n;
                        const int64_t from = end - (int64_t)(random_next(&seed) % 20000);

                        ring_release(ring, from);
                        released = from > released ? from : released;
                }
                least = tape.n + (int64_t)n - (int64_t)capacity;
                assert_int_equal(ring_begin(ring), least > released ? least : released);
                assert_int_equal(ring_end(ring), tape.n + (int64_t)n);
                kept = (size_t)(ring_end(ring) - ring_begin(ring));
                assert_true(kept <= ring_size(ring));
                assert_int_equal(ring_copy(ring, ring_begin(ring), kept, copy), 0);
                assert_memory_equal(copy, tape.samples + ring_begin(ring),
                                    kept * sizeof(float));
        }
        ring_release(ring, INT64_MAX);
        assert_int_equal(ring_begin(ring), ring_end(ring));
}

static void memory_follows_need(void **state) {
        CLEANUP(ring_freep) struct ring *ring = NULL;
        static const float second[AUDIO_RATE];
        const size_t capacity = (size_t)32 * AUDIO_RATE;

        (void)state;
        assert_int_equal(ring_new(&ring, capacity), 0);
        for (int i = 0; i < 100; i++) {
                ring_append(ring, second, AUDIO_RATE / 10);
                ring_release(ring, ring_end(ring) - AUDIO_RATE / 2);
        }
        assert_true(ring_size(ring) <= AUDIO_RATE);
        for (int i = 0; i < 60; i++)
                ring_append(ring, second, AUDIO_RATE);
        assert_int_equal(ring_size(ring), capacity);
        assert_int_equal(ring_end(ring) - ring_begin(ring), capacity);
        ring_release(ring, ring_end(ring) - AUDIO_RATE / 2);
        assert_true(ring_size(ring) <= 2 * AUDIO_RATE);
}

static void absurd_ranges_are_refused(void **state) {
        CLEANUP(ring_freep) struct ring *ring = NULL;
        const float one = 1;
        float copy = UNTOUCHED;

        (void)state;
        assert_int_equal(ring_new(&ring, 4), 0);
        ring_append(ring, &one, 1);
        assert_int_equal(ring_copy(ring, -1, 1, &copy), RING_E_DROPPED);
        assert_int_equal(ring_copy(ring, INT64_MIN, 1, &copy), RING_E_DROPPED);
        assert_int_equal(ring_copy(ring, INT64_MAX, 1, &copy), RING_E_AHEAD);
        assert_int_equal(ring_copy(ring, 0, SIZE_MAX, &copy), RING_E_AHEAD);
        assert_int_equal(ring_copy(ring, 1, 0, &copy), 0);
        assert_true(copy == UNTOUCHED);
}

static void more_than_ten_minutes_is_refused(void **state) {
        struct ring *ring = NULL;

        (void)state;
        assert_int_equal(ring_new(&ring, (size_t)600 * AUDIO_RATE + 1), -E2BIG);
        assert_int_equal(ring_new(&ring, SIZE_MAX), -E2BIG);
        assert_null(ring);
        assert_int_equal(ring_new(&ring, (size_t)600 * AUDIO_RATE), 0);
        assert_null(ring_free(ring));
        assert_null(ring_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_operations_agree_with_a_tape),
                cmocka_unit_test(released_sound_is_gone_and_the_rest_stays),
                cmocka_unit_test(memory_follows_need),
                cmocka_unit_test(absurd_ranges_are_refused),
                cmocka_unit_test(more_than_ten_minutes_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
