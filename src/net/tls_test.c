// TLS on the port: what is told to those who do not speak it, who speak it slowly, and when the
// certificate changes; and which certificates are none.
#include "net/net_client.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "net/connection.h"

#define GET "GET / HTTP/1.1\r\n" HEAD "\r\n"

// A socket without TLS, at a port that speaks it.
static int client_connect_plain(struct net_fixture *net) {
        int fd = client_connect(net);

        net_tls_forget(fd);
        return fd;
}

static void plain_http_is_told_in_plain_text(void **state) {
        static const char *const requests[] = {GET, "POST /x HTTP/1.1\r\n", "D"};
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                int fd = client_connect_plain(net);

                client_say(net, fd, requests[i]);
                assert_true(client_read(net, fd, SIZE_MAX));
                assert_memory_equal(net->output, "HTTP/1.1 400 ", 13);
                assert_non_null(strstr(net->output, "https://"));
                close(fd);
        }
        assert_int_equal(net->n_requests, 0);
        loop_advance(net->loop, CONNECTION_LINGER);
        assert_int_equal(listener_connections(net->listener), 0);
}

static void nonsense_is_closed(void **state) {
        static const uint8_t nonsense[64] = {22, 3, 1, 0, 4, 9, 9, 9, 9};
        struct net_fixture *net = *state;
        int fd = client_connect_plain(net);

        client_send(net, fd, nonsense, sizeof(nonsense));
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_int_equal(net->output[0], 21);  // an alert
        close(fd);
        assert_int_equal(listener_connections(net->listener), 0);
}

// A handshake that trickles has as much time as a head has, and not each byte anew; nor has one
// that never begins.
static void a_slow_handshake_is_closed(void **state) {
        static const uint8_t hello[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0};
        struct net_fixture *net = *state;
        int fd = client_connect_plain(net), silent = client_connect_plain(net);

        for (size_t i = 0; i < 9; i++) {
                client_send(net, fd, hello + i, 1);
                loop_advance(net->loop, NSEC_PER_SEC);
        }
        assert_false(client_peek(net, fd));
        loop_advance(net->loop, NSEC_PER_SEC);
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_int_equal(net->n_output, 0);
        assert_true(client_read(net, silent, SIZE_MAX));
        loop_advance(net->loop, CONNECTION_LINGER);
        assert_int_equal(listener_connections(net->listener), 0);
        close(fd);
        close(silent);
}

static void a_handshake_that_ends_is_closed(void **state) {
        static const uint8_t hello[] = {22, 3, 1, 2, 0, 1};
        struct net_fixture *net = *state;
        int fd = client_connect_plain(net);

        client_send(net, fd, hello, sizeof(hello));
        shutdown(fd, SHUT_WR);
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_int_equal(listener_connections(net->listener), 0);
        close(fd);
}

// The last answer is followed by a word that it was the last, which nobody on the way can say;
// and the peer's own word is an end as any other.
static void ends_are_said_and_heard(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);
        SSL *ssl = net_tls.of_fd[fd].ssl;

        client_say(net, fd, "GET / HTTP/1.1\r\n" HEAD "Connection: close\r\n\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_memory_equal(net->output, "HTTP/1.1 200 ", 13);
        assert_int_equal(SSL_get_shutdown(ssl), SSL_RECEIVED_SHUTDOWN);
        close(fd);

        fd = client_connect(net);
        ssl = net_tls.of_fd[fd].ssl;
        net->body_bytes = OUTPUT_MAX / 2;
        client_say(net, fd, "GET / HTTP/1.0\r\n\r\n");
        assert_int_equal(SSL_shutdown(ssl), 0);
        client_send(net, fd, "", 0);
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_true(net->n_output > OUTPUT_MAX / 2);
        close(fd);
}

static void modern_versions_and_http_only(void **state) {
        static const struct {
                const char *protocols;
                int version;
                bool is_good;
        } cases[] = {
                {"\x02h2\x08http/1.1", TLS1_3_VERSION, true},
                {"\x08http/1.1", TLS1_2_VERSION, true},
                {"\x02h2", TLS1_3_VERSION, false},
                {"\x08http/1.1", TLS1_1_VERSION, false},
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const uint8_t *protocol = NULL;
                unsigned n = 0;
                int fd = client_connect(net);
                SSL *ssl = net_tls.of_fd[fd].ssl;

                SSL_set_security_level(ssl, 0);
                SSL_set_min_proto_version(ssl, cases[i].version);
                SSL_set_max_proto_version(ssl, cases[i].version);
                assert_int_equal(SSL_set_alpn_protos(ssl, (const uint8_t *)cases[i].protocols,
                                                     (unsigned)strlen(cases[i].protocols)),
                                 0);
                client_say(net, fd, GET);
                client_peek(net, fd);
                assert_true((net->n_output > 0) == cases[i].is_good);
                SSL_get0_alpn_selected(ssl, &protocol, &n);
                assert_int_equal(n, cases[i].is_good ? 8 : 0);
                if (cases[i].is_good)  // nothing to resume a session with
                        assert_false(SSL_SESSION_has_ticket(SSL_get0_session(ssl)));
                close(fd);
        }
}

