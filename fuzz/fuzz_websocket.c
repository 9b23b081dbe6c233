// WebSocket: any frames on an upgraded connection. The first byte says how large the pieces are
// in which the rest arrives, and with its lowest bit whether compression was agreed on.

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_net.h"
#include "net/websocket.h"
#include "util/mem.h"
#include "util/utf8.h"

#define MESSAGE_MAX 100000
#define TEXT_MAX    30000

static size_t n_open;
static size_t n_binary;           // bytes of the binary message now arriving
static struct websocket *paused;  // nothing may arrive from it

static void fuzz_pause(struct websocket *socket) {
        websocket_pause(socket);
        paused = socket;
}

static void fuzz_on_text(void *context, const char *text, size_t n) {
        struct websocket *socket = context;

        if (paused || n > TEXT_MAX || text[n] != '\0')
                abort();
        for (size_t i = 0; i < n;) {
                int step = utf8_step(text + i, n - i);

                if (step <= 0)
                        abort();
                i += (size_t)step;
        }
        if (strncmp(text, "close", 5) == 0)
                websocket_close(socket, 4000, text);
        else if (strncmp(text, "pause", 5) == 0)
                fuzz_pause(socket);
        else if (n < 10000)
                websocket_send_text(socket, text, n);
}

// Pieces come in order and have the sizes that were promised. The last byte of some pauses:
// then nothing more may come.
static void fuzz_on_binary(void *context, const struct websocket_piece *piece) {
        struct websocket *socket = context;

        if (paused || piece->is_first != (n_binary == 0) ||
            piece->is_last != (piece->n < WEBSOCKET_PIECE) || piece->n > WEBSOCKET_PIECE)
                abort();
        n_binary += piece->n;
        if (n_binary > MESSAGE_MAX)
                abort();
        if (piece->is_last)
                n_binary = 0;
        if (piece->n && piece->bytes[piece->n - 1] == 'p')
                fuzz_pause(socket);
}

static void fuzz_on_close(void *context, uint16_t code) {
        (void)context;
        if (code < 1000 || code > 4999)
                abort();
        n_open--;
        n_binary = 0;
        paused = NULL;
}

static void fuzz_on_request(void *context, struct exchange *exchange) {
        (void)context;
        (void)exchange;  // nobody answers: 500
}

static void fuzz_on_websocket(void *context, const struct http_request *request,
                              struct websocket *socket) {
        struct websocket_handler handler = {fuzz_on_text,  fuzz_on_binary, NULL,
                                            fuzz_on_close, socket,         NULL};
        struct websocket_limits limits = {
                .text_max = TEXT_MAX, .binary_max = MESSAGE_MAX, .send_max = 50000};

        (void)context;
        (void)request;
        n_open++;
        websocket_set_handler(socket, &handler, &limits);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        static const struct listener_handler handler = {.on_request = fuzz_on_request,
                                                        .on_websocket = fuzz_on_websocket};
        struct listener *listener = net_listener(&handler);
        char upgrade[512];
        int fd, length;

        if (n < 1)
                return 0;
        length = snprintf(upgrade, sizeof(upgrade),
                          "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                          bytes[0] & 1 ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                       : "");
        fd = net_connect(listener);
        net_send(listener, fd, (uint8_t *)upgrade, (size_t)length, sizeof(upgrade));
        if (n_open != 1)
                abort();
        net_send(listener, fd, bytes + 1, n - 1, bytes[0] > 1 ? bytes[0] : n);
        for (int turns = 0; turns < 100; turns++) {
                if (paused)
                        websocket_resume(paused);
                paused = NULL;
                loop_turn(listener->loop);
                net_swallow(fd);
        }
        net_disconnect(listener, fd);
        if (n_open != 0)
                abort();
        return 0;
}
