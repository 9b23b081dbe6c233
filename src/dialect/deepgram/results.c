#include "dialect/deepgram/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "dialect/deepgram/bare_word.h"
#include "dialect/deepgram/words.h"
#include "dialect/json_text.h"
#include "util/mem.h"

#define MODEL_NAME    "whisper"
#define MODEL_VERSION "1"

void deepgram_id_write(const uint8_t bytes[DEEPGRAM_ID_BYTES], char ret[DEEPGRAM_ID_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < DEEPGRAM_ID_BYTES; i++) {
                bool is_behind_dash = i == 4 || i == 6 || i == 8 || i == 10;
                unsigned byte = bytes[i];

                if (i == 6)
                        byte = (byte & 0x0f) | 0x40;  // the version
                if (i == 8)
                        byte = (byte & 0x3f) | 0x80;
                n += (size_t)snprintf(ret + n, DEEPGRAM_ID_MAX - n,
                                      is_behind_dash ? "-%02x" : "%02x", byte);
        }
}

void deepgram_id_make(char ret[DEEPGRAM_ID_MAX]) {
        uint8_t bytes[DEEPGRAM_ID_BYTES] = {0};

        (void)!getrandom(bytes, sizeof(bytes), 0);
        deepgram_id_write(bytes, ret);
}

const char *deepgram_digits_write(EVP_MD_CTX *sum, char ret[DEEPGRAM_DIGITS_MAX]) {
        uint8_t bytes[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        EVP_DigestFinal_ex(sum, bytes, &n);
        ret[0] = '\0';
        for (unsigned i = 0; i < n; i++)
                snprintf(ret + (size_t)2 * i, 3, "%02x", bytes[i]);
        return ret;
}

static struct json_text message_begin(const char *type) {
        struct json_text text = {0};

        json_text_open(&text, NULL, '{');
        json_text_string(&text, "type", type);
        return text;
}

static char *message_end(struct json_text *text, size_t *ret_n) {
        json_text_close(text, '}');
        return json_text_finish(text, ret_n);
}

static void channels_write(struct json_text *text, const char *key, unsigned channel,
                           unsigned n_channels) {
        json_text_open(text, key, '[');
        json_text_unsigned(text, NULL, channel);
        if (n_channels > 0)
                json_text_unsigned(text, NULL, n_channels);
        json_text_close(text, ']');
}

// --- results ---------------------------------------------------------------------------------

// The texts one behind the other, without the blanks around them.
static char *segments_text(const struct segment *segments, size_t n) {
        char *joined = xstrdup("");

        for (size_t i = 0; i < n; i++) {
                char *longer = xasprintf("%s%s", joined, segments[i].text);

                free(joined);
                joined = longer;
        }
        return joined;
}

static void alternative_write(struct json_text *text, const struct deepgram_result *result) {
        CLEANUP(mem_freep) char *joined = segments_text(result->segments, result->n_segments);
        CLEANUP(mem_freep) char *shown = bare_text(joined);
        CLEANUP(deepgram_words_deinit) struct deepgram_words words;

        deepgram_words_collect(&words, result->segments, result->n_segments, result->begin);
        json_text_string(text, "transcript", shown);
        json_text_real(text, "confidence", deepgram_words_confidence(&words, 0, words.n));
        deepgram_words_write(text, &words, 0, words.n);
}

static void model_write(struct json_text *text) {
        json_text_string(text, "name", MODEL_NAME);
        json_text_string(text, "version", MODEL_VERSION);
        json_text_string(text, "arch", MODEL_NAME);
}

static void language_write(struct json_text *text, const char *language) {
        if (!language || !language[0])
                return;
        json_text_open(text, "languages", '[');
        json_text_string(text, NULL, language);
        json_text_close(text, ']');
}

char *deepgram_encode_result(const struct deepgram_result *result, size_t *ret_n) {
        struct json_text text = message_begin("Results");
        int64_t begin = deepgram_milliseconds(result->begin),
                end = deepgram_milliseconds(result->end);

        channels_write(&text, "channel_index", result->channel, result->n_channels);
        json_text_seconds(&text, "duration", end - begin);
        json_text_seconds(&text, "start", begin);
        json_text_bool(&text, "is_final", result->is_final);
        json_text_bool(&text, "speech_final", result->is_speech_final);
        json_text_bool(&text, "from_finalize", result->is_from_finalize);
        json_text_open(&text, "channel", '{');
        json_text_open(&text, "alternatives", '[');
        json_text_open(&text, NULL, '{');
        alternative_write(&text, result);
        language_write(&text, result->language);
        json_text_close(&text, '}');
        json_text_close(&text, ']');
        json_text_close(&text, '}');
        json_text_open(&text, "metadata", '{');
        json_text_string(&text, "request_id", result->request_id);
        json_text_string(&text, "model_uuid", DEEPGRAM_MODEL_ID);
        json_text_open(&text, "model_info", '{');
        model_write(&text);
        json_text_close(&text, '}');
        json_text_close(&text, '}');
        return message_end(&text, ret_n);
}

static void created_write(struct json_text *text, nsec_t wall) {
        time_t seconds = (time_t)(wall / NSEC_PER_SEC);
        char date[32] = "", shown[48];
        struct tm broken;

        if (gmtime_r(&seconds, &broken))
                strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &broken);
        snprintf(shown, sizeof(shown), "%s.%03dZ", date, (int)(wall / NSEC_PER_MSEC % 1000));
        json_text_string(text, "created", shown);
}

