#include "transcript/observer.h"

#include "audio/pcm.h"

nsec_t observer_wall(const struct stream_facts *stream, int64_t position) {
        return stream->wall_epoch + (position - stream->epoch) * (NSEC_PER_SEC / AUDIO_RATE);
}

void observers_add(struct observer **observers, struct observer *observer) {
        observer->next = *observers;
        *observers = observer;
}

void observers_remove(struct observer **observers, struct observer *observer) {
        while (*observers && *observers != observer)
                observers = &(*observers)->next;
        if (*observers)
                *observers = observer->next;
}

bool observers_want_tail(const struct observer *observers) {
        for (; observers; observers = observers->next)
                if (observers->wants_tail)
                        return true;
        return false;
}

void observers_on_update(struct observer *observers, const struct stream_facts *stream,
                         const struct update *update) {
        for (struct observer *observer = observers, *next; observer; observer = next) {
                next = observer->next;
                if (observer->counts)
                        observer->counts->n_updates++;
                observer->ops->on_update(observer->state, stream, update);
        }
}

void observers_on_notice(struct observer *observers, const struct stream_facts *stream,
                         const struct stream_notice *notice) {
        for (struct observer *observer = observers, *next; observer; observer = next) {
                next = observer->next;
                if (observer->ops->on_notice)
                        observer->ops->on_notice(observer->state, stream, notice);
        }
}

void observers_on_speech(struct observer *observers, const struct stream_facts *stream,
                         bool is_speaking) {
        for (struct observer *observer = observers, *next; observer; observer = next) {
                next = observer->next;
                if (observer->ops->on_speech)
                        observer->ops->on_speech(observer->state, stream, is_speaking);
        }
}

void observers_on_window(struct observer *observers, const struct observer_window *window) {
        for (struct observer *observer = observers, *next; observer; observer = next) {
                next = observer->next;
                if (observer->ops->on_window)
                        observer->ops->on_window(observer->state, window);
        }
}

void observers_on_level(struct observer *observers, const struct stream_facts *stream,
                        const struct level_reading *level) {
        for (struct observer *observer = observers, *next; observer; observer = next) {
                next = observer->next;
                if (observer->ops->on_level)
                        observer->ops->on_level(observer->state, stream, level);
        }
}
