// Origin: two header values, a line each. What is read can be read again, and is the same then.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/origin.h"
#include "util/mem.h"

static void check_again(const struct authority *authority) {
        CLEANUP(mem_freep)
        char *text = authority->port >= 0 ? xasprintf("%s:%d", authority->host, authority->port)
                                          : xstrdup(authority->host);
        struct authority again;

        if (!authority_read(text, &again) || strcmp(again.host, authority->host) != 0 ||
            again.port != authority->port || again.is_address != authority->is_address)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *text = xcalloc(n + 1, 1);
        char *host = memcpy(text, bytes, n);
        const char *origin = strsep(&host, "\n");
        struct origin_policy policy = {.origins = origin, .hosts = host};
        struct authority authority;
        struct origin page;

        if (host && authority_read(host, &authority))
                check_again(&authority);
        if (origin_read(origin, &page)) {
                check_again(&page.authority);
                // Whatever is listed is let in where the host is known.
                if (!strpbrk(origin, " \t") &&
                    origin_judge(&policy, origin, "localhost") != ORIGIN_GOOD)
                        abort();
        }
        if (host_judge(&policy, host) == ORIGIN_GOOD)
                (void)origin_judge(&policy, origin, host);
        else if (origin_judge(&policy, origin, host) != HOST_IS_UNKNOWN)
                abort();
        return 0;
}
