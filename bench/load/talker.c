#include "load/talker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "load/dialer.h"
#include "load/whisperlive_client.h"
#include "net/websocket.h"
#include "util/mem.h"

#define FRAME_TIME (NSEC_PER_SEC * TALKER_FRAME / AUDIO_RATE)
#define UNSENT_MAX ((size_t)60 * AUDIO_RATE * sizeof(float))

static const char end_of_audio[] = "END_OF_AUDIO";

struct talker {
        struct loop *loop;
        struct talker_config config;
        struct dialer *dialer;
        struct websocket *socket;  // NULL before it is open and once it is closed
        struct loop_timer
                *timer;  // the next frame; after END_OF_AUDIO the limit for the goodbye
        struct screen *screen;
        nsec_t started;
        nsec_t lateness;
        int64_t position;      // samples sent
        int64_t final_end_ms;  // of the last completed segment
        size_t n_messages;
        bool is_ready;
        bool is_spoken;
        bool is_ending;  // END_OF_AUDIO was sent
        enum talker_outcome outcome;
        struct error error;
};

static void talker_end(struct talker *talker, enum talker_outcome outcome) {
        if (talker->outcome != TALKER_UNDER_WAY)
                return;
        talker->outcome = outcome;
        loop_timer_cancel(talker->timer);
        screen_finish(talker->screen);
        if (talker->socket)
                websocket_close(talker->socket, 1000, NULL);
        talker->config.on_over(talker->config.context);
}

static void talker_fail(struct talker *talker, const char *words) {
        if (talker->outcome != TALKER_UNDER_WAY)
                return;  // the first cause counts
        error_set(&talker->error, -ECONNABORTED, "%s", words);
        talker_end(talker, talker->is_ready ? TALKER_BROKEN : TALKER_REFUSED);
}

// --- speaking ----------------------------------------------------------------------------

static void frame_send(struct talker *talker) {
        float frame[TALKER_FRAME];

        schedule_read(talker->config.schedule, talker->position, TALKER_FRAME, frame);
        talker->position += TALKER_FRAME;
        websocket_send_binary(talker->socket, (const uint8_t *)frame, sizeof(frame));
}

// Nothing has changed on the screen for long enough since the last word was said.
static bool talker_is_fixed(const struct talker *talker, nsec_t now) {
        nsec_t since =
                talker->started + talker->config.schedule->end * (NSEC_PER_SEC / AUDIO_RATE);

        if (talker->screen->changed > since)
                since = talker->screen->changed;
        return now - since >= talker->config.settle;
}

static void talker_on_timer(void *context) {
        struct talker *talker = context;
        nsec_t now = loop_now(talker->loop), due;

        if (talker->is_ending) {
                talker_end(talker, TALKER_DONE);
                return;
        }
        due = talker->started + talker->position * (NSEC_PER_SEC / AUDIO_RATE) + FRAME_TIME;
        if (now - due > talker->lateness)
                talker->lateness = now - due;
        for (; due <= now && talker->socket; due += FRAME_TIME)
                frame_send(talker);
        if (!talker->is_spoken && talker->position >= talker->config.schedule->end) {
                talker->is_spoken = true;
                talker->config.on_spoken(talker->config.context);
        }
        if (talker->is_spoken && talker_is_fixed(talker, now)) {
                talker->is_ending = true;
                websocket_send_binary(talker->socket, (const uint8_t *)end_of_audio,
                                      strlen(end_of_audio));
                loop_timer_set(talker->timer, talker->config.drain);
        } else {
                loop_timer_set(talker->timer, due - now);
        }
}

// --- reading -----------------------------------------------------------------------------

// As stock clients do: completed segments are kept unless they begin before the last one's end;
// of the others only the last in a message counts.
static void talker_show(struct talker *talker, const struct whisperlive_message *message) {
        CLEANUP(mem_freep) char *final_text = xstrdup("");
        const char *tail = "";

        for (size_t i = 0; i < message->n_segments; i++) {
                const struct whisperlive_segment *segment = &message->segments[i];
                char *joined;

                if (!segment->is_completed) {
                        tail = i + 1 == message->n_segments ? segment->text : "";
                        continue;
                }
                if (segment->begin_ms < talker->final_end_ms)
                        continue;
                talker->final_end_ms = segment->end_ms;
                joined = xasprintf("%s %s", final_text, segment->text);
                free(final_text);
                final_text = joined;
        }
        talker->n_messages++;
        screen_show(talker->screen, loop_now(talker->loop), final_text, tail);
}

