// PostgreSQL: each row is a row of a table there, written in one transaction per batch. What is
// sent a second time replaces what was sent before (the id is the table's key), so that nothing
// is there twice.

#include <errno.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/row_json.h"
#include "sink/postgresql_address.h"
#include "sink/postgresql_link.h"
#include "sink/postgresql_table.h"
#include "sink/sink_ops.h"
#include "util/mem.h"

#define BATCH_MAX 64  // rows of one transaction

#define CONNECT_TIMEOUT   (10 * NSEC_PER_SEC)
#define STATEMENT_TIMEOUT "20s"                // the server ends a statement by itself
#define ANSWER_TIMEOUT    (30 * NSEC_PER_SEC)  // a server that does not answer even so

#define SQLSTATE_LENGTH 5

// What the server is asked at the moment.
enum postgresql_step {
        STEP_NONE,
        STEP_LOOK,      // at the table's columns
        STEP_CREATE,    // the table
        STEP_ROWS,      // a transaction
        STEP_ROLLBACK,  // of the one that failed
};

// The first command of a step that failed; state[0] 0: none did.
struct postgresql_failure {
        char state[SQLSTATE_LENGTH + 1];
        char *words;
        size_t command;
};

struct postgresql {
        struct sink *sink;
        struct loop *loop;
        struct postgresql_address *address;
        struct postgresql_table table;
        struct postgresql_link *link;  // NULL: none
        struct loop_timer *patience;
        bool is_open;         // the link is
        bool has_table;       // with the columns that are needed
        bool has_created;     // on this link
        bool has_written;     // on this link
        char *table_trouble;  // found by STEP_LOOK
        bool is_table_absent;

        enum postgresql_step step;
        size_t n_results;
        struct postgresql_failure failure;

        // The send that is to be answered; rows is NULL when there is none.
        const struct row *rows;
        size_t n_rows;
        size_t n_done;   // committed
        size_t n_asked;  // of the transaction
        size_t most;     // rows of the next transaction
};

// Commands before the first row's: begin, the time limit, the statement's preparation.
#define COMMANDS_BEFORE_ROWS 3

// --- its end of a send -----------------------------------------------------------------

static void link_drop(struct postgresql *postgresql) {
        loop_timer_cancel(postgresql->patience);
        postgresql->link = postgresql_link_close(postgresql->link);
        postgresql->is_open = postgresql->has_table = false;
        postgresql->has_created = postgresql->has_written = false;
        postgresql->step = STEP_NONE;
}

// The last that is done in a call: the next send may come from within.
static void answer(struct postgresql *postgresql, enum sink_outcome outcome,
                   const char *trouble) {
        struct error error = {0};

        loop_timer_cancel(postgresql->patience);
        if (!postgresql->rows)
                return;
        postgresql->rows = NULL;
        if (trouble)  // without secrets, in one line
                error_set(&error, -EIO, "%s", trouble);
        sink_answer(postgresql->sink, outcome, postgresql->n_done, trouble ? error.text : NULL,
                    0);
}

// --- asking ----------------------------------------------------------------------------

static void failure_clear(struct postgresql_failure *failure) {
        free(failure->words);
        *failure = (struct postgresql_failure){0};
}

static PGconn *step_begin(struct postgresql *postgresql, enum postgresql_step step) {
        failure_clear(&postgresql->failure);
        postgresql->step = step;
        postgresql->n_results = 0;
        return postgresql_link_connection(postgresql->link);
}

// A command that finds no memory breaks the pipeline's count, which the time-out would find.
static bool command_send(PGconn *connection, const char *command) {
        return PQsendQueryParams(connection, command, 0, NULL, NULL, NULL, NULL, 0);
}

static void step_send(struct postgresql *postgresql, bool is_queued) {
        PGconn *connection = postgresql_link_connection(postgresql->link);

        loop_timer_set(postgresql->patience, ANSWER_TIMEOUT);
        if (!is_queued || !PQpipelineSync(connection)) {
                link_drop(postgresql);
                answer(postgresql, SINK_RETRY, "PostgreSQL: a command could not be queued");
                return;
        }
        postgresql_link_flush(postgresql->link, 1);
}

