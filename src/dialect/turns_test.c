// Turns: which stretches of speech belong to one, when it is complete, and what is told of its
// text.
#include "dialect/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static struct {
        struct turns turns;
        char told[1024];  // "begin 0; end 0; ..."
} heard;

static void tell(const char *what, const struct turn *turn, const char *text) {
        size_t n = strlen(heard.told);

        snprintf(heard.told + n, sizeof(heard.told) - n, "%s %d%s%s;", what, (int)turn->number,
                 text ? " " : "", text ? text : "");
}

static void on_begin(void *context, const struct turn *turn) {
        (void)context;
        tell("begin", turn, NULL);
}

static void on_end(void *context, const struct turn *turn) {
        (void)context;
        tell("end", turn, NULL);
}

static void on_stable(void *context, const struct turn *turn, const char *text) {
        CLEANUP(mem_freep) char *quoted = xasprintf("'%s'", text);

        (void)context;
        tell("stable", turn, quoted);
}

static void on_complete(void *context, const struct turn *turn) {
        (void)context;
        tell("complete", turn, turn->text);
}

static int setup(void **state) {
        static const struct turns_ops ops = {on_begin, on_end, on_stable,
                                             NULL,     NULL,   on_complete};

        (void)state;
        turns_init(&heard.turns, &ops, NULL);
        heard.turns.pause = 100;
        heard.told[0] = '\0';
        return 0;
}

static int teardown(void **state) {
        (void)state;
        turns_deinit(&heard.turns);
        return 0;
}

static void window_begins(int64_t begin) {
        turns_hear_window(&heard.turns, &(struct observer_window){.begin = begin});
}

enum why { PAUSED, CUT, FLUSHED };

static void window_ends(int64_t end, enum why why) {
        const struct observer_window window = {.begin = end - 1,
                                               .end = end,
                                               .speech_end = end,
                                               .is_closed = true,
                                               .is_cut = why == CUT,
                                               .is_flushed = why == FLUSHED};

        turns_hear_window(&heard.turns, &window);
}

static void text_is(int64_t end, const char *text) {
        struct segment final = {.end = end, .text = (char *)(uintptr_t)text, .is_final = true};
        struct segment none = {.text = (char[]){""}};

        turns_hear_update(&heard.turns, &(struct update){.finals = &final,
                                                         .n_finals = text[0] != '\0',
                                                         .tail = &none,
                                                         .closed_at = end});
}

static void tail_is(int64_t begin, const char *text, size_t n_stable) {
        struct segment tail = {.begin = begin, .text = (char *)(uintptr_t)text};

        turns_hear_update(&heard.turns,
                          &(struct update){.tail = &tail, .stable_bytes = n_stable});
}

#define TOLD(words)                                     \
        do {                                            \
                assert_string_equal(heard.told, words); \
                heard.told[0] = '\0';                   \
        } while (0)

// --- tests -----------------------------------------------------------------------------------

static void a_pause_ends_a_turn_and_its_text_completes_it(void **state) {
        (void)state;
        window_begins(10);
        TOLD("begin 0;");
        window_ends(50, PAUSED);
        TOLD("end 0;");
        window_begins(90);
        window_ends(120, PAUSED);
        TOLD("begin 1;end 1;");
        text_is(50, " Hello.");
        TOLD("stable 0 'Hello.';complete 0 Hello.;");
        text_is(120, "");
        TOLD("complete 1 ;");
        assert_true(turns_are_complete(&heard.turns));
}

static void a_cut_does_not_end_it(void **state) {
        (void)state;
        window_begins(10);
        window_ends(50, CUT);
        window_begins(50);
        text_is(50, " One");
        TOLD("begin 0;stable 0 'One';");
        window_ends(80, PAUSED);
        text_is(80, " two.");
        TOLD("end 0;stable 0 ' two.';complete 0 One two.;");
}

// What follows a cut may be silence, or too short to be told.
static void silence_behind_a_cut_ends_it(void **state) {
        (void)state;
        window_begins(10);
        window_ends(50, CUT);
        turns_hear_silence(&heard.turns, 149);
        TOLD("begin 0;");
        turns_hear_silence(&heard.turns, 150);
        TOLD("end 0;");
        text_is(50, " One.");
        TOLD("stable 0 'One.';complete 0 One.;");
        window_begins(400);
        window_ends(450, CUT);
        window_begins(600);
        TOLD("begin 1;end 1;begin 2;");
}

static void a_long_one_ends_without_a_pause(void **state) {
        char text[1025] = {0};

        (void)state;
        memset(text, 'x', sizeof(text) - 1);
        for (int i = 1; i <= 8; i++) {
                window_ends(i * 100, CUT);
                heard.told[0] = '\0';
                text_is(i * 100, text);
                heard.told[0] = '\0';
        }
        window_ends(900, CUT);
        TOLD("end 0;");
        window_ends(1000, CUT);
        TOLD("begin 1;");
        // What the client ends is as long as it likes.
        turns_follow(&heard.turns, false);
        text_is(900, "");
        heard.told[0] = '\0';
        for (int i = 10; i <= 20; i++) {
                text_is(i * 100, text);
                heard.told[0] = '\0';
                window_ends((i + 1) * 100, CUT);
                TOLD("");
        }
}

