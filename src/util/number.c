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

struct unit {
        const char *name;
        double factor;
};

static bool amount_read(const char *text, const struct unit *units, size_t n, uint64_t *ret) {
        double number;
        const char *unit = number_read(text, &number);

        if (!unit || number < 0)
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(unit, units[i].name) == 0 && number * units[i].factor < 0x1p63) {
                        *ret = (uint64_t)(number * units[i].factor);
                        return true;
                }
        return false;
}

bool size_read(const char *text, uint64_t *ret) {
        static const struct unit units[] = {{"", 1e6},          {"KB", 1e3},   {"MB", 1e6},
                                            {"GB", 1e9},        {"KiB", 1024}, {"MiB", 1048576},
                                            {"GiB", 1073741824}};

        return amount_read(text, units, sizeof(units) / sizeof(units[0]), ret);
}

bool seconds_read(const char *text, uint64_t *ret) {
        static const struct unit units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};

        return amount_read(text, units, sizeof(units) / sizeof(units[0]), ret);
}
