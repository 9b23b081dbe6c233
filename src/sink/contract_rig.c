#include "sink/contract_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/journal_rig.h"
#include "util/mem.h"

#define ROWS_MAX     1000
#define WAIT_SECONDS 60  // of real time
#define WAIT_STEP    (1 * NSEC_PER_MSEC)
#define WAIT_SPEED   10
#define WALL_START   (1700000000 * NSEC_PER_SEC)

struct contract {
        struct contract_peer peer;
        struct loop *loop;
        struct journal *journal;
        struct sinks *sinks;
        char *folder;
        char ids[ROWS_MAX][ROW_ID_TEXT_MAX];  // of the rows that were appended
        size_t n;
        uint64_t n_done;  // by sinks that were closed
        struct row_ids maker;
        bool has_poison;
        char poison[ROW_ID_TEXT_MAX];
};

// --- life -----------------------------------------------------------------------------------

struct contract *contract_new(const struct contract_peer *peer) {
        struct contract *contract = xnew(struct contract);
        struct journal_config config = {0};
        struct error error = {0};

        contract->peer = *peer;
        contract->peer.config.name = (char *)"contract";
        contract->loop = loop_new_fake(WALL_START);
        config.folder = contract->folder = journal_rig_folder();
        if (journal_open(&contract->journal, contract->loop, &config, &error) < 0)
                fail_msg("%s", error.text);
        return contract;
}

struct contract *contract_free(struct contract *contract) {
        sinks_close(contract->sinks);
        journal_close(contract->journal);
        loop_free(contract->loop);
        journal_rig_remove(contract->folder);
        free(contract->folder);
        return mem_free(contract);
}

struct loop *contract_loop(const struct contract *contract) {
        return contract->loop;
}

struct sink_config *contract_config(struct contract *contract) {
        return &contract->peer.config;
}

void contract_open_any(struct contract *contract) {
        contract->sinks =
                sinks_open_types(contract->peer.types ? contract->peer.types : sink_types,
                                 contract->loop, contract->journal, &contract->peer.config, 1);
}

void contract_open(struct contract *contract) {
        contract_open_any(contract);
        if (contract_state(contract).health == SINK_STOPPED)
                fail_msg("%s", contract_state(contract).trouble);
}

void contract_close(struct contract *contract) {
        struct sink_state told = contract_state(contract);

        contract->n_done += told.n_delivered + told.n_set_aside;
        contract->sinks = sinks_close(contract->sinks);
}

void contract_reopen(struct contract *contract) {
        sinks_reopen(contract->sinks);
}

// --- rows -----------------------------------------------------------------------------------

static void contract_append_row(struct contract *contract, struct row *row) {
        assert_true(contract->n < ROWS_MAX);
        row_id_make(&contract->maker, loop_wall(contract->loop) / NSEC_PER_MSEC, row->id);
        row_id_format(row->id, contract->ids[contract->n++]);
        row->start = loop_wall(contract->loop) / NSEC_PER_MSEC - 1500;
        row->end = row->start + 1500;
        journal_append(contract->journal, row, NULL, NULL);
}

static struct row *row_make_segment(const char *stream, const char *text) {
        return journal_rig_segment(stream ? stream : "garage", text, 0, 0);
}

static struct row *row_make_alert(void) {
        struct row *row = row_make_segment(NULL, "somebody cried: help, help!");

        row->kind = ROW_ALERT;
        row->alert = xstrdup("help");
        row->found = xstrdup("help");
        return row;
}

static struct row *row_make_status(void) {
        struct row *row = xnew(struct row);

        row->kind = ROW_STATUS;
        row->confidence = ROW_CONFIDENCE_NO;
        row->stream = xstrdup("garage");
        row->state = xstrdup("offline");
        row->reason = xstrdup("connection refused");
        return row;
}

