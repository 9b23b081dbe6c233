#include "pipeline/journaling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "pipeline/segment_row.h"
#include "util/mem.h"

// An update that waits for its finals to be written, or for those before it.
struct held {
        struct stream_facts facts;
        struct segment *finals;
        size_t n_finals, n_unwritten;
        struct segment tail;
        struct update update;  // of the above
        char language[LANGUAGE_CODE_MAX];
        STAILQ_ENTRY(held) link;
};

struct journaling {
        struct journaling_services services;
        char *stream, *session, *dialect, *channel, *principal;
        journaling_show *show;
        void *context;
        STAILQ_HEAD(, held) held;
        size_t n_waiting;     // of these, with finals
        size_t n_released;    // finals that were shown before they are written
        bool is_showing;      // somebody is being shown something: the rest comes afterwards
        uint32_t generation;  // of the last update
        size_t stable_bytes;  // that were looked at, of the tail
        char *state;          // the last one that is a row
};

// --- updates that wait -----------------------------------------------------------------------

static struct held *held_new(const struct stream_facts *facts, const struct update *update) {
        struct held *held = xnew(struct held);

        held->facts = *facts;
        held->update = *update;
        held->n_finals = held->n_unwritten = update->n_finals;
        held->finals = xcalloc(update->n_finals, sizeof(*held->finals));
        for (size_t i = 0; i < update->n_finals; i++)
                segment_copy(&held->finals[i], &update->finals[i]);
        held->update.finals = held->finals;
        segment_copy(&held->tail, update->tail);
        held->update.tail = &held->tail;
        snprintf(held->language, sizeof(held->language), "%s", update->language);
        held->update.language = held->language;
        return held;
}

static struct held *held_free(struct held *held) {
        for (size_t i = 0; i < held->n_finals; i++)
                segment_deinit(&held->finals[i]);
        free(held->finals);
        segment_deinit(&held->tail);
        return mem_free(held);
}

// Show the first, which waits for nothing any more.
static void held_show(struct journaling *journaling) {
        struct held *held = STAILQ_FIRST(&journaling->held);

        STAILQ_REMOVE_HEAD(&journaling->held, link);
        if (held->n_finals > 0)
                journaling->n_waiting--;
        journaling->show(journaling->context, &held->facts, &held->update);
        held_free(held);
}

// Show all that may be shown. Whoever is shown something may bring new text in the same call.
static void held_drain(struct journaling *journaling) {
        if (journaling->is_showing)
                return;
        journaling->is_showing = true;
        while (!STAILQ_EMPTY(&journaling->held) &&
               STAILQ_FIRST(&journaling->held)->n_unwritten == 0)
                held_show(journaling);
        journaling->is_showing = false;
}

// Rows are shown in the order in which they were appended: it is the first that has some left.
static void journaling_on_shown(void *context, const struct row *row) {
        struct journaling *journaling = context;
        struct held *held = STAILQ_FIRST(&journaling->held);

        (void)row;
        if (journaling->n_released > 0) {
                journaling->n_released--;
                return;
        }
        while (held->n_unwritten == 0)
                held = STAILQ_NEXT(held, link);
        held->n_unwritten--;
        held_drain(journaling);
}

void journaling_release(struct journaling *journaling) {
        struct held *held;

        STAILQ_FOREACH(held, &journaling->held, link) {
                journaling->n_released += held->n_unwritten;
                held->n_unwritten = 0;
        }
        held_drain(journaling);
}

size_t journaling_waiting(const struct journaling *journaling) {
        return journaling->n_waiting;
}

// --- rows ------------------------------------------------------------------------------------

static void row_id_give(struct journaling *journaling, struct row *row) {
        int64_t now = loop_wall(journaling->services.loop) / NSEC_PER_MSEC;

        row_id_make(journaling->services.ids, now, row->id);
}

// Whose text it is.
static void row_name(const struct journaling *journaling, struct row *row) {
        row->session = xstrdup(journaling->session);
        row->dialect = xstrdup(journaling->dialect);
        row->channel = xstrdup(journaling->channel);
        row->principal = xstrdup(journaling->principal);
}

static void row_name_speech(const struct journaling *journaling, struct row *row) {
        row_name(journaling, row);
        row->model = xstrdup(journaling->services.model);
}

