#include "net/websocket.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "net/bytes.h"
#include "net/frame.h"
#include "net/message.h"
#include "net/websocket_private.h"
#include "util/mem.h"

/*
 * wslay cuts the stream into frames, checks them, answers pings and closes, and frames what we
 * send. It runs without its own buffering of messages: that takes the announced length from
 * memory before a byte of it came, and one allocation per fragment. Instead the pieces go into
 * `message` as they arrive (net/message.h).
 *
 * wslay cannot be stopped, but it does nothing without bytes: it gets those of one frame at a
 * time (net/frame.h), and the next when they were taken in.
 *
 * What wslay wants to send goes to the transport at once; wslay's queue is empty outside of
 * websocket_flush() and wslay_event_recv().
 */

#define MESSAGE_MAX_DEFAULT   ((size_t)8 * 1024 * 1024)
#define SEND_MAX_DEFAULT      ((size_t)1024 * 1024)
#define PING_INTERVAL_DEFAULT (20 * NSEC_PER_SEC)
#define PINGS_UNANSWERED_MAX  3
#define CLOSE_TIMEOUT         (5 * NSEC_PER_SEC)  // for the peer's answer to a close
#define OPCODE_CONTROL        0x8                 // bit of close, ping and pong
#define REASON_MAX            123  // bytes: 125 of a control frame, less the code

// A frame costs as much as this many bytes: so many are taken in while one empty ping is read
// and answered.
#define FRAME_COST 256

struct websocket {
        struct loop *loop;
        struct transport *transport;
        struct websocket_handler handler;
        struct websocket_limits limits;
        wslay_event_context_ptr events;
        struct deflater *deflater;  // NULL: not agreed on

        // Arriving.
        const uint8_t *input;  // not yet given to wslay
        size_t n_input;
        struct frame frame;      // where the present one ends
        struct message message;  // the message now arriving
        struct message_limits message_limits;
        struct loop_timer *message_timer;  // armed while we wait for more of it
        nsec_t message_left;               // of its time, without what has passed since
        nsec_t message_since;              // the clock was started

        struct loop_timer *timer;  // next ping; once closing, the limit for that
        nsec_t heard;              // when bytes last came
        size_t n_close_payload;
        enum websocket_side side;
        uint16_t close_code;       // from the peer's close frame
        uint8_t close_payload[2];  // its first bytes
        uint8_t frame_opcode;      // what wslay says that the present frame is
        bool has_handler;
        bool is_receiving;      // inside wslay_event_recv()
        bool is_message_timed;  // the message's clock runs
        bool is_paused;
        bool is_choked;   // nothing is read until what waits was sent
        bool is_closing;  // a close frame was queued, ours or the answer to the peer's
        bool is_over;     // on_close was called
};

// --- sending -------------------------------------------------------------------

static ssize_t websocket_on_send(wslay_event_context_ptr events, const uint8_t *bytes, size_t n,
                                 int flags, void *user_data) {
        struct websocket *socket = user_data;

        (void)events;
        (void)flags;
        transport_write(socket->transport, bytes, n);
        return (ssize_t)n;
}

// Our side has said all; wait for the peer to hang up.
static void websocket_finish(struct websocket *socket) {
        transport_finish(socket->transport);
        transport_read_start(socket->transport);
}

// Bring what wslay has queued to the transport, and see whether that was the end.
static void websocket_flush(struct websocket *socket) {
        if (wslay_event_send(socket->events) != 0) {
                transport_close(socket->transport);
                return;
        }
        if (socket->is_receiving || !wslay_event_get_close_sent(socket->events))
                return;
        if (!socket->is_closing) {
                socket->is_closing = true;
                loop_timer_set(socket->timer, CLOSE_TIMEOUT);
        }
        if (wslay_event_get_close_received(socket->events) ||
            !wslay_event_get_read_enabled(socket->events))
                websocket_finish(socket);
}

static void websocket_close_queue(struct websocket *socket, uint16_t code, const char *reason) {
        size_t n = reason ? strlen(reason) : 0;

        if (socket->is_closing)
                return;
        socket->is_closing = true;
        loop_timer_set(socket->timer, CLOSE_TIMEOUT);
        if (n > REASON_MAX) {
                n = REASON_MAX;
                while (n && ((uint8_t)reason[n] & 0xc0) == 0x80)
                        n--;  // not within a character
        }
        // wslay sends control frames first, and nothing after a close: what was queued goes
        // now.
        (void)wslay_event_send(socket->events);
        // Refused only when wslay has queued a close of its own, which is as good.
        (void)wslay_event_queue_close(socket->events, code, (const uint8_t *)reason, n);
}

