#include "media/address_judge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "media/allow.h"

// --- ranks ----------------------------------------------------------------------

struct range4 {
        uint32_t address;
        unsigned n_bits;
        enum media_address_rank rank;
};

// What is not public of the IPv4 addresses (IANA's special-purpose registry), narrowest first
// where they overlap.
static const struct range4 ranges4[] = {
        {0x00000000, 8,
         MEDIA_ADDRESS_LOOPBACK},  // "this network": Linux takes it for this machine
        {0x7f000000, 8, MEDIA_ADDRESS_LOOPBACK},
        {0xa9fe0000, 16, MEDIA_ADDRESS_LINK_LOCAL},  // 169.254/16, and with it clouds' metadata
        {0xffffffff, 32, MEDIA_ADDRESS_LINK_LOCAL},  // broadcast
        {0xe0000000, 24, MEDIA_ADDRESS_LINK_LOCAL},  // multicast that no router passes on
        {0x0a000000, 8, MEDIA_ADDRESS_PRIVATE},
        {0xac100000, 12, MEDIA_ADDRESS_PRIVATE},
        {0xc0a80000, 16, MEDIA_ADDRESS_PRIVATE},
        {0x64400000, 10, MEDIA_ADDRESS_PRIVATE},  // 100.64/10: carriers' NAT, overlay networks
        {0xc0000000, 24, MEDIA_ADDRESS_PRIVATE},  // 192.0.0/24: protocol assignments
        {0xc6120000, 15, MEDIA_ADDRESS_PRIVATE},  // 198.18/15: benchmarks
        {0xe0000000, 3, MEDIA_ADDRESS_PRIVATE},   // multicast and reserved: 224/4, 240/4
};

static enum media_address_rank rank4(uint32_t address) {
        for (size_t i = 0; i < sizeof(ranges4) / sizeof(ranges4[0]); i++) {
                uint32_t mask = UINT32_MAX << (32 - ranges4[i].n_bits);

                if ((address & mask) == ranges4[i].address)
                        return ranges4[i].rank;
        }
        return MEDIA_ADDRESS_PUBLIC;
}

struct range6 {
        uint8_t prefix[16];
        unsigned n_bits;
        enum media_address_rank rank;
        int inner;         // byte at which an IPv4 address lies in it, which counts; or 0
        uint8_t inverted;  // each of that address's bytes is xored with it
};

// What is not public of the IPv6 addresses; MEDIA_ADDRESS_PUBLIC is the most that such an
// address can be.
static const struct range6 ranges6[] = {
        {{[15] = 1}, 128, MEDIA_ADDRESS_LOOPBACK, 0, 0},
        {{0}, 128, MEDIA_ADDRESS_LOOPBACK, 0, 0},
        {{[10] = 0xff, [11] = 0xff}, 96, MEDIA_ADDRESS_PUBLIC, 12, 0},    // v4-mapped
        {{[8] = 0xff, [9] = 0xff}, 96, MEDIA_ADDRESS_PUBLIC, 12, 0},      // v4-translated
        {{0}, 96, MEDIA_ADDRESS_PUBLIC, 12, 0},                           // v4-compatible
        {{0, 0x64, 0xff, 0x9b}, 96, MEDIA_ADDRESS_PUBLIC, 12, 0},         // NAT64
        {{0, 0x64, 0xff, 0x9b, 0, 1}, 48, MEDIA_ADDRESS_PRIVATE, 12, 0},  // NAT64, local
        {{0x20, 0x02}, 16, MEDIA_ADDRESS_PUBLIC, 2, 0},                   // 6to4
        {{0x20, 0x01, 0, 0}, 32, MEDIA_ADDRESS_PUBLIC, 12, 0xff},         // Teredo
        {{0xfe, 0x80}, 10, MEDIA_ADDRESS_LINK_LOCAL, 0, 0},
        {{0xfe, 0xc0}, 10, MEDIA_ADDRESS_PRIVATE, 0, 0},   // site-local, of old
        {{0xfc}, 7, MEDIA_ADDRESS_PRIVATE, 0, 0},          // ULA
        {{0xff, 0x01}, 16, MEDIA_ADDRESS_LOOPBACK, 0, 0},  // multicast in here
        {{0xff, 0x02}, 16, MEDIA_ADDRESS_LINK_LOCAL, 0, 0},
        {{0xff}, 8, MEDIA_ADDRESS_PRIVATE, 0, 0},  // other multicast
};

