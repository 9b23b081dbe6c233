#include "dialect/deepgram/wish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/http_request.h"
#include "util/mem.h"
#include "util/number.h"

#define RATE_MIN 8000
#define RATE_MAX 96000

#define SPLIT_DEFAULT 0.8F  // seconds; the service's

// --- values ----------------------------------------------------------------------------------

static int refuse(struct error *error, const char *name, const char *expected) {
        return error_set(error, -EINVAL, "%s: %s", name, expected);
}

// Python's booleans come in capitals.
static int switch_read(const char *name, const char *value, bool *ret, struct error *error) {
        if (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)
                *ret = true;
        else if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0)
                *ret = false;
        else
                return refuse(error, name, "true or false is expected");
        return 0;
}

static bool number_read_whole(const char *value, double *ret) {
        const char *end = number_read(value, ret);

        return end && *end == '\0';
}

static int count_read(const char *name, const char *value, unsigned least, unsigned most,
                      unsigned *ret, struct error *error) {
        double number;

        if (!number_read_whole(value, &number) || number < least || number > most ||
            number != (unsigned)number)
                return error_set(error, -EINVAL, "%s: a whole number from %u to %u is expected",
                                 name, least, most);
        *ret = (unsigned)number;
        return 0;
}

// --- parameters ------------------------------------------------------------------------------

static int encoding_take(struct deepgram_wish *wish, const char *name, const char *value,
                         struct error *error) {
        static const struct {
                const char *name;
                enum deepgram_sound sound;
                enum pcm_format format;
        } encodings[] = {
                {"linear16", DEEPGRAM_RAW, PCM_S16},
                {"linear32", DEEPGRAM_RAW, PCM_F32},
                {"mulaw", DEEPGRAM_RAW, PCM_MULAW},
                {"alaw", DEEPGRAM_RAW, PCM_ALAW},
                {"opus", DEEPGRAM_OPUS, PCM_S16},
                {"ogg-opus", DEEPGRAM_CONTAINER, PCM_S16},
                {"flac", DEEPGRAM_CONTAINER, PCM_S16},
                {"speex", DEEPGRAM_SPEEX, PCM_S16},
                {"amr-nb", DEEPGRAM_AMR_NB, PCM_S16},
                {"amr-wb", DEEPGRAM_AMR_WB, PCM_S16},
                {"g729", DEEPGRAM_G729, PCM_S16},
        };

        for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
                if (strcasecmp(encodings[i].name, value) == 0) {
                        wish->sound = encodings[i].sound;
                        wish->format = encodings[i].format;
                        return 0;
                }
        return refuse(error, name,
                      "linear16, linear32, mulaw, alaw, flac, opus, ogg-opus, speex, amr-nb, "
                      "amr-wb or g729 is expected; leave it out for a container");
}

static int rate_take(struct deepgram_wish *wish, const char *name, const char *value,
                     struct error *error) {
        return count_read(name, value, RATE_MIN, RATE_MAX, &wish->rate, error);
}

static int channels_take(struct deepgram_wish *wish, const char *name, const char *value,
                         struct error *error) {
        return count_read(name, value, 1, DEEPGRAM_CHANNELS_MAX, &wish->channels, error);
}

static int multichannel_take(struct deepgram_wish *wish, const char *name, const char *value,
                             struct error *error) {
        return switch_read(name, value, &wish->is_multichannel, error);
}

static int language_take(struct deepgram_wish *wish, const char *name, const char *value,
                         struct error *error) {
        (void)name;
        wish->is_multi = strcasecmp(value, "multi") == 0;
        return client_options_set_language(&wish->options, value, error);
}

static int detect_take(struct deepgram_wish *wish, const char *name, const char *value,
                       struct error *error) {
        // It may also list what is to be told apart: the model tells all.
        if (switch_read(name, value, &wish->detects_language, NULL) < 0)
                wish->detects_language = true;
        (void)error;
        return 0;
}

static int interim_take(struct deepgram_wish *wish, const char *name, const char *value,
                        struct error *error) {
        return switch_read(name, value, &wish->options.wants_partials, error);
}

static int vad_events_take(struct deepgram_wish *wish, const char *name, const char *value,
                           struct error *error) {
        return switch_read(name, value, &wish->has_vad_events, error);
}

