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

static struct principal_life life;
static const struct principal alice = {
        .name = "alice", .scopes = SCOPE_READ | SCOPE_LISTEN | SCOPE_MANAGE, .life = &life};

static const struct ticket_terms terms = {"realtime", NOW, NOW + MINUTE},
                                 later = {"realtime", NOW + MINUTE, NOW + 3 * MINUTE};

static int setup(void **state) {
        life = (struct principal_life){.n_holders = 1, .free = life_free};
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
        // Whoever needs no token gets one that nobody asks for.
        assert_int_equal(
                tickets_lend(*state, principal_anonymous(true), &terms, &loose, &error), 0);
        assert_null(tickets_find(*state, loose, NOW));
}

static void there_are_not_too_many(void **state) {
        char *secret;
        struct error error;

        for (int i = 0; i < TICKETS_MAX; i++)
                free(lent(*state));
        assert_int_equal(tickets_lend(*state, &alice, &terms, &secret, &error), -EBUSY);
        assert_int_equal(tickets_lend(*state, &alice, &later, &secret, &error), 0);
        free(secret);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_ticket_brings_sound_in_one_dialect_for_its_time),
                TEST(a_ticket_ends_with_its_token),
                TEST(who_may_lend),
                TEST(there_are_not_too_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
