#include "net/message.h"

#include <string.h>
#include <wslay/wslay.h>

#include "net/deflate.h"
#include "util/utf8.h"

#define CODE_TRY_AGAIN_LATER 1013  // of the registry (RFC 6455, 11.7); wslay has no name for it

static const struct message_fault no_fault,
        no_memory = {WSLAY_CODE_INTERNAL_SERVER_ERROR, "out of memory"},
        no_room = {WSLAY_CODE_MESSAGE_TOO_BIG, "no memory is left for a message of this size"},
        try_later = {CODE_TRY_AGAIN_LATER, "no memory is left, try again later"},
        too_big = {WSLAY_CODE_MESSAGE_TOO_BIG, "message too big"},
        corrupt = {WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "compressed data is corrupt"},
        no_text = {WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "not UTF-8"};

void message_init(struct message *message, struct budget *budget) {
        const struct bytes empty = {
                .budget = budget, .kind = BUDGET_MESSAGES, .most = BYTES_KEEP};

        *message = (struct message){.bytes = empty, .arrived = empty};
}

// The message is compressed.
static struct message_fault message_inflater_open(struct message *message) {
        struct budget *budget = message->bytes.budget;

        if (!budget_charge(budget, BUDGET_MESSAGES, INFLATER_BYTES))
                return try_later;
        message->inflater = inflater_new();
        if (message->inflater)
                return no_fault;
        budget_refund(budget, BUDGET_MESSAGES, INFLATER_BYTES);
        return no_memory;
}

static void message_inflater_close(struct message *message) {
        if (message->inflater)
                budget_refund(message->bytes.budget, BUDGET_MESSAGES, INFLATER_BYTES);
        message->inflater = inflater_free(message->inflater);
}

static size_t message_limit(const struct message *message,
                            const struct message_limits *limits) {
        return message->is_text ? limits->text : limits->binary;
}

struct message_fault message_begin_frame(struct message *message, enum message_kind kind,
                                         bool is_compressed, uint64_t n,
                                         const struct message_limits *limits) {
        struct message_fault fault = no_fault;

        if (kind != MESSAGE_CONTINUED) {
                message->is_open = true;
                message->is_text = kind == MESSAGE_TEXT;
                message->is_compressed = is_compressed;
                // One byte is looked for beyond the limit, and a zero follows.
                message->is_pieced = !message->is_text || limits->has_text_pieces;
                message->bytes.most = message->is_pieced ? BYTES_KEEP : limits->text + 2;
                fault = is_compressed ? message_inflater_open(message) : no_fault;
        }
        if (fault.code)
                return fault;
        // Compressed bytes count here too: a message that is too long even so.
        return n > message_limit(message, limits) - message->n_before - message->bytes.n
                       ? too_big
                       : no_fault;
}

struct message_fault message_add(struct message *message, const uint8_t *bytes, size_t n) {
        if (message->n_taken == message->arrived.n)
                message->arrived.n = message->n_taken = 0;
        return bytes_append(&message->arrived, bytes, n) ? no_fault : no_memory;
}

struct message_fault message_end(struct message *message) {
        message->is_complete = true;
        if (!message->inflater)
                return no_fault;
        return bytes_append(&message->arrived, deflate_tail, sizeof(deflate_tail)) ? no_fault
                                                                                   : no_memory;
}

static bool message_is_taken(const struct message *message) {
        return message->n_taken == message->arrived.n &&
               !(message->inflater && inflater_has_more(message->inflater));
}

bool message_has_work(const struct message *message) {
        return message->is_complete || !message_is_taken(message);
}

// --- taking in -----------------------------------------------------------------

// Bytes that this step may make: as many as lead to the end of the piece, or by one over the
// limit.
static size_t message_room(const struct message *message, const struct message_limits *limits) {
        size_t room = MESSAGE_STEP_MAX;
        size_t left = message_limit(message, limits) + 1 - message->n_before - message->bytes.n;

        if (message->is_pieced && room > limits->piece - message->bytes.n)
                room = limits->piece - message->bytes.n;
        return room < left ? room : left;
}

static struct message_fault message_inflate(struct message *message, size_t room) {
        const uint8_t *from = message->arrived.data + message->n_taken;
        size_t n = message->arrived.n - message->n_taken, n_made = 0;
        int result = inflater_step(message->inflater, &from, &n,
                                   message->bytes.data + message->bytes.n, room, &n_made);

        message->n_taken = message->arrived.n - n;
        message->bytes.n += n_made;
        if (result == INFLATER_E_CORRUPT)
                return corrupt;
        return result ? no_memory : no_fault;
}

static void message_copy(struct message *message, size_t room) {
        size_t n = message->arrived.n - message->n_taken;

        if (n > room)
                n = room;
        memcpy(message->bytes.data + message->bytes.n, message->arrived.data + message->n_taken,
               n);
        message->n_taken += n;
        message->bytes.n += n;
}

static bool is_utf8(const struct bytes *text) {
        int step = 1;

        for (size_t i = 0; i < text->n && step > 0; i += (size_t)step)
                step = utf8_step((const char *)text->data + i, text->n - i);
        return step > 0;
}

// All has arrived and was taken in. wslay has checked text that was not compressed.
static struct message_fault message_conclude(struct message *message) {
        if (!message->is_pieced && message->is_compressed && !is_utf8(&message->bytes))
                return no_text;
        message->bytes.data[message->bytes.n] = '\0';
        message->is_ready = true;
        message->is_last = true;
        return no_fault;
}

struct message_fault message_step(struct message *message, const struct message_limits *limits,
                                  size_t *ret_cost) {
        size_t n_before = message->bytes.n, n_taken = message->n_taken;
        size_t room = message_room(message, limits);
        struct message_fault fault = no_fault;

        *ret_cost = 0;
        if (!bytes_reserve(&message->bytes, room))
                return no_room;
        if (message->inflater)
                fault = message_inflate(message, room);
        else
                message_copy(message, room);
        *ret_cost = message->bytes.n - n_before + message->n_taken - n_taken;
        if (fault.code)
                return fault;
        if (message->n_before + message->bytes.n > message_limit(message, limits))
                return too_big;
        if (message->is_pieced && message->bytes.n == limits->piece)
                message->is_ready = true;
        else if (message->is_complete && message_is_taken(message))
                return message_conclude(message);
        return no_fault;
}

void message_pass(struct message *message) {
        if (message->is_last) {
                message_clear(message);
                return;
        }
        message->n_before += message->bytes.n;
        message->bytes.n = 0;
        message->is_ready = false;
}

void message_clear(struct message *message) {
        struct bytes bytes, arrived;

        message_inflater_close(message);
        bytes_clear(&message->bytes);
        bytes_deinit(&message->arrived);
        bytes = message->bytes;
        arrived = message->arrived;
        *message = (struct message){.bytes = bytes, .arrived = arrived};
}

void message_deinit(struct message *message) {
        message_clear(message);
        bytes_deinit(&message->bytes);
}
