// Interpose: the functions of libc by which a library reaches another machine, defined in the
// executable and exported from it (interpose.list), so that the dynamic linker binds FFmpeg's
// libraries and all that they use to these. Each asks the address judge and goes on to libc's
// own. What libc itself connects to for a name (the name servers that the machine has) does not
// pass here. And those by which they wait and read, which go by way of the read-ahead.
//
// Only in programs that fork children of sources; the functions have no header of ours.

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "media/address_judge.h"
#include "media/read_ahead.h"

static struct {
        __typeof__(&connect) connect;
        __typeof__(&sendto) sendto;
        __typeof__(&sendmsg) sendmsg;
        __typeof__(&sendmmsg) sendmmsg;
        __typeof__(&getaddrinfo) getaddrinfo;
        struct media_read_ahead_calls reading;
} next;

// Before main(), so that no thread can come first.
static __attribute__((constructor)) void next_find(void) {
        next.connect = (__typeof__(next.connect))dlsym(RTLD_NEXT, "connect");
        next.sendto = (__typeof__(next.sendto))dlsym(RTLD_NEXT, "sendto");
        next.sendmsg = (__typeof__(next.sendmsg))dlsym(RTLD_NEXT, "sendmsg");
        next.sendmmsg = (__typeof__(next.sendmmsg))dlsym(RTLD_NEXT, "sendmmsg");
        next.getaddrinfo = (__typeof__(next.getaddrinfo))dlsym(RTLD_NEXT, "getaddrinfo");
        next.reading.next_poll = (__typeof__(next.reading.next_poll))dlsym(RTLD_NEXT, "poll");
        next.reading.next_recv = (__typeof__(next.reading.next_recv))dlsym(RTLD_NEXT, "recv");
        if (!next.connect || !next.sendto || !next.sendmsg || !next.sendmmsg ||
            !next.getaddrinfo || !next.reading.next_poll || !next.reading.next_recv)
                abort();
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's names are reserved.
static int address_refuse(void) {
        errno = EACCES;
        return -1;
}

int connect(int descriptor, const struct sockaddr *address, socklen_t length) {
        // AF_UNSPEC dissolves a connection.
        if (address->sa_family != AF_UNSPEC && !media_address_judge_allows(address, length))
                return address_refuse();
        return next.connect(descriptor, address, length);
}

ssize_t sendto(int descriptor, const void *bytes, size_t n, int flags,
               const struct sockaddr *address, socklen_t length) {
        if (address && !media_address_judge_allows(address, length))
                return address_refuse();
        return next.sendto(descriptor, bytes, n, flags, address, length);
}

static bool message_is_allowed(const struct msghdr *message) {
        return !message->msg_name ||
               media_address_judge_allows(message->msg_name, message->msg_namelen);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
        if (!message_is_allowed(message))
                return address_refuse();
        return next.sendmsg(descriptor, message, flags);
}

int sendmmsg(int descriptor, struct mmsghdr *messages, unsigned n, int flags) {
        for (unsigned i = 0; i < n; i++)
                if (!message_is_allowed(&messages[i].msg_hdr))
                        return address_refuse();
        return next.sendmmsg(descriptor, messages, n, flags);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret) {
        int code = next.getaddrinfo(node, service, hints, ret);

        // What a socket is to be bound to is nothing that a URL led to.
        if (code == 0 && node && !(hints && hints->ai_flags & AI_PASSIVE))
                media_address_judge_resolved(node, *ret);
        return code;
}

int poll(struct pollfd *sockets, nfds_t n, int timeout) {
        return media_read_ahead_poll(&next.reading, sockets, n, timeout);
}

ssize_t recv(int descriptor, void *bytes, size_t n, int flags) {
        return media_read_ahead_recv(&next.reading, descriptor, bytes, n, flags);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
