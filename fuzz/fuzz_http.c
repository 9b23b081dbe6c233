// HTTP: anything on a fresh connection. The first byte says how large the pieces are in which
// the rest arrives. The exchange at hand does something after each of them: what, its path and
// the bytes of its body say. "/now" is answered at once, "/none" by nobody.

#include <string.h>

#include "fuzz.h"
#include "fuzz_net.h"
#include "net/exchange.h"
#include "net/websocket.h"
#include "util/mem.h"

#define FUZZ_BODY_MAX 3000

// The exchange at hand: there is one connection.
static struct {
        struct exchange *exchange;  // NULL: none
        unsigned seed;
        size_t n_body, n_left;
        bool is_begun, is_paused, is_whole, has_refused;
} now;

static void now_stir(const void *bytes, size_t n) {
        for (size_t i = 0; i < n; i++)
                now.seed = (now.seed ^ ((const uint8_t *)bytes)[i]) * 16777619;
}

static unsigned now_draw(unsigned n) {
        now_stir("", 1);
        return (now.seed >> 16) % n;
}

static void now_reply(void) {
        static const char page[] = "page";
        static const int status[] = {200, 204, 304, 404, 503};
        struct http_response response = {status[now_draw(5)], "text/plain", NULL, page,
                                         strlen(page)};
        struct exchange *exchange = now.exchange;

        now.exchange = NULL;
        exchange_reply(exchange, &response);
}

static void now_begin(void) {
        struct http_response response = {200, "text/plain", "X-Of: ours\r\n", NULL, 0};

        now.n_left = now_draw(2) ? EXCHANGE_LENGTH_UNKNOWN : now_draw(2) * 20000;
        response.body_length = now.n_left;
        exchange_begin(now.exchange, &response);
        now.is_begun = true;
}

static void now_write(void) {
        static const uint8_t filler[EXCHANGE_UNSENT_MAX];
        size_t n = now_draw(2) ? now_draw(100) : now_draw(EXCHANGE_UNSENT_MAX + 1);

        if (n > now.n_left)
                n = now.n_left;
        if (!exchange_write(now.exchange, filler, n))
                now.has_refused = true;
        else if (now.n_left != EXCHANGE_LENGTH_UNKNOWN)
                now.n_left -= n;
}

static void now_end(void) {
        struct exchange *exchange = now.exchange;

        now.exchange = NULL;
        exchange_end(exchange);
}

// Do something that is allowed.
static void now_act(void) {
        unsigned choice = now_draw(8);

        if (!now.exchange)
                return;
        if (choice == 0) {
                exchange_pause(now.exchange);
                now.is_paused = true;
        } else if (choice <= 3) {
                now.is_paused = false;
                exchange_resume(now.exchange);
        } else if (!now.is_begun) {
                if (choice == 4)
                        now_reply();
                else if (choice == 5)
                        now_begin();
        } else if (choice == 4) {
                now_end();
        } else {
                now_write();
        }
}

static void fuzz_on_body(void *context, const uint8_t *bytes, size_t n) {
        now.n_body += n;
        if (context != &now || !now.exchange || !n || now.n_body > FUZZ_BODY_MAX ||
            now.is_paused || now.is_whole)
                abort();
        now_stir(bytes, n);
        now_act();
}

static void fuzz_on_body_end(void *context) {
        (void)context;
        if (!now.exchange || now.is_whole)
                abort();
        now.is_whole = true;
        now_act();
}

static void fuzz_on_drained(void *context) {
        (void)context;
        if (!now.exchange || !now.has_refused)
                abort();
        now.has_refused = false;
        now_act();
}

static void fuzz_on_gone(void *context) {
        (void)context;
        if (!now.exchange)
                abort();
        now.exchange = NULL;
}

static void fuzz_on_request(void *context, struct exchange *exchange) {
        const struct http_request *request = exchange_request(exchange);
        struct exchange_handler handler = {
                fuzz_on_body, fuzz_on_body_end, fuzz_on_drained, fuzz_on_gone,
                &now,         FUZZ_BODY_MAX};
        CLEANUP(mem_freep) char *name = http_request_query(request, "name");

        (void)context;
        if (now.exchange)
                abort();  // the one before is not over
        if (strlen(request->path) + strlen(request->query) > LISTENER_HEADER_BYTES_MAX)
                abort();
        if (strcmp(request->path, "/none") == 0)
                return;
        memset(&now, 0, sizeof(now));
        now.exchange = exchange;
        now_stir(request->path, strlen(request->path));
        if (strcmp(request->path, "/now") == 0 || name) {
                now_reply();
                return;
        }
        if (http_request_header(request, "x-name"))
                handler.on_body = NULL;
        exchange_set_handler(exchange, &handler);
        now_act();
}

static void fuzz_on_websocket(void *context, const struct http_request *request,
                              struct websocket *socket) {
        (void)context;
        (void)request;
        (void)socket;  // nobody listens: it is closed
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        static const struct listener_handler handler = {.on_request = fuzz_on_request,
                                                        .on_websocket = fuzz_on_websocket};
        struct listener *listener = net_listener(&handler);
        size_t step = n ? bytes[0] : 0;
        int fd;

        if (n < 1)
                return 0;
        fd = net_connect(listener);
        for (size_t at = 1; at < n; at += step) {
                if (!step || step > n - at)
                        step = n - at;
                net_send(listener, fd, bytes + at, step, step);
                now_act();
        }
        for (int i = 0; i < 20; i++) {
                now_act();
                now_act();
                if (i % 2)
                        loop_turn(listener->loop);
                net_swallow(fd);
        }
        net_hang_up(listener, fd);
        // That is not seen behind a pause or another request.
        while (now.exchange) {
                if (now.is_begun)
                        now_end();
                else
                        now_reply();
                loop_advance(listener->loop, 120 * NSEC_PER_SEC);
        }
        if (listener_connections(listener) != 0 || now.exchange)
                abort();
        return 0;
}
