#include "net/origin.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util/mem.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"
// What names a network card, behind a "%" in an IPv6 address.
#define ZONE   LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "%.-_~"
#define BLANKS " \t"

// Copy `n` characters in small letters. False when there are none, too many or others than
// `allowed`.
static bool word_copy(const char *text, size_t n, const char *allowed, char *ret, size_t max) {
        if (n == 0 || n > max)
                return false;
        for (size_t i = 0; i < n; i++) {
                char letter = text[i];

                if (letter >= 'A' && letter <= 'Z')
                        letter = (char)(letter - 'A' + 'a');
                if (letter == '\0' || !strchr(allowed, letter))
                        return false;
                ret[i] = letter;
        }
        ret[n] = '\0';
        return true;
}

// What stands in brackets, at whose "]" *end is set.
static bool host_read_ipv6(const char *text, const char **end, struct authority *ret) {
        char literal[INET6_ADDRSTRLEN];
        struct in6_addr address;
        size_t n = strcspn(text + 1, "]%");  // "%eth0" says by which card, not where

        *end = strchr(text, ']');
        if (!*end || n >= sizeof(literal))
                return false;
        if (strspn(text + 1 + n, ZONE) != (size_t)(*end - (text + 1 + n)))
                return false;
        memcpy(literal, text + 1, n);
        literal[n] = '\0';
        if (inet_pton(AF_INET6, literal, &address) != 1)
                return false;
        inet_ntop(AF_INET6, &address, literal, sizeof(literal));
        snprintf(ret->host, sizeof(ret->host), "[%s]", literal);
        ret->is_address = true;
        ++*end;
        return true;
}

static bool host_read_name(const char *text, const char **end, struct authority *ret) {
        size_t n = strcspn(text, ":");
        struct in_addr address;

        *end = text + n;
        if (n > 1 && text[n - 1] == '.')
                n--;
        if (!word_copy(text, n, LETTERS DIGITS ".-_", ret->host, ORIGIN_HOST_MAX) ||
            ret->host[0] == '.' || ret->host[n - 1] == '.')
                return false;
        ret->is_address = inet_pton(AF_INET, ret->host, &address) == 1;
        return true;
}

// ":PORT", ":" or nothing.
static bool port_read(const char *text, int *ret) {
        size_t n;

        *ret = -1;
        if (text[0] == '\0')
                return true;
        if (text[0] != ':')
                return false;
        n = strlen(++text);
        if (n > 5 || strspn(text, DIGITS) != n)
                return false;
        if (n > 0)
                *ret = (int)strtol(text, NULL, 10);
        return *ret <= 65535;
}

bool authority_read(const char *text, struct authority *ret) {
        struct authority authority = {0};
        const char *end;
        bool is_good = text[0] == '[' ? host_read_ipv6(text, &end, &authority)
                                      : host_read_name(text, &end, &authority);

        if (!is_good || !port_read(end, &authority.port))
                return false;
        *ret = authority;
        return true;
}

bool origin_read(const char *text, struct origin *ret) {
        const char *colon = strstr(text, "://");
        struct origin origin = {0};

        if (!colon ||
            !word_copy(text, (size_t)(colon - text), LETTERS DIGITS "+-.", origin.scheme,
                       ORIGIN_SCHEME_MAX) ||
            !authority_read(colon + 3, &origin.authority))
                return false;
        *ret = origin;
        return true;
}

// The port that a page's URL leaves out, or -1 for a scheme that no page of ours has.
static int scheme_port(const char *scheme) {
        if (strcmp(scheme, "http") == 0)
                return 80;
        return strcmp(scheme, "https") == 0 ? 443 : -1;
}

static int port_of(const struct authority *authority, int usual) {
        return authority->port >= 0 ? authority->port : usual;
}