static int endpointing_take(struct deepgram_wish *wish, const char *name, const char *value,
                            struct error *error) {
        double milliseconds;

        if (switch_read(name, value, &wish->has_endpoints, NULL) == 0 && value[0] != '1')
                return 0;
        if (!number_read_whole(value, &milliseconds) || milliseconds < 0)
                return refuse(error, name, "milliseconds or false is expected");
        wish->has_endpoints = true;
        client_options_set_pause(&wish->options, milliseconds < DEEPGRAM_PAUSE_MIN
                                                         ? DEEPGRAM_PAUSE_MIN
                                                         : milliseconds);
        return 0;
}

static int utterance_end_take(struct deepgram_wish *wish, const char *name, const char *value,
                              struct error *error) {
        if (strcasecmp(value, "false") == 0)
                return 0;
        return count_read(name, value, DEEPGRAM_UTTERANCE_END_MIN, DEEPGRAM_UTTERANCE_END_MAX,
                          &wish->utterance_end, error);
}

static int keyterm_take(struct deepgram_wish *wish, const char *name, const char *value,
                        struct error *error) {
        if (!value[0] || client_options_add_hotword(&wish->options, value, error) == 0)
                return 0;
        return error_set(error, -EINVAL, "%s: all of them together are at most %d bytes", name,
                         (int)DECODE_TEXT_MAX);
}

// "word:2.5": how much it is to be preferred is not for Whisper.
static int keywords_take(struct deepgram_wish *wish, const char *name, const char *value,
                         struct error *error) {
        CLEANUP(mem_freep) char *word = xstrdup(value);
        char *colon = strrchr(word, ':');
        double boost;

        if (colon && number_read_whole(colon + 1, &boost))
                *colon = '\0';
        return keyterm_take(wish, name, word, error);
}

static int utterances_take(struct deepgram_wish *wish, const char *name, const char *value,
                           struct error *error) {
        return switch_read(name, value, &wish->has_utterances, error);
}

static int paragraphs_take(struct deepgram_wish *wish, const char *name, const char *value,
                           struct error *error) {
        return switch_read(name, value, &wish->has_paragraphs, error);
}

static int split_take(struct deepgram_wish *wish, const char *name, const char *value,
                      struct error *error) {
        double seconds;

        if (!number_read_whole(value, &seconds) || seconds <= 0 || seconds > 60)
                return refuse(error, name, "seconds are expected");
        wish->utterance_split = (float)seconds;
        return 0;
}

static int callback_take(struct deepgram_wish *wish, const char *name, const char *value,
                         struct error *error) {
        (void)wish;
        if (!value[0])
                return 0;
        return refuse(error, name, "nothing is sent anywhere but in the answer");
}

static const struct {
        const char *name;
        int (*take)(struct deepgram_wish *wish, const char *name, const char *value,
                    struct error *error);
} parameters[] = {
        {"encoding", encoding_take},
        {"sample_rate", rate_take},
        {"channels", channels_take},
        {"multichannel", multichannel_take},
        {"language", language_take},
        {"detect_language", detect_take},
        {"interim_results", interim_take},
        {"endpointing", endpointing_take},
        {"utterance_end_ms", utterance_end_take},
        {"vad_events", vad_events_take},
        {"keyterm", keyterm_take},
        {"keywords", keywords_take},
        {"utterances", utterances_take},
        {"utt_split", split_take},
        {"paragraphs", paragraphs_take},
        {"callback", callback_take},
};

static int parameter_take(struct deepgram_wish *wish, const char *name, const char *value,
                          struct error *error) {
        for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
                if (strcmp(parameters[i].name, name) == 0)
                        return parameters[i].take(wish, name, value, error);
        return 0;
}

// What the service would not guess: telephones' codecs have a rate of their own.
static void rate_complete(struct deepgram_wish *wish) {
        bool is_narrow = wish->format == PCM_MULAW || wish->format == PCM_ALAW;

        if (wish->rate == 0 && wish->sound == DEEPGRAM_RAW)
                wish->rate = is_narrow ? 8000 : AUDIO_RATE;
}

int deepgram_wish_read(struct deepgram_wish *ret, const char *query, struct error *error) {
        char *name, *value;
        int code = 0;

        *ret = (struct deepgram_wish){
                .format = PCM_S16, .has_endpoints = true, .utterance_split = SPLIT_DEFAULT};
        ret->options.wants_words = true;
        client_options_set_window(&ret->options, DEEPGRAM_WINDOW_MAX);
        while (code == 0 && http_request_query_next(&query, &name, &value)) {
                code = parameter_take(ret, name, value, error);
                free(name);
                free(value);
        }
        rate_complete(ret);
        return code;
}

void deepgram_wish_deinit(struct deepgram_wish *wish) {
        client_options_deinit(&wish->options);
}
