#include "dialect/deepgram/live_sound.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/deepgram/packets.h"
#include "source/media.h"
#include "util/budget.h"
#include "util/mem.h"

// So long the media process may have sound that it has been given: Finalize waits until none
// has come for that time; but where the client speaks on, no longer than FINALIZE_LATEST.
#define FINALIZE_PATIENCE (250 * NSEC_PER_MSEC)
#define FINALIZE_LATEST   (500 * NSEC_PER_MSEC)

#define FINALIZES_MAX 16  // that wait at a time; further ones are answered with the last

// What a process that decodes costs in the budget: no number of clients can start any number of
// them.
#define DECODER_BYTES ((size_t)1024 * 1024)

struct finalizing {
        int channel;      // as Finalize said
        uint64_t behind;  // so many bytes
        nsec_t since;     // when they were taken, as far as is known
};

struct live_sound {
        struct live_sound_listener listener;
        enum deepgram_sound kind;
        unsigned channels;               // of what is handed on
        unsigned rate, packet_channels;  // of packets, as the client says

        // Of sound that is decoded:
        const struct upload_services *services;
        struct media *media;      // NULL: no byte has come, or it is over
        size_t charged;           // for it
        struct packets *packets;  // what comes is one packet in each message
        uint64_t n_written, n_samples;
        bool is_full;     // the media process takes no more for now
        bool is_paused;   // nothing is to be handed on
        uint8_t *packet;  // that comes in pieces
        size_t n_packet;
        struct loop_timer *timer;  // of Finalize
        nsec_t quiet_since;        // the last samples, or the last Finalize
        struct finalizing finalizing[FINALIZES_MAX];
        size_t n_finalizing;

        bool is_ended;    // no more is taken
        bool is_over;     // on_end was called
        bool is_calling;  // on_samples or on_end is being called
        bool is_closed;
};

static unsigned channels_of(const struct deepgram_wish *wish) {
        if (wish->sound == DEEPGRAM_RAW)
                return wish->channels ? wish->channels : 1;
        if (!wish->is_multichannel)
                return 1;
        // What a container holds is known too late for its streams.
        return wish->channels ? wish->channels : 2;
}

void live_sound_shape(const struct deepgram_wish *wish, struct request *ret) {
        bool is_raw = wish->sound == DEEPGRAM_RAW;

        ret->format = is_raw ? wish->format : PCM_F32;
        ret->rate = is_raw ? wish->rate : 0;
        ret->channels = channels_of(wish);
}

// --- what the media process tells ------------------------------------------------------------

static void sound_free(struct live_sound *sound) {
        sound->timer = loop_timer_free(sound->timer);
        sound->packets = packets_free(sound->packets);
        free(sound->packet);
        free(sound);
}

// It may have been closed in the call.
static void call_end(struct live_sound *sound) {
        sound->is_calling = false;
        if (sound->is_closed)
                sound_free(sound);
}

static void finalized_tell(struct live_sound *sound) {
        int channel = sound->finalizing[0].channel;

        sound->n_finalizing--;
        memmove(sound->finalizing, sound->finalizing + 1,
                sound->n_finalizing * sizeof(sound->finalizing[0]));
        sound->listener.on_finalized(sound->listener.context, channel);
}

static void decoder_close(struct live_sound *sound) {
        sound->media = media_close(sound->media);
        budget_refund(sound->services->budget, BUDGET_UPLOADS, sound->charged);
        sound->charged = 0;
}

static void end_tell(struct live_sound *sound, const struct error *error) {
        if (sound->is_over)
                return;
        sound->is_over = sound->is_ended = true;
        sound->is_calling = true;
        while (sound->n_finalizing > 0)
                finalized_tell(sound);
        sound->listener.on_end(sound->listener.context, error);
        call_end(sound);
}

// Bytes that the media process has taken.
static uint64_t bytes_taken(const struct live_sound *sound) {
        return sound->n_written - media_pending(sound->media);
}

