#pragma once
// Packets: raw packets of Opus or Speex, as telephones and browsers' WebRTC have them, in pages
// of Ogg, by which whoever reads media knows what they are.
//
// Threads: any one at a time.
// Memory:  pages are lent to on_bytes during the call.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

#define PACKET_MAX ((size_t)64 * 1024)  // bytes

enum packet_codec { PACKETS_OPUS, PACKETS_SPEEX };

struct packets;

// For sound of that rate (Hz; 0: the codec's usual one) and so many channels (0: one), whose
// pages go to on_bytes.
struct packets *packets_new(enum packet_codec codec, unsigned rate, unsigned channels,
                            void (*on_bytes)(void *context, const uint8_t *bytes, size_t n),
                            void *context);
struct packets *packets_free(struct packets *packets);

// The next packet; before the first the codec's headers go out.
void packets_add(struct packets *packets, const uint8_t *bytes, size_t n);

DEFINE_CLEANUP(struct packets *, packets_free);
