#include "api/event_feed.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/errands.h"
#include "journal/journal.h"
#include "journal/row_json.h"
#include "pipeline/hub.h"
#include "pipeline/segment_row.h"
#include "util/mem.h"

// How often all are told something, so that who has gone is found out.
#define BEAT_INTERVAL (15 * NSEC_PER_SEC)

// Rows shown before they were on disk whose being written is waited for.
#define UNWRITTEN_MAX 4096

// Of a level: tenths of a dB.
#define LEVEL_DIGITS 4

// A row that was shown before it was on disk.
struct unwritten {
        uint8_t id[ROW_ID_BYTES];
        uint64_t n;  // of event_source.n_shown
        STAILQ_ENTRY(unwritten) link;
};

// A stream that is told of.
struct followed {
        struct event_feed *feed;
        struct hub_stream *stream;
        struct observer observer;
        size_t n_tail_readers;
        char *tail;          // JSON that is to be told; NULL: none
        bool has_tail_text;  // the last one that was told had some
        bool is_retired;     // its last words are still to come
        LIST_ENTRY(followed) link;
};

struct event_feed {
        struct hub *hub;
        struct loop *loop;
        struct event_source source;
        struct hub_watcher hub_watcher;
        struct journal_watcher journal_watcher;
        struct loop_timer *tail_timer, *beat_timer;
        STAILQ_HEAD(, unwritten) unwritten;
        size_t n_unwritten;
        LIST_HEAD(, followed) followed;
        LIST_HEAD(, event_reader) readers;
};

// --- rows ------------------------------------------------------------------------------------

static void row_give(struct event_feed *feed, const struct row *row) {
        struct event *event = NULL;
        struct event_reader *next;

        for (struct event_reader *reader = LIST_FIRST(&feed->readers); reader; reader = next) {
                next = LIST_NEXT(reader, link);
                if (!event_reader_wants(reader, row->kind, row->stream))
                        continue;
                if (!event)
                        event = event_of_row(row, feed->source.budget);
                event_reader_offer(reader, event);
        }
        event_release(event);
}

static void unwritten_drop_first(struct event_feed *feed) {
        struct unwritten *first = STAILQ_FIRST(&feed->unwritten);

        STAILQ_REMOVE_HEAD(&feed->unwritten, link);
        feed->n_unwritten--;
        free(first);
}

static void unwritten_add(struct event_feed *feed, const struct row *row) {
        struct unwritten *unwritten = xnew(struct unwritten);

        memcpy(unwritten->id, row->id, sizeof(unwritten->id));
        unwritten->n = ++feed->source.n_shown;
        STAILQ_INSERT_TAIL(&feed->unwritten, unwritten, link);
        if (++feed->n_unwritten > UNWRITTEN_MAX)
                unwritten_drop_first(feed);
}

// Which of those that were shown before it is; 0: it is not known any more, and everybody is
// told of it as of a new one, with the id that it had. They are written in the order in which
// they were shown: those before it were given up.
static uint64_t unwritten_take(struct event_feed *feed, const struct row *row) {
        struct unwritten *found;
        uint64_t n = 0;

        STAILQ_FOREACH(found, &feed->unwritten, link)
        if (memcmp(found->id, row->id, sizeof(found->id)) == 0)
                n = found->n;
        while (n && !STAILQ_EMPTY(&feed->unwritten) && STAILQ_FIRST(&feed->unwritten)->n <= n)
                unwritten_drop_first(feed);
        return n;
}

static void feed_on_row(void *context, const struct row *row) {
        struct event_feed *feed = context;

        if (!row->is_durable)
                unwritten_add(feed, row);
        row_give(feed, row);
}

// Who was not told of the row when it was shown is told of it now.
static void feed_on_durable(void *context, const struct row *row) {
        struct event_feed *feed = context;
        uint64_t n = unwritten_take(feed, row);
        struct event *whole = NULL, *durable = NULL;
        struct event_reader *next;

        for (struct event_reader *reader = LIST_FIRST(&feed->readers); reader; reader = next) {
                next = LIST_NEXT(reader, link);
                if (event_reader_missed(reader, n)) {
                        if (!event_reader_wants(reader, row->kind, row->stream))
                                continue;
                        if (!whole)
                                whole = event_of_row(row, feed->source.budget);
                        event_reader_offer(reader, whole);
                } else if (event_reader_wants(reader, EVENT_DURABLE, row->stream)) {
                        if (!durable)
                                durable = event_of_durable(row, feed->source.budget);
                        event_reader_offer(reader, durable);
                }
        }
        event_release(whole);
        event_release(durable);
}

