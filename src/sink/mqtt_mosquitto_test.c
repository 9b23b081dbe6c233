// The sink "mqtt" with a real broker, and what a stock client receives from it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/contract_rig.h"
#include "sink/journal_fixture.h"
#include "sink/mosquitto_rig.h"
#include "sink/mqtt_link.h"

static struct mosquitto_rig *rig;
static char url[128];

static void peer_set_fault(void *context, enum contract_fault fault, bool is_on) {
        (void)context;
        if (fault == CONTRACT_SILENT)
                mosquitto_rig_freeze(rig, is_on);
        else if (is_on)
                mosquitto_rig_stop(rig);
        else
                mosquitto_rig_start(rig);
}

static size_t peer_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n) {
        (void)context;
        return mosquitto_rig_ids(rig, ret, n);
}

static int setup_with(void **state, const struct mosquitto_rig_config *config) {
        rig = mosquitto_rig_new(config);
        snprintf(url, sizeof(url), "%s://me:" CONTRACT_SECRET "@localhost:%d",
                 config->is_tls ? "mqtts" : "mqtt", mosquitto_rig_port(rig));
        *state = contract_new(&(struct contract_peer){
                .config = {.type = SINK_MQTT, .url = url},
                .faults = 1U << CONTRACT_DOWN | 1U << CONTRACT_SILENT,
                .set_fault = peer_set_fault,
                .ids = peer_ids,
        });
        return 0;
}

static int setup(void **state) {
        return setup_with(state, &(struct mosquitto_rig_config){0});
}

static int setup_credentials(void **state) {
        return setup_with(state,
                          &(struct mosquitto_rig_config){.credentials = "me:" CONTRACT_SECRET});
}

static int setup_tls(void **state) {
        return setup_with(state, &(struct mosquitto_rig_config){
                                         .credentials = "me:" CONTRACT_SECRET, .is_tls = true});
}

static int teardown(void **state) {
        contract_free(*state);
        rig = mosquitto_rig_free(rig);
        return 0;
}

// Let time pass, twenty times as fast as it does.
static void pass(struct contract *contract, int seconds) {
        const struct timespec step = {.tv_nsec = NSEC_PER_MSEC};

        for (int i = 0; i < seconds * 50; i++) {
                nanosleep(&step, NULL);
                loop_advance(contract_loop(contract), 20 * NSEC_PER_MSEC);
        }
}

static bool is_well(struct contract *contract) {
        return contract_state(contract).health == SINK_WELL &&
               contract_state(contract).lag_rows == 0;
}

// --- tests ----------------------------------------------------------------------------------

static void a_stock_client_receives_rows(void **state) {
        struct contract *contract = *state;
        const char *received;

        contract_open(contract);
        contract_append(contract, 6);
        contract_say(contract, "a/b+c#", "said elsewhere");
        contract_settle(contract);
        received = mosquitto_rig_received(rig);
        assert_non_null(strstr(received, "0 eavesdrop/garage/final {\"kind\":\"segment\""));
        assert_non_null(strstr(received, "0 eavesdrop/garage/alert {\"kind\":\"alert\""));
        assert_non_null(
                strstr(received, "0 eavesdrop/garage/event {\"event_type\":\"utterance\""));
        assert_non_null(strstr(received, "0 eavesdrop/a%2Fb%2Bc%23/final {"));
        assert_non_null(strstr(received, "\xe6\xbc\xa2\xe5\xad\x97"));
}

// Whether we close, or are cut off: the broker itself says so, and keeps it.
static void the_last_will_says_offline(void **state) {
        struct contract *contract = *state;
        CLEANUP(mem_freep) char *online = NULL;
        CLEANUP(mem_freep) char *offline = NULL;

        contract_open(contract);
        contract_append(contract, 1);
        contract_settle(contract);
        online = mosquitto_rig_retained(rig, "eavesdrop/status");
        assert_string_equal(online, "online\n");
        contract_close(contract);
        offline = mosquitto_rig_retained(rig, "eavesdrop/status");
        assert_string_equal(offline, "offline\n");
        contract_open(contract);  // for its end
}

