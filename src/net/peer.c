#include "net/peer.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/mem.h"

#define GROUPS_MAX 65536  // of one process, in Linux

// Whether the process at the other end was in that group when it connected. The kernel is asked
// and no directory, which may be far away.
static bool peer_has_group(int fd, gid_t group) {
        CLEANUP(mem_freep) char *block = NULL;
        const gid_t *groups;
        socklen_t length = 0;

        // Asked with no room it says how much it needs.
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) == 0 || errno != ERANGE ||
            length > GROUPS_MAX * sizeof(gid_t))
                return false;
        block = xcalloc(1, length);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, block, &length) < 0)
                return false;
        groups = (const gid_t *)(const void *)block;
        for (size_t i = 0; i < length / sizeof(*groups); i++)
                if (groups[i] == group)
                        return true;
        return false;
}

static void peer_know_process(struct peer *peer, int fd, int group) {
        struct ucred process = {.uid = (uid_t)-1, .gid = (gid_t)-1};
        socklen_t length = sizeof(process);

        peer->is_local = peer->is_loopback = true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &length) < 0) {
                peer->local.user = (uid_t)-1;
                snprintf(peer->name, sizeof(peer->name), "unknown");
                snprintf(peer->address, sizeof(peer->address), "unknown");
                return;
        }
        peer->local = (struct local_peer){
                .user = process.uid,
                .is_ours = process.uid == 0 || process.uid == geteuid(),
                .is_member = group >= 0 &&
                             (process.gid == (gid_t)group || peer_has_group(fd, (gid_t)group)),
        };
        snprintf(peer->name, sizeof(peer->name), "process %d of user %u", (int)process.pid,
                 (unsigned)process.uid);
        snprintf(peer->address, sizeof(peer->address), "user %u", (unsigned)process.uid);
}

static void peer_know_host(struct peer *peer, const struct sockaddr *address,
                           socklen_t length) {
        char host[48], port[8];

        if (getnameinfo(address, length, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV) != 0)
                snprintf(peer->name, sizeof(peer->name), "unknown");
        else
                snprintf(peer->name, sizeof(peer->name),
                         address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
        address_name(address, peer->address);
        peer->is_loopback = address_is_loopback(address);
}

void peer_know(struct peer *ret, int fd, int group) {
        struct sockaddr_storage address = {0};
        struct sockaddr *peer = (struct sockaddr *)&address;
        socklen_t length = sizeof(address);

        *ret = (struct peer){0};
        if (getpeername(fd, peer, &length) < 0)
                length = 0;
        if (length && address.ss_family == AF_UNIX)
                peer_know_process(ret, fd, group);
        else
                peer_know_host(ret, peer, length);
}
