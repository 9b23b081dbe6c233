// Against a real server, where PostgreSQL is installed.

#include <libpq-fe.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sink/broker_rig.h"
#include "sink/player_fixture.h"
#include "sink/rows_rig.h"
#include "util/mem.h"

#define N_ROWS    40
#define LONG_NAME "a_name_that_is_longer_than_the_sixty_three_bytes_that_the_server_takes"

static struct rig_broker broker;  // one for all tests

// A sink's configuration, and a client of our own that looks at what came.
struct fixture {
        struct sink_config config;
        PGconn *client;
        struct row *rows;
};

static char *url_make(const char *password) {
        return xasprintf("postgresql://eavesdrop:%s@localhost:%d/postgres", password,
                         broker.port);
}

static PGconn *client_open(void) {
        CLEANUP(mem_freep) char *url = url_make(RIG_BROKER_ENCODED);
        PGconn *client = NULL;

        for (int i = 0; i < 200; i++) {  // it may still be starting up
                client = PQconnectdb(url);
                if (PQstatus(client) == CONNECTION_OK)
                        break;
                PQfinish(client);
                client = NULL;
                usleep(50000);
        }
        assert_non_null(client);
        return client;
}

// The first value that comes; the caller frees it.
static char *ask(struct fixture *fixture, const char *question) {
        PGresult *result = PQexec(fixture->client, question);
        char *value;

        if (PQresultStatus(result) != PGRES_TUPLES_OK &&
            PQresultStatus(result) != PGRES_COMMAND_OK)
                fail_msg("%s", PQresultErrorMessage(result));
        value = xstrdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
        PQclear(result);
        return value;
}

static void expect(struct fixture *fixture, const char *question, const char *value) {
        CLEANUP(mem_freep) char *found = ask(fixture, question);

        assert_string_equal(found, value);
}

static void run(struct fixture *fixture, const char *statement) {
        free(ask(fixture, statement));
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        *state = fixture;
        if (!broker.pid)
                return 0;
        fixture->client = client_open();
        fixture->config.name = xstrdup("db");
        fixture->config.type = SINK_POSTGRESQL;
        fixture->config.url = url_make(RIG_BROKER_ENCODED);
        fixture->rows = rig_rows_make("front door", "word", N_ROWS);
        run(fixture, "set client_min_messages = warning");
        run(fixture, "drop table if exists heard");
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        PQfinish(fixture->client);
        free(fixture->config.name);
        free(fixture->config.url);
        free(fixture->config.table);
        if (fixture->rows)
                rig_rows_free(fixture->rows, N_ROWS);
        free(fixture);
        return 0;
}

static struct fixture *fixture_or_skip(void **state) {
        if (!broker.pid)
                skip();
        return *state;
}

static void expect_no_secret(const char *words) {
        assert_null(strstr(words, "s3cr3t"));
        assert_null(strstr(words, "p@ss"));
        assert_null(strstr(words, "p%40ss"));
}

// --- what arrives ----------------------------------------------------------------------

static void test_rows_arrive_with_their_types(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_postgresql, &fixture->config);
        struct row *status = rig_rows_make("front door", "x", 1);
        CLEANUP(mem_freep) char *id = NULL;
        char written[ROW_ID_TEXT_MAX];

        assert_int_equal(player_send(player, fixture->rows, N_ROWS).outcome, SINK_TAKEN);
        // Again: as after an acknowledgement that was lost.
        free(fixture->rows[3].text);
        fixture->rows[3].text = xstrdup("'; drop table heard; --");
        assert_int_equal(player_send(player, fixture->rows, N_ROWS).outcome, SINK_TAKEN);
        expect(fixture, "select count(*) from heard", "40");
        expect(fixture, "select text from heard order by start offset 3",
               "'; drop table heard; --");
        expect(fixture,
               "select concat_ws('|', kind, stream, language, text, model, generation, "
               "position - (select min(position) from heard), duration, confidence, "
               "words->0->>'text', session is null) from heard order by start offset 2",
               "segment|front door|en|word 2|base|0|4|2|0.75|word 2|t");
        expect(fixture, "select max(\"end\") - min(start) from heard", "00:01:20");
        id = ask(fixture, "select id from heard order by start");
        row_id_format(fixture->rows[0].id, written);
        assert_string_equal(id, written);
        expect(fixture,
               "select count(distinct pid) from pg_stat_activity where "
               "application_name = 'eavesdrop'",
               "1");

        free(status->text);
        status->text = NULL;
        status->kind = ROW_STATUS;
        status->state = xstrdup("offline");
        status->reason = xstrdup("no route");
        assert_int_equal(player_send(player, status, 1).outcome, SINK_TAKEN);
        expect(fixture,
               "select concat_ws('|', state, reason, text is null) from heard where "
               "kind = 'status'",
               "offline|no route|t");
        rig_rows_free(status, 1);
        player_close(player);
}

