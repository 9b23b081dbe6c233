// journal_writing TEXT-FILE FOLDER: how fast the journal in that folder (a new one) takes
// segments, each of which is on disk before it is shown. The file has the text of a segment on
// each line. First one after the other: how long does one take? Then with some on their way at
// any time: how many are there in a second, in how many commits? Last with old ones being
// removed meanwhile.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/journal.h"
#include "util/array.h"
#include "util/mem.h"

#define SECONDS   10
#define TIMES_MAX 1000000

struct run {
        struct loop *loop;
        struct journal *journal;
        char **texts;
        size_t n_texts, next;
        int64_t start;    // Unix ms of the next segment
        nsec_t *times;    // of those shown
        nsec_t *sent_at;  // of those on their way, in their order: a ring
        size_t n_sent, n_shown, n_at_once;
        size_t word_bytes;
        nsec_t until;
};

static char **texts_read(const char *path, size_t *ret_n) {
        FILE *file = fopen(path, "r");
        char **texts = NULL, *line = NULL;
        size_t capacity = 0, size = 0;

        *ret_n = 0;
        if (!file) {
                fprintf(stderr, "journal_writing: %s: %m\n", path);
                _exit(1);
        }
        while (getline(&line, &size, file) > 0) {
                line[strcspn(line, "\n")] = '\0';
                texts = array_grow(texts, *ret_n, &capacity, sizeof(*texts));
                texts[(*ret_n)++] = xstrdup(line);
        }
        free(line);
        fclose(file);
        return texts;
}

// Every word a third of a second, as people speak.
static void words_make(struct row *row) {
        size_t capacity = 0;

        for (const char *at = row->text; *at;) {
                size_t n = 1 + strcspn(at + 1, " ");
                struct row_word *word;

                row->words =
                        array_grow(row->words, row->n_words, &capacity, sizeof(*row->words));
                word = &row->words[row->n_words];
                word->text = xcalloc(n + 1, 1);
                memcpy(word->text, at, n);
                word->begin = row->position + 5333 * (int64_t)row->n_words;
                word->end = word->begin + 4480;
                word->probability = 0.9F;
                row->n_words++;
                at += n;
        }
        row->n_samples = 5333 * (int64_t)row->n_words;
}

static struct row *segment_make(struct run *run) {
        struct row *row = xnew(struct row);

        row->kind = ROW_SEGMENT;
        row->stream = xasprintf("camera-%zu", run->next % 20);
        row->generation = 1;
        row->start = run->start;
        row->position = 16 * (run->start % 1000000000);
        row->language = xstrdup("en");
        row->model = xstrdup("large-v3-turbo");
        row->text = xstrdup(run->texts[run->next++ % run->n_texts]);
        row->confidence = 0.9F;
        words_make(row);
        row->end = row->start + row->n_samples / 16;
        run->start += 500;
        return row;
}

static void segment_send(struct run *run);

static void on_shown(void *context, const struct row *row) {
        struct run *run = context;
        nsec_t now = loop_now(run->loop);

        if (!row->is_durable) {
                fprintf(stderr, "journal_writing: a segment was not on disk within a second\n");
                _exit(1);
        }
        run->times[run->n_shown] = now - run->sent_at[run->n_shown % TIMES_MAX];
        run->n_shown++;
        if (now < run->until && run->n_sent < TIMES_MAX)
                segment_send(run);
        else if (run->n_shown == run->n_sent)
                loop_stop(run->loop);
}

static void segment_send(struct run *run) {
        run->sent_at[run->n_sent++ % TIMES_MAX] = loop_now(run->loop);
        journal_append(run->journal, segment_make(run), on_shown, run);
}

static int time_compare(const void *a, const void *b) {
        nsec_t x = *(const nsec_t *)a, y = *(const nsec_t *)b;

        return (x > y) - (x < y);
}

static void run_report(struct run *run, const char *what) {
        struct journal_state state;
        size_t n = run->n_shown, median = n / 2, late = n * 95 / 100;

        qsort(run->times, n, sizeof(*run->times), time_compare);
        journal_state(run->journal, &state);
        printf("%-22s %8.0f segments/s, %7.0f commits/s, p50 %6.2f ms, p95 %6.2f ms, most "
               "%6.2f ms\n",
               what, (double)n / (double)SECONDS, (double)state.n_commits / (double)SECONDS,
               (double)run->times[median] / 1e6, (double)run->times[late] / 1e6,
               (double)run->times[n - 1] / 1e6);
}

static void run_go(struct run *run, const struct journal_config *config, const char *what) {
        struct error error = {0};
        struct journal_state state;

        run->n_sent = run->n_shown = 0;
        if (journal_open(&run->journal, run->loop, config, &error) != 0) {
                fprintf(stderr, "journal_writing: %s\n", error.text);
                _exit(1);
        }
        run->until = loop_now(run->loop) + SECONDS * NSEC_PER_SEC;
        for (size_t i = 0; i < run->n_at_once; i++)
                segment_send(run);
        loop_run(run->loop);
        run_report(run, what);
        journal_state(run->journal, &state);
        if (state.n_removed)
                printf("%-22s %8.0f removed/s\n", "", (double)state.n_removed / SECONDS);
        journal_close(run->journal);
}

static void bytes_report(struct run *run, const struct journal_config *config) {
        struct journal_state state;

        if (journal_open(&run->journal, run->loop, config, NULL) != 0)
                _exit(1);
        journal_append(run->journal, segment_make(run), NULL, NULL);
        run->journal = journal_close(run->journal);
        if (journal_open(&run->journal, run->loop, config, NULL) != 0)
                _exit(1);
        run->n_sent = run->n_shown = 0;
        run->until = 0;
        segment_send(run);
        loop_run(run->loop);
        journal_state(run->journal, &state);
        printf("%.0f bytes of database for each of %lld segments\n",
               (double)state.file_bytes / (double)journal_end(run->journal).row,
               (long long)journal_end(run->journal).row);
        journal_close(run->journal);
}

int main(int argc, char **argv) {
        struct run run = {.start = 1764500000000};
        struct journal_config config = {0};

        if (argc != 3) {
                fprintf(stderr, "usage: journal_writing TEXT-FILE FOLDER\n");
                return 1;
        }
        config.folder = argv[2];
        run.texts = texts_read(argv[1], &run.n_texts);
        run.loop = loop_new();
        run.times = xcalloc(TIMES_MAX, sizeof(*run.times));
        run.sent_at = xcalloc(TIMES_MAX, sizeof(*run.sent_at));
        run.start = loop_wall(run.loop) / NSEC_PER_MSEC - (int64_t)1e11;
        run.n_at_once = 1;
        run_go(&run, &config, "one after the other");
        run.n_at_once = 20;
        run_go(&run, &config, "20 on their way");
        run.n_at_once = 1000;
        run_go(&run, &config, "1000 on their way");
        bytes_report(&run, &config);
        // All that there is becomes too old.
        run.start = loop_wall(run.loop) / NSEC_PER_MSEC + (int64_t)1e12;
        config.keep_age = 1e-3;
        run.n_at_once = 1;
        run_go(&run, &config, "while old ones go");
        for (size_t i = 0; i < run.n_texts; i++)
                free(run.texts[i]);
        free(run.texts);
        free(run.times);
        free(run.sent_at);
        loop_free(run.loop);
        return 0;
}
