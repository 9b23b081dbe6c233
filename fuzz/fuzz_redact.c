// Redact: any text around a secret, as user info, as a parameter's value and where a port
// should be. The secret never survives, and redacting twice changes nothing more.

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "util/mem.h"
#include "util/redact.h"

#define SECRET "Hunter2"

static void twice_check(const char *redacted, char *(*redact)(const char *)) {
        CLEANUP(mem_freep) char *again = redact(redacted);

        if (strcmp(again, redacted) != 0)
                abort();
}

static void secret_check(const char *text, char *(*redact)(const char *)) {
        CLEANUP(mem_freep) char *redacted = redact(text);

        if (strstr(redacted, SECRET))
                abort();
        twice_check(redacted, redact);
}

// "BEFORE:SECRET@AFTER", "BEFORE?password=SECRET&AFTER" and, with the '@' missing,
// "BEFORErtsp://user:SECRET", where white space or quotes before and behind are part of the
// value, or of a sentence.
static void pieces_check(const char *before, const char *after) {
        CLEANUP(mem_freep) char *info = xasprintf("%s:" SECRET "@%s", before, after);
        CLEANUP(mem_freep)
        char *parameter = xasprintf("%s?password=" SECRET "&%s", before, after);
        CLEANUP(mem_freep) char *port = xasprintf("%srtsp://user:" SECRET, before);

        secret_check(info, redact_value);
        secret_check(parameter, redact_value);
        secret_check(info, redact_urls);
        secret_check(parameter, redact_urls);
        secret_check(port, redact_value);
        secret_check(port, redact_urls);
}

// What is before a zero byte comes before the secret, the rest behind it.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *text = xcalloc(n + 2, 1);
        CLEANUP(mem_freep) char *redacted = NULL;
        const char *after;

        memcpy(text, bytes, n);
        after = text + strlen(text) + 1;
        if (strstr(text, SECRET) || strstr(after, SECRET))
                return 0;  // then it is no secret
        redacted = redact_urls(text);
        if (strlen(redacted) > 4 * strlen(text))
                abort();
        twice_check(redacted, redact_urls);
        pieces_check(text, after);
        return 0;
}