void contract_append(struct contract *contract, size_t n) {
        static const char *const texts[] = {
                "all is well",
                "\xe2\x80\x9cquotes\xe2\x80\x9d, \"more\" \\ 'and' {braces}, $1 %s",
                "\xe6\xbc\xa2\xe5\xad\x97\xe3\x81\x8b\xe3\x81\xaa \xf0\x9f\x8e\xa7",
                "two\nlines\tand a tab",
        };

        for (size_t i = 0; i < n; i++) {
                size_t which = contract->n % 6;

                if (which == 4)
                        contract_append_row(contract, row_make_alert());
                else if (which == 5)
                        contract_append_row(contract, row_make_status());
                else
                        contract_append_row(contract, row_make_segment(NULL, texts[which]));
        }
}

void contract_say(struct contract *contract, const char *stream, const char *text) {
        contract_append_row(contract, row_make_segment(stream, text));
}

void contract_tell(struct contract *contract, const struct sink_event *event) {
        sinks_on_event(contract->sinks, event);
}

// --- waiting --------------------------------------------------------------------------------

struct sink_state contract_state(const struct contract *contract) {
        struct sink_state told;

        sinks_get(contract->sinks, 0, &told);
        assert_null(strstr(told.trouble, CONTRACT_SECRET));
        return told;
}

static void contract_give_up(const struct contract *contract) {
        if (!contract->sinks)
                fail_msg("waited in vain");
        fail_msg("waited in vain; the sink is %s: %s",
                 sink_health_names[contract_state(contract).health],
                 contract_state(contract).trouble);
}

void contract_wait(struct contract *contract, bool (*is_done)(struct contract *contract)) {
        const struct timespec step = {.tv_nsec = WAIT_STEP};

        for (nsec_t waited = 0; !is_done(contract); waited += WAIT_STEP) {
                if (waited > WAIT_SECONDS * NSEC_PER_SEC)
                        contract_give_up(contract);
                nanosleep(&step, NULL);
                loop_advance(contract->loop, WAIT_SPEED * WAIT_STEP);
        }
}

static bool is_written(struct contract *contract) {
        return journal_end(contract->journal).row == (int64_t)contract->n;
}

void contract_flush(struct contract *contract) {
        contract_wait(contract, is_written);
}

static bool is_settled(struct contract *contract) {
        struct sink_state told = contract_state(contract);

        return contract->n_done + told.n_delivered + told.n_set_aside == contract->n;
}

void contract_wait_for_rows(struct contract *contract) {
        contract_wait(contract, is_settled);
}

static size_t ids_find(char (*ids)[ROW_ID_TEXT_MAX], size_t n, const char *id) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(ids[i], id) == 0)
                        return i;
        return n;
}

void contract_settle(struct contract *contract) {
        char(*ids)[ROW_ID_TEXT_MAX] = xcalloc((size_t)8 * ROWS_MAX, sizeof(*ids));
        size_t n, next = 0;

        contract_wait_for_rows(contract);
        n = contract->peer.ids(contract->peer.context, ids, (size_t)8 * ROWS_MAX);
        for (size_t i = 0; i < n; i++) {
                size_t place = ids_find(contract->ids, contract->n, ids[i]);

                if (place == contract->n)
                        fail_msg("the peer has %s, which nobody appended", ids[i]);
                if (next < contract->n && contract->has_poison &&
                    strcmp(contract->ids[next], contract->poison) == 0)
                        next++;
                if (place > next)
                        fail_msg("the row %zu came before the row %zu", place, next);
                next += place == next;
        }
        if (next != contract->n)
                fail_msg("the peer has only %zu of %zu rows", next, contract->n);
        assert_int_equal(contract_state(contract).health, SINK_WELL);
        assert_int_equal(contract_state(contract).n_lost, 0);
        free(ids);
}

static bool has_trouble(struct contract *contract) {
        return contract_state(contract).health == SINK_WAITING;
}

void contract_wait_for_trouble(struct contract *contract) {
        contract_wait(contract, has_trouble);
        assert_string_not_equal(contract_state(contract).trouble, "");
}

static bool has_stopped(struct contract *contract) {
        return contract_state(contract).health == SINK_STOPPED;
}

void contract_wait_for_end(struct contract *contract) {
        contract_wait(contract, has_stopped);
}

// --- the suite ------------------------------------------------------------------------------

// The test's contract, whose peer can have that fault; else it is skipped.
static struct contract *contract_need(void **state, enum contract_fault fault) {
        struct contract *contract = *state;