// A network that hesitates is no pause; silence that comes afterwards is.
static void sound_that_stops_ends_no_turn_until_it_is_silent(void **state) {
        (void)state;
        window_begins(10);
        window_ends(50, FLUSHED);
        turns_hear_silence(&heard.turns, 149);
        window_begins(149);
        window_ends(200, FLUSHED);
        TOLD("begin 0;");
        turns_hear_silence(&heard.turns, 300);
        TOLD("end 0;");
        text_is(50, " a");
        text_is(200, " b");
        TOLD("stable 0 'a';stable 0 ' b';complete 0 a b;");
        window_begins(400);
        window_ends(450, FLUSHED);
        window_begins(600);  // in one go, with the silence before it
        TOLD("begin 1;end 1;begin 2;");
}

static void without_pauses_the_client_ends_it(void **state) {
        (void)state;
        heard.turns.ends_at_pauses = false;
        window_begins(10);
        window_ends(50, PAUSED);
        text_is(50, " One.");
        turns_hear_silence(&heard.turns, 10000);
        window_begins(900);
        window_ends(950, FLUSHED);
        TOLD("begin 0;stable 0 'One.';");
        turns_end(&heard.turns, 950);
        TOLD("end 0;");
        text_is(950, " Two.");
        TOLD("stable 0 ' Two.';complete 0 One. Two.;");
        turns_end(&heard.turns, 2000);  // nobody has said anything
        TOLD("end 1;complete 1 ;");
}

static void a_turn_whose_pause_was_nobodys_ends_in_the_next_silence(void **state) {
        (void)state;
        turns_follow(&heard.turns, false);
        window_begins(10);
        window_ends(50, PAUSED);
        turns_hear_silence(&heard.turns, 1000);
        TOLD("begin 0;");
        turns_follow(&heard.turns, true);
        TOLD("");
        turns_hear_silence(&heard.turns, 1001);
        TOLD("end 0;");
}

static void an_empty_turn_waits_for_those_before_it(void **state) {
        (void)state;
        window_begins(10);
        window_ends(50, PAUSED);
        turns_end(&heard.turns, 60);
        TOLD("begin 0;end 0;end 1;");
        text_is(50, " One.");
        TOLD("stable 0 'One.';complete 0 One.;complete 1 ;");
}

static void what_was_told_is_never_taken_back(void **state) {
        (void)state;
        window_begins(10);
        tail_is(10, " Hello there you", 6);
        tail_is(10, " Hello there you", 6);
        tail_is(10, " Hello there you are", 12);
        TOLD("begin 0;stable 0 'Hello';stable 0 ' there';");
        tail_is(10, " Hallo there", 12);  // told otherwise already
        window_ends(50, PAUSED);
        text_is(50, " Hello there, you.");
        TOLD("end 0;stable 0 ', you.';complete 0 Hello there, you.;");
        window_begins(90);
        tail_is(90, " Hallo", 6);
        window_ends(120, PAUSED);
        text_is(120, " Hello.");
        TOLD("begin 1;stable 1 'Hallo';end 1;complete 1 Hello.;");
}

static void the_tail_of_a_later_stretch_waits(void **state) {
        (void)state;
        window_begins(10);
        window_ends(50, PAUSED);
        window_begins(90);
        TOLD("begin 0;end 0;begin 1;");
        tail_is(10, " one", 4);
        TOLD("stable 0 'one';");
        tail_is(90, " two", 4);  // of which the first may have more to come
        TOLD("");
        text_is(50, " one more.");
        TOLD("stable 0 ' more.';complete 0 one more.;");
        tail_is(90, " two", 4);
        TOLD("stable 1 'two';");
}

static void a_forgotten_stretch_holds_no_tail_up(void **state) {
        (void)state;
        window_begins(10);
        turns_drop(&heard.turns);  // cancelled: it is never closed
        window_begins(90);
        tail_is(90, " two", 4);
        TOLD("begin 0;begin 1;stable 1 'two';");
}

static void nobody_hears_of_what_is_dropped(void **state) {
        (void)state;
        window_begins(10);
        turns_drop(&heard.turns);  // cancelled
        TOLD("begin 0;");
        assert_true(turns_are_complete(&heard.turns));
        window_begins(60);
        window_ends(90, FLUSHED);
        turns_drop(&heard.turns);  // flushed
        tail_is(60, " words", 6);
        text_is(90, " words.");
        TOLD("begin 1;");
        assert_true(turns_are_complete(&heard.turns));
        turns_drop(&heard.turns);
        window_begins(100);
        window_ends(150, PAUSED);
        text_is(150, " More.");
        TOLD("begin 2;end 2;stable 2 'More.';complete 2 More.;");
}

#define TURNS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TURNS_TEST(a_pause_ends_a_turn_and_its_text_completes_it),
                TURNS_TEST(a_cut_does_not_end_it),
                TURNS_TEST(silence_behind_a_cut_ends_it),
                TURNS_TEST(a_long_one_ends_without_a_pause),
                TURNS_TEST(sound_that_stops_ends_no_turn_until_it_is_silent),
                TURNS_TEST(without_pauses_the_client_ends_it),
                TURNS_TEST(a_turn_whose_pause_was_nobodys_ends_in_the_next_silence),
                TURNS_TEST(an_empty_turn_waits_for_those_before_it),
                TURNS_TEST(what_was_told_is_never_taken_back),
                TURNS_TEST(the_tail_of_a_later_stretch_waits),
                TURNS_TEST(a_forgotten_stretch_holds_no_tail_up),
                TURNS_TEST(nobody_hears_of_what_is_dropped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
