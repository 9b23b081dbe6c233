#include "dialect/segment_words.h"

#include "audio/pcm.h"

static int64_t milliseconds(int64_t position, int64_t origin) {
        int64_t ms = ((position - origin) * 1000 + AUDIO_RATE / 2) / AUDIO_RATE;

        return ms < 0 ? 0 : ms;
}

void segment_words_write(struct json_text *text, const struct segment *segment, int64_t origin,
                         bool as_strings) {
        void (*write)(struct json_text *, const char *, int64_t) =
                as_strings ? json_text_seconds_string : json_text_seconds;

        if (segment->n_words == 0)
                return;
        json_text_open(text, "words", '[');
        for (size_t i = 0; i < segment->n_words; i++) {
                const struct hypothesis_word *word = &segment->words[i];

                json_text_open(text, NULL, '{');
                json_text_string(text, "word", word->text);
                write(text, "start", milliseconds(word->begin, origin));
                write(text, "end", milliseconds(word->end, origin));
                json_text_real(text, "probability", (double)word->probability);
                json_text_close(text, '}');
        }
        json_text_close(text, ']');
}
