#include "util/log_limit.h"

#include <string.h>

#define LINE_WORTH  (NSEC_PER_SEC / LOG_EVENT_RATE)
#define CREDIT_MOST (LOG_EVENT_BURST * LINE_WORTH)

static struct log_limit_event *event_find(struct log_limit *limit, const char *name,
                                          nsec_t now) {
        struct log_limit_event *event;

        for (size_t i = 0; i < limit->n; i++)
                if (strcmp(limit->events[i].name, name) == 0)
                        return &limit->events[i];
        if (limit->n == LOG_EVENTS_MAX)
                return NULL;
        event = &limit->events[limit->n++];
        *event = (struct log_limit_event){.name = name, .credit = CREDIT_MOST, .updated = now};
        return event;
}

bool log_limit_admit(struct log_limit *limit, const char *name, nsec_t now) {
        struct log_limit_event *event = event_find(limit, name, now);

        if (!event)
                return true;
        // Time that passed is credit; compared before it is added, for no sum to overflow.
        if (now - event->updated >= CREDIT_MOST - event->credit)
                event->credit = CREDIT_MOST;
        else
                event->credit += now - event->updated;
        event->updated = now;
        if (event->credit >= LINE_WORTH) {
                event->credit -= LINE_WORTH;
                return true;
        }
        if (event->n_left_out++ == 0)
                event->first_left_out = now;
        return false;
}

const char *log_limit_report(struct log_limit *limit, nsec_t now, bool all,
                             uint64_t *ret_left_out) {
        for (size_t i = 0; i < limit->n; i++) {
                struct log_limit_event *event = &limit->events[i];

                if (event->n_left_out == 0 ||
                    (!all && now - event->first_left_out < LOG_LEFT_OUT_INTERVAL))
                        continue;
                *ret_left_out = event->n_left_out;
                event->n_left_out = 0;
                return event->name;
        }
        return NULL;
}
