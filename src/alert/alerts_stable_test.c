#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alerts.h"
#include "alert/alerts_rig.h"

static int open_stable(void **state) {
        static struct alerts_rig rig;

        rig = (struct alerts_rig){.n = 1};
        rig.configs[0] =
                (struct alert_config){.name = (char *)(uintptr_t) "help",
                                      .words = (char *)(uintptr_t) "help\nhelp me\nfire",
                                      .cooldown = 5,
                                      .when = ALERT_STABLE};
        alerts_rig_start(&rig);
        *state = &rig;
        return 0;
}

static int close_stable(void **state) {
        alerts_rig_close(*state);
        return 0;
}

// The last row says so of the firing (a row, by its id), in that segment.
static void assert_settled(const struct alerts_rig *rig, enum row_phase phase,
                           const struct row *firing, uint8_t segment) {
        const struct row *row = alerts_rig_row(rig, -1);

        assert_int_equal(row->phase, phase);
        assert_memory_equal(row->firing, firing->id, ROW_ID_BYTES);
        assert_int_equal(row->segment[ROW_ID_BYTES - 1], segment);
        assert_string_equal(row->alert, "help");
}

static void stable_words_fire_once_and_the_final_confirms(void **state) {
        static const uint8_t none[ROW_ID_BYTES];
        struct alerts_rig *rig = *state;
        const struct row *firing;
        uint8_t id;

        assert_true(alerts_want_stable(rig->alerts));
        alerts_rig_tail(rig, 0, 1, "Oh");
        assert_int_equal(alerts_rig_came(rig), 0);
        alerts_rig_tail(rig, 0, 2, "Oh help");
        assert_int_equal(alerts_rig_came(rig), 1);
        firing = alerts_rig_row(rig, -1);
        assert_int_equal(firing->phase, ROW_FIRED);
        assert_string_equal(firing->found, "help");
        assert_memory_equal(firing->segment, none, ROW_ID_BYTES);
        alerts_rig_tail(rig, 0, 3, "Oh help me");
        alerts_rig_tail(rig, 0, 4, "Oh help me please");
        assert_int_equal(alerts_rig_came(rig), 0);
        id = alerts_rig_final(rig, 0, 4.5, "Oh, help me, please!");
        assert_int_equal(alerts_rig_came(rig), 1);
        assert_settled(rig, ROW_CONFIRMED, firing, id);
        assert_string_equal(alerts_rig_row(rig, -1)->found, "help me");
        alerts_rig_tail(rig, 4.5, 4.5, "");
        assert_int_equal(alerts_rig_came(rig), 0);
}

static void what_the_final_lacks_is_withdrawn(void **state) {
        struct alerts_rig *rig = *state;
        const struct row *firing;
        uint8_t id;

        alerts_rig_tail(rig, 0, 2, "help");
        firing = alerts_rig_row(rig, -1);
        id = alerts_rig_final(rig, 0, 2.5, "Kelp.");
        assert_int_equal(alerts_rig_came(rig), 2);
        assert_settled(rig, ROW_WITHDRAWN, firing, id);
        assert_string_equal(alerts_rig_row(rig, -1)->found, "help");
        assert_string_equal(alerts_rig_row(rig, -1)->text, "Kelp.");
        alerts_rig_tail(rig, 2.5, 2.5, "");
        assert_int_equal(alerts_rig_came(rig), 0);
}

static void a_final_that_ends_sooner_leaves_it_to_the_next_or_to_the_tail(void **state) {
        struct alerts_rig *rig = *state;
        const struct row *firing;
        uint8_t id;

        // Two segments of one window, what fired is in the second.
        alerts_rig_tail(rig, 0, 6, "One two three. Then there is fire");
        firing = alerts_rig_row(rig, -1);
        alerts_rig_final(rig, 0, 3, "One two three.");
        assert_int_equal(alerts_rig_came(rig), 1);
        id = alerts_rig_final(rig, 3, 6.5, "Then there is fire");
        assert_int_equal(alerts_rig_came(rig), 1);
        assert_settled(rig, ROW_CONFIRMED, firing, id);
        // A window whose text ends before the sound did, and no words are left.
        alerts_rig_tail(rig, 20, 24, "fire");
        firing = alerts_rig_row(rig, -1);
        alerts_rig_final(rig, 20, 23, "wire");
        assert_int_equal(alerts_rig_came(rig), 1);
        alerts_rig_tail(rig, 24, 24, "");
        assert_int_equal(alerts_rig_came(rig), 1);
        assert_settled(rig, ROW_WITHDRAWN, firing, 0);
        // And one that nothing is said of: a break.
        alerts_rig_tail(rig, 40, 44, "fire");
        firing = alerts_rig_row(rig, -1);
        alerts_on_break(rig->alerts, "kitchen");
        assert_int_equal(alerts_rig_came(rig), 2);
        assert_settled(rig, ROW_WITHDRAWN, firing, 0);
}

