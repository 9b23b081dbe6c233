// What pages of metrics tell of a server's level of load.
#include "load/levels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static struct levels *levels_for(struct loop *loop) {
        return levels_open(loop, "ws://127.0.0.1:1/path");
}

// A page with the levels of a server, one of which is the present one.
static void take(struct levels *levels, double seconds, const char *present) {
        static const char *const names[] = {"normal", "slowed", "full"};
        CLEANUP(mem_freep) char *page = xstrdup("# HELP eavesdrop_load_level 1 for the\n");

        for (size_t i = 0; i < 3; i++) {
                char *longer = xasprintf("%seavesdrop_load_level{level=\"%s\"} %d\n", page,
                                         names[i], strcmp(names[i], present) == 0);

                free(page);
                page = longer;
        }
        levels_take(levels, (nsec_t)(seconds * NSEC_PER_SEC), page);
}

static void time_and_changes_are_told(void **state) {
        CLEANUP(loop_freep) struct loop *loop = loop_new_fake(0);
        struct levels *levels = levels_for(loop);
        struct level_figures figures;

        (void)state;
        take(levels, 10, "normal");
        take(levels, 10.5, "normal");
        take(levels, 11, "slowed");
        take(levels, 12, "slowed");  // one was left out
        take(levels, 12.5, "normal");
        take(levels, 13, "normal");
        figures = levels_figures(levels);
        levels_close(levels);
        assert_int_equal(figures.n, 3);
        assert_string_equal(figures.names[1], "slowed");
        assert_true(figures.seconds[0] == 1.5 && figures.seconds[1] == 1.5);
        assert_true(figures.seconds[2] == 0);
        assert_int_equal(figures.n_changes, 3);
        assert_true(figures.changes[0].at == 0 && figures.changes[0].level == 0);
        assert_true(figures.changes[1].at == 1 && figures.changes[1].level == 1);
        assert_true(figures.changes[2].at == 2.5 && figures.changes[2].level == 0);
        free(figures.changes);
}

static void what_is_no_level_is_passed_over(void **state) {
        static const char *const pages[] = {
                "",
                "up 1\n",
                "eavesdrop_load_level{level=\"normal\"} 0\n",
                "eavesdrop_load_level{level=\"normal\n",
                "eavesdrop_load_level{level=\"a-name-that-is-much-too-long-for-a-level\"} 1\n",
                "eavesdrop_load_level 1\n",
        };
        CLEANUP(loop_freep) struct loop *loop = loop_new_fake(0);
        struct levels *levels = levels_for(loop);

        (void)state;
        for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
                levels_take(levels, NSEC_PER_SEC, pages[i]);
        for (int name = 'a'; name <= 'z'; name++) {  // more than anybody has
                char page[64];

                snprintf(page, sizeof(page), "eavesdrop_load_level{level=\"%c\"} 0\n", name);
                levels_take(levels, NSEC_PER_SEC, page);
        }
        assert_int_equal(levels_figures(levels).n, LEVELS_MAX);
        assert_int_equal(levels_figures(levels).n_changes, 0);
        levels_close(levels);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(time_and_changes_are_told),
                cmocka_unit_test(what_is_no_level_is_passed_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
