// How streams are, as a broker and Home Assistant are told of it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/contract_rig.h"
#include "sink/home_assistant.h"
#include "sink/journal_fixture.h"
#include "sink/mqtt_broker_rig.h"

#define DISCOVERY "homeassistant/device/eavesdrop_83df311e/config"

static struct mqtt_broker *broker;
static char url[64];

static int setup(void **state) {
        struct contract *contract = contract_new(&(struct contract_peer){
                .config = {.type = SINK_MQTT,
                           .url = url,
                           .has_home_assistant = true,
                           .wants_partials = true,
                           .wants_sessions = true},
        });

        broker = mqtt_broker_new(contract_loop(contract));
        snprintf(url, sizeof(url), "mqtt://127.0.0.1:%d", mqtt_broker_port(broker));
        *state = contract;
        return 0;
}

static int teardown(void **state) {
        broker = mqtt_broker_free(broker);
        contract_free(*state);
        return 0;
}

// --- what comes -----------------------------------------------------------------------------

static const char *awaited_topic, *awaited_payload;
static size_t seen;  // messages before this one are not looked at

static bool has_come(struct contract *contract) {
        (void)contract;
        for (size_t i = seen; i < mqtt_broker_count(broker); i++) {
                const struct mqtt_broker_message *message = mqtt_broker_message(broker, i);

                if (strcmp(message->topic, awaited_topic) != 0 ||
                    (awaited_payload && strcmp(message->payload, awaited_payload) != 0))
                        continue;
                seen = i + 1;
                return true;
        }
        return false;
}

// Wait for that message behind the one that was waited for before.
static const struct mqtt_broker_message *await(struct contract *contract, const char *topic,
                                               const char *payload, bool is_retained) {
        const struct mqtt_broker_message *message;

        awaited_topic = topic;
        awaited_payload = payload;
        contract_wait(contract, has_come);
        message = mqtt_broker_message(broker, seen - 1);
        assert_int_equal(message->is_retained, is_retained);
        return message;
}

// Let the broker answer, then let time pass at once until what is gone is about to be taken
// back.
static void pass_until_taken_back(struct contract *contract) {
        const struct timespec step = {.tv_nsec = NSEC_PER_MSEC};

        for (int i = 0; i < 30; i++) {
                nanosleep(&step, NULL);
                loop_advance(contract_loop(contract), NSEC_PER_MSEC);
        }
        loop_advance(contract_loop(contract), 39 * NSEC_PER_SEC);
}

static void tell(struct contract *contract, enum sink_event_kind kind, const char *stream,
                 const char *stream_state) {
        contract_tell(contract, &(struct sink_event){.kind = kind,
                                                     .stream = stream,
                                                     .state = stream_state,
                                                     .reason = ""});
}

static void tell_speech(struct contract *contract, const char *stream, bool is_speaking) {
        contract_tell(contract, &(struct sink_event){.kind = SINK_SPEECH,
                                                     .stream = stream,
                                                     .is_speaking = is_speaking});
}

static void open_and_come_up(struct contract *contract) {
        seen = 0;
        contract_open(contract);
        await(contract, "eavesdrop/status", "online", true);
}

// --- tests ----------------------------------------------------------------------------------

static void who_is_online_is_retained(void **state) {
        struct contract *contract = *state;

        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "connecting");
        await(contract, "eavesdrop/porch/online", "OFF", true);
        tell(contract, SINK_STREAM_STATE, "porch", "online");
        await(contract, "eavesdrop/porch/online", "ON", true);
        tell(contract, SINK_STREAM_STATE, "porch", "stalled");
        await(contract, "eavesdrop/porch/online", "OFF", true);
        tell(contract, SINK_STREAM_STATE, "porch", "online");
        await(contract, "eavesdrop/porch/online", "ON", true);
        tell(contract, SINK_STREAM_REMOVED, "porch", NULL);
        await(contract, "eavesdrop/porch/online", "OFF", true);
        pass_until_taken_back(contract);
        await(contract, "eavesdrop/porch/online", "", true);
}

