#pragma once
// MQTT address: "mqtt://user:password@host:port" or "mqtts://...", read.
//
// Threads: any; no state.
// Memory:  an address owns its texts.

#include <stdbool.h>

#include "util/error.h"

struct mqtt_address {
        char *host;  // without the brackets of IPv6
        int port;    // 1883, of mqtts 8883, unless the URL has one
        bool is_tls;
        char *user, *password;  // percent-decoded; NULL: none
};

// Read it. -EINVAL, with words in which nothing of the URL stands, when it is none.
int mqtt_address_read(struct mqtt_address *ret, const char *url, struct error *error);

// Free what it holds and zero it.
void mqtt_address_deinit(struct mqtt_address *address);
