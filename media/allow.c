#include "media/allow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 256  // a host's name has 253 bytes at most

// What a network is made of: the first `n_bits` of 16 bytes. Those of IPv4 lie behind the
// prefix of mapped addresses.
struct network {
        uint8_t bytes[16];
        unsigned n_bits;
};

#define MAPPED_BITS 96

static void mapped_set(uint8_t ret[16], const struct in_addr *address) {
        memset(ret, 0, 10);
        ret[10] = ret[11] = 0xff;
        memcpy(ret + 12, address, 4);
}

// Its length in bits, decimal digits alone; false for more than `most`.
static bool bits_read(const char *text, unsigned most, unsigned *ret) {
        size_t n = strspn(text, "0123456789");
        unsigned long bits;

        if (n == 0 || n > 3 || text[n] != '\0')
                return false;
        bits = strtoul(text, NULL, 10);
        *ret = (unsigned)bits;
        return bits <= most;
}

static bool network_read(const char *word, struct network *ret) {
        char address[WORD_MAX];
        const char *slash = strchr(word, '/');
        size_t n = slash ? (size_t)(slash - word) : strlen(word);
        struct in_addr in;
        unsigned bits;

        if (n >= sizeof(address))
                return false;
        memcpy(address, word, n);
        address[n] = '\0';
        if (inet_pton(AF_INET, address, &in) == 1) {
                bits = 32;
                mapped_set(ret->bytes, &in);
                if (slash && !bits_read(slash + 1, 32, &bits))
                        return false;
                ret->n_bits = MAPPED_BITS + bits;
                return true;
        }
        if (inet_pton(AF_INET6, address, ret->bytes) != 1)
                return false;
        ret->n_bits = 128;
        return !slash || bits_read(slash + 1, 128, &ret->n_bits);
}

static bool network_has(const struct network *network, const uint8_t address[16]) {
        unsigned n_whole = network->n_bits / 8;
        unsigned n_rest = network->n_bits % 8;
        uint8_t mask = (uint8_t)(0xff << (8 - n_rest));

        if (memcmp(address, network->bytes, n_whole) != 0)
                return false;
        return n_rest == 0 || ((address[n_whole] ^ network->bytes[n_whole]) & mask) == 0;
}

// --- words ----------------------------------------------------------------------

// The next word, moved past. False: there is none, or it is too long to be one.
static bool word_next(const char **words, char ret[WORD_MAX]) {
        size_t n;

        *words += strspn(*words, " ");
        n = strcspn(*words, " ");
        if (n == 0 || n >= WORD_MAX)
                return false;
        memcpy(ret, *words, n);
        ret[n] = '\0';
        *words += n;
        return true;
}

bool media_allow_word_is_good(const char *word) {
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
        struct network network;
        size_t n = strlen(word);

        if (network_read(word, &network))
                return true;
        // What looks like an address and is none is no name.
        if (strspn(word, "0123456789.") == n)
                return false;
        return n < WORD_MAX && strspn(word, letters) == n;
}

bool media_allow_is_good(const char *words) {
        char word[WORD_MAX];

        if (strlen(words) >= MEDIA_ALLOW_MAX)
                return false;
        while (word_next(&words, word))
                if (!media_allow_word_is_good(word))
                        return false;
        return *words == '\0';
}

bool media_allow_has_name(const char *words, const char *name) {
        char word[WORD_MAX];

        while (words && word_next(&words, word))
                if (strcasecmp(word, name) == 0)
                        return true;
        return false;
}

bool media_allow_is_any(const char *words) {
        return media_allow_has_name(words, "any");
}

// --- addresses ------------------------------------------------------------------

static bool address_read(const struct sockaddr *address, socklen_t length, uint8_t ret[16]) {
        struct sockaddr_in in;
        struct sockaddr_in6 in6;

        if (length >= sizeof(in) && address->sa_family == AF_INET) {
                memcpy(&in, address, sizeof(in));
                mapped_set(ret, &in.sin_addr);
                return true;
        }
        if (length < sizeof(in6) || address->sa_family != AF_INET6)
                return false;
        memcpy(&in6, address, sizeof(in6));
        memcpy(ret, in6.sin6_addr.s6_addr, 16);
        return true;
}

bool media_allow_has_address(const char *words, const struct sockaddr *address,
                             socklen_t length) {
        char word[WORD_MAX];
        uint8_t bytes[16];
        struct network network;

        if (!words || !address_read(address, length, bytes))
                return false;
        while (word_next(&words, word))
                if (network_read(word, &network) && network_has(&network, bytes))
                        return true;
        return false;
}
