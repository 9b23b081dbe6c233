#pragma once
// Signature: of a webhook's body, as Standard Webhooks has it.
//
// Threads: any.

#include <stddef.h>

#include "util/error.h"

#define SIGNATURE_TEXT_MAX 64  // "v1," and 32 bytes in base64, with the final zero

struct signature_key {
        unsigned char *bytes;
        size_t n;
};

// The key that a secret stands for: what "whsec_" has behind it is base64, any other text is
// its bytes. -EINVAL with words that do not have it.
int signature_key_read(struct signature_key *ret, const char *secret, struct error *error);

// Overwrite and free it.
void signature_key_deinit(struct signature_key *key);

// "v1,..." of the message with that id, time (Unix, seconds) and body.
void signature_write(char ret[SIGNATURE_TEXT_MAX], const struct signature_key *key,
                     const char *id, const char *time, const char *body, size_t n);
