// Against a real server, where nats-server is installed.

#include <signal.h>

#include "sink/broker_rig.h"
#include "sink/nats_client_rig.h"
#include "sink/player_fixture.h"
#include "sink/rows_rig.h"

#define N_ROWS    40
#define READ_MAX  7000
#define STREAM    "eavesdrop"
#define MANY_ROWS 6000
#define RESTARTS  6  // stops and starts

static struct rig_broker broker;  // one for all tests
static struct rig_nats_message messages[READ_MAX];

struct fixture {
        struct sink_config config;
        struct row *rows;
};

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        *state = fixture;
        fixture->config.name = (char *)(uintptr_t) "bus";
        fixture->config.type = SINK_NATS;
        fixture->config.url =
                xasprintf("nats://eavesdrop:%s@localhost:%d", RIG_BROKER_ENCODED, broker.port);
        fixture->rows = rig_rows_make("front door", "word", N_ROWS);
        if (broker.pid)
                free(rig_nats_ask(&broker, "STREAM.DELETE." STREAM, ""));
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        free(fixture->config.url);
        rig_rows_free(fixture->rows, N_ROWS);
        free(fixture);
        return 0;
}

static struct fixture *fixture_or_skip(void **state) {
        if (!broker.pid)
                skip();
        return *state;
}

static void expect_words(const struct player_answer *answer, const char *words) {
        if (!strstr(answer->trouble, words))
                fail_msg("%s", answer->trouble);
        assert_null(strstr(answer->trouble, "s3cr3t"));
}

// The stream has these rows, each once, in their order, but for the one at `left_out`.
static void expect_rows(const struct row *rows, size_t n, size_t left_out) {
        size_t n_read = rig_nats_read(&broker, STREAM, messages, READ_MAX), at = 0;

        for (size_t i = 0; i < n; i++) {
                char id[ROW_ID_TEXT_MAX];

                if (i == left_out)
                        continue;
                assert_true(at < n_read);
                row_id_format(rows[i].id, id);
                assert_string_equal(messages[at].id, id);
                assert_non_null(strstr(messages[at++].body, rows[i].text));
        }
        assert_int_equal(n_read, at);
        rig_nats_messages_free(messages, n_read);
}

static void stream_make(const char *more) {
        CLEANUP(mem_freep)
        char *json = xasprintf("{\"name\":\"" STREAM "\",\"storage\":\"file\"%s}", more);
        CLEANUP(mem_freep) char *answer = rig_nats_ask(&broker, "STREAM.CREATE." STREAM, json);

        if (strstr(answer, "\"error\""))
                fail_msg("%s", answer);
}

// --- what arrives ----------------------------------------------------------------------

static void test_rows_arrive_once_under_their_subject(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player;
        CLEANUP(mem_freep) char *info = NULL;

        fixture->config.can_create = true;
        player = player_open(&sink_nats, &fixture->config);
        assert_int_equal(player_send(player, fixture->rows, N_ROWS).outcome, SINK_TAKEN);
        // Again: as after an acknowledgement that was lost.
        assert_int_equal(player_send(player, fixture->rows, N_ROWS).outcome, SINK_TAKEN);
        player_close(player);
        expect_rows(fixture->rows, N_ROWS, N_ROWS);
        assert_int_equal(rig_nats_read(&broker, STREAM, messages, 1), 1);
        assert_string_equal(messages[0].subject, "eavesdrop.front%20door");
        assert_int_equal(strncmp(messages[0].body, "{\"kind\":\"segment\",", 18), 0);
        rig_nats_messages_free(messages, 1);
        info = rig_nats_ask(&broker, "STREAM.INFO." STREAM, "");
        assert_non_null(strstr(info, "\"subjects\":[\"eavesdrop.*\"]"));
        assert_non_null(strstr(info, "\"duplicate_window\":3600000000000"));
        assert_non_null(strstr(info, "\"max_age\":2592000000000000"));
        assert_non_null(strstr(info, "\"storage\":\"file\""));
}

static void test_a_stream_of_another_name_is_found_by_its_subjects(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_nats, &fixture->config);

        stream_make(",\"subjects\":[\"eavesdrop.>\"]");
        assert_int_equal(player_send(player, fixture->rows, 2).outcome, SINK_TAKEN);
        player_close(player);
        expect_rows(fixture->rows, 2, 2);
}

// --- streams that are not there --------------------------------------------------------

