// Run queue: who is served when, counted on a clock that stands still.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "util/loop.h"
#include "util/run_queue.h"

#define WORKERS 24

struct worker {
        struct run_queue_entry entry;
        struct run_queue *queue;
        char *served;  // the names of those served, in order; shared
        char name;
        size_t work;  // steps left
        size_t cost;  // of a step
        int n_served, n_finished;
};

struct crew {
        struct loop *loop;
        struct run_queue *queue;
        struct worker workers[WORKERS];
        char served[4096];
};

static void worker_serve(void *context, struct quantum *quantum) {
        struct worker *worker = context;

        worker->n_served++;
        worker->served[strlen(worker->served)] = worker->name;
        while (worker->work && !quantum_is_spent(quantum)) {
                worker->work--;
                quantum_spend(quantum, worker->cost);
        }
        if (worker->work)
                run_queue_add(worker->queue, &worker->entry);
}

static void worker_flush(void *context) {
        struct worker *worker = context;

        worker->n_finished++;
}

static int crew_setup(void **state) {
        static struct crew crew;

        memset(&crew, 0, sizeof(crew));
        crew.loop = loop_new_fake(0);
        crew.queue = run_queue_of(crew.loop);
        for (size_t i = 0; i < WORKERS; i++)
                crew.workers[i] = (struct worker){.entry = {.serve = worker_serve,
                                                            .flush = worker_flush,
                                                            .context = &crew.workers[i]},
                                                  .queue = crew.queue,
                                                  .served = crew.served,
                                                  .name = (char)('a' + i),
                                                  .cost = QUANTUM_COST};
        *state = &crew;
        return 0;
}

static int crew_teardown(void **state) {
        struct crew *crew = *state;

        loop_free(crew->loop);
        return 0;
}

static void give(struct crew *crew, char name, size_t work) {
        struct worker *worker = &crew->workers[name - 'a'];

        worker->work += work;
        run_queue_add(crew->queue, &worker->entry);
}

static void expect_round(struct crew *crew, const char *names) {
        memset(crew->served, 0, sizeof(crew->served));
        loop_turn(crew->loop);
        assert_string_equal(crew->served, names);
}

static void work_is_done_a_quantum_a_round(void **state) {
        struct crew *crew = *state;

        give(crew, 'a', 3);
        give(crew, 'b', 2);
        expect_round(crew, "ab");
        expect_round(crew, "ab");
        expect_round(crew, "a");
        expect_round(crew, "");
        assert_int_equal(crew->workers[0].work, 0);
}

static void small_steps_fill_a_quantum(void **state) {
        struct crew *crew = *state;

        crew->workers[0].cost = QUANTUM_COST / 4;
        give(crew, 'a', 6);
        expect_round(crew, "a");
        assert_int_equal(crew->workers[0].work, 2);
        expect_round(crew, "a");
        assert_int_equal(crew->workers[0].work, 0);
}

// However many have work, a round is bounded, and everybody's turn comes.
static void a_round_has_an_end(void **state) {
        struct crew *crew = *state;
        size_t per_round = ROUND_COST / QUANTUM_COST;

        for (size_t i = 0; i < WORKERS; i++)
                give(crew, (char)('a' + i), 1000);
        for (size_t round = 1; round <= WORKERS / per_round; round++) {
                memset(crew->served, 0, sizeof(crew->served));
                loop_turn(crew->loop);
                assert_in_range(strlen(crew->served), per_round, per_round + 1);
        }
        for (size_t i = 0; i < WORKERS; i++)
                assert_in_range(crew->workers[i].n_served, 1, 2);
}

// Who has had nothing to do is served before those who always have; they still get on.
static void the_patient_do_not_wait_for_the_busy(void **state) {
        struct crew *crew = *state;

        for (int i = 0; i < 'x' - 'a'; i++)
                give(crew, (char)('a' + i), 1000);
        for (int i = 0; i < 5; i++)
                loop_turn(crew->loop);
        give(crew, 'x', 1);
        memset(crew->served, 0, sizeof(crew->served));
        loop_turn(crew->loop);
        assert_int_equal(crew->served[0], 'x');
        assert_true(strlen(crew->served) > 1);
        // Whoever comes back at once has no claim to be first again.
        give(crew, 'x', 1);
        memset(crew->served, 0, sizeof(crew->served));
        loop_turn(crew->loop);
        assert_int_not_equal(crew->served[0], 'x');
}

