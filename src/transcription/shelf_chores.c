#include "transcription/shelf_chores.h"

#include <stdlib.h>

#include "util/mem.h"

// --- removing --------------------------------------------------------------------------------

struct removal {
        char *folder, *id;
};

static void removal_work(void *context) {
        const struct removal *removal = context;

        shelf_remove(removal->folder, removal->id);
}

static void removal_on_done(void *context, bool is_orphan) {
        struct removal *removal = context;

        (void)is_orphan;
        free(removal->folder);
        free(removal->id);
        free(removal);
}

void shelf_chore_remove(struct chores *chores, const char *folder, const char *id) {
        struct removal *removal = xnew(struct removal);

        removal->folder = xstrdup(folder);
        removal->id = xstrdup(id);
        chores_do(chores, removal_work, removal_on_done, removal);
}

// --- reading a result ------------------------------------------------------------------------

struct text_reading {
        char *folder, *id;
        enum transcript_format format;
        struct shelf_text text;
        struct error error;
        void (*on_text)(void *context, struct shelf_text *text, const struct error *error);
        void *context;
};

static void text_reading_work(void *context) {
        struct text_reading *reading = context;

        (void)shelf_read(reading->folder, reading->id, reading->format, &reading->text,
                         &reading->error);
}

static void text_reading_on_done(void *context, bool is_orphan) {
        struct text_reading *reading = context;

        (void)is_orphan;
        reading->on_text(reading->context, &reading->text,
                         reading->error.code ? &reading->error : NULL);
        free(reading->folder);
        free(reading->id);
        free(reading);
}

void shelf_chore_read(struct chores *chores, const char *folder, const char *id,
                      enum transcript_format format,
                      void (*on_text)(void *context, struct shelf_text *text,
                                      const struct error *error),
                      void *context) {
        struct text_reading *reading = xnew(struct text_reading);

        reading->folder = xstrdup(folder);
        reading->id = xstrdup(id);
        reading->format = format;
        reading->on_text = on_text;
        reading->context = context;
        chores_do(chores, text_reading_work, text_reading_on_done, reading);
}
