#include "pipeline/hub.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/hub_names.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/tally.h"

struct hub {
        struct hub_parts parts;
        struct stream_services services;
        struct hub_counts counts;
        SLIST_HEAD(, hub_reader) readers;
        LIST_HEAD(, hub_session) sessions;
        struct tally addresses;  // of the sessions
        TAILQ_HEAD(hub_streams, hub_stream) pulled, pushed, retired;
        struct loop_timer *sweep;  // closes retired ones that are done
        uint64_t n_opened;         // streams
        uint64_t n_entered;        // sessions
        LIST_HEAD(, hub_watcher) watchers;
        bool (*is_reserved)(const void *context, const char *name);  // NULL: no name is
        const void *reserver;
};

// --- readers ---------------------------------------------------------------------------------

struct hub_reader *hub_reader(struct hub *hub, const char *name) {
        struct hub_reader *reader;

        SLIST_FOREACH (reader, &hub->readers, link)
                if (strcmp(reader->name, name) == 0)
                        return reader;
        reader = xnew(struct hub_reader);
        reader->name = name;
        SLIST_INSERT_HEAD(&hub->readers, reader, link);
        return reader;
}

struct hub_counts *hub_counts(struct hub *hub) {
        return &hub->counts;
}

// --- sessions --------------------------------------------------------------------------------

void hub_session_is(struct hub_session *session, struct hub_reader *reader) {
        if (session->reader)
                session->reader->n_present--;
        session->reader = reader;
        reader->n_present++;
}

bool hub_enter(struct hub *hub, struct hub_session *session) {
        size_t most = (size_t)hub->parts.address_sessions;
        struct principal_life *counts = principal_counts(session->principal);
        size_t n_with_token = counts ? ++counts->n_sessions : 0;
        size_t most_with_token = (size_t)hub->parts.token_sessions;
        size_t n = tally_add(&hub->addresses, session->address);

        session->id = ++hub->n_entered;
        session->since = loop_wall(hub->parts.loop);
        principal_hold(session->principal);
        LIST_INSERT_HEAD(&hub->sessions, session, link);
        hub_session_is(session, hub_reader(hub, HUB_READER_UNKNOWN));
        return (most == 0 || n <= most) &&
               (most_with_token == 0 || n_with_token <= most_with_token);
}

bool hub_session_belongs(struct hub *hub, struct hub_session *session,
                         const struct principal *principal) {
        const struct principal *before = session->principal;
        struct principal_life *counts = principal_counts(principal);
        struct principal_life *counted = principal_counts(before);
        size_t most = (size_t)hub->parts.token_sessions;

        session->principal = principal_hold(principal);
        if (counts)
                counts->n_sessions++;
        if (counted)
                counted->n_sessions--;
        principal_release(before);
        return most == 0 || !counts || counts->n_sessions <= most;
}

bool hub_fits(const struct hub *hub, const struct hub_session *session) {
        size_t most = (size_t)hub->parts.address_sessions;
        size_t most_with_token = (size_t)hub->parts.token_sessions;
        const struct principal_life *counts = principal_counts(session->principal);

        return (most == 0 || tally_count(&hub->addresses, session->address) < most) &&
               (most_with_token == 0 || !counts || counts->n_sessions < most_with_token);
}

void hub_leave(struct hub *hub, struct hub_session *session) {
        struct principal_life *counts = principal_counts(session->principal);

        session->reader->n_present--;
        LIST_REMOVE(session, link);
        tally_remove(&hub->addresses, session->address);
        if (counts)
                counts->n_sessions--;
        principal_release(session->principal);
}

struct hub_session *hub_first_session(const struct hub *hub) {
        return LIST_FIRST(&hub->sessions);
}

struct hub_session *hub_next_session(const struct hub_session *session) {
        return LIST_NEXT(session, link);
}

struct hub_session *hub_find_session(const struct hub *hub, uint64_t id) {
        struct hub_session *session = hub_first_session(hub);

        while (session && session->id != id)
                session = hub_next_session(session);
        return session;
}

// --- streams ---------------------------------------------------------------------------------

static struct hub_streams *list_of(struct hub *hub, const struct hub_stream *stream) {
        if (stream->is_retired)
                return &hub->retired;
        return stream_source(stream->stream) ? &hub->pulled : &hub->pushed;
}

void hub_watch(struct hub *hub, struct hub_watcher *watcher) {
        LIST_INSERT_HEAD(&hub->watchers, watcher, link);
}

void hub_unwatch(struct hub_watcher *watcher) {
        LIST_REMOVE(watcher, link);
}

static void hub_tell(struct hub *hub, struct hub_stream *stream, bool is_open) {
        struct hub_watcher *watcher;

        LIST_FOREACH(watcher, &hub->watchers, link)
        watcher->on_stream(watcher->context, stream, is_open);
}