static void finalize_await(struct live_sound *sound) {
        nsec_t latest, wait = FINALIZE_PATIENCE;

        if (sound->n_finalizing == 0)
                return;
        latest = sound->finalizing[0].since + FINALIZE_LATEST - loop_now(sound->services->loop);
        if (latest < wait)
                wait = latest > 0 ? latest : 0;
        loop_timer_set(sound->timer, wait);
}

static void sound_is_inflated(struct live_sound *sound) {
        struct error error;

        decoder_close(sound);
        error_set(&error, -EFBIG, "more sound than so few bytes can hold");
        end_tell(sound, &error);
}

static void media_on_samples(void *context, const float *samples, size_t n) {
        struct live_sound *sound = context;

        sound->n_samples += n / sound->channels;
        if (upload_bytes_inflate(bytes_taken(sound), UPLOAD_PIPE_BYTES, sound->n_samples)) {
                sound_is_inflated(sound);
                return;
        }
        sound->quiet_since = loop_now(sound->services->loop);
        finalize_await(sound);
        sound->is_calling = true;
        sound->listener.on_samples(sound->listener.context, (const uint8_t *)samples,
                                   n * sizeof(*samples));
        call_end(sound);
}

static void media_on_end(void *context, const struct error *error) {
        struct live_sound *sound = context;

        decoder_close(sound);
        end_tell(sound, error);
}

static void media_on_drain(void *context) {
        struct live_sound *sound = context;

        sound->is_full = false;
        sound->listener.on_want(sound->listener.context, true);
}

static void sound_write(void *context, const uint8_t *bytes, size_t n) {
        struct live_sound *sound = context;

        if (!sound->media)
                return;
        sound->n_written += n;
        if (media_write(sound->media, bytes, n) || sound->is_full)
                return;
        sound->is_full = true;
        sound->listener.on_want(sound->listener.context, false);
}

// --- what the client sends -------------------------------------------------------------------

static bool begins_with(const struct websocket_piece *piece, const char *magic) {
        return piece->n >= strlen(magic) && memcmp(piece->bytes, magic, strlen(magic)) == 0;
}

static void text_write(struct live_sound *sound, const char *text) {
        sound_write(sound, (const uint8_t *)text, strlen(text));
}

// Its first bytes tell what is to be put before them, or around each.
static void sound_begin(struct live_sound *sound, const struct websocket_piece *piece) {
        bool is_packets = sound->kind == DEEPGRAM_OPUS || sound->kind == DEEPGRAM_SPEEX;

        if (is_packets && !begins_with(piece, "OggS"))
                sound->packets =
                        packets_new(sound->kind == DEEPGRAM_OPUS ? PACKETS_OPUS : PACKETS_SPEEX,
                                    sound->rate, sound->packet_channels, sound_write, sound);
        else if (sound->kind == DEEPGRAM_AMR_NB && !begins_with(piece, "#!AMR"))
                text_write(sound, "#!AMR\n");
        else if (sound->kind == DEEPGRAM_AMR_WB && !begins_with(piece, "#!AMR"))
                text_write(sound, "#!AMR-WB\n");
}

// A packet is a message; longer ones than any codec has are left out.
static void packet_take(struct live_sound *sound, const struct websocket_piece *piece) {
        if (websocket_piece_is_whole(piece)) {
                packets_add(sound->packets, piece->bytes, piece->n);
                return;
        }
        if (piece->is_first)
                sound->n_packet = 0;
        if (!sound->packet)
                sound->packet = (uint8_t *)xcalloc(PACKET_MAX, 1);
        if (sound->n_packet <= PACKET_MAX && piece->n <= PACKET_MAX - sound->n_packet) {
                memcpy(sound->packet + sound->n_packet, piece->bytes, piece->n);
                sound->n_packet += piece->n;
        } else {
                sound->n_packet = PACKET_MAX + 1;
        }
        if (piece->is_last)
                packets_add(sound->packets, sound->packet, sound->n_packet);
}

