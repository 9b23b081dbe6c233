#pragma once
// Network: is an address in a range of addresses?
//
// Threads: any; plain data.

#include <stdbool.h>

#include "net/address.h"

// "192.0.2.0/24", "2001:db8::/32", or one address alone.
struct network_range {
        unsigned char bytes[16];  // IPv6; an IPv4 address is mapped into it
        int bits;                 // of these that count
};

// Read one. False for what is none, also when bits are set beyond its prefix, where somebody
// has mistyped one of the two.
bool network_read(const char *word, struct network_range *ret);

// Whether one of a list's networks (blanks between them; NULL: none) has that address, which is
// written alone, or with a port behind it: "192.0.2.7", "192.0.2.7:40312", "2001:db8::7",
// "[2001:db8::7]:40312". What is no address is in none.
bool networks_have(const char *list, const char *address);

// The address of "192.0.2.7:40312" and so on, as a network of it alone.
bool network_of(const char *address, struct network_range *ret);

// Whose an address is, as address.h has it for limits.
void network_name(const struct network_range *network, char ret[static ADDRESS_NAME_MAX]);

// This machine.
bool network_is_loopback(const struct network_range *network);
