#include "net/own_certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/folder.h"
#include "util/mem.h"

#define NAME_MAX_BYTES  253  // of a host (RFC 1035)
#define COMMON_NAME_MAX 64   // bytes (RFC 5280)
#define SERIAL_BYTES    16
#define SECONDS_PER_DAY 86400
#define AUTHORITY_SKEW  SECONDS_PER_DAY  // clocks that are behind shall trust it as well

// A certificate and its key.
struct key_pair {
        X509 *certificate;
        EVP_PKEY *key;
};

static void pair_deinit(struct key_pair *pair) {
        X509_free(pair->certificate);
        EVP_PKEY_free(pair->key);
}

static int openssl_failed(struct error *error, const char *what) {
        const char *words = ERR_reason_error_string(ERR_peek_last_error());

        ERR_clear_error();
        return error_set(error, -EINVAL, "cannot make %s: %s", what,
                         words ? words : "no reason given");
}

// --- files -----------------------------------------------------------------------------------

static int file_failed(struct error *error, const char *path) {
        int number = errno ? errno : EIO;

        return error_set(error, -number, "cannot write %s: %s", path, strerrordesc_np(number));
}

// Write what a memory BIO holds into a file that is there only once it is whole.
static int file_put(const char *path, mode_t mode, BIO *text, struct error *error) {
        CLEANUP(mem_freep) char *temporary = xasprintf("%s.new", path);
        char *bytes;
        long n = BIO_get_mem_data(text, &bytes);
        bool is_whole;
        int fd;

        (void)unlink(temporary);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return file_failed(error, temporary);
        is_whole = write(fd, bytes, (size_t)n) == n && fchmod(fd, mode) == 0 && fsync(fd) == 0;
        if (close(fd) == 0 && is_whole && rename(temporary, path) == 0)
                return 0;
        file_failed(error, path);
        (void)unlink(temporary);
        return error ? error->code : -EIO;
}

static int key_put(const char *path, EVP_PKEY *key, struct error *error) {
        BIO *text = BIO_new(BIO_s_secmem());
        int r;

        if (!text || PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) != 1)
                r = openssl_failed(error, "the key");
        else
                r = file_put(path, 0600, text, error);
        BIO_free(text);
        return r;
}

// The certificate, and its issuer's behind it (NULL: none).
static int certificate_put(const char *path, X509 *certificate, X509 *issuer,
                           struct error *error) {
        BIO *text = BIO_new(BIO_s_mem());
        int r;

        if (!text || PEM_write_bio_X509(text, certificate) != 1 ||
            (issuer && PEM_write_bio_X509(text, issuer) != 1))
                r = openssl_failed(error, "the certificate");
        else
                r = file_put(path, 0644, text, error);
        BIO_free(text);
        return r;
}

static int pair_put(const char *folder, const char *name, const struct key_pair *pair,
                    X509 *issuer, struct error *error) {
        CLEANUP(mem_freep) char *key = xasprintf("%s/%s.key", folder, name);
        CLEANUP(mem_freep) char *certificate = xasprintf("%s/%s.pem", folder, name);
        int r = key_put(key, pair->key, error);

        return r < 0 ? r : certificate_put(certificate, pair->certificate, issuer, error);
}

static int folder_prepare(const char *folder, struct error *error) {
        struct stat status;
        int r = folder_make(folder);

        if (r < 0 || stat(folder, &status) < 0) {
                r = r < 0 ? r : -errno;
                return error_set(error, r, "cannot make the folder %s: %s", folder,
                                 strerrordesc_np(-r));
        }
        if (status.st_mode & (S_IWGRP | S_IWOTH))
                return error_set(error, -EPERM,
                                 "others may write to the folder %s, and so could make "
                                 "certificates that you trust: chmod go-w it",
                                 folder);
        return 0;
}

// --- certificates ----------------------------------------------------------------------------

static bool extension_add(X509 *certificate, X509 *issuer, int kind, const char *value) {
        X509V3_CTX context;
        X509_EXTENSION *extension;
        bool is_added;

        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
        is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
        X509_EXTENSION_free(extension);
        return is_added;
}

static bool serial_set(X509 *certificate) {
        unsigned char bytes[SERIAL_BYTES];
        BIGNUM *number;
        bool is_set;

        if (RAND_bytes(bytes, sizeof(bytes)) != 1)
                return false;
        bytes[0] &= 0x7F;  // it is a positive number
        number = BN_bin2bn(bytes, sizeof(bytes), NULL);
        is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
        BN_free(number);
        return is_set;
}

// A key, and a certificate that has all but its extensions and its signature.
static bool pair_begin(struct key_pair *ret, const char *common_name, int64_t from,
                       int64_t until) {
        X509_NAME *subject;

        ret->key = EVP_EC_gen("P-256");
        ret->certificate = X509_new();
        if (!ret->key || !ret->certificate)
                return false;
        subject = X509_get_subject_name(ret->certificate);
        return X509_set_version(ret->certificate, X509_VERSION_3) == 1 &&
               serial_set(ret->certificate) &&
               ASN1_TIME_set(X509_getm_notBefore(ret->certificate), (time_t)from) &&
               ASN1_TIME_set(X509_getm_notAfter(ret->certificate), (time_t)until) &&
               X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                          (const unsigned char *)common_name, -1, -1, 0) == 1 &&
               X509_set_pubkey(ret->certificate, ret->key) == 1;
}

static bool pair_sign(const struct key_pair *pair, X509 *issuer, EVP_PKEY *key) {
        return X509_set_issuer_name(pair->certificate, X509_get_subject_name(issuer)) == 1 &&
               X509_sign(pair->certificate, key, EVP_sha256()) > 0;
}

