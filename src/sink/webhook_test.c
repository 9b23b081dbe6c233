// Webhooks: the contract, and servers that answer all kinds of things, or nothing.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/contract_rig.h"
#include "sink/http_peer_rig.h"
#include "sink/signature.h"
#include "util/mem.h"

static struct http_peer peer;
static char *url;

static void peer_set_fault(void *context, enum contract_fault fault, bool is_on) {
        (void)context;
        switch (fault) {
        case CONTRACT_DOWN:
                if (is_on)
                        http_peer_stop(&peer);
                else
                        http_peer_start(&peer, peer.loop);
                break;
        case CONTRACT_REFUSING:
                peer.poison = is_on ? CONTRACT_POISON : NULL;
                peer.poison_status = 400;
                break;
        default:
                peer.manner = !is_on                     ? HTTP_ANSWERS
                              : fault == CONTRACT_SILENT ? HTTP_SILENT
                                                         : HTTP_CLOSING;
        }
}

static size_t peer_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t most) {
        size_t n = peer.n_ids < most ? peer.n_ids : most;

        (void)context;
        memcpy(ret, peer.ids, n * sizeof(*ret));
        return n;
}

static int setup(void **state) {
        struct contract *contract = contract_new(&(struct contract_peer){
                .config = {.type = SINK_WEBHOOK, .secret = (char *)CONTRACT_SECRET},
                .faults = (1U << CONTRACT_FAULTS) - 1,
                .set_fault = peer_set_fault,
                .ids = peer_ids,
        });

        signal(SIGPIPE, SIG_IGN);
        peer = (struct http_peer){0};
        http_peer_start(&peer, contract_loop(contract));
        url = xasprintf("http://me:" CONTRACT_SECRET "@127.0.0.1:%d/heard?a=b", peer.port);
        contract_config(contract)->url = url;
        *state = contract;
        return 0;
}

static int teardown(void **state) {
        http_peer_deinit(&peer);
        contract_free(*state);
        free(url);
        return 0;
}

static void assert_header(const char *name, const char *value) {
        CLEANUP(mem_freep) char *there = http_peer_header(&peer, name);

        if (!value) {
                assert_null(there);
                return;
        }
        assert_non_null(there);
        assert_string_equal(there, value);
}

static void what_is_posted_is_signed(void **state) {
        CLEANUP(mem_freep) char *id = NULL, *time = NULL;
        struct signature_key key = {0};
        char signature[SIGNATURE_TEXT_MAX], ids[2][ROW_ID_TEXT_MAX], expected[80];

        contract_open(*state);
        contract_append(*state, 1);
        contract_settle(*state);
        assert_memory_equal(peer.head, "POST /heard?a=b HTTP/1.1\r\n", 26);
        assert_int_equal(peer_ids(NULL, ids, 2), 1);
        assert_header("webhook-id", ids[0]);
        assert_header("Content-Type", "application/json");
        assert_header("Authorization", "Basic bWU6czNjcjN0LXcwcmQ=");
        assert_header("User-Agent", "eavesdrop/" EAVESDROP_VERSION);
        assert_header("Expect", NULL);
        id = http_peer_header(&peer, "webhook-id");
        time = http_peer_header(&peer, "webhook-timestamp");
        assert_memory_equal(time, "17000000", 8);
        assert_int_equal(signature_key_read(&key, CONTRACT_SECRET, NULL), 0);
        signature_write(signature, &key, id, time, peer.body, strlen(peer.body));
        signature_key_deinit(&key);
        assert_header("webhook-signature", signature);
        // A batch of several is named after all of it.
        peer.n_ids = 0;
        peer.manner = HTTP_SILENT;
        contract_close(*state);
        contract_append(*state, 3);
        contract_flush(*state);
        contract_open(*state);
        contract_wait_for_trouble(*state);
        free(id);
        id = http_peer_header(&peer, "webhook-id");
        peer.manner = HTTP_ANSWERS;
        contract_append(*state, 1);
        contract_wait_for_rows(*state);
        snprintf(expected, sizeof(expected), "%s_%s", peer.ids[0], peer.ids[2]);
        assert_string_equal(id, expected);
        assert_int_equal(peer.n_ids, 4);
        assert_header("webhook-id", peer.ids[3]);
}

