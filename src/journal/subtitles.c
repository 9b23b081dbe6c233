#include "journal/subtitles.h"

#include <stdlib.h>

#include "audio/pcm.h"
#include "util/mem.h"

#define SAMPLES_PER_MS (AUDIO_RATE / 1000)

struct subtitles {
        struct transcript_writer *writer;
        int64_t zero;  // 0 until the first row
};

struct subtitles *subtitles_new(FILE *stream, enum transcript_format format, int64_t zero) {
        struct subtitles *subtitles = xnew(struct subtitles);

        subtitles->zero = zero;
        subtitles->writer = transcript_writer_new(stream, format, false);
        transcript_writer_begin(subtitles->writer, "");
        return subtitles;
}

struct subtitles *subtitles_free(struct subtitles *subtitles) {
        if (!subtitles)
                return NULL;
        transcript_writer_free(subtitles->writer);
        return mem_free(subtitles);
}

// Samples since 0:00; what began before it is cut off there.
static int64_t place_of(const struct subtitles *subtitles, const struct row *row,
                        int64_t position) {
        int64_t place =
                (row->start - subtitles->zero) * SAMPLES_PER_MS + position - row->position;

        return place > 0 ? place : 0;
}

void subtitles_add(struct subtitles *subtitles, const struct row *row) {
        struct segment segment = {.text = row->text, .n_words = row->n_words};

        if (row->kind != ROW_SEGMENT || !row->text)
                return;
        subtitles->zero = subtitles->zero ? subtitles->zero : row->start;
        segment.begin = place_of(subtitles, row, row->position);
        segment.end = place_of(subtitles, row, row->position + row->n_samples);
        segment.words = row->n_words ? xcalloc(row->n_words, sizeof(*segment.words)) : NULL;
        for (size_t i = 0; i < row->n_words; i++) {
                const struct row_word *word = &row->words[i];

                segment.words[i] = (struct hypothesis_word){
                        .begin = place_of(subtitles, row, word->begin),
                        .end = place_of(subtitles, row, word->end),
                        .text = word->text,
                };
        }
        transcript_writer_segment(subtitles->writer, &segment);
        free(segment.words);
}