static void sessions_tell(struct hub *hub, struct hub_stream *stream, bool is_open) {
        struct hub_session *session;

        if (!stream_source(stream->stream))
                return;
        LIST_FOREACH(session, &hub->sessions, link)
        if (session->ops->on_stream)
                session->ops->on_stream(session, stream, is_open);
}

// Pulled streams are journaled, clients' only where somebody asks for it.
static bool is_journaled(const struct hub *hub, const struct request *request,
                         const struct hub_session *session) {
        const struct journaling_services *journaling = hub->parts.journaling;

        if (!journaling || !request->defaults->has_journal)
                return false;
        if (!session || request->is_journaled)
                return true;
        return journaling->has_sessions && !request->is_unjournaled;
}

void hub_reserve(struct hub *hub, bool (*is_reserved)(const void *context, const char *name),
                 const void *context) {
        hub->is_reserved = is_reserved;
        hub->reserver = context;
}

bool hub_is_reserved(const struct hub *hub, const char *name) {
        return hub->is_reserved && hub->is_reserved(hub->reserver, name);
}

static bool is_cameras_name(const struct hub *hub, const char *name) {
        const struct hub_stream *found = hub_find(hub, name);

        return (found && stream_source(found->stream)) || hub_is_reserved(hub, name);
}

// What the journal's rows say of a session: an id that no other one ever has.
static char *session_id_new(const struct hub *hub) {
        uint8_t id[ROW_ID_BYTES];
        char text[ROW_ID_TEXT_MAX];

        row_id_make(hub->parts.journaling->ids, loop_wall(hub->parts.loop) / NSEC_PER_MSEC, id);
        row_id_format(id, text);
        return xstrdup(text);
}

// All streams of a session have one, by which those who read know that they belong together.
static char *session_id_for(const struct hub *hub, const struct hub_session *session) {
        if (session->stream && session->stream->session_id)
                return xstrdup(session->stream->session_id);
        return session_id_new(hub);
}

static struct stream_settings settings_of(const struct request *request,
                                          const struct decode_options *options,
                                          const struct hub_session *session) {
        return (struct stream_settings){
                .name = request->name,
                .owner = session ? session->address : NULL,
                .options = options,
                .filters = &request->defaults->filters,
                .source = request->source,
                .history_segments = request->history,
                .pause = request->pause,
                .window_max = request->window_max,
                .window_early = request->window_early,
                .has_archive = request->defaults->has_archive,
                .is_file = request->is_file,
        };
}

int hub_open(struct hub_stream **ret, struct hub *hub, struct request *request,
             struct hub_session *session, const struct stream_listener *listener,
             struct error *error) {
        CLEANUP(decode_options_deinit) struct decode_options options = {0};
        CLEANUP(mem_freep) char *session_id = NULL;
        struct journaling_facts facts = {.stream = request->name};
        struct stream_settings settings;
        struct hub_stream *opened;
        int r;

        request_complete(request, hub->parts.defaults);
        r = hub->parts.check_model(hub->parts.context, request->language, request->task, error);
        if (r < 0)
                return r;
        options = request_decode_options(request);
        settings = settings_of(request, &options, session);
        if (is_journaled(hub, request, session)) {
                settings.journaled = &facts;
                if (session) {
                        session_id = session_id_for(hub, session);
                        facts.session = session_id;
                        facts.dialect = session->reader->name;
                        facts.channel = request->side;
                        facts.principal = session->principal->name;
                }
        }
        // A client's sound is kept where its text is, but not among that of a camera whose name
        // the client took.
        settings.has_archive &=
                !session || (settings.journaled && !is_cameras_name(hub, request->name));
        opened = xnew(struct hub_stream);
        r = stream_open(&opened->stream, &hub->services, &settings, listener, error);
        if (r < 0) {
                free(opened);
                return r;
        }
        opened->id = ++hub->n_opened;
        opened->hub = hub;
        opened->session = session;
        opened->listener = *listener;
        opened->session_id = TAKE(session_id);
        opened->is_listed = request->source || request->is_listed;
        opened->is_kept = request->is_journaled;
        opened->is_unkept = request->is_unjournaled;
        if (session && !session->stream)
                session->stream = opened;
        if (request->source) {
                struct observer_counts *counts = &hub_reader(hub, HUB_READER_LOG)->observers;

                opened->log = (struct observer){
                        .ops = &observer_log, .state = counts, .counts = counts};
                stream_add_observer(opened->stream, &opened->log);
        }
        TAILQ_INSERT_TAIL(list_of(hub, opened), opened, link);
        log_debug(session ? session->about : "server", "stream-opened",
                  "stream %" PRIu64 ": %s", opened->id, request->name);
        hub_tell(hub, opened, true);
        sessions_tell(hub, opened, true);
        *ret = opened;
        return 0;
}

