#pragma once
// Address: whose connection is it? Limits and shares are per address, and whoever has IPv6 has
// a whole network of addresses.
//
// Threads: any; no state.

#include <stdbool.h>

struct sockaddr;

#define ADDRESS_NAME_MAX 48  // 39 characters of IPv6, "/64", the zero

// Who that is: "192.0.2.7", also when it comes as IPv4-mapped IPv6; of IPv6 the network,
// "2001:db8:0:7::/64"; "unknown" for what has no address.
void address_name(const struct sockaddr *address, char ret[static ADDRESS_NAME_MAX]);

// It is this machine.
bool address_is_loopback(const struct sockaddr *address);