// Not before something comes: who only connects shall not start processes.
static int decoder_open(struct live_sound *sound, struct error *error) {
        const struct media_listener listener = {
                .on_samples = media_on_samples,
                .on_end = media_on_end,
                .on_drain = media_on_drain,
                .context = sound,
        };
        const char *extension = sound->kind == DEEPGRAM_G729 ? "g729" : "";
        const struct upload_services *services = sound->services;
        int code;

        if (!budget_charge(services->budget, BUDGET_UPLOADS, DECODER_BYTES))
                return error_set(error, -EAGAIN,
                                 "no memory is left to decode one more client's sound: come "
                                 "back later, or send linear16");
        sound->charged = DECODER_BYTES;
        code = media_open_live(&sound->media, services->media, extension, sound->channels,
                               &listener, error);
        if (code < 0)
                decoder_close(sound);
        return code;
}

void live_sound_take(struct live_sound *sound, const struct websocket_piece *piece) {
        if (sound->is_ended || piece->n == 0)
                return;
        if (sound->kind == DEEPGRAM_RAW) {
                sound->listener.on_samples(sound->listener.context, piece->bytes, piece->n);
                return;
        }
        if (!sound->media) {
                struct error error;

                if (decoder_open(sound, &error) < 0) {
                        end_tell(sound, &error);
                        return;
                }
                sound_begin(sound, piece);
        }
        if (sound->packets)
                packet_take(sound, piece);
        else
                sound_write(sound, piece->bytes, piece->n);
}

void live_sound_end(struct live_sound *sound) {
        if (sound->is_ended)
                return;
        sound->is_ended = true;
        if (sound->media)
                media_write_end(sound->media);
        else
                end_tell(sound, NULL);
}

// --- Finalize --------------------------------------------------------------------------------

// Whether the first that waits may be told: what came before it was taken, and has had its
// time.
static bool is_finalized(struct live_sound *sound) {
        struct finalizing *first = &sound->finalizing[0];
        nsec_t now = loop_now(sound->services->loop);

        if (sound->is_paused || bytes_taken(sound) < first->behind) {
                first->since = now;
                return false;
        }
        return now - sound->quiet_since >= FINALIZE_PATIENCE ||
               now - first->since >= FINALIZE_LATEST;
}

static void sound_on_timer(void *context) {
        struct live_sound *sound = context;

        sound->is_calling = true;
        while (sound->media && sound->n_finalizing > 0 && is_finalized(sound))
                finalized_tell(sound);
        if (sound->media)
                finalize_await(sound);
        call_end(sound);
}

void live_sound_finalize(struct live_sound *sound, int channel) {
        if (!sound->media) {
                sound->listener.on_finalized(sound->listener.context, channel);
                return;
        }
        sound->quiet_since = loop_now(sound->services->loop);
        if (sound->n_finalizing < FINALIZES_MAX)
                sound->finalizing[sound->n_finalizing++] = (struct finalizing){
                        channel, sound->n_written, loop_now(sound->services->loop)};
        finalize_await(sound);
}

// --- life ------------------------------------------------------------------------------------

struct live_sound *live_sound_open(const struct deepgram_wish *wish,
                                   const struct upload_services *services,
                                   const struct live_sound_listener *listener) {
        struct live_sound *sound = xnew(struct live_sound);

        sound->listener = *listener;
        sound->services = services;
        sound->kind = wish->sound;
        sound->rate = wish->rate;
        sound->packet_channels = wish->channels;
        sound->channels = channels_of(wish);
        if (wish->sound != DEEPGRAM_RAW)
                sound->timer = loop_timer_new(services->loop, sound_on_timer, sound);
        return sound;
}

struct live_sound *live_sound_close(struct live_sound *sound) {
        if (!sound)
                return NULL;
        if (sound->media)
                decoder_close(sound);
        sound->is_closed = sound->is_ended = sound->is_over = true;
        if (!sound->is_calling)
                sound_free(sound);
        return NULL;
}

void live_sound_pause(struct live_sound *sound) {
        sound->is_paused = true;
        if (sound->media)
                media_pause(sound->media);
}

// Who has paused it reads on now: what cannot be written yet is still too much.
void live_sound_resume(struct live_sound *sound) {
        sound->is_paused = false;
        if (!sound->media)
                return;
        media_resume(sound->media);
        if (sound->is_full)
                sound->listener.on_want(sound->listener.context, false);
}
