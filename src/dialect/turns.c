#include "dialect/turns.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

void turns_init(struct turns *turns, const struct turns_ops *ops, void *context) {
        *turns = (struct turns){.ops = ops, .context = context, .ends_at_pauses = true};
        STAILQ_INIT(&turns->list);
        STAILQ_INIT(&turns->stretches);
}

static void stretch_free(struct turns_stretch *stretch) {
        free(stretch->told);
        free(stretch);
}

static void turn_free(struct turn *turn) {
        free(turn->text);
        free(turn);
}

void turns_deinit(struct turns *turns) {
        struct turns_stretch *stretch, *next_stretch;
        struct turn *turn, *next;

        for (stretch = STAILQ_FIRST(&turns->stretches); stretch; stretch = next_stretch) {
                next_stretch = STAILQ_NEXT(stretch, link);
                stretch_free(stretch);
        }
        for (turn = STAILQ_FIRST(&turns->list); turn; turn = next) {
                next = STAILQ_NEXT(turn, link);
                turn_free(turn);
        }
}

bool turns_are_complete(const struct turns *turns) {
        return STAILQ_EMPTY(&turns->list);
}

// --- turns -----------------------------------------------------------------------------------

static struct turn *turn_new(struct turns *turns, int64_t begin) {
        struct turn *turn = xnew(struct turn);

        turn->number = turns->n_turns++;
        turn->begin = turn->speech_end = begin;
        turn->text = xstrdup("");
        STAILQ_INSERT_TAIL(&turns->list, turn, link);
        turns->current = turn;
        return turn;
}

// The first ones may be complete.
static void turns_settle(struct turns *turns) {
        struct turn *turn, *next;

        for (turn = STAILQ_FIRST(&turns->list); turn && turn->is_ended && turn->n_pending == 0;
             turn = next) {
                if (!turn->is_dropped)
                        turns->ops->on_complete(turns->context, turn);
                next = STAILQ_NEXT(turn, link);
                STAILQ_REMOVE_HEAD(&turns->list, link);
                turn_free(turn);
        }
}

static void current_end(struct turns *turns) {
        struct turn *turn = turns->current;

        turns->current = NULL;
        turns->is_stalled = false;
        turn->is_ended = true;
        if (!turn->is_dropped)
                turns->ops->on_end(turns->context, turn);
        turns_settle(turns);
}

void turns_end(struct turns *turns, int64_t position) {
        if (!turns->current)
                turn_new(turns, position);
        current_end(turns);
}

void turns_follow(struct turns *turns, bool ends_at_pauses) {
        turns->ends_at_pauses = ends_at_pauses;
        if (turns->current && !turns->open)
                turns->is_stalled = true;
}

void turns_drop(struct turns *turns) {
        if (!turns->current)
                return;
        if (turns->open) {
                turns->current->n_pending--;
                turns->open->turn = NULL;
                turns->open->end = 0;
                turns->open = NULL;
        }
        turns->current->is_dropped = true;
        current_end(turns);
}

void turns_hear_silence(struct turns *turns, int64_t position) {
        const struct turn *turn = turns->current;

        if (turn && turns->ends_at_pauses && turns->is_stalled && !turns->open &&
            position - turn->speech_end >= turns->pause)
                current_end(turns);
}

// --- stretches -------------------------------------------------------------------------------

static void stretch_begin(struct turns *turns, int64_t begin) {
        struct turns_stretch *stretch = xnew(struct turns_stretch);

        turns_hear_silence(turns, begin);
        if (!turns->current)
                turns->ops->on_begin(turns->context, turn_new(turns, begin));
        turns->current->n_pending++;
        *stretch = (struct turns_stretch){.turn = turns->current, .end = INT64_MAX};
        STAILQ_INSERT_TAIL(&turns->stretches, stretch, link);
        turns->open = stretch;
}

