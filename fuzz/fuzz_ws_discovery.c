// WS-Discovery: what anybody in the network answers to our probe. All that is told of it is
// UTF-8 on one line, within its limits.

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "source/ws_discovery.h"
#include "util/utf8.h"

#define ID "urn:uuid:0a6dc791-2be6-4991-9af1-454778a1917a"

static void text_check(const char *text) {
        size_t n = strnlen(text, WS_DISCOVERY_TEXT_MAX);

        if (n == WS_DISCOVERY_TEXT_MAX)
                abort();
        for (size_t i = 0; i < n;) {
                int step = utf8_step(text + i, n - i);

                if (step <= 0 || (unsigned char)text[i] < ' ')
                        abort();
                i += (size_t)step;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        static struct ws_answer answer;
        struct error error;

        if (ws_discovery_read((const char *)bytes, n, ID, &answer, &error) < 0)
                return 0;
        if (answer.n > WS_DISCOVERY_MATCHES_MAX)
                abort();
        for (size_t i = 0; i < answer.n; i++) {
                const struct ws_match *match = &answer.matches[i];

                if (match->n_urls > WS_DISCOVERY_URLS_MAX ||
                    match->n_scopes > WS_DISCOVERY_SCOPES_MAX)
                        abort();
                text_check(match->endpoint);
                text_check(match->name);
                text_check(match->hardware);
                text_check(match->location);
                for (size_t k = 0; k < match->n_urls; k++)
                        text_check(match->urls[k]);
                for (size_t k = 0; k < match->n_scopes; k++)
                        text_check(match->scopes[k]);
        }
        return 0;
}
