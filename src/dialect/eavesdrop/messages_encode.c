#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "dialect/eavesdrop/messages.h"
#include "dialect/json_text.h"
#include "dialect/segment_time.h"
#include "util/mem.h"

#define SEEK_SAMPLES (AUDIO_RATE / 100)  // faster-whisper counts `seek` in mel frames of 10 ms

// --- messages ------------------------------------------------------------------

static struct json_text message_open(nsec_t wall, const char *type, const char *stream) {
        struct json_text text = {0};

        json_text_open(&text, NULL, '{');
        json_text_seconds(&text, "timestamp", wall / NSEC_PER_MSEC);
        json_text_string(&text, "type", type);
        json_text_string(&text, "stream", stream);
        return text;
}

static char *message_finish(struct json_text *text, size_t *ret_n) {
        json_text_close(text, '}');
        return json_text_finish(text, ret_n);
}

char *eavesdrop_encode_ready(nsec_t wall, const char *stream, size_t *ret_n) {
        struct json_text text = message_open(wall, "server_ready", stream);

        json_text_string(&text, "backend", "faster_whisper");
        return message_finish(&text, ret_n);
}

static void tokens_write(struct json_text *text, const struct segment *segment) {
        json_text_open(text, "tokens", '[');
        for (size_t i = 0; i < segment->n_tokens; i++)
                json_text_unsigned(text, NULL, (uint64_t)(uint32_t)segment->tokens[i]);
        json_text_close(text, ']');
}

static void segment_write(struct json_text *text, const struct segment *segment, int64_t origin,
                          const struct segment_time *time) {
        int64_t seek = segment->begin > origin ? (segment->begin - origin) / SEEK_SAMPLES : 0;

        json_text_open(text, NULL, '{');
        json_text_unsigned(text, "id", segment->id);
        json_text_unsigned(text, "seek", (uint64_t)seek);
        json_text_seconds(text, "start", time->begin_ms);
        json_text_seconds(text, "end", time->end_ms);
        json_text_string(text, "text", segment->text);
        tokens_write(text, segment);
        json_text_real(text, "avg_logprob", (double)segment->avg_logprob);
        json_text_real(text, "compression_ratio", (double)segment->compression_ratio);
        segment_time_write_words(time, text, segment, origin, false);
        json_text_real(text, "temperature", (double)segment->temperature);
        json_text_bool(text, "completed", segment->is_final);
        json_text_real(text, "avg_probability", exp((double)segment->avg_logprob));
        json_text_seconds(text, "duration", time->end_ms - time->begin_ms);
        json_text_close(text, '}');
}

static void segments_write(struct json_text *text,
                           const struct eavesdrop_transcription *transcription) {
        static char nothing[] = "";
        const struct segment *tail = transcription->tail;
        size_t n_finals = transcription->n_finals;
        struct segment empty = {
                .id = segment_id_first(), .begin = transcription->origin, .text = nothing};
        struct segment_time time = {0};

        json_text_open(text, "segments", '[');
        for (size_t i = 0; i < n_finals; i++) {
                time = segment_time_after(transcription->finals[i], transcription->origin,
                                          time.end_ms);
                segment_write(text, transcription->finals[i], transcription->origin, &time);
        }
        if (!tail || !tail->text[0]) {
                if (tail)
                        empty.begin = tail->end;
                else if (n_finals)
                        empty.begin = transcription->finals[n_finals - 1]->end;
                empty.end = empty.begin;
                tail = &empty;
        }
        time = segment_time_after(tail, transcription->origin, time.end_ms);
        segment_write(text, tail, transcription->origin, &time);
        json_text_close(text, ']');
}

char *eavesdrop_encode_transcription(nsec_t wall,
                                     const struct eavesdrop_transcription *transcription,
                                     size_t *ret_n) {
        struct json_text text = message_open(wall, "transcription", transcription->stream);

        segments_write(&text, transcription);
        if (transcription->language && transcription->language[0])
                json_text_string(&text, "language", transcription->language);
        json_text_string(&text, "recording_id", transcription->recording_id);
        if (transcription->is_flush_complete)
                json_text_bool(&text, "flush_complete", true);
        return message_finish(&text, ret_n);
}

char *eavesdrop_encode_language(nsec_t wall, const char *stream, const char *language,
                                float probability, size_t *ret_n) {
        struct json_text text = message_open(wall, "language_detection", stream);

        json_text_string(&text, "language", language);
        json_text_real(&text, "language_prob", (double)probability);
        return message_finish(&text, ret_n);
}

static char *words_encode(nsec_t wall, const char *type, const char *stream, const char *words,
                          size_t *ret_n) {
        struct json_text text = message_open(wall, type, stream);

        json_text_string(&text, "message", words);
        return message_finish(&text, ret_n);
}

char *eavesdrop_encode_error(nsec_t wall, const char *stream, const char *text, size_t *ret_n) {
        return words_encode(wall, "error", stream, text, ret_n);
}

char *eavesdrop_encode_disconnect(nsec_t wall, const char *stream, const char *text,
                                  size_t *ret_n) {
        return words_encode(wall, "disconnect", stream, text, ret_n);
}

char *eavesdrop_encode_status(nsec_t wall, const char *stream, enum eavesdrop_status status,
                              const char *text, size_t *ret_n) {
        static const char *const names[] = {
                [EAVESDROP_ONLINE] = "online",
                [EAVESDROP_OFFLINE] = "offline",
                [EAVESDROP_ERROR] = "error",
        };
        struct json_text message = message_open(wall, "stream_status", stream);

        json_text_string(&message, "status", names[status]);
        json_text_string(&message, "message", text);
        return message_finish(&message, ret_n);
}

