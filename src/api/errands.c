#include "api/errands.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "journal/journal.h"
#include "util/mem.h"

struct errand {
        struct errands *errands;
        struct lane *lane;
        void *context;  // NULL: nobody wants to know
        // Of rows:
        struct journal *journal;
        struct query query;
        void (*on_page)(void *context, struct query_page *page);
        // Of sound:
        struct archive *archive;
        struct archive_query stretch;
        char *stream;
        size_t n_most;
        void (*on_sound)(void *context, struct archive_sound *sound, const char *trouble);
        TAILQ_ENTRY(errand) link;
};

// The first is under way, the others wait.
struct lane {
        TAILQ_HEAD(, errand) errands;
};

struct errands {
        struct lane rows, sound;
        size_t sound_bytes;
};

static void errand_free(struct errand *errand) {
        errand->errands->sound_bytes -= errand->n_most;
        query_deinit(&errand->query);
        free(errand->stream);
        free(errand);
}

static void errand_on_page(void *context, struct query_page *page);
static void errand_on_sound(void *context, struct archive_sound *sound, const char *trouble);

// The lane's first begins.
static void lane_go(struct lane *lane) {
        struct errand *errand = TAILQ_FIRST(&lane->errands);

        if (errand && errand->journal)
                journal_read(errand->journal, &errand->query, errand_on_page, errand);
        else if (errand)
                archive_read(errand->archive, &errand->stretch, errand_on_sound, errand);
}

// The first is back: the next goes before its asker hears, who may ask again.
static void errand_leave(struct errand *errand) {
        TAILQ_REMOVE(&errand->lane->errands, errand, link);
        lane_go(errand->lane);
}

static void errand_on_page(void *context, struct query_page *page) {
        struct errand *errand = context;

        errand_leave(errand);
        if (errand->context)
                errand->on_page(errand->context, page);
        else
                query_page_deinit(page);
        errand_free(errand);
}

static void errand_on_sound(void *context, struct archive_sound *sound, const char *trouble) {
        struct errand *errand = context;

        errand_leave(errand);
        if (errand->context) {
                errand->errands->sound_bytes += sound->n;
                errand->on_sound(errand->context, sound, trouble);
        } else {
                free(sound->bytes);
        }
        errand_free(errand);
}

static struct errand *errand_new(struct errands *errands, struct lane *lane, void *context) {
        struct errand *errand = xnew(struct errand);

        errand->errands = errands;
        errand->lane = lane;
        errand->context = context;
        return errand;
}

static void errand_join(struct errand *errand) {
        TAILQ_INSERT_TAIL(&errand->lane->errands, errand, link);
        if (TAILQ_FIRST(&errand->lane->errands) == errand)
                lane_go(errand->lane);
}

void errands_read(struct errands *errands, struct journal *journal, const struct query *query,
                  void (*on_page)(void *context, struct query_page *page), void *context) {
        struct errand *errand = errand_new(errands, &errands->rows, context);

        errand->journal = journal;
        errand->query = query_copy(query);
        errand->on_page = on_page;
        errand_join(errand);
}

bool errands_hear(struct errands *errands, struct archive *archive,
                  const struct archive_query *query, size_t n_most,
                  void (*on_sound)(void *context, struct archive_sound *sound,
                                   const char *trouble),
                  void *context) {
        struct errand *errand;

        if (n_most > ERRANDS_SOUND_MAX - errands->sound_bytes)
                return false;
        errand = errand_new(errands, &errands->sound, context);
        errand->archive = archive;
        errand->stream = xstrdup(query->stream);
        errand->stretch = *query;
        errand->stretch.stream = errand->stream;
        errand->n_most = n_most;
        errands->sound_bytes += n_most;
        errand->on_sound = on_sound;
        errand_join(errand);
        return true;
}

void errands_give_back(struct errands *errands, size_t n) {
        errands->sound_bytes -= n;
}

// One that is under way comes back, for nobody.
static void lane_drop(struct lane *lane, const void *context) {
        struct errand *first = TAILQ_FIRST(&lane->errands), *errand = first, *next;

        for (; errand; errand = next) {
                next = TAILQ_NEXT(errand, link);
                if (errand->context != context)
                        continue;
                errand->context = NULL;
                if (errand == first)
                        continue;
                TAILQ_REMOVE(&lane->errands, errand, link);
                errand_free(errand);
        }
}

void errands_drop(struct errands *errands, const void *context) {
        lane_drop(&errands->rows, context);
        lane_drop(&errands->sound, context);
}

// --- life ------------------------------------------------------------------------------------

struct errands *errands_new(void) {
        struct errands *errands = xnew(struct errands);

        TAILQ_INIT(&errands->rows.errands);
        TAILQ_INIT(&errands->sound.errands);
        return errands;
}

static void lane_end(struct lane *lane) {
        struct errand *errand = TAILQ_FIRST(&lane->errands), *next;

        for (; errand; errand = next) {
                next = TAILQ_NEXT(errand, link);
                if (errand->journal)
                        journal_detach(errand->journal, errand);
                else
                        archive_detach(errand->archive, errand);
                errand_free(errand);
        }
}

struct errands *errands_free(struct errands *errands) {
        if (!errands)
                return NULL;
        lane_end(&errands->rows);
        lane_end(&errands->sound);
        return mem_free(errands);
}