// libcurl would ask for leave to send it, and wait for a second where nobody gives it.
static void a_long_row_is_posted_without_asking(void **state) {
        char *text = xcalloc((size_t)2 << 20, 1);

        memset(text, 'x', ((size_t)2 << 20) - 1);
        contract_open(*state);
        contract_say(*state, NULL, text);
        free(text);
        contract_settle(*state);
        assert_header("Expect", NULL);
}

static void without_a_secret_nothing_is_signed(void **state) {
        contract_config(*state)->secret = NULL;
        contract_open(*state);
        contract_append(*state, 1);
        contract_settle(*state);
        assert_header("webhook-signature", NULL);
}

static void one_connection_is_enough(void **state) {
        contract_open(*state);
        for (int i = 0; i < 5; i++) {
                contract_append(*state, 1);
                contract_settle(*state);
        }
        assert_int_equal(peer.n_requests, 5);
        assert_int_equal(peer.n_connections, 1);
}

static void some_answers_are_for_later(void **state) {
        static const struct {
                int status;
                const char *trouble;
        } answers[] = {
                {500, "it answers 500"},
                {503, "it answers 503"},
                {429, "it answers 429"},
                {408, "it answers 408"},
                {425, "it answers 425"},
                {401, "it answers 401"},
                {404, "it answers 404"},
                {301,
                 "it answers 301, a redirect, which is not followed: give the address that "
                 "it leads to"},
                {307,
                 "it answers 307, a redirect, which is not followed: give the address that "
                 "it leads to"},
        };

        contract_open(*state);
        for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
                peer.status = answers[i].status;
                peer.headers = "Location: http://127.0.0.1:1/elsewhere\r\n";
                contract_append(*state, 3);
                contract_wait_for_trouble(*state);
                assert_string_equal(contract_state(*state).trouble, answers[i].trouble);
                peer.status = 200;
                contract_settle(*state);
        }
        assert_int_equal(contract_state(*state).n_retries, sizeof(answers) / sizeof(*answers));
}

static void servers_that_are_none_are_asked_again(void **state) {
        static const enum http_manner manners[] = {HTTP_CLOSING, HTTP_HURRIED, HTTP_BABBLING,
                                                   HTTP_SILENT};

        contract_open(*state);
        for (size_t i = 0; i < sizeof(manners) / sizeof(*manners); i++) {
                peer.manner = manners[i];
                contract_append(*state, 3);
                contract_wait_for_trouble(*state);
                peer.manner = HTTP_ANSWERS;
                contract_settle(*state);
        }
}

static void a_server_may_say_when_to_come_again(void **state) {
        struct loop *loop = contract_loop(*state);
        nsec_t begin;

        contract_open(*state);
        peer.status = 429;
        peer.headers = "Retry-After: 100\r\n";
        contract_append(*state, 1);
        contract_wait_for_trouble(*state);
        begin = loop_now(loop);
        peer.status = 200;
        contract_settle(*state);
        assert_true(loop_now(loop) - begin >= 99 * NSEC_PER_SEC);
        // Or a date: this one is in the past.
        peer.status = 503;
        peer.headers = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
        contract_append(*state, 1);
        contract_wait_for_trouble(*state);
        begin = loop_now(loop);
        peer.status = 200;
        contract_settle(*state);
        assert_true(loop_now(loop) - begin < 3 * NSEC_PER_SEC);
}

static void a_server_that_is_gone_is_left_alone(void **state) {
        unsigned n;

        contract_open(*state);
        peer.status = 410;
        contract_append(*state, 3);
        contract_wait_for_end(*state);
        assert_string_equal(contract_state(*state).trouble,
                            "it answers 410: it is gone, and wants no more");
        n = peer.n_requests;
        contract_append(*state, 3);
        loop_advance(contract_loop(*state), 3600 * NSEC_PER_SEC);
        assert_int_equal(peer.n_requests, n);
}