static void test_a_stream_that_is_not_there_is_waited_for(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_nats, &fixture->config);
        struct player_answer answer = player_send(player, fixture->rows, 2);

        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "no JetStream stream takes the subjects eavesdrop.* (subject)");
        expect_words(&answer, "create: true");
        player_close(player);

        fixture->config.stream = (char *)(uintptr_t)STREAM;
        player = player_open(&sink_nats, &fixture->config);
        answer = player_send(player, fixture->rows, 2);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "there is no JetStream stream " STREAM " (stream)");
        // One that does not take the subjects.
        stream_make(",\"subjects\":[\"other.>\"]");
        answer = player_send(player, fixture->rows, 2);
        assert_int_equal(answer.outcome, SINK_RETRY);
        assert_int_equal(answer.n_taken, 0);
        expect_words(&answer, "no JetStream stream takes a row's subject (subject, stream)");
        free(rig_nats_ask(&broker, "STREAM.DELETE." STREAM, ""));
        stream_make(",\"subjects\":[\"eavesdrop.*\"]");
        assert_int_equal(player_send(player, fixture->rows, 2).outcome, SINK_TAKEN);
        expect_rows(fixture->rows, 2, 2);
        // It goes while we are connected.
        free(rig_nats_ask(&broker, "STREAM.DELETE." STREAM, ""));
        assert_int_equal(player_send(player, fixture->rows + 2, 2).outcome, SINK_RETRY);
        answer = player_send(player, fixture->rows + 2, 2);
        expect_words(&answer, "there is no JetStream stream");
        player_close(player);
}

static void test_another_stream_than_the_one_that_is_named_is_told(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player;
        struct player_answer answer;

        stream_make(",\"subjects\":[\"eavesdrop.*\"]");
        free(rig_nats_ask(&broker, "STREAM.CREATE.other",
                          "{\"name\":\"other\",\"storage\":\"memory\",\"subjects\":[\"o\"]}"));
        fixture->config.stream = (char *)(uintptr_t) "other";
        player = player_open(&sink_nats, &fixture->config);
        answer = player_send(player, fixture->rows, 2);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "expected stream does not match (stream)");
        player_close(player);
        free(rig_nats_ask(&broker, "STREAM.DELETE.other", ""));
        expect_rows(NULL, 0, 0);
}

// --- rows that are refused -------------------------------------------------------------

static void expect_refused_alone(struct fixture *fixture, const char *words) {
        struct player *player = player_open(&sink_nats, &fixture->config);
        struct player_answer answer;

        free(fixture->rows[17].text);
        fixture->rows[17].text = xasprintf("%06000d", 0);
        answer = player_send(player, fixture->rows, N_ROWS);
        assert_int_equal(answer.outcome, SINK_REFUSED);
        assert_int_equal(answer.n_taken, 17);
        expect_words(&answer, words);
        answer = player_send(player, fixture->rows + 17, 1);
        assert_int_equal(answer.outcome, SINK_REFUSED);
        assert_int_equal(answer.n_taken, 0);
        assert_int_equal(player_send(player, fixture->rows + 18, N_ROWS - 18).outcome,
                         SINK_TAKEN);
        player_close(player);
        expect_rows(fixture->rows, N_ROWS, 17);
}

static void test_a_row_too_large_for_the_stream_is_refused_alone(void **state) {
        struct fixture *fixture = fixture_or_skip(state);

        stream_make(",\"subjects\":[\"eavesdrop.*\"],\"max_msg_size\":4096");
        expect_refused_alone(fixture, "message size exceeds maximum allowed");
}

static void test_a_row_too_large_for_the_server_is_refused_alone(void **state) {
        struct fixture *fixture = fixture_or_skip(state);

        stream_make(",\"subjects\":[\"eavesdrop.*\"]");
        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, "max_payload: 4096\nauthorization: {user: eavesdrop, password: "
                                "\"" RIG_BROKER_PASSWORD "\"}");
        expect_refused_alone(fixture, "larger than what the server takes");
        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, NULL);
}

static void test_a_row_with_too_long_a_subject_is_refused_alone(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_nats, &fixture->config);
        struct player_answer answer;

        stream_make(",\"subjects\":[\"eavesdrop.*\"]");
        free(fixture->rows[3].stream);
        fixture->rows[3].stream = xasprintf("%05000d", 0);
        answer = player_send(player, fixture->rows, 6);
        assert_int_equal(answer.outcome, SINK_REFUSED);
        assert_int_equal(answer.n_taken, 3);
        expect_words(&answer, "a row's subject is longer than 3072 bytes");
        assert_int_equal(player_send(player, fixture->rows + 4, 2).outcome, SINK_TAKEN);
        player_close(player);
        expect_rows(fixture->rows, 6, 3);
}

