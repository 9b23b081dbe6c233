#include "net/tls_identity_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/mem.h"

// TLS 1.3 has only good ones. Of TLS 1.2's: those that agree on a new key each time, and that
// authenticate what they encrypt.
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_identity {
        SSL_CTX *context;
        int64_t expiry;
};

// The process may end while another thread is within OpenSSL. What that has is then left to the
// kernel: its own end would free it under the thread's feet. The first word about this holds,
// so it is said before anything else of OpenSSL's is called.
__attribute__((constructor)) static void openssl_keep(void) {
        OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

// What OpenSSL complains about, as words; its list of errors is then empty.
static const char *openssl_words(void) {
        unsigned long number = ERR_peek_last_error();
        const char *words = ERR_reason_error_string(number);

        ERR_clear_error();
        return words ? words : "no reason given";
}

// --- reading ---------------------------------------------------------------------------------

static int file_open(BIO **ret, const char *path, const char *what, struct error *error) {
        *ret = BIO_new_file(path, "r");
        if (*ret)
                return 0;
        ERR_clear_error();
        return error_set(error, -(errno ? errno : EIO), "cannot read the %s %s: %s", what, path,
                         strerrordesc_np(errno ? errno : EIO));
}

// Nobody is there to be asked for a passphrase. The library says what it is called with.
// NOLINTNEXTLINE(readability-non-const-parameter)
static int passphrase_refuse(char *buffer, int size, int is_writing, void *context) {
        (void)buffer;
        (void)size;
        (void)is_writing;
        *(bool *)context = true;
        return -1;
}

static int key_read(EVP_PKEY **ret, const char *path, struct error *error) {
        bool has_passphrase = false;
        BIO *file;
        int r = file_open(&file, path, "key", error);

        if (r < 0)
                return r;
        *ret = PEM_read_bio_PrivateKey(file, NULL, passphrase_refuse, &has_passphrase);
        BIO_free(file);
        if (*ret)
                return 0;
        if (has_passphrase) {
                ERR_clear_error();
                return error_set(error, -EINVAL,
                                 "the key %s has a passphrase, which nobody can be asked for; "
                                 "store it without one, readable by the server's user only",
                                 path);
        }
        return error_set(error, -EINVAL, "%s is no private key in PEM: %s", path,
                         openssl_words());
}

// The certificate, and behind it those of its authorities.
static int chain_read(SSL_CTX *context, const char *path, struct error *error) {
        BIO *file;
        int r = file_open(&file, path, "certificate", error);

        if (r < 0)
                return r;
        BIO_free(file);
        if (SSL_CTX_use_certificate_chain_file(context, path) == 1)
                return 0;
        return error_set(error, -EINVAL, "%s is no certificate in PEM that can be used: %s",
                         path, openssl_words());
}

// --- checking --------------------------------------------------------------------------------

static int64_t seconds_of(const ASN1_TIME *time) {
        struct tm broken_down;

        return ASN1_TIME_to_tm(time, &broken_down) == 1 ? (int64_t)timegm(&broken_down) : 0;
}

static void date_write(int64_t seconds, char ret[static 32]) {
        time_t time = (time_t)seconds;
        struct tm broken_down;

        gmtime_r(&time, &broken_down);
        strftime(ret, 32, "%Y-%m-%d %H:%M UTC", &broken_down);
}

static int dates_check(const X509 *certificate, const char *path, int64_t now,
                       struct error *error) {
        int64_t from = seconds_of(X509_get0_notBefore(certificate));
        int64_t until = seconds_of(X509_get0_notAfter(certificate));
        char date[32];

        if (now > until) {
                date_write(until, date);
                return error_set(error, -EINVAL,
                                 "the certificate %s expired on %s; get a new one", path, date);
        }
        if (now < from) {
                date_write(from, date);
                return error_set(error, -EINVAL,
                                 "the certificate %s is not valid before %s; is this machine's "
                                 "clock right?",
                                 path, date);
        }
        return 0;
}

static int key_use(SSL_CTX *context, EVP_PKEY *key, const char *certificate_path,
                   const char *key_path, struct error *error) {
        X509 *certificate = SSL_CTX_get0_certificate(context);

        if (X509_check_private_key(certificate, key) != 1) {
                ERR_clear_error();
                return error_set(error, -EINVAL,
                                 "the key %s does not fit the certificate %s; they were made "
                                 "apart, or one of the paths is another's",
                                 key_path, certificate_path);
        }
        if (SSL_CTX_use_PrivateKey(context, key) != 1)
                return error_set(error, -EINVAL, "the key %s cannot be used: %s", key_path,
                                 openssl_words());
        return 0;
}

// --- how it is spoken ------------------------------------------------------------------------

// HTTP/1.1, or no connection: a client that asks for something else only would not understand.
static int protocol_select(SSL *ssl, const unsigned char **ret, unsigned char *ret_length,
                           const unsigned char *offered, unsigned n, void *context) {
        static const unsigned char ours[] = "\x08http/1.1";
        unsigned char *chosen;

        (void)ssl;
        (void)context;
        if (SSL_select_next_proto(&chosen, ret_length, ours, sizeof(ours) - 1, offered, n) !=
            OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        *ret = chosen;
        return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(void) {
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());

        if (!context)
                return NULL;
        if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
            SSL_CTX_set_cipher_list(context, CIPHERS) != 1) {
                SSL_CTX_free(context);
                return NULL;
        }
        SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                             SSL_OP_CIPHER_SERVER_PREFERENCE |
                                             SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TICKET);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps none
        // Sessions are not resumed: connections are long, and a key for tickets would undo the
        // forward secrecy of all that was said under it. Also, tickets of TLS 1.3 come when a
        // client may be sending already, and clients that read and write in two threads (those
        // of Python before 3.13) lose what they send then.
        (void)SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_alpn_select_cb(context, protocol_select, NULL);
        return context;
}

