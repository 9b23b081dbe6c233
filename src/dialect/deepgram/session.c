// The Deepgram dialect, live: sound from the first message on, results that tile its time line,
// Finalize, KeepAlive and CloseStream. Clients of the service come back after any close but
// 1000, so that is how all ends that was asked for.
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/deepgram/live_sound.h"
#include "dialect/deepgram/messages.h"
#include "dialect/deepgram/phrase.h"
#include "dialect/deepgram/results.h"
#include "dialect/deepgram/wish.h"
#include "dialect/session.h"
#include "util/log.h"
#include "util/mem.h"

#define LISTEN_PATH "/v1/listen"

// Neither sound nor KeepAlive: the service waits 10 s, which laptops that sleep for a moment do
// not keep.
#define SILENCE_PATIENCE (45 * NSEC_PER_SEC)

#define CODE_DONE     1000
#define CODE_UNUSABLE 1008
#define CODE_SILENT   1011
#define CODE_LOST     1011

#define UNKNOWN (-1)

// Of one channel, that are not answered; further ones are answered with the last.
#define FINALIZES_MAX 16

// A window that begins so soon behind one that was cut goes on with its speech.
#define CUT_GAP (AUDIO_RATE / 2)

// How far one channel of the sound has been told.
struct told_channel {
        int64_t done;             // all before it is in final results
        int64_t last_word_end;    // UNKNOWN: none was told since UtteranceEnd
        bool is_started;          // SpeechStarted was told of the window that is open
        int64_t closed_at;        // the end of its last window that was closed
        int64_t cut_at;           // likewise, which was cut; else UNKNOWN
        unsigned n_finalizing;    // so often Finalize was said and is not answered,
        int64_t finalize_at;      // the last time when so many samples had come
        int64_t finalize_window;  // the end of the last window that was closed then
};

struct deepgram {
        struct session *session;
        struct deepgram_wish wish;
        char request_id[DEEPGRAM_ID_MAX];
        nsec_t created;
        struct live_sound *sound;
        EVP_MD_CTX *sum;  // of the bytes that came
        struct loop_timer *silence;
        struct told_channel channels[SESSION_CHANNELS_MAX];
        const char *reason;  // of the close, in the service's words; NULL: none
        uint16_t code;       // that it has then where the client is refused
};

// --- results ---------------------------------------------------------------------------------

static void result_send(struct deepgram *deepgram, unsigned channel,
                        struct deepgram_result *result) {
        struct session *session = deepgram->session;
        size_t n;
        char *text;

        result->request_id = deepgram->request_id;
        result->channel = channel;
        result->n_channels = session->n_channels;
        text = deepgram_encode_result(result, &n);
        session_send(session, text, n);
}

static void interim_tell(struct deepgram *deepgram, unsigned channel,
                         const struct update *update) {
        const struct told_channel *told = &deepgram->channels[channel];
        struct deepgram_result result = {
                .begin = told->done,
                .end = update->tail->end > told->done ? update->tail->end : told->done,
                .segments = update->tail,
                .n_segments = 1,
        };

        if (deepgram->wish.options.wants_partials && update->tail->text[0])
                result_send(deepgram, channel, &result);
}

static int64_t last_word_end(const struct segment *segment) {
        return segment->n_words > 0 ? segment->words[segment->n_words - 1].end : segment->end;
}

// So much sound without a word behind the last one.
static void utterance_consider(struct deepgram *deepgram, unsigned channel) {
        struct session *session = deepgram->session;
        struct told_channel *told = &deepgram->channels[channel];
        const struct stream *stream = session->channels[channel].stream;
        int64_t patience = (int64_t)deepgram->wish.utterance_end * (AUDIO_RATE / 1000);
        size_t n;
        char *text;

        if (deepgram->wish.utterance_end == 0 || told->last_word_end == UNKNOWN ||
            stream_is_speaking(stream) || stream_backlog(stream) > 0 ||
            stream_position(stream) - told->last_word_end < patience)
                return;
        text = deepgram_encode_utterance_end(channel, session->n_channels, told->last_word_end,
                                             &n);
        told->last_word_end = UNKNOWN;
        session_send(session, text, n);
}