static void test_a_name_is_an_identifier_whatever_is_in_it(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player;

        run(fixture, "drop schema if exists \"odd one\" cascade; create schema \"odd one\"");
        fixture->config.table = xstrdup("odd one.He\"ard; drop");
        player = player_open(&sink_postgresql, &fixture->config);
        assert_int_equal(player_send(player, fixture->rows, 2).outcome, SINK_TAKEN);
        expect(fixture, "select count(*) from \"odd one\".\"He\"\"ard; drop\"", "2");
        player_close(player);
}

// --- tables that are there -------------------------------------------------------------

static void expect_broken(struct fixture *fixture, const char *words) {
        struct player *player = player_open(&sink_postgresql, &fixture->config);
        struct player_answer answer = player_send(player, fixture->rows, 2);

        assert_int_equal(answer.outcome, SINK_BROKEN);
        assert_int_equal(answer.n_taken, 0);
        if (!strstr(answer.trouble, words))
                fail_msg("%s", answer.trouble);
        player_close(player);
}

static void test_a_table_with_other_columns_is_told(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_postgresql, &fixture->config);

        assert_int_equal(player_send(player, fixture->rows, 1).outcome, SINK_TAKEN);
        player_close(player);
        // More columns do no harm, unless they want to be filled.
        run(fixture, "alter table heard add column note text");
        player = player_open(&sink_postgresql, &fixture->config);
        assert_int_equal(player_send(player, fixture->rows + 1, 1).outcome, SINK_TAKEN);
        player_close(player);

        run(fixture, "truncate heard; alter table heard add column owner text not null");
        expect_broken(fixture, "owner needs a value that rows do not have");
        run(fixture,
            "alter table heard drop column owner, drop column words, drop column \"end\"");
        expect_broken(fixture,
                      "the table \"heard\" has other columns than a row: it lacks end, "
                      "words");
        run(fixture, "drop table heard");
}

static void test_a_table_without_its_key_or_of_other_types_is_told(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_postgresql, &fixture->config);

        assert_int_equal(player_send(player, fixture->rows, 1).outcome, SINK_TAKEN);
        player_close(player);
        run(fixture, "alter table heard drop constraint heard_pkey");
        expect_broken(fixture, "no unique or exclusion constraint");
        run(fixture, "alter table heard add primary key (id)");
        run(fixture, "alter table heard alter column words type integer using null");
        expect_broken(fixture, "column \"words\" is of type integer");
}

static void test_a_table_that_goes_is_made_anew(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_postgresql, &fixture->config);

        assert_int_equal(player_send(player, fixture->rows, 2).outcome, SINK_TAKEN);
        run(fixture, "drop table heard");
        assert_int_equal(player_send(player, fixture->rows + 2, 2).outcome, SINK_RETRY);
        assert_int_equal(player_send(player, fixture->rows + 2, 2).outcome, SINK_TAKEN);
        expect(fixture, "select count(*) from heard", "2");
        player_close(player);
}

static void test_who_may_not_write_waits(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player;
        struct player_answer answer;

        run(fixture, "drop role if exists poor; create role poor login password 'poor'");
        free(fixture->config.url);
        fixture->config.url =
                xasprintf("postgresql://poor:poor@127.0.0.1:%d/postgres", broker.port);
        player = player_open(&sink_postgresql, &fixture->config);
        answer = player_send(player, fixture->rows, 2);
        assert_int_equal(answer.outcome, SINK_RETRY);
        assert_non_null(strstr(answer.trouble, "permission denied for schema public"));
        run(fixture, "grant create on schema public to poor");
        assert_int_equal(player_send(player, fixture->rows, 2).outcome, SINK_TAKEN);
        player_close(player);
        run(fixture, "drop owned by poor; drop role poor");
}

// --- rows that are refused -------------------------------------------------------------

