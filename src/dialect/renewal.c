#include "dialect/renewal.h"

#include <string.h>

bool renewal_begin(struct renewal *ret, struct session *session, const struct turns *turns) {
        const struct feed *feed = &session->channels[0].feed;

        if (!turns_are_complete(turns))
                return false;
        // What its resampler holds back may be somebody's first word.
        session_end_sound(session);
        if (!turns_are_complete(turns))
                return false;
        *ret = (struct renewal){.position = stream_position(session->stream),
                                .n_cut = feed->n_cut};
        memcpy(ret->cut, feed->cut, feed->n_cut);
        session_channels_close(session);
        return true;
}

void renewal_end(const struct renewal *renewal, struct session *session) {
        struct feed *feed = &session->channels[0].feed;

        memcpy(feed->cut, renewal->cut, renewal->n_cut);
        feed->n_cut = renewal->n_cut;
}

int renewal_check(const struct session *session, struct request *request, struct error *error) {
        const struct hub_parts *parts = hub_parts(session->hub);

        request_complete(request, parts->defaults);
        return parts->check_model(parts->context, request->language, request->task, error);
}
