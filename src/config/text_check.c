#include "config/text_check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "config/config.h"
#include "decode/language.h"
#include "net/network.h"
#include "net/origin.h"
#include "pipeline/hub_names.h"
#include "util/mem.h"

static bool port_is_good(const char *port) {
        char *end;
        long number;

        if (port[0] < '0' || port[0] > '9')
                return false;
        errno = 0;
        number = strtol(port, &end, 10);
        return *end == '\0' && errno == 0 && number <= 65535;
}

static bool host_is_good(const char *host) {
        static const char digits[] = "0123456789.";
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-_";
        struct in_addr address;
        size_t length = strlen(host);

        if (length == 0)
                return true;  // all interfaces
        if (strspn(host, digits) == length)
                return inet_pton(AF_INET, host, &address) == 1;
        return length <= 253 && strspn(host, letters) == length;
}

bool config_is_address(const char *value) {
        CLEANUP(mem_freep) char *host = xstrdup(value);
        char *colon = strrchr(host, ':');

        if (!colon || !port_is_good(colon + 1))
                return false;
        *colon = '\0';
        if (host[0] == '[') {
                struct in6_addr address;
                size_t length = strlen(host);

                if (length < 2 || host[length - 1] != ']')
                        return false;
                host[length - 1] = '\0';
                return inet_pton(AF_INET6, host + 1, &address) == 1;
        }
        return host_is_good(host);
}

bool config_is_origin(const char *word) {
        struct origin origin;

        return origin_read(word, &origin);
}

// A number from 1, or a code as files have them: "de", "ger", "zh-CN".
bool config_is_track(const char *value) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
        size_t n_digits = strspn(value, "0123456789"), n = strlen(value);

        if (n_digits > 0)
                return n_digits == n && n <= 4 && strtol(value, NULL, 10) > 0;
        return n >= 2 && strspn(value, letters) == n;
}

// Names of streams may be globs (fnmatch(3)): printable characters without a blank.
bool config_is_glob(const char *word) {
        for (; *word; word++)
                if ((unsigned char)*word <= ' ' || *word == 0x7F)
                        return false;
        return true;
}

// A code: what is compared with it is one.
bool config_is_language(const char *word) {
        const char *code = language_resolve(word);

        return code && code[0] != '\0' && strcmp(code, word) == 0;
}

bool config_is_kind(const char *word) {
        return strcmp(word, "segment") == 0 || strcmp(word, "alert") == 0 ||
               strcmp(word, "status") == 0;
}

bool config_is_host_name(const char *word) {
        struct authority authority;

        return authority_read(word, &authority) && authority.port < 0;
}

bool config_is_network(const char *word) {
        struct network_range network;

        return network_read(word, &network);
}

bool config_is_dialect(const char *word) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
        size_t n = strlen(word);

        return n > 0 && n <= CONFIG_NAME_MAX && strspn(word, letters) == n;
}

bool config_is_call(const char *word) {
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx=";
        size_t n = strlen(form);

        if (strcmp(word, "*") == 0)
                return true;
        for (size_t i = 0; i < n; i++)
                if (!word[i] ||
                    (form[i] == 'x' ? !isxdigit((unsigned char)word[i]) : word[i] != form[i]))
                        return false;
        return hub_name_is_good(word + n);
}

// Whom nobody knows may not change things.
bool config_is_anonymous_scope(const char *word) {
        return token_scope_is_good(word) && strcmp(word, "manage") != 0;
}