static const char begin[] = "begin";
static const char limit_time[] = "set local statement_timeout = '" STATEMENT_TIMEOUT "'";
static const char commit[] = "commit";

static void table_look(struct postgresql *postgresql) {
        PGconn *connection = step_begin(postgresql, STEP_LOOK);
        const char *name = postgresql->table.name;

        postgresql->is_table_absent = false;
        postgresql->table_trouble = mem_free(postgresql->table_trouble);
        step_send(postgresql, PQsendQueryParams(connection, postgresql_table_look, 1, NULL,
                                                &name, NULL, NULL, 0));
}

static void table_create(struct postgresql *postgresql) {
        PGconn *connection = step_begin(postgresql, STEP_CREATE);

        postgresql->has_created = true;
        step_send(postgresql,
                  command_send(connection, begin) && command_send(connection, limit_time) &&
                          command_send(connection, postgresql->table.create) &&
                          command_send(connection, postgresql->table.create_index) &&
                          command_send(connection, commit));
}

static bool row_send(PGconn *connection, const struct row *row) {
        CLEANUP(mem_freep) char *json = row_json(row, NULL);
        const char *value = json;

        return PQsendQueryPrepared(connection, "", 1, &value, NULL, NULL, 0);
}

// The unnamed statement is prepared anew in each transaction: behind a pooler the next one may
// be another session's.
static void rows_write(struct postgresql *postgresql) {
        PGconn *connection = step_begin(postgresql, STEP_ROWS);
        size_t n = postgresql->n_rows - postgresql->n_done;
        bool is_queued;

        postgresql->n_asked = n < postgresql->most ? n : postgresql->most;
        is_queued = command_send(connection, begin) && command_send(connection, limit_time) &&
                    PQsendPrepare(connection, "", postgresql->table.insert, 0, NULL);
        for (size_t i = 0; i < postgresql->n_asked && is_queued; i++)
                is_queued = row_send(connection, &postgresql->rows[postgresql->n_done + i]);
        step_send(postgresql, is_queued && command_send(connection, commit));
}

static void rollback(struct postgresql *postgresql) {
        // What failed is still to be judged.
        struct postgresql_failure failure = postgresql->failure;
        PGconn *connection;

        postgresql->failure = (struct postgresql_failure){0};
        connection = step_begin(postgresql, STEP_ROLLBACK);
        postgresql->failure = failure;
        step_send(postgresql, command_send(connection, "rollback"));
}

// --- what to do next -------------------------------------------------------------------

static void link_open(struct postgresql *postgresql);

static void go_on(struct postgresql *postgresql) {
        if (!postgresql->link)
                link_open(postgresql);
        else if (!postgresql->has_table)
                table_look(postgresql);
        else if (postgresql->n_done < postgresql->n_rows)
                rows_write(postgresql);
        else
                answer(postgresql, SINK_TAKEN, NULL);
}

// The row itself is what the server does not take: data exceptions, constraints, limits of the
// program, checks of a view, triggers that raise an exception.
static bool is_refusal(const char *state) {
        return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
               strncmp(state, "54", 2) == 0 || strncmp(state, "44", 2) == 0 ||
               strncmp(state, "P0", 2) == 0;
}

// The statement does not fit the database. Privileges may yet be granted.
static bool is_misfit(const char *state) {
        return strncmp(state, "42", 2) == 0 && strcmp(state, "42501") != 0;
}

// A row of the transaction, which was rolled back, was refused: those before it alone first,
// then it comes alone. Where it was no row's command (a check at the end), row by row.
static void on_refusal(struct postgresql *postgresql) {
        const struct postgresql_failure *failure = &postgresql->failure;
        size_t row = failure->command - COMMANDS_BEFORE_ROWS;

        if (postgresql->n_asked == 1 || row == 0) {
                answer(postgresql, SINK_REFUSED, failure->words);
                return;
        }
        postgresql->most = row < postgresql->n_asked ? row : 1;
        go_on(postgresql);
}

