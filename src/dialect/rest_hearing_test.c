// Requests that bring a file and wait for its text: real connections and media, a scripted
// engine.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dialect/rest_rig.h"
#include "util/mem.h"

#define FORM_TYPE "multipart/form-data; boundary=XX"
#define FORM_HEAD "--XX\r\nContent-Disposition: form-data; name=file; filename=a.flac\r\n\r\n"
#define FORM_TAIL "\r\n--XX--\r\n"

// Silence as WAV, which is larger than what is held in memory.
static char *long_wav(size_t *ret_n) {
        static const uint8_t riff[16] = "RIFF....WAVEfmt ";
        const uint32_t rate = 48000, n_data = 2 * rate * 15, n_riff = 36 + n_data;
        uint8_t *wav = xcalloc(44 + n_data, 1);
        const uint32_t byte_rate = 2 * rate, n_format = 16;
        const uint32_t pcm_mono = 1 | 1 << 16, two_of_16 = 2 | 16 << 16;  // pairs of 16 bits

        memcpy(wav, riff, sizeof(riff));
        memcpy(wav + 4, &n_riff, 4);
        memcpy(wav + 16, &n_format, 4);
        memcpy(wav + 20, &pcm_mono, 4);
        memcpy(wav + 24, &rate, 4);
        memcpy(wav + 28, &byte_rate, 4);
        memcpy(wav + 32, &two_of_16, 4);
        wav[36] = 'd', wav[37] = wav[39] = 'a', wav[38] = 't';
        memcpy(wav + 40, &n_data, 4);
        *ret_n = 44 + n_data;
        return (char *)wav;
}

// --- tests -----------------------------------------------------------------------------------

static void a_body_becomes_text(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rig->desk->rig->text = " Ask not.";
        rest_rig_post_talk(rig);
        rest_rig_expect(rig, ": Ask not.;");
        rest_rig_expect_nothing_left(rig);
        assert_int_equal(hub_reader(rig->desk->rig->hub, "echo")->n_sessions, 1);
}

static void a_form_has_fields_behind_its_file(void **state) {
        struct rest_rig *rig = rest_rig_need(state);
        static const char field[] =
                "\r\n--XX\r\nContent-Disposition: form-data; name=mood\r\n\r\ngood";
        const struct desk *desk = rig->desk;

        rest_rig_ask(rig, FORM_TYPE,
                     strlen(FORM_HEAD) + desk->n_talk + strlen(field) + strlen(FORM_TAIL));
        rest_rig_say(rig, FORM_HEAD);
        rest_rig_send(rig, desk->talk, desk->n_talk);
        rest_rig_say(rig, field);
        rest_rig_say(rig, FORM_TAIL);
        rest_rig_expect(rig, "heard");
        assert_string_equal(rest_rig_echo.fields, "mood=good");
}

static void a_large_body_goes_to_the_disk_and_leaves_nothing_there(void **state) {
        struct rest_rig *rig = rest_rig_need(state);
        struct transcription_refusal refusal;
        size_t n, half;
        CLEANUP(mem_freep) char *wav = long_wav(&n);

        assert_true(n > SCRATCH_MEMORY);
        half = n - 1000;
        rest_rig_ask(rig, "audio/wav", n);
        rest_rig_send(rig, wav, half);
        // What is on disk counts for all that may be there.
        while (transcriptions_disk_take(rig->desk->all, 10000000 - SCRATCH_MEMORY, &refusal)) {
                transcriptions_disk_give(rig->desk->all, 10000000 - SCRATCH_MEMORY);
                rest_rig_turn(rig);
        }
        rest_rig_send(rig, wav + half, n - half);
        rest_rig_expect(rig, "heard 0");  // it is silence
        rest_rig_expect_nothing_left(rig);
        assert_true(transcriptions_disk_take(rig->desk->all, 10000000, &refusal));
        transcriptions_disk_give(rig->desk->all, 10000000);
}

static void text_is_told_while_it_is_heard(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_echo.streams = true;
        rest_rig_post_talk(rig);
        rest_rig_expect(rig, "begun;");
        rest_rig_expect(rig, "heard ");
        rest_rig_expect(rig, "\r\n0\r\n");
        rest_rig_expect_nothing_left(rig);
}