struct hub_stream *hub_close(struct hub *hub, struct hub_stream *stream) {
        if (!stream)
                return NULL;
        hub_tell(hub, stream, false);
        TAILQ_REMOVE(list_of(hub, stream), stream, link);
        sessions_tell(hub, stream, false);
        stream_close(stream->stream);
        loop_timer_free(stream->parking);
        free(stream->principal);
        free(stream->session_id);
        return mem_free(stream);
}

// Called by the stream, which may not be closed there.
static void retired_on_idle(void *context) {
        const struct hub_stream *stream = context;

        if (stream->listener.on_idle)
                stream->listener.on_idle(stream->listener.context);
        loop_timer_set(stream->hub->sweep, 0);
}

static void hub_on_sweep(void *context) {
        struct hub *hub = context;
        struct hub_stream *next;

        for (struct hub_stream *stream = TAILQ_FIRST(&hub->retired); stream; stream = next) {
                next = TAILQ_NEXT(stream, link);
                if (stream_backlog(stream->stream) == 0)
                        hub_close(hub, stream);
        }
}

void hub_retire(struct hub *hub, struct hub_stream *stream, const char *reason) {
        struct stream_listener listener = {.on_idle = retired_on_idle, .context = stream};

        assert(stream_source(stream->stream) && !stream->is_retired);
        stream->is_retired = true;
        hub_tell(hub, stream, false);
        TAILQ_REMOVE(&hub->pulled, stream, link);
        TAILQ_INSERT_TAIL(&hub->retired, stream, link);
        stream_set_listener(stream->stream, &listener);
        stream_end(stream->stream, reason);
}

struct hub_stream *hub_first(const struct hub *hub) {
        return TAILQ_EMPTY(&hub->pulled) ? TAILQ_FIRST(&hub->pushed)
                                         : TAILQ_FIRST(&hub->pulled);
}

struct hub_stream *hub_next(const struct hub *hub, const struct hub_stream *stream) {
        struct hub_stream *next = TAILQ_NEXT(stream, link);

        return !next && stream_source(stream->stream) ? TAILQ_FIRST(&hub->pushed) : next;
}

struct hub_stream *hub_first_pulled(const struct hub *hub) {
        return TAILQ_FIRST(&hub->pulled);
}

struct hub_stream *hub_next_pulled(const struct hub_stream *stream) {
        return TAILQ_NEXT(stream, link);
}

struct hub_stream *hub_find(const struct hub *hub, const char *name) {
        struct hub_stream *stream = hub_first(hub);

        while (stream && strcmp(stream_name(stream->stream), name) != 0)
                stream = hub_next(hub, stream);
        return stream;
}

size_t hub_backlog(const struct hub *hub) {
        const struct hub_stream *stream;
        size_t n = 0;

        TAILQ_FOREACH (stream, &hub->pulled, link)
                n += stream_backlog(stream->stream);
        TAILQ_FOREACH (stream, &hub->retired, link)
                n += stream_backlog(stream->stream);
        TAILQ_FOREACH (stream, &hub->pushed, link)
                n += stream->parking ? stream_backlog(stream->stream) : 0;
        return n;
}

// --- life ------------------------------------------------------------------------------------

void hub_set_defaults(struct hub *hub, const struct request_defaults *defaults) {
        hub->parts.defaults = defaults;
}

void hub_set_keeping(struct hub *hub, const struct journaling_services *journaling,
                     struct archive *archive) {
        hub->parts.journaling = hub->services.journaling = journaling;
        hub->parts.archive = hub->services.archive = archive;
}

const struct hub_parts *hub_parts(const struct hub *hub) {
        return &hub->parts;
}

struct hub *hub_new(const struct hub_parts *parts) {
        struct hub *hub = xnew(struct hub);

        hub->parts = *parts;
        hub->services = (struct stream_services){
                .loop = parts->loop,
                .scheduler = parts->scheduler,
                .vad = parts->vad,
                .counts = &hub->counts.streams,
                .budget = parts->budget,
                .journaling = parts->journaling,
                .archive = parts->archive,
        };
        TAILQ_INIT(&hub->pulled);
        TAILQ_INIT(&hub->pushed);
        TAILQ_INIT(&hub->retired);
        hub->sweep = loop_timer_new(parts->loop, hub_on_sweep, hub);
        return hub;
}

struct hub *hub_free(struct hub *hub) {
        struct hub_reader *reader;

        if (!hub)
                return NULL;
        assert(LIST_EMPTY(&hub->sessions));
        while (hub_first(hub))
                hub_close(hub, hub_first(hub));
        while (!TAILQ_EMPTY(&hub->retired))
                hub_close(hub, TAILQ_FIRST(&hub->retired));
        hub->sweep = loop_timer_free(hub->sweep);
        while ((reader = SLIST_FIRST(&hub->readers))) {
                SLIST_REMOVE_HEAD(&hub->readers, link);
                free(reader);
        }
        tally_deinit(&hub->addresses);
        return mem_free(hub);
}
