#include "api/trial_hearing.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "api/reply.h"
#include "util/mem.h"

struct trial_hearing {
        struct loop *loop;
        struct alerts *alerts;
        struct row_ids ids;
        struct row *fired[TRIAL_FIRED_MAX];
        size_t n_fired;
        bool is_more;
        uint64_t n_segments;
        // The thread has all of the above while it works on this.
        struct query_page page;
        uv_work_t work;
        bool is_busy, is_left;
        void (*on_done)(void *context);
        void *context;
};

// --- on a thread -----------------------------------------------------------------------------

static void trial_hearing_on_alert(void *context, struct row *row,
                                   uint8_t ret_id[ROW_ID_BYTES]) {
        struct trial_hearing *hearing = context;

        row_id_make(&hearing->ids, row->start, ret_id);
        if (hearing->n_fired == TRIAL_FIRED_MAX) {
                hearing->is_more = true;
                row_free(row);
        } else {
                hearing->fired[hearing->n_fired++] = row;
        }
}

static void trial_hearing_work(uv_work_t *work) {
        struct trial_hearing *hearing = work->data;

        for (size_t i = 0; i < hearing->page.n && !hearing->is_more; i++) {
                alerts_on_segment(hearing->alerts, &hearing->page.rows[i]);
                hearing->n_segments++;
        }
}

// --- on the loop -----------------------------------------------------------------------------

static void trial_hearing_free(struct trial_hearing *hearing) {
        alerts_free(hearing->alerts);
        for (size_t i = 0; i < hearing->n_fired; i++)
                row_free(hearing->fired[i]);
        query_page_deinit(&hearing->page);
        free(hearing);
}

static void trial_hearing_on_done(uv_work_t *work, int status) {
        struct trial_hearing *hearing = work->data;

        (void)status;
        hearing->is_busy = false;
        query_page_deinit(&hearing->page);
        if (hearing->is_left)
                trial_hearing_free(hearing);
        else
                hearing->on_done(hearing->context);
}

void trial_hearing_hear(struct trial_hearing *hearing, struct query_page *page,
                        void (*on_done)(void *context), void *context) {
        hearing->page = *page;
        *page = (struct query_page){0};
        hearing->on_done = on_done;
        hearing->context = context;
        hearing->is_busy = true;
        hearing->work.data = hearing;
        // It fails for who gives it no function.
        (void)uv_queue_work(loop_uv(hearing->loop), &hearing->work, trial_hearing_work,
                            trial_hearing_on_done);
}

bool trial_hearing_is_full(const struct trial_hearing *hearing) {
        return hearing->is_more;
}

// --- what came of it -------------------------------------------------------------------------

static bool id_is_set(const uint8_t id[ROW_ID_BYTES]) {
        static const uint8_t none[ROW_ID_BYTES];

        return memcmp(id, none, sizeof(none)) != 0;
}

// A text that is tried is of no time and no stream.
static json_t *fired_json(const struct row *row) {
        json_t *json = json_object();
        char id[ROW_ID_TEXT_MAX];

        if (id_is_set(row->segment)) {
                json_object_set_new(json, "time", reply_time(row->start * NSEC_PER_MSEC));
                json_object_set_new(json, "stream", reply_string(row->stream));
        }
        json_object_set_new(json, "text", reply_string(row->text));
        json_object_set_new(json, "found", reply_string(row->found));
        if (id_is_set(row->segment)) {
                row_id_format(row->segment, id);
                json_object_set_new(json, "segment", json_string(id));
        }
        return json;
}

json_t *trial_hearing_json(const struct trial_hearing *hearing) {
        json_t *list = json_array();

        for (size_t i = 0; i < hearing->n_fired; i++)
                json_array_append_new(list, fired_json(hearing->fired[i]));
        return json_pack("{s:o, s:b, s:I, s:I}", "fired", list, "is_more", hearing->is_more,
                         "segments", (json_int_t)hearing->n_segments, "patterns_limited",
                         (json_int_t)alerts_limited(hearing->alerts));
}

// --- life ------------------------------------------------------------------------------------

struct trial_hearing *trial_hearing_new(struct loop *loop, const struct alert_config *alert) {
        struct trial_hearing *hearing = xnew(struct trial_hearing);

        hearing->loop = loop;
        if (alerts_new(&hearing->alerts, alert, 1, trial_hearing_on_alert, hearing, NULL) < 0)
                abort();
        return hearing;
}

struct trial_hearing *trial_hearing_leave(struct trial_hearing *hearing) {
        if (!hearing)
                return NULL;
        hearing->is_left = true;
        if (!hearing->is_busy)
                trial_hearing_free(hearing);
        return NULL;
}