// As when the server stops, or a camera is changed: nothing is taken back that comes again.
static void a_stream_that_comes_again_is_not_taken_back(void **state) {
        struct contract *contract = *state;

        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        await(contract, DISCOVERY, NULL, true);
        tell(contract, SINK_STREAM_REMOVED, "porch", NULL);
        await(contract, "eavesdrop/porch/online", "OFF", true);
        for (int i = 0; i < 3000; i++)
                loop_advance(contract_loop(contract), 10 * NSEC_PER_MSEC);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        await(contract, "eavesdrop/porch/online", "ON", true);
        for (int i = 0; i < 6000; i++)
                loop_advance(contract_loop(contract), 10 * NSEC_PER_MSEC);
        for (size_t i = 0; i < mqtt_broker_count(broker); i++)
                assert_null(strstr(mqtt_broker_message(broker, i)->payload, "\"sensor\"}"));
}

static void a_broker_that_comes_back_is_told_again(void **state) {
        struct contract *contract = *state;

        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        await(contract, "eavesdrop/porch/online", "ON", true);
        mqtt_broker_set_down(broker, true);
        contract_wait_for_trouble(contract);
        tell_speech(contract, "porch", true);
        tell(contract, SINK_STREAM_ADDED, "garage", "online");
        mqtt_broker_set_down(broker, false);
        await(contract, "eavesdrop/status", "online", true);
        await(contract, "eavesdrop/porch/online", "ON", true);
        await(contract, "eavesdrop/porch/speech", "ON", false);
        await(contract, "eavesdrop/garage/online", "ON", true);
        await(contract, DISCOVERY, NULL, true);
}

// Or Home Assistant would take it for ended after half a minute.
static void speech_is_told_again_while_it_goes_on(void **state) {
        struct contract *contract = *state;
        nsec_t begin;

        open_and_come_up(contract);
        tell_speech(contract, "porch", true);
        await(contract, "eavesdrop/porch/speech", "ON", false);
        begin = loop_now(contract_loop(contract));
        await(contract, "eavesdrop/porch/speech", "ON", false);
        await(contract, "eavesdrop/porch/speech", "ON", false);
        assert_true(loop_now(contract_loop(contract)) - begin <
                    2 * HOME_ASSISTANT_OFF_DELAY * NSEC_PER_SEC);
        tell_speech(contract, "porch", false);
        await(contract, "eavesdrop/porch/speech", "OFF", false);
}

static void partials_have_their_own_topic(void **state) {
        struct contract *contract = *state;
        struct sink_event event = {
                .kind = SINK_PARTIAL,
                .stream = "porch",
                .text = "somebody said",
                .language = "en",
                .stable_bytes = 8,
        };
        size_t reopened;

        open_and_come_up(contract);
        contract_tell(contract, &event);
        await(contract, "eavesdrop/porch/partial",
              "{\"kind\":\"partial\",\"stream\":\"porch\",\"language\":\"en\","
              "\"text\":\"somebody said\",\"stable\":\"somebody\"}",
              false);
        event.language = NULL;
        event.text = "";
        event.stable_bytes = 0;
        contract_tell(contract, &event);
        await(contract, "eavesdrop/porch/partial",
              "{\"kind\":\"partial\",\"stream\":\"porch\",\"text\":\"\",\"stable\":\"\"}",
              false);
        contract_close(contract);
        contract_config(contract)->wants_partials = false;
        contract_open(contract);
        await(contract, "eavesdrop/status", "online", true);
        reopened = seen;
        contract_tell(contract, &event);
        tell_speech(contract, "porch", true);
        await(contract, "eavesdrop/porch/speech", "ON", false);
        for (size_t i = reopened; i < mqtt_broker_count(broker); i++)
                assert_null(strstr(mqtt_broker_message(broker, i)->topic, "/partial"));
}

// What is partial is out of date when the broker comes round to it.
static void a_slow_broker_misses_partials_not_memory(void **state) {
        struct contract *contract = *state;
        const struct sink_event event = {
                .kind = SINK_PARTIAL, .stream = "porch", .text = "more and more"};
        size_t n;

        open_and_come_up(contract);
        mqtt_broker_manners(broker)->is_silent = true;
        n = mqtt_broker_count(broker);
        for (int i = 0; i < 1000; i++)
                contract_tell(contract, &event);
        for (int i = 0; i < 100; i++)
                loop_advance(contract_loop(contract), NSEC_PER_MSEC);
        assert_in_range(mqtt_broker_count(broker) - n, 1, 17);
}

static void a_broker_that_is_too_slow_is_left_not_waited_for(void **state) {
        struct contract *contract = *state;

        open_and_come_up(contract);
        mqtt_broker_manners(broker)->is_silent = true;
        for (int i = 0; i < 2000; i++)
                tell_speech(contract, "porch", i % 2 == 0);
        assert_string_equal(contract_state(contract).trouble,
                            "the broker acknowledges too slowly");
        mqtt_broker_manners(broker)->is_silent = false;
        await(contract, "eavesdrop/porch/online", NULL, true);
}