// Who is one too many hears that behind the handshake, and not before.
static void the_surplus_is_told_encrypted(void **state) {
        struct net_fixture *net = *state;
        int fds[2];

        listener_limit(net->listener, &(struct listener_limits){.per_address = 1});
        for (int i = 0; i < 2; i++) {
                fds[i] = client_connect(net);
                client_say(net, fds[i], GET);
                client_read(net, fds[i], i ? SIZE_MAX : 1);
                assert_memory_equal(net->output, i ? "HTTP/1.1 503" : "H", i ? 12 : 1);
        }
        close(fds[0]);
        close(fds[1]);
}

static void a_new_certificate_is_for_new_connections(void **state) {
        struct net_fixture *net = *state;
        int before = client_connect(net), after;
        ASN1_INTEGER *serials[2];
        void *unused = NULL;

        client_say(net, before, GET);
        client_peek(net, before);
        net_tls_end(&unused);  // the folder goes, and this client's side with it
        close(before);
        net_tls_begin(&unused);
        before = client_connect(net);
        client_begin(net, before);
        listener_encrypt(net->listener, net_tls_identity());
        after = client_connect(net);
        client_begin(net, after);
        for (int i = 0; i < 2; i++) {
                int fd = i ? after : before;
                X509 *certificate = SSL_get1_peer_certificate(net_tls.of_fd[fd].ssl);

                serials[i] = ASN1_INTEGER_dup(X509_get_serialNumber(certificate));
                X509_free(certificate);
                client_say(net, fd, GET);
                client_peek(net, fd);
                assert_memory_equal(net->output, "HTTP/1.1 200 ", 13);
        }
        assert_int_not_equal(ASN1_INTEGER_cmp(serials[0], serials[1]), 0);
        ASN1_INTEGER_free(serials[0]);
        ASN1_INTEGER_free(serials[1]);
        close(before);
        close(after);
}

// --- identities ------------------------------------------------------------------------------

static void file_write(const char *path, const char *text) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void expect_refusal(const char *certificate, const char *key, int64_t now,
                           const char *words) {
        struct tls_identity *identity = NULL;
        struct error error = {0};

        assert_true(tls_identity_load(&identity, certificate, key, now, &error) < 0);
        assert_null(identity);
        if (!strstr(error.text, words))
                fail_msg("expected '%s' in: %s", words, error.text);
}

