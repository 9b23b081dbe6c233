#include "auth/visitors.h"

#include <stdlib.h>
#include <string.h>

#include "auth/principal.h"
#include "net/origin.h"
#include "net/peer.h"
#include "util/log.h"
#include "util/mem.h"

struct visitors {
        const char *origins;
        char *hosts;
};

// Asked by orchestrators and balancers, under whatever name they have for us; they tell
// nothing.
static const char *const public_paths[] = {"/healthz", "/readyz"};

struct visitors *visitors_new(const char *origins, const char *hosts) {
        struct visitors *visitors = xnew(struct visitors);
        CLEANUP(mem_freep) char *own = origin_own_hosts();

        visitors->origins = origins;
        visitors->hosts = hosts ? xasprintf("%s %s", own, hosts) : xstrdup(own);
        return visitors;
}

struct visitors *visitors_free(struct visitors *visitors) {
        if (visitors)
                free(visitors->hosts);
        return mem_free(visitors);
}

static bool request_is_public(const struct http_request *request) {
        // A WebSocket is one under every path.
        if (http_request_header(request, "Upgrade"))
                return false;
        for (size_t i = 0; i < sizeof(public_paths) / sizeof(public_paths[0]); i++)
                if (strcmp(request->path, public_paths[i]) == 0)
                        return true;
        return false;
}

// What is quoted was read before, and has only such letters as names have.
static char *words_foreign(const char *origin) {
        struct origin page;

        if (!origin_read(origin, &page))
                return xstrdup("a page without an origin of its own (a file, a sandbox) may "
                               "not come here; serve it from a web server and list that under "
                               "origins (EAVESDROP_ORIGINS)");
        return xasprintf("pages from %s may not come here; if they are to, list that under "
                         "origins in the configuration (EAVESDROP_ORIGINS)",
                         origin);
}

static char *words_unknown(const char *host) {
        struct authority authority;

        if (!authority_read(host, &authority))
                return xstrdup("the Host header is no name and no address");
        return xasprintf("this server is not called %s; if it is to be, list that under hosts "
                         "in the configuration (EAVESDROP_HOSTS)",
                         authority.host);
}

char *visitors_admit(const struct visitors *visitors, struct http_request *request) {
        struct origin_policy policy = {
                .origins = visitors->origins,
                .hosts = visitors->hosts,
                // Others cannot point a name at us that our certificate is for.
                .has_any_host = request_is_public(request) || request->is_certified,
                .is_encrypted = request->is_encrypted,
        };
        const char *host = http_request_header(request, "Host");
        // Of two, neither is where the page is from.
        const char *origin = http_request_repeats(request, "Origin")
                                     ? ""
                                     : http_request_header(request, "Origin");
        CLEANUP(mem_freep) char *words = NULL;

        request->principal = principal_anonymous(request->is_loopback);
        switch (origin_judge(&policy, origin, host)) {
        case ORIGIN_GOOD:
                return NULL;
        case ORIGIN_IS_FOREIGN:
                words = words_foreign(origin);
                break;
        case HOST_IS_UNKNOWN:
                words = words_unknown(host);
                break;
        }
        log_warning("server", "visitor-refused", "%s: %s", request->peer, words);
        return TAKE(words);
}

char *visitors_admit_local(struct http_request *request) {
        const struct local_peer *peer = request->local;

        if (peer && (peer->is_ours || peer->is_member)) {
                request->principal = principal_local();
                return NULL;
        }
        request->principal = principal_anonymous(true);
        log_warning("server", "visitor-refused", "%s: may not use the unix socket",
                    request->peer);
        return xstrdup("this socket is for the server's own user, root and members of the "
                       "group eavesdrop");
}