static void home_assistant_is_told_again_when_it_is_born(void **state) {
        struct contract *contract = *state;
        const struct mqtt_broker_message *message;

        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        message = await(contract, DISCOVERY, NULL, true);
        assert_non_null(strstr(message->payload, "\"porch_text\":{\"platform\":\"sensor\","));
        assert_non_null(strstr(mqtt_broker_filters(broker), "homeassistant/status "));
        mqtt_broker_say(broker, "homeassistant/status", "offline");
        tell(contract, SINK_STREAM_STATE, "porch", "offline");
        await(contract, "eavesdrop/porch/online", "OFF", true);
        for (int i = 0; i < 500; i++)
                loop_advance(contract_loop(contract), 10 * NSEC_PER_MSEC);
        for (size_t i = seen; i < mqtt_broker_count(broker); i++)
                assert_string_not_equal(mqtt_broker_message(broker, i)->topic, DISCOVERY);
        mqtt_broker_say(broker, "homeassistant/status", "online");
        await(contract, DISCOVERY, NULL, true);
}

static void a_stream_that_goes_is_taken_back(void **state) {
        struct contract *contract = *state;
        const struct mqtt_broker_message *message;

        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        tell(contract, SINK_STREAM_ADDED, "garage", "online");
        await(contract, DISCOVERY, NULL, true);
        tell(contract, SINK_STREAM_REMOVED, "porch", NULL);
        pass_until_taken_back(contract);
        message = await(contract, DISCOVERY, NULL, true);
        assert_non_null(strstr(message->payload, "\"porch_text\":{\"platform\":\"sensor\"}"));
        assert_non_null(strstr(message->payload, "garage_text"));
        message = await(contract, DISCOVERY, NULL, true);
        assert_null(strstr(message->payload, "porch"));
        assert_non_null(strstr(message->payload, "garage_text"));
        tell(contract, SINK_STREAM_REMOVED, "garage", NULL);
        pass_until_taken_back(contract);
        await(contract, DISCOVERY, NULL, true);
        await(contract, DISCOVERY, "", true);  // nothing is left of the device
}

// Clients come and go: nothing of them stays with the broker, and Home Assistant has no
// entities for them.
static void sessions_leave_nothing_behind(void **state) {
        struct contract *contract = *state;
        struct sink_event event = {.kind = SINK_STREAM_ADDED,
                                   .stream = "client",
                                   .is_session = true,
                                   .state = "online"};

        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        contract_tell(contract, &event);
        await(contract, "eavesdrop/client/online", "ON", false);
        await(contract, DISCOVERY, NULL, true);
        event.kind = SINK_STREAM_REMOVED;
        contract_tell(contract, &event);
        await(contract, "eavesdrop/client/online", "OFF", false);
        for (size_t i = 0; i < mqtt_broker_count(broker); i++)
                if (mqtt_broker_message(broker, i)->is_retained)
                        assert_null(strstr(mqtt_broker_message(broker, i)->payload, "client"));
}

static void tell_session(struct contract *contract, enum sink_event_kind kind,
                         const char *stream) {
        contract_tell(contract, &(struct sink_event){.kind = kind,
                                                     .stream = stream,
                                                     .is_session = true,
                                                     .state = "online",
                                                     .is_speaking = true});
}

// Nothing of a client's that is called as a camera is said in the camera's name.
static void a_session_does_not_pass_for_a_pulled_stream(void **state) {
        struct contract *contract = *state;
        size_t first;

        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "offline");
        await(contract, "eavesdrop/porch/online", "OFF", true);
        first = mqtt_broker_count(broker);
        tell_session(contract, SINK_STREAM_ADDED, "porch");
        tell_session(contract, SINK_SPEECH, "porch");
        tell_session(contract, SINK_STREAM_REMOVED, "porch");
        tell(contract, SINK_STREAM_ADDED, "garage", "online");
        await(contract, "eavesdrop/garage/online", "ON", true);
        for (size_t i = first; i < mqtt_broker_count(broker); i++)
                assert_null(strstr(mqtt_broker_message(broker, i)->topic, "/porch/"));
        tell(contract, SINK_STREAM_STATE, "porch", "online");
        await(contract, "eavesdrop/porch/online", "ON", true);
}

