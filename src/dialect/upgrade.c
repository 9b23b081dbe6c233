#include "dialect/upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/hub_admission.h"
#include "util/log.h"
#include "util/mem.h"

// Whoever has too many sessions may close some meanwhile.
#define RETRY_TOO_MANY (60 * NSEC_PER_SEC)

struct upgrade_refusal {
        int status;
        char *words;
        nsec_t retry;  // when it may come back; 0: that would not help
};

static bool refuse(struct upgrade_refusal *ret, int status, char *words) {
        ret->status = status;
        ret->words = words;
        return false;
}

static bool who_may(const struct dialect *dialect, const struct principal *principal,
                    struct upgrade_refusal *ret) {
        if (!dialect->scope || (principal_may(principal, dialect->scope) &&
                                principal_may_speak(principal, dialect->name)))
                return true;
        if (dialect->key == KEY_COMES_LATER && principal->stranger)
                return true;
        if (principal->stranger)
                return refuse(ret, 401,
                              xasprintf("%s (dialect %s)", principal->stranger, dialect->name));
        return refuse(ret, 403,
                      xasprintf("the token '%s' has not the scope %s", principal->name,
                                dialect->scope == SCOPE_READ ? "read" : "listen"));
}

static bool hub_may(const struct hub *hub, const struct http_request *request,
                    struct upgrade_refusal *ret) {
        struct hub_session session = {.principal = request->principal};
        struct hub_refusal refusal;

        snprintf(session.address, sizeof(session.address), "%s", request->address);
        if (!hub_fits(hub, &session)) {
                ret->retry = RETRY_TOO_MANY;
                return refuse(ret, 429, xstrdup(HUB_TOO_MANY));
        }
        if (hub_admits(hub, &session, &refusal))
                return true;
        ret->retry = refusal.retry;
        return refuse(ret, refusal.is_own ? 429 : 503,
                      xasprintf("Server busy: %s; %s", refusal.reason, refusal.remedy));
}

// False: it is refused, and the words in *ret are to be freed.
static bool judge(const struct hub *hub, const struct dialect *dialect,
                  const struct http_request *request, struct upgrade_refusal *ret) {
        char *words;

        *ret = (struct upgrade_refusal){.status = 400};
        if (!dialect->phrase)
                return true;
        if (!who_may(dialect, request->principal, ret))
                return false;
        words = dialect->judge ? dialect->judge(request, &ret->status) : NULL;
        if (words)
                return refuse(ret, ret->status, words);
        return hub_may(hub, request, ret);
}

bool upgrade_may(const struct hub *hub, const struct dialect *dialect,
                 const struct http_request *request) {
        struct upgrade_refusal refusal;
        bool may = judge(hub, dialect, request, &refusal);

        free(refusal.words);
        return may;
}

static void refusal_count(struct hub *hub, const struct http_request *request,
                          const struct upgrade_refusal *refusal) {
        CLEANUP(mem_freep) char *about = xasprintf("client %s", request->peer);
        struct hub_counts *counts = hub_counts(hub);

        log_info(about, "client-refused", "%s", refusal->words);
        if (refusal->status == 429 || refusal->status == 503)
                counts->n_refused_busy++;
        else
                counts->n_refused_invalid++;
}

void upgrade_answer(struct hub *hub, const struct dialect *dialect, struct exchange *exchange) {
        const struct http_request *request = exchange_request(exchange);
        CLEANUP(http_phrase_deinit) struct http_phrase phrase = {0};
        CLEANUP(mem_freep) char *headers = NULL;
        struct upgrade_refusal refusal;
        char retry[40] = "";

        if (judge(hub, dialect, request, &refusal))
                refuse(&refusal, 426, xstrdup("this is spoken over a WebSocket: ask for one"));
        else
                refusal_count(hub, request, &refusal);
        phrase.status = refusal.status;
        if (!dialect->phrase ||
            !dialect->phrase(request, refusal.status, refusal.words, &phrase)) {
                phrase.content_type = "text/plain; charset=utf-8";
                phrase.body = xasprintf("%s\n", refusal.words);
        }
        if (refusal.retry)
                snprintf(retry, sizeof(retry), "Retry-After: %.0f\r\n",
                         (double)refusal.retry / NSEC_PER_SEC);
        headers = xasprintf("%s%s", phrase.headers ? phrase.headers : "", retry);
        free(refusal.words);
        exchange_reply(exchange, &(struct http_response){
                                         .status = phrase.status,
                                         .content_type = phrase.content_type,
                                         .headers = headers,
                                         .body = phrase.body,
                                         .body_length = strlen(phrase.body),
                                 });
}