// Close for something the peer did; nothing that it still sends is looked at.
static void websocket_fail(struct websocket *socket, uint16_t code, const char *reason) {
        websocket_close_queue(socket, code, reason);
        wslay_event_shutdown_read(socket->events);
}

static bool websocket_queue(struct websocket *socket, uint8_t opcode, const uint8_t *bytes,
                            size_t n) {
        struct wslay_event_msg message = {opcode, bytes, n};
        struct bytes packed = {0};
        int result;

        if (!socket->deflater || n < DEFLATE_WORTH)
                return wslay_event_queue_msg(socket->events, &message) == 0;
        if (!deflater_message(socket->deflater, bytes, n, &packed)) {
                bytes_deinit(&packed);
                return false;
        }
        message.msg = packed.data;
        message.msg_length = packed.n;
        result = wslay_event_queue_msg_ex(socket->events, &message, WSLAY_RSV1_BIT);
        bytes_deinit(&packed);
        return result == 0;
}

static void websocket_send(struct websocket *socket, uint8_t opcode, const uint8_t *bytes,
                           size_t n) {
        size_t pending;

        assert(loop_is_current(socket->loop));
        if (socket->is_closing || transport_is_closing(socket->transport))
                return;
        if (n + transport_pending(socket->transport) > socket->limits.send_max)
                transport_flush(socket->transport);  // what was gathered is not the reader's
        pending = websocket_pending(socket);
        // A message larger than the limit is no fault of a reader who keeps up.
        if (pending &&
            (pending >= socket->limits.send_max || n > socket->limits.send_max - pending)) {
                websocket_fail(socket, WSLAY_CODE_POLICY_VIOLATION, "reader too slow");
        } else if (!websocket_queue(socket, opcode, bytes, n)) {
                transport_close(socket->transport);
                return;
        }
        websocket_flush(socket);
}

void websocket_send_text(struct websocket *socket, const char *text, size_t n) {
        websocket_send(socket, WSLAY_TEXT_FRAME, (const uint8_t *)text, n);
}

void websocket_send_binary(struct websocket *socket, const uint8_t *bytes, size_t n) {
        websocket_send(socket, WSLAY_BINARY_FRAME, bytes, n);
}

void websocket_close(struct websocket *socket, uint16_t code, const char *reason) {
        assert(loop_is_current(socket->loop));
        if (socket->is_closing || transport_is_closing(socket->transport))
                return;
        websocket_close_queue(socket, code, reason);
        socket->is_paused = socket->is_choked = false;
        transport_read_start(socket->transport);  // the answer must be heard
        websocket_flush(socket);
}

// --- arriving ------------------------------------------------------------------

// The clock of the message at hand runs while we wait for the peer, and only then.
static void websocket_message_clock_start(struct websocket *socket) {
        if (!socket->message.is_open || socket->is_closing)
                return;
        socket->is_message_timed = true;
        socket->message_since = loop_now(socket->loop);
        loop_timer_set(socket->message_timer,
                       socket->message_left > 0 ? socket->message_left : 0);
}

static void websocket_message_clock_stop(struct websocket *socket) {
        if (!socket->is_message_timed)
                return;
        socket->is_message_timed = false;
        loop_timer_cancel(socket->message_timer);
        socket->message_left -= loop_now(socket->loop) - socket->message_since;
}

static void websocket_on_message_timeout(void *context) {
        struct websocket *socket = context;

        websocket_fail(socket, WSLAY_CODE_POLICY_VIOLATION, "the message took too long");
        websocket_flush(socket);
}

