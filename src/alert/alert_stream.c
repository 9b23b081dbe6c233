#include "alert/alert_stream.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/mem.h"

struct alert_stream *alert_stream_new(const char *name, const char *heard) {
        struct alert_stream *stream = xnew(struct alert_stream);

        stream->name = xstrdup(name);
        stream->heard = xstrdup(heard);
        return stream;
}

struct alert_stream *alert_stream_free(struct alert_stream *stream) {
        if (!stream)
                return NULL;
        alert_stream_cut(stream);
        while (stream->n_pendings)
                alert_stream_settle(stream, stream->n_pendings - 1);
        free(stream->name);
        free(stream->heard);
        free(stream->hears);
        free(stream->pieces);
        free(stream->tokens);
        free(stream->firings);
        return mem_free(stream);
}

// --- what was said ---------------------------------------------------------------------------

static void pieces_drop(struct alert_stream *stream, size_t n) {
        for (size_t i = 0; i < n; i++) {
                // Rows that are kept are copies of ours.
                row_free((struct row *)(uintptr_t)stream->pieces[i].row);
                passage_piece_deinit(&stream->pieces[i]);
        }
        stream->n_pieces -= n;
        memmove(stream->pieces, stream->pieces + n, stream->n_pieces * sizeof(*stream->pieces));
}

void alert_stream_cut(struct alert_stream *stream) {
        if (stream->n_pieces)
                pieces_drop(stream, stream->n_pieces);
        stream->n_tokens = 0;
        stream->gap = FOLD_BLANK;
}

// Put the words of a piece behind the others; `gap` is what stands between.
static void tokens_append(struct alert_stream *stream, const struct phrases *phrases,
                          struct folded *folded, const struct passage_piece *piece,
                          enum fold_gap gap) {
        fold_text(folded, piece->row->text, strlen(piece->row->text),
                  gap == FOLD_MARK ? FOLD_MARK : FOLD_BLANK);
        for (size_t i = 0; i < folded->n; i++) {
                const struct fold_token *token = &folded->tokens[i];

                stream->tokens = array_grow(stream->tokens, stream->n_tokens,
                                            &stream->tokens_capacity, sizeof(*stream->tokens));
                stream->tokens[stream->n_tokens++] = (struct phrase_token){
                        .begin = piece->base + token->begin,
                        .end = piece->base + token->end,
                        .word = phrases_word(phrases, folded->bytes + token->folded,
                                             token->n_folded),
                        .gap = token->gap,
                };
        }
}

size_t alert_stream_append(struct alert_stream *stream, const struct phrases *phrases,
                           struct folded *folded, const struct row *row) {
        size_t first = stream->n_tokens;

        stream->pieces = array_grow(stream->pieces, stream->n_pieces, &stream->pieces_capacity,
                                    sizeof(*stream->pieces));
        stream->pieces[stream->n_pieces] = passage_piece_of(row, stream->base);
        tokens_append(stream, phrases, folded, &stream->pieces[stream->n_pieces++],
                      stream->gap);
        return first;
}

void alert_stream_reword(struct alert_stream *stream, const struct phrases *phrases,
                         struct folded *folded) {
        enum fold_gap gap = FOLD_BLANK;

        stream->n_tokens = 0;
        for (size_t i = 0; i < stream->n_pieces; i++) {
                tokens_append(stream, phrases, folded, &stream->pieces[i], gap);
                gap = folded->gap;
        }
}

void alert_stream_keep(struct alert_stream *stream, enum fold_gap gap, size_t longest) {
        struct passage_piece *last = &stream->pieces[stream->n_pieces - 1];
        size_t n_kept = longest ? longest - 1 : 0, n_left = 0;

        stream->end = last->row->position + last->row->n_samples;
        stream->base += (int64_t)strlen(last->row->text) + 1;
        stream->gap = gap;
        if (n_kept > stream->n_tokens)
                n_kept = stream->n_tokens;
        if (n_kept > 0)
                memmove(stream->tokens, stream->tokens + stream->n_tokens - n_kept,
                        n_kept * sizeof(*stream->tokens));
        stream->n_tokens = n_kept;
        if (n_kept == 0) {
                last->row = NULL;
                pieces_drop(stream, stream->n_pieces);
                return;
        }
        last->row = row_copy(last->row);
        while (n_left + 1 < stream->n_pieces &&
               stream->pieces[n_left + 1].base <= stream->tokens[0].begin)
                n_left++;
        pieces_drop(stream, n_left);
}

void alert_stream_take_back(struct alert_stream *stream, size_t first_token) {
        stream->n_tokens = first_token;
        passage_piece_deinit(&stream->pieces[--stream->n_pieces]);
}

struct passage alert_stream_passage(const struct alert_stream *stream, int64_t begin,
                                    int64_t end) {
        size_t first = 0, last = stream->n_pieces - 1;

        while (first < last && stream->pieces[first + 1].base <= begin)
                first++;
        while (last > first && stream->pieces[last].base >= end)
                last--;
        return (struct passage){.pieces = stream->pieces + first,
                                .n_pieces = last - first + 1,
                                .begin = begin,
                                .end = end};
}

// --- what fired ------------------------------------------------------------------------------

struct alert_firing *alert_stream_fired(const struct alert_stream *stream, unsigned alert) {
        for (size_t i = 0; i < stream->n_firings; i++)
                if (stream->firings[i].alert == alert)
                        return &stream->firings[i];
        return NULL;
}

void alert_stream_fire(struct alert_stream *stream, unsigned alert, int64_t at, int64_t until) {
        struct alert_firing *firing = alert_stream_fired(stream, alert);

        if (!firing) {
                stream->firings =
                        array_grow(stream->firings, stream->n_firings,
                                   &stream->firings_capacity, sizeof(*stream->firings));
                firing = &stream->firings[stream->n_firings++];
        }
        *firing = (struct alert_firing){.alert = alert, .at = at, .until = until};
}

void alert_stream_renumber(struct alert_stream *stream, const unsigned *young) {
        size_t n = 0;

        for (size_t i = 0; i < stream->n_firings; i++) {
                struct alert_firing firing = stream->firings[i];

                firing.alert = young[firing.alert];
                if (firing.alert != ALERT_GONE)
                        stream->firings[n++] = firing;
        }
        stream->n_firings = n;
        for (size_t i = 0; i < stream->n_pendings; i++)
                stream->pendings[i].alert = young[stream->pendings[i].alert];
}

void alert_stream_settle(struct alert_stream *stream, size_t i) {
        row_free(stream->pendings[i].row);
        free(stream->pendings[i].key);
        stream->n_pendings--;
        memmove(&stream->pendings[i], &stream->pendings[i + 1],
                (stream->n_pendings - i) * sizeof(stream->pendings[0]));
}
