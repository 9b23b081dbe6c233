// The list of sinks that a stream tells.
#include "sink/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define N_SINKS 3

struct fixture {
        struct sink *list;
        struct sink sinks[N_SINKS];
        struct sink_counts counts;
        unsigned n_notices;
        struct sink *leaver;  // goes when it is told
};

static void fixture_on_update(void *state, const struct stream_facts *stream,
                              const struct update *update) {
        struct fixture *fixture = state;

        (void)stream;
        (void)update;
        if (!fixture->leaver)
                return;
        sinks_remove(&fixture->list, fixture->leaver);
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

static const struct sink_ops reader = {.name = "reader", .on_update = fixture_on_update};
static const struct sink_ops curious = {
        .name = "curious", .on_update = fixture_on_update, .on_notice = fixture_on_notice};

static void fixture_init(struct fixture *fixture) {
        *fixture = (struct fixture){0};
        for (size_t i = 0; i < N_SINKS; i++) {
                fixture->sinks[i] = (struct sink){
                        .ops = i == 1 ? &curious : &reader,
                        .state = fixture,
                        .counts = &fixture->counts,
                };
                sinks_add(&fixture->list, &fixture->sinks[i]);
        }
}

static void all_are_told_and_counted(void **state) {
        struct fixture fixture;

        (void)state;
        fixture_init(&fixture);
        fixture.sinks[0].counts = NULL;
        sinks_on_update(fixture.list, NULL, NULL);
        assert_int_equal(fixture.counts.n_updates, N_SINKS - 1);
        sinks_on_notice(fixture.list, NULL, NULL);
        assert_int_equal(fixture.n_notices, 1);
}

static void one_may_leave_while_it_is_told(void **state) {
        struct fixture fixture;

        (void)state;
        for (size_t i = 0; i < N_SINKS; i++) {
                fixture_init(&fixture);
                sinks_remove(&fixture.list, &fixture.sinks[i]);
                sinks_remove(&fixture.list, &fixture.sinks[i]);  // nothing happens
                sinks_on_update(fixture.list, NULL, NULL);
                assert_int_equal(fixture.counts.n_updates, N_SINKS - 1);
        }
        fixture_init(&fixture);
        fixture.leaver = fixture.list;  // the first to be told
        sinks_on_update(fixture.list, NULL, NULL);
        assert_int_equal(fixture.counts.n_updates, N_SINKS);
        sinks_on_update(fixture.list, NULL, NULL);
        assert_int_equal(fixture.counts.n_updates, 2 * N_SINKS - 1);
}

static void one_that_wants_the_tail_is_enough(void **state) {
        struct fixture fixture;

        (void)state;
        fixture_init(&fixture);
        assert_false(sinks_want_tail(NULL));
        assert_false(sinks_want_tail(fixture.list));
        fixture.sinks[0].wants_tail = true;
        assert_true(sinks_want_tail(fixture.list));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_are_told_and_counted),
                cmocka_unit_test(one_may_leave_while_it_is_told),
                cmocka_unit_test(one_that_wants_the_tail_is_enough),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