// Of a batch that is too large, or has one such row, the others come through.
static void rows_of_a_refused_batch_come_one_by_one(void **state) {
        static const int statuses[] = {400, 413, 422};

        contract_config(*state)->tries_max = 1;
        contract_open(*state);
        for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
                peer.poison = ",{\"kind\":";  // any batch
                peer.poison_status = statuses[i];
                contract_append(*state, 4);
                contract_settle(*state);
        }
        assert_int_equal(contract_state(*state).n_set_aside, 0);
        peer.poison = "rotten";
        contract_append(*state, 2);
        contract_say(*state, NULL, "rotten");
        contract_append(*state, 2);
        contract_wait_for_rows(*state);
        assert_int_equal(contract_state(*state).n_set_aside, 1);
        assert_int_equal(peer.n_ids, 12 + 4);
}

// What was taken of a batch that came row by row is not sent again.
static void a_server_may_fail_in_the_middle_of_a_refused_batch(void **state) {
        peer.poison = ",{\"kind\":";
        peer.poison_status = 400;
        peer.n_good = 3;  // the batch, and two rows
        contract_open(*state);
        contract_close(*state);
        contract_append(*state, 4);
        contract_flush(*state);
        contract_open(*state);
        contract_wait_for_trouble(*state);
        assert_int_equal(contract_state(*state).n_delivered, 2);
        peer.n_good = 0;
        contract_settle(*state);
        assert_int_equal(peer.n_ids, 4);
}

static void a_long_answer_is_not_read(void **state) {
        peer.answer_bytes = 3 << 20;
        contract_open(*state);
        contract_append(*state, 1);
        contract_settle(*state);
}

static void what_cannot_be_is_a_mistake(void **state) {
        static const struct {
                const char *url, *secret, *authority, *error;
        } mistakes[] = {
                {NULL, NULL, NULL, "url: say where the rows are posted to"},
                {"ftp://host/", NULL, NULL, "url: it has to begin with http:// or https://"},
                {"http://me:hush@ho st/", NULL, NULL,
                 "url: this is no address: http://***@ho st/"},
                {"http://host/", "whsec_hush!", NULL,
                 "secret: what follows whsec_ is not base64"},
        };
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
                struct sink_config config = {.name = (char *)"hook",
                                             .type = SINK_WEBHOOK,
                                             .url = (char *)mistakes[i].url,
                                             .secret = (char *)mistakes[i].secret};

                assert_true(sink_check(&config, &error) < 0);
                assert_null(strstr(error.text, "hush"));
                assert_string_equal(error.text, mistakes[i].error);
        }
}

static void an_authority_has_to_be_there(void **state) {
        contract_config(*state)->authority = (char *)"/nowhere/ca.pem";
        contract_open_any(*state);
        assert_int_equal(contract_state(*state).health, SINK_STOPPED);
        assert_string_equal(
                contract_state(*state).trouble,
                "authority: /nowhere/ca.pem cannot be read, or has no certificate in "
                "PEM");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CONTRACT_TESTS(setup, teardown),
                TEST(what_is_posted_is_signed),
                TEST(a_long_row_is_posted_without_asking),
                TEST(without_a_secret_nothing_is_signed),
                TEST(one_connection_is_enough),
                TEST(some_answers_are_for_later),
                TEST(servers_that_are_none_are_asked_again),
                TEST(a_server_may_say_when_to_come_again),
                TEST(a_server_that_is_gone_is_left_alone),
                TEST(rows_of_a_refused_batch_come_one_by_one),
                TEST(a_server_may_fail_in_the_middle_of_a_refused_batch),
                TEST(a_long_answer_is_not_read),
                TEST(an_authority_has_to_be_there),
                cmocka_unit_test(what_cannot_be_is_a_mistake),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