        if (!(contract->peer.faults & 1U << fault))
                skip();
        return contract;
}

static void contract_set_fault(struct contract *contract, enum contract_fault fault,
                               bool is_on) {
        contract->peer.set_fault(contract->peer.context, fault, is_on);
}

void contract_rows_come_in_order(void **state) {
        struct contract *contract = *state;

        contract_open(contract);
        contract_append(contract, 1);
        contract_settle(contract);
        contract_append(contract, 250);
        contract_settle(contract);
        assert_int_equal(contract_state(contract).n_set_aside, 0);
}

void contract_a_sink_goes_on_where_it_was(void **state) {
        struct contract *contract = *state;

        contract_open(contract);
        contract_append(contract, 3);
        contract_settle(contract);
        contract_close(contract);
        contract_append(contract, 3);
        contract_open(contract);
        contract_settle(contract);
}

void contract_a_peer_may_be_down_at_first(void **state) {
        struct contract *contract = contract_need(state, CONTRACT_DOWN);

        contract_set_fault(contract, CONTRACT_DOWN, true);
        contract_open(contract);
        contract_append(contract, 10);
        contract_wait_for_trouble(contract);
        contract_append(contract, 10);
        contract_set_fault(contract, CONTRACT_DOWN, false);
        contract_settle(contract);
}

void contract_a_peer_may_go_down(void **state) {
        struct contract *contract = contract_need(state, CONTRACT_DOWN);

        contract_open(contract);
        contract_append(contract, 10);
        contract_settle(contract);
        contract_set_fault(contract, CONTRACT_DOWN, true);
        contract_append(contract, 10);
        contract_wait_for_trouble(contract);
        contract_set_fault(contract, CONTRACT_DOWN, false);
        contract_settle(contract);
        assert_int_equal(contract_state(contract).n_set_aside, 0);
}

static void contract_survive(void **state, enum contract_fault fault) {
        struct contract *contract = contract_need(state, fault);

        contract_open(contract);
        contract_append(contract, 1);
        contract_settle(contract);
        contract_set_fault(contract, fault, true);
        contract_append(contract, 10);
        contract_wait_for_trouble(contract);
        contract_set_fault(contract, fault, false);
        contract_settle(contract);
        assert_int_equal(contract_state(contract).n_set_aside, 0);
}

void contract_a_peer_may_be_silent(void **state) {
        contract_survive(state, CONTRACT_SILENT);
}

void contract_a_peer_may_close_in_the_middle(void **state) {
        contract_survive(state, CONTRACT_CLOSING);
}

void contract_a_row_may_be_refused(void **state) {
        struct contract *contract = contract_need(state, CONTRACT_REFUSING);

        contract->peer.config.tries_max = 2;
        contract_open(contract);
        contract_set_fault(contract, CONTRACT_REFUSING, true);
        contract_append(contract, 5);
        contract_say(contract, NULL, CONTRACT_POISON);
        contract->has_poison = true;
        memcpy(contract->poison, contract->ids[contract->n - 1], sizeof(contract->poison));
        contract_append(contract, 5);
        contract_settle(contract);
        assert_int_equal(contract_state(contract).n_set_aside, 1);
        assert_int_equal(contract_state(contract).n_delivered, 10);
        contract_set_fault(contract, CONTRACT_REFUSING, false);
}

// Where the peer cannot be silent it may be quicker than we are.
void contract_a_sink_is_closed_while_a_send_is_out(void **state) {
        struct contract *contract = *state;
        bool can_be_silent = contract->peer.faults & 1U << CONTRACT_SILENT;

        contract_open(contract);
        contract_append(contract, 1);
        contract_settle(contract);
        if (can_be_silent)
                contract_set_fault(contract, CONTRACT_SILENT, true);
        contract_append(contract, 10);
        for (int i = 0; i < 3; i++)
                loop_advance(contract->loop, NSEC_PER_MSEC);
        contract_close(contract);
        if (can_be_silent)
                contract_set_fault(contract, CONTRACT_SILENT, false);
        contract_open(contract);
        contract_settle(contract);
}