// All rows but that one arrive, and it alone is refused.
static void expect_refused_alone(struct fixture *fixture, size_t refused, const char *words) {
        struct player *player = player_open(&sink_postgresql, &fixture->config);
        CLEANUP(mem_freep) char *count = NULL;
        struct player_answer answer;

        answer = player_send(player, fixture->rows, N_ROWS);
        assert_int_equal(answer.outcome, SINK_REFUSED);
        assert_int_equal(answer.n_taken, refused);
        assert_non_null(strstr(answer.trouble, words));
        count = xasprintf("%zu", refused);
        expect(fixture, "select count(*) from heard", count);
        answer = player_send(player, fixture->rows + refused, 1);
        assert_int_equal(answer.outcome, SINK_REFUSED);
        assert_int_equal(answer.n_taken, 0);
        answer = player_send(player, fixture->rows + refused + 1, N_ROWS - refused - 1);
        assert_int_equal(answer.outcome, SINK_TAKEN);
        expect(fixture, "select count(*) from heard", "39");
        player_close(player);
}

static void table_make(struct fixture *fixture) {
        struct player *player = player_open(&sink_postgresql, &fixture->config);

        assert_int_equal(player_send(player, fixture->rows, 1).outcome, SINK_TAKEN);
        player_close(player);
        run(fixture, "truncate heard");
}

static void test_a_row_that_is_too_long_is_refused_alone(void **state) {
        struct fixture *fixture = fixture_or_skip(state);

        table_make(fixture);
        run(fixture, "alter table heard alter column text type varchar(20)");
        free(fixture->rows[17].text);
        fixture->rows[17].text = xstrdup("more than twenty characters");
        expect_refused_alone(fixture, 17, "value too long");
}

static void test_the_first_row_may_be_refused(void **state) {
        struct fixture *fixture = fixture_or_skip(state);

        table_make(fixture);
        run(fixture, "alter table heard add check (text <> 'word 0')");
        expect_refused_alone(fixture, 0, "violates check constraint");
}

static void test_a_row_that_is_refused_at_the_end_is_found(void **state) {
        struct fixture *fixture = fixture_or_skip(state);

        table_make(fixture);
        run(fixture, "create or replace function refuse() returns trigger language plpgsql as "
                     "$$ begin if new.text = 'word 5' then raise exception 'not this'; end if; "
                     "return null; end $$");
        run(fixture,
            "create constraint trigger late after insert on heard deferrable initially "
            "deferred for each row execute function refuse()");
        expect_refused_alone(fixture, 5, "not this");
}

// --- faults ----------------------------------------------------------------------------

struct restart {
        struct loop_timer *timer;
        bool is_down;
};

static void restart_on_timer(void *context) {
        struct restart *restart = context;

        if (!restart->is_down) {
                rig_broker_stop(&broker, SIGQUIT);
                restart->is_down = true;
                loop_timer_set(restart->timer, 300 * NSEC_PER_MSEC);
        } else {
                rig_postgresql_start(&broker);
        }
}

static void test_a_restart_in_mid_batch_loses_and_doubles_nothing(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_postgresql, &fixture->config);
        struct row *rows = rig_rows_make("garage", "slow", 200);
        struct restart restart = {0};
        struct player_answer answer;

        assert_int_equal(player_send(player, fixture->rows, 1).outcome, SINK_TAKEN);
        run(fixture, "create or replace function slowly() returns trigger language plpgsql as "
                     "$$ begin perform pg_sleep(0.01); return new; end $$");
        run(fixture, "create trigger slow before insert on heard for each row execute function "
                     "slowly()");
        restart.timer = loop_timer_new(player_loop(player), restart_on_timer, &restart);
        loop_timer_set(restart.timer, 150 * NSEC_PER_MSEC);
        answer = player_send(player, rows, 64);  // takes more than half a second
        assert_int_equal(answer.outcome, SINK_RETRY);
        assert_int_equal(answer.n_taken, 0);
        assert_true(restart.is_down);
        assert_true(player_deliver(player, rows, 200) > 0);  // until it is back
        PQfinish(fixture->client);
        fixture->client = client_open();
        expect(fixture,
               "select count(*) || ' ' || count(distinct text) from heard where stream "
               "= 'garage'",
               "200 200");
        loop_timer_free(restart.timer);
        rig_rows_free(rows, 200);
        player_close(player);
}

