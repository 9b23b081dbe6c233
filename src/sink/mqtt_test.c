// The sink "mqtt" with a broker that does all that brokers do.
#include "sink/contract_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mqtt_protocol.h>

#include "sink/journal_fixture.h"
#include "sink/mqtt_broker_rig.h"

static struct mqtt_broker *broker;
static char url[128];

static void peer_set_fault(void *context, enum contract_fault fault, bool is_on) {
        struct mqtt_manners *manners = mqtt_broker_manners(broker);

        (void)context;
        if (fault == CONTRACT_DOWN) {
                mqtt_broker_set_down(broker, is_on);
        } else if (fault == CONTRACT_SILENT) {
                manners->is_silent = is_on;
        } else if (fault == CONTRACT_CLOSING) {
                manners->is_closing = is_on;
        } else {
                manners->poison = is_on ? CONTRACT_POISON : NULL;
                manners->reason = MQTT_RC_NOT_AUTHORIZED;
        }
}

static size_t peer_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n) {
        (void)context;
        return mqtt_broker_ids(broker, ret, n);
}

static int setup(void **state) {
        struct contract *contract = contract_new(&(struct contract_peer){
                .config = {.type = SINK_MQTT, .url = url},
                .faults = (1U << CONTRACT_FAULTS) - 1,
                .set_fault = peer_set_fault,
                .ids = peer_ids,
        });

        broker = mqtt_broker_new(contract_loop(contract));
        snprintf(url, sizeof(url), "mqtt://me:" CONTRACT_SECRET "@127.0.0.1:%d",
                 mqtt_broker_port(broker));
        *state = contract;
        return 0;
}

static int teardown(void **state) {
        broker = mqtt_broker_free(broker);
        contract_free(*state);
        return 0;
}

// --- rows -----------------------------------------------------------------------------------

static const struct mqtt_broker_message *message_of(const char *topic) {
        const struct mqtt_broker_message *message = mqtt_broker_last(broker, topic);

        if (!message)
                fail_msg("nothing came under %s", topic);
        return message;
}

static void rows_come_under_their_streams_topics(void **state) {
        struct contract *contract = *state;
        const struct mqtt_broker_message *message;

        contract_open(contract);
        contract_append(contract, 6);
        contract_say(contract, "a/b+c#", "said elsewhere");
        contract_say(contract, "", "said nowhere");
        contract_settle(contract);
        message = message_of("eavesdrop/garage/final");
        assert_memory_equal(message->payload, "{\"kind\":\"segment\",", 18);
        message = message_of("eavesdrop/garage/alert");
        assert_memory_equal(message->payload, "{\"kind\":\"alert\",", 16);
        message = message_of("eavesdrop/garage/status");
        assert_memory_equal(message->payload, "{\"kind\":\"status\",", 17);
        message = message_of("eavesdrop/garage/event");
        assert_memory_equal(message->payload, "{\"event_type\":\"keyword\",\"kind\":\"alert\",",
                            39);
        message = message_of("eavesdrop/a%2Fb%2Bc%23/event");
        assert_memory_equal(message->payload,
                            "{\"event_type\":\"utterance\",\"kind\":\"segment\",", 43);
        assert_non_null(strstr(message->payload, "\"stream\":\"a/b+c#\""));
        assert_non_null(strstr(message->payload, "\"text\":\"said elsewhere\""));
        message_of("eavesdrop/%00/final");
        for (size_t i = 0; i < mqtt_broker_count(broker); i++) {
                message = mqtt_broker_message(broker, i);
                assert_int_equal(message->qos, 1);
                if (strcmp(message->topic, "eavesdrop/status") != 0)
                        assert_false(message->is_retained);
        }
        message = message_of("eavesdrop/status");
        assert_string_equal(message->payload, "online");
        assert_true(message->is_retained);
        assert_string_equal(mqtt_broker_visitor(broker),
                            "me:" CONTRACT_SECRET " eavesdrop/status offline 1");
}

