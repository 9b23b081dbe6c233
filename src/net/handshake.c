#include "net/handshake.h"

#include <http_parser.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

#include "net/deflate.h"
#include "util/mem.h"

#define KEY_LENGTH  24                                      // base64 of 16 bytes
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  // RFC 6455, section 1.3

static bool key_is_valid(const char *key) {
        unsigned char decoded[KEY_LENGTH / 4 * 3];

        return key && strlen(key) == KEY_LENGTH && strcmp(key + KEY_LENGTH - 2, "==") == 0 &&
               EVP_DecodeBlock(decoded, (const unsigned char *)key, KEY_LENGTH) ==
                       sizeof(decoded);
}

static bool header_has(const struct http_head *head, const char *name, const char *token) {
        const char *value = NULL;

        while ((value = http_head_next(head, name, value)))
                if (http_list_has(value, token))
                        return true;
        return false;
}

int handshake_check(const struct http_head *head, struct handshake *ret,
                    const char **ret_reason) {
        const char *version = http_head_next(head, "Sec-WebSocket-Version", NULL);
        const char *key = http_head_next(head, "Sec-WebSocket-Key", NULL);
        const char *offers = NULL, *protocols = NULL;

        if (!header_has(head, "Connection", "upgrade")) {
                *ret_reason = "a WebSocket needs the header Connection: Upgrade";
                return HTTP_STATUS_BAD_REQUEST;
        }
        if (!version || strcmp(version, "13") != 0) {
                *ret_reason = "only version 13 of WebSocket is spoken here";
                return HTTP_STATUS_UPGRADE_REQUIRED;
        }
        if (!key_is_valid(key) || http_head_next(head, "Sec-WebSocket-Key", key)) {
                *ret_reason = "a WebSocket needs one Sec-WebSocket-Key of 16 bytes in base64";
                return HTTP_STATUS_BAD_REQUEST;
        }
        *ret = (struct handshake){.key = key};
        while (!ret->has_deflate &&
               (offers = http_head_next(head, "Sec-WebSocket-Extensions", offers)))
                handshake_negotiate(ret, offers);
        while ((protocols = http_head_next(head, "Sec-WebSocket-Protocol", protocols)))
                subprotocol_offer(&ret->protocol, protocols);
        subprotocol_end(&ret->protocol);
        return 0;
}

// --- permessage-deflate ----------------------------------------------------------

// One "name" or "name=value" of an extension's parameters, spaces and quotes taken off.
struct extension_parameter {
        const char *name, *value;
        size_t name_length, value_length;
};

static void span_trim(const char **text, size_t *n) {
        while (*n && ((*text)[0] == ' ' || (*text)[0] == '\t' || (*text)[0] == '"')) {
                ++*text;
                --*n;
        }
        while (*n &&
               ((*text)[*n - 1] == ' ' || (*text)[*n - 1] == '\t' || (*text)[*n - 1] == '"'))
                --*n;
}

static struct extension_parameter parameter_read(const char *text, size_t n) {
        const char *equals = memchr(text, '=', n);
        struct extension_parameter parameter = {.name = text, .name_length = n};

        if (equals) {
                parameter.name_length = (size_t)(equals - text);
                parameter.value = equals + 1;
                parameter.value_length = n - parameter.name_length - 1;
                span_trim(&parameter.value, &parameter.value_length);
        }
        span_trim(&parameter.name, &parameter.name_length);
        return parameter;
}

static bool parameter_is(const struct extension_parameter *parameter, const char *name) {
        return parameter->name_length == strlen(name) &&
               strncasecmp(parameter->name, name, parameter->name_length) == 0;
}

// 8..15, or 0 for anything else.
static int window_bits_read(const struct extension_parameter *parameter) {
        const char *digits = parameter->value;

        if (parameter->value_length == 1 && (digits[0] == '8' || digits[0] == '9'))
                return digits[0] - '0';
        if (parameter->value_length == 2 && digits[0] == '1' && digits[1] >= '0' &&
            digits[1] <= '5')
                return 10 + digits[1] - '0';
        return 0;
}

// Take in one parameter of an offer; false if it makes the offer unacceptable.
static bool offer_add(struct handshake *offer, const struct extension_parameter *parameter) {
        if (parameter_is(parameter, "server_no_context_takeover") ||
            parameter_is(parameter, "client_no_context_takeover"))
                return !parameter->value;  // that is how both sides will do it anyway
        if (parameter_is(parameter, "client_max_window_bits"))
                return !parameter->value || window_bits_read(parameter);
        if (parameter_is(parameter, "server_max_window_bits") && !offer->window_bits) {
                offer->window_bits = window_bits_read(parameter);
                return offer->window_bits >= DEFLATE_WINDOW_BITS;
        }
        return false;
}

void handshake_negotiate(struct handshake *handshake, const char *offers) {
        while (*offers && !handshake->has_deflate) {
                size_t left = strcspn(offers, ",");
                struct handshake offer = {.key = handshake->key};
                bool is_first = true, is_good = true, has_more = true;

                while (is_good && has_more) {
                        const char *end = memchr(offers, ';', left);
                        size_t n = end ? (size_t)(end - offers) : left;
                        struct extension_parameter parameter = parameter_read(offers, n);

                        is_good = is_first ? parameter_is(&parameter, "permessage-deflate")
                                           : offer_add(&offer, &parameter);
                        is_first = false;
                        has_more = end;
                        offers += n + (end != NULL);
                        left -= n + (end != NULL);
                }
                if (is_good) {
                        *handshake = offer;
                        handshake->has_deflate = true;
                }
                offers += strcspn(offers, ",");
                offers += *offers == ',';
        }
}

// --- the answer ------------------------------------------------------------------

char *handshake_accept(const char *key) {
        CLEANUP(mem_freep) char *joined = xasprintf("%s%s", key, ACCEPT_GUID);
        unsigned char digest[SHA_DIGEST_LENGTH];
        unsigned char accept[(SHA_DIGEST_LENGTH + 2) / 3 * 4 + 1];

        SHA1((const unsigned char *)joined, strlen(joined), digest);
        EVP_EncodeBlock(accept, digest, sizeof(digest));
        return xstrdup((const char *)accept);
}

char *handshake_answer(const struct handshake *handshake) {
        CLEANUP(mem_freep) char *accept = handshake_accept(handshake->key);
        const struct subprotocol *protocol = &handshake->protocol;
        char bits[40] = "";

        if (handshake->window_bits)
                snprintf(bits, sizeof(bits), "; server_max_window_bits=%d",
                         handshake->window_bits);
        return xasprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
                         "%s%.*s%s%s%s%s%s\r\n",
                         accept, protocol->name ? "Sec-WebSocket-Protocol: " : "",
                         (int)protocol->n, protocol->name ? protocol->name : "",
                         protocol->name ? "\r\n" : "",
                         handshake->has_deflate
                                 ? "Sec-WebSocket-Extensions: permessage-deflate; "
                                   "server_no_context_takeover; client_no_context_takeover"
                                 : "",
                         bits, handshake->has_deflate ? "\r\n" : "",
                         handshake->headers ? handshake->headers : "");
}