// --- text that is not final ------------------------------------------------------------------

// Give what no journal has, to all who want it now.
static void passing_give(struct followed *followed, enum event_kind kind, const char *json) {
        struct event_feed *feed = followed->feed;
        const char *name = stream_name(followed->stream->stream);
        struct event *event = NULL;
        struct event_reader *next;

        for (struct event_reader *reader = LIST_FIRST(&feed->readers); reader; reader = next) {
                next = LIST_NEXT(reader, link);
                if (!event_reader_wants(reader, kind, name))
                        continue;
                if (!event)
                        event = event_of_json(kind, (struct row_cursor){0}, json,
                                              feed->source.budget);
                event_reader_offer(reader, event);
        }
        event_release(event);
}

// What becomes final is told first, and of several tails in one round the last.
static void tail_give(struct followed *followed) {
        CLEANUP(mem_freep) char *tail = TAKE(followed->tail);

        passing_give(followed, EVENT_TAIL, tail);
}

static void feed_on_tails(void *context) {
        struct event_feed *feed = context;
        struct followed *followed;

        LIST_FOREACH(followed, &feed->followed, link)
        if (followed->tail)
                tail_give(followed);
}

static void tail_take(struct followed *followed, const struct stream_facts *facts,
                      const struct update *update) {
        bool has_text = update->tail->text[0];

        if (!followed->n_tail_readers || (!has_text && !followed->has_tail_text))
                return;
        followed->has_tail_text = has_text;
        free(followed->tail);
        followed->tail = segment_row_tail_json(facts, update);
        loop_timer_set(followed->feed->tail_timer, 0);
}

// --- streams ---------------------------------------------------------------------------------

// What is journaled comes from the journal.
static void followed_on_update(void *state, const struct stream_facts *facts,
                               const struct update *update) {
        struct followed *followed = state;
        bool is_journaled = stream_is_journaled(followed->stream->stream);

        for (size_t i = 0; i < update->n_finals && !is_journaled; i++) {
                CLEANUP(row_freep)
                struct row *row =
                        segment_row_final(facts, &update->finals[i], update->language);

                row_give(followed->feed, row);
        }
        tail_take(followed, facts, update);
}

static void followed_on_notice(void *state, const struct stream_facts *facts,
                               const struct stream_notice *notice) {
        struct followed *followed = state;
        CLEANUP(row_freep) struct row *row = NULL;

        if (stream_is_journaled(followed->stream->stream))
                return;
        row = segment_row_status(facts, notice, loop_wall(followed->feed->loop));
        row_give(followed->feed, row);
}

static void followed_on_level(void *state, const struct stream_facts *facts,
                              const struct level_reading *level) {
        struct followed *followed = state;
        struct event_feed *feed = followed->feed;
        char time[ROW_TIME_MAX];
        CLEANUP(mem_freep) char *text = NULL;
        json_t *json;

        if (LIST_EMPTY(&feed->readers))
                return;
        row_time_format(loop_wall(feed->loop) / NSEC_PER_MSEC, time);
        json = json_pack("{s:s, s:s, s:s, s:f, s:f}", "kind", event_kind_names[EVENT_LEVEL],
                         "stream", facts->name, "time", time, "level",
                         round(level->rms * 10) / 10, "peak", round(level->peak * 10) / 10);
        text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(LEVEL_DIGITS));
        json_decref(json);
        passing_give(followed, EVENT_LEVEL, text);
}

static const struct observer_ops followed_ops = {
        .name = "events",
        .on_update = followed_on_update,
        .on_notice = followed_on_notice,
        .on_level = followed_on_level,
};

// One more, or one less, wants its tail: only as long as somebody does is it worked for.
static void tail_readers_count(struct followed *followed, const struct event_reader *reader,
                               int change) {
        if (!event_reader_wants(reader, EVENT_TAIL, stream_name(followed->stream->stream)))
                return;
        followed->n_tail_readers += (size_t)change;
        followed->observer.wants_tail = followed->n_tail_readers > 0;
}

static void feed_follow(struct event_feed *feed, struct hub_stream *stream) {
        struct followed *followed = xnew(struct followed);
        struct event_reader *reader;

        followed->feed = feed;
        followed->stream = stream;
        followed->observer = (struct observer){.ops = &followed_ops, .state = followed};
        LIST_FOREACH(reader, &feed->readers, link)
        tail_readers_count(followed, reader, 1);
        LIST_INSERT_HEAD(&feed->followed, followed, link);
        stream_add_observer(stream->stream, &followed->observer);
}