// --- refusals ------------------------------------------------------------------

// The original's words; what stands after a colon at the end is the detail.
static const char *const refusals[] = {
        [EAVESDROP_E_FLUSH_EARLY] = "Flush rejected: control_flush is unavailable before live "
                                    "transcriber setup completes",
        [EAVESDROP_E_RECORDING_EARLY] =
                "Recording start rejected: control_recording_started is unavailable before "
                "live transcriber setup completes",
        [EAVESDROP_E_CANCEL_EARLY] =
                "Utterance cancel rejected: control_utterance_cancelled is unavailable before "
                "live transcriber setup completes",
        [EAVESDROP_E_FLUSH_IN_FILE] =
                "Flush rejected: control_flush is unsupported during file upload",
        [EAVESDROP_E_RECORDING_IN_FILE] = "Recording start rejected: control_recording_started "
                                          "is unsupported during file upload",
        [EAVESDROP_E_CANCEL_IN_FILE] = "Utterance cancel rejected: control_utterance_cancelled "
                                       "is unsupported during file upload",
        [EAVESDROP_E_FLUSH_BY_SUBSCRIBER] = "Flush rejected: control_flush is unsupported for "
                                            "RTSP subscriber sessions",
        [EAVESDROP_E_RECORDING_BY_SUBSCRIBER] =
                "Recording start rejected: control_recording_started is unsupported for RTSP "
                "subscriber sessions",
        [EAVESDROP_E_CANCEL_BY_SUBSCRIBER] =
                "Utterance cancel rejected: control_utterance_cancelled is unsupported for "
                "RTSP subscriber sessions",
        [EAVESDROP_E_WORDS_IN_TRANSLATION] =
                "Setup rejected: word timestamps are unavailable in translate mode",
        [EAVESDROP_E_MODEL] = "Failed to load model",
        [EAVESDROP_E_AUDIO_EARLY] = "Live audio rejected: control_recording_started is "
                                    "required before audio frames",
        [EAVESDROP_E_CONTROL_EARLY] = "Live control rejected: control_recording_started is "
                                      "required before live controls",
        [EAVESDROP_E_RECORDING_ID] = "Live control rejected: recording_id does not match the "
                                     "active recording epoch",
        [EAVESDROP_E_FLUSH_PENDING] = "Flush rejected: another flush is already pending",
        [EAVESDROP_E_CONTROL_INVALID] = "Invalid live control frame",
        [EAVESDROP_E_CONTROL_UNSUPPORTED] = "Flush rejected: unsupported live control message",
        [EAVESDROP_E_TEXT_IN_FILE] = "Unexpected text frame during file upload",
        [EAVESDROP_E_FILE_FAILED] = "File-mode transcription failed",
        [EAVESDROP_E_NO_STREAMS] =
                "RTSP subscription not available: no RTSP streams configured",
        [EAVESDROP_E_NAMES_REQUIRED] = "X-Stream-Names header is required for RTSP subscribers",
        [EAVESDROP_E_NAMES_INVALID] = "No valid stream names provided in X-Stream-Names header",
};

static bool refusal_has_detail(enum eavesdrop_refusal refusal) {
        return refusal == EAVESDROP_E_MODEL || refusal == EAVESDROP_E_CONTROL_UNSUPPORTED ||
               refusal == EAVESDROP_E_TEXT_IN_FILE || refusal == EAVESDROP_E_FILE_FAILED;
}

char *eavesdrop_refusal_text(enum eavesdrop_refusal refusal, const char *detail) {
        if (detail && refusal_has_detail(refusal))
                return xasprintf("%s: %s", refusals[refusal], detail);
        return xstrdup(refusals[refusal]);
}

enum eavesdrop_refusal eavesdrop_control_refusal(enum eavesdrop_type type,
                                                 enum eavesdrop_place place) {
        static const enum eavesdrop_refusal firsts[] = {
                [EAVESDROP_BEFORE_SETUP] = EAVESDROP_E_FLUSH_EARLY,
                [EAVESDROP_IN_FILE] = EAVESDROP_E_FLUSH_IN_FILE,
                [EAVESDROP_IN_SUBSCRIPTION] = EAVESDROP_E_FLUSH_BY_SUBSCRIBER,
        };
        int offset = type == EAVESDROP_RECORDING_STARTED     ? 1
                     : type == EAVESDROP_UTTERANCE_CANCELLED ? 2
                                                             : 0;

        return (enum eavesdrop_refusal)((int)firsts[place] + offset);
}

static char *names_join(const struct eavesdrop_names *names) {
        char *joined = xstrdup("");

        for (size_t i = 0; i < names->n; i++) {
                char *longer = xasprintf("%s%s%s", joined, i ? ", " : "", names->items[i]);

                free(joined);
                joined = longer;
        }
        return joined;
}

char *eavesdrop_unknown_streams_text(const struct eavesdrop_names *unknown,
                                     const struct eavesdrop_names *available) {
        CLEANUP(mem_freep) char *strangers = names_join(unknown);
        CLEANUP(mem_freep) char *known = names_join(available);

        if (available->n == 0)
                return xasprintf("Unknown streams: %s", strangers);
        return xasprintf("Unknown streams: %s. Available streams: %s", strangers, known);
}
