#pragma once
// Decoder head: names one head of the decoder's cross-attention.

#include <stddef.h>

struct decoder_head {
        size_t layer, head;
};
