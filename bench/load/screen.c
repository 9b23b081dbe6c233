#include "load/screen.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "load/alignment.h"
#include "util/array.h"
#include "util/mem.h"

// How far beyond a tail's length its counterpart in the final text may reach: a tail has seldom
// less than half of the words that come of it.
#define REACH_FACTOR 2
#define REACH_WORDS  20

struct screen *screen_new(struct vocabulary *vocabulary) {
        struct screen *screen = xnew(struct screen);

        screen->vocabulary = vocabulary;
        screen->text = xstrdup("");
        screen->tail = xstrdup("");
        return screen;
}

struct screen *screen_free(struct screen *screen) {
        if (!screen)
                return NULL;
        free(screen->text);
        free(screen->tail);
        free(screen->final_at);
        free(screen->updates);
        words_deinit(&screen->finals);
        words_deinit(&screen->tails);
        return mem_free(screen);
}

static void final_append(struct screen *screen, nsec_t at, const char *text) {
        size_t n = strlen(text), base = screen->n_text + 1;

        screen->text = xrealloc_array(screen->text, base + n + 1, 1);
        screen->text[screen->n_text] = ' ';
        memcpy(screen->text + base, text, n + 1);
        screen->n_text = base + n;
        vocabulary_split(screen->vocabulary, text, base, &screen->finals);
        screen->final_at =
                xrealloc_array(screen->final_at, screen->finals.n + 1, sizeof(nsec_t));
        while (screen->n_final_at < screen->finals.n)
                screen->final_at[screen->n_final_at++] = at;
}

void screen_show(struct screen *screen, nsec_t at, const char *final_text, const char *tail) {
        struct screen_update *update;

        if (!final_text[0] && strcmp(screen->tail, tail) == 0)
                return;
        screen->changed = at;
        if (final_text[0])
                final_append(screen, at, final_text);
        free(screen->tail);
        screen->tail = xstrdup(tail);
        screen->updates = array_grow(screen->updates, screen->n_updates, &screen->capacity,
                                     sizeof(*screen->updates));
        update = &screen->updates[screen->n_updates++];
        update->at = at;
        update->n_finals = screen->finals.n;
        update->tail_begin = screen->tails.n;
        vocabulary_split(screen->vocabulary, tail, 0, &screen->tails);
        update->n_tail = screen->tails.n - update->tail_begin;
}

void screen_finish(struct screen *screen) {
        final_append(screen, SCREEN_NEVER, screen->tail);
        free(screen->tail);
        screen->tail = xstrdup("");
}

// Go back by one update: words that stand in its tail have been there since then, the others
// came (or came back) later.
static void update_step_back(const struct screen *screen, const struct screen_update *update,
                             bool *is_fixed, nsec_t *since) {
        size_t n = screen->finals.n - update->n_finals;
        size_t reach = REACH_FACTOR * update->n_tail + REACH_WORDS;
        const struct word *finals = screen->finals.items + update->n_finals;
        const struct word *tail = screen->tails.items + update->tail_begin;
        size_t *counterparts;

        if (n > reach)
                n = reach;
        counterparts = xcalloc(n + 1, sizeof(*counterparts));
        alignment_compute(finals, n, tail, update->n_tail, ALIGNMENT_PREFIX, counterparts);
        for (size_t i = 0; i < n; i++) {
                size_t word = update->n_finals + i;

                if (is_fixed[word])
                        continue;
                if (counterparts[i] != ALIGNMENT_NONE &&
                    tail[counterparts[i]].id == finals[i].id)
                        since[word] = update->at;
                else
                        is_fixed[word] = true;
        }
        for (size_t word = update->n_finals + n; word < screen->finals.n; word++)
                is_fixed[word] = true;
        free(counterparts);
}

void screen_since(const struct screen *screen, nsec_t *ret) {
        bool *is_fixed = xcalloc(screen->finals.n + 1, sizeof(*is_fixed));

        for (size_t i = 0; i < screen->finals.n; i++) {
                ret[i] = screen->final_at[i];
                if (ret[i] == SCREEN_NEVER)  // it stands in the last update's tail
                        ret[i] = screen->updates[screen->n_updates - 1].at;
        }
        for (size_t i = screen->n_updates; i > 0; i--)
                update_step_back(screen, &screen->updates[i - 1], is_fixed, ret);
        free(is_fixed);
}
