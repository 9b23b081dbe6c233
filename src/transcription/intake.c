#include "transcription/intake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transcription/shelf.h"
#include "util/mem.h"

enum intake_step { STEP_BEGIN, STEP_APPEND, STEP_ACCEPT, STEP_REMOVE };

struct intake {
        struct chores *chores;
        struct budget *budget;
        struct intake_listener listener;

        // The thread's while a step is under way.
        enum intake_step step;
        char *folder, *id, *record;
        int descriptor;
        uint8_t *writing;
        size_t n_writing;
        struct error mistake;

        struct error error;  // the first mistake, as the loop knows it
        uint8_t *gathered;
        size_t n_gathered;
        bool is_begun;  // there is something to be removed
        bool is_busy;   // a step is under way
        bool is_choked;
        bool is_ending;
        bool is_accepted;
        bool is_told;
        bool is_closed;
};

static void intake_free(struct intake *intake) {
        if (intake->descriptor >= 0)
                close(intake->descriptor);
        free(intake->folder);
        free(intake->id);
        free(intake->record);
        free(intake->writing);
        free(intake->gathered);
        free(intake);
}

static void intake_work(void *context) {
        struct intake *intake = context;

        switch (intake->step) {
        case STEP_BEGIN:
                (void)shelf_begin(&intake->descriptor, intake->folder, intake->id,
                                  &intake->mistake);
                break;
        case STEP_APPEND:
                (void)shelf_append(intake->descriptor, intake->writing, intake->n_writing,
                                   &intake->mistake);
                break;
        case STEP_ACCEPT:
                (void)shelf_accept(intake->folder, intake->id, intake->descriptor,
                                   intake->record, &intake->mistake);
                break;
        case STEP_REMOVE:
                shelf_remove(intake->folder, intake->id);
                break;
        }
}

static void intake_advance(struct intake *intake);

static void intake_on_done(void *context, bool is_orphan) {
        struct intake *intake = context;

        intake->is_busy = false;
        if (is_orphan || intake->step == STEP_REMOVE) {
                intake_free(intake);
                return;
        }
        intake->error = intake->mistake;
        if (intake->step == STEP_BEGIN)
                intake->is_begun = true;
        if (intake->step == STEP_ACCEPT)
                intake->is_accepted = intake->error.code == 0;
        intake_advance(intake);
}

static void step_begin(struct intake *intake, enum intake_step step) {
        intake->step = step;
        intake->is_busy = true;
        chores_do(intake->chores, intake_work, intake_on_done, intake);
}

static void append_begin(struct intake *intake) {
        uint8_t *written = intake->writing;

        intake->writing = intake->gathered;
        intake->n_writing = intake->n_gathered;
        intake->gathered = written;
        intake->n_gathered = 0;
        step_begin(intake, STEP_APPEND);
        if (!intake->is_choked)
                return;
        intake->is_choked = false;
        intake->listener.on_room(intake->listener.context);
}

static void end_tell(struct intake *intake) {
        if (intake->is_told)
                return;
        intake->is_told = true;
        intake->listener.on_end(intake->listener.context,
                                intake->error.code ? &intake->error : NULL);
}

// The next step, when none is under way.
static void intake_advance(struct intake *intake) {
        if (intake->is_closed &&
            ((intake->is_accepted && intake->is_told) || !intake->is_begun))
                intake_free(intake);
        else if (intake->is_closed)
                step_begin(intake, STEP_REMOVE);
        else if (intake->error.code || intake->is_accepted)
                end_tell(intake);
        else if (intake->n_gathered > 0)
                append_begin(intake);
        else if (intake->is_ending)
                step_begin(intake, STEP_ACCEPT);
}

bool intake_write(struct intake *intake, const uint8_t *bytes, size_t n) {
        assert(n <= INTAKE_BYTES - intake->n_gathered && !intake->is_ending);
        if (intake->error.code)
                return true;
        memcpy(intake->gathered + intake->n_gathered, bytes, n);
        intake->n_gathered += n;
        intake->is_choked = intake->n_gathered > INTAKE_BYTES / 2;
        if (intake->is_busy)
                return !intake->is_choked;
        intake->is_choked = false;
        intake_advance(intake);
        return true;
}

void intake_end(struct intake *intake, char *record) {
        intake->is_ending = true;
        intake->record = record;
        if (!intake->is_busy)
                intake_advance(intake);
}

struct intake *intake_new(struct chores *chores, const char *folder, const char *id,
                          struct budget *budget, const struct intake_listener *listener) {
        struct intake *intake;

        if (!budget_charge(budget, BUDGET_UPLOADS, 2 * INTAKE_BYTES))
                return NULL;
        intake = xnew(struct intake);
        intake->chores = chores;
        intake->budget = budget;
        intake->listener = *listener;
        intake->folder = xstrdup(folder);
        intake->id = xstrdup(id);
        intake->descriptor = -1;
        intake->writing = xcalloc(INTAKE_BYTES, 1);
        intake->gathered = xcalloc(INTAKE_BYTES, 1);
        step_begin(intake, STEP_BEGIN);
        return intake;
}

// What it has is refunded now, though a step may still have it for a moment: the budget may not
// outlive that.
struct intake *intake_close(struct intake *intake) {
        if (!intake)
                return NULL;
        intake->is_closed = true;
        budget_refund(intake->budget, BUDGET_UPLOADS, 2 * INTAKE_BYTES);
        if (!intake->is_busy)
                intake_advance(intake);
        return NULL;
}
