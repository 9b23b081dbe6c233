#include "dialect/twilio/messages.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/json_text.h"
#include "util/mem.h"

const char *const twilio_track_names[TWILIO_TRACKS + 1] = {"inbound", "outbound", NULL};

// Three bytes of each four characters.
#define PAYLOAD_ROOM(length) (((length) / 4 + 1) * 3)

#define NUMBER_MAX ((int64_t)1 << 53)  // beyond it JavaScript's are not whole

// --- parts -----------------------------------------------------------------------------------

// Numbers come as strings; some of those who speak this send them as numbers.
static int number_read(const json_t *object, const char *key, int64_t *ret,
                       struct error *error) {
        const json_t *value = json_object_get(object, key);
        int64_t number;
        char *end;

        if (!value || json_is_null(value))
                return 0;
        if (json_is_integer(value)) {
                number = json_integer_value(value);
        } else if (json_is_string(value) && json_string_length(value) <= 18) {
                number = strtoll(json_string_value(value), &end, 10);
                if (*end || end == json_string_value(value))
                        return error_set(error, DIALECT_E_VALUE, "'%s': expected a number",
                                         key);
        } else {
                return error_set(error, DIALECT_E_TYPE, "'%s': expected a number", key);
        }
        if (number < -NUMBER_MAX || number > NUMBER_MAX)
                return error_set(error, DIALECT_E_VALUE, "'%s': expected a number below 2^53",
                                 key);
        *ret = number;
        return 0;
}

// An object within. NULL, with words: it is not there.
static const json_t *part_of(const json_t *object, const char *key, struct error *error) {
        const json_t *part = json_object_get(object, key);

        if (json_is_object(part))
                return part;
        error_set(error, DIALECT_E_MISSING, "'%s': an object is missing", key);
        return NULL;
}

// The track of that name. False: it is none.
static bool track_find(const char *name, enum twilio_track *ret) {
        for (unsigned i = 0; i < TWILIO_TRACKS; i++)
                if (strcmp(name, twilio_track_names[i]) == 0) {
                        *ret = i;
                        return true;
                }
        return false;
}

// --- start -----------------------------------------------------------------------------------

static int format_read(struct twilio_start *start, const json_t *format, struct error *error) {
        static const struct {
                const char *name;
                enum pcm_format format;
        } encodings[] = {{"audio/x-mulaw", PCM_MULAW}, {"audio/x-alaw", PCM_ALAW}};
        CLEANUP(mem_freep) char *encoding = NULL;
        int64_t rate = start->rate, channels = 1;
        int r;

        if ((r = json_read_string(format, "encoding", DIALECT_NAME_MAX, &encoding, error)) ||
            (r = number_read(format, "sampleRate", &rate, error)) ||
            (r = number_read(format, "channels", &channels, error)))
                return r;
        if (channels != 1 || rate < 1 || rate > INT32_MAX)
                return error_set(error, DIALECT_E_VALUE,
                                 "'mediaFormat': expected a rate, and one channel");
        start->rate = (unsigned)rate;
        for (size_t i = 0; encoding && i < sizeof(encodings) / sizeof(encodings[0]); i++)
                if (strcmp(encoding, encodings[i].name) == 0) {
                        start->format = encodings[i].format;
                        return 0;
                }
        return encoding ? error_set(error, DIALECT_E_VALUE,
                                    "'encoding': expected \"audio/x-mulaw\"")
                        : 0;
}

// Which come. Where nothing is said of that, it is who called.
static void tracks_read(struct twilio_start *start, const json_t *tracks) {
        const json_t *track;
        size_t i;

        start->has_track[TWILIO_INBOUND] = !json_array_size(tracks);
        json_array_foreach(tracks, i, track) {
                enum twilio_track which;

                if (json_is_string(track) && track_find(json_string_value(track), &which))
                        start->has_track[which] = true;
        }
}

// "inbound", "outbound" or "both", of those that come.
static int track_wish_read(struct twilio_start *start, const json_t *parameters,
                           struct error *error) {
        CLEANUP(mem_freep) char *wish = NULL;
        enum twilio_track which;
        int r = json_read_string(parameters, "track", DIALECT_NAME_MAX, &wish, error);

        if (r != 0 || !wish || strcmp(wish, "both") == 0)
                return r;
        if (!track_find(wish, &which))
                return error_set(error, DIALECT_E_VALUE,
                                 "'track': expected \"inbound\", \"outbound\" or \"both\"");
        if (!start->has_track[which])
                return error_set(error, DIALECT_E_VALUE,
                                 "'track': the stream was set up without the track %s", wish);
        for (unsigned i = 0; i < TWILIO_TRACKS; i++)
                start->has_track[i] = i == which;
        return 0;
}

static int parameters_read(struct twilio_start *start, const json_t *parameters,
                           struct error *error) {
        int r;

        if ((r = json_read_string(parameters, "token", DIALECT_NAME_MAX, &start->token,
                                  error)) ||
            (r = json_read_string(parameters, "name", DIALECT_NAME_MAX, &start->name, error)) ||
            (r = json_read_language(parameters, "language", &start->language, error)) ||
            (r = json_read_string(parameters, "prompt", DIALECT_STRING_MAX, &start->prompt,
                                  error)) ||
            (r = json_read_string(parameters, "keywords", DIALECT_STRING_MAX, &start->keywords,
                                  error)))
                return r;
        return track_wish_read(start, parameters, error);
}