// The row goes into the journal, and alerts look at a copy of it: their rows come behind it.
static void row_append(struct journaling *journaling, struct row *row) {
        struct journaling_services *services = &journaling->services;
        struct row *looked_at = services->on_segment ? row_copy(row) : NULL;

        journal_append(services->journal, row, journaling_on_shown, journaling);
        if (looked_at)
                services->on_segment(services->context, looked_at);
        row_free(looked_at);
}

static void finals_append(struct journaling *journaling, const struct stream_facts *facts,
                          const struct update *update) {
        for (size_t i = 0; i < update->n_finals; i++) {
                const struct segment *segment = &update->finals[i];
                struct row *row = segment_row_final(facts, segment, update->language);

                row_name_speech(journaling, row);
                row_id_give(journaling, row);
                row_append(journaling, row);
        }
}

// --- what comes ------------------------------------------------------------------------------

static void break_tell(const struct journaling *journaling) {
        const char *name = journaling->session ? journaling->session : journaling->stream;

        if (journaling->services.on_break)
                journaling->services.on_break(journaling->services.context, name);
}

// A source that stops begins a new generation before the last window of the old one is text:
// only what comes tells where one ends.
static void generation_follow(struct journaling *journaling, uint32_t generation) {
        if (generation != journaling->generation)
                break_tell(journaling);
        journaling->generation = generation;
}

// Alerts look at stable words as soon as there are more of them, and when they are gone.
static void stable_look(struct journaling *journaling, const struct stream_facts *facts,
                        const struct update *update) {
        const struct journaling_services *services = &journaling->services;
        struct row *row;

        if (!journaling_wants_tail(journaling) ||
            (update->n_finals == 0 && update->stable_bytes == journaling->stable_bytes))
                return;
        journaling->stable_bytes = update->stable_bytes;
        row = segment_row_tail(facts, update->tail, update->stable_bytes, update->language);
        row_name_speech(journaling, row);
        services->on_stable(services->context, row);
        row_free(row);
}

void journaling_on_update(struct journaling *journaling, const struct stream_facts *stream,
                          const struct update *update) {
        generation_follow(journaling, stream->generation);
        if (journaling->is_showing || update->n_finals > 0 ||
            !STAILQ_EMPTY(&journaling->held)) {
                struct held *held = held_new(stream, update);

                STAILQ_INSERT_TAIL(&journaling->held, held, link);
                if (update->n_finals > 0)
                        journaling->n_waiting++;
                finals_append(journaling, stream, update);
        } else {
                journaling->show(journaling->context, stream, update);
        }
        stable_look(journaling, stream, update);
        held_drain(journaling);
}

// A state that is told again, with the same words, is no change.
void journaling_on_notice(struct journaling *journaling, const struct stream_facts *stream,
                          const struct stream_notice *notice) {
        CLEANUP(mem_freep) char *state = xasprintf("%s %s", notice->state, notice->reason);
        struct row *row;

        if (journaling->state && strcmp(journaling->state, state) == 0)
                return;
        free(journaling->state);
        journaling->state = TAKE(state);
        row = segment_row_status(stream, notice, loop_wall(journaling->services.loop));
        row_name(journaling, row);
        row_id_give(journaling, row);
        journal_append(journaling->services.journal, row, NULL, NULL);
}

bool journaling_wants_tail(const struct journaling *journaling) {
        const struct journaling_services *services = &journaling->services;

        return services->on_stable && services->wants_stable(services->context);
}

// --- life ------------------------------------------------------------------------------------

struct journaling *journaling_new(const struct journaling_services *services,
                                  const struct journaling_facts *facts, journaling_show *show,
                                  void *context) {
        struct journaling *journaling = xnew(struct journaling);

        journaling->services = *services;
        journaling->stream = xstrdup(facts->stream);
        journaling->session = xstrdup(facts->session);
        journaling->dialect = xstrdup(facts->dialect);
        journaling->channel = xstrdup(facts->channel);
        journaling->principal = xstrdup(facts->principal);
        journaling->show = show;
        journaling->context = context;
        STAILQ_INIT(&journaling->held);
        return journaling;
}

struct journaling *journaling_free(struct journaling *journaling) {
        struct held *held;

        if (!journaling)
                return NULL;
        journal_detach(journaling->services.journal, journaling);
        break_tell(journaling);
        while ((held = STAILQ_FIRST(&journaling->held))) {
                STAILQ_REMOVE_HEAD(&journaling->held, link);
                held_free(held);
        }
        free(journaling->stream);
        free(journaling->session);
        free(journaling->dialect);
        free(journaling->channel);
        free(journaling->principal);
        free(journaling->state);
        return mem_free(journaling);
}
