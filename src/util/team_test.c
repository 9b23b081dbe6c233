// Team: each piece is done once, what one work wrote the next one reads, and nobody waits for a
// thread that does not come.
#include "util/team.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#define PIECES 40

// How often each piece was done, and by whom.
struct tally {
        unsigned done[PIECES];
        size_t n_pieces, n_threads;
        atomic_size_t n_done;
};

static void count(void *context, size_t piece, size_t thread) {
        struct tally *tally = context;

        // Not atomic: a piece that two threads do is a race.
        tally->done[piece]++;
        if (thread < tally->n_threads)
                atomic_fetch_add(&tally->n_done, 1);
}

static void check_rounds(struct team *team, size_t n_threads, int n_rounds) {
        struct tally tally = {.n_threads = n_threads};

        assert_int_equal(team_size(team), n_threads);
        for (int round = 1; round <= n_rounds; round++)
                for (size_t n = 0; n <= PIECES; n += 7) {
                        memset(tally.done, 0, sizeof(tally.done));
                        atomic_store(&tally.n_done, 0);
                        team_run(team, n, count, &tally);
                        assert_int_equal(atomic_load(&tally.n_done), n);
                        for (size_t piece = 0; piece < PIECES; piece++)
                                assert_int_equal(tally.done[piece], piece < n);
                }
}

static void test_each_piece_is_done_once(void **state) {
        (void)state;
        for (size_t n = 1; n <= 5; n++) {
                struct team *team = NULL;

                assert_int_equal(team_new(&team, n, "test"), 0);
                check_rounds(team, n, 300);
                team_free(team);
        }
}

static void test_without_a_team_the_caller_does_it(void **state) {
        (void)state;
        check_rounds(NULL, 1, 2);
        assert_null(team_free(NULL));
}

// A sum over what all pieces of the work before wrote.
struct chain {
        uint64_t from[PIECES], to[PIECES];
};

static void add_up(void *context, size_t piece, size_t thread) {
        struct chain *chain = context;
        uint64_t sum = 0;

        (void)thread;
        for (size_t i = 0; i < PIECES; i++)
                sum += chain->from[i] >> 1;
        chain->to[piece] = sum + piece;
}

static void test_a_work_reads_what_the_one_before_wrote(void **state) {
        struct chain shared = {.from = {1, 2, 3}}, alone = shared;
        struct team *team = NULL;

        (void)state;
        assert_int_equal(team_new(&team, 3, "test"), 0);
        for (int round = 0; round < 2000; round++) {
                team_run(team, PIECES, add_up, &shared);
                team_run(NULL, PIECES, add_up, &alone);
                assert_memory_equal(shared.to, alone.to, sizeof(alone.to));
                memcpy(shared.from, shared.to, sizeof(shared.to));
                memcpy(alone.from, alone.to, sizeof(alone.to));
        }
        team_free(team);
}

// One piece ends when all others have been done: by the other thread.
static void wait_for_others(void *context, size_t piece, size_t thread) {
        struct tally *tally = context;

        (void)thread;
        while (piece == 0 && atomic_load(&tally->n_done) < tally->n_pieces - 1)
                ;
        atomic_fetch_add(&tally->n_done, 1);
}

static void test_a_thread_that_is_held_up_leaves_its_pieces_to_others(void **state) {
        struct team *team = NULL;

        (void)state;
        assert_int_equal(team_new(&team, 2, "test"), 0);
        for (int round = 0; round < 50; round++) {
                struct tally tally = {.n_pieces = PIECES};

                team_run(team, PIECES, wait_for_others, &tally);
                assert_int_equal(atomic_load(&tally.n_done), PIECES);
        }
        team_free(team);
}

// Longer than a thread waits before it sleeps.
static void dawdle(void) {
        struct timespec rest = {.tv_nsec = 2000000};

        nanosleep(&rest, NULL);
}

// Each piece waits until all three threads have one; then the caller is done long before the
// others.
static void meet(void *context, size_t piece, size_t thread) {
        struct tally *tally = context;

        count(context, piece, thread);
        while (atomic_load(&tally->n_done) < 3)
                ;
        if (thread > 0)
                dawdle();
}

// Threads that sleep, for want of work or until the last piece is done, are woken.
static void test_sleepers_wake(void **state) {
        struct team *team = NULL;

        (void)state;
        assert_int_equal(team_new(&team, 3, "test"), 0);
        for (int round = 0; round < 50; round++) {
                struct tally tally = {.n_threads = 3};

                dawdle();
                team_run(team, 3, meet, &tally);
        }
        dawdle();
        team_free(team);
}

struct caller {
        struct team *team;
        struct tally tally;
};

static void *call(void *context) {
        struct caller *caller = context;

        team_run(caller->team, PIECES, count, &caller->tally);
        return NULL;
}

// As an engine, which is opened on one thread and run on another.
static void test_any_thread_may_call(void **state) {
        struct caller caller = {.tally = {.n_threads = 2}};
        pthread_t thread;

        (void)state;
        assert_int_equal(team_new(&caller.team, 2, "test"), 0);
        for (size_t round = 1; round <= 5; round++) {
                assert_int_equal(pthread_create(&thread, NULL, call, &caller), 0);
                pthread_join(thread, NULL);
                assert_int_equal(atomic_load(&caller.tally.n_done), round * PIECES);
        }
        team_free(caller.team);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_piece_is_done_once),
                cmocka_unit_test(test_without_a_team_the_caller_does_it),
                cmocka_unit_test(test_a_work_reads_what_the_one_before_wrote),
                cmocka_unit_test(test_a_thread_that_is_held_up_leaves_its_pieces_to_others),
                cmocka_unit_test(test_sleepers_wake),
                cmocka_unit_test(test_any_thread_may_call),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
