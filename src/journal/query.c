#include "journal/query.h"

#include <stdlib.h>

#include "util/mem.h"

// Lists of texts, with NULL at the end; NULL is none.

static char **texts_copy(char **texts) {
        size_t n = 0;
        char **copy;

        if (!texts)
                return NULL;
        while (texts[n])
                n++;
        copy = xcalloc(n + 1, sizeof(*copy));
        for (size_t i = 0; i < n; i++)
                copy[i] = xstrdup(texts[i]);
        return copy;
}

static void texts_free(char **texts) {
        for (size_t i = 0; texts && texts[i]; i++)
                free(texts[i]);
        free(texts);
}

struct query query_copy(const struct query *query) {
        struct query copy = *query;

        copy.streams = texts_copy(query->streams);
        copy.readable = texts_copy(query->readable);
        copy.languages = texts_copy(query->languages);
        copy.words = xstrdup(query->words);
        return copy;
}

void query_deinit(struct query *query) {
        texts_free(query->streams);
        texts_free(query->readable);
        texts_free(query->languages);
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
