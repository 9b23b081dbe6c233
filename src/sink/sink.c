#include "sink/sink.h"

#include "audio/pcm.h"

nsec_t stream_facts_wall(const struct stream_facts *stream, int64_t position) {
        return stream->wall_epoch + (position - stream->epoch) * (NSEC_PER_SEC / AUDIO_RATE);
}
