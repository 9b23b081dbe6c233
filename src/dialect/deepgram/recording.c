#include "dialect/deepgram/recording.h"

#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "dialect/deepgram/words.h"
#include "dialect/json_text.h"
#include "util/mem.h"

// A paragraph ends with a sentence behind which so long nobody spoke, or with its fifth.
#define PARAGRAPH_GAP       ((int64_t)AUDIO_RATE)
#define PARAGRAPH_SENTENCES 5

static void times_write(struct json_text *text, const struct deepgram_words *words,
                        size_t first, size_t end) {
        json_text_seconds(text, "start", deepgram_milliseconds(words->all[first].begin));
        json_text_seconds(text, "end", deepgram_milliseconds(words->all[end - 1].end));
}

// --- paragraphs ------------------------------------------------------------------------------

static size_t paragraph_end(const struct deepgram_words *words, size_t first) {
        size_t end = first;

        for (int n = 0; n < PARAGRAPH_SENTENCES && end < words->n; n++) {
                end = deepgram_words_until_stop(words, end, words->n);
                if (end < words->n &&
                    words->all[end].begin - words->all[end - 1].end >= PARAGRAPH_GAP)
                        break;
        }
        return end;
}

static void sentences_write(struct json_text *text, const struct deepgram_words *words,
                            size_t first, size_t end) {
        json_text_open(text, "sentences", '[');
        for (size_t at = first, next; at < end; at = next) {
                CLEANUP(mem_freep) char *sentence = NULL;

                next = deepgram_words_until_stop(words, at, end);
                sentence = deepgram_words_text(words, at, next);
                json_text_open(text, NULL, '{');
                json_text_string(text, "text", sentence);
                times_write(text, words, at, next);
                json_text_close(text, '}');
        }
        json_text_close(text, ']');
}

// Each behind a blank line of its own.
static char *paragraphs_text(const struct deepgram_words *words) {
        char *joined = xstrdup("");

        for (size_t at = 0, end; at < words->n; at = end) {
                CLEANUP(mem_freep) char *paragraph = NULL;
                char *longer;

                end = paragraph_end(words, at);
                paragraph = deepgram_words_text(words, at, end);
                longer = xasprintf("%s\n%s\n", joined, paragraph);
                free(joined);
                joined = longer;
        }
        if (joined[0])
                joined[strlen(joined) - 1] = '\0';
        return joined;
}

static void paragraphs_write(struct json_text *text, const struct deepgram_words *words) {
        CLEANUP(mem_freep) char *joined = paragraphs_text(words);

        json_text_open(text, "paragraphs", '{');
        json_text_string(text, "transcript", joined);
        json_text_open(text, "paragraphs", '[');
        for (size_t at = 0, end; at < words->n; at = end) {
                end = paragraph_end(words, at);
                json_text_open(text, NULL, '{');
                sentences_write(text, words, at, end);
                json_text_unsigned(text, "num_words", end - at);
                times_write(text, words, at, end);
                json_text_close(text, '}');
        }
        json_text_close(text, ']');
        json_text_close(text, '}');
}

// --- utterances ------------------------------------------------------------------------------

static void utterances_write(struct json_text *text, const struct deepgram_words *words,
                             int64_t gap) {
        json_text_open(text, "utterances", '[');
        for (size_t at = 0, end; at < words->n; at = end) {
                CLEANUP(mem_freep) char *said = NULL;
                char id[DEEPGRAM_ID_MAX];

                end = deepgram_words_until_gap(words, at, gap);
                said = deepgram_words_text(words, at, end);
                deepgram_id_make(id);
                json_text_open(text, NULL, '{');
                times_write(text, words, at, end);
                json_text_real(text, "confidence", deepgram_words_confidence(words, at, end));
                json_text_unsigned(text, "channel", 0);
                json_text_string(text, "transcript", said);
                deepgram_words_write(text, words, at, end);
                json_text_string(text, "id", id);
                json_text_close(text, '}');
        }
        json_text_close(text, ']');
}

// --- all of it -------------------------------------------------------------------------------

static void channel_write(struct json_text *text, const struct deepgram_wish *wish,
                          const struct deepgram_recording *recording,
                          const struct deepgram_words *words) {
        CLEANUP(mem_freep) char *transcript = deepgram_words_text(words, 0, words->n);

        json_text_open(text, NULL, '{');
        if ((wish->detects_language || wish->is_multi) && recording->language[0])
                json_text_string(text, "detected_language", recording->language);
        json_text_open(text, "alternatives", '[');
        json_text_open(text, NULL, '{');
        json_text_string(text, "transcript", transcript);
        json_text_real(text, "confidence", deepgram_words_confidence(words, 0, words->n));
        deepgram_words_write(text, words, 0, words->n);
        if (wish->has_paragraphs)
                paragraphs_write(text, words);
        json_text_close(text, '}');
        json_text_close(text, ']');
        json_text_close(text, '}');
}

char *deepgram_encode_recording(const struct deepgram_wish *wish,
                                const struct deepgram_recording *recording) {
        CLEANUP(deepgram_words_deinit) struct deepgram_words words;
        struct json_text text = {0};

        deepgram_words_collect(&words, recording->segments, recording->n_segments, 0);
        json_text_open(&text, NULL, '{');
        json_text_open(&text, "metadata", '{');
        deepgram_write_metadata(&text, &recording->metadata);
        json_text_close(&text, '}');
        json_text_open(&text, "results", '{');
        json_text_open(&text, "channels", '[');
        channel_write(&text, wish, recording, &words);
        json_text_close(&text, ']');
        if (wish->has_utterances)
                utterances_write(&text, &words, (int64_t)(wish->utterance_split * AUDIO_RATE));
        json_text_close(&text, '}');
        json_text_close(&text, '}');
        return json_text_finish(&text, NULL);
}