// Read all of an answer, and keep what may be the beginning of its end.
static void answer_drain(struct rest_rig *rig) {
        while (!memmem(rig->bytes, rig->n_bytes, "\r\n0\r\n", 5)) {
                size_t kept = rig->n_bytes < 4 ? rig->n_bytes : 4;
                ssize_t n;

                memmove(rig->bytes, rig->bytes + rig->n_bytes - kept, kept);
                n = recv(rig->fd, rig->bytes + kept, sizeof(rig->bytes) - kept, MSG_DONTWAIT);
                assert_int_not_equal(n, 0);
                rig->n_bytes = kept + (n > 0 ? (size_t)n : 0);
                rest_rig_turn(rig);
        }
}

static void a_long_answer_waits_for_its_reader(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_echo.streams = true;
        rest_rig_echo.n_flood = REST_UNSENT_MAX / 2;
        rest_rig_post_talk(rig);
        rest_rig_expect(rig, "begun;");
        answer_drain(rig);
        rest_rig_expect_nothing_left(rig);
}

static void who_reads_nothing_of_it_is_cut_off(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_echo.streams = true;
        rest_rig_echo.n_flood = 2 * REST_UNSENT_MAX;
        rest_rig_post_talk(rig);
        rest_rig_expect_nothing_left(rig);
}

static void what_is_no_sound_is_the_senders_mistake(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_echo.streams = true;
        rest_rig_post(rig, "audio/wav", "no sound at all", 15);
        rest_rig_expect(rig, "HTTP/1.1 400");
        rest_rig_expect(rig, "refused file: ");
        rest_rig_expect_nothing_left(rig);
}

static void mistakes_are_told_as_soon_as_they_come(void **state) {
        static const char bad[] =
                "--XX\r\nContent-Disposition: form-data; name=bad\r\n\r\nnot so\r\n--XX";
        static const char yiddish[] =
                "--XX\r\nContent-Disposition: form-data; name=l\r\n\r\nyiddish\r\n"
                "--XX\r\nContent-Disposition: form-data; name=file\r\n\r\nabc\r\n--XX--";
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_ask(rig, FORM_TYPE, 1000000);
        rest_rig_say(rig, bad);
        rest_rig_expect(rig, "refused bad: not so;");
        rest_rig_post(rig, "multipart/form-data", "x", 1);
        rest_rig_expect(rig, "refused Content-Type");
        rest_rig_post(rig, FORM_TYPE, yiddish, strlen(yiddish));
        rest_rig_expect(rig, "refused language");
        rest_rig_ask(rig, "audio/wav", 5000000);
        rest_rig_expect(rig, "HTTP/1.1 413");
        rest_rig_expect(rig, "uploads.size");
        rest_rig_ask(rig, "audio/wav", 0);
        rest_rig_expect(rig, "the file is empty");
        rest_rig_expect_nothing_left(rig);
}

static void a_form_whose_end_never_comes_is_none(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_post(rig, FORM_TYPE, FORM_HEAD "abc", strlen(FORM_HEAD "abc"));
        rest_rig_expect(rig, "refused -: the form ends before its last boundary");
}

static void who_goes_takes_everything_along(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_ask(rig, "audio/flac", rig->desk->n_talk);
        rest_rig_send(rig, rig->desk->talk, 1000);
        assert_int_equal(rest_rig_sessions(rig), 1);
        rest_rig_connect(rig);
        rest_rig_expect_nothing_left(rig);
        rest_rig_echo.is_closed = false;
        rest_rig_post_talk(rig);
        while (hub_first_session(rig->desk->rig->hub) &&
               !hub_first_session(rig->desk->rig->hub)->stream)
                rest_rig_turn(rig);
        rest_rig_connect(rig);
        rest_rig_expect_nothing_left(rig);
}

static void one_address_does_not_have_all_places(void **state) {
        struct rest_rig *rig = rest_rig_need(state);
        int held[2];

        for (int i = 0; i < 2; i++) {
                rest_rig_ask(rig, "audio/flac", 1000);
                held[i] = rig->fd;
                rig->fd = -1;
        }
        rest_rig_ask(rig, "audio/flac", 1000);
        rest_rig_expect(rig, "HTTP/1.1 429");
        rest_rig_expect(rig, "Retry-After: 10\r\nx-should-retry: true\r\n");
        close(held[0]);
        close(held[1]);
        rest_rig_expect_nothing_left(rig);
}

