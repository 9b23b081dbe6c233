#pragma once
// Address judge: where the child of a network source may connect to.
//
// An address has a rank: this machine, this link, a private network, the internet. What a URL
// leads to is decided by whoever answers it (redirects, playlists, a name that resolves to
// something else the second time), so a child may never go to a lower rank than the one that
// the URL itself led to: a station on the internet sends nobody into the house, to the cloud's
// own services or to this machine. A camera may well send its viewers outward.
//
// The rank that counts is the highest among the addresses of the URL's own host, which is the
// first name that a child resolves. Those addresses themselves may be connected to in any case,
// at the port that was asked for: a name may stand for a machine inside and outside.
//
// A stranger's URL, one that came over the API, may moreover not lead to this machine, its link
// or multicast at all, but for what the administrator allows (media/allow.h). Each connection
// is judged by the address that it goes to, however often its name was looked up before.
//
// media/interpose.c puts it in front of every connection that a library makes through libc.
// Code of a stranger in a child need not go through libc.
//
// Threads: any; one state per process, set by the first resolution.

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

#define MEDIA_ADDRESS_TEXT_MAX 64

enum media_address_rank {
        MEDIA_ADDRESS_UNUSABLE,  // of a family that no source has
        MEDIA_ADDRESS_LOOPBACK,
        MEDIA_ADDRESS_LINK_LOCAL,
        MEDIA_ADDRESS_PRIVATE,  // RFC 1918, ULA, carriers' NAT (100.64/10), multicast, reserved
        MEDIA_ADDRESS_PUBLIC,
};

// Addresses within addresses (v4-mapped, NAT64, 6to4, Teredo) have the rank of the inner one.
// 0.0.0.0 and :: lead to this machine.
enum media_address_rank media_address_rank(const struct sockaddr *address, socklen_t length);

// Forget what was resolved and refused: for tests.
void media_address_judge_reset(void);

// The URL is a stranger's; `allow`, which is lent, says what of the above is open to it.
void media_address_judge_restrict(const char *allow);

// A library resolved a name. The first time counts. Where the name is allowed, all the
// addresses that it has are.
void media_address_judge_resolved(const char *name, const struct addrinfo *addresses);

// May it be connected, or sent, to? Nothing may before a name was resolved.
bool media_address_judge_allows(const struct sockaddr *address, socklen_t length);

// How many connections were refused since the begin.
unsigned media_address_judge_refused(void);

// The first address that was closed to a stranger and not allowed, as text; false: there was
// none.
bool media_address_judge_closed(char ret[MEDIA_ADDRESS_TEXT_MAX]);