static void test_an_idle_connection_that_is_cut_is_made_again(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_postgresql, &fixture->config);

        assert_int_equal(player_send(player, fixture->rows, 2).outcome, SINK_TAKEN);
        run(fixture, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where "
                     "application_name = 'eavesdrop'");
        for (int i = 0; i < 100; i++) {
                loop_turn(player_loop(player));
                usleep(1000);
        }
        assert_int_equal(player_send(player, fixture->rows + 2, 2).outcome, SINK_TAKEN);
        expect(fixture, "select count(*) from heard", "4");
        player_close(player);
}

static void test_a_server_that_stops_answering_is_given_up(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open_fake(&sink_postgresql, &fixture->config);
        CLEANUP(mem_freep) char *pid = NULL;
        pid_t backend;

        player_begin(player, fixture->rows, 2);
        player_pass(player, 0);
        assert_int_equal(player_wait(player).outcome, SINK_TAKEN);
        pid = ask(fixture, "select pid from pg_stat_activity where application_name = "
                           "'eavesdrop'");
        backend = (pid_t)strtol(pid, NULL, 10);
        assert_true(backend > 0);
        kill(backend, SIGSTOP);
        player_begin(player, fixture->rows + 2, 2);
        player_pass(player, 29 * NSEC_PER_SEC);
        assert_true(player_is_waiting(player));
        player_pass(player, 2 * NSEC_PER_SEC);
        assert_false(player_is_waiting(player));
        assert_string_equal(player_wait(player).trouble,
                            "PostgreSQL: the server does not answer");
        kill(backend, SIGCONT);
        // On another connection.
        player_begin(player, fixture->rows + 2, 2);
        player_pass(player, 0);
        assert_int_equal(player_wait(player).outcome, SINK_TAKEN);
        expect(fixture, "select count(*) from heard", "4");
        player_close(player);
}

static void test_a_server_that_says_nothing_is_given_up(void **state) {
        int port = 0, listener = rig_broker_mute(&port);
        CLEANUP(mem_freep) char *url = xasprintf("postgresql://eavesdrop@127.0.0.1:%d/x", port);
        struct sink_config config = {.name = (char[]){"db"}, .url = url};
        struct player *player;
        struct row *row = rig_rows_make("a", "b", 1);

        (void)state;
        player = player_open_fake(&sink_postgresql, &config);
        player_begin(player, row, 1);
        player_pass(player, 9 * NSEC_PER_SEC);
        assert_true(player_is_waiting(player));
        player_pass(player, 2 * NSEC_PER_SEC);
        assert_false(player_is_waiting(player));
        assert_int_equal(player_wait(player).outcome, SINK_RETRY);
        close(listener);
        // Nobody there at all; and one that is closed while it connects.
        player_begin(player, row, 1);
        player_pass(player, 0);
        assert_non_null(strstr(player_wait(player).trouble, "Connection refused"));
        player_begin(player, row, 1);
        player_close(player);
        rig_rows_free(row, 1);
}

static void test_a_host_without_address_is_told(void **state) {
        struct sink_config config = {
                .name = (char[]){"db"},
                .url = (char[]){"postgresql://eavesdrop:s3cr3t@nowhere-at-all/x"}};
        struct player *player = player_open(&sink_postgresql, &config);
        struct row *row = rig_rows_make("a", "b", 1);
        struct player_answer answer = player_send(player, row, 1);

        (void)state;
        assert_int_equal(answer.outcome, SINK_RETRY);
        assert_non_null(strstr(answer.trouble, "the host nowhere-at-all is not found"));
        player_begin(player, row, 1);  // closed while it looks
        loop_turn(player_loop(player));
        player_close(player);
        rig_rows_free(row, 1);
}

// --- secrets and configuration ---------------------------------------------------------

static void test_a_wrong_password_is_told_without_it(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player;
        struct player_answer answer;

        free(fixture->config.url);
        fixture->config.url = url_make("s3cr3t-of-another");
        player = player_open(&sink_postgresql, &fixture->config);
        answer = player_send(player, fixture->rows, 1);
        assert_int_equal(answer.outcome, SINK_RETRY);
        assert_non_null(strstr(answer.trouble, "password authentication failed"));
        expect_no_secret(answer.trouble);
        player_close(player);
}

