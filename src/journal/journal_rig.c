#include "journal/journal_rig.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/array.h"
#include "util/folder_rig.h"
#include "util/mem.h"

// --- folders ---------------------------------------------------------------------------------

char *journal_rig_folder(void) {
        const char *above = getenv("TMPDIR");
        char *folder = xasprintf("%s/eavesdrop-journal-XXXXXX", above ? above : "/tmp");

        assert_non_null(mkdtemp(folder));
        return folder;
}

void journal_rig_remove(const char *folder) {
        folder_rig_remove(folder);
}

static bool file_has(const char *path, const char *bytes) {
        FILE *file = fopen(path, "r");
        struct stat status;
        char *content;
        bool has;

        if (!file)
                return false;
        assert_int_equal(fstat(fileno(file), &status), 0);
        content = xcalloc((size_t)status.st_size + 1, 1);
        assert_int_equal(fread(content, 1, (size_t)status.st_size, file), status.st_size);
        fclose(file);
        has = memmem(content, (size_t)status.st_size, bytes, strlen(bytes)) != NULL;
        free(content);
        return has;
}

size_t journal_rig_search(const char *folder, const char *bytes) {
        DIR *entries = opendir(folder);
        size_t n = 0;

        assert_non_null(entries);
        for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
                CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, entry->d_name);

                if (entry->d_type == DT_REG && file_has(path, bytes))
                        n++;
        }
        closedir(entries);
        return n;
}

// --- rows ------------------------------------------------------------------------------------

// Words as Whisper has them: with the blank before them, but for the first.
static void words_make(struct row *row) {
        size_t capacity = 0;
        int64_t time = row->position;

        for (const char *at = row->text; *at;) {
                size_t n = 1 + strcspn(at + 1, " ");
                struct row_word *word;

                row->words =
                        array_grow(row->words, row->n_words, &capacity, sizeof(*row->words));
                word = &row->words[row->n_words++];
                *word = (struct row_word){.begin = time + 320,
                                          .end = time + 4000,
                                          .probability = 0.8F + 0.01F * (float)(n % 10)};
                word->text = xcalloc(n + 1, 1);
                memcpy(word->text, at, n);
                time = word->end;
                at += n;
        }
        row->n_samples = time - row->position;
}

struct row *journal_rig_segment(const char *stream, const char *text, int64_t start,
                                unsigned number) {
        struct row *row = xnew(struct row);

        row->kind = ROW_SEGMENT;
        row->id[0] = (uint8_t)(number != 0);
        memcpy(row->id + 12, &number, sizeof(number));
        row->stream = xstrdup(stream);
        row->generation = 1;
        row->start = start;
        row->position = 16 * (start % 100000000);
        row->language = xstrdup("en");
        row->text = xstrdup(text);
        row->model = xstrdup("large-v3-turbo");
        row->confidence = 0.875F;
        words_make(row);
        row->end = start + row->n_samples / 16;
        return row;
}

static void assert_text_equal(const char *a, const char *b) {
        assert_int_equal(a == NULL, b == NULL);
        if (a && b)
                assert_string_equal(a, b);
}

void journal_rig_assert_equal(const struct row *a, const struct row *b) {
        assert_int_equal(a->kind, b->kind);
        assert_memory_equal(a->id, b->id, sizeof(a->id));
        assert_text_equal(a->stream, b->stream);
        assert_text_equal(a->session, b->session);
        assert_text_equal(a->dialect, b->dialect);
        assert_text_equal(a->channel, b->channel);
        assert_text_equal(a->principal, b->principal);
        assert_int_equal(a->generation, b->generation);
        assert_int_equal(a->start, b->start);
        assert_int_equal(a->end, b->end);
        assert_int_equal(a->position, b->position);
        assert_int_equal(a->n_samples, b->n_samples);
        assert_text_equal(a->language, b->language);
        assert_text_equal(a->text, b->text);
        assert_text_equal(a->model, b->model);
        assert_memory_equal(&a->confidence, &b->confidence, sizeof(a->confidence));
        assert_text_equal(a->state, b->state);
        assert_text_equal(a->reason, b->reason);
        assert_text_equal(a->alert, b->alert);
        assert_text_equal(a->found, b->found);
        assert_int_equal(a->phase, b->phase);
        assert_memory_equal(a->segment, b->segment, sizeof(a->segment));
        assert_memory_equal(a->firing, b->firing, sizeof(a->firing));
        assert_int_equal(a->n_words, b->n_words);
        for (size_t i = 0; i < a->n_words; i++) {
                assert_string_equal(a->words[i].text, b->words[i].text);
                assert_int_equal(a->words[i].begin, b->words[i].begin);
                assert_int_equal(a->words[i].end, b->words[i].end);
                assert_memory_equal(&a->words[i].probability, &b->words[i].probability,
                                    sizeof(float));
        }
}