static void streams_and_their_announcement_are_kept(void **state) {
        struct contract *contract = *state;
        const struct sink_event added = {
                .kind = SINK_STREAM_ADDED, .stream = "porch", .state = "online"};
        CLEANUP(mem_freep) char *online = NULL;
        CLEANUP(mem_freep) char *announcement = NULL;

        contract_config(contract)->has_home_assistant = true;
        contract_open(contract);
        contract_tell(contract, &added);
        contract_append(contract, 1);
        contract_settle(contract);
        pass(contract, 5);
        online = mosquitto_rig_retained(rig, "eavesdrop/porch/online");
        assert_string_equal(online, "ON\n");
        announcement = mosquitto_rig_retained(rig, "homeassistant/device/+/config");
        assert_non_null(strstr(announcement, "\"porch_text\""));
        assert_non_null(strstr(announcement, "\"availability_topic\":\"eavesdrop/status\""));
}

static void a_password_lets_in(void **state) {
        struct contract *contract = *state;

        contract_open(contract);
        contract_append(contract, 3);
        contract_settle(contract);
}

static void a_wrong_password_does_not(void **state) {
        struct contract *contract = *state;
        unsigned n;

        snprintf(url, sizeof(url), "mqtt://me:not-" CONTRACT_SECRET "@localhost:%d",
                 mosquitto_rig_port(rig));
        n = mosquitto_rig_visits(rig);
        contract_open(contract);
        contract_append(contract, 3);
        pass(contract, 60);
        assert_int_equal(contract_state(contract).health, SINK_WAITING);
        assert_non_null(strstr(contract_state(contract).trouble, "refuses us: not authorized"));
        assert_in_range(mosquitto_rig_visits(rig) - n, 2, 24);
}

static void tls_with_an_authority_of_our_own(void **state) {
        struct contract *contract = *state;

        contract_config(contract)->authority = (char *)(uintptr_t)mosquitto_rig_authority(rig);
        contract_open(contract);
        contract_append(contract, 100);
        contract_settle(contract);
        mosquitto_rig_stop(rig);
        contract_wait_for_trouble(contract);
        contract_append(contract, 10);
        mosquitto_rig_start(rig);
        contract_wait(contract, is_well);
        contract_settle(contract);
}

// On a busy machine a broker may be silent for a while before it shows its certificate.
static bool is_refused_for_its_certificate(struct contract *contract) {
        return strstr(contract_state(contract).trouble, "its certificate is not trusted");
}

static void tls_with_an_unknown_authority_is_refused(void **state) {
        struct contract *contract = *state;

        contract_open(contract);
        contract_append(contract, 1);
        contract_wait(contract, is_refused_for_its_certificate);
        pass(contract, 10);
        assert_int_equal(contract_state(contract).n_delivered, 0);
}

static void tls_for_another_host_is_refused(void **state) {
        struct contract *contract = *state;

        snprintf(url, sizeof(url), "mqtts://me:" CONTRACT_SECRET "@127.0.0.1:%d",
                 mosquitto_rig_port(rig));
        contract_config(contract)->authority = (char *)(uintptr_t)mosquitto_rig_authority(rig);
        contract_open(contract);
        contract_append(contract, 1);
        contract_wait(contract, is_refused_for_its_certificate);
        pass(contract, 10);
        assert_int_equal(contract_state(contract).n_delivered, 0);
}

static void an_authority_that_is_not_there_is_told_at_once(void **state) {
        struct contract *contract = *state;
        struct mqtt_address address = {.host = (char *)"localhost", .port = 1, .is_tls = true};
        const struct mqtt_link_config config = {
                .address = &address,
                .client_id = "test",
                .authority = "/nonexistent/ca.pem",
                .status_topic = "status",
        };
        const struct mqtt_link_listener listener = {0};
        struct mqtt_link *link;
        struct error error = {0};

        assert_true(mqtt_link_open(&link, contract_loop(contract), &config, &listener, &error) <
                    0);
        assert_string_equal(error.text,
                            "authority: /nonexistent/ca.pem: No such file or directory");
        contract_open(contract);  // for its end
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CONTRACT_TESTS(setup, teardown),
                CONTRACT_TEST(a_stock_client_receives_rows, setup, teardown),
                CONTRACT_TEST(the_last_will_says_offline, setup, teardown),
                CONTRACT_TEST(streams_and_their_announcement_are_kept, setup, teardown),
                CONTRACT_TEST(a_password_lets_in, setup_credentials, teardown),
                CONTRACT_TEST(a_wrong_password_does_not, setup_credentials, teardown),
                CONTRACT_TEST(tls_with_an_authority_of_our_own, setup_tls, teardown),
                CONTRACT_TEST(tls_with_an_unknown_authority_is_refused, setup_tls, teardown),
                CONTRACT_TEST(tls_for_another_host_is_refused, setup_tls, teardown),
                CONTRACT_TEST(an_authority_that_is_not_there_is_told_at_once, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