static void talker_refused(struct talker *talker, const struct whisperlive_message *message) {
        CLEANUP(mem_freep) char *words = NULL;

        if (message->kind == WHISPERLIVE_WAIT)
                words = xasprintf("the server is full; it says to come back in %.1f minutes",
                                  message->minutes);
        else
                words = xasprintf("the server says: %s", message->text ? message->text : "");
        talker_fail(talker, words);
}

static void talker_begin(struct talker *talker) {
        if (talker->is_ready)
                return;
        talker->is_ready = true;
        talker->started = loop_now(talker->loop);
        loop_timer_set(talker->timer, FRAME_TIME);
        talker->config.on_ready(talker->config.context);
}

static void talker_on_text(void *context, const char *text, size_t n) {
        struct talker *talker = context;
        struct whisperlive_message message;
        struct error error = {0};

        if (talker->outcome != TALKER_UNDER_WAY)
                return;
        if (whisperlive_message_parse(&message, text, n, &error) != 0) {
                error_prefix(&error, "a message that is not WhisperLive's");
                talker_fail(talker, error.text);
                return;
        }
        switch (message.kind) {
        case WHISPERLIVE_READY:
                talker_begin(talker);
                break;
        case WHISPERLIVE_SEGMENTS:
                talker_show(talker, &message);
                break;
        case WHISPERLIVE_WAIT:
        case WHISPERLIVE_ERROR:
                talker_refused(talker, &message);
                break;
        case WHISPERLIVE_WARNING:
        case WHISPERLIVE_DISCONNECT:
        case WHISPERLIVE_OTHER:
                break;
        }
        whisperlive_message_deinit(&message);
}

static void talker_on_binary(void *context, const struct websocket_piece *piece) {
        (void)context;  // the protocol has none in this direction
        (void)piece;
}

static void talker_on_close(void *context, uint16_t code) {
        struct talker *talker = context;
        CLEANUP(mem_freep) char *words = NULL;

        talker->socket = NULL;
        if (talker->is_ending) {
                talker_end(talker, TALKER_DONE);
                return;
        }
        words = xasprintf("the server hung up (close code %u)", code);
        talker_fail(talker, words);
}

static void talker_on_websocket(void *context, struct websocket *socket) {
        struct talker *talker = context;
        struct websocket_handler handler = {talker_on_text,  talker_on_binary, NULL,
                                            talker_on_close, talker,           NULL};
        struct websocket_limits limits = {.send_max = UNSENT_MAX};
        CLEANUP(mem_freep) char *uid = xasprintf("bench-%u", talker->config.number);
        CLEANUP(mem_freep) char *hello = NULL;
        size_t n;

        talker->socket = socket;
        websocket_set_handler(socket, &handler, &limits);
        hello = whisperlive_encode_hello(uid, talker->config.language, talker->config.model,
                                         &n);
        websocket_send_text(socket, hello, n);
}

static void talker_on_failure(void *context, const struct error *error) {
        talker_fail(context, error->text);
}

// --- life --------------------------------------------------------------------------------

int talker_open(struct talker **ret, struct loop *loop, const struct talker_config *config,
                struct error *error) {
        struct talker *talker = xnew(struct talker);
        struct dialer_handler handler = {
                .on_websocket = talker_on_websocket,
                .on_failure = talker_on_failure,
                .context = talker,
        };
        int r;

        talker->loop = loop;
        talker->config = *config;
        talker->screen = screen_new(config->vocabulary);
        talker->timer = loop_timer_new(loop, talker_on_timer, talker);
        r = dialer_open(&talker->dialer, loop, config->url, &handler, error);
        if (r < 0) {
                talker_close(talker);
                return r;
        }
        *ret = talker;
        return 0;
}

struct talker *talker_close(struct talker *talker) {
        if (!talker)
                return NULL;
        if (talker->outcome == TALKER_UNDER_WAY)
                talker->outcome = TALKER_BROKEN;  // on_over is not wanted any more
        dialer_close(talker->dialer);
        loop_timer_free(talker->timer);
        screen_free(talker->screen);
        return mem_free(talker);
}

enum talker_outcome talker_outcome(const struct talker *talker) {
        return talker->outcome;
}

const struct error *talker_error(const struct talker *talker) {
        return &talker->error;
}

const struct screen *talker_screen(const struct talker *talker) {
        return talker->screen;
}

nsec_t talker_started(const struct talker *talker) {
        return talker->started;
}

int64_t talker_position(const struct talker *talker) {
        return talker->position;
}

size_t talker_messages(const struct talker *talker) {
        return talker->n_messages;
}

double talker_lateness(const struct talker *talker) {
        return (double)talker->lateness / NSEC_PER_SEC;
}