// The stream takes the subjects of some rows only: the others must not hold all up for ever.
static void test_a_row_that_no_stream_takes_is_refused_alone(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_nats, &fixture->config);
        struct player_answer answer;

        stream_make(",\"subjects\":[\"eavesdrop.front%20door\"]");
        free(fixture->rows[0].stream);
        fixture->rows[0].stream = xstrdup("porch");
        // Nothing was taken yet: it may be the stream that is wrong.
        answer = player_send(player, fixture->rows, 1);
        assert_int_equal(answer.outcome, SINK_RETRY);
        answer = player_send(player, fixture->rows, 3);
        assert_int_equal(answer.outcome, SINK_REFUSED);
        assert_int_equal(answer.n_taken, 0);
        expect_words(&answer, "no JetStream stream takes a row's subject");
        answer = player_send(player, fixture->rows, 1);
        assert_int_equal(answer.outcome, SINK_REFUSED);
        assert_int_equal(player_send(player, fixture->rows + 1, 2).outcome, SINK_TAKEN);
        player_close(player);
        expect_rows(fixture->rows, 3, 0);
}

// --- faults ----------------------------------------------------------------------------

struct restart {
        struct loop_timer *timer;
        unsigned n;
        bool is_down;
};

static void restart_on_timer(void *context) {
        struct restart *restart = context;

        if (!restart->is_down)
                rig_broker_stop(&broker, SIGKILL);
        else
                rig_nats_start(&broker, NULL);
        restart->is_down = !restart->is_down;
        if (++restart->n < RESTARTS)
                loop_timer_set(restart->timer,
                               restart->is_down ? 100 * NSEC_PER_MSEC : 20 * NSEC_PER_MSEC);
}

static void test_restarts_lose_and_double_nothing(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct row *rows = rig_rows_make("garage", "many", MANY_ROWS);
        struct restart restart = {0};
        struct player *player;
        unsigned n_retries;

        fixture->config.can_create = true;
        player = player_open(&sink_nats, &fixture->config);
        restart.timer = loop_timer_new(player_loop(player), restart_on_timer, &restart);
        assert_int_equal(player_send(player, rows, 1).outcome, SINK_TAKEN);
        loop_timer_set(restart.timer, 20 * NSEC_PER_MSEC);
        n_retries = player_deliver(player, rows, MANY_ROWS);
        assert_true(restart.n >= 2 && n_retries > 0);
        while (restart.n < RESTARTS)
                player_pause(player, 50 * NSEC_PER_MSEC);
        player_deliver(player, rows, MANY_ROWS);
        expect_rows(rows, MANY_ROWS, MANY_ROWS);
        loop_timer_free(restart.timer);
        player_close(player);
        rig_rows_free(rows, MANY_ROWS);
}

static void test_a_server_that_says_nothing_is_given_up(void **state) {
        struct fixture *fixture = *state;
        int port = 0, listener = rig_broker_mute(&port);
        struct player_answer answer;
        struct player *player;

        free(fixture->config.url);
        fixture->config.url = xasprintf("nats://me:s3cr3t@127.0.0.1:%d", port);
        player = player_open(&sink_nats, &fixture->config);
        answer = player_send(player, fixture->rows, 1);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "no connection");
        // Closed while the thread connects: it ends by itself.
        player_begin(player, fixture->rows, 1);
        player_close(player);
        close(listener);
}

static void test_a_server_without_jetstream_is_told(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player *player = player_open(&sink_nats, &fixture->config);
        struct player_answer answer;

        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, "jetstream: false\nauthorization: {user: eavesdrop, password: "
                                "\"" RIG_BROKER_PASSWORD "\"}");
        answer = player_send(player, fixture->rows, 1);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "the server has no JetStream");
        player_close(player);
        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, NULL);
}

// --- who and how -----------------------------------------------------------------------

static struct player_answer answer_to(struct fixture *fixture) {
        struct player *player = player_open(&sink_nats, &fixture->config);
        struct player_answer answer = player_send(player, fixture->rows, 1);

        player_close(player);
        return answer;
}

static void url_set(struct fixture *fixture, const char *scheme, const char *principal,
                    const char *host) {
        free(fixture->config.url);
        fixture->config.url = xasprintf("%s://%s%s:%d", scheme, principal, host, broker.port);
}

static void test_who_is_not_let_in_is_told_without_secrets(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player_answer answer;

        url_set(fixture, "nats", "eavesdrop:s3cr3t-of-another@", "127.0.0.1");
        answer = answer_to(fixture);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "Authorization");
        fixture->config.credentials = (char *)(uintptr_t) "/nowhere/user.creds";
        answer = answer_to(fixture);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "/nowhere/user.creds");
}

