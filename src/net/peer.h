#pragma once
// Peer: who is at the other end of a connection?
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/address.h"

#define PEER_NAME_MAX 64  // "[" 45 characters of IPv6 "]:65535"

// A process that came by a unix socket, as the kernel says.
struct local_peer {
        unsigned user;   // its uid
        bool is_ours;    // that is root, or this process's own
        bool is_member;  // of the group that the socket is for
};

struct peer {
        char name[PEER_NAME_MAX];        // "127.0.0.1:40312", "process 812 of user 1000"
        char address[ADDRESS_NAME_MAX];  // whose it is, for limits and shares; "user 1000"
        bool is_loopback;                // this machine
        bool is_local;                   // by a unix socket, and `local` says more
        struct local_peer local;
};

// Find out who has connected. Members are those of the group with this number; -1: nobody is.
void peer_know(struct peer *ret, int fd, int group);