int tls_identity_load(struct tls_identity **ret, const char *certificate, const char *key,
                      int64_t now, struct error *error) {
        CLEANUP(tls_identity_freep) struct tls_identity *identity = xnew(struct tls_identity);
        EVP_PKEY *pair = NULL;
        X509 *leaf;
        int r;

        ERR_clear_error();
        identity->context = context_new();
        if (!identity->context)
                return error_set(error, -ENOTSUP, "cannot begin with TLS: %s", openssl_words());
        r = chain_read(identity->context, certificate, error);
        if (r < 0)
                return r;
        leaf = SSL_CTX_get0_certificate(identity->context);
        r = dates_check(leaf, certificate, now, error);
        if (r == 0)
                r = key_read(&pair, key, error);
        if (r == 0)
                r = key_use(identity->context, pair, certificate, key, error);
        EVP_PKEY_free(pair);
        if (r < 0)
                return r;
        identity->expiry = seconds_of(X509_get0_notAfter(leaf));
        *ret = TAKE(identity);
        return 0;
}

struct tls_identity *tls_identity_free(struct tls_identity *identity) {
        if (!identity)
                return NULL;
        SSL_CTX_free(identity->context);
        return mem_free(identity);
}

// --- asking ----------------------------------------------------------------------------------

int64_t tls_identity_expiry(const struct tls_identity *identity) {
        return identity->expiry;
}

bool tls_identity_is_for(const struct tls_identity *identity, const char *host) {
        X509 *leaf = SSL_CTX_get0_certificate(identity->context);
        char address[64];
        size_t n = strlen(host);

        if (host[0] == '[' && n > 2 && n < sizeof(address)) {
                snprintf(address, sizeof(address), "%.*s", (int)n - 2, host + 1);
                return X509_check_ip_asc(leaf, address, 0) == 1;
        }
        return X509_check_ip_asc(leaf, host, 0) == 1 ||
               X509_check_host(leaf, host, n, 0, NULL) == 1;
}

// The last of those behind the certificate: one that signed the one before it, and itself.
static X509 *authority_find(const struct tls_identity *identity) {
        STACK_OF(X509) *chain = NULL;
        X509 *last, *before;
        int n;

        if (SSL_CTX_get0_chain_certs(identity->context, &chain) != 1 || !chain)
                return NULL;
        n = sk_X509_num(chain);
        last = n > 0 ? sk_X509_value(chain, n - 1) : NULL;
        before = n > 1 ? sk_X509_value(chain, n - 2)
                       : SSL_CTX_get0_certificate(identity->context);
        return last && X509_check_ca(last) == 1 && X509_self_signed(last, 0) == 1 &&
                               X509_check_issued(last, before) == X509_V_OK
                       ? last
                       : NULL;
}

char *tls_identity_authority(const struct tls_identity *identity, size_t *ret_n) {
        X509 *authority = authority_find(identity);
        int n = authority ? i2d_X509(authority, NULL) : -1;
        unsigned char *end;
        char *bytes;

        ERR_clear_error();
        if (n <= 0)
                return NULL;
        bytes = xcalloc(1, (size_t)n);
        end = (unsigned char *)bytes;
        (void)i2d_X509(authority, &end);
        *ret_n = (size_t)n;
        return bytes;
}

SSL_CTX *tls_identity_context(const struct tls_identity *identity) {
        return identity->context;
}
