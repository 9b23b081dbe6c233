#include "vad/energy_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define SURE    0.01f  // that nobody speaks
#define UNSURE  0.2f
#define QUIET_N 64

static const struct loudness noise = {1e-6f, 1e-5f};

// Chunks of noise that pass and are judged until the gate closes. Returns how many.
static size_t close_with(struct energy_gate *gate, struct loudness loudness) {
        size_t n = 0;

        for (; gate->is_open && n < 1000; n++) {
                assert_true(energy_gate_is_passed(gate, loudness));
                energy_gate_judge(gate, loudness, SURE);
        }
        return n;
}

static struct loudness louder(struct loudness loudness, float treble, float whole) {
        return (struct loudness){loudness.treble * treble, loudness.whole * whole};
}

static void it_closes_after_two_quiet_seconds(void **state) {
        struct energy_gate gate;

        (void)state;
        energy_gate_init(&gate);
        assert_int_equal(energy_gate_chunks_to_close(&gate), QUIET_N);
        assert_int_equal(close_with(&gate, noise), QUIET_N);
        assert_false(energy_gate_is_passed(&gate, noise));
}

static void a_doubt_starts_the_count_again(void **state) {
        struct energy_gate gate;

        (void)state;
        energy_gate_init(&gate);
        for (int i = 0; i < QUIET_N - 1; i++)
                energy_gate_judge(&gate, noise, SURE);
        energy_gate_judge(&gate, noise, UNSURE);
        assert_int_equal(close_with(&gate, noise), QUIET_N);
}

static void more_in_either_band_opens_it(void **state) {
        struct energy_gate gate;

        (void)state;
        energy_gate_init(&gate);
        close_with(&gate, noise);
        assert_false(energy_gate_is_passed(&gate, louder(noise, 1.2f, 1.2f)));
        assert_true(energy_gate_is_passed(&gate, louder(noise, 1.3f, 1)));
        close_with(&gate, noise);
        assert_true(energy_gate_is_passed(&gate, louder(noise, 1, 1.3f)));
}

static void the_limit_falls_with_the_noise(void **state) {
        struct energy_gate gate;

        (void)state;
        energy_gate_init(&gate);
        close_with(&gate, noise);
        for (int i = 0; i < QUIET_N; i++)
                assert_false(energy_gate_is_passed(&gate, louder(noise, 0.1f, 0.1f)));
        assert_true(energy_gate_is_passed(&gate, louder(noise, 0.2f, 0.1f)));
}

static void less_than_a_bit_opens_nothing(void **state) {
        const struct loudness nothing = {0, 0};
        struct energy_gate gate;

        (void)state;
        energy_gate_init(&gate);
        close_with(&gate, nothing);
        assert_false(energy_gate_is_passed(&gate, (struct loudness){5e-10f, 5e-10f}));
        assert_true(energy_gate_is_passed(&gate, (struct loudness){2e-9f, 0}));
}

static void what_is_constant_is_not_loud(void **state) {
        float samples[VAD_CHUNK];
        struct loudness loudness;

        (void)state;
        for (size_t i = 0; i < VAD_CHUNK; i++)
                samples[i] = 0.5f;
        loudness = energy_gate_measure(samples);
        assert_true(loudness.treble == 0 && loudness.whole == 0);
        samples[VAD_CHUNK - 1] = 0.6f;
        loudness = energy_gate_measure(samples);
        assert_true(loudness.treble > 1e-5f && loudness.whole > 1e-5f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_closes_after_two_quiet_seconds),
                cmocka_unit_test(a_doubt_starts_the_count_again),
                cmocka_unit_test(more_in_either_band_opens_it),
                cmocka_unit_test(the_limit_falls_with_the_noise),
                cmocka_unit_test(less_than_a_bit_opens_nothing),
                cmocka_unit_test(what_is_constant_is_not_loud),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
