#include "transcript/cues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "transcript/breaks.h"
#include "util/array.h"
#include "util/columns.h"
#include "util/line_text.h"
#include "util/mem.h"

// A silence of so much ends a cue.
#define PAUSE ((int64_t)AUDIO_RATE * 4 / 5)
// One of so much is as good a place to break as a blank.
#define REST ((int64_t)AUDIO_RATE / 5)
// A sentence ends a cue when it has so many columns; shorter ones share it.
#define SENTENCE_MIN 20

// What is not cut any more: a word, or a part of one that is longer than a line.
struct piece {
        const char *text;  // lent from the segment
        size_t n;          // bytes
        size_t columns;
        int64_t begin, end;
};

struct cues {
        const struct segment *segment;
        struct piece *pieces;
        size_t n, room;
        size_t next;  // the first that is in no cue yet
        bool is_timed;
};

// --- pieces ----------------------------------------------------------------------------------

static void piece_add(struct cues *cues, const struct piece *piece) {
        cues->pieces = array_grow(cues->pieces, cues->n, &cues->room, sizeof(*cues->pieces));
        cues->pieces[cues->n++] = *piece;
}

// Bytes up to the next blank that something stands before.
static size_t part_length(const char *text, size_t n) {
        size_t length = strspn(text, " ");

        while (length < n && text[length] != ' ')
                length++;
        return length < n ? length : n;
}

// A part of `whole`, n bytes at `text`, with its share of the time: *columns of it are gone.
static void part_add(struct cues *cues, const struct piece *whole, const char *text, size_t n,
                     size_t *columns) {
        int64_t duration = whole->end - whole->begin, all = (int64_t)whole->columns;
        struct piece part = {text, n, columns_of(text, n), whole->begin, whole->begin};

        part.begin += duration * (int64_t)*columns / all;
        *columns += part.columns;
        part.end += duration * (int64_t)*columns / all;
        piece_add(cues, &part);
}

// A word is a piece; one that fills more than a line is cut at its blanks, and what still does,
// between its characters.
static void word_add(struct cues *cues, const char *text, int64_t begin, int64_t end) {
        struct piece whole = {text, strlen(text), 0, begin, end};
        size_t columns = 0;

        whole.columns = columns_of(text, whole.n);
        if (whole.columns <= CUE_LINE_MAX) {
                piece_add(cues, &whole);
                return;
        }
        for (size_t i = 0, n; i < whole.n; i += n) {
                n = part_length(text + i, whole.n - i);
                if (columns_of(text + i, n) <= CUE_LINE_MAX) {
                        part_add(cues, &whole, text + i, n, &columns);
                        continue;
                }
                for (size_t k = 0, step, width; k < n; k += step) {
                        step = columns_step(text + i + k, n - k, &width);
                        part_add(cues, &whole, text + i + k, step, &columns);
                }
        }
}

struct cues *cues_new(const struct segment *segment) {
        struct cues *cues = xnew(struct cues);

        cues->segment = segment;
        cues->is_timed = segment->n_words > 0;
        for (size_t i = 0; i < segment->n_words; i++)
                word_add(cues, segment->words[i].text, segment->words[i].begin,
                         segment->words[i].end);
        if (!cues->is_timed)
                word_add(cues, segment->text, segment->begin, segment->end);
        return cues;
}

struct cues *cues_free(struct cues *cues) {
        if (!cues)
                return NULL;
        free(cues->pieces);
        free(cues);
        return NULL;
}

// --- where -----------------------------------------------------------------------------------

// Columns of a line of these pieces: the blank in front is left out.
static size_t line_columns(const struct piece *pieces, size_t n) {
        size_t total = 0;

        for (size_t i = 0; i < n; i++)
                total += pieces[i].columns;
        return n > 0 && pieces[0].text[0] == ' ' && total > 0 ? total - 1 : total;
}

// How good a place before piece `i` (not the first) is.
static enum break_quality quality_before(const struct piece *pieces, size_t i) {
        enum break_quality quality =
                break_judge(pieces[i - 1].text, pieces[i - 1].n, pieces[i].text, pieces[i].n);
        bool is_rest = pieces[i].begin - pieces[i - 1].end >= REST;

        return is_rest && quality > BREAK_NEVER && quality < BREAK_BLANK ? BREAK_BLANK
                                                                         : quality;
}

