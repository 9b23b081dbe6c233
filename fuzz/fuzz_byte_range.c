// Byte range: any header against a thing of any length. What is answered lies within it.

#include <stdlib.h>
#include <string.h>

#include "api/byte_range.h"
#include "fuzz.h"
#include "util/mem.h"

// Two bytes of length, then the header, which is also a list of tags.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *header = NULL;
        struct byte_range range;
        size_t length;

        if (n < 2)
                return 0;
        length = (size_t)bytes[0] << 8 | bytes[1];
        header = xcalloc(n - 1, 1);
        memcpy(header, bytes + 2, n - 2);
        switch (byte_range_read(header, length, &range)) {
        case BYTE_RANGE_PART:
                if (range.first > length || range.n > length - range.first ||
                    (length && range.n == 0))
                        abort();
                break;
        case BYTE_RANGE_WHOLE:
        case BYTE_RANGE_NONE:
                if (range.first != 0 || range.n != length)
                        abort();
                break;
        }
        if (byte_range_may(header, "\"a\"") && !byte_range_has(header, "\"a\""))
                abort();
        return 0;
}
