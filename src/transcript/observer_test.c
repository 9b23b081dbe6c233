// The list of observers that a stream tells.
#include "transcript/observer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define N_OBSERVERS 3

struct fixture {
        struct observer *list;
        struct observer observers[N_OBSERVERS];
        struct observer_counts counts;
        unsigned n_notices;
        struct observer *leaver;  // goes when it is told
};

static void fixture_on_update(void *state, const struct stream_facts *stream,
                              const struct update *update) {
        struct fixture *fixture = state;

        (void)stream;
        (void)update;
        if (!fixture->leaver)
                return;
        observers_remove(&fixture->list, fixture->leaver);
        fixture->leaver->next = NULL;  // may be added elsewhere
        fixture->leaver = NULL;
}

static void fixture_on_notice(void *state, const struct stream_facts *stream,
                              const struct stream_notice *notice) {
        struct fixture *fixture = state;

        (void)stream;
        (void)notice;
        fixture->n_notices++;
}

static const struct observer_ops reader = {.name = "reader", .on_update = fixture_on_update};
static const struct observer_ops curious = {
        .name = "curious", .on_update = fixture_on_update, .on_notice = fixture_on_notice};

static void fixture_init(struct fixture *fixture) {
        *fixture = (struct fixture){0};
        for (size_t i = 0; i < N_OBSERVERS; i++) {
                fixture->observers[i] = (struct observer){
                        .ops = i == 1 ? &curious : &reader,
                        .state = fixture,
                        .counts = &fixture->counts,
                };
                observers_add(&fixture->list, &fixture->observers[i]);
        }
}

static void all_are_told_and_counted(void **state) {
        struct fixture fixture;

        (void)state;
        fixture_init(&fixture);
        fixture.observers[0].counts = NULL;
        observers_on_update(fixture.list, NULL, NULL);
        assert_int_equal(fixture.counts.n_updates, N_OBSERVERS - 1);
        observers_on_notice(fixture.list, NULL, NULL);
        assert_int_equal(fixture.n_notices, 1);
}

static void one_may_leave_while_it_is_told(void **state) {
        struct fixture fixture;

        (void)state;
        for (size_t i = 0; i < N_OBSERVERS; i++) {
                fixture_init(&fixture);
                observers_remove(&fixture.list, &fixture.observers[i]);
                observers_remove(&fixture.list, &fixture.observers[i]);  // nothing happens
                observers_on_update(fixture.list, NULL, NULL);
                assert_int_equal(fixture.counts.n_updates, N_OBSERVERS - 1);
        }
        fixture_init(&fixture);
        fixture.leaver = fixture.list;  // the first to be told
        observers_on_update(fixture.list, NULL, NULL);
        assert_int_equal(fixture.counts.n_updates, N_OBSERVERS);
        observers_on_update(fixture.list, NULL, NULL);
        assert_int_equal(fixture.counts.n_updates, 2 * N_OBSERVERS - 1);
}

static void one_that_wants_the_tail_is_enough(void **state) {
        struct fixture fixture;

        (void)state;
        fixture_init(&fixture);
        assert_false(observers_want_tail(NULL));
        assert_false(observers_want_tail(fixture.list));
        fixture.observers[0].wants_tail = true;
        assert_true(observers_want_tail(fixture.list));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_are_told_and_counted),
                cmocka_unit_test(one_may_leave_while_it_is_told),
                cmocka_unit_test(one_that_wants_the_tail_is_enough),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
