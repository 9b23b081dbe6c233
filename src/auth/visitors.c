#include "auth/visitors.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/bearer.h"
#include "auth/principal.h"
#include "auth/tickets.h"
#include "auth/tokens.h"
#include "net/forwarded.h"
#include "net/network.h"
#include "net/origin.h"
#include "net/peer.h"
#include "util/log.h"
#include "util/mem.h"

#define HOW_TO_SEND "this needs a token: Authorization: Bearer TOKEN (eavesdrop token new)"

struct visitors {
        struct visitors_rules rules;
        char *hosts;
        // Who has no token where there are some, elsewhere and on this machine: the first are
        // among auth.anonymous.from, the others are not.
        struct principal anonymous[2], nobody[2];
};

// Who sent a token that is nobody's.
static const struct principal unknown = {
        .name = "unknown token",
        .stranger = "the token is not known here: it is mistyped, has expired or was revoked",
};

// Asked by orchestrators and balancers, under whatever name they have for us; they tell
// nothing.
static const char *const public_paths[] = {"/healthz", "/readyz", "/health"};

struct visitors *visitors_new(const struct visitors_rules *rules) {
        struct visitors *visitors = xnew(struct visitors);
        CLEANUP(mem_freep) char *own = origin_own_hosts();

        visitors->rules = *rules;
        visitors->hosts = rules->hosts ? xasprintf("%s %s", own, rules->hosts) : xstrdup(own);
        for (int is_loopback = 0; is_loopback < 2; is_loopback++) {
                visitors->nobody[is_loopback] = (struct principal){
                        .name = "anonymous",
                        .is_loopback = is_loopback,
                        .stranger = HOW_TO_SEND "; or the configuration's auth.anonymous lets "
                                                "your address in without one",
                };
                visitors->anonymous[is_loopback] = visitors->nobody[is_loopback];
                visitors->anonymous[is_loopback].scopes = rules->anonymous_scopes;
                visitors->anonymous[is_loopback].dialects = rules->anonymous_dialects;
                visitors->anonymous[is_loopback].stranger =
                        HOW_TO_SEND "; or auth.anonymous (dialects, scopes) in the "
                                    "configuration allows it without one";
        }
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

// --- pages and names -------------------------------------------------------------------------

// The page whose scripts may read the answer: one that the configuration lists. The home page
// needs nobody's leave, and others have none, though their request may have a token.
static const char *page_find(const struct visitors *visitors,
                             const struct http_request *request) {
        const char *origin = http_request_header(request, "Origin");

        return origin && !http_request_repeats(request, "Origin") &&
                               origin_is_listed(visitors->rules.origins, origin)
                       ? origin
                       : NULL;
}

// What a browser says of the page that asks. `forwarded_host` is the name that a proxy was
// asked for; "": none.
static char *page_judge(const struct visitors *visitors, const struct http_request *request,
                        const char *forwarded_host) {
        struct origin_policy policy = {
                .origins = visitors->rules.origins,
                .hosts = visitors->hosts,
                // Others cannot point a name at us that our certificate is for.
                .has_any_host = request_is_public(request) || request->is_certified,
                .is_encrypted = request->is_encrypted,
        };
        const char *host =
                forwarded_host[0] ? forwarded_host : http_request_header(request, "Host");
        // Of two, neither is where the page is from.
        const char *origin = http_request_repeats(request, "Origin")
                                     ? ""
                                     : http_request_header(request, "Origin");

        switch (origin_judge(&policy, origin, host)) {
        case ORIGIN_GOOD:
                break;
        case ORIGIN_IS_FOREIGN:
                return words_foreign(origin);
        case HOST_IS_UNKNOWN:
                return words_unknown(host);
        }
        return NULL;
}

// --- proxies ---------------------------------------------------------------------------------

// What a proxy that is believed says: whose the request is, and by which name and how it came.
// NULL, or why that is not to be had.
static char *proxy_read(const struct visitors *visitors, struct http_request *request,
                        struct forwarded *forwarded) {
        const char *proxies = visitors->rules.proxies;
        struct network_range client;