static bool range6_holds(const struct range6 *range, const uint8_t address[16]) {
        unsigned n_whole = range->n_bits / 8;
        unsigned n_rest = range->n_bits % 8;
        uint8_t mask = (uint8_t)(0xff << (8 - n_rest));

        if (memcmp(address, range->prefix, n_whole) != 0)
                return false;
        return n_rest == 0 || (address[n_whole] & mask) == range->prefix[n_whole];
}

static enum media_address_rank rank6(const uint8_t address[16]) {
        for (size_t i = 0; i < sizeof(ranges6) / sizeof(ranges6[0]); i++) {
                const struct range6 *range = &ranges6[i];
                enum media_address_rank inner;
                uint32_t bytes = 0;

                if (!range6_holds(range, address))
                        continue;
                if (!range->inner)
                        return range->rank;
                for (int k = 0; k < 4; k++)
                        bytes = bytes << 8 | (address[range->inner + k] ^ range->inverted);
                inner = rank4(bytes);
                return inner < range->rank ? inner : range->rank;
        }
        return MEDIA_ADDRESS_PUBLIC;
}

enum media_address_rank media_address_rank(const struct sockaddr *address, socklen_t length) {
        struct sockaddr_in in;
        struct sockaddr_in6 in6;

        if (length >= sizeof(in) && address->sa_family == AF_INET) {
                memcpy(&in, address, sizeof(in));
                return rank4(ntohl(in.sin_addr.s_addr));
        }
        if (length >= sizeof(in6) && address->sa_family == AF_INET6) {
                memcpy(&in6, address, sizeof(in6));
                return rank6(in6.sin6_addr.s6_addr);
        }
        return MEDIA_ADDRESS_UNUSABLE;
}

// --- the judge ------------------------------------------------------------------

// Addresses of the URL's own host that are remembered; a name may have more, which then have
// only their rank.
#define OWN_MAX 16

struct address {
        struct sockaddr_storage storage;
        socklen_t length;
};

static struct {
        pthread_mutex_t lock;
        const char *allow;  // NULL: the URL is no stranger's
        bool has_resolved;
        enum media_address_rank least;
        struct address own[OWN_MAX];
        unsigned n_own;
        struct address named[OWN_MAX];  // that an allowed name had
        unsigned n_named;
        unsigned n_refused;
        char closed[MEDIA_ADDRESS_TEXT_MAX];  // "": none
} judge = {.lock = PTHREAD_MUTEX_INITIALIZER};

void media_address_judge_reset(void) {
        pthread_mutex_lock(&judge.lock);
        judge.has_resolved = false;
        judge.least = MEDIA_ADDRESS_UNUSABLE;
        judge.allow = NULL;
        judge.n_own = judge.n_named = 0;
        judge.n_refused = 0;
        judge.closed[0] = '\0';
        pthread_mutex_unlock(&judge.lock);
}

void media_address_judge_restrict(const char *allow) {
        pthread_mutex_lock(&judge.lock);
        judge.allow = allow;
        pthread_mutex_unlock(&judge.lock);
}

static void address_add(struct address *list, unsigned *n, const struct addrinfo *one) {
        if (*n == OWN_MAX)
                return;
        memcpy(&list[*n].storage, one->ai_addr, one->ai_addrlen);
        list[(*n)++].length = one->ai_addrlen;
}

static void own_note(const struct addrinfo *addresses) {
        for (const struct addrinfo *one = addresses; one; one = one->ai_next) {
                enum media_address_rank rank =
                        media_address_rank(one->ai_addr, one->ai_addrlen);

                if (rank == MEDIA_ADDRESS_UNUSABLE)
                        continue;
                judge.has_resolved = true;
                judge.least = rank > judge.least ? rank : judge.least;
                address_add(judge.own, &judge.n_own, one);
        }
}

static void named_note(const struct addrinfo *addresses) {
        for (const struct addrinfo *one = addresses; one; one = one->ai_next)
                if (media_address_rank(one->ai_addr, one->ai_addrlen) != MEDIA_ADDRESS_UNUSABLE)
                        address_add(judge.named, &judge.n_named, one);
}

