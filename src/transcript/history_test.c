// The history against a plain list of what it has to hold, with appends and clears at random.
#include "transcript/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEGMENTS_MAX 11
#define BYTES_MAX    200
#define STEPS        5000

struct list {
        char texts[STEPS][32];
        size_t first, end;  // of `texts`
        size_t bytes;
};

static void list_append(struct list *list, const char *text) {
        snprintf(list->texts[list->end++], sizeof(list->texts[0]), "%s", text);
        list->bytes += strlen(text);
        while (list->end - list->first > SEGMENTS_MAX ||
               (list->bytes > BYTES_MAX && list->end - list->first > 1))
                list->bytes -= strlen(list->texts[list->first++]);
}

static void expect_same(const struct history *history, const struct list *list) {
        assert_int_equal(history_length(history), list->end - list->first);
        for (size_t i = 0; i < history_length(history); i++)
                assert_string_equal(history_get(history, i)->text,
                                    list->texts[list->first + i]);
}

static void the_newest_are_kept_within_both_limits(void **state) {
        static struct list list;
        struct history *history = history_new(SEGMENTS_MAX, BYTES_MAX);

        (void)state;
        srand(1);
        for (size_t step = 0; step < STEPS; step++) {
                struct segment segment = {0};
                char text[32];

                // Short and long texts in turns, so that now the count and now the bytes limit.
                snprintf(text, sizeof(text), "%0*zu", 1 + rand() % (step / 100 % 2 ? 30 : 9),
                         step % 10);
                segment.text = text;
                history_append(history, &segment);
                list_append(&list, text);
                if (rand() % 97 == 0) {
                        history_clear(history);
                        list.first = list.end;
                        list.bytes = 0;
                }
                expect_same(history, &list);
        }
        assert_int_equal(history_total(history), STEPS);
        history_free(history);
}

static void a_history_of_none_keeps_none(void **state) {
        struct history *history = history_new(0, BYTES_MAX);
        char text[] = " one";
        struct segment segment = {.text = text};

        (void)state;
        history_append(history, &segment);
        assert_int_equal(history_length(history), 0);
        assert_int_equal(history_total(history), 1);
        history_free(history);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_newest_are_kept_within_both_limits),
                cmocka_unit_test(a_history_of_none_keeps_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