static void a_pulled_stream_takes_its_name_from_a_session(void **state) {
        struct contract *contract = *state;
        const struct mqtt_broker_message *message;

        open_and_come_up(contract);
        tell_session(contract, SINK_STREAM_ADDED, "porch");
        await(contract, "eavesdrop/porch/online", "ON", false);
        tell_session(contract, SINK_SPEECH, "porch");
        await(contract, "eavesdrop/porch/speech", "ON", false);
        // Of a pulled stream that is not known.
        tell(contract, SINK_STREAM_REMOVED, "porch", NULL);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        await(contract, "eavesdrop/porch/speech", "OFF", false);
        await(contract, "eavesdrop/porch/online", "ON", true);
        message = await(contract, DISCOVERY, NULL, true);
        assert_non_null(strstr(message->payload, "porch_text"));
        tell_session(contract, SINK_STREAM_REMOVED, "porch");
        tell(contract, SINK_STREAM_STATE, "porch", "stalled");
        await(contract, "eavesdrop/porch/online", "OFF", true);
        for (size_t i = 0; i < mqtt_broker_count(broker); i++) {
                message = mqtt_broker_message(broker, i);
                if (strcmp(message->topic, "eavesdrop/porch/online") == 0 &&
                    strcmp(message->payload, "OFF") == 0)
                        assert_true(message->is_retained);
        }
}

// A stream of an earlier run that the broker remembers and that does not come back.
static void what_an_earlier_run_left_is_taken_back(void **state) {
        struct contract *contract = *state;
        const struct mqtt_broker_message *message;

        mqtt_broker_manners(broker)->remembered = "eavesdrop/old%2Fone/online";
        open_and_come_up(contract);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        message = await(contract, DISCOVERY, NULL, true);
        assert_null(strstr(message->payload, "old"));  // it may yet come
        pass_until_taken_back(contract);
        await(contract, "eavesdrop/old%2Fone/online", "", true);
        message = await(contract, DISCOVERY, NULL, true);
        assert_non_null(strstr(message->payload, "\"old_one_"));
        message = await(contract, DISCOVERY, NULL, true);
        assert_null(strstr(message->payload, "\"old_one_"));
        assert_non_null(strstr(message->payload, "porch_text"));
}

static void without_home_assistant_nothing_is_announced(void **state) {
        struct contract *contract = *state;

        contract_config(contract)->has_home_assistant = false;
        contract_config(contract)->prefix = (char *)"home/ears";
        seen = 0;
        contract_open(contract);
        await(contract, "home/ears/status", "online", true);
        tell(contract, SINK_STREAM_ADDED, "porch", "online");
        await(contract, "home/ears/porch/online", "ON", true);
        tell(contract, SINK_STREAM_REMOVED, "porch", NULL);
        await(contract, "home/ears/porch/online", "OFF", true);
        pass_until_taken_back(contract);
        await(contract, "home/ears/porch/online", "", true);
        for (size_t i = 0; i < mqtt_broker_count(broker); i++)
                assert_memory_equal(mqtt_broker_message(broker, i)->topic, "home/ears/", 10);
        assert_null(strstr(mqtt_broker_filters(broker), "homeassistant"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CONTRACT_TEST(who_is_online_is_retained, setup, teardown),
                CONTRACT_TEST(a_stream_that_comes_again_is_not_taken_back, setup, teardown),
                CONTRACT_TEST(a_broker_that_comes_back_is_told_again, setup, teardown),
                CONTRACT_TEST(speech_is_told_again_while_it_goes_on, setup, teardown),
                CONTRACT_TEST(partials_have_their_own_topic, setup, teardown),
                CONTRACT_TEST(a_slow_broker_misses_partials_not_memory, setup, teardown),
                CONTRACT_TEST(a_broker_that_is_too_slow_is_left_not_waited_for, setup,
                              teardown),
                CONTRACT_TEST(home_assistant_is_told_again_when_it_is_born, setup, teardown),
                CONTRACT_TEST(a_stream_that_goes_is_taken_back, setup, teardown),
                CONTRACT_TEST(sessions_leave_nothing_behind, setup, teardown),
                CONTRACT_TEST(a_session_does_not_pass_for_a_pulled_stream, setup, teardown),
                CONTRACT_TEST(a_pulled_stream_takes_its_name_from_a_session, setup, teardown),
                CONTRACT_TEST(what_an_earlier_run_left_is_taken_back, setup, teardown),
                CONTRACT_TEST(without_home_assistant_nothing_is_announced, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
