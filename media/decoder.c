#include "media/decoder.h"

#include <errno.h>
#include <libavutil/error.h>
#include <libavutil/frame.h>
#include <stdlib.h>

#include "util/mem.h"

struct media_decoder {
        AVCodecContext *context;
        AVFrame *frame;
        media_on_frame *on_frame;
        void *listener;
};

struct media_decoder *media_decoder_free(struct media_decoder *decoder) {
        if (!decoder)
                return NULL;
        avcodec_free_context(&decoder->context);
        av_frame_free(&decoder->frame);
        free(decoder);
        return NULL;
}

static int context_open(AVCodecContext *context, const AVCodec *codec, const AVStream *stream) {
        int code = avcodec_parameters_to_context(context, stream->codecpar);

        if (code < 0)
                return code;
        context->pkt_timebase = stream->time_base;
        context->thread_count = 1;
        return avcodec_open2(context, codec, NULL);
}

int media_decoder_new(struct media_decoder **ret, const AVStream *stream,
                      media_on_frame *on_frame, void *context) {
        const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
        CLEANUP(media_decoder_freep) struct media_decoder *decoder = NULL;
        int code;

        if (!codec)
                return AVERROR_DECODER_NOT_FOUND;
        decoder = xnew(struct media_decoder);
        decoder->on_frame = on_frame;
        decoder->listener = context;
        decoder->context = avcodec_alloc_context3(codec);
        decoder->frame = av_frame_alloc();
        if (!decoder->context || !decoder->frame)
                return AVERROR(ENOMEM);
        code = context_open(decoder->context, codec, stream);
        if (code < 0)
                return code;
        *ret = TAKE(decoder);
        return 0;
}

// Hand on all frames that are ready. `bad` is the AVERROR before it, 0 if there was none.
static int frames_take(struct media_decoder *decoder, int *bad) {
        for (;;) {
                int code = avcodec_receive_frame(decoder->context, decoder->frame);

                if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
                        return 0;
                if (code < 0) {
                        // What comes of the packet's rest, if anything.
                        if (*bad == 0)
                                *bad = code;
                        return 0;
                }
                code = decoder->frame->nb_samples > 0
                               ? decoder->on_frame(decoder->listener, decoder->frame)
                               : 0;
                av_frame_unref(decoder->frame);
                if (code < 0)
                        return code;
        }
}

int media_decoder_feed(struct media_decoder *decoder, const AVPacket *packet, int *ret_code) {
        int bad = 0;
        int code = avcodec_send_packet(decoder->context, packet);

        // All frames were taken before, so there is room for a packet.
        if (code < 0 && code != AVERROR_EOF)
                bad = code;
        code = frames_take(decoder, &bad);
        if (code < 0)
                return code;
        *ret_code = bad;
        return bad < 0 ? 1 : 0;
}