// `is_last`: it answers Finalize.
static void final_tell(struct deepgram *deepgram, unsigned channel, const struct update *update,
                       bool is_last) {
        struct told_channel *told = &deepgram->channels[channel];
        bool is_multi = deepgram->wish.is_multi || deepgram->wish.detects_language;
        int64_t end = update->closed_at > told->done ? update->closed_at : told->done;
        struct deepgram_result result = {
                .begin = told->done,
                .end = end,
                .is_final = true,
                .is_speech_final = update->is_pause && deepgram->wish.has_endpoints,
                .is_from_finalize = is_last,
                .segments = update->finals,
                .n_segments = update->n_finals,
                .language = is_multi ? update->language : NULL,
        };

        result_send(deepgram, channel, &result);
        told->done = end;
        told->n_finalizing -= is_last;
        if (update->n_finals > 0)
                told->last_word_end = last_word_end(&update->finals[update->n_finals - 1]);
        utterance_consider(deepgram, channel);
}

static void update_tell(struct session *session, unsigned channel,
                        const struct update *update) {
        struct deepgram *deepgram = session->state;
        const struct stream *stream = session->channels[channel].stream;
        const struct told_channel *told = &deepgram->channels[channel];
        bool is_last = told->n_finalizing > 0 && (stream_backlog(stream) == 0 ||
                                                  update->closed_at == told->finalize_window);

        if (update->closed_at > 0)
                final_tell(deepgram, channel, update, is_last);
        else
                interim_tell(deepgram, channel, update);
}

// Finalize is answered though nothing was to be said.
static void finalize_answer(struct deepgram *deepgram, unsigned channel) {
        struct told_channel *told = &deepgram->channels[channel];
        struct deepgram_result result = {
                .begin = told->done,
                .end = told->finalize_at > told->done ? told->finalize_at : told->done,
                .is_final = true,
                .is_speech_final = deepgram->wish.has_endpoints,
                .is_from_finalize = true,
        };

        told->done = result.end;
        for (; told->n_finalizing > 0; told->n_finalizing--) {
                result_send(deepgram, channel, &result);
                result.begin = result.end;
        }
}

static void deepgram_on_idle(struct session *session) {
        struct deepgram *deepgram = session->state;

        for (unsigned i = 0; i < session->n_channels; i++)
                if (deepgram->channels[i].n_finalizing > 0 &&
                    stream_backlog(session->channels[i].stream) == 0)
                        finalize_answer(deepgram, i);
}

// --- somebody speaks, or not -----------------------------------------------------------------

// Once of each window, which may be closed without having begun. Where one was cut since it was
// too long, the next goes on with the same speech.
static void window_tell(struct session *session, unsigned channel,
                        const struct observer_window *window) {
        struct deepgram *deepgram = session->state;
        struct told_channel *told = &deepgram->channels[channel];
        bool goes_on = told->cut_at != UNKNOWN && window->begin - told->cut_at < CUT_GAP;
        size_t n;
        char *text;

        if (!(window->is_closed && told->is_started) && !goes_on &&
            deepgram->wish.has_vad_events) {
                text = deepgram_encode_speech_started(channel, window->begin, &n);
                session_send(session, text, n);
        }
        told->is_started = !window->is_closed;
        if (!window->is_closed)
                return;
        told->closed_at = window->end;
        told->cut_at = window->is_cut ? window->end : UNKNOWN;
}

// --- observers: of the one stream there is, or of each channel's -----------------------------

static void single_on_update(void *state, const struct stream_facts *facts,
                             const struct update *update) {
        (void)facts;
        update_tell(state, 0, update);
}

static void single_on_window(void *state, const struct observer_window *window) {
        window_tell(state, 0, window);
}

static const struct observer_ops single_observer = {
        .name = "deepgram",
        .on_update = single_on_update,
        .on_window = single_on_window,
};

static void channel_on_update(void *state, const struct stream_facts *facts,
                              const struct update *update) {
        const struct session_channel *channel = state;

        (void)facts;
        update_tell(channel->session, channel->index, update);
}

static void channel_on_window(void *state, const struct observer_window *window) {
        const struct session_channel *channel = state;

        window_tell(channel->session, channel->index, window);
}