static bool origin_is_home(const struct origin *origin, const struct authority *host,
                           bool is_encrypted) {
        int usual = scheme_port(origin->scheme);

        return usual > 0 && (!is_encrypted || strcmp(origin->scheme, "https") == 0) &&
               strcmp(origin->authority.host, host->host) == 0 &&
               port_of(&origin->authority, usual) == port_of(host, usual);
}

static bool origin_equals(const struct origin *a, const struct origin *b) {
        int usual = scheme_port(a->scheme);

        return strcmp(a->scheme, b->scheme) == 0 &&
               strcmp(a->authority.host, b->authority.host) == 0 &&
               port_of(&a->authority, usual) == port_of(&b->authority, usual);
}

// The list's next word, which the caller frees; NULL behind the last.
static char *list_next(const char **list) {
        const char *word;
        size_t n;

        if (!*list)
                return NULL;
        word = *list + strspn(*list, BLANKS);
        n = strcspn(word, BLANKS);
        *list = word + n;
        return n > 0 ? xasprintf("%.*s", (int)n, word) : NULL;
}

static bool list_has_origin(const char *list, const struct origin *origin) {
        bool has = false;
        char *word;

        while (!has && (word = list_next(&list))) {
                struct origin listed;

                has = origin_read(word, &listed) && origin_equals(&listed, origin);
                free(word);
        }
        return has;
}

static bool list_has_host(const char *list, const char *host) {
        bool has = false;
        char *word;

        while (!has && (word = list_next(&list))) {
                struct authority listed;

                has = authority_read(word, &listed) && strcmp(listed.host, host) == 0;
                free(word);
        }
        return has;
}

enum origin_verdict host_judge(const struct origin_policy *policy, const char *host) {
        struct authority authority;

        // Only HTTP/1.0 may leave it out, which no browser speaks.
        if (!host || policy->has_any_host)
                return ORIGIN_GOOD;
        if (!authority_read(host, &authority))
                return HOST_IS_UNKNOWN;
        if (authority.is_address || strcmp(authority.host, "localhost") == 0 ||
            list_has_host(policy->hosts, authority.host))
                return ORIGIN_GOOD;
        return HOST_IS_UNKNOWN;
}

enum origin_verdict origin_judge(const struct origin_policy *policy, const char *origin,
                                 const char *host) {
        enum origin_verdict verdict = host_judge(policy, host);
        struct authority authority;
        struct origin page;

        if (verdict != ORIGIN_GOOD || !origin)
                return verdict;
        if (!origin_read(origin, &page))
                return ORIGIN_IS_FOREIGN;
        if ((host && authority_read(host, &authority) &&
             origin_is_home(&page, &authority, policy->is_encrypted)) ||
            list_has_origin(policy->origins, &page))
                return ORIGIN_GOOD;
        return ORIGIN_IS_FOREIGN;
}

bool origin_is_listed(const char *origins, const char *origin) {
        struct origin page;

        return origin_read(origin, &page) && list_has_origin(origins, &page);
}

// The name with its domain, by the machine's own tables or its name server.
static char *full_name(const char *name) {
        static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                              .ai_flags = AI_CANONNAME};
        struct addrinfo *infos = NULL;
        char *full = NULL;

        if (getaddrinfo(name, NULL, &hints, &infos) != 0)
                return xstrdup(name);
        full = xstrdup(infos->ai_canonname ? infos->ai_canonname : name);
        freeaddrinfo(infos);
        return full;
}

char *origin_own_hosts(void) {
        char name[ORIGIN_HOST_MAX + 1];
        CLEANUP(mem_freep) char *full = NULL;
        int n;

        if (gethostname(name, sizeof(name)) != 0 || !memchr(name, '\0', sizeof(name)) ||
            name[0] == '\0')
                return xstrdup("");
        n = (int)strcspn(name, ".");
        // A name with a domain is full already, and asking takes its time where nobody answers.
        full = name[n] == '.' ? xstrdup(name) : full_name(name);
        return xasprintf("%s %.*s %.*s.local %s", name, n, name, n, name, full);
}
