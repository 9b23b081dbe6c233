#pragma once
// WS-Discovery: the two messages by which cameras are found in a network, as ONVIF has them:
// the probe that everybody hears, and what each camera answers.
//
// What answers is anybody in the network: an answer is read with limits, and one that has a
// document type, and with it entities, is refused.
//
// Threads: any; no state.

#include <stddef.h>

#include "util/error.h"

#define WS_DISCOVERY_BYTES_MAX   8192  // of an answer
#define WS_DISCOVERY_DEPTH_MAX   16    // of its elements
#define WS_DISCOVERY_MATCHES_MAX 4     // in one answer; more are left out, as below
#define WS_DISCOVERY_URLS_MAX    8     // of a match
#define WS_DISCOVERY_SCOPES_MAX  24
#define WS_DISCOVERY_TEXT_MAX    192  // bytes of each text, its zero included

#define WS_DISCOVERY_ID_SIZE 46  // of a message: "urn:uuid:" and 36 characters

// One device. Texts are UTF-8 on one line; "" is one that it did not say.
struct ws_match {
        char endpoint[WS_DISCOVERY_TEXT_MAX];  // what it is called for good: "urn:uuid:..."
        // By its scopes, as ONVIF has them.
        char name[WS_DISCOVERY_TEXT_MAX];
        char hardware[WS_DISCOVERY_TEXT_MAX];
        char location[WS_DISCOVERY_TEXT_MAX];
        // Addresses of its device service, http: or https:.
        char urls[WS_DISCOVERY_URLS_MAX][WS_DISCOVERY_TEXT_MAX];
        size_t n_urls;
        char scopes[WS_DISCOVERY_SCOPES_MAX][WS_DISCOVERY_TEXT_MAX];
        size_t n_scopes;
};

struct ws_answer {
        struct ws_match matches[WS_DISCOVERY_MATCHES_MAX];
        size_t n;
};

// A new message's id.
void ws_discovery_id(char ret[WS_DISCOVERY_ID_SIZE]);

// The probe with that id, for all that transmits video; the caller frees it.
char *ws_discovery_probe(const char *id);

// What `n` bytes answer to the probe with that id. -EPROTO with words in *error: they are no
// answer to it.
int ws_discovery_read(const char *bytes, size_t n, const char *id, struct ws_answer *ret,
                      struct error *error);
