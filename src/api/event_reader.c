#include "api/event_reader.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/errands.h"
#include "journal/journal.h"
#include "util/log.h"
#include "util/mem.h"

// Of what may wait, the part that what happens while the journal is read may have, and that may
// be left of the journal's rows when the reader goes live.
#define PART_MAX (EVENT_READER_UNSENT_MAX / 2)

#define CODE_POLICY   1008
#define CODE_INTERNAL 1011

// An event that one reader has not taken yet.
struct event_waiting {
        struct event *event;
        STAILQ_ENTRY(event_waiting) link;
};

// --- what waits ------------------------------------------------------------------------------

// The event is held.
static void queue_add(struct event_queue *queue, size_t *n_bytes, struct event *event) {
        struct event_waiting *waiting = xnew(struct event_waiting);

        waiting->event = event_hold(event);
        *n_bytes += event->n;
        STAILQ_INSERT_TAIL(queue, waiting, link);
}

static void queue_drop_first(struct event_queue *queue, size_t *n_bytes) {
        struct event_waiting *first = STAILQ_FIRST(queue);

        STAILQ_REMOVE_HEAD(queue, link);
        *n_bytes -= first->event->n;
        event_release(first->event);
        free(first);
}

static void queue_clear(struct event_queue *queue, size_t *n_bytes) {
        while (!STAILQ_EMPTY(queue))
                queue_drop_first(queue, n_bytes);
}

// --- handing on ------------------------------------------------------------------------------

static void page_ask(struct event_reader *reader);

// Hand on what waits, and then go on with what is next.
static void reader_pump(struct event_reader *reader) {
        struct event_waiting *first;

        while ((first = STAILQ_FIRST(&reader->queue))) {
                size_t n = reader->outlet.write(reader->outlet.context, first->event,
                                                reader->offset);

                if (!n)
                        return;
                reader->offset += n;
                if (reader->offset < first->event->n)
                        continue;
                reader->offset = 0;
                queue_drop_first(&reader->queue, &reader->n_queued);
        }
        if (reader->is_ending)
                reader->outlet.end(reader->outlet.context, reader->end_code,
                                   reader->end_reason);
        else if (reader->phase == READER_TAKING)
                page_ask(reader);
}

static void reader_add(struct event_reader *reader, struct event *event) {
        queue_add(&reader->queue, &reader->n_queued, event);
}

// Of a kind of the reader's own. The JSON is taken.
static void reader_say(struct event_reader *reader, enum event_kind kind,
                       struct row_cursor cursor, json_t *json) {
        CLEANUP(mem_freep) char *text = json_dumps(json, JSON_COMPACT);
        struct event *event = event_of_json(kind, cursor, text, reader->source->budget);

        json_decref(json);
        reader_add(reader, event);
        event_release(event);
}

// Which cursor all that follows is behind. A client that comes back with it, before it was told
// of any row, has missed nothing. `is_anew`: the one that it came with is of another journal.
static void reader_say_begin(struct event_reader *reader, struct row_cursor cursor,
                             bool is_anew) {
        json_t *json = json_pack("{ss}", "kind", event_kind_names[EVENT_BEGIN]);
        char text[ROW_CURSOR_MAX];

        row_cursor_format(cursor, text);
        if (cursor.epoch)
                json_object_set_new(json, "cursor", json_string(text));
        if (reader->wish.has_after)
                json_object_set_new(json, "is_resumed", json_boolean(!is_anew));
        reader->has_begun = true;
        reader_say(reader, EVENT_BEGIN, cursor, json);
}

// Of what waits only the event that was begun is left.
static void queue_cut(struct event_reader *reader) {
        struct event *begun = NULL;

        if (reader->offset)
                begun = event_hold(STAILQ_FIRST(&reader->queue)->event);
        queue_clear(&reader->queue, &reader->n_queued);
        if (begun)
                reader_add(reader, begun);
        event_release(begun);
        queue_clear(&reader->held, &reader->n_held);
}

static void reader_end(struct event_reader *reader, uint16_t code, const char *reason) {
        reader->is_ending = true;
        reader->end_code = code;
        snprintf(reader->end_reason, sizeof(reader->end_reason), "%s", reason);
        reader_say(reader, EVENT_END, (struct row_cursor){0},
                   json_pack("{ssss}", "kind", event_kind_names[EVENT_END], "reason", reason));
        reader_pump(reader);
}

void event_reader_finish(struct event_reader *reader, uint16_t code, const char *reason) {
        if (!reader->is_ending)
                reader_end(reader, code, reason);
}

void event_reader_dismiss(struct event_reader *reader, uint16_t code, const char *reason) {
        queue_cut(reader);
        if (reader->is_ending)
                reader_pump(reader);
        else
                reader_end(reader, code, reason);
}

static void reader_drop(struct event_reader *reader) {
        queue_cut(reader);
        reader_end(reader, CODE_POLICY,
                   "read too slowly: what was not read is left out; come back with the last "
                   "cursor");
}

// --- what the journal has --------------------------------------------------------------------

static bool is_told(const struct event_reader *reader, const struct event *event) {
        return event->cursor.row && event->cursor.epoch == reader->position.epoch &&
               event->cursor.row <= reader->position.row;
}

