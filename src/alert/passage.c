#include "alert/passage.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/fold.h"
#include "util/mem.h"
#include "util/utf8.h"

#define SAMPLES_PER_MSEC 16

// --- texts -----------------------------------------------------------------------------------

static size_t blanks_of(const char *text) {
        size_t n = 0;

        while (utf8_is_blank(text[n]))
                n++;
        return n;
}

// The part of the piece's text that lies in the passage.
static void piece_cut(const struct passage *passage, size_t i, size_t *ret_begin,
                      size_t *ret_end) {
        const struct passage_piece *piece = &passage->pieces[i];
        int64_t n = (int64_t)strlen(piece->row->text);
        int64_t begin = passage->begin - piece->base, end = passage->end - piece->base;

        *ret_begin = (size_t)(begin < 0 ? 0 : begin > n ? n : begin);
        *ret_end = (size_t)(end < 0 ? 0 : end > n ? n : end);
}

// Texts behind each other, with the blank that their script wants between them.
static char *texts_join(char *before, const char *text, size_t n) {
        char *joined;

        if (!before)
                return xasprintf("%.*s", (int)n, text);
        joined = xasprintf("%s%s%.*s", before,
                           fold_begins_unspaced(text) || utf8_is_blank(text[0]) ? "" : " ",
                           (int)n, text);
        free(before);
        return joined;
}

char *passage_found(const struct passage *passage) {
        char *found = NULL;

        for (size_t i = 0; i < passage->n_pieces; i++) {
                const char *text = passage->pieces[i].row->text;
                size_t begin, end;

                piece_cut(passage, i, &begin, &end);
                begin += blanks_of(text + begin);
                if (begin < end)
                        found = texts_join(found, text + begin, end - begin);
        }
        return found ? found : xstrdup("");
}

static char *passage_text(const struct passage *passage) {
        char *joined = NULL;

        for (size_t i = 0; i < passage->n_pieces; i++) {
                const char *text = passage->pieces[i].row->text;

                text += blanks_of(text);
                joined = texts_join(joined, text, strlen(text));
        }
        return joined;
}

// --- words -----------------------------------------------------------------------------------

static const char *word_bare(const struct row_word *word) {
        return word->text + blanks_of(word->text);
}

struct passage_piece passage_piece_of(const struct row *row, int64_t base) {
        struct passage_piece piece = {.row = row, .base = base};
        const char *at = row->text;

        if (row->n_words == 0)
                return piece;
        piece.words = xcalloc(row->n_words, sizeof(*piece.words));
        for (size_t i = 0; i < row->n_words; i++) {
                const char *word = word_bare(&row->words[i]);
                const char *there = strstr(at, word);

                if (!there) {
                        passage_piece_deinit(&piece);
                        break;
                }
                piece.words[i] = (size_t)(there - row->text);
                at = there + strlen(word);
        }
        return piece;
}

void passage_piece_deinit(struct passage_piece *piece) {
        free(piece->words);
        piece->words = NULL;
}

struct word_run {
        const struct row_word *first;
        size_t n;
};

// The words of a piece that lie between two bytes of its text; none when that is not known.
static struct word_run words_between(const struct passage_piece *piece, size_t begin,
                                     size_t end) {
        struct word_run run = {0};

        for (size_t i = 0; piece->words && i < piece->row->n_words; i++) {
                const struct row_word *word = &piece->row->words[i];

                if (piece->words[i] >= end)
                        break;
                if (piece->words[i] + strlen(word_bare(word)) > begin && *word_bare(word))
                        run.first = run.n++ ? run.first : word;
        }
        return run;
}

// Where a byte of a piece's text may have been said.
static int64_t position_guess(const struct row *row, size_t byte) {
        size_t n = strlen(row->text);

        return row->position +
               (n ? (int64_t)((double)row->n_samples * (double)byte / (double)n) : 0);
}

// True when it is known from words.
static bool piece_span(const struct passage *passage, size_t i, int64_t *ret_begin,
                       int64_t *ret_end) {
        const struct row *row = passage->pieces[i].row;
        struct word_run run;
        size_t begin, end;

        piece_cut(passage, i, &begin, &end);
        run = words_between(&passage->pieces[i], begin, end);
        *ret_begin = run.n ? run.first->begin : position_guess(row, begin);
        *ret_end = run.n ? run.first[run.n - 1].end : position_guess(row, end);
        return run.n > 0;
}

void passage_span(const struct passage *passage, int64_t *ret_begin, int64_t *ret_end) {
        int64_t other;

        piece_span(passage, 0, ret_begin, &other);
        piece_span(passage, passage->n_pieces - 1, &other, ret_end);
}

int64_t passage_wall(const struct passage *passage, int64_t position) {
        const struct row *row = passage->pieces[passage->n_pieces - 1].row;

        return row->start + (position - row->position) / SAMPLES_PER_MSEC;
}

// --- the row ---------------------------------------------------------------------------------

static void row_take_words(struct row *to, const struct passage *passage) {
        for (size_t i = 0; i < passage->n_pieces; i++) {
                struct word_run run;
                size_t begin, end;

                piece_cut(passage, i, &begin, &end);
                run = words_between(&passage->pieces[i], begin, end);
                if (run.n == 0)
                        continue;
                to->words = xrealloc_array(to->words, to->n_words + run.n, sizeof(*to->words));
                for (size_t k = 0; k < run.n; k++) {
                        struct row_word *word = &to->words[to->n_words++];

                        *word = run.first[k];
                        word->text = xstrdup(run.first[k].text);
                }
        }
}

static void row_place(struct row *row, const struct passage *passage) {
        const struct row *first = passage->pieces[0].row;
        const struct row *last = passage->pieces[passage->n_pieces - 1].row;
        int64_t begin, end, other;
        bool is_known = piece_span(passage, 0, &begin, &other) &&
                        piece_span(passage, passage->n_pieces - 1, &other, &end);

        if (!is_known) {
                begin = first->position;
                end = last->position + last->n_samples;
        }
        row->position = begin;
        row->n_samples = end > begin ? end - begin : 0;
        row->start = is_known ? passage_wall(passage, begin) : first->start;
        row->end = is_known ? passage_wall(passage, end) : last->end;
}

struct row *passage_row(const struct passage *passage) {
        const struct row *last = passage->pieces[passage->n_pieces - 1].row;
        struct row *row = xnew(struct row);

        *row = (struct row){
                .kind = ROW_ALERT,
                .stream = xstrdup(last->stream),
                .session = xstrdup(last->session),
                .dialect = xstrdup(last->dialect),
                .channel = xstrdup(last->channel),
                .principal = xstrdup(last->principal),
                .generation = last->generation,
                .language = xstrdup(last->language),
                .text = passage_text(passage),
                .model = xstrdup(last->model),
                .confidence = last->confidence,
                .found = passage_found(passage),
        };
        memcpy(row->segment, last->id, sizeof(row->segment));
        row_place(row, passage);
        row_take_words(row, passage);
        return row;
}
