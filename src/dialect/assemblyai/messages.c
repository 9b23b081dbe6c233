#include "dialect/assemblyai/messages.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "audio/pcm.h"
#include "dialect/json_text.h"
#include "dialect/written_words.h"
#include "util/mem.h"
#include "util/utf8.h"

// Of a word that may still change, and of one whose own is not known.
#define CONFIDENCE_TAIL  0.5
#define CONFIDENCE_FINAL 0.9

// --- theirs ----------------------------------------------------------------------------------

int assemblyai_command_read(enum assemblyai_command *ret, json_t **ret_message,
                            const char *text, size_t n, struct error *error) {
        static const char *const types[] = {"Terminate", "ForceEndpoint", "UpdateConfiguration",
                                            "KeepAlive"};
        json_t *message = NULL;
        const char *type;
        int kind = 0;

        *ret_message = NULL;
        if (json_object_parse(&message, text, n, error) != 0)
                return -EINVAL;
        type = json_string_value(json_object_get(message, "type"));
        while (kind < ASSEMBLYAI_UNKNOWN && !(type && strcmp(type, types[kind]) == 0))
                kind++;
        if (kind == ASSEMBLYAI_UNKNOWN) {
                json_decref(message);
                return error_set(error, -EINVAL,
                                 "the type of a message is Terminate, ForceEndpoint, "
                                 "UpdateConfiguration or KeepAlive; sound is binary");
        }
        *ret = (enum assemblyai_command)kind;
        *ret_message = message;
        return 0;
}

// --- words -----------------------------------------------------------------------------------

struct told_word {
        const char *text;
        size_t n;            // bytes of it
        int64_t begin, end;  // samples
        double confidence;
        bool is_final;
};

static void word_add(struct assemblyai_words *words, const struct told_word *word) {
        if (!words->list)
                words->list = json_array();
        json_array_append_new(words->list,
                              json_pack("{sIsIss%sfsb}", "start",
                                        (json_int_t)(word->begin * 1000 / AUDIO_RATE), "end",
                                        (json_int_t)(word->end * 1000 / AUDIO_RATE), "text",
                                        word->text, word->n, "confidence", word->confidence,
                                        "word_is_final", word->is_final));
        words->n++;
}

static const char *blanks_skip(const char *text) {
        return text + strspn(text, " ");
}

// Each letter takes as long as any other.
static void text_spread(struct assemblyai_words *words, const struct segment *segment,
                        bool is_final, int64_t base) {
        int64_t n = (int64_t)strlen(segment->text), length = segment->end - segment->begin;

        for (const char *at = blanks_skip(segment->text); *at;) {
                int64_t begin = at - segment->text;
                struct told_word word = {
                        .text = at,
                        .n = strcspn(at, " "),
                        .begin = base + segment->begin + length * begin / n,
                        .confidence = is_final ? CONFIDENCE_FINAL : CONFIDENCE_TAIL,
                        .is_final = is_final,
                };

                word.end = base + segment->begin + length * (begin + (int64_t)word.n) / n;
                word_add(words, &word);
                at = blanks_skip(at + word.n);
        }
}

void assemblyai_words_add(struct assemblyai_words *words, const struct segment *segment,
                          bool is_final, int64_t base) {
        size_t n;
        struct hypothesis_word *heard = written_words(segment, &n);

        if (n == 0)
                text_spread(words, segment, is_final, base);
        for (size_t i = 0; i < n; i++) {
                struct told_word word = {
                        .text = blanks_skip(heard[i].text),
                        .begin = base + heard[i].begin,
                        .end = base + heard[i].end,
                        .confidence = isfinite(heard[i].probability) ? heard[i].probability : 0,
                        .is_final = is_final,
                };

                word.n = strlen(word.text);
                if (word.n)
                        word_add(words, &word);
        }
        hypothesis_words_free(heard, n);
}

void assemblyai_words_clear(struct assemblyai_words *words) {
        json_decref(words->list);
        *words = (struct assemblyai_words){0};
}

// --- ours ------------------------------------------------------------------------------------

static char *encoded(json_t *json) {
        char *text = json_dumps(json, JSON_COMPACT);

        json_decref(json);
        return text;
}

char *assemblyai_encode_begin(const char *id, int64_t expires_at) {
        return encoded(json_pack("{sssssI}", "type", "Begin", "id", id, "expires_at",
                                 (json_int_t)expires_at));
}

char *assemblyai_encode_speech(int64_t timestamp) {
        return encoded(json_pack("{sssI}", "type", "SpeechStarted", "timestamp",
                                 (json_int_t)timestamp));
}

char *assemblyai_encode_turn(const struct assemblyai_turn *turn) {
        json_t *words = json_array(), *json;

        if (turn->finals && turn->finals->list)
                json_array_extend(words, turn->finals->list);
        if (turn->tail && turn->tail->list)
                json_array_extend(words, turn->tail->list);
        json = json_pack("{sssIsbsbsssfso}", "type", "Turn", "turn_order",
                         (json_int_t)turn->order, "turn_is_formatted", turn->is_formatted,
                         "end_of_turn", turn->is_end, "transcript", turn->transcript,
                         "end_of_turn_confidence", turn->is_end ? 1.0 : 0.0, "words", words);
        if (turn->language && turn->language[0])
                json_object_set_new(json, "language_code", json_string(turn->language));
        return encoded(json);
}

char *assemblyai_encode_termination(double audio_seconds, double session_seconds) {
        return encoded(json_pack("{sssIsI}", "type", "Termination", "audio_duration_seconds",
                                 (json_int_t)llround(audio_seconds), "session_duration_seconds",
                                 (json_int_t)llround(session_seconds)));
}

char *assemblyai_encode_error(int code, const char *words) {
        CLEANUP(mem_freep) char *whole = utf8_repair(words, strlen(words));

        return encoded(json_pack("{sssiss}", "type", "Error", "error_code", code, "error",
                                 whole ? whole : ""));
}

bool assemblyai_phrase(const struct http_request *request, int status, const char *words,
                       struct http_phrase *phrase) {
        CLEANUP(mem_freep) char *whole = utf8_repair(words, strlen(words));

        (void)request;
        phrase->status = status;
        phrase->content_type = "application/json";
        phrase->body = encoded(json_pack("{ss}", "error", whole ? whole : ""));
        return true;
}
