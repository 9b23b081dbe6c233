#include "journal/query.h"

#include <stdlib.h>

#include "util/mem.h"
#include "util/word_list.h"

struct query query_copy(const struct query *query) {
        struct query copy = *query;

        copy.streams = word_list_copy(query->streams);
        copy.readable = word_list_copy(query->readable);
        copy.languages = word_list_copy(query->languages);
        copy.words = xstrdup(query->words);
        return copy;
}

void query_deinit(struct query *query) {
        word_list_free(query->streams);
        word_list_free(query->readable);
        word_list_free(query->languages);
        free(query->words);
        *query = (struct query){0};
}

void query_page_deinit(struct query_page *page) {
        for (size_t i = 0; i < page->n; i++) {
                row_deinit(&page->rows[i]);
                if (page->marked)
                        free(page->marked[i]);
        }
        free(page->rows);
        free(page->marked);
        *page = (struct query_page){0};
}
