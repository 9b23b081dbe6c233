// Forwarded: what proxies say, a line for the standard header, one for the usual one, and the
// proxies that are believed. Whoever is found is none of them, unless all are.

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/forwarded.h"
#include "net/http_head.h"
#include "net/network.h"
#include "util/mem.h"

static void header_add(struct http_head *head, const char *name, const char *value) {
        if (value && value[0] &&
            (!http_head_add_name(head, name, strlen(name)) ||
             !http_head_add_value(head, value, strlen(value))))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *text = xcalloc(n + 1, 1);
        char *rest = memcpy(text, bytes, n);
        const char *standard = strsep(&rest, "\n"), *usual = strsep(&rest, "\n");
        struct http_head head = {0};
        struct http_request request = {.head = &head};
        struct forwarded forwarded;
        struct network_range client;

        if (!http_head_add_target(&head, "/", 1))
                abort();
        header_add(&head, "Forwarded", standard);
        header_add(&head, "X-Forwarded-For", usual);
        if (!http_head_complete(&head))
                abort();
        if (forwarded_read(&request, rest, &forwarded)) {
                if (strlen(forwarded.client) >= FORWARDED_TEXT_MAX)
                        abort();
                (void)network_of(forwarded.client, &client);
        }
        http_head_deinit(&head);
        return 0;
}
