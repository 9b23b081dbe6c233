#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_identity_private.h"
#include "util/mem.h"

struct tls {
        SSL *ssl;
        struct bytes *arrived;
        size_t n_used;  // of its beginning
        struct bytes *leaving;
        bool has_begun;  // something was read
        bool is_broken;
        bool has_ended;  // we have said so
};

// --- the wire, as OpenSSL sees it
// --------------------------------------------------------------

static int wire_read(BIO *wire, char *buffer, int n) {
        struct tls *tls = BIO_get_data(wire);
        struct bytes *arrived = tls->arrived;
        size_t n_there = arrived->n - tls->n_used;

        BIO_clear_retry_flags(wire);
        if (n_there == 0) {
                BIO_set_retry_read(wire);
                return -1;
        }
        if ((size_t)n > n_there)
                n = (int)n_there;
        memcpy(buffer, arrived->data + tls->n_used, (size_t)n);
        tls->n_used += (size_t)n;
        if (tls->n_used == arrived->n) {
                bytes_deinit(arrived);
                tls->n_used = 0;
        }
        return n;
}

static int wire_write(BIO *wire, const char *bytes, int n) {
        const struct tls *tls = BIO_get_data(wire);

        BIO_clear_retry_flags(wire);
        return bytes_append(tls->leaving, bytes, (size_t)n) ? n : -1;
}

static long wire_control(BIO *wire, int command, long number, void *pointer) {
        (void)wire;
        (void)number;
        (void)pointer;
        return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method;

static void wire_method_make(void) {
        wire_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
        if (!wire_method)
                return;
        BIO_meth_set_read(wire_method, wire_read);
        BIO_meth_set_write(wire_method, wire_write);
        BIO_meth_set_ctrl(wire_method, wire_control);
}

static BIO *wire_new(struct tls *tls) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        BIO *wire;

        pthread_once(&once, wire_method_make);
        wire = wire_method ? BIO_new(wire_method) : NULL;
        if (!wire)
                return NULL;
        BIO_set_data(wire, tls);
        BIO_set_init(wire, 1);
        return wire;
}

// --- life
// --------------------------------------------------------------------------------------

struct tls *tls_new(const struct tls_identity *identity, struct bytes *arrived,
                    struct bytes *leaving) {
        struct tls *tls = xnew(struct tls);
        BIO *wire = wire_new(tls);

        ERR_clear_error();
        tls->ssl = wire ? SSL_new(tls_identity_context(identity)) : NULL;
        if (!tls->ssl) {
                BIO_free(wire);
                return mem_free(tls);
        }
        tls->arrived = arrived;
        tls->leaving = leaving;
        SSL_set_bio(tls->ssl, wire, wire);
        SSL_set_accept_state(tls->ssl);
        return tls;
}

struct tls *tls_free(struct tls *tls) {
        if (!tls)
                return NULL;
        SSL_free(tls->ssl);
        return mem_free(tls);
}

// --- both ways
// -----------------------------------------------------------------------------------

bool tls_is_ready(const struct tls *tls) {
        return !tls->is_broken && SSL_is_init_finished(tls->ssl);
}

bool tls_is_plain(const struct tls *tls) {
        // Methods are written in capital letters.
        return !tls->has_begun && tls->arrived->n > 0 && tls->arrived->data[0] >= 'A' &&
               tls->arrived->data[0] <= 'Z';
}

enum tls_result tls_read(struct tls *tls, void *buffer, size_t n, size_t *ret_n) {
        if (tls->is_broken)
                return TLS_BROKEN;
        tls->has_begun = tls->has_begun || tls->arrived->n > 0;
        ERR_clear_error();
        if (SSL_read_ex(tls->ssl, buffer, n, ret_n) == 1)
                return TLS_BYTES;
        switch (SSL_get_error(tls->ssl, 0)) {
        case SSL_ERROR_WANT_READ:
                return TLS_WAITS;
        case SSL_ERROR_ZERO_RETURN:
                bytes_deinit(tls->arrived);
                tls->n_used = 0;
                return TLS_ENDED;
        default:
                tls->is_broken = true;
                ERR_clear_error();
                return TLS_BROKEN;
        }
}

bool tls_write(struct tls *tls, const void *bytes, size_t n) {
        size_t n_written;

        if (tls->is_broken)
                return false;
        ERR_clear_error();
        if (n == 0 || SSL_write_ex(tls->ssl, bytes, n, &n_written) == 1)
                return true;
        tls->is_broken = true;
        ERR_clear_error();
        return false;
}

void tls_end(struct tls *tls) {
        if (!tls_is_ready(tls) || tls->has_ended)
                return;
        tls->has_ended = true;
        ERR_clear_error();
        // Half of it: the peer's own end is not waited for.
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
}