static void stretch_close(struct turns *turns, const struct observer_window *window) {
        turns->open->end = window->end;
        turns->open = NULL;
        turns->current->speech_end = window->speech_end;
        turns->is_stalled = window->is_flushed || window->is_cut;
        if (turns->ends_at_pauses &&
            (window->is_cut ? turns->current->n_text >= TURN_TEXT_LONG : !window->is_flushed))
                current_end(turns);
}

void turns_hear_window(struct turns *turns, const struct observer_window *window) {
        if (!turns->open)
                stretch_begin(turns, window->begin);
        if (window->is_closed)
                stretch_close(turns, window);
}

// --- text ------------------------------------------------------------------------------------

// Tell what comes behind what was told of that stretch; where it reads otherwise by now nothing
// can be taken back.
static void stable_tell(struct turns *turns, struct turns_stretch *stretch, const char *text,
                        size_t n) {
        size_t n_told = stretch->told ? strlen(stretch->told) : 0;
        CLEANUP(mem_freep) char *stable = NULL;
        const char *added;

        if (!turns->ops->on_stable || n <= n_told ||
            (n_told && strncmp(text, stretch->told, n_told) != 0))
                return;
        stable = xasprintf("%.*s", (int)n, text);
        added = stable + n_told;
        if (!stretch->turn->has_told)
                added += strspn(added, " ");
        if (added[0] && !stretch->turn->is_dropped) {
                stretch->turn->has_told = true;
                turns->ops->on_stable(turns->context, stretch->turn, added);
        }
        free(stretch->told);
        stretch->told = TAKE(stable);
}

static void turn_append(struct turn *turn, const char *text) {
        size_t n;
        char *longer;

        if (turn->n_text == 0)
                text += strspn(text, " ");
        n = strlen(text);
        if (n == 0 || turn->n_text + n > TURN_TEXT_MAX)
                return;
        longer = xasprintf("%s%s", turn->text, text);
        free(turn->text);
        turn->text = longer;
        turn->n_text += n;
}

// The first stretch became text.
static void finals_take(struct turns *turns, struct turns_stretch *stretch,
                        const struct update *update) {
        struct turn *turn = stretch->turn;
        CLEANUP(mem_freep) char *text = xstrdup("");

        for (size_t i = 0; i < update->n_finals; i++) {
                CLEANUP(mem_freep) char *before = text;

                text = xasprintf("%s%s", before, update->finals[i].text);
                turn_append(turn, update->finals[i].text);
        }
        stable_tell(turns, stretch, text, strlen(text));
        turn->n_pending--;
        if (turns->ops->on_final && !turn->is_dropped)
                turns->ops->on_final(turns->context, turn, update->finals, update->n_finals);
        STAILQ_REMOVE_HEAD(&turns->stretches, link);
        stretch_free(stretch);
        turns_settle(turns);
}

// Under load the next stretch may be heard while one before it is not text yet: what was said
// later waits.
static void tail_take(struct turns *turns, const struct update *update) {
        struct turns_stretch *stretch = STAILQ_FIRST(&turns->stretches);

        while (stretch && stretch->end == 0)
                stretch = STAILQ_NEXT(stretch, link);
        if (!stretch || update->tail->begin >= stretch->end || stretch->turn->is_dropped)
                return;
        stable_tell(turns, stretch, update->tail->text, update->stable_bytes);
        if (turns->ops->on_tail)
                turns->ops->on_tail(turns->context, stretch->turn, update);
}

void turns_hear_update(struct turns *turns, const struct update *update) {
        struct turns_stretch *stretch = STAILQ_FIRST(&turns->stretches), *next;

        if (update->closed_at > 0) {
                // Stretches before it were forgotten.
                for (; stretch && stretch->end < update->closed_at; stretch = next) {
                        next = STAILQ_NEXT(stretch, link);
                        if (stretch->turn)
                                stretch->turn->n_pending--;
                        STAILQ_REMOVE_HEAD(&turns->stretches, link);
                        stretch_free(stretch);
                }
                if (stretch)
                        finals_take(turns, stretch, update);
        }
        if (update->tail && update->tail->text[0])
                tail_take(turns, update);
}