void media_address_judge_resolved(const char *name, const struct addrinfo *addresses) {
        pthread_mutex_lock(&judge.lock);
        if (!judge.has_resolved)
                own_note(addresses);
        if (media_allow_has_name(judge.allow, name))
                named_note(addresses);
        pthread_mutex_unlock(&judge.lock);
}

static bool is_own(const struct sockaddr *address, socklen_t length) {
        for (unsigned i = 0; i < judge.n_own; i++)
                if (length == judge.own[i].length &&
                    memcmp(address, &judge.own[i].storage, length) == 0)
                        return true;
        return false;
}

// The text of an address of IPv4 or IPv6; "" for others.
static void address_write(const struct sockaddr *address, socklen_t length,
                          char ret[MEDIA_ADDRESS_TEXT_MAX]) {
        struct sockaddr_in in;
        struct sockaddr_in6 in6;

        ret[0] = '\0';
        if (length >= sizeof(in) && address->sa_family == AF_INET) {
                memcpy(&in, address, sizeof(in));
                inet_ntop(AF_INET, &in.sin_addr, ret, MEDIA_ADDRESS_TEXT_MAX);
        } else if (length >= sizeof(in6) && address->sa_family == AF_INET6) {
                memcpy(&in6, address, sizeof(in6));
                inet_ntop(AF_INET6, &in6.sin6_addr, ret, MEDIA_ADDRESS_TEXT_MAX);
        }
}

// Whatever the port: a camera has several.
static bool is_named(const struct sockaddr *address, socklen_t length) {
        char text[MEDIA_ADDRESS_TEXT_MAX], named[MEDIA_ADDRESS_TEXT_MAX];

        address_write(address, length, text);
        for (unsigned i = 0; i < judge.n_named; i++) {
                address_write((const struct sockaddr *)&judge.named[i].storage,
                              judge.named[i].length, named);
                if (strcmp(text, named) == 0)
                        return true;
        }
        return false;
}

static bool is_multicast(const struct sockaddr *address, socklen_t length) {
        struct sockaddr_in in = {0};
        struct sockaddr_in6 in6 = {0};

        if (length >= sizeof(in) && address->sa_family == AF_INET) {
                memcpy(&in, address, sizeof(in));
                return IN_MULTICAST(ntohl(in.sin_addr.s_addr));
        }
        if (length >= sizeof(in6) && address->sa_family == AF_INET6)
                memcpy(&in6, address, sizeof(in6));
        return IN6_IS_ADDR_MULTICAST(&in6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) &&
                IN_MULTICAST(ntohl(in6.sin6_addr.s6_addr32[3])));
}

// Closed to strangers, and not opened by the administrator?
static bool is_closed(const struct sockaddr *address, socklen_t length) {
        if (!judge.allow)
                return false;
        if (media_address_rank(address, length) > MEDIA_ADDRESS_LINK_LOCAL &&
            !is_multicast(address, length))
                return false;
        return !media_allow_has_address(judge.allow, address, length) &&
               !is_named(address, length);
}

bool media_address_judge_allows(const struct sockaddr *address, socklen_t length) {
        enum media_address_rank rank = media_address_rank(address, length);
        bool is_allowed;

        pthread_mutex_lock(&judge.lock);
        is_allowed = judge.has_resolved && rank != MEDIA_ADDRESS_UNUSABLE &&
                     (rank >= judge.least || is_own(address, length));
        if (is_allowed && is_closed(address, length)) {
                is_allowed = false;
                if (judge.closed[0] == '\0')
                        address_write(address, length, judge.closed);
        }
        judge.n_refused += !is_allowed;
        pthread_mutex_unlock(&judge.lock);
        return is_allowed;
}

bool media_address_judge_closed(char ret[MEDIA_ADDRESS_TEXT_MAX]) {
        pthread_mutex_lock(&judge.lock);
        snprintf(ret, MEDIA_ADDRESS_TEXT_MAX, "%s", judge.closed);
        pthread_mutex_unlock(&judge.lock);
        return ret[0] != '\0';
}

unsigned media_address_judge_refused(void) {
        unsigned n;

        pthread_mutex_lock(&judge.lock);
        n = judge.n_refused;
        pthread_mutex_unlock(&judge.lock);
        return n;
}
