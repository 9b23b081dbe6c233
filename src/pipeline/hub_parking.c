#include "pipeline/hub_parking.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/hub_names.h"
#include "util/mem.h"

// What was heard becomes text first.
static void parking_end(void *context) {
        struct hub_stream *stream = context;

        stream_flush(stream->stream);
        if (stream_backlog(stream->stream) > 0)
                loop_timer_set(stream->parking, NSEC_PER_SEC);
        else
                hub_close(stream->hub, stream);
}

// Who is who: all without a token have one name, so that their address counts, too.
static char *owner_name(const struct principal *principal, const char *address) {
        return principal->life ? xstrdup(principal->name)
                               : xasprintf("%s at %s", principal->name, address);
}

static size_t n_parked(const struct hub *hub, const char *owner) {
        size_t n = 0;

        for (const struct hub_stream *stream = hub_first(hub); stream;
             stream = hub_next(hub, stream))
                n += stream->parking && strcmp(stream->principal, owner) == 0;
        return n;
}

void hub_park(struct hub_session *session, nsec_t patience) {
        static const struct stream_listener nobody = {0};
        struct hub_stream *stream = session->stream;
        CLEANUP(mem_freep) char *owner = owner_name(session->principal, session->address);

        session->stream = NULL;
        stream->session = NULL;
        if (stream_position(stream->stream) == 0 ||
            n_parked(stream->hub, owner) >= HUB_PARKED_MAX) {
                hub_close(stream->hub, stream);
                return;
        }
        stream->principal = TAKE(owner);
        stream_set_listener(stream->stream, &nobody);
        stream->parking = loop_timer_new(hub_parts(stream->hub)->loop, parking_end, stream);
        loop_timer_set(stream->parking, patience);
}

// Nobody is "": neither can one be claimed nor is it counted among those that wait.
void hub_finish(struct hub_session *session) {
        static const struct stream_listener nobody = {0};
        struct hub *hub = session->stream ? session->stream->hub : NULL;

        for (struct hub_stream *stream = hub ? hub_first(hub) : NULL; stream;
             stream = hub_next(hub, stream)) {
                if (stream->session != session)
                        continue;
                stream->session = NULL;
                stream->principal = xstrdup("");
                stream_set_listener(stream->stream, &nobody);
                stream->parking = loop_timer_new(hub_parts(hub)->loop, parking_end, stream);
                loop_timer_set(stream->parking, 0);
        }
        session->stream = NULL;
}

static bool is_parked_by(const struct hub_stream *stream, const struct principal *principal,
                         const char *address) {
        CLEANUP(mem_freep) char *owner = owner_name(principal, address);

        return stream->parking && strcmp(stream->principal, owner) == 0;
}

bool hub_is_free(const struct hub *hub, const char *name, const struct principal *principal,
                 const char *address) {
        const struct hub_stream *stream = hub_find(hub, name);

        return !hub_is_reserved(hub, name) &&
               (!stream || is_parked_by(stream, principal, address));
}

struct hub_stream *hub_claim(struct hub *hub, const struct request *request,
                             struct hub_session *session,
                             const struct stream_listener *listener) {
        struct hub_stream *stream = hub_find(hub, request->name);

        if (!stream || !is_parked_by(stream, session->principal, session->address) ||
            hub_is_reserved(hub, request->name))
                return NULL;
        if (stream->is_kept != request->is_journaled ||
            stream->is_unkept != request->is_unjournaled) {
                hub_close(hub, stream);
                return NULL;
        }
        stream->parking = loop_timer_free(stream->parking);
        stream->principal = mem_free(stream->principal);
        stream->session = session;
        session->stream = stream;
        stream_set_listener(stream->stream, listener);
        return stream;
}

void hub_evict(const struct hub *hub, const char *name, const char *words) {
        struct hub_session *session = NULL;

        for (const struct hub_stream *stream = hub_first(hub); stream;
             stream = hub_next(hub, stream)) {
                if (!stream->is_listed || stream_source(stream->stream) ||
                    strcmp(stream_name(stream->stream), name) != 0)
                        continue;
                if (stream->parking)
                        loop_timer_set(stream->parking, 0);
                else if (stream->session)
                        session = hub_find_session(hub, stream->session->id);
        }
        if (session)
                session->ops->dismiss(session, words);
}
