#include "sink/sink.h"

#include "audio/pcm.h"

nsec_t stream_facts_wall(const struct stream_facts *stream, int64_t position) {
        return stream->wall_epoch + (position - stream->epoch) * (NSEC_PER_SEC / AUDIO_RATE);
}

void sinks_add(struct sink **sinks, struct sink *sink) {
        sink->next = *sinks;
        *sinks = sink;
}

void sinks_remove(struct sink **sinks, struct sink *sink) {
        while (*sinks && *sinks != sink)
                sinks = &(*sinks)->next;
        if (*sinks)
                *sinks = sink->next;
}

bool sinks_want_tail(const struct sink *sinks) {
        for (; sinks; sinks = sinks->next)
                if (sinks->wants_tail)
                        return true;
        return false;
}

void sinks_on_update(struct sink *sinks, const struct stream_facts *stream,
                     const struct update *update) {
        for (struct sink *sink = sinks, *next; sink; sink = next) {
                next = sink->next;
                if (sink->counts)
                        sink->counts->n_updates++;
                sink->ops->on_update(sink->state, stream, update);
        }
}

void sinks_on_notice(struct sink *sinks, const struct stream_facts *stream,
                     const struct stream_notice *notice) {
        for (struct sink *sink = sinks, *next; sink; sink = next) {
                next = sink->next;
                if (sink->ops->on_notice)
                        sink->ops->on_notice(sink->state, stream, notice);
        }
}