static void test_who_may_not_publish_is_told(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        struct player_answer answer;

        stream_make(",\"subjects\":[\"eavesdrop.*\"]");
        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, "authorization: {users: [{user: eavesdrop, password: "
                                "\"" RIG_BROKER_PASSWORD "\", permissions: {publish: "
                                "\"$JS.API.>\"}}]}");
        answer = answer_to(fixture);
        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, NULL);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "Permissions Violation");
}

static void test_a_token_and_tls(void **state) {
        struct fixture *fixture = fixture_or_skip(state);
        CLEANUP(mem_freep) char *authority = xasprintf("%s/certificate.pem", broker.folder);
        struct player_answer answer;

        rig_broker_certify(&broker);
        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, "authorization: {token: \"t0k@n\"}\n"
                                "tls: {cert_file: \"certificate.pem\", key_file: \"key.pem\"}");
        fixture->config.can_create = true;
        fixture->config.authority = authority;
        url_set(fixture, "tls", "t0k%40n@", "localhost");
        answer = answer_to(fixture);
        assert_int_equal(answer.outcome, SINK_TAKEN);
        // Another name, another authority, a stranger's token, no TLS.
        url_set(fixture, "tls", "t0k%40n@", "127.0.0.1");
        answer = answer_to(fixture);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "mismatch");
        url_set(fixture, "tls", "t0k%40n@", "localhost");
        fixture->config.authority = NULL;
        answer = answer_to(fixture);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "certificate");
        url_set(fixture, "nats", "t0k%40n@", "localhost");
        answer = answer_to(fixture);
        assert_int_equal(answer.outcome, SINK_RETRY);
        fixture->config.authority = authority;
        url_set(fixture, "tls", "s3cr3t@", "localhost");
        answer = answer_to(fixture);
        assert_int_equal(answer.outcome, SINK_RETRY);
        expect_words(&answer, "Authorization");
        rig_broker_stop(&broker, SIGTERM);
        rig_nats_start(&broker, NULL);
}

static void test_check_names_the_key(void **state) {
        struct sink_config config = {.name = (char *)(uintptr_t) "bus"};
        struct error error;

        (void)state;
        assert_true(sink_nats.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "url: "));
        config.url = (char *)(uintptr_t) "nats://me:s3cr3t@x@bus";
        assert_true(sink_nats.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "url: "));
        assert_null(strstr(error.text, "s3cr3t"));
        config.url = (char *)(uintptr_t) "nats://bus";
        assert_int_equal(sink_nats.check(&config, &error), 0);
        config.stream = (char *)(uintptr_t) "a.b";
        assert_true(sink_nats.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "stream: "));
        config.stream = NULL;
        config.subject = (char *)(uintptr_t) "a.{b}";
        assert_true(sink_nats.check(&config, &error) < 0);
        assert_non_null(strstr(error.text, "subject: "));
}

static int broker_begin(void **state) {
        (void)state;
        if (rig_nats_make(&broker))
                rig_nats_start(&broker, NULL);
        return 0;
}

static int broker_end(void **state) {
        (void)state;
        rig_broker_remove(&broker);
        return 0;
}

#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                SERVER_TEST(test_rows_arrive_once_under_their_subject),
                SERVER_TEST(test_a_stream_of_another_name_is_found_by_its_subjects),
                SERVER_TEST(test_a_stream_that_is_not_there_is_waited_for),
                SERVER_TEST(test_another_stream_than_the_one_that_is_named_is_told),
                SERVER_TEST(test_a_row_too_large_for_the_stream_is_refused_alone),
                SERVER_TEST(test_a_row_too_large_for_the_server_is_refused_alone),
                SERVER_TEST(test_a_row_with_too_long_a_subject_is_refused_alone),
                SERVER_TEST(test_a_row_that_no_stream_takes_is_refused_alone),
                SERVER_TEST(test_restarts_lose_and_double_nothing),
                SERVER_TEST(test_a_server_that_says_nothing_is_given_up),
                SERVER_TEST(test_a_server_without_jetstream_is_told),
                SERVER_TEST(test_who_is_not_let_in_is_told_without_secrets),
                SERVER_TEST(test_who_may_not_publish_is_told),
                SERVER_TEST(test_a_token_and_tls),
                cmocka_unit_test(test_check_names_the_key),
        };

        return cmocka_run_group_tests(tests, broker_begin, broker_end);
}