// jansson's copy of it, too, however the rest is.
static void token_wipe(const json_t *object) {
        const json_t *start = json_object_get(object, "start");
        const json_t *parameters = json_object_get(start, "customParameters");
        const json_t *token = json_object_get(parameters, "token");

        if (json_is_string(token))
                explicit_bzero((void *)(uintptr_t)json_string_value(token),
                               json_string_length(token));
}

static int start_read(struct twilio_start *start, const json_t *object, struct error *error) {
        const json_t *body = part_of(object, "start", error), *parameters, *format;
        int r;

        start->format = PCM_MULAW;
        start->rate = 8000;
        if (!body)
                return DIALECT_E_MISSING;
        tracks_read(start, json_object_get(body, "tracks"));
        parameters = json_object_get(body, "customParameters");
        format = json_object_get(body, "mediaFormat");
        if ((r = json_read_string(body, "streamSid", DIALECT_NAME_MAX, &start->stream_sid,
                                  error)) ||
            (r = json_read_string(body, "callSid", DIALECT_NAME_MAX, &start->call_sid, error)))
                return r;
        if (format && (r = format_read(start, format, error)))
                return r;
        return parameters ? parameters_read(start, parameters, error) : 0;
}

static void start_deinit(struct twilio_start *start) {
        if (start->token)
                explicit_bzero(start->token, strlen(start->token));
        free(start->token);
        free(start->stream_sid);
        free(start->call_sid);
        free(start->name);
        free(start->language);
        free(start->prompt);
        free(start->keywords);
        *start = (struct twilio_start){0};
}

// --- media -----------------------------------------------------------------------------------

// Base64, whole.
static bool payload_read(struct twilio_media *media, const char *text, size_t n) {
        EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
        int length = 0, rest = 0;
        bool is_good;

        media->bytes = xcalloc(PAYLOAD_ROOM(n), 1);
        EVP_DecodeInit(context);
        is_good = EVP_DecodeUpdate(context, media->bytes, &length, (const unsigned char *)text,
                                   (int)n) >= 0 &&
                  EVP_DecodeFinal(context, media->bytes + length, &rest) >= 0;
        EVP_ENCODE_CTX_free(context);
        media->n = (size_t)length + (size_t)rest;
        return is_good;
}

static int media_read(struct twilio_media *media, const json_t *object, struct error *error) {
        const json_t *body = part_of(object, "media", error), *payload;
        CLEANUP(mem_freep) char *track = NULL;
        int r;

        if (!body)
                return DIALECT_E_MISSING;
        r = json_read_string(body, "track", DIALECT_NAME_MAX, &track, error);
        if (r != 0)
                return r;
        if (track && !track_find(track, &media->track))
                return error_set(error, DIALECT_E_VALUE,
                                 "'track': expected \"inbound\" or \"outbound\"");
        payload = json_object_get(body, "payload");
        if (!json_is_string(payload))
                return error_set(error, DIALECT_E_MISSING, "'payload': a string is missing");
        if (!payload_read(media, json_string_value(payload), json_string_length(payload)))
                return error_set(error, DIALECT_E_VALUE, "'payload': it is no base64");
        return 0;
}

// --- all of it -------------------------------------------------------------------------------

static enum twilio_event event_of(const char *name) {
        static const struct {
                const char *name;
                enum twilio_event event;
        } events[] = {{"connected", TWILIO_CONNECTED},
                      {"start", TWILIO_START},
                      {"media", TWILIO_MEDIA},
                      {"stop", TWILIO_STOP}};

        for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
                if (strcmp(name, events[i].name) == 0)
                        return events[i].event;
        return TWILIO_OTHER;
}

static int message_read(struct twilio_message *message, const json_t *object,
                        struct error *error) {
        const json_t *event = json_object_get(object, "event");
        int r;

        if (!json_is_string(event))
                return error_set(error, DIALECT_E_MISSING, "'event': a string is missing");
        message->event = event_of(json_string_value(event));
        r = number_read(object, "sequenceNumber", &message->sequence, error);
        if (r == 0 && message->event == TWILIO_START)
                r = start_read(&message->start, object, error);
        if (r == 0 && message->event == TWILIO_MEDIA)
                r = media_read(&message->media, object, error);
        return r;
}

int twilio_message_parse(struct twilio_message *ret, const char *text, size_t n,
                         struct error *error) {
        struct twilio_message message = {.event = TWILIO_OTHER};
        json_t *object = NULL;
        int r = json_object_parse(&object, text, n, error);

        *ret = message;
        if (r != 0)
                return r;
        r = message_read(&message, object, error);
        token_wipe(object);
        json_decref(object);
        if (r != 0)
                twilio_message_deinit(&message);
        *ret = message;
        return r;
}

void twilio_message_deinit(struct twilio_message *message) {
        start_deinit(&message->start);
        free(message->media.bytes);
        message->media = (struct twilio_media){0};
}