static void the_server_sends_away_in_the_dialects_words(void **state) {
        struct rest_rig *rig = rest_rig_need(state);
        struct hub_session *session;

        rest_rig_ask(rig, "audio/flac", 1000);
        session = hub_first_session(rig->desk->rig->hub);
        session->ops->leave(session, 1001);
        rest_rig_expect(rig, "refused -: the server is stopping;");
        rest_rig_ask(rig, "audio/flac", 1000);
        session = hub_first_session(rig->desk->rig->hub);
        session->ops->dismiss(session, "enough");
        rest_rig_expect(rig, "HTTP/1.1 403");
        rest_rig_expect(rig, "refused -: enough;");
        rig->place.is_stopping = true;
        rest_rig_ask(rig, "audio/flac", 1000);
        rest_rig_expect(rig, "HTTP/1.1 503");
        rest_rig_expect_nothing_left(rig);
}

static void what_was_begun_is_broken_off_in_its_own_way(void **state) {
        struct rest_rig *rig = rest_rig_need(state);
        struct hub_session *session;

        rest_rig_echo.streams = true;
        rest_rig_post_talk(rig);
        rest_rig_expect(rig, "begun;");
        session = hub_first_session(rig->desk->rig->hub);
        assert_non_null(session);
        session->ops->leave(session, 1001);  // it may end
        session->ops->goodbye(session, 1001);
        rest_rig_expect(rig, "broken;");
        rest_rig_expect(rig, "\r\n0\r\n");
        rest_rig_expect_nothing_left(rig);
}

// The client takes long for what it was sent already.
static void behind_its_error_no_text_follows(void **state) {
        struct rest_rig *rig = rest_rig_need(state);
        struct hub_session *session;

        rest_rig_echo.streams = true;
        rest_rig_echo.n_flood = REST_UNSENT_MAX / 2;
        engine_script_hold(rig->desk->rig->script);
        rest_rig_post_talk(rig);
        rest_rig_expect(rig, "begun;");
        session = hub_first_session(rig->desk->rig->hub);
        session->ops->dismiss(session, "enough");
        engine_script_release(rig->desk->rig->script);
        session = hub_first_session(rig->desk->rig->hub);
        assert_non_null(session);
        assert_null(session->stream);
        session->ops->leave(session, 1001);  // it ends already
        answer_drain(rig);
        rest_rig_expect_nothing_left(rig);
}

// What could not be decoded is no silence.
static void a_text_with_gaps_is_none(void **state) {
        struct rest_rig *rig = rest_rig_need(state);

        rig->desk->rig->failure = -EIO;
        rest_rig_post_talk(rig);
        rest_rig_expect(rig, "HTTP/1.1 503");
        rest_rig_expect(rig, "Retry-After: 10\r\nx-should-retry: true\r\n");
        rest_rig_expect(rig, "refused -: some of the sound could not be decoded");
        rest_rig_expect_nothing_left(rig);
        rest_rig_echo.streams = true;
        rest_rig_echo.is_closed = false;
        rest_rig_post_talk(rig);
        rest_rig_expect(rig, "begun;");
        rest_rig_expect(rig, "broken;");
        rest_rig_expect(rig, "\r\n0\r\n");
        assert_null(memmem(rig->bytes, rig->n_bytes, "heard", 5));
        rest_rig_expect_nothing_left(rig);
}

#define REST_TEST(function) \
        cmocka_unit_test_setup_teardown(function, rest_rig_setup, rest_rig_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                REST_TEST(a_body_becomes_text),
                REST_TEST(a_form_has_fields_behind_its_file),
                REST_TEST(a_large_body_goes_to_the_disk_and_leaves_nothing_there),
                REST_TEST(text_is_told_while_it_is_heard),
                REST_TEST(a_long_answer_waits_for_its_reader),
                REST_TEST(who_reads_nothing_of_it_is_cut_off),
                REST_TEST(what_is_no_sound_is_the_senders_mistake),
                REST_TEST(mistakes_are_told_as_soon_as_they_come),
                REST_TEST(a_form_whose_end_never_comes_is_none),
                REST_TEST(who_goes_takes_everything_along),
                REST_TEST(one_address_does_not_have_all_places),
                REST_TEST(the_server_sends_away_in_the_dialects_words),
                REST_TEST(what_was_begun_is_broken_off_in_its_own_way),
                REST_TEST(behind_its_error_no_text_follows),
                REST_TEST(a_text_with_gaps_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
