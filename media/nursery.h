#pragma once
// Nursery: forks a child for each source that the server asks for, passes it its descriptors,
// and tells what becomes of it.
//
// It never waits for anything but its next event: where the server does not take its packets,
// what is to be told stays in the table of children, and no request is read that would need
// another place there. It keeps nothing of a request: what it read is wiped once the child has
// it, since every later child begins as a copy of this process.
//
// Threads: main thread, which is the only one.

#include "media/cage.h"
#include "media/control.h"

// Children at a time; beyond them a start fails with EAGAIN.
#define MEDIA_NURSERY_CHILDREN_MAX 4096

// Exit status of a child that could not be locked in, and did nothing.
#define MEDIA_NURSERY_STATUS_NOT_CAGED 126

struct media_nursery_config {
        int control;                    // SOCK_SEQPACKET (media/control.h); lent
        const struct media_cage *cage;  // that children are locked into
        unsigned children_max;          // at most MEDIA_NURSERY_CHILDREN_MAX
        // A child's work, in the child and its cage; returns its exit status. `records` is a
        // pipe's write end, `input` what is to be read or -1.
        int (*run)(const struct media_request *request, int records, int input);
};

// Serve until the other end of the control socket is closed or SIGTERM comes, then kill all
// children and reap them. 0, or a negative errno when it cannot go on. Never returns in a
// child. SIGCHLD and SIGTERM are blocked and SIGPIPE is ignored from here on.
int media_nursery_run(const struct media_nursery_config *config);

// To be called first, before JSON is read: what libjansson frees is wiped.
void media_nursery_wipe_json(void);
