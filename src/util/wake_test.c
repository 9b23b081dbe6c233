// A wake is one call for all that asked before it, and none once its owner is gone.
#include "util/wake.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "util/thread.h"

static int n_calls;

static void on_wake(void *context) {
        assert_ptr_equal(context, &n_calls);
        n_calls++;
}

static void *wake_often(void *context) {
        for (int i = 0; i < 1000; i++)
                wake_up(context);
        return NULL;
}

static void many_are_one(void **state) {
        struct loop *loop = loop_new_fake(0);
        struct wake *wake = wake_new(loop, on_wake, &n_calls);
        pthread_t thread;

        (void)state;
        n_calls = 0;
        loop_turn(loop);
        assert_int_equal(n_calls, 0);
        assert_int_equal(thread_start(&thread, "test", wake_often, wake), 0);
        pthread_join(thread, NULL);
        loop_turn(loop);
        assert_int_equal(n_calls, 1);
        wake_up(wake);
        loop_turn(loop);
        assert_int_equal(n_calls, 2);
        wake_free(wake);
        loop_free(loop);
}

static void none_after_its_owner(void **state) {
        struct loop *loop = loop_new_fake(0);
        struct wake *wake = wake_new(loop, on_wake, &n_calls);

        (void)state;
        n_calls = 0;
        wake_up(wake);
        assert_null(wake_free(wake));
        loop_turn(loop);
        assert_int_equal(n_calls, 0);
        // And once more, freed by the loop at its end.
        wake = wake_new(loop, on_wake, &n_calls);
        wake_up(wake);
        wake_free(wake);
        loop_free(loop);
        assert_int_equal(n_calls, 0);
}

// The thread of an owner who could not wait for it may come back when the loop is gone.
static void none_where_it_was_abandoned(void **state) {
        static struct wake *volatile wake;  // nobody frees it
        struct loop *loop = loop_new_fake(0);
        pthread_t thread;

        (void)state;
        wake = wake_new(loop, on_wake, &n_calls);
        n_calls = 0;
        wake_up(wake);
        wake_abandon(wake);
        loop_turn(loop);
        loop_free(loop);
        assert_int_equal(thread_start(&thread, "waking", wake_often, wake), 0);
        pthread_join(thread, NULL);
        assert_int_equal(n_calls, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(many_are_one),
                cmocka_unit_test(none_after_its_owner),
                cmocka_unit_test(none_where_it_was_abandoned),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