static void the_busy_get_on_though_new_work_comes_all_the_time(void **state) {
        struct crew *crew = *state;
        int n_served = 0;

        give(crew, 'x', 1000);
        loop_turn(crew->loop);
        for (int round = 0; round < 3; round++) {
                for (size_t i = 0; i < ROUND_COST / QUANTUM_COST; i++)
                        give(crew, (char)('a' + round % 2 * 8 + (int)i), 1);
                loop_turn(crew->loop);
        }
        n_served = crew->workers['x' - 'a'].n_served;
        assert_int_equal(n_served, 4);
}

// Of two addresses with work each has its half of a round, however many connections it has.
static void flows_share_a_round(void **state) {
        struct crew *crew = *state;
        size_t per_round = ROUND_COST / QUANTUM_COST;

        crew->workers['x' - 'a'].entry.flow = 1;
        for (int i = 0; i < 'x' - 'a'; i++)
                give(crew, (char)('a' + i), 1000);
        for (int i = 0; i < 50; i++)
                loop_turn(crew->loop);
        // Who comes back at once waits for one of each other flow, not for all of theirs.
        for (int i = 0; i < 10; i++) {
                give(crew, 'x', 1);
                memset(crew->served, 0, sizeof(crew->served));
                loop_turn(crew->loop);
                assert_non_null(strchr(crew->served, 'x'));
                assert_in_range(strchr(crew->served, 'x') - crew->served, 0, 1);
                assert_in_range(strlen(crew->served), per_round, per_round + 1);
        }
}

static void owners_have_their_flows(void **state) {
        struct crew *crew = *state;
        unsigned first = run_queue_flow(crew->queue, "192.0.2.0", 9);
        unsigned n_others = 0;

        for (int i = 0; i < 10; i++) {
                const char name[] = {'1', '9', '2', '.', '0', '.', '2', '.', (char)('0' + i)};
                unsigned flow = run_queue_flow(crew->queue, name, sizeof(name));

                assert_int_equal(flow, run_queue_flow(crew->queue, name, sizeof(name)));
                assert_in_range(flow, 0, 1023);
                n_others += flow != first;
        }
        assert_in_range(n_others, 7, 9);
}

static void flushing_comes_once_after_all_are_served(void **state) {
        struct crew *crew = *state;
        struct worker *worker = &crew->workers[0];

        run_queue_want_flush(crew->queue, &worker->entry);
        run_queue_want_flush(crew->queue, &worker->entry);
        assert_int_equal(worker->n_finished, 0);
        loop_turn(crew->loop);
        assert_int_equal(worker->n_finished, 1);
        loop_turn(crew->loop);
        assert_int_equal(worker->n_finished, 1);
}

static void the_removed_are_forgotten(void **state) {
        struct crew *crew = *state;

        give(crew, 'a', 2);
        give(crew, 'b', 2);
        run_queue_remove(crew->queue, &crew->workers[0].entry);
        expect_round(crew, "b");
        run_queue_want_flush(crew->queue, &crew->workers[1].entry);
        run_queue_remove(crew->queue, &crew->workers[1].entry);
        run_queue_remove(crew->queue, &crew->workers[1].entry);
        expect_round(crew, "");
        assert_int_equal(crew->workers[1].n_finished, 0);
}

#define with_crew(test) cmocka_unit_test_setup_teardown(test, crew_setup, crew_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                with_crew(work_is_done_a_quantum_a_round),
                with_crew(small_steps_fill_a_quantum),
                with_crew(a_round_has_an_end),
                with_crew(the_patient_do_not_wait_for_the_busy),
                with_crew(the_busy_get_on_though_new_work_comes_all_the_time),
                with_crew(flows_share_a_round),
                with_crew(owners_have_their_flows),
                with_crew(flushing_comes_once_after_all_are_served),
                with_crew(the_removed_are_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
