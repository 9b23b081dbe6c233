// What Asterisk sends, whole and cut anywhere, and what it never sends.
#include "dialect/audiosocket/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define UUID_BYTES "\x40\x32\x5e\xc2\x5e\xfd\x4b\xd3\x80\x5f\x53\x57\x6e\x58\x1d\x13"
#define UUID       "40325ec2-5efd-4bd3-805f-53576e581d13"

#define SOUND_BYTES 6  // of each message with sound in these tests: 0, 1, ...

// What was said, as a text.
struct told {
        char text[1024];
        size_t n_sound;
};

static void told_say(struct told *told, const char *what, const char *which) {
        size_t n = strlen(told->text);

        snprintf(told->text + n, sizeof(told->text) - n, "%s%s;", what, which);
}

static void told_add(struct told *told, const struct audiosocket_said *said) {
        char number[16];

        snprintf(number, sizeof(number), "%u",
                 said->event == AUDIOSOCKET_SOUND ? said->rate : said->code);
        if (said->event == AUDIOSOCKET_CALL)
                told_say(told, "call ", said->uuid);
        if (said->event == AUDIOSOCKET_HANGUP)
                told_say(told, "hangup", "");
        if (said->event == AUDIOSOCKET_TROUBLE)
                told_say(told, "trouble ", number);
        if (said->event != AUDIOSOCKET_SOUND)
                return;
        for (size_t i = 0; i < said->n; i++)
                assert_int_equal(said->bytes[i], (uint8_t)(told->n_sound + i));
        told->n_sound += said->n;
        if (told->n_sound == SOUND_BYTES) {
                told_say(told, "sound ", number);
                told->n_sound = 0;
        }
}

// In pieces of so many bytes. What is wrong with them comes last.
static void listen_to(const char *bytes, size_t n, size_t piece, struct told *told) {
        struct audiosocket_reader reader = {0};

        *told = (struct told){0};
        for (size_t at = 0; at < n;) {
                size_t here = piece < n - at ? piece : n - at;

                for (size_t i = 0; i < here;) {
                        struct audiosocket_said said;
                        struct error error;
                        size_t taken =
                                audiosocket_read(&reader, (const uint8_t *)bytes + at + i,
                                                 here - i, &said, &error);

                        if (taken == 0) {
                                told_say(told, error.text, "");
                                return;
                        }
                        assert_true(taken <= here - i);
                        told_add(told, &said);
                        i += taken;
                }
                at += here;
        }
}

#define HEAR(bytes, expected)                                                \
        do {                                                                 \
                for (size_t piece_ = 1; piece_ < sizeof(bytes); piece_++) {  \
                        struct told told_;                                   \
                                                                             \
                        listen_to(bytes, sizeof(bytes) - 1, piece_, &told_); \
                        assert_string_equal(told_.text, expected);           \
                }                                                            \
        } while (0)

static void a_call_is_understood_wherever_it_is_cut(void **state) {
        static const char call[] = "\x01\x00\x10" UUID_BYTES  // the call
                                   "\x10\x00\x06\x00\x01\x02\x03\x04\x05"
                                   "\x03\x00\x01"  // a key
                                   "5"
                                   "\x12\x00\x06\x00\x01\x02\x03\x04\x05"
                                   "\x18\x00\x06\x00\x01\x02\x03\x04\x05"
                                   "\x10\x00\x00"  // no sound
                                   "\x77\x00\x15 something new, 21 b."
                                   "\x00\x00\x00";

        (void)state;
        HEAR(call, "call " UUID ";sound 8000;sound 16000;sound 192000;hangup;");
}

static void errors_have_a_code_or_none(void **state) {
        static const char some[] = "\x01\x00\x10" UUID_BYTES "\xff\x00\x01\x04"
                                   "\xff\x00\x00";

        (void)state;
        HEAR(some, "call " UUID ";trouble 4;trouble 0;");
}

static void what_asterisk_never_sends_is_refused(void **state) {
        static const char http[] = "GET / HTTP/1.1\r\n";
        static const char early[] = "\x10\x00\x02\x00\x00";
        static const char twice[] = "\x01\x00\x10" UUID_BYTES "\x01\x00\x10" UUID_BYTES;
        static const char odd[] = "\x01\x00\x08" UUID_BYTES;
        static const char gone[] = "\x00\x00\x00";

        (void)state;
        HEAR(http, "a call begins with its UUID (kind 0x01), not with kind 0x47: this port is "
                   "for Asterisk's AudioSocket;");
        HEAR(early, "a call begins with its UUID (kind 0x01), not with kind 0x10: this port is "
                    "for Asterisk's AudioSocket;");
        HEAR(twice, "call " UUID ";the call's UUID came twice;");
        HEAR(odd, "a UUID has 16 bytes, not 8;");
        HEAR(gone, "hangup;");
}

static void expect_stream(const char *calls, const char *expected) {
        CLEANUP(mem_freep) char *stream = audiosocket_stream(calls, UUID);

        if (expected)
                assert_string_equal(stream, expected);
        else
                assert_null(stream);
}

static void calls_have_streams_or_are_refused(void **state) {
        (void)state;
        expect_stream(NULL, NULL);
        expect_stream("", NULL);
        expect_stream("*", UUID);
        expect_stream(UUID "=reception", "reception");
        expect_stream("40325EC2-5EFD-4BD3-805F-53576E581D13=reception", "reception");
        expect_stream("00000000-5efd-4bd3-805f-53576e581d13=x", NULL);
        expect_stream("00000000-5efd-4bd3-805f-53576e581d13=x *", UUID);
        expect_stream("* " UUID "=reception", "reception");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_call_is_understood_wherever_it_is_cut),
                cmocka_unit_test(errors_have_a_code_or_none),
                cmocka_unit_test(what_asterisk_never_sends_is_refused),
                cmocka_unit_test(calls_have_streams_or_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
