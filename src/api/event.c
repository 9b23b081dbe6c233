#include "api/event.h"

#include <stdlib.h>
#include <string.h>

#include "journal/row_json.h"
#include "util/mem.h"

const char *const event_kind_names[EVENT_KINDS + 1] = {
        [ROW_SEGMENT] = "segment",     [ROW_ALERT] = "alert",   [ROW_STATUS] = "status",
        [ROW_FORGOTTEN] = "forgotten", [EVENT_TAIL] = "tail",   [EVENT_LEVEL] = "level",
        [EVENT_DURABLE] = "durable",   [EVENT_BEGIN] = "begin", [EVENT_END] = "end",
};

static struct event *event_new(unsigned kind, struct row_cursor cursor, const char *json,
                               struct budget *budget) {
        CLEANUP(mem_freep) char *head = NULL;
        char id[ROW_CURSOR_MAX] = "";
        size_t n_json = strlen(json), n_head, n;
        struct event *event;

        if (cursor.epoch)
                row_cursor_format(cursor, id);
        head = xasprintf("event: %s\n%s%s%sdata: ", event_kind_names[kind], id[0] ? "id: " : "",
                         id, id[0] ? "\n" : "");
        n_head = strlen(head);
        n = n_head + n_json + 2;
        event = xcalloc(1, sizeof(*event) + n + 1);
        event->n_holders = 1;
        event->kind = kind;
        event->cursor = cursor;
        event->budget = budget;
        event->n = n;
        event->n_json = n_json;
        event->json = event->text + n_head;
        memcpy(event->text, head, n_head);
        memcpy(event->text + n_head, json, n_json);
        memcpy(event->text + n_head + n_json, "\n\n", 2);
        budget_charge_always(budget, BUDGET_SENDING, n);
        return event;
}

struct event *event_of_row(const struct row *row, struct budget *budget) {
        CLEANUP(mem_freep) char *json = row_json(row, NULL);
        struct event *event = event_new(row->kind, row->cursor, json, budget);

        memcpy(event->id, row->id, sizeof(event->id));
        return event;
}

struct event *event_of_durable(const struct row *row, struct budget *budget) {
        CLEANUP(mem_freep) char *json = row_json_durable(row);

        return event_new(EVENT_DURABLE, row->cursor, json, budget);
}

struct event *event_of_json(enum event_kind kind, struct row_cursor cursor, const char *json,
                            struct budget *budget) {
        return event_new(kind, cursor, json, budget);
}

struct event *event_hold(struct event *event) {
        event->n_holders++;
        return event;
}

struct event *event_release(struct event *event) {
        if (!event || --event->n_holders)
                return NULL;
        budget_refund(event->budget, BUDGET_SENDING, event->n);
        return mem_free(event);
}