static ssize_t websocket_on_recv(wslay_event_context_ptr events, uint8_t *ret, size_t n,
                                 int flags, void *user_data) {
        struct websocket *socket = user_data;

        (void)flags;
        if (!socket->n_input) {
                wslay_event_set_error(events, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        if (n > socket->n_input)
                n = socket->n_input;
        memcpy(ret, socket->input, n);
        socket->input += n;
        socket->n_input -= n;
        return (ssize_t)n;
}

// Close for what is wrong with the message, if anything is.
static void websocket_judge(struct websocket *socket, struct message_fault fault) {
        if (fault.code)
                websocket_fail(socket, fault.code, fault.reason);
}

static void websocket_on_frame(wslay_event_context_ptr events,
                               const struct wslay_event_on_frame_recv_start_arg *frame,
                               void *user_data) {
        struct websocket *socket = user_data;
        enum message_kind kind = frame->opcode == WSLAY_TEXT_FRAME     ? MESSAGE_TEXT
                                 : frame->opcode == WSLAY_BINARY_FRAME ? MESSAGE_BINARY
                                                                       : MESSAGE_CONTINUED;

        (void)events;
        socket->frame_opcode = frame->opcode;
        socket->n_close_payload = 0;
        if ((frame->opcode & OPCODE_CONTROL) || socket->is_closing)
                return;
        if (kind != MESSAGE_CONTINUED)
                socket->message_left = WEBSOCKET_MESSAGE_TIMEOUT;
        websocket_judge(socket,
                        message_begin_frame(&socket->message, kind, frame->rsv & WSLAY_RSV1_BIT,
                                            frame->payload_length, &socket->message_limits));
}

// Take the code out of a close frame's payload. wslay would tell it, but not the registered
// codes 1012 to 1014, which it refuses as a protocol error: "try again later" is 1013.
static void websocket_read_close(struct websocket *socket, const uint8_t *bytes, size_t n) {
        unsigned code;

        for (size_t i = 0; i < n && socket->n_close_payload < 2; i++)
                socket->close_payload[socket->n_close_payload++] = bytes[i];
        if (socket->n_close_payload < 2)
                return;
        code = socket->close_payload[0] * 256U + socket->close_payload[1];
        if ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
            (code >= 3000 && code <= 4999))
                socket->close_code = (uint16_t)code;
}

static void websocket_on_chunk(wslay_event_context_ptr events,
                               const struct wslay_event_on_frame_recv_chunk_arg *chunk,
                               void *user_data) {
        struct websocket *socket = user_data;

        (void)events;
        if (socket->frame_opcode == WSLAY_CONNECTION_CLOSE)
                websocket_read_close(socket, chunk->data, chunk->data_length);
        if ((socket->frame_opcode & OPCODE_CONTROL) || socket->is_closing)
                return;
        websocket_judge(socket, message_add(&socket->message, chunk->data, chunk->data_length));
}

static void websocket_on_message(wslay_event_context_ptr events,
                                 const struct wslay_event_on_msg_recv_arg *message,
                                 void *user_data) {
        struct websocket *socket = user_data;

        (void)events;
        if (message->opcode == WSLAY_CONNECTION_CLOSE)
                socket->close_code =
                        message->status_code ? message->status_code : WSLAY_CODE_NO_STATUS_RCVD;
        if (message->opcode & OPCODE_CONTROL)
                return;  // wslay has answered it
        if (!socket->is_closing)
                websocket_judge(socket, message_end(&socket->message));
}

// Close for a frame that wslay could not even read. It has queued a close without a code then,
// so the right one is written past it: between two frames, for its queue was empty before.
static void websocket_fail_frame(struct websocket *socket) {
        static const uint8_t close_frame[] = {0x88, 2, WSLAY_CODE_PROTOCOL_ERROR >> 8,
                                              WSLAY_CODE_PROTOCOL_ERROR & 0xff};
        // A client masks what it sends; a mask of zeros leaves it as it is.
        static const uint8_t masked_frame[] = {0x88,
                                               0x82,
                                               0,
                                               0,
                                               0,
                                               0,
                                               WSLAY_CODE_PROTOCOL_ERROR >> 8,
                                               WSLAY_CODE_PROTOCOL_ERROR & 0xff};

        wslay_event_shutdown_read(socket->events);
        wslay_event_shutdown_write(socket->events);
        if (!socket->is_closing && socket->side == WEBSOCKET_CLIENT)
                transport_write(socket->transport, masked_frame, sizeof(masked_frame));
        else if (!socket->is_closing)
                transport_write(socket->transport, close_frame, sizeof(close_frame));
        socket->is_closing = true;
        loop_timer_set(socket->timer, CLOSE_TIMEOUT);
        websocket_finish(socket);
}

// Give wslay the next bytes of the present frame. Returns how many.
static size_t websocket_feed(struct websocket *socket, const uint8_t *bytes, size_t n,
                             struct quantum *quantum) {
        int result;

        n = frame_next(&socket->frame, bytes, n);
        quantum_spend(quantum, n + FRAME_COST);
        socket->input = bytes;
        socket->n_input = n;
        socket->is_receiving = true;
        result = wslay_event_recv(socket->events);
        socket->is_receiving = false;
        socket->n_input = 0;
        if (result != 0 && !transport_is_closing(socket->transport))
                websocket_fail_frame(socket);
        else
                websocket_flush(socket);
        return n;
}

// Give the handler what is ready: a whole text, or a piece.
static void websocket_deliver(struct websocket *socket) {
        const struct message *message = &socket->message;
        struct websocket_piece piece = {.bytes = message->bytes.data,
                                        .n = message->bytes.n,
                                        .is_first = message->n_before == 0,
                                        .is_last = message->is_last};

        socket->message_left = WEBSOCKET_MESSAGE_TIMEOUT;
        if (message->is_text && socket->handler.on_text_piece)
                socket->handler.on_text_piece(socket->handler.context, &piece);
        else if (message->is_text)
                socket->handler.on_text(socket->handler.context, (const char *)piece.bytes,
                                        piece.n);
        else
                socket->handler.on_binary(socket->handler.context, &piece);
        message_pass(&socket->message);
}

// Take in a step of the message.
static void websocket_step(struct websocket *socket, struct quantum *quantum) {
        struct message_fault fault;
        size_t cost;

        if (socket->is_closing) {
                message_clear(&socket->message);
                return;
        }
        fault = message_step(&socket->message, &socket->message_limits, &cost);
        quantum_spend(quantum, cost);
        websocket_judge(socket, fault);
        if (!fault.code && socket->message.is_ready)
                websocket_deliver(socket);
        else
                websocket_flush(socket);
}

// Answers to pings have no other limit: who does not read is not read from.
static void websocket_choke(struct websocket *socket) {
        if (socket->is_closing ||
            transport_pending(socket->transport) <= socket->limits.send_max)
                return;
        socket->is_choked = true;
        transport_read_stop(socket->transport);
}

static bool websocket_is_stopped(const struct websocket *socket) {
        return socket->is_over || socket->is_paused || socket->is_choked ||
               transport_is_closing(socket->transport);
}

size_t websocket_on_bytes(struct websocket *socket, const uint8_t *bytes, size_t n,
                          struct quantum *quantum) {
        size_t used = 0;

        if (n)
                socket->heard = loop_now(socket->loop);
        websocket_message_clock_stop(socket);
        while (!websocket_is_stopped(socket) && !quantum_is_spent(quantum) &&
               wslay_event_get_read_enabled(socket->events)) {
                if (message_has_work(&socket->message))
                        websocket_step(socket, quantum);
                else if (used < n)
                        used += websocket_feed(socket, bytes + used, n - used, quantum);
                else
                        break;
                websocket_choke(socket);
        }
        if (!wslay_event_get_read_enabled(socket->events))
                return n;  // nothing more is looked at
        if (!websocket_is_stopped(socket) && !quantum_is_spent(quantum))
                websocket_message_clock_start(socket);
        return used;
}

void websocket_on_drained(struct websocket *socket) {
        if (socket->handler.on_drained && !socket->is_closing)
                socket->handler.on_drained(socket->handler.context);
        if (!socket->is_choked)
                return;
        socket->is_choked = false;
        socket->heard = loop_now(socket->loop);
        if (!socket->is_paused)
                transport_read_start(socket->transport);
}

void websocket_on_end(struct websocket *socket) {
        transport_close(socket->transport);
}

void websocket_pause(struct websocket *socket) {
        assert(loop_is_current(socket->loop));
        if (socket->is_closing)
                return;
        socket->is_paused = true;
        websocket_message_clock_stop(socket);
        transport_read_stop(socket->transport);
}

void websocket_resume(struct websocket *socket) {
        assert(loop_is_current(socket->loop));
        if (!socket->is_paused)
                return;
        socket->is_paused = false;
        socket->heard = loop_now(socket->loop);
        if (!socket->is_choked)
                transport_read_start(socket->transport);
}

// --- life ----------------------------------------------------------------------

// Time for a ping; or, when closing, time is up.
static void websocket_on_timer(void *context) {
        struct websocket *socket = context;
        struct wslay_event_msg ping = {WSLAY_PING, NULL, 0};
        nsec_t silence = loop_now(socket->loop) - socket->heard;

        if (socket->is_closing ||
            (!socket->is_paused &&
             silence >= PINGS_UNANSWERED_MAX * socket->limits.ping_interval)) {
                transport_close(socket->transport);
                return;
        }
        loop_timer_set(socket->timer, socket->limits.ping_interval);
        if (wslay_event_queue_msg(socket->events, &ping) == 0)
                websocket_flush(socket);
}

static int websocket_on_mask(wslay_event_context_ptr events, uint8_t *ret, size_t n,
                             void *user_data) {
        (void)events;
        (void)user_data;
        return RAND_bytes(ret, (int)n) == 1 ? 0 : -1;
}

struct websocket *websocket_new(struct loop *loop, struct transport *transport,
                                enum websocket_side side, struct deflater *deflater) {
        static const struct wslay_event_callbacks callbacks = {
                .recv_callback = websocket_on_recv,
                .send_callback = websocket_on_send,
                .genmask_callback = websocket_on_mask,
                .on_frame_recv_start_callback = websocket_on_frame,
                .on_frame_recv_chunk_callback = websocket_on_chunk,
                .on_msg_recv_callback = websocket_on_message,
        };
        struct websocket *socket = xnew(struct websocket);
        int result =
                side == WEBSOCKET_SERVER
                        ? wslay_event_context_server_init(&socket->events, &callbacks, socket)
                        : wslay_event_context_client_init(&socket->events, &callbacks, socket);

        if (result != 0)
                return mem_free(socket);
        socket->side = side;
        wslay_event_config_set_no_buffering(socket->events, 1);
        if (deflater)
                wslay_event_config_set_allowed_rsv_bits(socket->events, WSLAY_RSV1_BIT);
        socket->loop = loop;
        socket->transport = transport;
        socket->deflater = deflater;
        message_init(&socket->message, transport_budget(transport));
        socket->close_code = WSLAY_CODE_ABNORMAL_CLOSURE;
        socket->limits = (struct websocket_limits){
                .text_max = MESSAGE_MAX_DEFAULT,
                .binary_max = MESSAGE_MAX_DEFAULT,
                .send_max = SEND_MAX_DEFAULT,
                .ping_interval = PING_INTERVAL_DEFAULT,
        };
        socket->heard = loop_now(loop);
        socket->timer = loop_timer_new(loop, websocket_on_timer, socket);
        socket->message_timer = loop_timer_new(loop, websocket_on_message_timeout, socket);
        return socket;
}

void websocket_set_handler(struct websocket *socket, const struct websocket_handler *handler,
                           const struct websocket_limits *limits) {
        struct websocket_limits *own = &socket->limits;

        assert(loop_is_current(socket->loop));
        socket->handler = *handler;
        socket->has_handler = true;
        if (limits && limits->text_max)
                own->text_max = limits->text_max;
        if (limits && limits->binary_max)
                own->binary_max = limits->binary_max;
        if (limits && limits->send_max)
                own->send_max = limits->send_max;
        if (limits && limits->ping_interval)
                own->ping_interval = limits->ping_interval;
        socket->message_limits =
                (struct message_limits){.text = own->text_max,
                                        .binary = own->binary_max,
                                        .piece = WEBSOCKET_PIECE,
                                        .has_text_pieces = socket->handler.on_text_piece};
        wslay_event_config_set_max_recv_msg_length(
                socket->events,
                own->text_max > own->binary_max ? own->text_max : own->binary_max);
        if (!socket->is_closing)
                loop_timer_set(socket->timer, own->ping_interval);
}

bool websocket_has_handler(const struct websocket *socket) {
        return socket->has_handler;
}

void websocket_end(struct websocket *socket) {
        loop_timer_cancel(socket->timer);
        loop_timer_cancel(socket->message_timer);
        wslay_event_shutdown_read(socket->events);
        socket->is_closing = true;
        message_deinit(&socket->message);
        message_init(&socket->message, NULL);
        if (socket->is_over)
                return;
        socket->is_over = true;
        if (socket->has_handler)
                socket->handler.on_close(socket->handler.context, socket->close_code);
}

struct websocket *websocket_free(struct websocket *socket) {
        if (!socket)
                return NULL;
        socket->timer = loop_timer_free(socket->timer);
        socket->message_timer = loop_timer_free(socket->message_timer);
        wslay_event_context_free(socket->events);
        message_deinit(&socket->message);
        return mem_free(socket);
}

size_t websocket_pending(const struct websocket *socket) {
        return transport_pending(socket->transport) +
               wslay_event_get_queued_msg_length(socket->events);
}
