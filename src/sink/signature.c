#include "sink/signature.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define PREFIX     "whsec_"
#define BASE64     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define SECRET_MAX ((size_t)4096)

// Base64 with its padding or without.
static int base64_read(struct signature_key *ret, const char *text, struct error *error) {
        size_t length = strlen(text), n_digits = strspn(text, BASE64);
        size_t n_padding = (4 - n_digits % 4) % 4;
        CLEANUP(mem_freep) char *padded = NULL;

        // EVP_DecodeBlock() takes more for base64 than is.
        if (n_digits == 0 || n_padding > 2 || length > SECRET_MAX ||
            strspn(text + n_digits, "=") != length - n_digits ||
            (length > n_digits && length != n_digits + n_padding))
                return error_set(error, -EINVAL,
                                 "secret: what follows " PREFIX " is not base64");
        padded = xasprintf("%.*s%.*s", (int)n_digits, text, (int)n_padding, "==");
        ret->bytes = xcalloc(n_digits + n_padding, 1);
        ret->n = (size_t)EVP_DecodeBlock(ret->bytes, (const unsigned char *)padded,
                                         (int)(n_digits + n_padding)) -
                 n_padding;
        return 0;
}

int signature_key_read(struct signature_key *ret, const char *secret, struct error *error) {
        if (strncmp(secret, PREFIX, strlen(PREFIX)) == 0)
                return base64_read(ret, secret + strlen(PREFIX), error);
        if (secret[0] == '\0')
                return error_set(error, -EINVAL, "secret: it is empty");
        ret->bytes = (unsigned char *)xstrdup(secret);
        ret->n = strlen(secret);
        return 0;
}

void signature_key_deinit(struct signature_key *key) {
        if (key->bytes)
                OPENSSL_cleanse(key->bytes, key->n);
        free(key->bytes);
        *key = (struct signature_key){0};
}

void signature_write(char ret[SIGNATURE_TEXT_MAX], const struct signature_key *key,
                     const char *id, const char *time, const char *body, size_t n) {
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned n_sum = 0;
        char *content = xasprintf("%s.%s.", id, time);
        size_t n_head = strlen(content);

        content = xrealloc_array(content, n_head + n, 1);
        memcpy(content + n_head, body, n);
        HMAC(EVP_sha256(), key->bytes, (int)key->n, (unsigned char *)content, n_head + n, sum,
             &n_sum);
        free(content);
        snprintf(ret, SIGNATURE_TEXT_MAX, "v1,");
        EVP_EncodeBlock((unsigned char *)ret + 3, sum, (int)n_sum);
}
