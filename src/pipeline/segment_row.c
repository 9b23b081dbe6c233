#include "pipeline/segment_row.h"

#include <math.h>
#include <string.h>

#include "journal/row_json.h"
#include "util/mem.h"

static int64_t milliseconds_of(nsec_t wall) {
        return wall / NSEC_PER_MSEC;
}

static struct row *row_new(const struct stream_facts *facts, enum row_kind kind) {
        struct row *row = xnew(struct row);

        row->kind = kind;
        row->stream = xstrdup(facts->name);
        row->generation = facts->generation;
        row->confidence = ROW_CONFIDENCE_NO;
        return row;
}

static void words_take(struct row *row, const struct segment *segment) {
        if (segment->n_words == 0)
                return;
        row->words = xcalloc(segment->n_words, sizeof(*row->words));
        row->n_words = segment->n_words;
        for (size_t i = 0; i < segment->n_words; i++) {
                const struct hypothesis_word *word = &segment->words[i];

                row->words[i] = (struct row_word){
                        .text = xstrdup(word->text + strspn(word->text, " ")),
                        .begin = word->begin,
                        .end = word->end,
                        .probability = word->probability,
                };
        }
}

struct row *segment_row_tail(const struct stream_facts *facts, const struct segment *tail,
                             size_t n_bytes, const char *language) {
        struct row *row = row_new(facts, ROW_SEGMENT);
        size_t blank = strspn(tail->text, " ");

        row->position = tail->begin;
        row->n_samples = tail->end - tail->begin;
        row->start = milliseconds_of(observer_wall(facts, tail->begin));
        row->end = milliseconds_of(observer_wall(facts, tail->end));
        row->text = n_bytes > blank
                            ? xasprintf("%.*s", (int)(n_bytes - blank), tail->text + blank)
                            : xstrdup("");
        row->language = language[0] ? xstrdup(language) : NULL;
        return row;
}

struct row *segment_row_final(const struct stream_facts *facts, const struct segment *segment,
                              const char *language) {
        struct row *row = segment_row_tail(facts, segment, strlen(segment->text), language);

        row->confidence = expf(segment->avg_logprob);
        words_take(row, segment);
        return row;
}

char *segment_row_tail_json(const struct stream_facts *facts, const struct update *update) {
        const struct segment *tail = update->tail;
        CLEANUP(row_freep)
        struct row *row = segment_row_tail(facts, tail, strlen(tail->text), update->language);
        CLEANUP(row_freep)
        struct row *stable =
                segment_row_tail(facts, tail, update->stable_bytes, update->language);

        return row_json_tail(row, stable->text);
}

struct row *segment_row_status(const struct stream_facts *facts,
                               const struct stream_notice *notice, nsec_t wall) {
        struct row *row = row_new(facts, ROW_STATUS);

        row->start = row->end = milliseconds_of(wall);
        row->state = xstrdup(notice->state);
        row->reason = notice->reason[0] ? xstrdup(notice->reason) : NULL;
        return row;
}
