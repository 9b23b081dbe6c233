#include "pipeline/hub_parking.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

static void parking_end(void *context) {
        struct hub_stream *stream = context;

        hub_close(stream->hub, stream);
}

void hub_park(struct hub_session *session, nsec_t patience) {
        static const struct stream_listener nobody = {0};
        struct hub_stream *stream = session->stream;

        session->stream = NULL;
        stream->session = NULL;
        stream->principal = xstrdup(session->principal->name);
        stream_set_listener(stream->stream, &nobody);
        stream->parking = loop_timer_new(hub_parts(stream->hub)->loop, parking_end, stream);
        loop_timer_set(stream->parking, patience);
}

static bool is_parked_by(const struct hub_stream *stream, const struct principal *principal) {
        return stream->parking && strcmp(stream->principal, principal->name) == 0;
}

bool hub_is_free(const struct hub *hub, const char *name, const struct principal *principal) {
        const struct hub_stream *stream = hub_find(hub, name);

        return !stream || is_parked_by(stream, principal);
}

struct hub_stream *hub_claim(const struct hub *hub, const char *name,
                             struct hub_session *session,
                             const struct stream_listener *listener) {
        struct hub_stream *stream = hub_find(hub, name);

        if (!stream || !is_parked_by(stream, session->principal))
                return NULL;
        stream->parking = loop_timer_free(stream->parking);
        stream->principal = mem_free(stream->principal);
        stream->session = session;
        session->stream = stream;
        stream_set_listener(stream->stream, listener);
        return stream;
}
