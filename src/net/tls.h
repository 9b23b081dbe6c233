#pragma once
// TLS: one connection's encryption, between the bytes on the wire and those that are meant. It
// knows no socket: the transport (transport.h) brings what arrived and takes what is to be
// sent.
//
// Threads: loop thread only.
// Memory:  both buffers of bytes on the wire are the transport's, and with them their charge to
//          the budget.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/bytes.h"
#include "net/tls_identity.h"

struct tls;

enum tls_result {
        TLS_BYTES,   // there are some
        TLS_WAITS,   // for the peer to send more
        TLS_ENDED,   // the peer said that no more comes; what came all the same is dropped
        TLS_BROKEN,  // what came makes no sense; what to say of it is among what is to be sent
};

// Begin as a server. What is in `arrived` is used up by tls_read(), and what is to be sent is
// appended to `leaving`; both are lent. NULL when there is no memory.
struct tls *tls_new(const struct tls_identity *identity, struct bytes *arrived,
                    struct bytes *leaving);

// NULL is fine. Returns NULL.
struct tls *tls_free(struct tls *tls);

// Whether the handshake is over: bytes can be written.
bool tls_is_ready(const struct tls *tls);

// Whether what has arrived first is no TLS but a plain HTTP request.
bool tls_is_plain(const struct tls *tls);

// Go on with the handshake, and decrypt at most `n` bytes. TLS_BYTES: *ret_n of them.
enum tls_result tls_read(struct tls *tls, void *buffer, size_t n, size_t *ret_n);

// Encrypt, once it is ready. False when that failed: the connection cannot go on.
bool tls_write(struct tls *tls, const void *bytes, size_t n);

// Say that no more comes, as far as that can be said.
void tls_end(struct tls *tls);
