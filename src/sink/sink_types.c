#include <errno.h>
#include <string.h>

#include "sink/sink_filter.h"
#include "sink/sink_ops.h"
#include "util/date.h"

const char *const sink_type_names[SINK_TYPES + 1] = {
        [SINK_LINES] = "lines",
        [SINK_MQTT] = "mqtt",
        [SINK_NATS] = "nats",
        [SINK_WEBHOOK] = "webhook",
        [SINK_POSTGRESQL] = "postgresql",
};

// A type that this program is built without is NULL.
const struct sink_ops *const sink_types[SINK_TYPES] = {
        [SINK_LINES] = &sink_lines,           [SINK_MQTT] = &sink_mqtt,
        [SINK_WEBHOOK] = &sink_webhook,       [SINK_NATS] = &sink_nats,
        [SINK_POSTGRESQL] = &sink_postgresql,
};

int sink_from_read(const char *from, enum sink_from *ret, int64_t *ret_since) {
        if (!from || strcmp(from, "now") == 0)
                *ret = SINK_FROM_NOW;
        else if (strcmp(from, "beginning") == 0)
                *ret = SINK_FROM_BEGINNING;
        else if (date_read(from, ret_since))
                *ret = SINK_FROM_DATE;
        else
                return -EINVAL;
        return 0;
}

// What holds for all types.
static int common_check(const struct sink_config *config, struct error *error) {
        struct sink_filter filter;
        enum sink_from from;
        int64_t since;
        int r = sink_filter_init(&filter, config, error);

        sink_filter_deinit(&filter);
        if (r < 0)
                return r;
        if (sink_from_read(config->from, &from, &since) < 0)
                return error_set(error, -EINVAL,
                                 "from: %s is neither \"now\", \"beginning\" nor a date such "
                                 "as 2026-11-30 or 2026-11-30T12:00",
                                 config->from);
        if (config->tries_max < 0)
                return error_set(error, -EINVAL, "tries: %d is negative", config->tries_max);
        return 0;
}

int sink_type_check(const struct sink_ops *const *types, const struct sink_config *config,
                    struct error *error) {
        int r;

        if (config->type < 0 || config->type >= SINK_TYPES)
                return error_set(error, -EINVAL, "type: say which kind of sink it is");
        if (!types[config->type])
                return error_set(error, -EINVAL, "type: %s is not built in",
                                 sink_type_names[config->type]);
        r = common_check(config, error);
        return r < 0 ? r : types[config->type]->check(config, error);
}

int sink_check(const struct sink_config *config, struct error *error) {
        return sink_type_check(sink_types, config, error);
}
