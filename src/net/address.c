#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define NETWORK_BYTES 8  // of an IPv6 address: its first 64 bits

// The IPv4 address, if it is one in whatever form.
static bool address_ipv4(const struct sockaddr *address, struct in_addr *ret) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        if (address->sa_family == AF_INET) {
                *ret = ((const struct sockaddr_in *)address)->sin_addr;
                return true;
        }
        if (address->sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
                return false;
        memcpy(ret, v6->sin6_addr.s6_addr + 12, sizeof(*ret));
        return true;
}

void address_name(const struct sockaddr *address, char ret[static ADDRESS_NAME_MAX]) {
        struct in6_addr network = {0};
        char text[INET6_ADDRSTRLEN];
        struct in_addr v4;

        if (address_ipv4(address, &v4)) {
                inet_ntop(AF_INET, &v4, ret, ADDRESS_NAME_MAX);
        } else if (address->sa_family == AF_INET6) {
                memcpy(&network, &((const struct sockaddr_in6 *)address)->sin6_addr,
                       NETWORK_BYTES);
                inet_ntop(AF_INET6, &network, text, sizeof(text));
                snprintf(ret, ADDRESS_NAME_MAX, "%s/64", text);
        } else {
                snprintf(ret, ADDRESS_NAME_MAX, "unknown");
        }
}

bool address_is_loopback(const struct sockaddr *address) {
        struct in_addr v4;

        if (address_ipv4(address, &v4))
                return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
        return address->sa_family == AF_INET6 &&
               IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}
