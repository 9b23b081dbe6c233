// Line text: any bytes; what comes out is one line of UTF-8 that plays no tricks, and stays it.

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "util/line_text.h"
#include "util/mem.h"
#include "util/utf8.h"

static void fit_check(const char *fit) {
        size_t n = strlen(fit);

        for (size_t i = 0; i < n;) {
                int step = utf8_step(fit + i, n - i);

                if (step < 0 || (unsigned char)fit[i] < 0x20 || fit[i] == 0x7f)
                        abort();
                // C1; the separators and bidirectional controls of U+2028 to U+202E.
                if (step == 2 && fit[i] == '\xc2' && (unsigned char)fit[i + 1] < 0xa0)
                        abort();
                if (step == 3 && memcmp(fit + i, "\xe2\x80", 2) == 0 &&
                    (unsigned char)fit[i + 2] >= 0xa8 && (unsigned char)fit[i + 2] <= 0xae)
                        abort();
                i += (size_t)step;
        }
}

// The first byte says how much room there is.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *room = NULL;
        CLEANUP(mem_freep) char *text = NULL;
        CLEANUP(mem_freep) char *whole = NULL;
        CLEANUP(mem_freep) char *again = NULL;
        size_t size, length;

        if (n < 1)
                return 0;
        size = (size_t)bytes[0] + 1;
        room = xcalloc(size, 1);
        length = line_text_write(room, size, (const char *)bytes + 1, n - 1);
        if (length >= size || room[length] != '\0')
                abort();
        fit_check(room);

        text = xcalloc(n, 1);
        memcpy(text, bytes + 1, n - 1);
        whole = line_text_copy(text);
        fit_check(whole);
        again = line_text_copy(whole);
        if (strcmp(again, whole) != 0 || strncmp(whole, room, length) != 0)
                abort();
        return 0;
}