static const struct observer_ops channel_observer = {
        .name = "deepgram",
        .on_update = channel_on_update,
        .on_window = channel_on_window,
};

// --- the end ---------------------------------------------------------------------------------

static void deepgram_refuse(struct session *session, const char *words, nsec_t retry) {
        const struct deepgram *deepgram = session->state;
        const char *variant = deepgram && deepgram->reason ? deepgram->reason : "Refused";
        size_t n;
        char *text = deepgram_encode_error(variant, words, NULL, &n);

        (void)retry;
        session_send(session, text, n);
        if (deepgram && deepgram->reason)
                session_close(session, deepgram->code, deepgram->reason);
}

// Send away for one of the service's reasons.
static void deepgram_send_away(struct deepgram *deepgram, uint16_t code, const char *reason,
                               const char *words) {
        deepgram->code = code;
        deepgram->reason = reason;
        session_refuse(deepgram->session, code, words, 0);
}

static void deepgram_goodbye(struct session *session, uint16_t code) {
        struct deepgram *deepgram = session->state;
        char digits[DEEPGRAM_DIGITS_MAX];
        struct deepgram_metadata metadata;
        size_t n;
        char *text;

        if (deepgram && session->stream) {
                metadata = (struct deepgram_metadata){
                        .request_id = deepgram->request_id,
                        .sha256 = deepgram_digits_write(deepgram->sum, digits),
                        .created = deepgram->created,
                        .duration = stream_position(session->stream),
                };
                if (metadata.duration > 0)
                        metadata.n_channels = session->n_channels;
                text = deepgram_encode_metadata(&metadata, &n);
                session_send(session, text, n);
        }
        session_close(session, code, deepgram && deepgram->reason ? deepgram->reason : "");
}

static void deepgram_on_silence(void *context) {
        struct deepgram *deepgram = context;
        const struct session *session = deepgram->session;

        // It is we who do not read.
        if (session->n_paused > 0 || session->is_held) {
                loop_timer_set(deepgram->silence, SILENCE_PATIENCE);
                return;
        }
        if (!session->is_leaving)
                deepgram_send_away(deepgram, CODE_SILENT, "NET-0001",
                                   "neither sound nor KeepAlive came for 45 s");
}

// --- a client comes --------------------------------------------------------------------------

static bool deepgram_matches(const struct http_request *request) {
        size_t n = strlen(LISTEN_PATH);

        return strncmp(request->path, LISTEN_PATH, n) == 0 &&
               (request->path[n] == '\0' || strcmp(request->path + n, "/") == 0);
}

static char *deepgram_judge(const struct http_request *request, int *ret_status) {
        struct deepgram_wish wish;
        struct error error;
        int code = deepgram_wish_read(&wish, request->query, &error);

        *ret_status = 400;
        deepgram_wish_deinit(&wish);
        return code < 0 ? xstrdup(error.text) : NULL;
}

static char *deepgram_headers(const struct http_request *request) {
        char id[DEEPGRAM_ID_MAX];

        deepgram_id_of(request, id);
        return xasprintf("dg-request-id: %s\r\n", id);
}

static void sound_on_samples(void *context, const uint8_t *bytes, size_t n) {
        struct session *session = context;
        const struct deepgram *deepgram = session->state;

        if (session->is_closing)
                return;
        session_feed(session, bytes, n);
        if (session->n_paused > 0)
                live_sound_pause(deepgram->sound);
        for (unsigned i = 0; i < session->n_channels; i++)
                utterance_consider(session->state, i);
}

static void finalize_begin(struct told_channel *told, struct session_channel *channel) {
        session_channel_settle(channel);
        told->finalize_at = stream_position(channel->stream);
        if (told->n_finalizing < FINALIZES_MAX)
                told->n_finalizing++;
}

