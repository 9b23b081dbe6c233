#include "server/stop.h"

#include "util/log.h"
#include "util/mem.h"

#define STOP_TICK    (50 * NSEC_PER_MSEC)
#define STOP_GOODBYE (5 * NSEC_PER_SEC)  // after the grace time, for the closing handshakes

#define STOP_CODE 1001  // going away

struct stop {
        struct hub *hub;
        void (*on_stopped)(void *context);
        void *context;
        struct loop_timer *timer;
        nsec_t deadline;
        bool is_late;  // the grace time is over
};

// The grace time is over: nobody waits for the backlog any longer, but everybody is told.
static void grace_end(struct stop *stop) {
        struct hub_session *next;

        log_warning("server", "grace-over",
                    "grace time is over: %zu windows of cameras not decoded",
                    hub_backlog(stop->hub));
        for (struct hub_session *session = hub_first_session(stop->hub); session;
             session = next) {
                next = hub_next_session(session);
                session->ops->goodbye(session, STOP_CODE);
        }
}

static void stop_on_timer(void *context) {
        struct stop *stop = context;
        nsec_t late = loop_now(hub_parts(stop->hub)->loop) - stop->deadline;
        bool is_done = !hub_first_session(stop->hub) && hub_backlog(stop->hub) == 0 &&
                       source_children() == 0;

        if (is_done || late >= STOP_GOODBYE) {
                stop->on_stopped(stop->context);
                return;
        }
        if (late >= 0 && !stop->is_late) {
                stop->is_late = true;
                grace_end(stop);
        }
        loop_timer_set(stop->timer, STOP_TICK);
}

// Sessions that send sound finish what they have begun; the others have all when no backlog is
// left.
static void sessions_leave(struct hub *hub) {
        struct hub_session *next;

        for (struct hub_session *session = hub_first_session(hub); session; session = next) {
                next = hub_next_session(session);
                if (session->stream || hub_backlog(hub) == 0)
                        session->ops->leave(session, STOP_CODE);
        }
}

void stop_on_idle(struct stop *stop) {
        if (hub_backlog(stop->hub) == 0)
                sessions_leave(stop->hub);
}

void stop_turn_away(struct stop *stop) {
        struct hub_session *latest = hub_first_session(stop->hub);

        if (latest)
                latest->ops->goodbye(latest, STOP_CODE);
}

struct stop *stop_begin(struct hub *hub, void (*on_stopped)(void *context), void *context) {
        struct loop *loop = hub_parts(hub)->loop;
        struct stop *stop = xnew(struct stop);

        stop->hub = hub;
        stop->on_stopped = on_stopped;
        stop->context = context;
        stop->deadline = loop_now(loop) + SERVER_GRACE;
        stop->timer = loop_timer_new(loop, stop_on_timer, stop);
        for (struct hub_stream *stream = hub_first_pulled(hub); stream;
             stream = hub_next_pulled(stream))
                stream_stop(stream->stream);
        sessions_leave(hub);
        loop_timer_set(stop->timer, STOP_TICK);
        return stop;
}

struct stop *stop_free(struct stop *stop) {
        if (stop)
                stop->timer = loop_timer_free(stop->timer);
        return mem_free(stop);
}
