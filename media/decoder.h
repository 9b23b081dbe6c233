#pragma once
// Decoder: one sound track's packets to frames.
//
// Threads: any one at a time; decodes in the caller's.

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "util/cleanup.h"

struct media_decoder;

// Who gets the frames (lent). Returns 0, or a negative errno: no more are wanted.
typedef int media_on_frame(void *context, const AVFrame *frame);

// For a stream of an open container. 0 or an AVERROR: AVERROR_DECODER_NOT_FOUND when the
// libraries have none for its codec.
int media_decoder_new(struct media_decoder **ret, const AVStream *stream,
                      media_on_frame *on_frame, void *context);
struct media_decoder *media_decoder_free(struct media_decoder *decoder);

// Decode a packet; NULL: what is held back at the end. 0; what `on_frame` returned; or 1: there
// is something in it that makes no sense (*ret_code is the AVERROR). The next packet may.
int media_decoder_feed(struct media_decoder *decoder, const AVPacket *packet, int *ret_code);

DEFINE_CLEANUP(struct media_decoder *, media_decoder_free);
