#include "dialect/segment_time.h"

#include "audio/pcm.h"
#include "util/number.h"

#define MS_SAMPLES (AUDIO_RATE / 1000)

static int64_t milliseconds(int64_t position, int64_t origin) {
        return position > origin ? (position - origin) / MS_SAMPLES : 0;
}

struct segment_time segment_time_after(const struct segment *segment, int64_t origin,
                                       int64_t previous_end_ms) {
        struct segment_time time = {milliseconds(segment->begin, origin),
                                    milliseconds(segment->end, origin)};
        int64_t length_least = segment->is_final ? 1 : 0;

        if (time.begin_ms < previous_end_ms)
                time.begin_ms = previous_end_ms;
        if (time.end_ms < time.begin_ms + length_least)
                time.end_ms = time.begin_ms + length_least;
        return time;
}

static int64_t word_milliseconds(const struct segment_time *time, int64_t position,
                                 int64_t origin) {
        return number_clamp(milliseconds(position, origin), time->begin_ms, time->end_ms);
}

void segment_time_write_words(const struct segment_time *time, struct json_text *text,
                              const struct segment *segment, int64_t origin, bool as_strings) {
        void (*write)(struct json_text *, const char *, int64_t) =
                as_strings ? json_text_seconds_string : json_text_seconds;

        if (segment->n_words == 0)
                return;
        json_text_open(text, "words", '[');
        for (size_t i = 0; i < segment->n_words; i++) {
                const struct hypothesis_word *word = &segment->words[i];

                json_text_open(text, NULL, '{');
                json_text_string(text, "word", word->text);
                write(text, "start", word_milliseconds(time, word->begin, origin));
                write(text, "end", word_milliseconds(time, word->end, origin));
                json_text_real(text, "probability", (double)word->probability);
                json_text_close(text, '}');
        }
        json_text_close(text, ']');
}
