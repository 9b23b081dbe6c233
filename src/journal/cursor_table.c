#include "journal/cursor_table.h"

#include <stdlib.h>
#include <string.h>

#include "journal/ledger.h"
#include "journal/pace.h"
#include "util/array.h"
#include "util/mem.h"

#define INTERVAL NSEC_PER_SEC

static struct ledger_cursor *item_find(const struct cursor_table *table, const char *sink) {
        for (size_t i = 0; i < table->n; i++)
                if (strcmp(table->items[i].sink, sink) == 0)
                        return &table->items[i];
        return NULL;
}

const struct row_cursor *cursor_table_find(const struct cursor_table *table, const char *sink) {
        const struct ledger_cursor *item = item_find(table, sink);

        return item ? &item->cursor : NULL;
}

bool cursor_table_set(struct cursor_table *table, const char *sink, struct row_cursor cursor) {
        struct ledger_cursor *item = item_find(table, sink);

        if (!item) {
                table->items = array_grow(table->items, table->n, &table->capacity,
                                          sizeof(*table->items));
                item = &table->items[table->n++];
                *item = (struct ledger_cursor){.sink = xstrdup(sink)};
        }
        item->cursor = cursor;
        item->is_dirty = true;
        if (table->due)
                return false;
        table->due = pace_now() + INTERVAL;
        return true;
}

void cursor_table_restart(struct cursor_table *table, uint64_t epoch) {
        for (size_t i = 0; i < table->n; i++) {
                table->items[i].cursor = (struct row_cursor){epoch, 0};
                table->items[i].is_dirty = true;
                table->due = pace_now();
        }
}

void cursor_table_settle(struct cursor_table *table, const struct ledger_cursor *written,
                         size_t n) {
        bool is_dirty = false;

        for (size_t i = 0; i < n; i++) {
                struct row_cursor now = table->items[i].cursor;

                if (now.epoch == written[i].cursor.epoch && now.row == written[i].cursor.row)
                        table->items[i].is_dirty = false;
        }
        for (size_t i = 0; i < table->n; i++)
                is_dirty |= table->items[i].is_dirty;
        table->due = is_dirty ? pace_now() + INTERVAL : 0;
}

void cursor_table_deinit(struct cursor_table *table) {
        for (size_t i = 0; i < table->n; i++)
                free(table->items[i].sink);
        free(table->items);
        *table = (struct cursor_table){0};
}
