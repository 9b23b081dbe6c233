#include "dialect/deepgram/live_sound.h"

#include <stdlib.h>
#include <string.h>

#include "dialect/deepgram/packets.h"
#include "source/media.h"
#include "util/mem.h"

// So long the media process may have sound that it has been given: Finalize waits for it.
#define FINALIZE_PATIENCE (250 * NSEC_PER_MSEC)

#define FINALIZES_MAX 16  // that wait at a time; further ones are answered with the last

struct live_sound {
        struct live_sound_listener listener;
        enum deepgram_sound kind;
        unsigned rate, channels;

        // Of sound that is decoded:
        struct media *media;
        struct packets *packets;  // what comes is one packet in each message
        bool has_begun;           // the first bytes have told
        bool is_full;             // the media process takes no more for now
        uint8_t *packet;          // that comes in pieces
        size_t n_packet;
        struct loop_timer *timer;  // of Finalize
        int finalizing[FINALIZES_MAX];
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

static void end_tell(struct live_sound *sound, const char *words) {
        if (sound->is_over)
                return;
        sound->is_over = sound->is_ended = true;
        sound->is_calling = true;
        sound->listener.on_end(sound->listener.context, words);
        call_end(sound);
}

static void media_on_samples(void *context, const float *samples, size_t n) {
        struct live_sound *sound = context;

        if (sound->n_finalizing > 0)
                loop_timer_set(sound->timer, FINALIZE_PATIENCE);
        sound->is_calling = true;
        sound->listener.on_samples(sound->listener.context, (const uint8_t *)samples,
                                   n * sizeof(*samples));
        call_end(sound);
}

static void media_on_end(void *context, const struct error *error) {
        struct live_sound *sound = context;

        sound->media = media_close(sound->media);
        // Who stops before any sound came has said nothing wrong.
        if (error && sound->is_ended && !sound->has_begun)
                error = NULL;
        end_tell(sound, error ? error->text : NULL);
}

static void media_on_drain(void *context) {
        struct live_sound *sound = context;

        sound->is_full = false;
        sound->listener.on_want(sound->listener.context, true);
}

static void sound_write(void *context, const uint8_t *bytes, size_t n) {
        struct live_sound *sound = context;

        if (!sound->media || media_write(sound->media, bytes, n) || sound->is_full)
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

        sound->has_begun = true;
        if (is_packets && !begins_with(piece, "OggS"))
                sound->packets =
                        packets_new(sound->kind == DEEPGRAM_OPUS ? PACKETS_OPUS : PACKETS_SPEEX,
                                    sound->rate, sound->channels, sound_write, sound);
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
        if (piece->n <= PACKET_MAX - sound->n_packet)
                memcpy(sound->packet + sound->n_packet, piece->bytes, piece->n);
        sound->n_packet += piece->n <= PACKET_MAX - sound->n_packet
                                   ? piece->n
                                   : PACKET_MAX - sound->n_packet;
        if (piece->is_last)
                packets_add(sound->packets, sound->packet, sound->n_packet);
}

void live_sound_take(struct live_sound *sound, const struct websocket_piece *piece) {
        if (sound->is_ended || piece->n == 0)
                return;
        if (sound->kind == DEEPGRAM_RAW) {
                sound->listener.on_samples(sound->listener.context, piece->bytes, piece->n);
                return;
        }
        if (!sound->has_begun)
                sound_begin(sound, piece);
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

static void sound_on_timer(void *context) {
        struct live_sound *sound = context;

        if (sound->media && media_pending(sound->media) > 0) {
                loop_timer_set(sound->timer, FINALIZE_PATIENCE);
                return;
        }
        for (size_t i = 0; i < sound->n_finalizing; i++)
                sound->listener.on_finalized(sound->listener.context, sound->finalizing[i]);
        sound->n_finalizing = 0;
}

void live_sound_finalize(struct live_sound *sound, int channel) {
        if (!sound->media) {
                sound->listener.on_finalized(sound->listener.context, channel);
                return;
        }
        if (sound->n_finalizing < FINALIZES_MAX)
                sound->finalizing[sound->n_finalizing++] = channel;
        loop_timer_set(sound->timer, FINALIZE_PATIENCE);
}

// --- life ------------------------------------------------------------------------------------

int live_sound_open(struct live_sound **ret, const struct deepgram_wish *wish,
                    const struct upload_services *services,
                    const struct live_sound_listener *listener, struct error *error) {
        CLEANUP(live_sound_closep) struct live_sound *sound = xnew(struct live_sound);
        const struct media_listener media_listener = {
                .on_samples = media_on_samples,
                .on_end = media_on_end,
                .on_drain = media_on_drain,
                .context = sound,
        };
        const char *extension = wish->sound == DEEPGRAM_G729 ? "g729" : "";

        sound->listener = *listener;
        sound->kind = wish->sound;
        sound->rate = wish->rate;
        sound->channels = wish->channels;
        if (wish->sound != DEEPGRAM_RAW) {
                int code = media_open_live(&sound->media, services->media, extension,
                                           channels_of(wish), &media_listener, error);

                if (code < 0)
                        return code;
                sound->timer = loop_timer_new(services->loop, sound_on_timer, sound);
        }
        *ret = TAKE(sound);
        return 0;
}

struct live_sound *live_sound_close(struct live_sound *sound) {
        if (!sound)
                return NULL;
        sound->media = media_close(sound->media);
        sound->is_closed = sound->is_ended = sound->is_over = true;
        if (!sound->is_calling)
                sound_free(sound);
        return NULL;
}

void live_sound_pause(struct live_sound *sound) {
        if (sound->media)
                media_pause(sound->media);
}

void live_sound_resume(struct live_sound *sound) {
        if (sound->media)
                media_resume(sound->media);
}