static void on_failure(struct postgresql *postgresql) {
        const struct postgresql_failure *failure = &postgresql->failure;
        bool is_new = !postgresql->has_written;

        if (postgresql->step == STEP_ROLLBACK && is_refusal(failure->state) &&
            failure->command >= COMMANDS_BEFORE_ROWS) {
                on_refusal(postgresql);
                return;
        }
        // A table that was there when this link looked may have gone or changed since: look
        // again.
        link_drop(postgresql);
        answer(postgresql, is_misfit(failure->state) && is_new ? SINK_BROKEN : SINK_RETRY,
               failure->words);
}

static void on_looked(struct postgresql *postgresql) {
        if (postgresql->is_table_absent && !postgresql->has_created) {
                table_create(postgresql);
        } else if (postgresql->table_trouble) {
                link_drop(postgresql);
                answer(postgresql, SINK_BROKEN, postgresql->table_trouble);
        } else {
                postgresql->has_table = true;
                go_on(postgresql);
        }
}

static void on_committed(struct postgresql *postgresql) {
        postgresql->has_written = true;
        postgresql->n_done += postgresql->n_asked;
        go_on(postgresql);
}

// All of the step's results are there.
static void on_sync(void *context) {
        struct postgresql *postgresql = context;
        bool has_failed = postgresql->failure.words;

        switch (postgresql->step) {
        case STEP_LOOK:
                if (has_failed)
                        on_failure(postgresql);
                else
                        on_looked(postgresql);
                return;
        case STEP_CREATE:
                // Another server may have been quicker: what counts is what is there.
                if (has_failed && strcmp(postgresql->failure.state, "42P07") != 0 &&
                    strncmp(postgresql->failure.state, "23", 2) != 0)
                        on_failure(postgresql);
                else if (has_failed)
                        rollback(postgresql);
                else
                        table_look(postgresql);
                return;
        case STEP_ROWS:
                if (has_failed)
                        rollback(postgresql);
                else
                        on_committed(postgresql);
                return;
        case STEP_ROLLBACK:
                if (postgresql->has_table)
                        on_failure(postgresql);
                else
                        table_look(postgresql);
                return;
        case STEP_NONE:
                return;
        }
}

// --- what the server says --------------------------------------------------------------

static void on_columns(struct postgresql *postgresql, const PGresult *result) {
        postgresql->is_table_absent = PQntuples(result) == 0;
        free(postgresql->table_trouble);
        postgresql->table_trouble = postgresql_table_compare(&postgresql->table, result);
}

// Its details are left out: they repeat the row.
static void on_error(struct postgresql *postgresql, const PGresult *result) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        struct postgresql_failure *failure = &postgresql->failure;

        if (failure->words)
                return;
        snprintf(failure->state, sizeof(failure->state), "%s", state ? state : "");
        failure->words =
                xasprintf("PostgreSQL: %s%s%s", words ? words : "the connection is lost",
                          state ? ", SQLSTATE " : "", state ? state : "");
        failure->command = postgresql->n_results;
}

// Not an answer to what was asked.
static void on_odd(struct postgresql *postgresql) {
        struct postgresql_failure *failure = &postgresql->failure;

        if (failure->words)
                return;
        failure->words = xstrdup("PostgreSQL: the server answers what it was not asked");
        failure->command = postgresql->n_results;
}

static void on_result(void *context, const PGresult *result) {
        struct postgresql *postgresql = context;
        bool is_looking = postgresql->step == STEP_LOOK;

        loop_timer_set(postgresql->patience, ANSWER_TIMEOUT);
        switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
                if (is_looking && PQnfields(result) == POSTGRESQL_TABLE_LOOK_FIELDS)
                        on_columns(postgresql, result);
                else
                        on_odd(postgresql);
                break;
        case PGRES_COMMAND_OK:
                if (is_looking)
                        on_odd(postgresql);
                break;
        case PGRES_PIPELINE_ABORTED:
                break;
        default:
                on_error(postgresql, result);
        }
        postgresql->n_results++;
}

