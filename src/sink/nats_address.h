#pragma once
// NATS address: where a cluster is and as whom, read from a URL, or several with commas
// between, so that the library itself never holds an address with a password.
//
// Threads: any; no state.
// Memory:  an address owns its texts.

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define NATS_SERVERS_MAX 16

struct nats_address {
        char *servers[NATS_SERVERS_MAX];  // "nats://host:port"
        size_t n_servers;
        bool is_tls;
        char *user, *password;  // NULL: none
        char *token;            // alone before the '@'
};

// "nats://user:password@host:4222", "tls://token@host", "nats://a,nats://b". Of several the
// first that has user or token says it for all; TLS is for all or none. -EINVAL with words that
// hold nothing of the URL when it is none; then there is nothing to deinit.
int nats_address_init(struct nats_address *ret, const char *url, struct error *error);
void nats_address_deinit(struct nats_address *address);
