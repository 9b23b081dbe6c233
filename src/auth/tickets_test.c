// Secrets that a token lends: who comes in with one, for how long, and who may lend.
#include "auth/tickets.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define NOW    ((int64_t)1764500000000)
#define MINUTE ((int64_t)60000)

static size_t n_freed;

static void life_free(const struct principal_life *life) {
        (void)life;
        n_freed++;
}

static struct principal_life life, life_of_bob;
static const struct principal alice = {
        .name = "alice", .scopes = SCOPE_READ | SCOPE_LISTEN | SCOPE_MANAGE, .life = &life};
static const struct principal bob = {
        .name = "bob", .scopes = SCOPE_LISTEN, .life = &life_of_bob};
static const struct principal neighbour = {
        .name = "anonymous", .scopes = SCOPE_LISTEN, .stranger = "this needs a token"};

static const struct ticket_terms terms = {"realtime", NOW, NOW + MINUTE},
                                 later = {"realtime", NOW + MINUTE, NOW + 3 * MINUTE};

static int setup(void **state) {
        life_of_bob = life = (struct principal_life){.n_holders = 1, .free = life_free};
        *state = tickets_new();
        return 0;
}

static int teardown(void **state) {
        tickets_free(*state);
        assert_int_equal(life.n_holders, 1);
        assert_int_equal(n_freed, 0);
        return 0;
}

static char *lent(struct tickets *tickets) {
        char *secret = NULL;

        assert_int_equal(tickets_lend(tickets, &alice, &terms, &secret, NULL), 0);
        return secret;
}

static void a_ticket_brings_sound_in_one_dialect_for_its_time(void **state) {
        CLEANUP(mem_freep) char *secret = lent(*state);
        const struct principal *found = tickets_find(*state, secret, NOW + MINUTE - 1);

        assert_memory_equal(secret, TICKET_PREFIX, 3);
        assert_string_equal(found->name, "alice");
        assert_int_equal(found->scopes, SCOPE_LISTEN);
        assert_true(principal_may_speak(found, "realtime"));
        assert_false(principal_may_speak(found, PRINCIPAL_API));
        assert_null(tickets_find(*state, secret, NOW + MINUTE));
        assert_null(tickets_find(*state, "ek_somethingelsethatislong", NOW));
        assert_null(tickets_find(*state, secret + 3, NOW));
        // A session that it opened outlives it.
        principal_hold(found);
        tickets_patrol(*state, NOW + 2 * MINUTE);
        assert_false(principal_is_over(found, NOW + 2 * MINUTE));
        principal_release(found);
}

static void a_ticket_ends_with_its_token(void **state) {
        CLEANUP(mem_freep) char *secret = lent(*state);
        const struct principal *found = principal_hold(tickets_find(*state, secret, NOW));

        life.is_revoked = true;
        assert_null(tickets_find(*state, secret, NOW));
        tickets_patrol(*state, NOW);
        assert_true(principal_is_over(found, NOW));
        principal_release(found);
}

static void who_may_lend(void **state) {
        CLEANUP(mem_freep) char *secret = lent(*state);
        CLEANUP(mem_freep) char *another = NULL;
        CLEANUP(mem_freep) char *loose = NULL;
        const struct principal *found = tickets_find(*state, secret, NOW);
        struct error error;

        assert_int_equal(tickets_lend(*state, found, &terms, &another, &error), -EPERM);
        assert_null(another);
        // Who is let in by his address would let others in from elsewhere.
        assert_int_equal(tickets_lend(*state, &neighbour, &terms, &another, &error), -EPERM);
        assert_null(another);
        // Whoever needs no token gets one that nobody asks for.
        assert_int_equal(
                tickets_lend(*state, principal_anonymous(true), &terms, &loose, &error), 0);
        assert_null(tickets_find(*state, loose, NOW));
}

static void the_administrator_of_the_machine_may_lend(void **state) {
        CLEANUP(mem_freep) char *secret = NULL;

        assert_int_equal(tickets_lend(*state, principal_local(), &terms, &secret, NULL), 0);
        assert_string_equal(tickets_find(*state, secret, NOW)->name, "local");
        tickets_patrol(*state, NOW + MINUTE);
        assert_null(tickets_find(*state, secret, NOW + MINUTE));
}

static void what_is_opened_with_them_counts_as_the_tokens(void **state) {
        CLEANUP(mem_freep) char *first = lent(*state);
        CLEANUP(mem_freep) char *second = lent(*state);

        assert_ptr_equal(principal_counts(tickets_find(*state, first, NOW)), &life);
        assert_ptr_equal(principal_counts(tickets_find(*state, second, NOW)), &life);
        assert_ptr_equal(principal_counts(&alice), &life);
        assert_null(principal_counts(principal_local()));
}

static void there_are_not_too_many(void **state) {
        char *secret;
        struct error error;

        for (int i = 0; i < TICKETS_OF_ONE; i++)
                free(lent(*state));
        assert_int_equal(tickets_lend(*state, &alice, &terms, &secret, &error), -EBUSY);
        // Others have theirs.
        assert_int_equal(tickets_lend(*state, &bob, &terms, &secret, &error), 0);
        free(secret);
        assert_int_equal(tickets_lend(*state, &alice, &later, &secret, &error), 0);
        free(secret);
}

// A session that goes on takes no place of one that is to come.
static void those_that_have_expired_count_no_more(void **state) {
        const struct principal *held[TICKETS_OF_ONE];
        char *secret;

        for (int i = 0; i < TICKETS_OF_ONE; i++) {
                secret = lent(*state);
                held[i] = principal_hold(tickets_find(*state, secret, NOW));
                free(secret);
        }
        assert_int_equal(tickets_lend(*state, &alice, &later, &secret, NULL), 0);
        free(secret);
        for (int i = 0; i < TICKETS_OF_ONE; i++)
                principal_release(held[i]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_ticket_brings_sound_in_one_dialect_for_its_time),
                TEST(a_ticket_ends_with_its_token),
                TEST(who_may_lend),
                TEST(the_administrator_of_the_machine_may_lend),
                TEST(what_is_opened_with_them_counts_as_the_tokens),
                TEST(there_are_not_too_many),
                TEST(those_that_have_expired_count_no_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
