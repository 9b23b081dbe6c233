#include "dialect/call.h"

#include "pipeline/hub_names.h"
#include "pipeline/hub_parking.h"
#include "util/mem.h"

// Nobody of ours waits for the text.
static void call_on_update(void *state, const struct stream_facts *facts,
                           const struct update *update) {
        (void)state;
        (void)facts;
        (void)update;
}

static const struct observer_ops call_observer = {
        .name = "call",
        .on_update = call_on_update,
};

static const char *const one_side[] = {"", NULL};

static char *side_name(const char *name, const char *side) {
        return side[0] ? xasprintf("%s:%s", name, side) : xstrdup(name);
}

static bool is_free(const struct session *session, const char *name, const char *const *sides) {
        for (; *sides; sides++) {
                CLEANUP(mem_freep) char *full = side_name(name, *sides);

                if (!hub_is_free(session->hub, full, session->base.principal,
                                 session->base.address))
                        return false;
        }
        return true;
}

// NULL: there are too many already. The caller frees it.
static char *free_name(const struct session *session, const char *name,
                       const char *const *sides) {
        for (int i = 2; i <= CALL_SAME_NAME_MAX; i++) {
                CLEANUP(mem_freep)
                char *wish = i == 2 ? xstrdup(name) : xasprintf("%s %d", name, i - 1);

                if (is_free(session, wish, sides))
                        return TAKE(wish);
        }
        return NULL;
}

bool call_open(struct session *session, const struct request *request,
               const char *const *sides) {
        CLEANUP(mem_freep) char *name = NULL;
        struct error error;

        if (!session_admit(session))
                return false;
        if (!sides)
                sides = one_side;
        name = free_name(session, request->name, sides);
        if (!name) {
                session_refuse(session, 1008, "too many calls have that name", 0);
                return false;
        }
        for (; *sides; sides++) {
                CLEANUP(mem_freep) char *full = side_name(name, *sides);
                struct request one = *request;

                one.name = full;
                one.side = (*sides)[0] ? *sides : NULL;
                one.is_listed = true;
                one.is_journaled = true;
                one.history = SESSION_SEGMENTS_MAX;
                if (session_channel_open(session, &one, &call_observer, &error) < 0) {
                        session_refuse(session, 1008, error.text, 0);
                        return false;
                }
        }
        return true;
}

void call_close(struct session *session) {
        if (session->stream)
                session_streams_finish(session);
}
