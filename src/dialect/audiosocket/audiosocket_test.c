// A call as Asterisk brings it, from its UUID to the end.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dialect/session_rig.h"
#include "util/mem.h"

#define CALL_TEST(function) \
        cmocka_unit_test_setup_teardown(function, setup, session_rig_teardown)

#define UUID  "40325ec2-5efd-4bd3-805f-53576e581d13"
#define BEGIN "\x01\x00\x10\x40\x32\x5e\xc2\x5e\xfd\x4b\xd3\x80\x5f\x53\x57\x6e\x58\x1d\x13"

extern const struct dialect dialect_audiosocket;

static const struct dialect *const table[] = {&dialect_audiosocket, NULL};

static int setup(void **state) {
        int r = session_rig_setup(state);
        struct session_rig *rig = *state;

        rig->dialects = table;
        return r;
}

static struct session_rig *rig_with_calls(void **state, const char *calls) {
        struct session_rig *rig = session_rig_need(state);

        rig->hub->parts.calls = calls;
        hub_rig_renew(rig->hub);
        session_rig_connect_raw(rig);
        return rig;
}

static const struct hub_stream *find(struct session_rig *rig, const char *name) {
        return hub_find(rig->hub->hub, name);
}

// So many bytes of silence, of that kind.
static void sound_send(struct session_rig *rig, uint8_t kind, size_t n) {
        uint8_t *message = xcalloc(3 + n, 1);

        message[0] = kind;
        message[1] = (uint8_t)(n >> 8);
        message[2] = (uint8_t)n;
        session_rig_send_bytes(rig, message, 3 + n, false);
        free(message);
}

static void wait_for_sound(struct session_rig *rig, const char *name, int64_t n) {
        while (!find(rig, name) || stream_position(find(rig, name)->stream) < n)
                loop_turn(rig->hub->loop);
}

// Turn the loop until the connection is closed; how many bytes came, all of them zeros.
static size_t bytes_until_end(struct session_rig *rig) {
        size_t n = 0;

        for (;;) {
                uint8_t byte;
                ssize_t got = recv(rig->fd, &byte, 1, MSG_DONTWAIT);

                if (got == 0)
                        return n;
                if (got > 0) {
                        assert_int_equal(byte, 0);
                        n++;
                }
                loop_turn(rig->hub->loop);
        }
}

// The server has hung up, and said no more.
static void expect_hangup(struct session_rig *rig) {
        assert_int_equal(bytes_until_end(rig), 3);
}

// --- tests -----------------------------------------------------------------------------------

static void a_call_has_the_name_of_its_uuid(void **state) {
        struct session_rig *rig = rig_with_calls(state, "*");

        session_rig_send_bytes(rig, BEGIN, 19, false);
        sound_send(rig, 0x10, 16000);
        wait_for_sound(rig, UUID, AUDIO_RATE - AUDIO_RATE / 10);
        assert_true(find(rig, UUID)->is_listed);
        session_rig_send_bytes(rig, "\0\0\0", 3, false);
        assert_int_equal(bytes_until_end(rig), 0);  // it hung up itself
}

static void a_call_may_have_a_stream(void **state) {
        struct session_rig *rig = rig_with_calls(state, UUID "=reception");

        session_rig_send_bytes(rig, BEGIN, 19, false);
        sound_send(rig, 0x10, 320);
        // Its rate changes: 20 ms, and a tenth of a second of 48 kHz.
        sound_send(rig, 0x16, 9600);
        // And once more, so that nothing is held back any longer.
        sound_send(rig, 0x12, 2);
        wait_for_sound(rig, "reception", 320 + 1600 + 1);
        session_rig_send_bytes(rig, NULL, 0, true);
        session_rig_expect_end(rig);
        assert_null(find(rig, UUID));
}

static void a_rate_that_changes_without_end_is_no_call(void **state) {
        struct session_rig *rig = rig_with_calls(state, "*");

        session_rig_send_bytes(rig, BEGIN, 19, false);
        for (int i = 0; i < 17; i++)
                sound_send(rig, i % 2 ? 0x10 : 0x12, 2);
        expect_hangup(rig);
}

static void unknown_calls_are_hung_up_on(void **state) {
        struct session_rig *rig =
                rig_with_calls(state, "00000000-0000-0000-0000-000000000000=reception");

        session_rig_send_bytes(rig, BEGIN, 19, false);
        expect_hangup(rig);
        assert_int_equal(hub_counts(rig->hub->hub)->n_refused_invalid, 1);
        assert_null(hub_first(rig->hub->hub));
}

static void what_is_no_call_is_hung_up_on(void **state) {
        struct session_rig *rig = rig_with_calls(state, "*");

        session_rig_send_bytes(rig, "GET / HTTP/1.1\r\n\r\n", 18, false);
        expect_hangup(rig);
        session_rig_connect_raw(rig);
        session_rig_send_bytes(rig, "\x10\x00\x02\x00\x00", 5, false);
        expect_hangup(rig);
}

static void a_call_ends_with_the_server(void **state) {
        struct session_rig *rig = rig_with_calls(state, "*");

        session_rig_send_bytes(rig, BEGIN, 19, false);
        sound_send(rig, 0x10, 16000);
        wait_for_sound(rig, UUID, AUDIO_RATE - AUDIO_RATE / 10);
        hub_first_session(rig->hub->hub)->ops->leave(hub_first_session(rig->hub->hub), 1001);
        expect_hangup(rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CALL_TEST(a_call_has_the_name_of_its_uuid),
                CALL_TEST(a_call_may_have_a_stream),
                CALL_TEST(a_rate_that_changes_without_end_is_no_call),
                CALL_TEST(unknown_calls_are_hung_up_on),
                CALL_TEST(what_is_no_call_is_hung_up_on),
                CALL_TEST(a_call_ends_with_the_server),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
