#pragma once
// Net TLS fixture: the suites of the listener, once more with encryption. The group's set-up
// makes a certificate, with which each test's listener then speaks; clients speak TLS, too, and
// begin with that when they first send or read.
//
// Threads: the test's.

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_fixture.h"
#include "net/own_certificate.h"
#include "net/tls_identity.h"

#define NET_TIME    1700000000  // of the fixture's clock, in seconds
#define NET_FDS_MAX 4096

#define NET_TLS_BLOCK ((size_t)16 * 1024)  // that is encrypted at a time

static struct {
        char folder[32];  // of the certificate; "": nothing is encrypted
        SSL_CTX *clients;
        struct {
                SSL *ssl;        // NULL: plain
                uint8_t *block;  // that the socket did not take; the same is to be tried again
                size_t n_block;
        } of_fd[NET_FDS_MAX];
} net_tls;

static inline char *net_tls_path(const char *name) {
        return xasprintf("%s/%s", net_tls.folder, name);
}

static inline struct tls_identity *net_tls_identity(void) {
        CLEANUP(mem_freep) char *certificate = net_tls_path("server.pem");
        CLEANUP(mem_freep) char *key = net_tls_path("server.key");
        struct tls_identity *identity = NULL;
        struct error error = {0};

        if (tls_identity_load(&identity, certificate, key, NET_TIME, &error) < 0)
                fail_msg("%s", error.text);
        return identity;
}

// Have the fixture's listener speak TLS where the group of tests does.
static inline void net_tls_offer(struct net_fixture *net) {
        if (net_tls.folder[0])
                listener_encrypt(net->listener, net_tls_identity());
}

static inline int net_tls_begin(void **state) {
        static const char *const names[] = {"localhost", "127.0.0.1"};
        struct own_certificate_terms terms = {
                .folder = net_tls.folder,
                .names = names,
                .n_names = 2,
                .from = NET_TIME - 1000,
                .until = NET_TIME + (int64_t)OWN_CERTIFICATE_DAYS * 86400,
        };
        struct error error = {0};

        (void)state;
        snprintf(net_tls.folder, sizeof(net_tls.folder), "/tmp/net-tls-XXXXXX");
        assert_non_null(mkdtemp(net_tls.folder));
        if (own_certificate_make(&terms, &error) < 0)
                fail_msg("%s", error.text);
        net_tls.clients = SSL_CTX_new(TLS_client_method());
        assert_non_null(net_tls.clients);
        SSL_CTX_set_mode(net_tls.clients,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return 0;
}

static inline void net_tls_forget(int fd) {
        SSL_free(net_tls.of_fd[fd].ssl);
        free(net_tls.of_fd[fd].block);
        memset(&net_tls.of_fd[fd], 0, sizeof(net_tls.of_fd[fd]));
}

static inline int net_tls_end(void **state) {
        static const char *const names[] = {"server.pem", "server.key", "authority.pem",
                                            "authority.key"};

        (void)state;
        for (int fd = 0; fd < NET_FDS_MAX; fd++)
                net_tls_forget(fd);
        SSL_CTX_free(net_tls.clients);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                CLEANUP(mem_freep) char *path = net_tls_path(names[i]);

                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(rmdir(net_tls.folder), 0);
        memset(&net_tls, 0, sizeof(net_tls));
        return 0;
}

// A new client's socket: whatever had its number before is over.
static inline void net_tls_connect(int fd) {
        SSL *ssl;

        assert_in_range(fd, 0, NET_FDS_MAX - 1);
        net_tls_forget(fd);
        if (!net_tls.folder[0])
                return;
        ssl = net_tls.of_fd[fd].ssl = SSL_new(net_tls.clients);
        assert_non_null(ssl);
        assert_int_equal(SSL_set_fd(ssl, fd), 1);
        SSL_set_connect_state(ssl);
}

// As send() and recv() say it.
static inline ssize_t net_tls_result(const SSL *ssl) {
        int number = errno, error = SSL_get_error(ssl, 0);

        ERR_clear_error();
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
                errno = EAGAIN;
                return -1;
        }
        errno = number;
        return error == SSL_ERROR_SYSCALL && number ? -1 : 0;
}

// Try to send the block that was left. False when some is left still.
static inline bool net_tls_push(int fd) {
        size_t n_sent;

        if (!net_tls.of_fd[fd].n_block)
                return true;
        if (SSL_write_ex(net_tls.of_fd[fd].ssl, net_tls.of_fd[fd].block,
                         net_tls.of_fd[fd].n_block, &n_sent) != 1)
                return false;
        net_tls.of_fd[fd].n_block = 0;
        return true;
}

// send() and recv() without waiting, encrypted where the socket's listener speaks TLS.
static inline ssize_t net_send(int fd, const void *bytes, size_t n) {
        SSL *ssl = net_tls.of_fd[fd].ssl;

        if (!ssl)
                return send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > NET_TLS_BLOCK)
                n = NET_TLS_BLOCK;
        errno = 0;
        if (!SSL_is_init_finished(ssl) && SSL_do_handshake(ssl) != 1) {
                if (net_tls_result(ssl) < 0)
                        return -1;
                errno = EPIPE;
                return -1;
        }
        if (!net_tls_push(fd)) {
                errno = EAGAIN;
                return -1;
        }
        if (!net_tls.of_fd[fd].block)
                net_tls.of_fd[fd].block = xcalloc(NET_TLS_BLOCK, 1);
        memcpy(net_tls.of_fd[fd].block, bytes, n);
        net_tls.of_fd[fd].n_block = n;
        (void)net_tls_push(fd);
        return (ssize_t)n;
}

static inline ssize_t net_recv(int fd, void *bytes, size_t n) {
        SSL *ssl = net_tls.of_fd[fd].ssl;
        size_t n_read;

        if (!ssl)
                return recv(fd, bytes, n, MSG_DONTWAIT);
        (void)net_tls_push(fd);
        errno = 0;
        return SSL_read_ex(ssl, bytes, n, &n_read) == 1 ? (ssize_t)n_read : net_tls_result(ssl);
}

// Run a group of tests (an array) without encryption, and then with it. Returns how many fail.
#define run_plain_and_encrypted(tests)                             \
        (cmocka_run_group_tests_name("plain", tests, NULL, NULL) + \
         cmocka_run_group_tests_name("encrypted", tests, net_tls_begin, net_tls_end))
