#pragma once
// Sink contract: what every type of sink is held to, whatever its peer is. Only in tests.
//
// A type's test says how its peer is reached and made to misbehave, and puts CONTRACT_TESTS()
// into its list:
//
//         static int setup(void **state) {
//                 *state = contract_new(&(struct contract_peer){...});
//                 return 0;
//         }
//         static int teardown(void **state) {
//                 contract_free(*state);
//                 ... whatever the peer is
//         }
//         const struct CMUnitTest tests[] = {CONTRACT_TESTS(setup, teardown), ...};
//
// The loop's clock is a fake one that runs ten times as fast as time does while a test waits,
// so that back-offs and time-outs are short; what a library counts by itself takes its time.
//
// Threads: the test's.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal/journal.h"
#include "sink/sink_ops.h"

#define CONTRACT_SECRET "s3cr3t-w0rd"  // a password for the peer's URL: never told
#define CONTRACT_POISON "poison"       // text of the row that a peer can refuse

enum contract_fault {
        CONTRACT_DOWN,      // nobody is there
        CONTRACT_SILENT,    // rows arrive and are not acknowledged
        CONTRACT_CLOSING,   // the connection is closed in the middle of each send
        CONTRACT_REFUSING,  // the row of CONTRACT_POISON is refused
        CONTRACT_FAULTS,
};

struct contract_peer {
        struct sink_config config;            // without a name; lent, as is all in it
        const struct sink_ops *const *types;  // NULL: sink_types
        unsigned faults;                      // bits 1 << CONTRACT_...: that it can have
        void *context;
        void (*set_fault)(void *context, enum contract_fault fault, bool is_on);
        // The ids (as text) of the rows that it has kept, in the order in which they came; one
        // that came twice is there twice, or once where the peer itself sees to that. At most
        // `n`; returns how many.
        size_t (*ids)(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n);
};

struct contract;

// A loop, a journal in a folder of its own, and no sink yet. Fails the test where that fails.
struct contract *contract_new(const struct contract_peer *peer);
struct contract *contract_free(struct contract *contract);

// --- for a type's own tests -----------------------------------------------------------------

struct loop *contract_loop(const struct contract *contract);

// The configuration of the sink, which may be changed until it is opened.
struct sink_config *contract_config(struct contract *contract);

// Open it, which fails the test where the sink cannot start; or may find it stopped.
void contract_open(struct contract *contract);
void contract_open_any(struct contract *contract);
void contract_close(struct contract *contract);
void contract_reopen(struct contract *contract);

// Append `n` rows: segments with words and texts of all kinds, and alerts and changes of state
// among them. Or one segment with that text, of that stream (NULL: "garage").
void contract_append(struct contract *contract, size_t n);
void contract_say(struct contract *contract, const char *stream, const char *text);

// Tell the sink of a stream as it is now.
void contract_tell(struct contract *contract, const struct sink_event *event);

// Wait until the journal has written them.
void contract_flush(struct contract *contract);

// How the sink is; what it says of trouble is looked through for the secret.
struct sink_state contract_state(const struct contract *contract);

// Let time pass until `is_done`; the test fails if it is not within a minute of real time.
void contract_wait(struct contract *contract, bool (*is_done)(struct contract *contract));

// Wait until all rows that were appended are delivered or set aside, and compare with what the
// peer has: all rows but the poisonous one, in order; what came again is one of them.
void contract_settle(struct contract *contract);

// Wait for the same, and compare nothing.
void contract_wait_for_rows(struct contract *contract);

// Wait until the sink has trouble.
void contract_wait_for_trouble(struct contract *contract);

// Wait until it has stopped for good.
void contract_wait_for_end(struct contract *contract);

// --- the suite ------------------------------------------------------------------------------

// A fault that the peer cannot have is skipped.
void contract_rows_come_in_order(void **state);
void contract_a_sink_goes_on_where_it_was(void **state);
void contract_a_peer_may_be_down_at_first(void **state);
void contract_a_peer_may_go_down(void **state);
void contract_a_peer_may_be_silent(void **state);
void contract_a_peer_may_close_in_the_middle(void **state);
void contract_a_row_may_be_refused(void **state);
void contract_a_sink_is_closed_while_a_send_is_out(void **state);

#define CONTRACT_TEST(function, setup, teardown) \
        cmocka_unit_test_setup_teardown(function, setup, teardown)
#define CONTRACT_TESTS(setup, teardown)                                                  \
        CONTRACT_TEST(contract_rows_come_in_order, setup, teardown),                     \
                CONTRACT_TEST(contract_a_sink_goes_on_where_it_was, setup, teardown),    \
                CONTRACT_TEST(contract_a_peer_may_be_down_at_first, setup, teardown),    \
                CONTRACT_TEST(contract_a_peer_may_go_down, setup, teardown),             \
                CONTRACT_TEST(contract_a_peer_may_be_silent, setup, teardown),           \
                CONTRACT_TEST(contract_a_peer_may_close_in_the_middle, setup, teardown), \
                CONTRACT_TEST(contract_a_row_may_be_refused, setup, teardown),           \
                CONTRACT_TEST(contract_a_sink_is_closed_while_a_send_is_out, setup, teardown)
