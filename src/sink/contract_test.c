// The contract itself, as a scripted sink keeps it.
#include "sink/contract_rig.h"

#include <string.h>

#include "sink/sink_scripted_rig.h"

static struct {
        struct sink_script script;
        uint8_t ids[2000][ROW_ID_BYTES];
} peer;

static void peer_set_fault(void *context, enum contract_fault fault, bool is_on) {
        (void)context;
        if (fault == CONTRACT_REFUSING) {
                peer.script.poison = is_on ? CONTRACT_POISON : NULL;
        } else if (fault == CONTRACT_SILENT) {
                // It has no time-out of its own: the test's silence ends with its fault.
                peer.script.is_held = is_on;
        } else {
                peer.script.outcome = is_on ? SINK_RETRY : SINK_TAKEN;
                peer.script.trouble =
                        is_on ? "http://me:" CONTRACT_SECRET "@host is down" : NULL;
                peer.script.n_taken = is_on && fault == CONTRACT_CLOSING;
        }
}

static size_t peer_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n) {
        size_t i;

        (void)context;
        for (i = 0; i < peer.script.n_ids && i < n; i++)
                row_id_format(peer.ids[i], ret[i]);
        return i;
}

static int setup(void **state) {
        const struct contract_peer how = {
                .types = sink_scripted_types,
                .faults =
                        1U << CONTRACT_DOWN | 1U << CONTRACT_CLOSING | 1U << CONTRACT_REFUSING,
                .set_fault = peer_set_fault,
                .ids = peer_ids,
        };

        memset(&peer, 0, sizeof(peer));
        peer.script.name = "contract";
        peer.script.ids = peer.ids;
        sink_script_add(&peer.script);
        *state = contract_new(&how);
        return 0;
}

static int teardown(void **state) {
        contract_free(*state);
        sink_script_remove(&peer.script);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {CONTRACT_TESTS(setup, teardown)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