// --- the authority ---------------------------------------------------------------------------

static int authority_load(struct key_pair *ret, const char *folder, struct error *error) {
        CLEANUP(mem_freep) char *certificate = xasprintf("%s/authority.pem", folder);
        CLEANUP(mem_freep) char *key = xasprintf("%s/authority.key", folder);
        BIO *certificate_file = BIO_new_file(certificate, "r");
        BIO *key_file = BIO_new_file(key, "r");
        int r = 0;

        if (certificate_file)
                ret->certificate = PEM_read_bio_X509(certificate_file, NULL, NULL, NULL);
        if (key_file)
                ret->key = PEM_read_bio_PrivateKey(key_file, NULL, NULL, (void *)"");
        if (!ret->certificate || !ret->key ||
            X509_check_private_key(ret->certificate, ret->key) != 1)
                r = error_set(error, -EINVAL,
                              "%s and %s are no authority; mend them, or remove both to have "
                              "another one made, which must then be trusted anew",
                              certificate, key);
        BIO_free(certificate_file);
        BIO_free(key_file);
        ERR_clear_error();
        return r;
}

static int authority_make(struct key_pair *ret, const struct own_certificate_terms *terms,
                          struct error *error) {
        CLEANUP(mem_freep)
        char *name = xasprintf("eavesdrop at %.*s", COMMON_NAME_MAX - 16, terms->names[0]);
        int64_t until = terms->from + (int64_t)OWN_AUTHORITY_DAYS * SECONDS_PER_DAY;

        if (!pair_begin(ret, name, terms->from - AUTHORITY_SKEW, until) ||
            !extension_add(ret->certificate, ret->certificate, NID_basic_constraints,
                           "critical,CA:TRUE,pathlen:0") ||
            !extension_add(ret->certificate, ret->certificate, NID_key_usage,
                           "critical,keyCertSign,cRLSign") ||
            !extension_add(ret->certificate, ret->certificate, NID_subject_key_identifier,
                           "hash") ||
            !pair_sign(ret, ret->certificate, ret->key))
                return openssl_failed(error, "the authority");
        return pair_put(terms->folder, "authority", ret, NULL, error);
}

static bool authority_is_there(const char *folder) {
        CLEANUP(mem_freep) char *certificate = xasprintf("%s/authority.pem", folder);
        CLEANUP(mem_freep) char *key = xasprintf("%s/authority.key", folder);

        return access(certificate, F_OK) == 0 || access(key, F_OK) == 0;
}

// --- the server's ----------------------------------------------------------------------------

static bool name_is_address(const char *name) {
        struct in6_addr address;

        return inet_pton(AF_INET, name, &address) == 1 ||
               inet_pton(AF_INET6, name, &address) == 1;
}

int own_certificate_name_check(const char *name, struct error *error) {
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
        const char *rest = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
        size_t n = strlen(rest);

        if (name_is_address(name))
                return 0;
        if (n == 0 || strlen(name) > NAME_MAX_BYTES || strspn(rest, letters) != n ||
            rest[0] == '.' || rest[n - 1] == '.' || strstr(rest, ".."))
                return error_set(error, -EINVAL,
                                 "'%s' is no name of a host and no address; names such as "
                                 "garage.local, 192.168.1.7 or fd00::7 are",
                                 name);
        return 0;
}

// "DNS:garage.local,IP:192.168.1.7"; the caller frees it.
static char *alternatives(const struct own_certificate_terms *terms) {
        char *list = xstrdup("");

        for (size_t i = 0; i < terms->n_names; i++) {
                const char *name = terms->names[i];
                char *longer = xasprintf("%s%s%s:%s", list, i ? "," : "",
                                         name_is_address(name) ? "IP" : "DNS", name);

                free(list);
                list = longer;
        }
        return list;
}

static int server_make(const struct own_certificate_terms *terms,
                       const struct key_pair *authority, struct error *error) {
        CLEANUP(mem_freep) char *list = alternatives(terms);
        CLEANUP(mem_freep) char *name = xasprintf("%.*s", COMMON_NAME_MAX, terms->names[0]);
        CLEANUP(pair_deinit) struct key_pair pair = {0};

        if (!pair_begin(&pair, name, terms->from, terms->until) ||
            !extension_add(pair.certificate, authority->certificate, NID_basic_constraints,
                           "critical,CA:FALSE") ||
            !extension_add(pair.certificate, authority->certificate, NID_key_usage,
                           "critical,digitalSignature") ||
            !extension_add(pair.certificate, authority->certificate, NID_ext_key_usage,
                           "serverAuth") ||
            !extension_add(pair.certificate, authority->certificate,
                           NID_authority_key_identifier, "keyid") ||
            !extension_add(pair.certificate, authority->certificate, NID_subject_alt_name,
                           list) ||
            !pair_sign(&pair, authority->certificate, authority->key))
                return openssl_failed(error, "the certificate");
        return pair_put(terms->folder, "server", &pair, authority->certificate, error);
}

int own_certificate_make(const struct own_certificate_terms *terms, struct error *error) {
        CLEANUP(pair_deinit) struct key_pair authority = {0};
        int r = folder_prepare(terms->folder, error);

        for (size_t i = 0; i < terms->n_names && r == 0; i++)
                r = own_certificate_name_check(terms->names[i], error);
        if (r == 0)
                r = authority_is_there(terms->folder)
                            ? authority_load(&authority, terms->folder, error)
                            : authority_make(&authority, terms, error);
        if (r == 0)
                r = server_make(terms, &authority, error);
        if (r == 0)
                (void)folder_sync(terms->folder);
        return r;
}