// --- brokers that misbehave -----------------------------------------------------------------

static size_t wanted;
static bool has_messages(struct contract *contract) {
        (void)contract;
        return mqtt_broker_count(broker) >= wanted;
}

static bool is_well(struct contract *contract) {
        return contract_state(contract).health == SINK_WELL;
}

static bool is_stopped(struct contract *contract) {
        return contract_state(contract).health == SINK_STOPPED;
}

static uint64_t wanted_delivered, wanted_set_aside;
static bool is_done(struct contract *contract) {
        return contract_state(contract).n_delivered == wanted_delivered &&
               contract_state(contract).n_set_aside == wanted_set_aside;
}

static void wait_done(struct contract *contract, uint64_t n_delivered, uint64_t n_set_aside) {
        wanted_delivered = n_delivered;
        wanted_set_aside = n_set_aside;
        contract_wait(contract, is_done);
}

// Let time pass, twenty times as fast as it does.
static void pass(struct contract *contract, int seconds) {
        const struct timespec step = {.tv_nsec = NSEC_PER_MSEC};

        for (int i = 0; i < seconds * 50; i++) {
                nanosleep(&step, NULL);
                loop_advance(contract_loop(contract), 20 * NSEC_PER_MSEC);
        }
}

// Each connection takes one message: rows with two still come to an end.
static void one_message_for_each_connection_is_progress(void **state) {
        struct contract *contract = *state;

        mqtt_broker_manners(broker)->is_acking_once = true;
        contract_open(contract);
        contract_append(contract, 4);
        wait_done(contract, 4, 0);
        assert_true(mqtt_broker_connections(broker) >= 8);
        mqtt_broker_manners(broker)->is_acking_once = false;
        contract_wait(contract, is_well);
        contract_settle(contract);
}

static void a_wrong_password_is_told_and_tried_seldom(void **state) {
        struct contract *contract = *state;

        mqtt_broker_manners(broker)->welcome = MQTT_RC_BAD_USERNAME_OR_PASSWORD;
        contract_open(contract);
        contract_append(contract, 3);
        pass(contract, 100);
        assert_int_equal(contract_state(contract).health, SINK_WAITING);
        assert_non_null(strstr(contract_state(contract).trouble, "wrong user or password"));
        // Two back-offs, each of 1, 2, 4, ... 60 seconds, less a random half.
        assert_in_range(mqtt_broker_connections(broker), 4, 24);
        mqtt_broker_manners(broker)->welcome = 0;
        contract_settle(contract);
}

static void a_silent_broker_is_tried_again_seldom(void **state) {
        struct contract *contract = *state;

        mqtt_broker_manners(broker)->is_silent = true;
        contract_open(contract);
        contract_append(contract, 3);
        pass(contract, 100);
        assert_int_equal(contract_state(contract).health, SINK_WAITING);
        assert_string_equal(contract_state(contract).trouble,
                            "the broker acknowledges nothing");
        assert_in_range(mqtt_broker_connections(broker), 3, 20);
}

// Others' messages are acknowledged, and rows are not: a sign of life is not enough.
static void a_broker_that_ignores_rows_is_given_up(void **state) {
        struct contract *contract = *state;
        struct sink_event event = {.kind = SINK_SPEECH, .stream = "garage"};

        mqtt_broker_manners(broker)->ignored = "\"kind\"";
        contract_open(contract);
        contract_append(contract, 3);
        for (int i = 0; i < 100 && contract_state(contract).health == SINK_WELL; i++) {
                event.is_speaking = !event.is_speaking;
                contract_tell(contract, &event);
                pass(contract, 1);
        }
        assert_string_equal(contract_state(contract).trouble, "the broker acknowledges no row");
        mqtt_broker_manners(broker)->ignored = NULL;
        contract_settle(contract);
}

