#include "load/levels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "load/dialer.h"
#include "load/monitor.h"
#include "util/mem.h"

#define INTERVAL (NSEC_PER_SEC / 2)

struct levels {
        struct loop *loop;
        char *url;
        struct dialer *dialer;
        struct loop_timer *timer;
        nsec_t first, last;  // samples
        size_t n_room;       // for changes
        struct level_figures figures;
};

// --- samples -------------------------------------------------------------------------------

// The level's number, a new one where it was not heard of before; LEVELS_MAX: there are too
// many, or its name is too long.
static size_t level_find(struct level_figures *figures, const char *name, size_t n) {
        size_t i = 0;

        while (i < figures->n &&
               (strncmp(figures->names[i], name, n) != 0 || figures->names[i][n] != '\0'))
                i++;
        if (i < figures->n)
                return i;
        if (i == LEVELS_MAX || n >= LEVEL_NAME_MAX)
                return LEVELS_MAX;
        memcpy(figures->names[i], name, n);
        figures->n++;
        return i;
}

// Which level the page says is the present one; LEVELS_MAX: it says none.
static size_t level_read(struct level_figures *figures, const char *page) {
        static const char family[] = "eavesdrop_load_level{level=\"";
        size_t present = LEVELS_MAX;

        for (const char *line = page; line; line = strchr(line, '\n')) {
                size_t n, level;

                line += line != page;
                if (strncmp(line, family, sizeof(family) - 1) != 0)
                        continue;
                line += sizeof(family) - 1;
                n = strcspn(line, "\"\n");
                if (strncmp(line + n, "\"} ", 3) != 0)
                        continue;
                level = level_find(figures, line, n);
                if (strtod(line + n + 3, NULL) == 1)
                        present = level;
        }
        return present;
}

static void change_add(struct levels *levels, double at, size_t level) {
        struct level_figures *figures = &levels->figures;

        if (figures->n_changes == levels->n_room) {
                struct level_change *grown;

                levels->n_room = levels->n_room > 0 ? 2 * levels->n_room : 16;
                grown = xcalloc(levels->n_room, sizeof(*grown));
                if (figures->n_changes > 0)
                        memcpy(grown, figures->changes, figures->n_changes * sizeof(*grown));
                free(figures->changes);
                figures->changes = grown;
        }
        figures->changes[figures->n_changes++] = (struct level_change){at, level};
}

void levels_take(struct levels *levels, nsec_t now, const char *page) {
        struct level_figures *figures = &levels->figures;
        size_t level = level_read(figures, page), last;

        if (level == LEVELS_MAX)
                return;
        if (figures->n_changes == 0) {
                levels->first = levels->last = now;
                change_add(levels, 0, level);
                return;
        }
        last = figures->changes[figures->n_changes - 1].level;
        figures->seconds[last] += (double)(now - levels->last) / NSEC_PER_SEC;
        levels->last = now;
        if (level != last)
                change_add(levels, (double)(now - levels->first) / NSEC_PER_SEC, level);
}

struct level_figures levels_figures(const struct levels *levels) {
        struct level_figures figures = levels->figures;

        figures.changes = NULL;
        if (figures.n_changes > 0) {
                figures.changes = xcalloc(figures.n_changes, sizeof(*figures.changes));
                memcpy(figures.changes, levels->figures.changes,
                       figures.n_changes * sizeof(*figures.changes));
        }
        return figures;
}

// --- asking --------------------------------------------------------------------------------

static void levels_on_answer(void *context, int status, const char *body, size_t n) {
        struct levels *levels = context;

        (void)n;
        if (status == 200)
                levels_take(levels, loop_now(levels->loop), body);
        levels->dialer = dialer_close(levels->dialer);
}

static void levels_on_failure(void *context, const struct error *error) {
        struct levels *levels = context;

        (void)error;  // it may have none, or be too busy
        levels->dialer = dialer_close(levels->dialer);
}

static void levels_on_timer(void *context) {
        struct levels *levels = context;
        struct dialer_handler handler = {
                .on_answer = levels_on_answer,
                .on_failure = levels_on_failure,
                .context = levels,
        };

        // The last question may still be open.
        if (!levels->dialer)
                (void)dialer_open(&levels->dialer, levels->loop, levels->url, &handler, NULL);
        loop_timer_set(levels->timer, INTERVAL);
}

struct levels *levels_open(struct loop *loop, const char *url) {
        struct levels *levels = xnew(struct levels);

        levels->loop = loop;
        levels->url = monitor_metrics_url(url);
        levels->timer = loop_timer_new(loop, levels_on_timer, levels);
        loop_timer_set(levels->timer, 0);
        return levels;
}

struct levels *levels_close(struct levels *levels) {
        if (!levels)
                return NULL;
        dialer_close(levels->dialer);
        loop_timer_free(levels->timer);
        free(levels->url);
        free(levels->figures.changes);
        return mem_free(levels);
}