static void certificates_that_are_none_are_refused_by_name(void **state) {
        static const char locked[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8GCSqGSIb3"
                                     "DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBAAAAAAAAAAAAAAAAAAAAAA\n"
                                     "-----END ENCRYPTED PRIVATE KEY-----\n";
        CLEANUP(mem_freep) char *certificate = net_tls_path("server.pem");
        CLEANUP(mem_freep) char *key = net_tls_path("server.key");
        CLEANUP(mem_freep) char *other = net_tls_path("authority.key");
        CLEANUP(mem_freep) char *broken = net_tls_path("broken");
        struct tls_identity *identity = net_tls_identity();

        (void)state;
        assert_int_equal(tls_identity_expiry(identity),
                         NET_TIME + (int64_t)OWN_CERTIFICATE_DAYS * 86400);
        assert_true(tls_identity_is_for(identity, "localhost"));
        assert_true(tls_identity_is_for(identity, "127.0.0.1"));
        assert_false(tls_identity_is_for(identity, "localhost.example"));
        assert_false(tls_identity_is_for(identity, "[::1]"));
        tls_identity_free(identity);
        expect_refusal("/nowhere.pem", key, NET_TIME, "cannot read the certificate");
        expect_refusal(certificate, "/nowhere.key", NET_TIME, "cannot read the key");
        expect_refusal(key, key, NET_TIME, "no certificate in PEM");
        expect_refusal(certificate, certificate, NET_TIME, "no private key in PEM");
        expect_refusal(certificate, other, NET_TIME, "does not fit the certificate");
        expect_refusal(certificate, key, NET_TIME - 2000, "not valid before 2023-11-14");
        expect_refusal(certificate, key, NET_TIME + (int64_t)400 * 86400,
                       "expired on 2024-12-15");
        file_write(broken, locked);
        expect_refusal(certificate, broken, NET_TIME, "private key");
        file_write(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        expect_refusal(broken, key, NET_TIME, "no certificate in PEM");
        assert_int_equal(unlink(broken), 0);
}

static X509 *pem_read(const char *path) {
        FILE *file = fopen(path, "r");
        X509 *certificate;

        assert_non_null(file);
        certificate = PEM_read_X509(file, NULL, NULL, NULL);
        assert_non_null(certificate);
        assert_int_equal(fclose(file), 0);
        return certificate;
}

static void the_authority_is_told_and_a_stranger_is_none(void **state) {
        CLEANUP(mem_freep) char *path = net_tls_path("authority.pem");
        CLEANUP(mem_freep) char *key = net_tls_path("authority.key");
        struct tls_identity *identity = net_tls_identity();
        size_t n = 0;
        char *bytes = tls_identity_authority(identity, &n);
        const unsigned char *at = (const unsigned char *)bytes;
        X509 *authority = pem_read(path), *told;
        struct error error;

        (void)state;
        assert_non_null(bytes);
        told = d2i_X509(NULL, &at, (long)n);
        assert_non_null(told);
        assert_ptr_equal(at, bytes + n);
        assert_int_equal(X509_cmp(told, authority), 0);
        X509_free(told);
        X509_free(authority);
        free(bytes);
        tls_identity_free(identity);
        // Signed by itself, with nobody behind it.
        assert_int_equal(tls_identity_load(&identity, path, key, NET_TIME, &error), 0);
        assert_null(tls_identity_authority(identity, &n));
        tls_identity_free(identity);
}

static void the_authority_stays_and_the_keys_are_ours_alone(void **state) {
        static const char *const names[] = {"garage.local", "fd00::7", "*.cams.example"};
        static const char *const wrong[] = {"",     "a b",     ".x", "x.",
                                            "a..b", "a,DNS:b", "*",  "-\n"};
        CLEANUP(mem_freep) char *authority = net_tls_path("authority.pem");
        CLEANUP(mem_freep) char *authority_key = net_tls_path("authority.key");
        CLEANUP(mem_freep) char *key = net_tls_path("server.key");
        struct own_certificate_terms terms = {net_tls.folder, names, 3, NET_TIME,
                                              NET_TIME + 1000};
        struct stat before, after, secret;
        struct tls_identity *identity;
        struct error error = {0};

        (void)state;
        assert_int_equal(stat(authority, &before), 0);
        assert_int_equal(own_certificate_make(&terms, &error), 0);
        assert_int_equal(stat(authority, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(stat(key, &secret), 0);
        assert_int_equal(secret.st_mode & 0777, 0600);
        assert_int_equal(stat(authority_key, &secret), 0);
        assert_int_equal(secret.st_mode & 0777, 0600);
        identity = net_tls_identity();
        assert_true(tls_identity_is_for(identity, "garage.local"));
        assert_true(tls_identity_is_for(identity, "[fd00::7]"));
        assert_true(tls_identity_is_for(identity, "door.cams.example"));
        tls_identity_free(identity);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_true(own_certificate_name_check(wrong[i], &error) < 0);
        assert_int_equal(chmod(net_tls.folder, 0770), 0);
        assert_true(own_certificate_make(&terms, &error) < 0);
        assert_non_null(strstr(error.text, "others may write"));
        assert_int_equal(chmod(net_tls.folder, 0700), 0);
        file_write(authority, "none");
        assert_true(own_certificate_make(&terms, &error) < 0);
        assert_non_null(strstr(error.text, "no authority"));
}

#define with_listener(test) cmocka_unit_test_setup_teardown(test, client_setup, net_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                with_listener(plain_http_is_told_in_plain_text),
                with_listener(nonsense_is_closed),
                with_listener(a_slow_handshake_is_closed),
                with_listener(a_handshake_that_ends_is_closed),
                with_listener(ends_are_said_and_heard),
                with_listener(modern_versions_and_http_only),
                with_listener(the_surplus_is_told_encrypted),
                with_listener(a_new_certificate_is_for_new_connections),
                cmocka_unit_test(certificates_that_are_none_are_refused_by_name),
                cmocka_unit_test(the_authority_is_told_and_a_stranger_is_none),
                cmocka_unit_test(the_authority_stays_and_the_keys_are_ours_alone),
        };

        return cmocka_run_group_tests(tests, net_tls_begin, net_tls_end);
}