static void followed_free(struct followed *followed) {
        stream_remove_observer(followed->stream->stream, &followed->observer);
        LIST_REMOVE(followed, link);
        free(followed->tail);
        free(followed);
}

// The hub has its journal from the beginning, or once the first stream is journaled.
static void journal_look(struct event_feed *feed) {
        const struct journaling_services *journaling = hub_parts(feed->hub)->journaling;

        if (feed->source.journal || !journaling)
                return;
        feed->source.journal = journaling->journal;
        journal_watch(feed->source.journal, &feed->journal_watcher);
}

static void feed_on_stream(void *context, struct hub_stream *stream, bool is_open) {
        struct event_feed *feed = context;
        struct followed *followed;

        journal_look(feed);
        if (is_open) {
                if (stream->is_listed || stream_is_journaled(stream->stream))
                        feed_follow(feed, stream);
                return;
        }
        LIST_FOREACH(followed, &feed->followed, link) {
                if (followed->stream != stream)
                        continue;
                if (stream->is_retired && !followed->is_retired)
                        followed->is_retired = true;
                else
                        followed_free(followed);
                return;
        }
}

// --- readers ---------------------------------------------------------------------------------

static void feed_on_beat(void *context) {
        struct event_feed *feed = context;
        struct event_reader *next;

        for (struct event_reader *reader = LIST_FIRST(&feed->readers); reader; reader = next) {
                next = LIST_NEXT(reader, link);
                event_reader_beat(reader);
        }
        loop_timer_set(feed->beat_timer, BEAT_INTERVAL);
}

void event_feed_join(struct event_feed *feed, struct event_reader *reader,
                     struct event_wish *wish, const struct principal *principal,
                     const struct event_outlet *outlet) {
        struct followed *followed;

        journal_look(feed);
        if (LIST_EMPTY(&feed->readers))
                loop_timer_set(feed->beat_timer, BEAT_INTERVAL);
        event_reader_begin(reader, &feed->source, wish, principal, outlet);
        LIST_INSERT_HEAD(&feed->readers, reader, link);
        LIST_FOREACH(followed, &feed->followed, link)
        tail_readers_count(followed, reader, 1);
}

void event_feed_leave(struct event_feed *feed, struct event_reader *reader) {
        struct followed *followed;

        LIST_FOREACH(followed, &feed->followed, link)
        tail_readers_count(followed, reader, -1);
        LIST_REMOVE(reader, link);
        event_reader_deinit(reader);
        if (LIST_EMPTY(&feed->readers))
                loop_timer_cancel(feed->beat_timer);
}

// --- life ------------------------------------------------------------------------------------

struct event_feed *event_feed_new(struct hub *hub) {
        struct event_feed *feed = xnew(struct event_feed);

        feed->hub = hub;
        feed->loop = hub_parts(hub)->loop;
        feed->source.budget = hub_parts(hub)->budget;
        feed->source.errands = errands_new();
        feed->hub_watcher = (struct hub_watcher){.on_stream = feed_on_stream, .context = feed};
        feed->journal_watcher = (struct journal_watcher){
                .on_row = feed_on_row,
                .on_durable = feed_on_durable,
                .context = feed,
        };
        feed->tail_timer = loop_timer_new(feed->loop, feed_on_tails, feed);
        feed->beat_timer = loop_timer_new(feed->loop, feed_on_beat, feed);
        STAILQ_INIT(&feed->unwritten);
        for (struct hub_stream *stream = hub_first(hub); stream; stream = hub_next(hub, stream))
                feed_on_stream(feed, stream, true);
        hub_watch(hub, &feed->hub_watcher);
        journal_look(feed);
        return feed;
}

struct event_feed *event_feed_free(struct event_feed *feed) {
        if (!feed)
                return NULL;
        assert(LIST_EMPTY(&feed->readers));
        if (feed->source.journal)
                journal_unwatch(feed->source.journal, &feed->journal_watcher);
        hub_unwatch(&feed->hub_watcher);
        for (struct followed *followed = LIST_FIRST(&feed->followed), *next; followed;
             followed = next) {
                next = LIST_NEXT(followed, link);
                followed_free(followed);
        }
        while (!STAILQ_EMPTY(&feed->unwritten))
                unwritten_drop_first(feed);
        errands_free(feed->source.errands);
        loop_timer_free(feed->tail_timer);
        loop_timer_free(feed->beat_timer);
        return mem_free(feed);
}
