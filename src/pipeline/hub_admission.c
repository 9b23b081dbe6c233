#include "pipeline/hub_admission.h"

#include <stdio.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/budget.h"

// When it may be worth while to come back: it takes about as long to catch up as it took to
// fall behind.
#define RETRY_DELAYS 2
#define RETRY_LEAST  (30 * NSEC_PER_SEC)
#define RETRY_OWN    (60 * NSEC_PER_SEC)

bool hub_has_room(const struct hub *hub, struct hub_refusal *ret) {
        const struct hub_parts *parts = hub_parts(hub);
        struct scheduler_stats stats = scheduler_stats(parts->scheduler);

        *ret = (struct hub_refusal){.retry = RETRY_DELAYS * stats.final_delay};
        if (ret->retry < RETRY_LEAST)
                ret->retry = RETRY_LEAST;
        snprintf(ret->remedy, sizeof(ret->remedy), "try again in %.0f s",
                 (double)ret->retry / NSEC_PER_SEC);
        if (budget_is_tight(parts->budget)) {
                snprintf(ret->reason, sizeof(ret->reason), "the memory for clients is used up");
                return false;
        }
        snprintf(ret->reason, sizeof(ret->reason), "decoding is %.0f s behind",
                 (double)stats.final_delay / NSEC_PER_SEC);
        return stats.level < LOAD_FULL || !parts->has_admission;
}

static bool address_is_full(const struct hub *hub, const char *address) {
        const struct hub_parts *parts = hub_parts(hub);
        double most = parts->address_backlog;

        return most > 0 && scheduler_owner_backlog(parts->scheduler, address) > most;
}

bool hub_token_is_full(const struct hub *hub, const struct principal *principal) {
        const struct hub_parts *parts = hub_parts(hub);
        int64_t n_samples = 0;
        double seconds = 0;

        if (parts->token_backlog <= 0 || !principal->life)
                return false;
        for (const struct hub_stream *stream = hub_first(hub); stream;
             stream = hub_next(hub, stream))
                if (stream->session &&
                    strcmp(stream->session->principal->name, principal->name) == 0)
                        n_samples += stream_position(stream->stream) -
                                     stream_transcribed(stream->stream);
        if (parts->waiting)
                seconds = parts->waiting(parts->waiting_context, principal->name);
        return seconds + pcm_seconds(n_samples) > parts->token_backlog;
}

bool hub_is_full_for(const struct hub *hub, const struct hub_session *session) {
        return address_is_full(hub, session->address) ||
               hub_token_is_full(hub, session->principal);
}

static bool refuse(struct hub_refusal *ret, double most, const char *whose,
                   const char *setting) {
        *ret = (struct hub_refusal){.is_own = true, .retry = RETRY_OWN};
        snprintf(ret->reason, sizeof(ret->reason),
                 "more than %.0f s of sound from your %s are not text yet", most, whose);
        snprintf(ret->remedy, sizeof(ret->remedy),
                 "try again in a minute, or have %s.backlog raised", setting);
        return false;
}

bool hub_admits(const struct hub *hub, const struct hub_session *session,
                struct hub_refusal *ret) {
        const struct hub_parts *parts = hub_parts(hub);

        if (address_is_full(hub, session->address))
                return refuse(ret, parts->address_backlog, "address", "per_address");
        if (hub_token_is_full(hub, session->principal))
                return refuse(ret, parts->token_backlog, "token", "per_token");
        return hub_has_room(hub, ret);
}
