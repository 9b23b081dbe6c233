#include "util/notify.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "util/log.h"
#include "util/mem.h"

struct notify {
        struct loop_timer *timer;
        nsec_t interval;
};

// What came of a message: who is not heard should be known before he is taken for dead.
static void sent_check(int r) {
        if (r < 0)
                log_warning("server", "notify-failed", "the service manager is not told: %s",
                            strerrordesc_np(-r));
}

static void notify_on_timer(void *context) {
        const struct notify *notify = context;

        sent_check(sd_notify(0, "WATCHDOG=1"));
        loop_timer_set(notify->timer, notify->interval);
}

struct notify *notify_new(struct loop *loop) {
        struct notify *notify = xnew(struct notify);
        uint64_t microseconds;

        if (sd_watchdog_enabled(0, &microseconds) <= 0)
                return notify;
        notify->interval = (nsec_t)(microseconds / 2) * 1000;
        notify->timer = loop_timer_new(loop, notify_on_timer, notify);
        loop_timer_set(notify->timer, notify->interval);
        return notify;
}

struct notify *notify_free(struct notify *notify) {
        if (notify && notify->timer)
                notify->timer = loop_timer_free(notify->timer);
        return mem_free(notify);
}

void notify_ready(const char *words) {
        sent_check(sd_notifyf(0, "READY=1\nSTATUS=%s", words));
}

// The time, on the monotonic clock, tells the manager whether this came before its own signal.
void notify_reloading(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        sent_check(sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading",
                              (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000));
}

void notify_stopping(const char *words) {
        sent_check(sd_notifyf(0, "STOPPING=1\nSTATUS=%s", words));
}

void notify_status(const char *words) {
        sent_check(sd_notifyf(0, "STATUS=%s", words));
}
