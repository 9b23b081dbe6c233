// Alerts change while sound is heard: what stays goes on, what is new is looked for at once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alerts.h"
#include "alert/alerts_rig.h"

#define WORDS(name_, words_)                                 \
        {                                                    \
                .name = (char[]){name_}, .words = (char[]) { \
                        words_                               \
                }                                            \
        }

static void set(struct alerts_rig *rig, const struct alert_config *configs, size_t n) {
        struct error error = {0};

        if (alerts_set(rig->alerts, configs, n, &error) < 0)
                fail_msg("%s", error.text);
}

// How often that one fired.
static uint64_t fired(const struct alerts_rig *rig, const char *name) {
        struct alert_figures figures;

        assert_true(alerts_figures_of(rig->alerts, name, &figures));
        return figures.n_fired;
}

static void a_new_one_is_heard_at_once_and_the_others_rest_on(void **state) {
        struct alert_config both[] = {WORDS("fire", "fire"), WORDS("help", "help")};
        struct alerts_rig rig;

        (void)state;
        both[1].cooldown = 60;
        rig = (struct alerts_rig){.n = 1};
        rig.configs[0] = both[1];
        alerts_rig_start(&rig);
        alerts_rig_final(&rig, 0, 1, "help, fire");
        assert_int_equal(alerts_rig_came(&rig), 1);
        set(&rig, both, 2);
        alerts_rig_final(&rig, 1, 2, "help, fire");
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_string_equal(alerts_rig_row(&rig, -1)->alert, "fire");
        alerts_rig_final(&rig, 61, 62, "help");
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_int_equal(fired(&rig, "help"), 2);
        set(&rig, both, 1);
        alerts_rig_final(&rig, 130, 131, "help");
        assert_int_equal(alerts_rig_came(&rig), 0);
        assert_false(alerts_figures_of(rig.alerts, "help", &(struct alert_figures){0}));
        alerts_rig_close(&rig);
}

static void one_that_changed_begins_anew_but_for_its_count(void **state) {
        struct alert_config config = WORDS("help", "help");
        struct alerts_rig rig = {.n = 1};

        (void)state;
        config.cooldown = 60;
        rig.configs[0] = config;
        alerts_rig_start(&rig);
        alerts_rig_final(&rig, 0, 1, "help");
        config.words = (char[]){"help\nfire"};
        set(&rig, &config, 1);
        alerts_rig_final(&rig, 1, 2, "help");
        assert_int_equal(alerts_rig_came(&rig), 2);
        assert_int_equal(fired(&rig, "help"), 2);
        // Streams that are there already hear of what it is for now.
        config.streams = (char[]){"cellar"};
        set(&rig, &config, 1);
        alerts_rig_final(&rig, 2, 3, "help");
        assert_int_equal(alerts_rig_came(&rig), 0);
        alerts_rig_close(&rig);
}

static void a_phrase_goes_on_over_a_change(void **state) {
        struct alert_config configs[] = {WORDS("new", "now then"),
                                         WORDS("help", "call an ambulance")};
        struct alerts_rig rig;

        (void)state;
        alerts_rig_open(&rig, "call an ambulance", NULL);
        alerts_rig_final(&rig, 0, 1, "Who can call");
        alerts_rig_final(&rig, 1, 2, "an");
        set(&rig, configs, 2);
        alerts_rig_final(&rig, 2, 3, "ambulance now");
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_string_equal(alerts_rig_row(&rig, -1)->found, "call an ambulance");
        alerts_rig_final(&rig, 3, 4, "then");
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_string_equal(alerts_rig_row(&rig, -1)->found, "now then");
        alerts_rig_close(&rig);
}

static void what_is_pending_of_one_that_goes_is_withdrawn(void **state) {
        struct alert_config configs[] = {WORDS("fire", "fire"), WORDS("help", "help")};
        struct alerts_rig rig = {.n = 2};
        const struct row *fire, *help;

        (void)state;
        configs[0].when = configs[1].when = ALERT_STABLE;
        memcpy(rig.configs, configs, sizeof(configs));
        alerts_rig_start(&rig);
        alerts_rig_tail(&rig, 0, 1, "fire help");
        assert_int_equal(alerts_rig_came(&rig), 2);
        fire = alerts_rig_row(&rig, -2);
        help = alerts_rig_row(&rig, -1);
        set(&rig, &configs[1], 1);
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_int_equal(alerts_rig_row(&rig, -1)->phase, ROW_WITHDRAWN);
        assert_memory_equal(alerts_rig_row(&rig, -1)->firing, fire->id, ROW_ID_BYTES);
        alerts_rig_final(&rig, 0, 1, "fire help");
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_int_equal(alerts_rig_row(&rig, -1)->phase, ROW_CONFIRMED);
        assert_memory_equal(alerts_rig_row(&rig, -1)->firing, help->id, ROW_ID_BYTES);
        // Nobody wants stable words any more.
        assert_true(alerts_want_stable(rig.alerts));
        set(&rig, NULL, 0);
        assert_false(alerts_want_stable(rig.alerts));
        alerts_rig_tail(&rig, 1, 2, "help");
        alerts_rig_final(&rig, 1, 2, "help");
        assert_int_equal(alerts_rig_came(&rig), 0);
        alerts_rig_close(&rig);
}

static void what_is_wrong_changes_nothing(void **state) {
        const struct alert_config wrong[] = {
                WORDS("help", "fire"), {.name = (char[]){"plate"}, .patterns = (char[]){"("}}};
        struct alerts_rig rig;
        struct error error = {0};
        static char text[10000];

        (void)state;
        memset(text, 'a', sizeof(text) - 1);
        alerts_rig_open(&rig, "help", "(a+)+[bd]");
        alerts_rig_final(&rig, 0, 1, text);
        assert_int_equal(alerts_limited(rig.alerts), 1);
        assert_true(alerts_set(rig.alerts, wrong, 2, &error) < 0);
        assert_non_null(strstr(error.text, "alert 'plate': patterns, item 1: '('"));
        alerts_rig_final(&rig, 1, 2, "help, fire");
        assert_int_equal(alerts_rig_came(&rig), 1);
        // What was counted stays counted.
        set(&rig, wrong, 1);
        assert_int_equal(alerts_limited(rig.alerts), 1);
        alerts_rig_close(&rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_new_one_is_heard_at_once_and_the_others_rest_on),
                cmocka_unit_test(one_that_changed_begins_anew_but_for_its_count),
                cmocka_unit_test(a_phrase_goes_on_over_a_change),
                cmocka_unit_test(what_is_pending_of_one_that_goes_is_withdrawn),
                cmocka_unit_test(what_is_wrong_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
