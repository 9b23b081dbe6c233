#pragma once
// Broker rig: real servers that sinks speak to, as children on free ports of loopback, each in
// a folder of its own. Only in tests.
//
// Threads: main thread.

#include <stdbool.h>
#include <sys/types.h>

#define RIG_BROKER_PASSWORD "s3cr3t/p@ss"      // of the user "eavesdrop"; never told
#define RIG_BROKER_ENCODED  "s3cr3t%2Fp%40ss"  // as it stands in a URL
#define RIG_BROKER_PATH_MAX 64

struct rig_broker {
        char folder[RIG_BROKER_PATH_MAX];
        int port;
        pid_t pid;  // 0: it does not run
};

// Make one that does not run yet: false where the server is not installed, and the test skips
// itself. rig_broker_remove() stops it and removes its folder.
bool rig_postgresql_make(struct rig_broker *broker);
bool rig_nats_make(struct rig_broker *broker);
void rig_broker_remove(struct rig_broker *broker);

// Run it and wait until it answers. `configuration` is further lines of nats-server's; NULL:
// its user is "eavesdrop" with the password above.
void rig_postgresql_start(struct rig_broker *broker);
void rig_nats_start(struct rig_broker *broker, const char *configuration);

// End it by that signal and wait until it is gone.
void rig_broker_stop(struct rig_broker *broker, int signal_number);

// Make "certificate.pem" and "key.pem" for "localhost" in its folder; the certificate is its
// own authority.
void rig_broker_certify(const struct rig_broker *broker);

// A listener that never accepts, on that port (0: a free one): whoever connects hears nothing.
int rig_broker_mute(int *port);