// What it does not send us need not be read.
static void a_broker_is_told_how_much_we_take(void **state) {
        struct contract *contract = *state;

        contract_open(contract);
        wanted = 1;
        contract_wait(contract, has_messages);
        assert_int_equal(mqtt_broker_packet_max(broker), 131072);
}

static void a_broker_that_cannot_is_told_and_left(void **state) {
        struct contract *contract = *state;

        mqtt_broker_manners(broker)->welcome = MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION;
        contract_open(contract);
        contract_append(contract, 3);
        contract_wait(contract, is_stopped);
        assert_non_null(strstr(contract_state(contract).trouble, "does not speak MQTT 5"));
        pass(contract, 30);
        assert_int_equal(mqtt_broker_connections(broker), 1);
}

// One of eleven is to blame, and nobody says which: it is found, and only it is set aside.
static void the_message_to_blame_is_found(void **state) {
        struct contract *contract = *state;
        struct mqtt_manners *manners = mqtt_broker_manners(broker);

        *manners = (struct mqtt_manners){.poison = CONTRACT_POISON,
                                         .reason = MQTT_RC_PACKET_TOO_LARGE,
                                         .is_blaming = true};
        contract_config(contract)->tries_max = 2;
        contract_open(contract);
        contract_append(contract, 5);
        contract_say(contract, NULL, CONTRACT_POISON);
        contract_append(contract, 5);
        wait_done(contract, 10, 1);
        assert_int_equal(contract_state(contract).health, SINK_WELL);
}

static void a_row_larger_than_the_broker_takes_is_set_aside(void **state) {
        struct contract *contract = *state;
        CLEANUP(mem_freep) char *much = xcalloc(3000, 1);

        memset(much, 'x', 2999);
        mqtt_broker_manners(broker)->packet_max = 2000;
        contract_config(contract)->tries_max = 2;
        contract_open(contract);
        contract_say(contract, NULL, "before");
        contract_say(contract, NULL, much);
        contract_say(contract, NULL, "behind");
        wait_done(contract, 2, 1);
        assert_non_null(strstr(message_of("eavesdrop/garage/final")->payload, "behind"));
}

static void a_quota_passes(void **state) {
        struct contract *contract = *state;
        struct mqtt_manners *manners = mqtt_broker_manners(broker);

        manners->poison = "\"id\"";
        manners->reason = MQTT_RC_QUOTA_EXCEEDED;
        contract_config(contract)->tries_max = 1;
        contract_open(contract);
        contract_append(contract, 5);
        contract_wait_for_trouble(contract);
        pass(contract, 10);
        assert_int_equal(contract_state(contract).n_set_aside, 0);
        manners->poison = NULL;
        contract_settle(contract);
}

static void a_sink_may_be_closed_while_it_connects(void **state) {
        struct contract *contract = *state;

        for (int i = 0; i < 20; i++) {
                contract_open(contract);
                contract_close(contract);
        }
        contract_open(contract);
        wanted = 1;
        contract_wait(contract, has_messages);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CONTRACT_TESTS(setup, teardown),
                CONTRACT_TEST(rows_come_under_their_streams_topics, setup, teardown),
                CONTRACT_TEST(one_message_for_each_connection_is_progress, setup, teardown),
                CONTRACT_TEST(a_wrong_password_is_told_and_tried_seldom, setup, teardown),
                CONTRACT_TEST(a_silent_broker_is_tried_again_seldom, setup, teardown),
                CONTRACT_TEST(a_broker_that_ignores_rows_is_given_up, setup, teardown),
                CONTRACT_TEST(a_broker_is_told_how_much_we_take, setup, teardown),
                CONTRACT_TEST(a_broker_that_cannot_is_told_and_left, setup, teardown),
                CONTRACT_TEST(the_message_to_blame_is_found, setup, teardown),
                CONTRACT_TEST(a_row_larger_than_the_broker_takes_is_set_aside, setup, teardown),
                CONTRACT_TEST(a_quota_passes, setup, teardown),
                CONTRACT_TEST(a_sink_may_be_closed_while_it_connects, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