// Before which piece the second line begins; 0 when one line is enough; n when two are not. Of
// the places that are good enough, the one that makes both lines about as long.
static size_t second_line(const struct piece *pieces, size_t n) {
        size_t best = n, least = SIZE_MAX;
        enum break_quality best_quality = BREAK_NEVER;

        if (line_columns(pieces, n) <= CUE_LINE_MAX)
                return 0;
        for (size_t i = 1; i < n; i++) {
                size_t upper = line_columns(pieces, i), lower = line_columns(pieces + i, n - i);
                size_t longer = upper > lower ? upper : lower;
                enum break_quality quality = quality_before(pieces, i);

                // Beyond a blank all are equal: balance reads better than a comma at the end.
                if (quality > BREAK_BLANK)
                        quality = BREAK_BLANK;
                if (longer > CUE_LINE_MAX || (best < n && quality < best_quality) ||
                    (best < n && quality == best_quality && longer >= least))
                        continue;
                least = longer;
                best = i;
                best_quality = quality;
        }
        return best;
}

// The best place among n pieces, behind which there are more: the last of the best in their
// later half, or before it when that is all one word.
static size_t place_to_break(const struct piece *pieces, size_t n) {
        enum break_quality best_quality = quality_before(pieces, n);
        size_t best = n;

        for (size_t i = n - 1; i > 0 && (i > n / 2 || best_quality == BREAK_NEVER); i--)
                if (quality_before(pieces, i) > best_quality) {
                        best_quality = quality_before(pieces, i);
                        best = i;
                }
        return best;
}

// Fewer than n pieces, where their two lines would part what may be a word and the cue can end
// behind a clause or at a blank instead, not too near to its begin.
static size_t pieces_reduce(const struct piece *pieces, size_t n) {
        size_t second = second_line(pieces, n), best = n;

        if (second == 0 || second == n || quality_before(pieces, second) > BREAK_PARTS)
                return n;
        for (size_t i = n - 1; i > n / 3; i--)
                if (quality_before(pieces, i) >= BREAK_BLANK &&
                    (best == n || quality_before(pieces, i) > quality_before(pieces, best)))
                        best = i;
        return best;
}

// How many pieces the cue that begins with the first of n can hold.
static size_t pieces_of_cue(const struct piece *pieces, size_t n) {
        for (size_t i = 1; i < n; i++) {
                const struct piece *last = &pieces[i - 1];

                if (pieces[i].begin - last->end >= PAUSE ||
                    (break_ends_sentence(last->text, last->n) &&
                     line_columns(pieces, i) >= SENTENCE_MIN))
                        return i;
                if (second_line(pieces, i + 1) == i + 1 ||
                    pieces[i].end - pieces[0].begin > (int64_t)CUE_SECONDS_MAX * AUDIO_RATE)
                        return place_to_break(pieces, i);
        }
        return n;
}

// --- text ------------------------------------------------------------------------------------

// Nothing in it breaks the line or plays with a terminal.
static char *line_print(const struct piece *pieces, size_t n) {
        CLEANUP(mem_freep) char *text = NULL;
        size_t n_text = 0;
        FILE *stream = open_memstream(&text, &n_text);

        for (size_t i = 0; stream && i < n; i++)
                fwrite(pieces[i].text, 1, pieces[i].n, stream);
        if (!stream || fclose(stream) != 0)
                return xstrdup("");
        return line_text_copy(text + strspn(text, " "));
}

// Pieces of the next line of a text that two lines do not hold.
static size_t line_fill(const struct piece *pieces, size_t n) {
        size_t i = 1;

        while (i < n && line_columns(pieces, i + 1) <= CUE_LINE_MAX)
                i++;
        return i < n ? place_to_break(pieces, i) : n;
}

static char *lines_print(const struct piece *pieces, size_t n) {
        CLEANUP(mem_freep) char *text = NULL;

        while (n > 0) {
                size_t second = second_line(pieces, n);
                size_t length = second == 0 ? n : second < n ? second : line_fill(pieces, n);
                CLEANUP(mem_freep) char *line = line_print(pieces, length);
                CLEANUP(mem_freep) char *before = TAKE(text);

                text = before ? xasprintf("%s\n%s", before, line) : TAKE(line);
                pieces += length;
                n -= length;
        }
        return TAKE(text);
}

bool cues_next(struct cues *cues, struct cue *ret) {
        const struct piece *pieces = cues->pieces + cues->next;
        size_t n = cues->n - cues->next;

        if (n == 0)
                return false;
        if (cues->is_timed)
                n = pieces_reduce(pieces, pieces_of_cue(pieces, n));
        *ret = (struct cue){pieces[0].begin, pieces[n - 1].end, lines_print(pieces, n)};
        cues->next += n;
        return true;
}