static void test_check_tells_what_is_wrong_without_secrets(void **state) {
        static const char *const urls[] = {
                "postgresql://eavesdrop:s3cr3t/p@ss@db/heard",  // ports that are none
                "postgresql://eavesdrop:1234/p@ss@db/heard",    // a database with an @
                "postgresql://eavesdrop:s3cr3t@p@ss@db/heard",  // a host with an @
                "postgresql://eavesdrop:s3cr3t%zz@db/heard",    // no percent-encoding
                "postgresql://eavesdrop@db/heard?s3cr3t=p@ss",  // an unknown parameter
                "postgresql://eavesdrop:s3cr3t%00@db/heard",   "s3cr3t",
        };
        struct sink_config config = {.name = (char[]){"db"}};
        struct error error;

        (void)state;
        assert_true(sink_postgresql.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "url: "));
        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                config.url = (char *)(uintptr_t)urls[i];
                assert_true(sink_postgresql.check(&config, &error) < 0);
                assert_non_null(strstr(error.text, "url: "));
                expect_no_secret(error.text);
        }
        config.url = (char[]){"postgresql://eavesdrop@db,db2:5433/heard?sslmode=require"};
        assert_int_equal(sink_postgresql.check(&config, &error), 0);
        for (const char *const *table =
                     (const char *const[]){"", ".", "a.", ".b", "a.b.c", LONG_NAME, NULL};
             *table; table++) {
                config.table = (char *)(uintptr_t)*table;
                assert_true(sink_postgresql.check(&config, &error) < 0);
                assert_non_null(strstr(error.text, "table: "));
        }
}

// What libpq would look up by itself, blocking, or what would undo the authority.
static void test_check_refuses_services_and_weaker_checks(void **state) {
        struct sink_config config = {.name = (char[]){"db"},
                                     .url = (char[]){"host=db service=x password=s3cr3t"}};
        struct error error;

        (void)state;
        assert_true(sink_postgresql.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "url: service"));
        expect_no_secret(error.text);
        // The test has one thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
        setenv("PGSERVICE", "x", 1);
        config.url = (char[]){"postgresql:///heard"};
        assert_true(sink_postgresql.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "url: PGSERVICE"));
        config.url = (char[]){"postgresql://db/heard"};
        assert_int_equal(sink_postgresql.check(&config, &error), 0);
        unsetenv("PGSERVICE");  // NOLINT(concurrency-mt-unsafe)
        config.url = (char[]){"postgresql:///heard"};
        assert_int_equal(sink_postgresql.check(&config, &error), 0);

        config.authority = (char[]){"ca.pem"};
        assert_int_equal(sink_postgresql.check(&config, &error), 0);
        config.url = (char[]){"postgresql://db/heard?sslmode=verify-full"};
        assert_int_equal(sink_postgresql.check(&config, &error), 0);
        config.url = (char[]){"postgresql://db/heard?sslmode=verify-ca"};
        assert_true(sink_postgresql.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "url: sslmode"));
}

static int broker_begin(void **state) {
        (void)state;
        if (rig_postgresql_make(&broker))
                rig_postgresql_start(&broker);
        return 0;
}

static int broker_end(void **state) {
        (void)state;
        rig_broker_remove(&broker);
        return 0;
}

#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                SERVER_TEST(test_rows_arrive_with_their_types),
                SERVER_TEST(test_a_name_is_an_identifier_whatever_is_in_it),
                SERVER_TEST(test_a_table_with_other_columns_is_told),
                SERVER_TEST(test_a_table_without_its_key_or_of_other_types_is_told),
                SERVER_TEST(test_a_table_that_goes_is_made_anew),
                SERVER_TEST(test_who_may_not_write_waits),
                SERVER_TEST(test_a_row_that_is_too_long_is_refused_alone),
                SERVER_TEST(test_the_first_row_may_be_refused),
                SERVER_TEST(test_a_row_that_is_refused_at_the_end_is_found),
                SERVER_TEST(test_a_restart_in_mid_batch_loses_and_doubles_nothing),
                SERVER_TEST(test_an_idle_connection_that_is_cut_is_made_again),
                SERVER_TEST(test_a_server_that_stops_answering_is_given_up),
                cmocka_unit_test(test_a_server_that_says_nothing_is_given_up),
                cmocka_unit_test(test_a_host_without_address_is_told),
                SERVER_TEST(test_a_wrong_password_is_told_without_it),
                cmocka_unit_test(test_check_tells_what_is_wrong_without_secrets),
                cmocka_unit_test(test_check_refuses_services_and_weaker_checks),
        };

        return cmocka_run_group_tests(tests, broker_begin, broker_end);
}
