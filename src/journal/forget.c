#include "journal/forget.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal/archive.h"
#include "journal/archive_files.h"
#include "journal/database.h"
#include "journal/journal.h"
#include "util/log.h"
#include "util/mem.h"

struct forget {
        struct loop *loop;
        struct journal *journal;  // in use; NULL: there is no text
        struct archive *archive;  // likewise, no sound
        bool owns_journal, owns_archive;
        unsigned n_due;  // answers
        uint64_t n_rows;
        char *trouble;  // NULL: none
        void (*on_done)(void *context, uint64_t n_rows, const char *trouble);
        void *context;
        bool is_posted, is_freed;
};

// --- the end ---------------------------------------------------------------------------------

static void forget_end(void *context) {
        struct forget *forget = context;

        forget->is_posted = false;
        if (forget->is_freed)
                free(forget);
        else
                forget->on_done(forget->context, forget->n_rows,
                                forget->trouble ? forget->trouble : "");
}

// One of the two is through. Who is told may close both, so it is not told within their calls.
static void forget_proceed(struct forget *forget, const char *trouble) {
        if (trouble && trouble[0]) {
                char *before = forget->trouble;

                forget->trouble =
                        before ? xasprintf("%s; %s", before, trouble) : xstrdup(trouble);
                free(before);
        }
        if (--forget->n_due > 0 || forget->is_freed)
                return;
        forget->is_posted = true;
        loop_post(forget->loop, forget_end, forget);
}

static void forget_on_text(void *context, uint64_t n_rows, const char *trouble) {
        struct forget *forget = context;

        forget->n_rows = n_rows;
        forget_proceed(forget, trouble);
}

static void forget_on_sound(void *context, const char *trouble) {
        forget_proceed(context, trouble);
}

// --- the beginning ---------------------------------------------------------------------------

static bool folder_has(const char *folder, const char *name) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, name);

        return access(path, F_OK) == 0;
}

static int journal_find(struct forget *forget, const struct forget_place *place,
                        struct error *error) {
        struct journal_config config = {.folder = place->folder};

        forget->journal = place->journal;
        if (place->journal || !folder_has(place->folder, DATABASE_FILE))
                return 0;
        forget->owns_journal = true;
        return journal_open(&forget->journal, place->loop, &config, error);
}

static int archive_find(struct forget *forget, const struct forget_place *place,
                        struct error *error) {
        struct archive_config config = {.folder = place->folder};

        forget->archive = place->archive;
        if (place->archive || !folder_has(place->folder, ARCHIVE_FOLDER))
                return 0;
        forget->owns_archive = true;
        return archive_open(&forget->archive, place->loop, &config, error);
}

int forget_begin(struct forget **ret, const struct forget_place *place,
                 const struct forget_stretch *stretch,
                 void (*on_done)(void *context, uint64_t n_rows, const char *trouble),
                 void *context, struct error *error) {
        CLEANUP(forget_freep) struct forget *forget = xnew(struct forget);
        int r;

        forget->loop = place->loop;
        forget->on_done = on_done;
        forget->context = context;
        r = journal_find(forget, place, error);
        if (r == 0)
                r = archive_find(forget, place, error);
        if (r < 0)
                return r;
        if (!forget->journal && !forget->archive)
                return error_set(error, -ENOENT, "nothing is kept in %s", place->folder);
        forget->n_due = (forget->journal ? 1 : 0) + (forget->archive ? 1 : 0);
        if (forget->archive)
                archive_forget(forget->archive, stretch->stream, stretch->since, stretch->until,
                               forget_on_sound, forget);
        if (forget->journal)
                journal_forget(forget->journal, stretch->stream, stretch->since, stretch->until,
                               forget_on_text, forget);
        *ret = TAKE(forget);
        return 0;
}

struct forget *forget_free(struct forget *forget) {
        if (!forget)
                return NULL;
        forget->is_freed = true;
        if (forget->archive)
                archive_detach(forget->archive, forget);
        if (forget->journal)
                journal_detach(forget->journal, forget);
        if (forget->owns_archive)
                archive_close(forget->archive);
        if (forget->owns_journal)
                journal_close(forget->journal);
        free(forget->trouble);
        // What was posted finds it and frees it.
        return forget->is_posted ? NULL : mem_free(forget);
}
