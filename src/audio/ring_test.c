#include "audio/ring.h"

#include <errno.h>
#include <malloc.h>
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

                        if (random_next(&seed) % 4 == 0) {
                                ring_append_silence(ring, (int64_t)n);
                        } else {
                                for (size_t i = 0; i < n; i++)
                                        tape.samples[tape.n + (int64_t)i] =
                                                (float)random_next(&seed);
                                ring_append(ring, tape.samples + tape.n, n);
                        }
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

static void silence_of_years_reads_as_zeros(void **state) {
        CLEANUP(ring_freep) struct ring *ring = NULL;
        const int64_t years = (int64_t)10 * 365 * 86400 * AUDIO_RATE;
        const float ones[4] = {1, 1, 1, 1};
        float copy[4];

        (void)state;
        assert_int_equal(ring_new(&ring, 4), 0);
        ring_append(ring, ones, 4);
        ring_append_silence(ring, years);
        assert_int_equal(ring_end(ring), 4 + years);
        assert_int_equal(ring_begin(ring), years);
        assert_int_equal(ring_copy(ring, years, 4, copy), 0);
        for (size_t i = 0; i < 4; i++)
                assert_true(copy[i] == 0.0f);
        ring_append_silence(ring, -5);
        assert_int_equal(ring_end(ring), 4 + years);
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

static void appending_never_allocates(void **state) {
        CLEANUP(ring_freep) struct ring *ring = NULL;
        static const float samples[5000];
        struct mallinfo2 before;
        struct mallinfo2 after;

        (void)state;
        assert_int_equal(ring_new(&ring, 3000), 0);
        before = mallinfo2();
        for (int i = 0; i < 100; i++) {
                ring_append(ring, samples, (size_t)i * 50);
                ring_append_silence(ring, (int64_t)i * 37);
        }
        after = mallinfo2();
        assert_int_equal(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_operations_agree_with_a_tape),
                cmocka_unit_test(silence_of_years_reads_as_zeros),
                cmocka_unit_test(absurd_ranges_are_refused),
                cmocka_unit_test(more_than_ten_minutes_is_refused),
                cmocka_unit_test(appending_never_allocates),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
