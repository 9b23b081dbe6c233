// What every sink is held to, with a real PostgreSQL.

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sink/broker_rig.h"
#include "sink/contract_rig.h"
#include "sink/postgresql_table.h"
#include "util/mem.h"

static struct rig_broker broker;  // one for all tests
static int mute = -1;

static char *url_make(void) {
        return xasprintf("postgresql://eavesdrop:%s@127.0.0.1:%d/postgres", RIG_BROKER_ENCODED,
                         broker.port);
}

static PGconn *client_open(void) {
        CLEANUP(mem_freep) char *url = url_make();

        for (int i = 0; i < 200; i++) {  // it may still be starting up
                PGconn *client = PQconnectdb(url);

                if (PQstatus(client) == CONNECTION_OK)
                        return client;
                PQfinish(client);
                usleep(50000);
        }
        fail_msg("PostgreSQL does not answer");
        return NULL;
}

static void run(const char *statement) {
        PGconn *client = client_open();
        PGresult *result = PQexec(client, statement);

        if (PQresultStatus(result) == PGRES_FATAL_ERROR)
                fail_msg("%s", PQresultErrorMessage(result));
        PQclear(result);
        PQfinish(client);
}

// Every send is cut off in its middle: the session is ended when it has written a row.
static const char closing[] =
        "create or replace function close() returns trigger language plpgsql as $$ begin "
        "perform "
        "pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return null; end $$; "
        "create trigger closing after insert on heard for each row execute function close()";

static void set_fault(void *context, enum contract_fault fault, bool is_on) {
        (void)context;
        switch (fault) {
        case CONTRACT_DOWN:
        case CONTRACT_SILENT:
                if (is_on) {
                        rig_broker_stop(&broker, SIGQUIT);
                        mute = fault == CONTRACT_SILENT ? rig_broker_mute(&broker.port) : -1;
                } else {
                        if (mute >= 0)
                                close(mute);
                        rig_postgresql_start(&broker);
                }
                return;
        case CONTRACT_CLOSING:
                run(is_on ? closing : "drop trigger closing on heard");
                return;
        default:
                run(is_on ? "alter table heard add constraint fine check (text <> "
                            "'" CONTRACT_POISON "')"
                          : "alter table heard drop constraint fine");
        }
}

static size_t ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n) {
        PGconn *client = client_open();
        PGresult *result = PQexec(client, "select id from heard order by arrived");
        size_t i;

        (void)context;
        assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
        for (i = 0; i < (size_t)PQntuples(result) && i < n; i++)
                snprintf(ret[i], ROW_ID_TEXT_MAX, "%s", PQgetvalue(result, (int)i, 0));
        PQclear(result);
        PQfinish(client);
        return i;
}

// The table as the sink makes it, with a column that counts what arrives.
static void table_make(void) {
        struct postgresql_table table = {0};

        run("set client_min_messages = warning; drop table if exists heard");
        assert_int_equal(postgresql_table_init(&table, NULL, NULL), 0);
        run(table.create);
        run("alter table heard add column arrived bigserial");
        postgresql_table_deinit(&table);
}

static int setup(void **state) {
        static char *url;
        struct contract_peer peer = {
                .config = {.type = SINK_POSTGRESQL},
                .faults = (1U << CONTRACT_FAULTS) - 1,
                .set_fault = set_fault,
                .ids = ids,
        };

        free(url);
        url = url_make();
        peer.config.url = url;
        table_make();
        *state = contract_new(&peer);
        return 0;
}

static int teardown(void **state) {
        contract_free(*state);
        return 0;
}

static int broker_begin(void **state) {
        (void)state;
        rig_postgresql_start(&broker);
        return 0;
}

static int broker_end(void **state) {
        (void)state;
        rig_broker_remove(&broker);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {CONTRACT_TESTS(setup, teardown)};

        if (!rig_postgresql_make(&broker)) {
                print_message("[  SKIPPED ] 8 test(s): there is no PostgreSQL\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, broker_begin, broker_end);
}