void deepgram_write_metadata(struct json_text *text, const struct deepgram_metadata *metadata) {
        json_text_string(text, "transaction_key", "deprecated");
        json_text_string(text, "request_id", metadata->request_id);
        json_text_string(text, "sha256", metadata->sha256);
        created_write(text, metadata->created);
        json_text_seconds(text, "duration", deepgram_milliseconds(metadata->duration));
        json_text_unsigned(text, "channels", metadata->n_channels);
        json_text_open(text, "models", '[');
        json_text_string(text, NULL, DEEPGRAM_MODEL_ID);
        json_text_close(text, ']');
        json_text_open(text, "model_info", '{');
        json_text_open(text, DEEPGRAM_MODEL_ID, '{');
        model_write(text);
        json_text_close(text, '}');
        json_text_close(text, '}');
}

char *deepgram_encode_metadata(const struct deepgram_metadata *metadata, size_t *ret_n) {
        struct json_text text = message_begin("Metadata");

        deepgram_write_metadata(&text, metadata);
        return message_end(&text, ret_n);
}

// --- the rest --------------------------------------------------------------------------------

char *deepgram_encode_speech_started(unsigned channel, int64_t at, size_t *ret_n) {
        struct json_text text = message_begin("SpeechStarted");

        channels_write(&text, "channel", channel, 0);
        json_text_seconds(&text, "timestamp", deepgram_milliseconds(at));
        return message_end(&text, ret_n);
}

char *deepgram_encode_utterance_end(unsigned channel, unsigned n_channels,
                                    int64_t last_word_end, size_t *ret_n) {
        struct json_text text = message_begin("UtteranceEnd");

        channels_write(&text, "channel", channel, n_channels);
        json_text_seconds(&text, "last_word_end", deepgram_milliseconds(last_word_end));
        return message_end(&text, ret_n);
}

char *deepgram_encode_error(const char *variant, const char *description, const char *message,
                            size_t *ret_n) {
        struct json_text text = message_begin("Error");

        json_text_string(&text, "variant", variant);
        json_text_string(&text, "description", description);
        json_text_string(&text, "message", message ? message : "");
        return message_end(&text, ret_n);
}

char *deepgram_encode_configured(const char *request_id, size_t *ret_n) {
        struct json_text text = message_begin("ConfigureSuccess");

        json_text_string(&text, "request_id", request_id);
        return message_end(&text, ret_n);
}

char *deepgram_encode_configure_failure(const char *request_id, const char *code,
                                        const char *description, size_t *ret_n) {
        struct json_text text = message_begin("ConfigureFailure");

        json_text_string(&text, "request_id", request_id);
        json_text_string(&text, "code", code);
        json_text_string(&text, "description", description);
        return message_end(&text, ret_n);
}

char *deepgram_encode_refusal(const char *code, const char *words, const char *request_id,
                              size_t *ret_n) {
        struct json_text text = {0};

        json_text_open(&text, NULL, '{');
        json_text_string(&text, "err_code", code);
        json_text_string(&text, "err_msg", words);
        json_text_string(&text, "request_id", request_id);
        return message_end(&text, ret_n);
}
