#include "api/listen_wish.h"

#include <stdlib.h>
#include <string.h>

#include "audio/resampler.h"
#include "net/http_request.h"
#include "pipeline/feed.h"
#include "pipeline/hub_names.h"
#include "util/mem.h"

static bool mistake(struct listen_mistake *ret, const char *field, const char *detail) {
        *ret = (struct listen_mistake){field, detail};
        return false;
}

static bool whole_read(const char *text, unsigned least, unsigned most, unsigned *ret) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);

        if (text[0] < '1' || text[0] > '9' || *end || number < least || number > most)
                return false;
        *ret = (unsigned)number;
        return true;
}

static bool switch_read(const char *text, bool *ret) {
        *ret = strcmp(text, "1") == 0;
        return *ret || strcmp(text, "0") == 0;
}

// Which parameter it is, and where in `seen` its bit is.
static bool parameter_read(struct listen_wish *wish, const char *name, const char *value,
                           unsigned *seen, struct listen_mistake *ret) {
        static const char *const names[] = {"stream", "rate",  "format", "channels",
                                            "keep",   "token", NULL};
        unsigned i = 0;

        while (names[i] && strcmp(names[i], name) != 0)
                i++;
        if (!names[i] || *seen & 1u << i)
                return mistake(ret, NULL,
                               "the query may have stream, rate, format, channels and keep, "
                               "each once, and nothing else");
        *seen |= 1u << i;
        if (i == 0 && !hub_name_is_good(value))
                return mistake(ret, "stream",
                               "a stream's name is UTF-8 of at most 256 bytes, without control "
                               "characters, commas and * ? [ ] \\ /; nor is it . or ..");
        if (i == 0)
                wish->stream = xstrdup(value);
        if (i == 1 && !whole_read(value, RESAMPLER_RATE_MIN, RESAMPLER_RATE_MAX, &wish->rate))
                return mistake(ret, "rate",
                               "a rate is a whole number from 8000 to 192000 (Hz)");
        if (i == 2 && !pcm_format_of(value, &wish->format))
                return mistake(ret, "format",
                               "formats are s16, s24, s32, f32, u8, mulaw and alaw, all "
                               "little-endian");
        if (i == 3 && !whole_read(value, 1, FEED_CHANNELS_MAX, &wish->channels))
                return mistake(ret, "channels", "there are 1 to 8 channels, which are mixed");
        if (i == 4 && !switch_read(value, &wish->is_kept))
                return mistake(ret, "keep", "keep is 1 or 0");
        wish->is_unkept |= i == 4 && !wish->is_kept;
        return true;
}

bool listen_wish_read(const char *query, struct listen_wish *ret,
                      struct listen_mistake *ret_mistake) {
        unsigned seen = 0;
        bool is_well = true;
        char *name, *value;

        *ret = (struct listen_wish){.rate = AUDIO_RATE, .format = PCM_S16, .channels = 1};
        while (is_well && http_request_query_next(&query, &name, &value)) {
                is_well = parameter_read(ret, name, value, &seen, ret_mistake);
                free(name);
                free(value);
        }
        if (is_well && !ret->stream)
                return mistake(ret_mistake, "stream", "the stream's name is missing");
        return is_well;
}

void listen_wish_deinit(struct listen_wish *wish) {
        free(wish->stream);
        *wish = (struct listen_wish){0};
}