static bool page_has(const struct query_page *page, const struct event *event) {
        static const uint8_t none[ROW_ID_BYTES];

        if (memcmp(event->id, none, sizeof(none)) == 0)
                return false;
        for (size_t i = 0; i < page->n; i++)
                if (memcmp(page->rows[i].id, event->id, sizeof(event->id)) == 0)
                        return true;
        return false;
}

// What happened while the last page was read, and is not in it, follows it.
static void reader_go_live(struct event_reader *reader, const struct query_page *page) {
        struct event_waiting *waiting;

        STAILQ_FOREACH(waiting, &reader->held, link)
        if (!is_told(reader, waiting->event) && !page_has(page, waiting->event))
                reader_add(reader, waiting->event);
        reader->phase = READER_LIVE;
}

static void page_add(struct event_reader *reader, const struct query_page *page) {
        for (size_t i = 0; i < page->n; i++) {
                const struct row *row = &page->rows[i];
                struct event *event;

                if (!event_reader_wants(reader, row->kind, row->stream))
                        continue;
                event = event_of_row(row, reader->source->budget);
                reader_add(reader, event);
                event_release(event);
        }
}

static void page_take(struct event_reader *reader, const struct query_page *page) {
        struct row_cursor begin = {page->next.epoch, 0};

        if (reader->position.epoch == begin.epoch)
                begin.row = reader->position.row;
        if (!reader->has_begun)
                reader_say_begin(reader, begin, page->is_other_epoch);
        page_add(reader, page);
        reader->position = page->next;
        reader->phase = READER_TAKING;
        if (page->is_end && !reader->is_held_lost && reader->n_queued <= PART_MAX)
                reader_go_live(reader, page);
        queue_clear(&reader->held, &reader->n_held);
        reader_pump(reader);
}

static void reader_on_page(void *context, struct query_page *page) {
        struct event_reader *reader = context;

        if (!reader->is_ending && page->error[0]) {
                log_warning("api", "events-not-read", "%s", page->error);
                event_reader_finish(reader, CODE_INTERNAL,
                                    "the journal cannot be read now: come back later");
        } else if (!reader->is_ending) {
                page_take(reader, page);
        }
        query_page_deinit(page);
}

// What is shown from now on is held, and is in the page or follows it.
static void page_ask(struct event_reader *reader) {
        struct query query = {
                .kinds = reader->wish.kinds & ((1u << ROW_KINDS) - 1),
                .streams = reader->wish.streams,
                .after = reader->position,
                .limit = EVENT_READER_PAGE,
        };

        reader->phase = READER_READING;
        reader->is_held_lost = false;
        reader->n_shown = reader->source->n_shown;
        errands_read(reader->source->errands, reader->source->journal, &query, reader_on_page,
                     reader);
}

// --- what happens ----------------------------------------------------------------------------

bool event_reader_wants(const struct event_reader *reader, unsigned kind, const char *stream) {
        return event_wish_has(&reader->wish, kind, stream) &&
               (!stream || principal_may_read(reader->principal, stream));
}

bool event_reader_missed(const struct event_reader *reader, uint64_t n) {
        return n <= reader->n_shown;
}

// Text that is not final is worth nothing later.
static void reader_keep(struct event_reader *reader, struct event *event) {
        if (event->kind == EVENT_TAIL || event->kind == EVENT_LEVEL || reader->is_held_lost)
                return;
        queue_add(&reader->held, &reader->n_held, event);
        if (reader->n_held <= PART_MAX)
                return;
        queue_clear(&reader->held, &reader->n_held);
        reader->is_held_lost = true;
}

void event_reader_offer(struct event_reader *reader, struct event *event) {
        if (reader->is_ending || reader->phase == READER_TAKING)
                return;
        if (reader->phase == READER_READING) {
                reader_keep(reader, event);
                return;
        }
        if (is_told(reader, event))
                return;
        reader_add(reader, event);
        if (reader->n_queued > EVENT_READER_UNSENT_MAX)
                reader_drop(reader);
        else
                reader_pump(reader);
}

void event_reader_drained(struct event_reader *reader) {
        reader_pump(reader);
}

void event_reader_beat(struct event_reader *reader) {
        if (STAILQ_EMPTY(&reader->queue) && reader->outlet.beat)
                reader->outlet.beat(reader->outlet.context);
}

// --- life ------------------------------------------------------------------------------------

void event_reader_begin(struct event_reader *reader, const struct event_source *source,
                        struct event_wish *wish, const struct principal *principal,
                        const struct event_outlet *outlet) {
        *reader = (struct event_reader){
                .source = source,
                .wish = *wish,
                .principal = principal,
                .outlet = *outlet,
                .phase = READER_LIVE,
                .n_shown = source->n_shown,
        };
        *wish = (struct event_wish){0};
        STAILQ_INIT(&reader->queue);
        STAILQ_INIT(&reader->held);
        if (source->journal && reader->wish.has_after && event_wish_has_rows(&reader->wish)) {
                reader->position = reader->wish.after;
                page_ask(reader);
                return;
        }
        reader_say_begin(
                reader, source->journal ? journal_end(source->journal) : (struct row_cursor){0},
                false);
        reader_pump(reader);
}

void event_reader_deinit(struct event_reader *reader) {
        errands_drop(reader->source->errands, reader);
        queue_clear(&reader->queue, &reader->n_queued);
        queue_clear(&reader->held, &reader->n_held);
        event_wish_deinit(&reader->wish);
}