static void sound_on_finalized(void *context, int channel) {
        struct session *session = context;
        struct deepgram *deepgram = session->state;

        if (session->is_closing)
                return;
        for (unsigned i = 0; i < session->n_channels; i++)
                if (channel == DEEPGRAM_ALL_CHANNELS || i == (unsigned)channel)
                        finalize_begin(&deepgram->channels[i], &session->channels[i]);
        if (channel == DEEPGRAM_ALL_CHANNELS)
                session_flush(session);
        else
                session_channel_flush(&session->channels[channel]);
        // What is said behind it may be heard before this is answered.
        for (unsigned i = 0; i < session->n_channels; i++)
                if (channel == DEEPGRAM_ALL_CHANNELS || i == (unsigned)channel)
                        deepgram->channels[i].finalize_window = deepgram->channels[i].closed_at;
}

static void sound_on_want(void *context, bool is_wanted) {
        struct session *session = context;

        if (!is_wanted || (session->n_paused == 0 && !session->is_held))
                session_read(session, is_wanted);
}

// What was heard before the sound broke off is told as at any other end.
static void sound_is_lost(struct deepgram *deepgram, const struct error *error) {
        struct session *session = deepgram->session;
        bool is_ours = error->code == -EAGAIN;
        uint16_t code = is_ours ? CODE_LOST : CODE_UNUSABLE;
        const char *reason = is_ours ? "NET-0000" : "DATA-0000";
        size_t n;
        char *text;

        if (stream_position(session->stream) == 0) {
                deepgram_send_away(deepgram, code, reason, error->text);
                return;
        }
        log_info(session->base.about, "sound-lost", "%s", error->text);
        text = deepgram_encode_error(reason, error->text, NULL, &n);
        session_send(session, text, n);
        deepgram->reason = reason;
        session_leave(session, code);
}

// The sound is no sound, or broke off, or the media process has read all of it.
static void sound_on_end(void *context, const struct error *error) {
        struct session *session = context;

        if (error && !session->is_leaving)
                sound_is_lost(session->state, error);
        else
                session_leave(session, CODE_DONE);
}

static int streams_open(struct deepgram *deepgram, struct error *error) {
        const struct deepgram_wish *wish = &deepgram->wish;
        struct session *session = deepgram->session;
        struct request request = {.name = deepgram->request_id};

        client_options_apply(&wish->options, &request);
        if (wish->detects_language)
                request.language = "";
        live_sound_shape(wish, &request);
        return wish->is_multichannel
                       ? session_channels_open(session, &request, &channel_observer, error)
                       : session_stream_open(session, &request, &single_observer, error);
}

static void sound_open(struct deepgram *deepgram) {
        const struct live_sound_listener listener = {
                .on_samples = sound_on_samples,
                .on_finalized = sound_on_finalized,
                .on_end = sound_on_end,
                .on_want = sound_on_want,
                .context = deepgram->session,
        };

        deepgram->sound = live_sound_open(
                &deepgram->wish, hub_parts(deepgram->session->hub)->uploads, &listener);
}

static void deepgram_begin(struct session *session, const struct http_request *request) {
        struct deepgram *deepgram = session->state = xnew(struct deepgram);
        struct error error;

        deepgram->session = session;
        deepgram->created = session_wall(session);
        deepgram_id_of(request, deepgram->request_id);
        for (unsigned i = 0; i < SESSION_CHANNELS_MAX; i++)
                deepgram->channels[i].last_word_end = deepgram->channels[i].cut_at = UNKNOWN;
        if (deepgram_wish_read(&deepgram->wish, request->query, &error) < 0) {
                session_refuse(session, CODE_UNUSABLE, error.text, 0);
                return;
        }
        if (!session_admit(session))
                return;
        if (streams_open(deepgram, &error) < 0) {
                session_refuse(session, CODE_UNUSABLE, error.text, 0);
                return;
        }
        sound_open(deepgram);
        deepgram->sum = EVP_MD_CTX_new();
        EVP_DigestInit_ex(deepgram->sum, EVP_sha256(), NULL);
        deepgram->silence =
                loop_timer_new(hub_parts(session->hub)->loop, deepgram_on_silence, deepgram);
        loop_timer_set(deepgram->silence, SILENCE_PATIENCE);
        session_started(session, "Deepgram client");
}

// --- what it says ----------------------------------------------------------------------------