        if (!forwarded_read(request, proxies, forwarded) ||
            (forwarded->client[0] && !network_of(forwarded->client, &client)))
                return xstrdup("the headers of your proxy make no sense: have it send either "
                               "Forwarded or X-Forwarded-For and X-Forwarded-Host, with an "
                               "address for whom it brings");
        if (forwarded->host[0])
                request->is_certified = false;
        if (forwarded->scheme[0])
                request->is_encrypted = strcasecmp(forwarded->scheme, "https") == 0;
        if (!forwarded->client[0])
                return NULL;
        network_name(&client, request->forwarded);
        request->address = request->forwarded;
        request->is_loopback = network_is_loopback(&client);
        return NULL;
}

// --- who -------------------------------------------------------------------------------------

// Somebody without a token; `client` is the address that counts.
static const struct principal *stranger_find(const struct visitors *visitors,
                                             const struct http_request *request,
                                             const char *client) {
        const struct visitors_rules *rules = &visitors->rules;

        if (rules->is_open)
                return principal_anonymous(request->is_loopback);
        if (networks_have(rules->anonymous_from, client))
                return &visitors->anonymous[request->is_loopback];
        if (!tokens_are_set(rules->tokens) && request->is_loopback)
                return principal_anonymous(true);
        return &visitors->nobody[request->is_loopback];
}

const struct principal *visitors_identify(const struct visitors *visitors, const char *secret) {
        const struct visitors_rules *rules = &visitors->rules;
        int64_t now = (int64_t)(loop_wall(rules->loop) / (NSEC_PER_SEC / 1000));
        const struct principal *found = tokens_find(rules->tokens, secret, now);

        return found || !rules->tickets ? found : tickets_find(rules->tickets, secret, now);
}

// Somebody with a token, or with none; held. NULL: with none. *ret_is_foreign: it came in a way
// of other services.
static const struct principal *bearer_find(const struct visitors *visitors,
                                           const struct http_request *request,
                                           bool *ret_is_foreign) {
        CLEANUP(bearer_freep) char *secret = bearer_read(request, ret_is_foreign);
        const struct principal *found;

        if (!secret)
                return NULL;
        found = visitors_identify(visitors, secret);
        if (!found)
                return &unknown;
        principal_counts(found)->n_connections++;
        return principal_hold(found);
}

// --- all of it -------------------------------------------------------------------------------

static enum visitors_key key_of(const struct visitors *visitors,
                                const struct http_request *request) {
        return visitors->rules.key_of ? visitors->rules.key_of(request) : KEY_IS_TOKEN;
}

// Who that is without a good token; `client` is the address that counts. Whose key is nobody's
// and who would be let in with none is told of a mistake nowhere but where keys are no habit.
static void stranger_name(const struct visitors *visitors, struct http_request *request,
                          const char *client, bool is_foreign) {
        const struct principal *stranger = stranger_find(visitors, request, client);

        if (!request->principal ||
            (stranger->scopes && (is_foreign || key_of(visitors, request) == KEY_IS_A_HABIT)))
                request->principal = stranger;
}

// Somebody without a good token: NULL, or why there is no answer. `is_handed_on`: by a proxy
// that is not believed; `is_foreign`: with a key that came in a way of other services.
static char *stranger_judge(const struct visitors *visitors, struct http_request *request,
                            const struct forwarded *forwarded, bool is_handed_on,
                            bool is_foreign) {
        stranger_name(visitors, request,
                      forwarded->client[0] ? forwarded->client : request->peer, is_foreign);
        if (is_handed_on && !visitors->rules.is_open && !request_is_public(request))
                return xstrdup("a proxy has handed this on, and nobody knows for whom: send a "
                               "token, or list the proxy's address under proxies in the "
                               "configuration (EAVESDROP_PROXIES)");
        return page_judge(visitors, request, forwarded->host);
}

static char *nobody_refuse(const struct visitors *visitors, const struct http_request *request,
                           int *ret_status) {
        const struct principal *principal = request->principal;

        if (!http_request_header(request, "Upgrade") || principal_may(principal, SCOPE_READ) ||
            principal_may(principal, SCOPE_LISTEN) ||
            (principal != &unknown && key_of(visitors, request) == KEY_COMES_LATER))
                return NULL;
        *ret_status = principal->stranger ? 401 : 403;
        return principal->stranger
                       ? xstrdup(principal->stranger)
                       : xasprintf("the token '%s' has neither the scope read nor listen",
                                   principal->name);
}

// One token's connections leave room for others'.
static char *crowd_refuse(const struct visitors *visitors, const struct http_request *request,
                          int *ret_status) {
        const struct principal *principal = request->principal;
        const struct principal_life *counts = principal_counts(principal);
        size_t most = visitors->rules.connections_max;

        if (!most || !counts || counts->n_connections <= most)
                return NULL;
        *ret_status = 429;
        return xasprintf("the token '%s' has too many connections; close some, or have "
                         "per_token.connections raised",
                         principal->name);
}

char *visitors_admit(const struct visitors *visitors, struct http_request *request,
                     int *ret_status) {
        bool is_handed_on = forwarded_is(request), is_foreign;
        struct forwarded forwarded = {0};
        CLEANUP(mem_freep) char *words = NULL;

        request->page = page_find(visitors, request);
        if (is_handed_on && networks_have(visitors->rules.proxies, request->peer)) {
                words = proxy_read(visitors, request, &forwarded);
                is_handed_on = false;
        }
        request->principal = bearer_find(visitors, request, &is_foreign);
        if (!words && (!request->principal || request->principal == &unknown))
                words = stranger_judge(visitors, request, &forwarded, is_handed_on, is_foreign);
        if (!words)
                words = nobody_refuse(visitors, request, ret_status);
        if (!words)
                words = crowd_refuse(visitors, request, ret_status);
        if (words)
                log_warning("server", "visitor-refused", "%s: %s", request->peer, words);
        return TAKE(words);
}

void visitors_admit_raw(const struct visitors *visitors, struct http_request *request) {
        request->principal = stranger_find(visitors, request, request->peer);
}

void visitors_dismiss(struct http_request *request) {
        const struct principal *principal = request->principal;
        struct principal_life *counts = principal_counts(principal);

        if (counts)
                counts->n_connections--;
        principal_release(principal);
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
