// The loop on its fake clock: timers in order, posts from other threads, nothing early.
#include "util/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct diary {
        struct loop *loop;
        struct loop_timer *timers[4];
        char text[64];
        nsec_t times[16];
        int n;
};

static void diary_note(struct diary *diary, char letter) {
        diary->times[diary->n] = loop_now(diary->loop);
        diary->text[diary->n++] = letter;
}

static void note_a(void *context) {
        diary_note(context, 'a');
}

static void note_b(void *context) {
        diary_note(context, 'b');
}

static void note_again(void *context) {
        struct diary *diary = context;

        diary_note(diary, '.');
        if (diary->n < 5)
                loop_timer_set(diary->timers[0], 10);
}

static int setup(void **state) {
        static struct diary diary;

        memset(&diary, 0, sizeof(diary));
        diary.loop = loop_new_fake(500);
        *state = &diary;
        return 0;
}

static int teardown(void **state) {
        struct diary *diary = *state;

        for (int i = 0; i < 4; i++)
                loop_timer_free(diary->timers[i]);
        loop_free(diary->loop);
        return 0;
}

static void timers_fire_in_the_order_of_their_times(void **state) {
        struct diary *diary = *state;

        diary->timers[0] = loop_timer_new(diary->loop, note_a, diary);
        diary->timers[1] = loop_timer_new(diary->loop, note_b, diary);
        loop_timer_set(diary->timers[0], 200);
        loop_timer_set(diary->timers[1], 100);
        loop_advance(diary->loop, 99);
        assert_string_equal(diary->text, "");
        loop_advance(diary->loop, 1);
        assert_string_equal(diary->text, "b");
        loop_advance(diary->loop, 1000);
        assert_string_equal(diary->text, "ba");
        assert_int_equal(diary->times[1], 200);  // each sees its own time
        assert_int_equal(loop_now(diary->loop), 1100);
        assert_int_equal(loop_wall(diary->loop), 1600);
}

static void timers_can_be_set_again_and_cancelled(void **state) {
        struct diary *diary = *state;

        diary->timers[0] = loop_timer_new(diary->loop, note_again, diary);
        diary->timers[1] = loop_timer_new(diary->loop, note_b, diary);
        loop_timer_set(diary->timers[1], 15);
        loop_timer_set(diary->timers[0], 10);
        loop_timer_cancel(diary->timers[1]);
        loop_advance(diary->loop, 1000);
        assert_string_equal(diary->text, ".....");
        assert_int_equal(diary->times[4], 50);
}

static void a_timer_set_twice_fires_once(void **state) {
        struct diary *diary = *state;

        diary->timers[0] = loop_timer_new(diary->loop, note_a, diary);
        loop_timer_set(diary->timers[0], 10);
        loop_timer_set(diary->timers[0], 20);
        loop_advance(diary->loop, 100);
        assert_string_equal(diary->text, "a");
        assert_int_equal(diary->times[0], 20);
}

static void *post_many(void *context) {
        struct diary *diary = context;

        for (int i = 0; i < 3; i++) {
                loop_post(diary->loop, note_a, diary);
                loop_post(diary->loop, note_b, diary);
        }
        return NULL;
}

static void posts_from_a_thread_arrive_in_order(void **state) {
        struct diary *diary = *state;
        pthread_t thread;

        pthread_create(&thread, NULL, post_many, diary);
        pthread_join(thread, NULL);
        assert_string_equal(diary->text, "");
        loop_turn(diary->loop);
        assert_string_equal(diary->text, "ababab");
}

static void posts_still_waiting_are_run_at_the_end(void **state) {
        struct diary diary = {.loop = loop_new_fake(0)};

        (void)state;
        loop_post(diary.loop, note_a, &diary);
        diary.loop = loop_free(diary.loop);
        assert_int_equal(diary.n, 1);
}

static void stop_it(void *context) {
        struct diary *diary = context;

        diary_note(diary, 's');
        loop_stop(diary->loop);
}

static void the_real_clock_never_fires_early(void **state) {
        struct diary diary = {.loop = loop_new()};
        nsec_t begin = loop_now(diary.loop);

        (void)state;
        diary.timers[0] = loop_timer_new(diary.loop, stop_it, &diary);
        loop_timer_set(diary.timers[0], 2500000);
        loop_run(diary.loop);
        assert_true(diary.times[0] - begin >= 2500000);
        loop_timer_free(diary.timers[0]);
        loop_free(diary.loop);
}

#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LOOP_TEST(timers_fire_in_the_order_of_their_times),
                LOOP_TEST(timers_can_be_set_again_and_cancelled),
                LOOP_TEST(a_timer_set_twice_fires_once),
                LOOP_TEST(posts_from_a_thread_arrive_in_order),
                cmocka_unit_test(posts_still_waiting_are_run_at_the_end),
                cmocka_unit_test(the_real_clock_never_fires_early),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
