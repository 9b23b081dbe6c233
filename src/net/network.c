#include "net/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define BITS_MAX    128
#define MAPPED_BITS 96  // that stand before an IPv4 address which is mapped into IPv6

static const unsigned char mapped[MAPPED_BITS / 8] = {[10] = 0xFF, [11] = 0xFF};

// The bytes of an address; *ret_offset is what its bits are counted from.
static bool address_read(const char *text, unsigned char ret[static 16], int *ret_offset) {
        *ret_offset = 0;
        if (inet_pton(AF_INET6, text, ret) == 1)
                return true;
        memcpy(ret, mapped, sizeof(mapped));
        *ret_offset = MAPPED_BITS;
        return inet_pton(AF_INET, text, ret + sizeof(mapped)) == 1;
}

static bool bits_read(const char *text, int most, int *ret) {
        size_t n = strspn(text, "0123456789");

        if (n == 0 || n > 3 || text[n] != '\0')
                return false;
        *ret = (int)strtol(text, NULL, 10);
        return *ret <= most;
}

static bool bit_is_set(const struct network_range *network, int bit) {
        return network->bytes[bit / 8] & (0x80 >> (bit % 8));
}

bool network_read(const char *word, struct network_range *ret) {
        CLEANUP(mem_freep) char *address = xstrdup(word);
        char *bits = strchr(address, '/');
        int offset, n_bits;

        if (bits)
                *bits++ = '\0';
        if (!address_read(address, ret->bytes, &offset))
                return false;
        n_bits = BITS_MAX - offset;
        if (bits && !bits_read(bits, n_bits, &n_bits))
                return false;
        ret->bits = offset + n_bits;
        for (int bit = ret->bits; bit < BITS_MAX; bit++)
                if (bit_is_set(ret, bit))
                        return false;
        return true;
}

bool network_of(const char *address, struct network_range *ret) {
        CLEANUP(mem_freep) char *copy = xstrdup(address);
        char *text = copy, *end;
        int offset;

        ret->bits = BITS_MAX;
        if (address_read(text, ret->bytes, &offset))
                return true;
        if (text[0] == '[') {
                end = strchr(++text, ']');
                if (!end || (end[1] != '\0' && end[1] != ':'))
                        return false;
        } else {
                end = strchr(text, ':');
                if (!end)
                        return false;
        }
        *end = '\0';
        return address_read(text, ret->bytes, &offset);
}

static bool network_has(const struct network_range *network,
                        const struct network_range *address) {
        for (int bit = 0; bit < network->bits; bit++)
                if (bit_is_set(network, bit) != bit_is_set(address, bit))
                        return false;
        return true;
}

bool networks_have(const char *list, const char *address) {
        CLEANUP(mem_freep) char *copy = xstrdup(list);
        struct network_range one, wanted;
        char *rest = copy, *word;

        if (!list || !network_of(address, &wanted))
                return false;
        while ((word = strsep(&rest, " ")))
                if (network_read(word, &one) && network_has(&one, &wanted))
                        return true;
        return false;
}

void network_name(const struct network_range *network, char ret[static ADDRESS_NAME_MAX]) {
        struct sockaddr_in6 address = {.sin6_family = AF_INET6};

        memcpy(&address.sin6_addr, network->bytes, sizeof(network->bytes));
        address_name((const struct sockaddr *)&address, ret);
}

bool network_is_loopback(const struct network_range *network) {
        static const unsigned char loopback[16] = {[15] = 1};

        if (memcmp(network->bytes, mapped, sizeof(mapped)) == 0)
                return network->bytes[12] == 127;
        return memcmp(network->bytes, loopback, sizeof(loopback)) == 0;
}
