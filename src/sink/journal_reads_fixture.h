#pragma once
// Journal fixture, reads: pages of what is in memory. Part of journal_fixture.h.
//
// Threads: the test's.

#include "sink/journal_fixture.h"

static inline bool fixture_passes(const struct query *query, const struct row *row,
                                  int64_t after) {
        return row->cursor.row > after && (!query->kinds || query->kinds & 1U << row->kind) &&
               !(query->is_without_sessions && row->session) &&
               (!query->since || row->end >= query->since);
}

static inline struct query_page fixture_page(struct journal *journal,
                                             const struct query *query) {
        struct query_page page = {.next = query->after, .is_end = true};
        int64_t after = query->after.epoch == journal->epoch ? query->after.row : 0;

        if (journal->error) {
                snprintf(page.error, sizeof(page.error), "%s", journal->error);
                return page;
        }
        page.is_other_epoch = query->after.epoch && query->after.epoch != journal->epoch;
        page.rows = xcalloc(query->limit, sizeof(*page.rows));
        for (size_t i = 0; i < journal->n_rows; i++) {
                struct row *copy;

                if (!fixture_passes(query, journal->rows[i], after))
                        continue;
                if (page.n == query->limit) {
                        page.is_end = false;
                        break;
                }
                copy = row_copy(journal->rows[i]);
                page.rows[page.n++] = *copy;
                page.next = copy->cursor;
                free(copy);
        }
        return page;
}

static inline void fixture_on_read(void *context) {
        struct fixture_read *read = context;

        if (read->journal) {
                struct query_page page = fixture_page(read->journal, &read->query);
                struct fixture_read **link = &read->journal->reads;

                while (*link != read)
                        link = &(*link)->next;
                *link = read->next;
                read->journal->n_reads++;
                if (read->context)
                        read->on_page(read->context, &page);
                else
                        query_page_deinit(&page);
        }
        query_deinit(&read->query);
        free(read);
}

void journal_read(struct journal *journal, const struct query *query,
                  void (*on_page)(void *context, struct query_page *page), void *context) {
        struct fixture_read *read = xnew(struct fixture_read);

        *read = (struct fixture_read){journal, query_copy(query), on_page, context,
                                      journal->reads};
        journal->reads = read;
        loop_post(journal->loop, fixture_on_read, read);
}

void journal_detach(struct journal *journal, const void *context) {
        for (struct fixture_read *read = journal->reads; read; read = read->next)
                if (read->context == context)
                        read->context = NULL;
}
