// What every sink is held to, with a real nats-server.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sink/broker_rig.h"
#include "sink/contract_rig.h"
#include "sink/nats_client_rig.h"
#include "util/mem.h"

static struct rig_broker broker;  // one for all tests

// nats-server refuses a row for nothing but its size (nats_test.c).
static void set_fault(void *context, enum contract_fault fault, bool is_on) {
        (void)context;
        if (fault == CONTRACT_SILENT)
                assert_int_equal(kill(broker.pid, is_on ? SIGSTOP : SIGCONT), 0);
        else if (is_on)
                rig_broker_stop(&broker, SIGKILL);
        else
                rig_nats_start(&broker, NULL);
}

static size_t ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n) {
        struct rig_nats_message *messages = xcalloc(n, sizeof(*messages));
        size_t n_read = rig_nats_read(&broker, "eavesdrop", messages, n);

        (void)context;
        for (size_t i = 0; i < n_read; i++)
                snprintf(ret[i], ROW_ID_TEXT_MAX, "%s", messages[i].id);
        rig_nats_messages_free(messages, n_read);
        free(messages);
        return n_read;
}

static int setup(void **state) {
        static char *url;
        struct contract_peer peer = {
                .config = {.type = SINK_NATS, .can_create = true},
                .faults = 1U << CONTRACT_DOWN | 1U << CONTRACT_SILENT,
                .set_fault = set_fault,
                .ids = ids,
        };

        free(url);
        url = xasprintf("nats://eavesdrop:%s@127.0.0.1:%d", RIG_BROKER_ENCODED, broker.port);
        peer.config.url = url;
        free(rig_nats_ask(&broker, "STREAM.DELETE.eavesdrop", ""));
        *state = contract_new(&peer);
        return 0;
}

static int teardown(void **state) {
        contract_free(*state);
        return 0;
}

static int broker_begin(void **state) {
        (void)state;
        rig_nats_start(&broker, NULL);
        return 0;
}

static int broker_end(void **state) {
        (void)state;
        rig_broker_remove(&broker);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {CONTRACT_TESTS(setup, teardown)};

        if (!rig_nats_make(&broker)) {
                print_message("[  SKIPPED ] 8 test(s): there is no nats-server\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, broker_begin, broker_end);
}
