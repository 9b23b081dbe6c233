// HTTP: anything on a fresh connection. The first byte says how large the pieces are in which
// the rest arrives.

#include <string.h>

#include "fuzz.h"
#include "fuzz_net.h"
#include "net/websocket.h"
#include "util/mem.h"

static void fuzz_on_request(void *context, const struct http_request *request,
                            struct http_response *ret) {
        static char page[] = "page";
        CLEANUP(mem_freep) char *name = http_request_query(request, "name");

        (void)context;
        if (strlen(request->path) + strlen(request->query) > LISTENER_HEADER_BYTES_MAX)
                abort();
        if (http_request_header(request, "x-name") || name)
                ret->status = 200;
        ret->body = page;
        ret->body_length = strlen(page);
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
        int fd;

        if (n < 1)
                return 0;
        fd = net_connect(listener);
        net_send(listener, fd, bytes + 1, n - 1, bytes[0] ? bytes[0] : n);
        net_disconnect(listener, fd);
        return 0;
}