// Clients call their streams what they like.
static void a_client_of_the_same_name_disturbs_nothing(void **state) {
        struct alerts_rig *rig = *state;
        const struct row *firing;
        uint8_t id;

        alerts_rig_tail(rig, 0, 1, "fire");
        firing = alerts_rig_row(rig, -1);
        assert_int_equal(alerts_rig_came(rig), 1);
        rig->session = "0197c1d2-0000-7000-8000-000000000001";
        rig->generation = 7;
        alerts_rig_final(rig, 5, 6, "hello");
        alerts_on_break(rig->alerts, rig->session);
        assert_int_equal(alerts_rig_came(rig), 0);
        rig->session = NULL;
        rig->generation = 0;
        id = alerts_rig_final(rig, 0, 1.5, "fire");
        assert_int_equal(alerts_rig_came(rig), 1);
        assert_settled(rig, ROW_CONFIRMED, firing, id);
}

static void the_final_is_free_to_say_it_otherwise(void **state) {
        struct alerts_rig *rig = *state;
        const struct row *firing;
        uint8_t id;

        alerts_rig_tail(rig, 0, 1, "fire");
        firing = alerts_rig_row(rig, -1);
        // Another word of the alert at about the same time confirms it.
        id = alerts_rig_final(rig, 0, 1.5, "Help!");
        assert_int_equal(alerts_rig_came(rig), 2);
        assert_settled(rig, ROW_CONFIRMED, firing, id);
        // What only the final has fires then.
        alerts_rig_tail(rig, 10, 11, "higher");
        alerts_rig_final(rig, 10, 11.5, "Fire!");
        assert_int_equal(alerts_rig_came(rig), 1);
        assert_int_equal(alerts_rig_row(rig, -1)->phase, ROW_FIRED);
}

static void a_cooldown_keeps_stable_words_and_their_final_silent(void **state) {
        struct alerts_rig *rig = *state;

        alerts_rig_tail(rig, 0, 1, "fire");
        alerts_rig_tail(rig, 0, 3, "fire and fire");
        alerts_rig_tail(rig, 0, 30, "fire and fire and so on");
        assert_int_equal(alerts_rig_came(rig), 1);
        alerts_rig_final(rig, 0, 30, "Fire and fire, and so on.");
        assert_int_equal(alerts_rig_came(rig), 1);
        assert_int_equal(alerts_rig_row(rig, -1)->phase, ROW_CONFIRMED);
}

static void a_phrase_goes_on_from_a_final_into_the_tail(void **state) {
        struct alerts_rig *rig = *state;
        const struct row *firing;
        uint8_t id;

        rig->configs[0].words = (char *)(uintptr_t) "help me";
        rig->alerts = alerts_free(rig->alerts);
        alerts_rig_start(rig);
        alerts_rig_final(rig, 0, 1, "Please help");
        alerts_rig_tail(rig, 1.5, 2, "me");
        assert_int_equal(alerts_rig_came(rig), 1);
        firing = alerts_rig_row(rig, -1);
        assert_string_equal(firing->found, "help me");
        assert_string_equal(firing->text, "Please help me");
        id = alerts_rig_final(rig, 1.5, 3, "me now");
        assert_int_equal(alerts_rig_came(rig), 1);
        assert_settled(rig, ROW_CONFIRMED, firing, id);
}

int main(void) {
#define STABLE_TEST(test) cmocka_unit_test_setup_teardown(test, open_stable, close_stable)
        const struct CMUnitTest tests[] = {
                STABLE_TEST(stable_words_fire_once_and_the_final_confirms),
                STABLE_TEST(what_the_final_lacks_is_withdrawn),
                STABLE_TEST(a_final_that_ends_sooner_leaves_it_to_the_next_or_to_the_tail),
                STABLE_TEST(a_client_of_the_same_name_disturbs_nothing),
                STABLE_TEST(the_final_is_free_to_say_it_otherwise),
                STABLE_TEST(a_cooldown_keeps_stable_words_and_their_final_silent),
                STABLE_TEST(a_phrase_goes_on_from_a_final_into_the_tail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
