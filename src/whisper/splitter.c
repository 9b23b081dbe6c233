#include "whisper/splitter.h"

#define FRAMES_PER_TIMESTAMP 2  // 20 ms in frames of 10 ms

// Frames that a timestamp token stands for.
static int64_t timestamp_frames(int32_t token, int32_t timestamp_begin) {
        return (int64_t)(token - timestamp_begin) * FRAMES_PER_TIMESTAMP;
}

static void add_segment(struct split *split, size_t first, size_t last, int64_t begin,
                        int64_t end) {
        if (split->n == SPLITTER_SEGMENTS_MAX)
                return;
        split->segments[split->n++] = (struct split_segment){
                .first = first, .n = last - first, .begin = begin, .end = end};
}

// No pair of timestamps: all of it is one segment, to the last timestamp if there is one.
static void split_whole(const int32_t *tokens, size_t n, int32_t timestamp_begin,
                        int64_t n_frames, struct split *ret) {
        int64_t end = n_frames;

        for (size_t i = n; i > 0; i--) {
                if (tokens[i - 1] < timestamp_begin)
                        continue;
                if (tokens[i - 1] != timestamp_begin)
                        end = timestamp_frames(tokens[i - 1], timestamp_begin);
                break;
        }
        add_segment(ret, 0, n, 0, end);
        ret->n_consumed = n_frames;
}

void splitter_split(const int32_t *tokens, size_t n, int32_t timestamp_begin, int64_t n_frames,
                    struct split *ret) {
        bool ends_alone =
                n >= 2 && tokens[n - 2] < timestamp_begin && tokens[n - 1] >= timestamp_begin;
        size_t first = 0;

        ret->n = 0;
        for (size_t i = 1; i <= n; i++) {
                bool is_pair = i < n && tokens[i] >= timestamp_begin &&
                               tokens[i - 1] >= timestamp_begin;

                // A last timestamp that stands alone closes a segment if there was a pair
                // before.
                if (!is_pair && !(i == n && ends_alone && first > 0))
                        continue;
                add_segment(ret, first, i, timestamp_frames(tokens[first], timestamp_begin),
                            timestamp_frames(tokens[i - 1], timestamp_begin));
                first = i;
        }
        if (first == 0) {
                split_whole(tokens, n, timestamp_begin, n_frames, ret);
                return;
        }
        // A timestamp alone at the end says that no speech follows it; else the unfinished
        // segment is heard again with the next window.
        ret->n_consumed =
                ends_alone ? n_frames : timestamp_frames(tokens[first - 1], timestamp_begin);
        if (ret->n_consumed <= 0)
                ret->n_consumed = n_frames;
}

void splitter_take_rest(const int32_t *tokens, size_t n, int32_t timestamp_begin,
                        int64_t n_frames, struct split *split) {
        size_t first = 0;

        if (split->n > 0)
                first = split->segments[split->n - 1].first + split->segments[split->n - 1].n;
        if (first < n && tokens[first] >= timestamp_begin)
                add_segment(split, first, n, timestamp_frames(tokens[first], timestamp_begin),
                            n_frames);
        split->n_consumed = n_frames;
}
