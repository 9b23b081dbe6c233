#include "sink/mqtt_topic.h"

#include <errno.h>
#include <mosquitto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"

#define NO_NAME    "%00"
#define PREFIX_MAX 256  // bytes; a whole topic has 65535

static const char digits[] = "0123456789ABCDEF";

// Whether this character may stand in a level as it is. Brokers refuse control characters and
// what Unicode says is no character; mosquitto's own judge knows both.
static bool is_plain(const char *character, int n) {
        return n > 0 && !strchr("%+#/", character[0]) &&
               mosquitto_validate_utf8(character, n) == MOSQ_ERR_SUCCESS;
}

char *mqtt_topic_level(const char *name) {
        size_t n = strlen(name);
        char *level = xcalloc(3 * n + sizeof(NO_NAME), 1);
        char *out = level;

        for (size_t i = 0; i < n;) {
                int step = utf8_step(name + i, n - i);
                bool is_kept = is_plain(name + i, step);

                for (size_t end = i + (size_t)abs(step); i < end; i++) {
                        uint8_t byte = (uint8_t)name[i];

                        if (is_kept) {
                                *out++ = name[i];
                                continue;
                        }
                        *out++ = '%';
                        *out++ = digits[byte >> 4];
                        *out++ = digits[byte & 15];
                }
        }
        if (n == 0)
                memcpy(level, NO_NAME, sizeof(NO_NAME));
        return level;
}

static int digit_value(char digit) {
        const char *found = digit ? strchr(digits, digit) : NULL;

        return found ? (int)(found - digits) : -1;
}

char *mqtt_topic_name(const char *level, size_t n) {
        CLEANUP(mem_freep) char *name = xcalloc(n + 1, 1);
        CLEANUP(mem_freep) char *again = NULL;
        char *out = name;

        for (size_t i = 0; i < n; i++) {
                int high = i + 2 < n ? digit_value(level[i + 1]) : -1;
                int low = high < 0 ? -1 : digit_value(level[i + 2]);

                if (level[i] != '%') {
                        *out++ = level[i];
                } else if (low < 0) {
                        return NULL;
                } else {
                        *out++ = (char)(high << 4 | low);
                        i += 2;
                }
        }
        // Only what mqtt_topic_level() writes.
        again = mqtt_topic_level(name);
        return strlen(again) == n && memcmp(again, level, n) == 0 ? TAKE(name) : NULL;
}

char *mqtt_topic_of(const char *prefix, const char *stream, const char *what) {
        CLEANUP(mem_freep) char *level = mqtt_topic_level(stream);

        return xasprintf("%s/%s/%s", prefix, level, what);
}

char *mqtt_topic_stream(const char *prefix, const char *what, const char *topic) {
        size_t n_prefix = strlen(prefix);
        const char *level = topic + n_prefix + 1;
        const char *end;

        if (strncmp(topic, prefix, n_prefix) != 0 || topic[n_prefix] != '/')
                return NULL;
        end = strchr(level, '/');
        if (!end || strcmp(end + 1, what) != 0)
                return NULL;
        return mqtt_topic_name(level, (size_t)(end - level));
}

int mqtt_topic_check_prefix(const char *prefix, const char *key, struct error *error) {
        size_t n = strlen(prefix);

        if (n == 0 || n > PREFIX_MAX || prefix[0] == '$' || prefix[0] == '/' ||
            prefix[n - 1] == '/' || mosquitto_pub_topic_check(prefix) != MOSQ_ERR_SUCCESS ||
            mosquitto_validate_utf8(prefix, (int)n) != MOSQ_ERR_SUCCESS)
                return error_set(error, -EINVAL,
                                 "%s: topics cannot begin so: 1 to %d bytes without + and #, "
                                 "no / at either end, no $ in front",
                                 key, PREFIX_MAX);
        return 0;
}
