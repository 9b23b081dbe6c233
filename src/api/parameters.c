#include "api/parameters.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/problem.h"
#include "net/exchange.h"
#include "util/date.h"
#include "util/mem.h"
#include "util/number.h"

#define NAMES_MAX   16
#define SECONDS_MAX 253402300799.0  // the year 9999 ends

#define PARAMETER_TOKEN "token"

void parameters_refuse(struct exchange *exchange, const char *name, const char *detail) {
        problem_refuse(exchange, 400, name, detail);
}

// What stands before the "=" of the query's parameter at `at`.
static bool name_is(const char *at, const char *name) {
        size_t n = strlen(name);

        return strncmp(at, name, n) == 0 && (at[n] == '=' || at[n] == '&' || at[n] == '\0');
}

// Which of the names it is; their number: none.
static size_t name_find(const char *at, const char *const *names) {
        size_t i = 0;

        while (names[i] && !name_is(at, names[i]))
                i++;
        return i;
}

static void unknown_refuse(struct exchange *exchange, const char *const *names) {
        CLEANUP(mem_freep) char *list = xstrdup("");
        CLEANUP(mem_freep) char *detail = NULL;

        for (size_t i = 0; names[i]; i++) {
                CLEANUP(mem_freep) char *before = list;

                list = xasprintf("%s%s%s", before, i ? ", " : "", names[i]);
        }
        detail = names[0]
                         ? xasprintf("the query may have %s, each once, and nothing else", list)
                         : xstrdup("the query of this has no parameters");
        parameters_refuse(exchange, NULL, detail);
}

bool parameters_known(struct exchange *exchange, const char *const *names) {
        unsigned seen[NAMES_MAX] = {0};

        for (const char *at = exchange_request(exchange)->query; *at;) {
                size_t i = name_find(at, names);

                if (!name_is(at, PARAMETER_TOKEN) && (!names[i] || seen[i]++ > 0)) {
                        unknown_refuse(exchange, names);
                        return false;
                }
                at += strcspn(at, "&");
                at += *at == '&';
        }
        return true;
}

bool parameters_none(struct exchange *exchange) {
        static const char *const none[] = {NULL};

        return parameters_known(exchange, none);
}

bool parameters_time(struct exchange *exchange, const char *name, int64_t *ret) {
        CLEANUP(mem_freep) char *text = http_request_query(exchange_request(exchange), name);
        double seconds;
        const char *end = text ? number_read(text, &seconds) : NULL;
        bool is_number = end && !*end;

        if (!text || (!is_number && date_read(text, ret)))
                return true;
        if (is_number && seconds >= 0 && seconds <= SECONDS_MAX) {
                *ret = (int64_t)(seconds * 1000);
                return true;
        }
        parameters_refuse(exchange, name,
                          "a time is written as 2026-11-30T12:00:00Z (a + in it as %2B) or in "
                          "Unix seconds");
        return false;
}

bool parameters_stretch(struct exchange *exchange, int64_t *ret_from, int64_t *ret_to) {
        CLEANUP(mem_freep) char *to = http_request_query(exchange_request(exchange), "to");

        if (!parameters_time(exchange, "from", ret_from) ||
            !parameters_time(exchange, "to", ret_to))
                return false;
        if (!to || *ret_to > *ret_from)
                return true;
        parameters_refuse(exchange, "to", "the end is not after the beginning");
        return false;
}

bool parameters_count(struct exchange *exchange, const char *name, uint64_t least,
                      uint64_t most, uint64_t *ret) {
        CLEANUP(mem_freep) char *text = http_request_query(exchange_request(exchange), name);
        CLEANUP(mem_freep) char *detail = NULL;
        uint64_t value;
        char *end;

        if (!text)
                return true;
        value = strtoull(text, &end, 10);
        if (text[0] >= '0' && text[0] <= '9' && !*end && strlen(text) < 19 && value >= least &&
            value <= most) {
                *ret = value;
                return true;
        }
        detail = xasprintf("a whole number from %" PRIu64 " to %" PRIu64 " is expected", least,
                           most);
        parameters_refuse(exchange, name, detail);
        return false;
}