static void deepgram_on_binary(struct session *session, const struct websocket_piece *piece) {
        struct deepgram *deepgram = session->state;

        loop_timer_set(deepgram->silence, SILENCE_PATIENCE);
        // The old way to say CloseStream.
        if (piece->n == 0 && websocket_piece_is_whole(piece)) {
                live_sound_end(deepgram->sound);
                return;
        }
        EVP_DigestUpdate(deepgram->sum, piece->bytes, piece->n);
        live_sound_take(deepgram->sound, piece);
}

static void deepgram_configure(const struct deepgram *deepgram,
                               const struct deepgram_message *message) {
        size_t n;
        char *text = message->has_keyterms
                             ? deepgram_encode_configure_failure(
                                       deepgram->request_id, "CONFIGURE_KEYTERMS_NOT_SUPPORTED",
                                       "keyterms are taken when the stream is opened", &n)
                             : deepgram_encode_configured(deepgram->request_id, &n);

        session_send(deepgram->session, text, n);
}

static void deepgram_finalize(struct deepgram *deepgram, int channel) {
        CLEANUP(mem_freep) char *words = NULL;
        unsigned n_channels = deepgram->session->n_channels;
        size_t n;
        char *text;

        if (channel == DEEPGRAM_ALL_CHANNELS || (unsigned)channel < n_channels) {
                live_sound_finalize(deepgram->sound, channel);
                return;
        }
        words = xasprintf("'channel': there is no channel %d; the first of %u is 0", channel,
                          n_channels);
        text = deepgram_encode_error("SchemaError", words, NULL, &n);
        session_send(deepgram->session, text, n);
}

static void deepgram_on_text(struct session *session, const char *text, size_t n) {
        struct deepgram *deepgram = session->state;
        struct deepgram_message message;
        struct error error;

        if (deepgram_message_read(&message, text, n, &error) != 0) {
                CLEANUP(mem_freep) char *said = xasprintf("%.*s", n < 200 ? (int)n : 200, text);
                size_t n_answer;
                char *answer =
                        deepgram_encode_error("SchemaError", error.text, said, &n_answer);

                session_send(session, answer, n_answer);
                return;
        }
        loop_timer_set(deepgram->silence, SILENCE_PATIENCE);
        switch (message.type) {
        case DEEPGRAM_KEEP_ALIVE:
                break;
        case DEEPGRAM_FINALIZE:
                deepgram_finalize(deepgram, message.channel);
                break;
        case DEEPGRAM_CLOSE_STREAM:
                live_sound_end(deepgram->sound);
                break;
        case DEEPGRAM_CONFIGURE:
                deepgram_configure(deepgram, &message);
                break;
        }
}

static void deepgram_on_relief(struct session *session) {
        const struct deepgram *deepgram = session->state;

        if (deepgram->sound)
                live_sound_resume(deepgram->sound);
}

// Samples of 32 bits are floats.
static void deepgram_on_implausible(struct session *session) {
        struct deepgram *deepgram = session->state;

        if (!session->is_leaving)
                deepgram_send_away(deepgram, CODE_UNUSABLE, "DATA-0000",
                                   "the sound is no float32 within -1..1: is it linear16?");
}

static void deepgram_close(struct session *session) {
        struct deepgram *deepgram = session->state;

        if (!deepgram)
                return;
        deepgram->sound = live_sound_close(deepgram->sound);
        deepgram->silence = loop_timer_free(deepgram->silence);
        EVP_MD_CTX_free(deepgram->sum);
        deepgram_wish_deinit(&deepgram->wish);
        session->state = mem_free(deepgram);
}

const struct dialect dialect_deepgram = {
        .name = "deepgram",
        .scope = SCOPE_LISTEN,
        .matches_request = deepgram_matches,
        .key = KEY_IS_A_HABIT,
        .judge = deepgram_judge,
        .headers = deepgram_headers,
        .phrase = deepgram_phrase,
        .begin = deepgram_begin,
        .on_text = deepgram_on_text,
        .on_binary = deepgram_on_binary,
        .on_idle = deepgram_on_idle,
        .on_relief = deepgram_on_relief,
        .on_implausible = deepgram_on_implausible,
        .refuse = deepgram_refuse,
        .goodbye = deepgram_goodbye,
        .close = deepgram_close,
};
