#include "net/announcement.h"

#include <avahi-client/client.h>
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/domain.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/thread-watch.h>
#include <avahi-common/timeval.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/mem.h"
#include "util/utf8.h"

// How often a message bus is looked for that is not there. (Where there is one, it tells of a
// daemon that comes.)
#define RETRY_MSEC 30000

#define HOST_MAX 64

// Bytes of a service's name: a longer one is announced nowhere (RFC 6763, section 4.1.1).
#define NAME_MAX_BYTES ((size_t)AVAHI_LABEL_MAX - 1)

// All but `poll` is its thread's from the start to the end.
struct announcement {
        AvahiThreadedPoll *poll;
        AvahiTimeout *retry;
        AvahiClient *client;     // NULL: no message bus
        AvahiEntryGroup *group;  // NULL: nothing is announced
        char *name;              // of the service; may become another
        char *type;
        uint16_t port;
};

static void group_forget(struct announcement *announcement) {
        if (announcement->group)
                avahi_entry_group_free(announcement->group);
        announcement->group = NULL;
}

static void announcement_publish(struct announcement *announcement);

static void announcement_rename(struct announcement *announcement) {
        char *name = avahi_alternative_service_name(announcement->name);

        free(announcement->name);
        announcement->name = xstrdup(name);
        avahi_free(name);
}

static void group_on_state(AvahiEntryGroup *group, AvahiEntryGroupState state, void *context) {
        struct announcement *announcement = context;

        (void)group;
        if (state == AVAHI_ENTRY_GROUP_ESTABLISHED) {
                log_info("announcement", "announced", "'%s' (%s, port %u) in this network",
                         announcement->name, announcement->type, announcement->port);
        } else if (state == AVAHI_ENTRY_GROUP_COLLISION) {
                announcement_rename(announcement);
                group_forget(announcement);
                announcement_publish(announcement);
        }
}

// Tell a daemon that is there.
static void announcement_publish(struct announcement *announcement) {
        int r = AVAHI_ERR_COLLISION;

        if (!announcement->group)
                announcement->group = avahi_entry_group_new(announcement->client,
                                                            group_on_state, announcement);
        if (!announcement->group)
                return;
        while (r == AVAHI_ERR_COLLISION) {
                r = avahi_entry_group_add_service(announcement->group, AVAHI_IF_UNSPEC,
                                                  AVAHI_PROTO_UNSPEC, (AvahiPublishFlags)0,
                                                  announcement->name, announcement->type, NULL,
                                                  NULL, announcement->port, NULL);
                if (r == AVAHI_ERR_COLLISION)  // on this machine
                        announcement_rename(announcement);
        }
        if (r >= 0)
                r = avahi_entry_group_commit(announcement->group);
        if (r < 0)
                log_info("announcement", "not-announced", "'%s' (%s): %s", announcement->name,
                         announcement->type, avahi_strerror(r));
}

static void announcement_retry(struct announcement *announcement, unsigned msec) {
        struct timeval at;

        avahi_elapse_time(&at, msec, 0);
        avahi_threaded_poll_get(announcement->poll)->timeout_update(announcement->retry, &at);
}

static void client_on_state(AvahiClient *client, AvahiClientState state, void *context) {
        struct announcement *announcement = context;

        announcement->client = client;  // not yet known when it is called first
        switch (state) {
        case AVAHI_CLIENT_S_RUNNING:
                announcement_publish(announcement);
                break;
        case AVAHI_CLIENT_S_REGISTERING:  // the machine gets another name
        case AVAHI_CLIENT_S_COLLISION:
                if (announcement->group)
                        avahi_entry_group_reset(announcement->group);
                break;
        case AVAHI_CLIENT_CONNECTING:  // no daemon, or none any more
                break;
        case AVAHI_CLIENT_FAILURE:  // such a client is of no use any more
                announcement_retry(announcement, 0);
                break;
        }
}

// Begin, or begin anew.
static void announcement_on_retry(AvahiTimeout *timeout, void *context) {
        const AvahiPoll *poll;
        struct announcement *announcement = context;
        int error = 0;

        poll = avahi_threaded_poll_get(announcement->poll);
        poll->timeout_update(timeout, NULL);
        group_forget(announcement);
        if (announcement->client)
                avahi_client_free(announcement->client);
        announcement->client = avahi_client_new(poll, AVAHI_CLIENT_NO_FAIL, client_on_state,
                                                announcement, &error);
        if (announcement->client)
                return;
        log_debug("announcement", "no-avahi", "%s: nothing is announced",
                  avahi_strerror(error));
        announcement_retry(announcement, RETRY_MSEC);
}

char *announcement_name(const char *name, const char *host) {
        char *full = xasprintf("%s on %s", name, host);

        if (strlen(full) > NAME_MAX_BYTES)
                full[utf8_cut(full, NAME_MAX_BYTES)] = '\0';
        return full;
}

struct announcement *announcement_new(const char *name, const char *type, int port) {
        struct announcement *announcement = xnew(struct announcement);
        struct timeval now;
        char host[HOST_MAX] = "";

        (void)gethostname(host, sizeof(host) - 1);
        announcement->name = announcement_name(name, host);
        announcement->type = xstrdup(type);
        announcement->port = (uint16_t)port;
        announcement->poll = avahi_threaded_poll_new();
        if (announcement->poll) {
                const AvahiPoll *poll = avahi_threaded_poll_get(announcement->poll);

                avahi_elapse_time(&now, 0, 0);
                announcement->retry =
                        poll->timeout_new(poll, &now, announcement_on_retry, announcement);
                if (avahi_threaded_poll_start(announcement->poll) == 0)
                        return announcement;
        }
        log_warning("announcement", "no-announcement",
                    "no thread for announcing %s in this network", type);
        return announcement_free(announcement);
}

struct announcement *announcement_free(struct announcement *announcement) {
        if (!announcement)
                return NULL;
        if (announcement->poll) {
                avahi_threaded_poll_stop(announcement->poll);
                group_forget(announcement);
                if (announcement->client)
                        avahi_client_free(announcement->client);
                if (announcement->retry)
                        avahi_threaded_poll_get(announcement->poll)
                                ->timeout_free(announcement->retry);
                avahi_threaded_poll_free(announcement->poll);
        }
        free(announcement->name);
        free(announcement->type);
        return mem_free(announcement);
}