static void on_open(void *context) {
        struct postgresql *postgresql = context;

        postgresql->is_open = true;
        loop_timer_cancel(postgresql->patience);
        sink_tell(postgresql->sink, NULL);
        if (postgresql->rows)
                go_on(postgresql);
}

static void on_lost(void *context, const char *trouble) {
        struct postgresql *postgresql = context;
        CLEANUP(mem_freep) char *words = xasprintf("PostgreSQL: %s", trouble);

        // An idle connection that is closed is no trouble: the next send opens another.
        link_drop(postgresql);
        answer(postgresql, SINK_RETRY, words);
}

static void on_patience_lost(void *context) {
        struct postgresql *postgresql = context;
        const char *words = postgresql->is_open ? "PostgreSQL: the server does not answer"
                                                : "PostgreSQL: no connection within 10 s";

        link_drop(postgresql);
        answer(postgresql, SINK_RETRY, words);
}

static void link_open(struct postgresql *postgresql) {
        const struct postgresql_link_listener listener = {
                .on_open = on_open,
                .on_result = on_result,
                .on_sync = on_sync,
                .on_lost = on_lost,
                .context = postgresql,
        };

        loop_timer_set(postgresql->patience, CONNECT_TIMEOUT);
        postgresql->link =
                postgresql_link_open(postgresql->loop, postgresql->address, &listener);
}

// --- the type --------------------------------------------------------------------------

static void *postgresql_close(void *state) {
        struct postgresql *postgresql = state;

        postgresql->rows = NULL;
        link_drop(postgresql);
        loop_timer_free(postgresql->patience);
        postgresql_address_free(postgresql->address);
        postgresql_table_deinit(&postgresql->table);
        failure_clear(&postgresql->failure);
        free(postgresql->table_trouble);
        return mem_free(postgresql);
}

static int parts_make(struct postgresql *postgresql, const struct sink_config *config,
                      struct error *error) {
        int r = postgresql_address_new(&postgresql->address, config->url, config->authority,
                                       error);

        return r < 0 ? r : postgresql_table_init(&postgresql->table, config->table, error);
}

static int postgresql_open(void **ret, struct sink *sink, struct loop *loop,
                           const struct sink_config *config, struct error *error) {
        struct postgresql *postgresql = xnew(struct postgresql);
        int r;

        postgresql->sink = sink;
        postgresql->loop = loop;
        postgresql->patience = loop_timer_new(loop, on_patience_lost, postgresql);
        r = parts_make(postgresql, config, error);
        if (r < 0) {
                postgresql_close(postgresql);
                return r;
        }
        *ret = postgresql;
        return 0;
}

static int postgresql_check(const struct sink_config *config, struct error *error) {
        struct postgresql parts = {0};
        int r;

        if (!config->url)
                return error_set(error, -EINVAL,
                                 "url: say where the database is "
                                 "(postgresql://user@host/database)");
        r = parts_make(&parts, config, error);
        postgresql_address_free(parts.address);
        postgresql_table_deinit(&parts.table);
        return r;
}

static void postgresql_send(void *state, const struct row *rows, size_t n) {
        struct postgresql *postgresql = state;

        postgresql->rows = rows;
        postgresql->n_rows = n;
        postgresql->n_done = 0;
        postgresql->most = n;
        // A link that is still being opened goes on by itself.
        if (!postgresql->link || postgresql->is_open)
                go_on(postgresql);
}

const struct sink_ops sink_postgresql = {
        .type = "postgresql",
        .batch_max = BATCH_MAX,
        .check = postgresql_check,
        .open = postgresql_open,
        .send = postgresql_send,
        .close = postgresql_close,
};
