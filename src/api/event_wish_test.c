#include "api/event_wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/event.h"

static void expect_mistake(const char *query, const char *last, const char *field) {
        struct event_wish_mistake mistake;
        struct event_wish wish;

        assert_false(event_wish_read(query, last, &wish, &mistake));
        assert_true(mistake.detail[0]);
        if (field)
                assert_string_equal(mistake.field, field);
        else
                assert_null(mistake.field);
        event_wish_deinit(&wish);
}

static void without_anything_all_is_wanted(void **state) {
        struct event_wish_mistake mistake;
        struct event_wish wish;

        (void)state;
        assert_true(event_wish_read("", NULL, &wish, &mistake));
        for (unsigned kind = 0; kind < EVENT_KINDS_WANTED; kind++)
                assert_true(event_wish_has(&wish, kind, "garage"));
        assert_true(event_wish_has_rows(&wish));
        assert_false(wish.has_after);
        event_wish_deinit(&wish);
}

static void streams_and_kinds_may_be_lists_or_come_again(void **state) {
        struct event_wish_mistake mistake;
        struct event_wish wish;

        (void)state;
        assert_true(event_wish_read("stream=a%20b,front-*&&kind=tail&stream=hall&kind=segment,"
                                    "alert&token=x",
                                    "", &wish, &mistake));
        assert_true(event_wish_has(&wish, ROW_ALERT, "a b"));
        assert_true(event_wish_has(&wish, EVENT_TAIL, "front-door"));
        assert_true(event_wish_has(&wish, ROW_SEGMENT, "hall"));
        assert_true(event_wish_has(&wish, ROW_SEGMENT, NULL));
        assert_false(event_wish_has(&wish, ROW_SEGMENT, "hallway"));
        assert_false(event_wish_has(&wish, ROW_STATUS, "hall"));
        event_wish_deinit(&wish);
        assert_true(event_wish_read("kind=tail", NULL, &wish, &mistake));
        assert_false(event_wish_has_rows(&wish));
        event_wish_deinit(&wish);
}

static void the_header_goes_before_the_parameter(void **state) {
        struct event_wish_mistake mistake;
        struct event_wish wish;

        (void)state;
        assert_true(event_wish_read("after=ab-3", NULL, &wish, &mistake));
        assert_true(wish.has_after && wish.after.epoch == 0xab && wish.after.row == 3);
        event_wish_deinit(&wish);
        assert_true(event_wish_read("after=ab-3", "ab-7", &wish, &mistake));
        assert_int_equal(wish.after.row, 7);
        event_wish_deinit(&wish);
        assert_true(event_wish_read("after=0-0", NULL, &wish, &mistake));
        assert_true(wish.has_after && !wish.after.epoch);
        event_wish_deinit(&wish);
}

static void what_is_wrong_is_named(void **state) {
        static const char one[] = "stream=a&";
        char many[(EVENT_WISH_STREAMS_MAX + 1) * (sizeof(one) - 1) + 1];

        (void)state;
        expect_mistake("kind=tial", NULL, "kind");
        expect_mistake("kind=begin", NULL, "kind");
        expect_mistake("kind=", NULL, "kind");
        expect_mistake("stream=a,,b", NULL, "stream");
        expect_mistake("after=7", NULL, "after");
        expect_mistake("after=ab-3&after=ab-3", NULL, "after");
        expect_mistake("", "ab-03", "Last-Event-ID");
        expect_mistake("", "ab--3", "Last-Event-ID");
        expect_mistake("streams=a", NULL, NULL);
        for (int i = 0; i <= EVENT_WISH_STREAMS_MAX; i++)
                snprintf(many + (size_t)i * (sizeof(one) - 1), sizeof(one), "%s", one);
        expect_mistake(many, NULL, "stream");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_anything_all_is_wanted),
                cmocka_unit_test(streams_and_kinds_may_be_lists_or_come_again),
                cmocka_unit_test(the_header_goes_before_the_parameter),
                cmocka_unit_test(what_is_wrong_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
