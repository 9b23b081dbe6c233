#include "pipeline/clips.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"
#include "util/number.h"

// Longer than any file lasts, and far from what overflows: 30 years.
#define SECONDS_MAX 1e9

const struct clips clips_whole = {&(struct clip){0, CLIP_OPEN}, 1};

// The item of the list at *text, which is moved behind its comma: seconds, as a position.
static int position_read(const char **text, int64_t *ret, struct error *error) {
        const char *item = *text + strspn(*text, " ");
        int length = (int)strcspn(item, ",");
        double seconds;
        const char *end = number_read(item, &seconds);

        *text = item + length + (item[length] == ',');
        if (!end || end + strspn(end, " ") != item + length)
                return error_set(error, -EINVAL, "\"%.*s\" is not a number of seconds", length,
                                 item);
        if (*item == '-')
                return error_set(error, -EINVAL, "\"%.*s\" is negative", length, item);
        if (seconds > SECONDS_MAX)
                return error_set(error, -EINVAL, "\"%.*s\" is more than any file lasts", length,
                                 item);
        *ret = llround(seconds * AUDIO_RATE);
        return 0;
}

// The next clip must lie behind those before, and have a length.
static int clip_add(struct clips *clips, struct clip clip, struct error *error) {
        const struct clip *before = clips->n > 0 ? &clips->items[clips->n - 1] : NULL;

        if (before && clip.begin < before->end)
                return error_set(error, -EINVAL,
                                 "clip %zu begins at %g s, before the end of the one before it "
                                 "at %g s",
                                 clips->n + 1, pcm_seconds(clip.begin),
                                 pcm_seconds(before->end));
        if (clip.end <= clip.begin)
                return error_set(error, -EINVAL,
                                 "clip %zu ends at %g s, not after its beginning at %g s",
                                 clips->n + 1, pcm_seconds(clip.end), pcm_seconds(clip.begin));
        clips->items[clips->n++] = clip;
        return 0;
}

static size_t items_count(const char *text) {
        size_t n = 1;

        while ((text = strchr(text, ','))) {
                text++;
                n++;
        }
        return n;
}

int clips_parse(struct clips *ret, const char *text, struct error *error) {
        size_t n_left = items_count(text);
        struct clips clips = {.items = xcalloc((n_left + 1) / 2, sizeof(*clips.items))};
        int r = 0;

        if (text[strspn(text, " ")] == '\0')
                text = "0";
        while (n_left > 0 && r == 0) {
                struct clip clip = {.end = CLIP_OPEN};

                r = position_read(&text, &clip.begin, error);
                n_left--;
                if (r == 0 && n_left > 0) {
                        r = position_read(&text, &clip.end, error);
                        n_left--;
                }
                if (r == 0)
                        r = clip_add(&clips, clip, error);
        }
        if (r == 0)
                *ret = clips;
        else
                clips_deinit(&clips);
        return r;
}

void clips_deinit(struct clips *clips) {
        free(clips->items);
        *clips = (struct clips){0};
}

int clips_check(const struct clips *clips, int64_t n_samples, struct error *error) {
        for (size_t i = 0; i < clips->n; i++)
                if (clips->items[i].begin > 0 && clips->items[i].begin >= n_samples)
                        return error_set(error, -ERANGE,
                                         "clip %zu begins at %g s, but the sound ends at %g s",
                                         i + 1, pcm_seconds(clips->items[i].begin),
                                         pcm_seconds(n_samples));
        return 0;
}
