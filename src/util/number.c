#include "util/number.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

const char *number_read(const char *text, double *ret) {
        size_t length = strspn(text, "0123456789.-");
        char *end;

        *ret = strtod(text, &end);
        if (*ret == 0 && signbit(*ret))
                return NULL;
        return length > 0 && end == text + length ? end : NULL;
}

struct unit {
        const char *name;
        double factor;
};

// Units in which amounts are written come first, each larger than the one before.
#define UNITS_WRITTEN 4

static const struct unit time_units[] = {{"s", 1},      {"m", 60}, {"h", 3600}, {"d", 86400},
                                         {"ms", 0.001}, {"", 1},   {NULL, 0}};
static const struct unit size_units[] = {
        {"KB", 1e3},     {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12}, {"KiB", 0x1p10},
        {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"", 1e6},    {NULL, 0}};
#define SIZE_UNITS_BINARY 4  // where the powers of 1024 begin

static bool amount_read(const char *text, const struct unit *units, double *ret) {
        double number;
        const char *name = number_read(text, &number);

        if (!name || number < 0)
                return false;
        while (units->name && strcmp(units->name, name) != 0)
                units++;
        if (!units->name || number * units->factor >= 0x1p63)
                return false;
        *ret = number * units->factor;
        return true;
}

// In the largest unit that leaves a whole number; else in the smallest.
static char *amount_words(double amount, const struct unit *units) {
        const struct unit *best = units;

        if (amount == 0)
                return xstrdup("0");
        for (size_t i = 0; i < UNITS_WRITTEN; i++)
                if (fmod(amount, units[i].factor) == 0)
                        best = &units[i];
        return xasprintf("%.10g%s", amount / best->factor, best->name);
}

bool size_read(const char *text, uint64_t *ret) {
        double bytes;

        if (!amount_read(text, size_units, &bytes))
                return false;
        *ret = (uint64_t)bytes;
        return true;
}

char *size_words(uint64_t size) {
        bool is_binary = size % 1000 != 0 && size % 1024 == 0;

        return amount_words((double)size, size_units + (is_binary ? SIZE_UNITS_BINARY : 0));
}

bool seconds_read(const char *text, double *ret) {
        return amount_read(text, time_units, ret);
}

char *seconds_words(double seconds) {
        return amount_words(seconds, time_units);
}
