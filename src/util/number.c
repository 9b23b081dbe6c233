#include "util/number.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *number_read(const char *text, double *ret) {
        size_t length = strspn(text, "0123456789.-");
        char *end;

        *ret = strtod(text, &end);
        return length > 0 && end == text + length ? end : NULL;
}
