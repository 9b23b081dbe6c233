#include "net/frame.h"

#define LENGTH_BITS 0x7f
#define LENGTH_IN_2 126  // bytes that follow
#define LENGTH_IN_8 127
#define MASK_BIT    0x80
#define MASK_BYTES  4

static size_t frame_length_bytes(const struct frame *frame) {
        switch (frame->head[1] & LENGTH_BITS) {
        case LENGTH_IN_2:
                return 2;
        case LENGTH_IN_8:
                return 8;
        default:
                return 0;
        }
}

// Bytes of the head, as far as can be told from what is there.
static size_t frame_head_bytes(const struct frame *frame) {
        if (frame->n_head < 2)
                return 2;
        return 2 + frame_length_bytes(frame) + (frame->head[1] & MASK_BIT ? MASK_BYTES : 0);
}

static uint64_t frame_payload_bytes(const struct frame *frame) {
        size_t n = frame_length_bytes(frame);
        uint64_t length = 0;

        if (n == 0)
                return frame->head[1] & LENGTH_BITS;
        for (size_t i = 0; i < n; i++)
                length = length << 8 | frame->head[2 + i];
        return length;
}

size_t frame_next(struct frame *frame, const uint8_t *bytes, size_t n) {
        size_t used = 0, piece;

        if (frame->n_payload == 0) {
                while (used < n && frame->n_head < frame_head_bytes(frame))
                        frame->head[frame->n_head++] = bytes[used++];
                if (frame->n_head < frame_head_bytes(frame))
                        return used;
                frame->n_payload = frame_payload_bytes(frame);
                frame->n_head = 0;
        }
        piece = n - used < FRAME_PIECE ? n - used : FRAME_PIECE;
        if (piece > frame->n_payload)
                piece = (size_t)frame->n_payload;
        frame->n_payload -= piece;
        return used + piece;
}
