#include "sink/nats_address.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define PORT "4222"

// Where a password's own '@', ':' or '/' was left as it is, its parts are taken for others.
static const char odd_url[] = "url: it is no address of a NATS server such as "
                              "nats://user:password@host:4222 or tls://host (in the password, "
                              "characters such as @ : / , % are percent-encoded)";

static int hex_value(char digit) {
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        digit = (char)(digit | 0x20);
        return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// The `n` bytes without their percent-encoding; NULL where that is wrong.
static char *text_decode(const char *text, size_t n) {
        char *decoded = xcalloc(n + 1, 1);
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                int high, low;

                if (text[i] != '%') {
                        decoded[length++] = text[i];
                        continue;
                }
                high = i + 2 < n ? hex_value(text[i + 1]) : -1;
                low = i + 2 < n ? hex_value(text[i + 2]) : -1;
                if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                        free(decoded);
                        return NULL;
                }
                decoded[length++] = (char)(high << 4 | low);
                i += 2;
        }
        return decoded;
}

// A host and its port as a URL of its own; NULL where it is none.
static char *server_make(const char *text, size_t n) {
        const char *bracket = text[0] == '[' ? memchr(text, ']', n) : NULL;
        const char *rest = bracket ? bracket + 1 : memchr(text, ':', n);
        size_t n_host = rest ? (size_t)(rest - text) : n;
        size_t n_port = n - n_host;

        if (n_host == 0 || memchr(text, '@', n) || (text[0] == '[' && !bracket))
                return NULL;
        for (size_t i = 0; i < n_host; i++)
                if (isspace((unsigned char)text[i]) || strchr("/?#%", text[i]))
                        return NULL;
        if (n_port == 0)
                return xasprintf("nats://%.*s:" PORT, (int)n_host, text);
        if (n_port < 2 || n_port > 6 || text[n_host] != ':' ||
            strspn(text + n_host + 1, "0123456789") < n_port - 1)
                return NULL;
        return xasprintf("nats://%.*s", (int)n, text);
}

// What stands before the '@'.
static bool principal_read(struct nats_address *address, const char *text, size_t n) {
        const char *colon = memchr(text, ':', n);

        if (address->user || address->token)
                return true;  // the first one's holds
        if (!colon) {
                address->token = text_decode(text, n);
                return address->token;
        }
        address->user = text_decode(text, (size_t)(colon - text));
        address->password = text_decode(colon + 1, n - (size_t)(colon + 1 - text));
        return address->user && address->password &&
               !memchr(colon + 1, ':', n - (size_t)(colon + 1 - text));
}

// One of the list.
static bool url_read(struct nats_address *address, const char *url, size_t n) {
        bool is_tls = strncmp(url, "tls://", 6) == 0;
        const char *text, *at;

        if (address->n_servers == NATS_SERVERS_MAX || n <= 7 ||
            (!is_tls && strncmp(url, "nats://", 7) != 0))
                return false;
        address->is_tls = address->is_tls || is_tls;
        text = url + (is_tls ? 6 : 7);
        n -= (size_t)(text - url);
        if (n > 1 && text[n - 1] == '/')
                n--;
        at = memchr(text, '@', n);
        if (at) {
                if (!principal_read(address, text, (size_t)(at - text)))
                        return false;
                n -= (size_t)(at + 1 - text);
                text = at + 1;
        }
        address->servers[address->n_servers] = n > 0 ? server_make(text, n) : NULL;
        return address->servers[address->n_servers++];
}

int nats_address_init(struct nats_address *ret, const char *url, struct error *error) {
        *ret = (struct nats_address){0};
        for (const char *next = url; next;) {
                size_t n = strcspn(next, ",");

                if (!url_read(ret, next, n)) {
                        nats_address_deinit(ret);
                        return error_set(error, -EINVAL, "%s", odd_url);
                }
                next = next[n] == ',' ? next + n + 1 : NULL;
        }
        return 0;
}

void nats_address_deinit(struct nats_address *address) {
        for (size_t i = 0; i < address->n_servers; i++)
                free(address->servers[i]);
        free(address->user);
        free(address->password);
        free(address->token);
        *address = (struct nats_address){0};
}
