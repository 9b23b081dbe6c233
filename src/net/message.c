#include "net/message.h"

#include <wslay/wslay.h>

#include "net/deflate.h"
#include "util/utf8.h"

static const struct message_fault no_fault,
        no_memory = {WSLAY_CODE_INTERNAL_SERVER_ERROR, "out of memory"},
        too_big = {WSLAY_CODE_MESSAGE_TOO_BIG, "message too big"},
        corrupt = {WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "compressed data is corrupt"},
        no_text = {WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "not UTF-8"};

static struct message_fault inflater_fault(int result) {
        if (result == INFLATER_E_TOO_BIG)
                return too_big;
        if (result == INFLATER_E_CORRUPT)
                return corrupt;
        return result ? no_memory : no_fault;
}

struct message_fault message_begin_frame(struct message *message, uint64_t n,
                                         bool is_compressed, size_t limit) {
        // Compressed bytes count here too: a message that is too long even so.
        if (n > limit - message->bytes.n)
                return too_big;
        if (is_compressed && !message->inflater) {
                message->inflater = inflater_new();
                if (!message->inflater)
                        return no_memory;
        }
        return no_fault;
}

struct message_fault message_add(struct message *message, const uint8_t *bytes, size_t n,
                                 size_t limit) {
        if (message->inflater)
                return inflater_fault(
                        inflater_add(message->inflater, bytes, n, limit, &message->bytes));
        return bytes_append(&message->bytes, bytes, n) ? no_fault : no_memory;
}

static bool is_utf8(const struct bytes *text) {
        int step = 1;

        for (size_t i = 0; i < text->n && step > 0; i += (size_t)step)
                step = utf8_step((const char *)text->data + i, text->n - i);
        return step > 0;
}

struct message_fault message_end(struct message *message, bool is_text, size_t limit) {
        struct bytes *bytes = &message->bytes;

        if (message->inflater) {
                int result = inflater_end(message->inflater, limit, bytes);

                if (result)
                        return inflater_fault(result);
                if (is_text && !is_utf8(bytes))
                        return no_text;
        }
        if (!bytes_reserve(bytes, 0))
                return no_memory;
        bytes->data[bytes->n] = '\0';
        return no_fault;
}

void message_clear(struct message *message) {
        message->inflater = inflater_free(message->inflater);
        bytes_clear(&message->bytes);
}

void message_deinit(struct message *message) {
        message_clear(message);
        bytes_deinit(&message->bytes);
}
